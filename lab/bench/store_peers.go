package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"thongsuot"
)

// victoriaTaker is a VictoriaMetrics of one node.
type victoriaTaker struct {
	*run
	load   *load
	addr   string
	serves *server
}

func (v *victoriaTaker) server() *server { return v.serves }
func (v *victoriaTaker) folder() string  { return filepath.Join(v.dir, "victoria") }

func (v *victoriaTaker) open(ctx context.Context) error {
	path, err := installed("victoria-metrics")
	if err != nil {
		return err
	}
	if v.addr, err = freeAddr(); err != nil {
		return err
	}
	v.serves, err = startServer(ctx, "http://"+v.addr+"/health", path, "-storageDataPath="+v.folder(), "-httpListenAddr="+v.addr,
		"-retentionPeriod=14", "-search.disableCache=true")
	return err
}

func (v *victoriaTaker) request(ctx context.Context, b body, _ int) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, http.MethodPost, "http://"+v.addr+"/api/v2/write?precision=ms", bytes.NewReader(b.gzip))
}

func (v *victoriaTaker) weight(context.Context) (int64, int, string, error) {
	if err := v.serves.end(); err != nil {
		return 0, 0, "", err
	}
	size, err := weigh(filepath.Join(v.folder(), "data"))
	if err != nil {
		return 0, 0, "", err
	}
	index, err := weigh(filepath.Join(v.folder(), "indexdb"))
	return size + index, v.load.samples, "data and index", err
}

func (v *victoriaTaker) chart(ctx context.Context, site string) (int, error) {
	q := url.Values{
		"query": {fmt.Sprintf(`avg_over_time(%s{site=%q,probe=%q}[2m])`, chartMetric, site, chartProbe)}, "nocache": {"1"},
		"start": {fmt.Sprint(v.load.to.Add(-24 * time.Hour).Unix())}, "end": {fmt.Sprint(v.load.to.Unix())}, "step": {chartStep.String()},
	}
	return v.ask(ctx, "query_range", q)
}

func (v *victoriaTaker) portal(ctx context.Context) (int, error) {
	q := url.Values{"query": {"quantile_over_time(0.95, " + portalMetric + "[1d])"}, "time": {fmt.Sprint(v.load.to.Unix())}, "nocache": {"1"}}
	return v.ask(ctx, "query", q)
}

// ask counts the points of the only line, or the lines.
func (v *victoriaTaker) ask(ctx context.Context, what string, q url.Values) (int, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Values []any `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	err := get(ctx, "http://"+v.addr+"/api/v1/"+what+"?"+q.Encode(), &answer)
	if r := answer.Data.Result; what == "query_range" && len(r) == 1 {
		return len(r[0].Values), err
	}
	return len(answer.Data.Result), err
}

// influxTaker is an InfluxDB 1.x.
type influxTaker struct {
	*run
	load   *load
	addr   string
	serves *server
}

func (i *influxTaker) server() *server { return i.serves }
func (i *influxTaker) folder() string  { return filepath.Join(i.dir, "influx") }

func (i *influxTaker) open(ctx context.Context) error {
	path, err := installed("influxd")
	if err != nil {
		return err
	}
	if i.addr, err = freeAddr(); err != nil {
		return err
	}
	rpc, err := freeAddr()
	if err != nil {
		return err
	}
	dir := i.folder()
	config := fmt.Sprintf(`reporting-disabled = true
bind-address = %[2]q
[meta]
  dir = "%[1]s/meta"
[data]
  dir = "%[1]s/data"
  wal-dir = "%[1]s/wal"
  query-log-enabled = false
  cache-snapshot-write-cold-duration = "1s"
[monitor]
  store-enabled = false
[http]
  bind-address = %[3]q
  log-enabled = false
`, dir, rpc, i.addr)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file := filepath.Join(dir, "influxdb.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	if i.serves, err = startServer(ctx, "http://"+i.addr+"/ping", path, "-config", file); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+i.addr+"/query?q="+url.QueryEscape("CREATE DATABASE bench"), nil)
	if err != nil {
		return err
	}
	return do(http.DefaultClient, req)
}

func (i *influxTaker) request(ctx context.Context, b body, _ int) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, http.MethodPost, "http://"+i.addr+"/write?db=bench&precision=ms", bytes.NewReader(b.gzip))
}

func (i *influxTaker) weight(context.Context) (int64, int, string, error) {
	if err := i.serves.end(); err != nil {
		return 0, 0, "", err
	}
	size, err := weigh(filepath.Join(i.folder(), "data"))
	return size, i.load.samples, "compacted data", err
}

func (i *influxTaker) chart(ctx context.Context, site string) (int, error) {
	return i.ask(ctx, fmt.Sprintf("SELECT mean(%s) FROM icmp WHERE site='%s' AND probe='%s' AND time >= %dms AND time < %dms GROUP BY time(2m)",
		thongsuot.FieldRTTMedian, site, chartProbe, i.load.to.Add(-24*time.Hour).UnixMilli(), i.load.to.UnixMilli()), true)
}

func (i *influxTaker) portal(ctx context.Context) (int, error) {
	return i.ask(ctx, fmt.Sprintf("SELECT percentile(%s, 95) FROM portal WHERE time >= %dms AND time < %dms GROUP BY site",
		thongsuot.FieldTotal, i.load.to.Add(-24*time.Hour).UnixMilli(), i.load.to.UnixMilli()), false)
}

// ask counts the filled points of the only line, or the lines.
func (i *influxTaker) ask(ctx context.Context, query string, points bool) (n int, err error) {
	var answer struct {
		Results []struct {
			Series []struct {
				Values [][]any `json:"values"`
			} `json:"series"`
		} `json:"results"`
	}
	if err := get(ctx, "http://"+i.addr+"/query?db=bench&epoch=ms&q="+url.QueryEscape(query), &answer); err != nil {
		return 0, err
	}
	for _, r := range answer.Results {
		for _, s := range r.Series {
			if !points {
				n++
				continue
			}
			for _, v := range s.Values {
				if len(v) == 2 && v[1] != nil {
					n++
				}
			}
		}
	}
	return n, nil
}

// get asks for JSON.
func get(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", req.URL.Path, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
