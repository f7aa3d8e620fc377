package grafana_test

import (
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"thongsuot/dashboards/grafana"
)

var update = flag.Bool("update", false, "write the files below deploy/grafana anew")

const kept = "../../deploy/grafana"

var sources = map[string]grafana.Options{
	"prometheus": {URL: "http://centre:8086"},
	"influxdb":   {Influx: true, URL: "http://influxdb:8086", Org: "thongsuot", Bucket: "thongsuot"},
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, relErr := filepath.Rel(dir, path)
		if relErr != nil {
			return relErr
		}
		out[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The files of deploy/grafana are those that the command writes.
func TestKept(t *testing.T) {
	for name, o := range sources {
		dir := t.TempDir()
		if *update {
			dir = filepath.Join(kept, name)
		}
		if err := grafana.Write(dir, o); err != nil {
			t.Fatal(err)
		}
		want, got := files(t, dir), files(t, filepath.Join(kept, name))
		for file, text := range want {
			if got[file] != text {
				t.Errorf("%s/%s is not what the command writes: go test ./dashboards/grafana -update", name, file)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s holds %d files, want %d", name, len(got), len(want))
		}
	}
}

type dashboard struct {
	UID, Title, Description string
	Panels                  []struct {
		Title, Description, Type string
		Datasource               struct{ Type, UID string }
		FieldConfig              struct {
			Defaults struct{ Unit string }
		}
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr, Query, LegendFormat string }
	}
	Templating struct {
		List []struct{ Name, Label, Description string }
	}
}

// Everything that somebody reads is there, and no two panels overlap.
func TestComplete(t *testing.T) {
	seen := map[string]bool{}
	for source := range sources {
		all := files(t, filepath.Join(kept, source, "dashboards"))
		if len(all) != 6 {
			t.Errorf("%s: %d dashboards, want 6", source, len(all))
		}
		for file, text := range all {
			var d dashboard
			if err := json.Unmarshal([]byte(text), &d); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if d.UID == "" || seen[d.UID] || len(d.UID) > 40 || d.Title == "" || d.Description == "" {
				t.Errorf("%s: uid %q, title %q, description %q", file, d.UID, d.Title, d.Description)
			}
			seen[d.UID] = true
			for _, v := range d.Templating.List {
				if v.Label == "" || v.Description == "" {
					t.Errorf("%s: the choice %q has no words", file, v.Name)
				}
			}
			taken := map[[2]int]string{}
			for _, p := range d.Panels {
				if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID == "" || len(p.Targets) == 0 {
					t.Errorf("%s: panel %q lacks a title, a description, a unit, a source or a query", file, p.Title)
				}
				for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
					if other, there := taken[[2]int{x, p.GridPos.Y}]; there || x >= 24 {
						t.Errorf("%s: panel %q lies over %q", file, p.Title, other)
					}
					taken[[2]int{x, p.GridPos.Y}] = p.Title
				}
				for _, q := range p.Targets {
					usesSite := strings.Contains(q.Expr, "$site") || strings.Contains(q.Query, "${site:regex}")
					if (q.Expr == "") == (q.Query == "") || usesSite != (len(d.Templating.List) > 0) {
						t.Errorf("%s: panel %q asks %+v", file, p.Title, q)
					}
				}
			}
		}
	}
}

// Grafana takes the token from its environment; no file holds one.
func TestProvisioning(t *testing.T) {
	for source, o := range sources {
		var d struct {
			Datasources []struct {
				UID, Type, URL string
				SecureJSONData map[string]string `yaml:"secureJsonData"`
			}
		}
		all := files(t, filepath.Join(kept, source, "provisioning"))
		if err := yaml.Unmarshal([]byte(all["datasources/thongsuot.yaml"]), &d); err != nil {
			t.Fatal(err)
		}
		if len(d.Datasources) != 1 || d.Datasources[0].Type != source || d.Datasources[0].URL != o.URL {
			t.Errorf("%s: %+v", source, d)
		}
		for _, secret := range d.Datasources[0].SecureJSONData {
			if !strings.HasSuffix(secret, "${"+grafana.TokenVariable+"}") {
				t.Errorf("%s: a secret is %q", source, secret)
			}
		}
		var p struct {
			Providers []struct{ Options struct{ Path string } }
		}
		if err := yaml.Unmarshal([]byte(all["dashboards/thongsuot.yaml"]), &p); err != nil || len(p.Providers) != 1 || !filepath.IsAbs(p.Providers[0].Options.Path) {
			t.Errorf("%s: %+v %v", source, p, err)
		}
	}
	if err := grafana.Write(t.TempDir(), grafana.Options{}); err == nil || !strings.Contains(err.Error(), "-url") {
		t.Errorf("no address: %v", err)
	}
}
