package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"thongsuot"
	"thongsuot/agent/spool"
	"thongsuot/probes"
)

// What tests of the package's inside need, for tests alone.

type Measured struct {
	thongsuot.Result
	Began time.Duration
}

func MarshalRound(s Stamp, ms []Measured) []byte {
	r := round{stamp: s}
	for _, m := range ms {
		r.results = append(r.results, measured{m.Result, m.Began})
	}
	return r.marshal()
}

func UnmarshalRound(b []byte) (Stamp, []Measured, error) {
	r, err := unmarshalRound(b)
	var out []Measured
	for _, m := range r.results {
		out = append(out, Measured{m.Result, m.began})
	}
	return r.stamp, out, err
}

var (
	StampOf    = stampOf
	CountStart = countStart
	Pause      = pause
	Phase      = phase

	WriteDurably = writeDurably
)

type PowerState struct{ p *powerState }

func NewPowerState(boottime func() time.Duration) PowerState {
	return PowerState{newPowerState(boottime)}
}

func (p PowerState) See(r thongsuot.Result, at time.Duration) bool { return p.p.see(r, at) }
func (p PowerState) Flags() (uint8, time.Duration)                 { return p.p.flags() }

var NextNight = nextNight

// Path is what is learned of the way to the centre.
type Path struct{ p *path }

func OpenPath(file string) Path { return Path{openPath(file, slog.New(slog.DiscardHandler))} }

// Found takes in a trace to the last of addrs; "" is silence.
func (p Path) Found(addrs ...string) {
	hops := make([]probes.Hop, len(addrs))
	for i, a := range addrs {
		hops[i].Addr, _ = netip.ParseAddr(a)
	}
	to := hops[len(hops)-1].Addr
	hops[len(hops)-1].Reached = true
	p.p.found(to, hops)
}

// Partly takes in a trace to a host that was not reached.
func (p Path) Partly(to string, addrs ...string) {
	hops := make([]probes.Hop, len(addrs))
	for i, a := range addrs {
		hops[i].Addr, _ = netip.ParseAddr(a)
	}
	p.p.found(netip.MustParseAddr(to), hops)
}

// Chosen is hop and upstream as "step address", "" for none.
func (p Path) Chosen() (hop, upstream string) {
	say := func(w probes.Waypoint, ok bool) string {
		if !ok {
			return ""
		}
		return fmt.Sprintf("%d %s", w.Hops, w.Addr)
	}
	return say(p.p.hop()), say(p.p.upstream())
}

// Metrics gathers the agent's counters as text.
func (a *Agent) Metrics() (string, error) {
	families, err := a.metrics.Gather()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// Voltage makes means of ten minutes under the default limits.
type Voltage struct{ v *voltage }

func NewVoltage() Voltage {
	return Voltage{&voltage{cfg: defaultVoltage(), name: "voltage", target: "ups"}}
}

func (v Voltage) See(r thongsuot.Result, at time.Duration) (thongsuot.Result, time.Duration, bool) {
	w, ok := v.v.see(measured{r, at})
	return w.Result, w.began, ok
}

// Lanes is an outbox with its uplink, on a transport that the test gives.
type Lanes struct {
	u     *uplink
	c     *collector
	Spool *spool.Spool
	Calm  atomic.Bool // the centre hears the beats
	back  chan struct{}
}

// Pocket has quiet rounds wait in a folder in memory, and takes up what is
// there. newest is the youngest round on disk.
func (l *Lanes) Pocket(folder, dataDir string, newest time.Duration) error {
	p, left, err := openPocket(folder, dataDir)
	l.c.pocket = p
	l.c.found(left, newest)
	return err
}

// Sign has the agent say that it lives where nothing is measured.
func (l *Lanes) Sign(r thongsuot.Result) {
	l.c.sign = func() measured { return measured{r, l.c.clock.boottime()} }
}

func NewLanes(url, token, dir, site string, clock *Clock, sp *spool.Spool, live, behind http.RoundTripper, reg prometheus.Registerer) *Lanes {
	cfg := DefaultConfig().Centre
	cfg.URL = url
	out := newOutbox(sp, clock.boottime)
	log := slog.New(slog.DiscardHandler)
	l := &Lanes{
		u:     newUplink(cfg, site, token, "test", &road{transport: live}, &road{transport: behind}, out, clock, 1, newQuarantine(dir), log, reg),
		c:     newCollector(clock, sp, out, minutesOf(site), 10*time.Second, newPowerState(clock.boottime), defaultVoltage(), log, reg),
		Spool: sp, back: make(chan struct{}, 1),
	}
	l.c.calm = l.Calm.Load
	return l
}

// Run sends until ctx ends.
func (l *Lanes) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { l.u.runLive(ctx, l.back) })
	wg.Go(func() { l.u.runBacklog(ctx) })
	wg.Go(func() {
		wg.Go(l.c.run)
		<-ctx.Done()
		close(l.c.in)
	})
	wg.Wait()
}

func (l *Lanes) Measure(r thongsuot.Result) {
	l.c.in <- measured{r, l.c.clock.boottime()}
}
func (l *Lanes) Told(epoch string)                 { l.u.hears(epoch) }
func (l *Lanes) Heard()                            { l.back <- struct{}{} }
func (l *Lanes) Counts() (live, backlog, held int) { return l.u.out.counts() }

// Summarise sums up runs.
func Summarise(ms []Measured) (out []Measured) {
	var in []measured
	for _, m := range ms {
		in = append(in, measured{m.Result, m.Began})
	}
	for _, m := range summarise(in) {
		out = append(out, Measured{m.Result, m.began})
	}
	return out
}

var RollUp = rollUp

type Pacer struct{ pacer }

func (p *Pacer) Saw(sent, spooled int, took, rtt time.Duration)  { p.saw(sent, spooled, took, rtt) }
func (p *Pacer) Rest(sent int, took time.Duration) time.Duration { return p.rest(sent, took) }
func (p *Pacer) SpooledBytes() int                               { return p.spooledBytes() }

// History is what is known of the boots of a machine.
type History struct{ h *history }

func LoadHistory(path string) History {
	return History{loadHistory(path, slog.New(slog.DiscardHandler))}
}

func (h History) See(s Stamp)       { h.h.see(s) }
func (c *Clock) Remember(h History) { c.remember(h.h) }
func (c *Clock) KeepHistory()       { c.keepHistory() }

// Bounded reports whether answers of the centre lie before and after a stamp.
func (c *Clock) Bounded(s Stamp) bool { return c.past.correction(s.Boot, s.Boottime) != 0 }

// Transport is how the agent talks to its centre.
func Transport(cfg CentreConfig, clock *Clock) (http.RoundTripper, error) {
	r, err := newRoad(cfg, probes.Line{}, clock)
	if err != nil {
		return nil, err
	}
	return r.transport, nil
}

// AddLine gives the agent's beats one more way out, as a configured line does.
func (a *Agent) AddLine(dial func(ctx context.Context, network, addr string) (net.Conn, error)) {
	a.beat.lines = append(a.beat.lines, &line{dial: dial, http: &http.Client{Transport: &http.Transport{DialContext: dial}}})
}

// MarshalQuietRound is a round in which nothing changed.
func MarshalQuietRound(s Stamp, ms []Measured) []byte {
	r := round{stamp: s, quiet: true}
	for _, m := range ms {
		r.results = append(r.results, measured{m.Result, m.Began})
	}
	return r.marshal()
}

// AskTime asks the centre for its time.
func AskTime(ctx context.Context, url string, client *http.Client, clock *Clock) error {
	return (&uplink{url: url, http: client, clock: clock}).ping(ctx)
}

// TargetsWithin makes the probes of one configuration under what another, the
// machine's own, agrees to.
func TargetsWithin(own, cfg Config) ([]probes.Probe, error) {
	log := slog.New(slog.DiscardHandler)
	return targets(cfg, "test", known{path: openPath(cfg.pathFile(), log), lines: openWays(cfg, log), gate: own.gate()}, log)
}

// Trimmed are results as they are spooled, without facts that were said lately.
func Trimmed() func(Measured) thongsuot.Result {
	f := facts{}
	return func(m Measured) thongsuot.Result { return f.trim(measured{m.Result, m.Began}).Result }
}

// Nightly runs a probe as a site does each night, and hands over its results.
func Nightly(ctx context.Context, site string, p probes.Probe, clock *Clock) <-chan Measured {
	return handedOver(func(c *collector) { nightly(ctx, site, p, clock, c, &manners{}) })
}

// Manners are how sparingly a site asks.
type Manners struct {
	m   manners
	dir string
}

func NewManners(dir string) *Manners {
	m := &Manners{dir: dir}
	m.m.recall(dir)
	return m
}

func (m *Manners) Restart() *Manners                  { return NewManners(m.dir) }
func (m *Manners) Every(p probes.Probe) time.Duration { return m.m.every(p) }
func (m *Manners) Learn(r thongsuot.Result)           { m.m.learn(r) }
func (m *Manners) Ask(every time.Duration)            { m.m.pages.Store(int64(every)) }
func (m *Manners) Configure(metered, slow bool)       { m.m.metered.Store(metered); m.m.slow.Store(slow) }

// Paced runs a probe as a site does, and hands over its results.
func Paced(ctx context.Context, p probes.Probe, clock *Clock, m *Manners) <-chan Measured {
	return handedOver(func(c *collector) { pace(ctx, p, 0, clock, c, &m.m) })
}

func handedOver(work func(*collector)) <-chan Measured {
	c := &collector{in: make(chan measured), lost: prometheus.NewCounter(prometheus.CounterOpts{Name: "lost"})}
	out := make(chan Measured)
	go func() { work(c); close(c.in) }()
	go func() {
		for m := range c.in {
			out <- Measured{m.Result, m.began}
		}
		close(out)
	}()
	return out
}
