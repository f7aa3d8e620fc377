package promapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	client "github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"

	"thongsuot"
	"thongsuot/store"
	"thongsuot/store/promapi"
)

var now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

const secret = "for reading"

// scene is the API over a real store with an hour of two sites.
func scene(t *testing.T, change func(*promapi.Options)) *httptest.Server {
	t.Helper()
	cfg := store.DefaultConfig()
	cfg.Dir, cfg.Now = t.TempDir(), func() time.Time { return now }
	s, err := store.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	var samples []thongsuot.Sample
	for i, site := range []string{"25051", "24712"} {
		for n := range 360 {
			samples = append(samples, thongsuot.Sample{
				Metric: "icmp_rtt_median_seconds", At: now.Add(-time.Duration(n) * 10 * time.Second), Value: float64(i+1) / 128,
				Labels: []thongsuot.Label{{Name: "probe", Value: "cổng \"mạng\""}, {Name: "site", Value: site}},
			})
		}
	}
	if refused, err := s.Append(t.Context(), samples); err != nil || refused != 0 {
		t.Fatal(refused, err)
	}
	return serve(t, s, change)
}

func serve(t *testing.T, db promapi.Database, change func(*promapi.Options)) *httptest.Server {
	t.Helper()
	opt := promapi.Options{
		Authorise: func(r *http.Request) error {
			if r.Header.Get("Authorization") != "Bearer "+secret {
				return errors.New("no token for reading")
			}
			return nil
		},
		Rules: []promapi.Rule{{Name: "SiteDown", Query: "site_state == 5", Summary: "down"}, {Name: "SiteAtRisk", Query: "site_state == 3", Summary: "at risk"}},
		Alerts: func(context.Context) ([]promapi.Alert, error) {
			return []promapi.Alert{{Rule: "SiteDown", Since: now.Add(-time.Minute), Value: 5, Labels: []thongsuot.Label{{Name: "site", Value: "25051"}}}}, nil
		},
		Version: "test", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	}
	if change != nil {
		change(&opt)
	}
	h, err := promapi.Handler(db, opt)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

type bearer struct{}

func (bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+secret)
	return http.DefaultTransport.RoundTrip(r)
}

// Prometheus' own client understands every answer.
func TestPrometheusClient(t *testing.T) {
	srv := scene(t, nil)
	c, err := client.NewClient(client.Config{Address: srv.URL, RoundTripper: bearer{}})
	if err != nil {
		t.Fatal(err)
	}
	api := v1.NewAPI(c)
	ctx := t.Context()
	hourAgo := now.Add(-time.Hour)

	value, _, _, err := api.Query(ctx, `icmp_rtt_median_seconds{site="25051"}`, now)
	vector, ok := value.(model.Vector)
	if err != nil || !ok || len(vector) != 1 || vector[0].Value != 1.0/128 || vector[0].Metric["probe"] != `cổng "mạng"` || vector[0].Metric["__name__"] != "icmp_rtt_median_seconds" {
		t.Errorf("query gives %v, %v", value, err)
	}
	value, _, _, err = api.QueryRange(ctx, `sum by (site) (icmp_rtt_median_seconds)`, v1.Range{Start: now.Add(-10 * time.Minute), End: now, Step: time.Minute})
	matrix, ok := value.(model.Matrix)
	if err != nil || !ok || len(matrix) != 2 || len(matrix[0].Values) != 11 || matrix[0].Values[10].Timestamp.Time().UTC() != now {
		t.Errorf("range query gives %v, %v", value, err)
	}
	value, _, _, err = api.Query(ctx, "1/0", now)
	if scalar, ok := value.(*model.Scalar); err != nil || !ok || scalar.String() != "scalar: +Inf @[1795420800]" {
		t.Errorf("a scalar is %v, %v", value, err)
	}
	_, text := get(t, srv.URL+"/api/v1/query?time=1.5&query="+url.QueryEscape(`"chữ"`), nil) // this client knows no strings
	if want := `{"status":"success","data":{"resultType":"string","result":[1.5,"chữ"]}}`; text != want {
		t.Errorf("a string is %s, want %s", text, want)
	}
	series, _, _, err := api.Series(ctx, []string{`{site=~"2.*"}`}, hourAgo, now)
	if err != nil || len(series) != 2 || series[0]["site"] != "24712" {
		t.Errorf("series are %v, %v", series, err)
	}
	series, warnings, _, err := api.Series(ctx, []string{`{site=~"2.*"}`}, hourAgo, now, v1.WithLimit(1))
	if err != nil || len(series) != 1 || len(warnings) != 1 {
		t.Errorf("one series is %v with the warnings %q, %v", series, warnings, err)
	}
	names, _, _, err := api.LabelNames(ctx, nil, hourAgo, now)
	if err != nil || len(names) != 3 || names[0] != "__name__" || names[2] != "site" {
		t.Errorf("label names are %v, %v", names, err)
	}
	values, _, _, err := api.LabelValues(ctx, "site", []string{`icmp_rtt_median_seconds{site!="24712"}`}, hourAgo, now)
	if err != nil || len(values) != 1 || values[0] != "25051" {
		t.Errorf("label values are %v, %v", values, err)
	}
	meta, err := api.Metadata(ctx, "", "")
	if m := meta["icmp_rtt_median_seconds"]; err != nil || len(m) != 1 || m[0].Type != v1.MetricTypeGauge || m[0].Unit != "seconds" || m[0].Help == "" {
		t.Errorf("metadata are %v, %v", meta, err)
	}
	alerts, err := api.Alerts(ctx)
	if err != nil || len(alerts.Alerts) != 1 || alerts.Alerts[0].Labels["alertname"] != "SiteDown" || !alerts.Alerts[0].ActiveAt.Equal(now.Add(-time.Minute)) {
		t.Errorf("alerts are %v, %v", alerts, err)
	}
	rules, err := api.Rules(ctx, nil)
	if err != nil || len(rules.Groups) != 1 || len(rules.Groups[0].Rules) != 2 {
		t.Fatalf("rules are %+v, %v", rules, err)
	}
	if down := rules.Groups[0].Rules[0].(v1.AlertingRule); down.State != "firing" || len(down.Alerts) != 1 || down.Query != "site_state == 5" {
		t.Errorf("the rule is %+v", down)
	}
	if risk := rules.Groups[0].Rules[1].(v1.AlertingRule); risk.State != "inactive" || len(risk.Alerts) != 0 {
		t.Errorf("the rule is %+v", risk)
	}
	build, err := api.Buildinfo(ctx)
	if err != nil || !strings.HasPrefix(build.Version, "3.") {
		t.Errorf("build information is %v, %v", build, err)
	}
}

func get(t *testing.T, url string, change func(*http.Request)) (status int, body string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// Errors are worded as Prometheus words them: clients show them to people.
func TestErrors(t *testing.T) {
	srv := scene(t, nil)
	f := func(path string, status int, kind, words string) {
		t.Helper()
		code, body := get(t, srv.URL+path, nil)
		var e struct{ Status, ErrorType, Error string }
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Errorf("%s: %q is no JSON: %v", path, body, err)
		}
		if code != status || e.Status != "error" || e.ErrorType != kind || !strings.Contains(e.Error, words) {
			t.Errorf("%s: %d %+v, want %d %s %q", path, code, e, status, kind, words)
		}
	}
	bad := func(path, words string) { t.Helper(); f(path, 400, "bad_data", words) }
	bad("/api/v1/query?query=sum(", `invalid parameter "query": 1:5: parse error: `)
	bad("/api/v1/query?query=", `invalid parameter "query": unknown position: parse error: no expression found in input`)
	bad("/api/v1/query?query=1&time=soon", `invalid parameter "time": invalid time value for 'time': cannot parse "soon" to a valid timestamp`)
	bad("/api/v1/query?query=1&timeout=soon", `invalid parameter "timeout": cannot parse "soon" to a valid duration`)
	bad("/api/v1/query?query=1&limit=-1", `invalid parameter "limit": limit must be non-negative`)
	bad("/api/v1/query_range?query=1&start=100&end=1&step=1", `invalid parameter "end": end timestamp must not be before start time`)
	bad("/api/v1/query_range?query=1&start=1&end=100&step=0", `invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer`)
	bad("/api/v1/query_range?query=1&start=0&end=11000&step=1", `exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)`)
	bad("/api/v1/query_range?query=1&end=100&step=1", `invalid parameter "start": cannot parse "" to a valid timestamp`)
	bad("/api/v1/series", "no match[] parameter provided")
	bad("/api/v1/series?match[]=%7B", "parse error")
	bad("/api/v1/label/a-b/values", "invalid label name: a-b")
	f("/api/v1/query?query=count_over_time(vector(1)[59d:1ms])", 422, "execution", "take a longer step")
	f("/api/v1/query?query=icmp_rtt_median_seconds*on()icmp_rtt_median_seconds", 422, "execution", "many-to-many")
}

func TestOnlyReaders(t *testing.T) {
	srv := scene(t, nil)
	for _, path := range []string{"query?query=1", "query_range?query=1&start=1&end=2&step=1", "series?match[]=up", "labels", "label/site/values", "metadata", "rules", "alerts", "status/buildinfo"} {
		code, body := get(t, srv.URL+"/api/v1/"+path, func(r *http.Request) { r.Header.Set("Authorization", "Bearer guessed") })
		if code != http.StatusUnauthorized || !strings.Contains(body, `"errorType":"unauthorized"`) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

func TestPostAndGzip(t *testing.T) {
	srv := scene(t, nil)
	form := url.Values{"query": {"count(icmp_rtt_median_seconds)"}, "time": {now.Format(time.RFC3339)}}
	code, body := get(t, srv.URL+"/api/v1/query", func(r *http.Request) {
		r.Method, r.Body = http.MethodPost, io.NopCloser(strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
	if want := `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1795420800,"2"]}]}}`; code != 200 || body != want {
		t.Errorf("%d %s, want %s", code, body, want)
	}
	code, body = get(t, srv.URL+"/api/v1/query", func(r *http.Request) {
		r.Method, r.Body = http.MethodPost, io.NopCloser(strings.NewReader("query="+strings.Repeat("1%2B", 1<<20)))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
	if code != 400 {
		t.Errorf("a form of 4 MiB: %d %s", code, body)
	}
}

// stuck is a database whose queries end when they are let go, whatever the asker does.
type stuck struct {
	promapi.Index
	entered, let chan struct{}
}

func (s stuck) Query(context.Context, string, time.Time) (store.Answer, error) {
	s.entered <- struct{}{}
	<-s.let
	return store.Answer{Type: store.TypeVector}, nil
}

func (s stuck) QueryRange(ctx context.Context, q string, _, to time.Time, _ time.Duration) (store.Answer, error) {
	return s.Query(ctx, q, to)
}

// A query that does not heed its time-out is answered in time and keeps its
// slot, so that a hundred such cannot take the machine.
func TestSlotsAreHeldByWhatStillRuns(t *testing.T) {
	db := stuck{entered: make(chan struct{}), let: make(chan struct{})}
	srv := serve(t, db, func(o *promapi.Options) { o.Concurrent = 1 })
	ask := func(c chan<- string) {
		_, body := get(t, srv.URL+"/api/v1/query?query=1&timeout=0.05", nil)
		c <- body
	}
	first, second := make(chan string), make(chan string)
	go ask(first)
	<-db.entered
	if body := <-first; !strings.Contains(body, `"errorType":"timeout"`) {
		t.Errorf("the first gets %s", body)
	}
	go ask(second)
	if body := <-second; !strings.Contains(body, `"errorType":"unavailable"`) {
		t.Errorf("the second gets %s", body)
	}
	close(db.let)
	go func() { <-db.entered }()
	// The slot is given back when the first query has really ended.
	if _, body := get(t, srv.URL+"/api/v1/query?query=1&timeout=20", nil); !strings.Contains(body, `"status":"success"`) {
		t.Errorf("after the end of the first: %s", body)
	}
}
