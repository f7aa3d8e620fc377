package promremote_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store/promremote"
	"thongsuot/store/storetest"
)

// engine is a real program on loopback with a folder of its own.
type engine struct {
	t     *testing.T
	name  string
	args  func(addr, dir string) []string
	ready string // path that answers 200 once it takes requests
	flush string // path that makes what was written visible, "" where it is at once
	dir   string
	addr  string
	cmd   *exec.Cmd
	log   *bytes.Buffer
}

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: apt-get install %s", program, program)
		}
		t.Skipf("left out: %s is not installed", program)
	}
}

func prom(t *testing.T) *engine {
	return &engine{t: t, name: "prometheus", ready: "/-/ready", dir: t.TempDir(), args: func(addr, dir string) []string {
		file := filepath.Join(dir, "prometheus.yml")
		if err := os.WriteFile(file, []byte("storage: {tsdb: {out_of_order_time_window: 40d}}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{
			"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--storage.tsdb.retention.time=400d",
			"--web.listen-address=" + addr, "--web.enable-remote-write-receiver", "--log.level=warn",
		}
	}}
}

func victoria(t *testing.T) *engine {
	return &engine{t: t, name: "victoria-metrics", ready: "/health", flush: "/internal/force_flush", dir: t.TempDir(), args: func(addr, dir string) []string {
		return []string{
			"-storageDataPath=" + filepath.Join(dir, "data"), "-httpListenAddr=" + addr, "-retentionPeriod=14", "-loggerLevel=WARN",
			// One value for each time, and none held back for late scrapes.
			"-dedup.minScrapeInterval=1ms", "-search.latencyOffset=0s", "-search.disableCache", "-memory.allowedBytes=256MB",
		}
	}}
}

// start starts the program, at the address that it had before if it ran already.
func (e *engine) start() {
	e.t.Helper()
	need(e.t, e.name)
	if e.addr == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			e.t.Fatal(err)
		}
		e.addr = l.Addr().String()
		_ = l.Close()
	}
	e.log = &bytes.Buffer{}
	e.cmd = exec.Command(e.name, e.args(e.addr, e.dir)...)
	e.cmd.Stdout, e.cmd.Stderr = e.log, e.log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing is left of a run that is broken off
	if err := e.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(e.kill)
	gone := make(chan struct{})
	go func(c *exec.Cmd) { _ = c.Wait(); close(gone) }(e.cmd)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := http.Get("http://" + e.addr + e.ready); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-gone:
			e.t.Fatalf("%s ended: %s", e.name, e.log)
		case <-e.t.Context().Done():
			e.t.Fatalf("%s does not get ready: %s", e.name, e.log)
		case <-tick.C:
		}
	}
}

// kill is kill -9.
func (e *engine) kill() {
	if e.cmd != nil {
		_ = e.cmd.Process.Kill()
		for { // Wait runs elsewhere; the port is free when nothing listens
			c, err := net.Dial("tcp", e.addr)
			if err != nil {
				break
			}
			_ = c.Close()
		}
		e.cmd = nil
	}
}

func (e *engine) config() promremote.Config {
	cfg := promremote.DefaultConfig()
	cfg.WriteURL, cfg.QueryURL = "http://"+e.addr+"/api/v1/write", "http://"+e.addr
	return cfg
}

func (e *engine) open(change func(*promremote.Config)) *promremote.Store {
	e.t.Helper()
	cfg := e.config()
	if change != nil {
		change(&cfg)
	}
	s, err := promremote.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			e.t.Error(err)
		}
	})
	return s
}

// visible is a store whose samples can be read at once.
type visible struct {
	*promremote.Store
	engine *engine
}

func (v visible) Append(ctx context.Context, samples []thongsuot.Sample) (int, error) {
	n, err := v.Store.Append(ctx, samples)
	v.engine.settle()
	return n, err
}

func (e *engine) settle() {
	if e.flush == "" {
		return
	}
	resp, err := http.Get("http://" + e.addr + e.flush)
	if err != nil {
		e.t.Error(err)
		return
	}
	_ = resp.Body.Close()
}

func TestConformance(t *testing.T) {
	f := func(name string, traits storetest.Traits, make func(*testing.T) *engine) {
		t.Run(name, func(t *testing.T) {
			need(t, name)
			storetest.Run(t, traits, func(t *testing.T) storetest.Store {
				e := make(t)
				e.start()
				return visible{e.open(nil), e}
			})
		})
	}
	f("prometheus", storetest.Traits{Exact: true}, prom)
	f("victoria-metrics", storetest.Traits{}, victoria)
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

func stored(t *testing.T, s *promremote.Store) int {
	t.Helper()
	a, err := s.Query(t.Context(), "count_over_time(icmp_received[1h])", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Series) == 0 {
		return 0
	}
	return int(a.Series[0].Points[0].Value)
}

// An engine that is away makes Append fail: nothing is acknowledged that is
// nowhere, and what is offered again is stored once.
func TestDownAndBack(t *testing.T) {
	for _, make := range []func(*testing.T) *engine{prom, victoria} {
		e := make(t)
		t.Run(e.name, func(t *testing.T) {
			e.t = t
			e.start()
			s := e.open(nil)
			all := run(60)
			if n, err := s.Append(t.Context(), all[:20]); err != nil || n != 0 {
				t.Fatal(n, err)
			}
			e.settle()
			e.kill()
			if n, err := s.Append(t.Context(), all[20:40]); err == nil {
				t.Fatalf("a batch for an engine that is away is acknowledged, %d refused", n)
			}
			e.start()
			if n, err := s.Append(t.Context(), all[20:40]); err != nil || n != 0 {
				t.Fatal(n, err)
			}
			if n, err := s.Append(t.Context(), all[20:]); err != nil || n != 0 {
				t.Fatal(n, err)
			}
			e.settle()
			if got := stored(t, s); got != 60 {
				t.Errorf("%d samples are stored, want 60", got)
			}
		})
	}
}

// VictoriaMetrics acknowledges before it is durable. What a kill takes from it
// is offered again as soon as it is back.
func TestForgottenIsOfferedAgain(t *testing.T) {
	e := victoria(t)
	e.start()
	s := e.open(nil)
	all := run(60)
	for i := range 59 {
		if n, err := s.Append(t.Context(), all[i:i+1]); err != nil || n != 0 {
			t.Fatal(n, err)
		}
	}
	e.kill() // at once: none of it was flushed
	e.start()
	e.settle()
	before := stored(t, s)
	if n, err := s.Append(t.Context(), all[59:]); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	e.settle()
	if got := stored(t, s); got != 60 {
		t.Errorf("%d samples are stored, want 60 (the kill left %d)", got, before)
	}
	if before == 59 {
		t.Log("the kill took nothing this time")
	}
}

// What the engine will never take is found, counted, and keeps nothing back.
func TestRefusedByTheEngine(t *testing.T) {
	e := prom(t)
	e.start()
	s := e.open(func(c *promremote.Config) { c.Window = 400 * 24 * time.Hour }) // wider than the engine's
	all := run(40)
	for _, i := range []int{3, 17, 39} {
		all[i].At = all[i].At.Add(-60 * 24 * time.Hour)
	}
	last := all[len(all)-1]
	last.At = time.Now().Truncate(time.Minute)
	if n, err := s.Append(t.Context(), []thongsuot.Sample{last}); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	n, err := s.Append(t.Context(), all)
	if err != nil || n != 3 {
		t.Errorf("%d refused, %v; want 3", n, err)
	}
	if got := stored(t, s); got != 38 {
		t.Errorf("%d samples are stored, want 38", got)
	}
}

func TestConfig(t *testing.T) {
	f := func(want string, change func(*promremote.Config)) {
		t.Helper()
		cfg := promremote.DefaultConfig()
		cfg.WriteURL, cfg.QueryURL = "http://127.0.0.1:8428/api/v1/write", "http://127.0.0.1:8428"
		change(&cfg)
		_, err := promremote.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open gives %v, want %q", err, want)
		}
	}
	f(`write_url: want http://… or https://… (got "")`, func(c *promremote.Config) { c.WriteURL = "" })
	f(`query_url: want http://… or https://… (got "ftp://x")`, func(c *promremote.Config) { c.QueryURL = "ftp://x" })
	f("query_url: no password in the address", func(c *promremote.Config) { c.QueryURL = "http://a:b@x" })
	f("window: must be at least 840h0m0s", func(c *promremote.Config) { c.Window = time.Hour })
	f("timeout: must be positive", func(c *promremote.Config) { c.Timeout = 0 })
	f("concurrent: must be at least 1", func(c *promremote.Config) { c.Concurrent = 0 })
	f("token_file: open", func(c *promremote.Config) { c.TokenFile = "/nonexistent" })
	f("ca_file: open", func(c *promremote.Config) { c.CAFile = "/nonexistent" })
}

// Every request carries the token and the headers.
func TestDressed(t *testing.T) {
	seen := make(chan *http.Request, 10)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		w.Header().Set("X-Prometheus-Remote-Write-Samples-Written", "1")
		_, _ = fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, addr: l.Addr().String()}
	s := e.open(func(c *promremote.Config) {
		c.TokenFile, c.Headers = file, map[string]string{"X-Scope-OrgID": "lamdong"}
	})
	if _, err := s.Append(t.Context(), run(1)); err != nil {
		t.Error(err)
	}
	if _, err := s.Query(t.Context(), "up", time.Now()); err != nil {
		t.Error(err)
	}
	for range 2 {
		r := <-seen
		if r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get("X-Scope-Orgid") != "lamdong" {
			t.Errorf("%s %s carries %v", r.Method, r.URL, r.Header)
		}
	}
}
