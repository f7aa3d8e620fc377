package central_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	influx "github.com/influxdata/influxdb-client-go/v2"

	"thongsuot/central"
	"thongsuot/identity"
	"thongsuot/ledger"
	"thongsuot/wire"
)

// crowd is a centre on loopback and the agents' clients of many sites, which
// all come back at once with a backlog.
type crowd struct {
	tb     testing.TB
	server *central.Server
	tokens []string
	writes int // of a backlog
	lines  int // of a write

	live    atomic.Int64
	refused atomic.Int64 // live writes
	put     atomic.Int64 // backlog writes that were told to wait
	mu      sync.Mutex
	took    []time.Duration // of live writes
	pages   []time.Duration
	heap    uint64
}

func newCrowd(tb testing.TB, sites, writes, lines, rate int) *crowd {
	tb.Helper()
	dir := tb.TempDir()
	c := &crowd{tb: tb, writes: writes, lines: lines}
	var csv strings.Builder
	csv.WriteString("code,kind,unit,name,status\n")
	for i := range sites {
		fmt.Fprintf(&csv, "%d,commune,commune,Đơn vị %d,active\n", 10000+i, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "sites.csv"), []byte(csv.String()), 0o600); err != nil {
		tb.Fatal(err)
	}
	cfg := central.DefaultConfig()
	cfg.DataDir, cfg.Registry = filepath.Join(dir, "data"), []string{dir}
	cfg.Ingest.Listen, cfg.Ingest.Beat, cfg.Pages.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.Ingest.BacklogPointsPerSecond = rate
	var err error
	if c.server, err = central.New(cfg, "test", slog.New(slog.DiscardHandler)); err != nil {
		tb.Fatal(err)
	}
	l, err := ledger.Open(filepath.Join(cfg.DataDir, "ledger.db"))
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	for i := range sites {
		token := identity.NewToken()
		key, err := identity.BeatKey(token)
		if err != nil {
			tb.Fatal(err)
		}
		if err := l.PutToken(context.Background(), ledger.Token{Hash: identity.Hash(token), Site: strconv.Itoa(10000 + i), BeatKey: key, Created: time.Now()}); err != nil {
			tb.Fatal(err)
		}
		c.tokens = append(c.tokens, token)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.server.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("run: %v", err)
		}
	})
	return c
}

// lane is the uplink of an agent as far as the wire sees it: InfluxDB's client
// with our headers.
type lane struct {
	base  *http.Transport
	out   wire.Header
	reply http.Header
}

func (l *lane) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	l.out.Set(req.Header)
	resp, err := l.base.RoundTrip(req)
	if err == nil {
		l.reply = resp.Header
	}
	return resp, err
}

// send writes one body and says how long to wait before the next.
func (c *crowd) send(l *lane, token string, body string) (stored bool, wait time.Duration) {
	client := influx.NewClientWithOptions("http://"+c.server.WriteAddr(), token, influx.DefaultOptions().
		SetUseGZip(true).SetPrecision(time.Millisecond).SetHTTPClient(&http.Client{Transport: l}))
	defer client.Close()
	l.reply = nil
	err := client.WriteAPIBlocking("o", "b").WriteRecord(context.Background(), body)
	ms, _ := strconv.Atoi(l.reply.Get(wire.HeaderAfter)) // none: 0
	if err == nil {
		return true, time.Duration(ms) * time.Millisecond
	}
	seconds, asked := strconv.Atoi(l.reply.Get("Retry-After"))
	if asked != nil {
		c.tb.Errorf("a write failed for good: %v", err)
		return true, 0
	}
	return false, time.Duration(seconds) * time.Second
}

// body is rounds of nine probes that end at a time, ten seconds apart.
func (c *crowd) body(end time.Time) string {
	var b strings.Builder
	for i := range c.lines {
		at := end.Add(-time.Duration(i/9) * 10 * time.Second)
		fmt.Fprintf(&b, "icmp,probe=p%d,target=192.0.2.1 ok=1,loss_ratio=0,rtt_median_seconds=0.0%d %d\n", i%9, 1+i%89, at.UnixMilli())
	}
	return b.String()
}

// come plays one site: it writes its newest minute, then its backlog, and goes
// on with a fresh minute between.
func (c *crowd) come(site int, begin time.Time) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	h := wire.Header{Boot: "boot", Running: "boot", Start: 1, Version: "test"}
	live, behind := &lane{base: transport, out: h}, &lane{base: transport, out: h}
	live.out.Lane, behind.out.Lane = wire.LaneLive, wire.LaneBacklog
	seq := uint64(1)
	fresh := func() {
		live.out.Seq = []wire.SeqRange{{From: seq, To: seq}}
		seq++
		sent := time.Now()
		body := fmt.Sprintf("icmp,probe=p0,target=192.0.2.1 ok=1 %d\n", sent.UnixMilli())
		stored, _ := c.send(live, c.tokens[site], body)
		c.live.Add(1)
		if !stored {
			c.refused.Add(1)
		}
		c.mu.Lock()
		c.took = append(c.took, time.Since(sent))
		c.mu.Unlock()
	}
	fresh()
	for n := range c.writes {
		body := c.body(begin.Add(-time.Duration(n+1) * 3 * 24 * time.Hour / time.Duration(c.writes+1)))
		behind.out.Seq = []wire.SeqRange{{From: 1<<32 + uint64(n), To: 1<<32 + uint64(n)}}
		for stored := false; !stored; {
			var wait time.Duration
			if stored, wait = c.send(behind, c.tokens[site], body); !stored {
				c.put.Add(1)
			}
			pause := time.NewTimer(wait)
			<-pause.C
			fresh()
		}
	}
}

// run lets all come at once, and looks at the page meanwhile.
func (c *crowd) run() {
	begin := time.Now().Truncate(time.Second)
	over := make(chan struct{})
	var looking, sites sync.WaitGroup
	looking.Go(func() {
		for {
			c.look()
			select {
			case <-over:
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	for i := range c.tokens {
		sites.Go(func() { c.come(i, begin) })
	}
	sites.Wait()
	close(over)
	looking.Wait()
}

func (c *crowd) look() {
	asked := time.Now()
	resp, err := http.Get("http://" + c.server.PagesAddr() + "/")
	if err != nil {
		c.tb.Errorf("page: %v", err)
		return
	}
	n, err := io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || n == 0 {
		c.tb.Errorf("page: %d, %d bytes, %v", resp.StatusCode, n, err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pages = append(c.pages, time.Since(asked))
	c.heap = max(c.heap, m.HeapInuse)
}

func p99(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return ds[len(ds)*99/100]
}

func (c *crowd) metric(name string) string {
	resp, err := http.Get("http://" + c.server.PagesAddr() + "/metrics")
	if err != nil {
		c.tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.tb.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// The 124 sites of the province come back at once: all of it is stored, what
// is live is never put off, the page answers, memory is bounded.
func TestProvinceComesBackAtOnce(t *testing.T) {
	c := newCrowd(t, 124, 3, 450, 60_000)
	c.run()
	backlog := 124 * 3 * 450 * 4 // three fields and the reason
	live := int(c.live.Load()) * 2
	stored, err := strconv.ParseFloat(c.metric("thongsuot_ingest_samples_total"), 64)
	if err != nil || int(stored) != backlog+live {
		t.Errorf("%v samples stored, %d written; %v", stored, backlog+live, err)
	}
	if n := c.refused.Load(); n > 0 {
		t.Errorf("%d of %d live writes were put off", n, c.live.Load())
	}
	if held := c.metric("thongsuot_ingest_bodies_bytes"); held != "0" {
		t.Errorf("%s bytes of bodies are still held", held)
	}
	if c.heap > 512<<20 {
		t.Errorf("%d MiB of heap", c.heap>>20)
	}
	t.Logf("%d live writes, p99 %s; %d pages, p99 %s; %d backlog writes put off; heap %d MiB", c.live.Load(), p99(c.took), len(c.pages), p99(c.pages), c.put.Load(), c.heap>>20)
}

// BenchmarkHerd is the sites of several provinces at one centre, with a backlog
// each, at the default rate. How 3,321 share it is TestHerdIsServedFairly's.
func BenchmarkHerd(b *testing.B) {
	const sites, lines = 500, 900
	for b.Loop() {
		c := newCrowd(b, sites, 1, lines, central.DefaultConfig().Ingest.BacklogPointsPerSecond)
		begin := time.Now()
		c.run()
		b.ReportMetric(float64(sites*lines)/time.Since(begin).Seconds(), "backlog-lines/s")
		b.ReportMetric(float64(p99(c.took).Milliseconds()), "live-p99-ms")
		b.ReportMetric(float64(p99(c.pages).Milliseconds()), "page-p99-ms")
		b.ReportMetric(float64(c.heap>>20), "heap-MiB")
		b.ReportMetric(float64(c.put.Load()), "put-off")
		b.ReportMetric(float64(c.refused.Load()), "live-refused")
	}
}

// BenchmarkWrite is one site's write of an hour of rounds, from the socket to
// the device.
func BenchmarkWrite(b *testing.B) {
	c := newCrowd(b, 1, 1, 3240, 10_000_000)
	end := time.Now().Add(-24 * time.Hour)
	l := &lane{base: &http.Transport{}, out: wire.Header{Boot: "boot", Running: "boot", Start: 1, Lane: wire.LaneBacklog}}
	n := uint64(0)
	for b.Loop() {
		n++
		l.out.Seq = []wire.SeqRange{{From: n, To: n}}
		if stored, _ := c.send(l, c.tokens[0], c.body(end.Add(-time.Duration(n%900)*time.Hour))); !stored {
			b.Fatal("put off")
		}
	}
	b.ReportMetric(float64(n)*3240*4/b.Elapsed().Seconds(), "samples/s")
}
