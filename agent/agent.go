// Package agent measures at one site and brings what it measured to the
// centre: probes on a schedule, a spool on disk that outlives cuts of power
// and line, an uplink that empties it, and a beat that says the site lives.
//
// What is on disk is the truth: nothing is sent that was not spooled before,
// and nothing leaves the spool before the centre has acknowledged it.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/agent/spool"
	"thongsuot/identity"
	"thongsuot/probes"
	"thongsuot/wire"
)

// drainTime is what a clean stop gives the last results to reach the centre.
// They are on disk anyway.
const drainTime = 2 * time.Second

// Agent is one agent, ready to run.
type Agent struct {
	cfg     Config
	version string
	log     *slog.Logger
	clock   *Clock
	first   plan
	replan  chan plan
	path    *path
	ways    map[string]*path // by each further line
	reloads *prometheus.CounterVec
	names   *names
	manners manners
	spool   *spool.Spool
	collect *collector
	beat    *beater
	uplink  *uplink
	metrics *prometheus.Registry
	local   net.Listener // nil when nothing is served
	began   time.Duration
	past    past
	parted  chan struct{} // closed when the last words are on disk
	leave   func() uint8  // why it ends, as a flag of the last beat
}

// New reads the token, opens the spool, makes the probes and listens for
// local metrics. Errors of the configuration say which field to mend.
func New(cfg Config, version string, log *slog.Logger) (*Agent, error) {
	return NewWithClock(cfg, version, Boottime, time.Now, log)
}

// NewWithClock is New for a machine whose clocks are given: the time since its
// boot, which passes evenly and in suspend too, and what its clock on the wall
// shows, which may be anything.
func NewWithClock(cfg Config, version string, boottime func() time.Duration, wall func() time.Time, log *slog.Logger) (*Agent, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	token, err := identity.ReadTokenFile(cfg.Centre.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("centre.token_file: %w", err)
	}
	boot, err := probes.BootID(cfg.Procfs)
	if err != nil {
		return nil, fmt.Errorf("procfs: %w", err)
	}
	clock := NewClock(boot, boottime, wall)
	var roads [2]*road // live lane with all else, backlog
	for i := range roads {
		if roads[i], err = newRoad(cfg.Centre, probes.Line{}, clock); err != nil {
			return nil, err
		}
	}
	a := &Agent{
		cfg: cfg, version: version, log: log.With("site", cfg.Site),
		clock: clock, metrics: prometheus.NewRegistry(), parted: make(chan struct{}),
		leave: sync.OnceValue(leaving),
	}
	a.names = &names{
		url: strings.TrimSuffix(cfg.Centre.URL, "/"), token: token, boottime: a.clock.boottime, log: a.log,
		http: &http.Client{Transport: roads[0].transport, Timeout: pingTimeout},
	}
	a.first.cfg, a.replan = cfg, make(chan plan)
	a.path, a.ways = openPath(cfg.pathFile(), a.log), openWays(cfg, a.log)
	if a.first.probes, err = targets(cfg, version, a.known(), log); err != nil {
		return nil, err
	}
	a.began = a.clock.boottime()
	return a, a.open(token, roads[0], roads[1])
}

func (a *Agent) open(token string, live, behind *road) error {
	if err := os.MkdirAll(a.cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("data_dir: %w (give the agent a folder that it may write)", err)
	}
	start, err := countStart(filepath.Join(a.cfg.DataDir, "start"))
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("data_dir: %w (give the agent a folder that it may write)", err)
	}
	if err != nil {
		// A full or dying disk must not keep the agent from measuring.
		a.log.Error("number of this start not kept; the centre believes beats again after the next write", "err", err, "start", start)
	}
	key, err := identity.BeatKey(token)
	if err != nil {
		return err
	}
	sc := a.cfg.Spool
	if sc.Dir == "" {
		sc.Dir = filepath.Join(a.cfg.DataDir, "spool")
	}
	boots := loadHistory(filepath.Join(a.cfg.DataDir, "boots.json"), a.log)
	var seen marks
	var newest time.Duration // of this boot
	found := func(r spool.Record) {
		if s, ok := stampOf(r.Payload); ok {
			boots.see(s)
			seen.note(r.Seq, s)
			if s.Boot == a.clock.boot {
				newest = max(newest, s.Boottime)
			}
		}
	}
	if a.spool, err = spool.Open(sc.Fitted(), a.log, a.metrics, spool.WithThin(rollUp), spool.WithFound(found)); err != nil {
		return err
	}
	a.clock.remember(boots)
	a.past = past{path: filepath.Join(a.cfg.DataDir, "past"), boot: a.clock.boot}
	power := newPowerState(a.clock.boottime)
	out := newOutbox(a.spool, a.clock.boottime)
	out.marks = seen
	a.collect = newCollector(a.clock, a.spool, out, minutesOf(a.cfg.Site), a.cfg.Round, power, a.cfg.Probes.Voltage, a.log, a.metrics)
	a.uplink = newUplink(a.cfg.Centre, a.cfg.Site, token, a.version, live, behind, out, a.clock, start, newQuarantine(a.cfg.DataDir), a.log, a.metrics)
	a.beat = &beater{
		url: a.uplink.url, addr: a.cfg.Centre.beatAddr(), onDisk: a.parted, changed: a.collect.stir, told: a.uplink.hears,
		lines: []*line{{dial: (&net.Dialer{Timeout: minTimeout}).DialContext, http: &http.Client{Transport: live.transport}}},
		id:    identity.BeatID(identity.Hash(token)), key: key, start: start, clock: a.clock, power: power, log: a.log,
		newestSeq: func() uint64 { return a.spool.Stats().Next - 1 }, back: make(chan struct{}, 1),
	}
	if err := a.beat.addLines(a.cfg, a.clock); err != nil {
		return err
	}
	a.behave(a.cfg)
	a.manners.recall(a.cfg.DataDir)
	out.minutes, a.uplink.minutes, a.names.pages = a.manners.minutes, a.manners.minutes, &a.manners.pages
	a.uplink.crowded = a.beat.crowded
	a.beat.register(a.metrics)
	a.collect.settled = func() { a.keepPast(pastRuns) }
	a.collect.calm, a.collect.sign = a.beat.calm, func() measured { return a.words(0) }
	if a.cfg.RunDir != "" {
		var left [][]byte
		if a.collect.pocket, left, err = openPocket(a.cfg.RunDir, a.cfg.DataDir); err != nil {
			a.log.Warn("every round goes to the disk by itself, which wears a card three times as fast", "err", err, "hint", "set run_dir to a folder in memory that the agent may write, or to \"\"")
		}
		a.collect.found(left, newest)
	}
	a.registerSelf()
	if a.cfg.Listen == "" {
		return nil
	}
	if a.local, err = net.Listen("tcp", a.cfg.Listen); err != nil {
		// Measuring matters more than telling about it locally.
		a.log.Error("no local metrics or status", "err", err, "hint", "free the port or set listen to another one")
	}
	return nil
}

// behave takes up what is configured of the line.
func (a *Agent) behave(cfg Config) {
	a.beat.metered.Store(cfg.Metered)
	a.manners.metered.Store(cfg.Metered)
	a.manners.slow.Store(cfg.Slow)
}

// Run measures and sends until ctx ends, then says goodbye, sends what it can
// in two seconds and closes the spool.
func (a *Agent) Run(ctx context.Context) error {
	a.greet()
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var sending, measuring sync.WaitGroup
	a.serveLocal(working)
	sending.Go(func() { a.uplink.runLive(ctx, a.beat.back) })
	sending.Go(func() { a.uplink.runBacklog(ctx) })
	sending.Go(func() {
		if a.cfg.Centre.Beat == "off" {
			return
		}
		a.beat.run(ctx, phase(a.cfg.Site, "beat", wire.BeatEvery), a.leave)
	})
	var collecting sync.WaitGroup
	collecting.Go(a.collect.run)
	a.recall(ctx)
	a.collect.put(ctx, a.words(0))

	measuring.Go(func() { a.measure(ctx, a.first) })
	measuring.Go(func() { a.aboutSelf(ctx) })
	measuring.Go(func() { a.names.run(ctx) })
	measuring.Wait()
	a.collect.in <- a.words(1)
	close(a.collect.in)
	collecting.Wait()
	close(a.parted)
	state := pastStopped
	if a.leave() == wire.FlagShuttingDown {
		state = pastShutdown
	}
	a.keepPast(state)
	sending.Wait()

	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	a.uplink.drain(last)
	a.collect.pocket.close()
	if err := a.spool.Close(); err != nil {
		return fmt.Errorf("close spool: %w", err)
	}
	a.log.Info("agent ended", "spool", a.spool.Stats().Records)
	return nil
}

// pstore is where systemd moves the last words of kernels.
const pstore = "/var/lib/systemd/pstore"

// recall tells how the run before ended, and notes that this one goes on.
func (a *Agent) recall(ctx context.Context) {
	r, ok, err := a.past.read(filepath.Join(a.cfg.Sysfs, "fs", "pstore"), pstore)
	if err != nil {
		a.log.Warn("not known how the last run ended", "err", err)
	}
	if ok {
		a.collect.put(ctx, measured{Result: r, began: a.clock.boottime()})
	}
	a.keepPast(pastRuns)
}

func (a *Agent) keepPast(state string) {
	flags, _ := a.beat.power.flags()
	if err := a.past.write(state, flags); err != nil {
		a.log.Warn("the next start will not know how this run ended", "err", err)
	}
}

// greet says once what this agent can and cannot do here.
func (a *Agent) greet() {
	mode, err := probes.ICMPRights()
	a.log.Info("agent measures", "version", a.version, "centre", a.cfg.Centre.URL, "probes", len(a.first.probes), "icmp", mode, "spool", a.spool.Stats().Records, "local", a.LocalAddr())
	if err != nil {
		a.log.Warn("no ICMP here; other probes go on", "err", err)
	}
}

// words are what the agent says about itself; stopping is 1 in its last.
func (a *Agent) words(stopping float64) measured {
	st := a.spool.Stats()
	live, behind, _ := a.uplink.out.counts()
	r := thongsuot.Result{
		Probe: "agent", Kind: thongsuot.ProbeAgent, Reason: thongsuot.ReasonOK, Detail: a.version,
		Fields: []thongsuot.Field{
			{Name: thongsuot.FieldStopping, Value: stopping},
			{Name: thongsuot.FieldUptime, Value: (a.clock.boottime() - a.began).Seconds()},
			{Name: thongsuot.FieldSpoolRecords, Value: float64(live + behind)},
			{Name: thongsuot.FieldSpoolBytes, Value: float64(st.Bytes)},
			{Name: thongsuot.FieldDropped, Value: float64(st.Dropped() + st.Damaged)},
			{Name: thongsuot.FieldBeatRTT, Value: time.Duration(a.beat.lastRTT.Load()).Seconds()},
			{Name: thongsuot.FieldBeatEvery, Value: a.beat.every().Seconds()},
			{Name: thongsuot.FieldBeatHTTP, Value: truth(a.beat.overHTTP())},
		},
	}
	if every := a.manners.pageEvery(); every > 0 {
		r.Fields = append(r.Fields, thongsuot.Field{Name: thongsuot.FieldPageEvery, Value: every.Seconds()})
	}
	if a.manners.metered.Load() {
		r.Fields = append(r.Fields, thongsuot.Field{Name: thongsuot.FieldMetered, Value: 1})
	}
	if stopping == 1 {
		r.Fields = append(r.Fields, thongsuot.Field{Name: thongsuot.FieldShutdown, Value: truth(a.leave() == wire.FlagShuttingDown)})
	}
	if offset, ok := a.clock.Offset(); ok {
		r.Fields = append(r.Fields, thongsuot.Field{Name: thongsuot.FieldClockOffset, Value: offset.Seconds()})
	}
	return measured{Result: r, began: a.clock.boottime()}
}

// aboutSelf reports the agent's own health once a minute.
func (a *Agent) aboutSelf(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.collect.put(ctx, a.words(0))
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// newRoad makes the connections of a lane, or of beats, by a line.
func newRoad(cfg CentreConfig, by probes.Line, clock *Clock) (*road, error) {
	l := &road{}
	dialer := by.Dialer(10 * time.Second)
	dialer.KeepAlive = 30 * time.Second
	t := &http.Transport{
		// A connection that lost its peer is found out by pings, not by TCP's minutes.
		// A post in its way has a limit of its own; pings each 5 s were two fifths of
		// what crosses in a quiet minute.
		HTTP2:             &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 5 * time.Second},
		ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 2,
		IdleConnTimeout: 2 * time.Minute, ResponseHeaderTimeout: postTimeout,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			counted := &roadConn{c, l}
			l.open.Store(counted, nil)
			return counted, nil
		},
	}
	l.transport = t
	var err error
	t.TLSClientConfig, err = trust(cfg, clock)
	return l, err
}
