package central_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thongsuot/central"
	"thongsuot/dashboards/grafana"
	"thongsuot/store/influx/influxtest"
)

// A centre that keeps its samples in an InfluxDB: every panel of the Flux
// dashboards shows something of them.
func TestInfluxDashboardsShowData(t *testing.T) {
	db := influxtest.New(t)
	bucket := db.Database()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("user:password"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHouseWith(t, func(c *central.Config) {
		c.Engine = "influxdb"
		c.InfluxDB.URL, c.InfluxDB.Bucket, c.InfluxDB.TokenFile, c.InfluxDB.Retention = db.URL(), bucket, token, 0
	})
	now := time.Now().Truncate(time.Minute)
	h.live(now)
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	// What Grafana puts in.
	put := strings.NewReplacer("v.defaultBucket", fmt.Sprintf("%q", bucket), "v.timeRangeStart", stamp(now.Add(-20*time.Minute)),
		"v.timeRangeStop", stamp(now), "v.windowPeriod", "1m", "${site:regex}", ".*")
	asked := 0
	for name, b := range boards(t, grafana.Options{Influx: true, URL: db.URL(), Org: "o", Bucket: bucket}) {
		for _, p := range b.Panels {
			for _, q := range p.Targets {
				asked++
				if answer := flux(t, db.URL(), put.Replace(q.Query)); strings.Count(answer, "\n") < 4 {
					t.Errorf("%s, %s shows nothing: %s\n%s", name, p.Title, put.Replace(q.Query), answer)
				}
			}
		}
		for _, v := range b.Templating.List {
			if answer := flux(t, db.URL(), put.Replace(v.Query.(string))); !strings.Contains(answer, "25051") || !strings.Contains(answer, "24712") {
				t.Errorf("%s: the choices are %s", name, answer)
			}
		}
	}
	t.Logf("%d queries", asked)
}

func flux(t *testing.T, addr, query string) string {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": query, "type": "flux"})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post(addr+"/api/v2/query?org=o", "application/json", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s %v", query, resp.StatusCode, answer, err)
	}
	return string(answer)
}
