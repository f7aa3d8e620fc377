package central_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/dashboards/grafana"
	"thongsuot/lab/sim"
	"thongsuot/wire"
)

// live lets two simulated sites write half an hour, as their agents would, and
// the centre its own measures.
func (h *house) live(until time.Time) {
	h.t.Helper()
	for code := range h.tokens {
		site := sim.NewSite(1, code)
		site.UPS = true
		rounds := sim.NewRounds(site, sim.RealPace())
		var results []thongsuot.Result
		for at := until.Add(-30 * time.Minute); at.Before(until); at = at.Add(10 * time.Second) {
			results = append(results, rounds.At(at)...)
			if at.Second() == 0 {
				results = append(results, thongsuot.Result{
					Probe: "agent", Kind: thongsuot.ProbeAgent, At: at, Reason: thongsuot.ReasonOK, Detail: "test", Fields: []thongsuot.Field{
						{Name: thongsuot.FieldSpoolRecords, Value: 3}, {Name: thongsuot.FieldSpoolBytes, Value: 600}, {Name: thongsuot.FieldDropped, Value: 0},
						{Name: thongsuot.FieldBeatRTT, Value: 0.02}, {Name: thongsuot.FieldBeatEvery, Value: 5}, {Name: thongsuot.FieldClockOffset, Value: 0.1},
					},
				})
			}
		}
		lines, err := wire.Encode(results)
		if err != nil {
			h.t.Fatal(err)
		}
		if status, _, text := h.post(code, []byte(strings.Join(lines, "\n")), nil); status != http.StatusNoContent {
			h.t.Fatalf("write of site %s: %d %s", code, status, text)
		}
	}
	for i := 5; i > 0; i-- {
		if err := h.server.KeepSelf(h.t.Context(), until.Add(-time.Duration(i)*time.Minute)); err != nil {
			h.t.Fatal(err)
		}
	}
}

// graph asks the query API as Grafana does.
func (h *house) graph(path, token string, form url.Values, into any) {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+h.server.WriteAddr()+"/api/v1/"+path, strings.NewReader(form.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		h.t.Fatalf("%s %v: %d %s", path, form, resp.StatusCode, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		h.t.Fatal(err)
	}
}

type board struct {
	Panels []struct {
		Title   string
		Targets []struct{ Expr, Query string }
	}
	Templating struct {
		List []struct {
			Regex string
			Query any
		}
	}
}

// boards are the dashboards that the command writes.
func boards(t *testing.T, o grafana.Options) map[string]board {
	t.Helper()
	dir := t.TempDir()
	if err := grafana.Write(dir, o); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(dir, "dashboards", "*.json"))
	if err != nil || len(names) != 6 {
		t.Fatalf("%d dashboards, %v", len(names), err)
	}
	out := map[string]board{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var b board
		if err := json.Unmarshal(text, &b); err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(name)] = b
	}
	return out
}

// Every panel of every dashboard shows something of a centre that two
// simulated sites write to.
func TestDashboardsShowData(t *testing.T) {
	h := newHouse(t)
	now := time.Now().Truncate(time.Minute)
	h.live(now)
	secret := h.reader("grafana")
	asked := 0
	for name, b := range boards(t, grafana.Options{URL: "http://centre:8086"}) {
		for _, p := range b.Panels {
			for _, q := range p.Targets {
				expr := strings.NewReplacer("$__rate_interval", "5m", "$site", ".*").Replace(q.Expr)
				var got struct {
					Data struct {
						Result []struct{ Values [][2]any }
					}
				}
				h.graph("query_range", secret, url.Values{
					"query": {expr}, "step": {"60"}, "start": {fmt.Sprint(now.Add(-20 * time.Minute).Unix())}, "end": {fmt.Sprint(now.Unix())},
				}, &got)
				asked++
				if len(got.Data.Result) == 0 || len(got.Data.Result[0].Values) < 2 {
					t.Errorf("%s, %s: %s shows nothing", name, p.Title, expr)
				}
			}
		}
		for _, v := range b.Templating.List {
			h.choices(secret, v.Regex, v.Query.(map[string]any)["query"].(string))
		}
	}
	t.Logf("%d queries", asked)
}

// choices makes the list of a variable as Grafana does of query_result(…).
func (h *house) choices(secret, regex, query string) {
	h.t.Helper()
	expr, isResult := strings.CutPrefix(query, "query_result(")
	if !isResult {
		h.t.Fatalf("the choices are asked by %q", query)
	}
	var got struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	h.graph("query", secret, url.Values{"query": {strings.TrimSuffix(expr, ")")}}, &got)
	re := regexp.MustCompile(strings.Trim(regex, "/"))
	found := map[string]string{}
	for _, one := range got.Data.Result {
		var labels []string
		for _, name := range []string{"carrier", "name", "site", "upstream"} { // in Prometheus' order
			labels = append(labels, name+"="+strconv.Quote(one.Metric[name]))
		}
		if m := re.FindStringSubmatch(one.Metric["__name__"] + "{" + strings.Join(labels, ",") + "}"); m != nil {
			found[m[re.SubexpIndex("value")]] = m[re.SubexpIndex("text")]
		}
	}
	if found["25051"] != "Sơn Điền" || len(found) != 2 {
		h.t.Errorf("the choices are %v", found)
	}
}
