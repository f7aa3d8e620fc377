package grafana

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Options say where Grafana finds the data.
type Options struct {
	// Influx is set when an InfluxDB 2 keeps the samples; else the centre, or
	// any other engine that answers PromQL, is asked.
	Influx bool
	URL    string // as Grafana reaches it
	Org    string // of InfluxDB
	Bucket string // of InfluxDB
	// Dashboards is the folder in which Grafana finds the dashboards. Defaults
	// to /var/lib/grafana/dashboards/thongsuot.
	Dashboards string
}

// TokenVariable is the variable of Grafana's environment that holds the token
// for reading, so that no file of ours holds it.
const TokenVariable = "THONGSUOT_READER_TOKEN"

// Write writes the folders dashboards and provisioning below dir.
func Write(dir string, o Options) error {
	if o.URL == "" {
		return errors.New("grafana: the address of the data is missing (-url)")
	}
	if o.Dashboards == "" {
		o.Dashboards = "/var/lib/grafana/dashboards/thongsuot"
	}
	src := prometheus
	if o.Influx {
		src = influxdb
	}
	for _, b := range boards() {
		text, err := json.MarshalIndent(b.json(src), "", " ")
		if err != nil {
			return fmt.Errorf("grafana: dashboard %s: %w", b.name, err)
		}
		if err := write(filepath.Join(dir, "dashboards", b.name+".json"), append(text, '\n')); err != nil {
			return err
		}
	}
	if err := write(filepath.Join(dir, "provisioning", "datasources", "thongsuot.yaml"), datasource(src, o)); err != nil {
		return err
	}
	return write(filepath.Join(dir, "provisioning", "dashboards", "thongsuot.yaml"), provider(o))
}

func write(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("grafana: %w", err)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		return fmt.Errorf("grafana: %w", err)
	}
	return nil
}

// datasource names the token by a variable that Grafana puts in.
func datasource(s source, o Options) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: 1\ndatasources:\n  - name: Thông Suốt\n    uid: %s\n    type: %s\n    access: proxy\n    url: %q\n    isDefault: true\n    editable: false\n    jsonData:\n", s.uid, s.kind, o.URL)
	if s.kind == influxdb.kind {
		fmt.Fprintf(&b, "      version: Flux\n      organization: %q\n      defaultBucket: %q\n      minTimeInterval: 1m\n    secureJsonData:\n      token: ${%s}\n", o.Org, o.Bucket, TokenVariable)
	} else {
		fmt.Fprintf(&b, "      httpMethod: POST\n      timeInterval: 1m\n      prometheusType: Prometheus\n      httpHeaderName1: Authorization\n    secureJsonData:\n      httpHeaderValue1: Bearer ${%s}\n", TokenVariable)
	}
	return []byte(b.String())
}

func provider(o Options) []byte {
	return fmt.Appendf(nil, "apiVersion: 1\nproviders:\n  - name: Thông Suốt\n    folder: Thông Suốt\n    type: file\n    allowUiUpdates: false\n    options:\n      path: %q\n", o.Dashboards)
}
