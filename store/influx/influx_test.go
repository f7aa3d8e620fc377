package influx_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store"
	"thongsuot/store/influx"
	"thongsuot/store/influx/influxtest"
	"thongsuot/store/storetest"
)

// server is a real InfluxDB.
type server struct {
	*influxtest.Server
	t *testing.T
}

func newServer(t *testing.T) *server { return &server{influxtest.New(t), t} }

// config is that of a database of its own.
func (s *server) config() influx.Config {
	s.t.Helper()
	cfg := influx.DefaultConfig()
	cfg.URL, cfg.Bucket, cfg.Retention, cfg.TokenFile = s.URL(), s.Database(), 0, tokenFile(s.t)
	return cfg
}

func tokenFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func open(t *testing.T, cfg influx.Config) *influx.Store {
	t.Helper()
	s, err := influx.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	s := newServer(t)
	storetest.Run(t, storetest.Traits{Exact: true}, func(t *testing.T) storetest.Store {
		return open(t, s.config())
	})
}

func run(n int) []thongsuot.Sample {
	var out []thongsuot.Sample
	now := time.Now().Truncate(time.Minute)
	for i := range n {
		out = append(out, thongsuot.Sample{
			Metric: "icmp_received", At: now.Add(time.Duration(i-n+1) * 10 * time.Second), Value: float64(i),
			Labels: []thongsuot.Label{{Name: "site", Value: "25051"}},
		})
	}
	return out
}

// What InfluxDB acknowledged survives kill -9; what it did not is no loss,
// since nothing waits in a buffer.
func TestDownAndBack(t *testing.T) {
	e := newServer(t)
	s := open(t, e.config())
	all := run(60)
	if n, err := s.Append(t.Context(), all[:40]); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	e.Kill()
	if n, err := s.Append(t.Context(), all[40:]); err == nil {
		t.Fatalf("a batch for an InfluxDB that is away is acknowledged, %d refused", n)
	}
	e.Start()
	got, err := s.Read(t.Context(), store.Read{Metric: "icmp_received", From: all[0].At.Add(-time.Second), To: all[59].At})
	if err != nil || len(got) != 1 || len(got[0].Points) != 40 {
		t.Fatalf("after the kill: %v, %v; want the 40 that were acknowledged", got, err)
	}
	if n, err := s.Append(t.Context(), all[40:]); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	got, err = s.Read(t.Context(), store.Read{Metric: "icmp_received", From: all[0].At.Add(-time.Second), To: all[59].At})
	if err != nil || len(got) != 1 || len(got[0].Points) != 60 {
		t.Errorf("%v, %v; want 60 points", got, err)
	}
}

// standIn speaks the parts of InfluxDB 2's HTTP that 1.8 has not.
type standIn struct {
	mu      sync.Mutex
	bucket  map[string]any // nil until it is made
	calls   []string
	answers []int // to writes, in turn; then 204
}

func (f *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, r.Method+" "+r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	reply := func(status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	switch {
	case r.Header.Get("Authorization") != "Token secret":
		reply(http.StatusUnauthorized, map[string]any{"code": "unauthorized", "message": "unauthorized access"})
	case r.URL.Path == "/api/v2/buckets" && r.Method == http.MethodGet:
		list := []any{}
		if f.bucket != nil {
			list = append(list, f.bucket)
		}
		reply(http.StatusOK, map[string]any{"buckets": list})
	case r.URL.Path == "/api/v2/orgs":
		reply(http.StatusOK, map[string]any{"orgs": []any{map[string]any{"id": "0000000000000001", "name": "thongsuot"}}})
	case strings.HasPrefix(r.URL.Path, "/api/v2/buckets"):
		var b map[string]any
		_ = json.NewDecoder(r.Body).Decode(&b)
		b["id"] = "0000000000000002"
		f.bucket = b
		reply(map[string]int{http.MethodPost: http.StatusCreated, http.MethodPatch: http.StatusOK}[r.Method], b)
	case r.URL.Path == "/api/v2/write":
		_, _ = io.Copy(io.Discard, r.Body)
		status := http.StatusNoContent
		if len(f.answers) > 0 {
			status, f.answers = f.answers[0], f.answers[1:]
		}
		if status == http.StatusNoContent {
			w.WriteHeader(status)
			return
		}
		reply(status, map[string]any{"code": "x", "message": "y"})
	default:
		reply(http.StatusNotFound, map[string]any{"code": "not found", "message": "path not found"})
	}
}

func (f *standIn) retention() any {
	f.mu.Lock()
	defer f.mu.Unlock()
	rules, _ := f.bucket["retentionRules"].([]any)
	if len(rules) != 1 {
		return f.bucket
	}
	return rules[0].(map[string]any)["everySeconds"]
}

func standing(t *testing.T) (*standIn, influx.Config) {
	t.Helper()
	f := &standIn{}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	cfg := influx.DefaultConfig()
	cfg.URL, cfg.TokenFile = srv.URL, tokenFile(t)
	return f, cfg
}

// The bucket is made before the first write, with its retention, which is set
// right when it differs.
func TestBucket(t *testing.T) {
	f, cfg := standing(t)
	if n, err := open(t, cfg).Append(t.Context(), run(3)); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	if got := f.retention(); got != float64(400*24*3600) {
		t.Errorf("retention %v", got)
	}
	cfg.Retention = 1000 * 24 * time.Hour
	s := open(t, cfg)
	for range 2 {
		if n, err := s.Append(t.Context(), run(3)); err != nil || n != 0 {
			t.Fatal(n, err)
		}
	}
	if got := f.retention(); got != float64(1000*24*3600) {
		t.Errorf("retention %v", got)
	}
	if got := strings.Join(f.calls, ", "); !strings.HasSuffix(got, "GET /api/v2/buckets, PATCH /api/v2/buckets/0000000000000002, POST /api/v2/write, POST /api/v2/write") {
		t.Errorf("calls: %s", got)
	}
}

// An InfluxDB that has no room or no time is felt by who writes; what it will
// never take is counted and keeps nothing back.
func TestAnswers(t *testing.T) {
	f := func(answers []int, wantRefused int, wantErr bool) {
		t.Helper()
		in, cfg := standing(t)
		in.answers = answers
		n, err := open(t, cfg).Append(t.Context(), run(4))
		if n != wantRefused || (err != nil) != wantErr {
			t.Errorf("answers %v: %d refused, %v; want %d and an error: %v", answers, n, err, wantRefused, wantErr)
		}
	}
	f([]int{429}, 0, true)
	f([]int{503}, 0, true)
	f([]int{500}, 0, true)
	f([]int{401}, 0, true)
	f([]int{400, 204, 400, 204, 400}, 1, false) // of four, two, and of those the second
	f([]int{413, 204, 204}, 0, false)
}

func TestConfig(t *testing.T) {
	f := func(want string, change func(*influx.Config)) {
		t.Helper()
		cfg := influx.DefaultConfig()
		cfg.URL, cfg.TokenFile = "http://127.0.0.1:8086", tokenFile(t)
		change(&cfg)
		_, err := influx.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open gives %v, want %q", err, want)
		}
	}
	f(`url: want http://… or https://… (got "ftp://x")`, func(c *influx.Config) { c.URL = "ftp://x" })
	f("url: no password in the address", func(c *influx.Config) { c.URL = "http://a:b@x" })
	f("org: must name", func(c *influx.Config) { c.Org = "" })
	f("bucket: must name", func(c *influx.Config) { c.Bucket = "" })
	f("token_file: open", func(c *influx.Config) { c.TokenFile = "/nonexistent" })
	f("ca_file: open", func(c *influx.Config) { c.CAFile = "/nonexistent" })
	f("window: must be at least 840h0m0s", func(c *influx.Config) { c.Window = time.Hour })
	f("retention: must be 0 or at least window", func(c *influx.Config) { c.Retention = time.Hour })
	f("timeout: must be positive", func(c *influx.Config) { c.Timeout = 0 })
	f("concurrent: must be at least 1", func(c *influx.Config) { c.Concurrent = 0 })
}
