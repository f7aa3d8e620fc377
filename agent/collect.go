package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/agent/spool"
	"thongsuot/wire"
)

// collector gathers results into rounds and puts each round on disk as one
// record. What changes is written at once; what stays as it was waits for the
// round's end, which costs one write to the device for all of it.
type collector struct {
	clock *Clock
	spool *spool.Spool
	out   *outbox
	phase time.Duration // of this site's minutes
	log   *slog.Logger
	every time.Duration
	in    chan measured
	power *powerState

	stirred atomic.Int64    // boottime until which rounds are not quiet
	waiting []waiting       // for the disk, oldest first; of run alone
	pocket  pocket          // holds them meanwhile
	calm    func() bool     // the centre knows that this site lives: quiet rounds may wait
	sign    func() measured // what is written as a sign of life where nothing is measured
	settled func()          // called when what is known of the mains has changed, after that is kept and told
	mains   uint8           // what is known of them; of run alone

	kept map[string]time.Duration // boottime of the last kept reading of each power probe; of run alone

	volts   map[string]*voltage // of each UPS; of run alone
	facts   facts               // said to the centre; of run alone
	legal   atomic.Pointer[VoltageConfig]
	results *prometheus.CounterVec
	lost    prometheus.Counter
	skipped *prometheus.CounterVec

	mu     sync.Mutex
	latest map[string]measured // newest result of each probe, for status and metrics
	gone   map[string]bool     // probes that are not asked any more
}

func newCollector(clock *Clock, sp *spool.Spool, out *outbox, phase, every time.Duration, power *powerState, legal VoltageConfig, log *slog.Logger, reg prometheus.Registerer) *collector {
	c := &collector{
		settled: func() {}, calm: func() bool { return false },
		clock: clock, spool: sp, out: out, phase: phase, log: log, every: every, power: power,
		volts: map[string]*voltage{},
		in:    make(chan measured, 64), latest: map[string]measured{}, gone: map[string]bool{}, kept: map[string]time.Duration{}, facts: facts{},
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_agent_results_total", Help: "Results of probes, by probe and reason.",
		}, []string{"probe", "reason"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "thongsuot_agent_results_lost_total", Help: "Results that the spool refused even to hold in memory.",
		}),
	}
	c.legal.Store(&legal)
	c.skipped = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "thongsuot_agent_turns_skipped_total", Help: "Turns of probes that were left out because the run before was still on, or its result waited for the disk.",
	}, []string{"probe"})
	reg.MustRegister(c.results, c.lost, c.skipped)
	return c
}

// skip counts turns of a probe that were left out.
func (c *collector) skip(probe string, turns int) {
	c.skipped.WithLabelValues(probe).Add(float64(turns))
}

// run gathers until in is closed, then writes what is left.
func (c *collector) run() {
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	var pending []measured
	for {
		select {
		case m, open := <-c.in:
			if !open {
				c.write(pending, spool.Samples)
				c.flush()
				return
			}
			if w, ok := c.window(m); ok {
				c.note(w)
				pending = append(pending, w)
			}
			n := c.note(m)
			if n == repeated {
				continue
			}
			pending = append(pending, c.facts.trim(m))
			if n != noNews {
				c.stir()
			}
			switch n {
			case power, event:
				// The event alone is kept when room runs out; the round it came in is like any other.
				if n == power {
					c.gasp(pending[len(pending)-1:])
				} else {
					c.write(pending[len(pending)-1:], spool.Event)
				}
				c.write(pending[:len(pending)-1], spool.Samples)
				pending = nil
			case edge:
				c.write(pending, spool.Samples)
				pending = nil
			}
			if ofMains(m.Kind) {
				c.settle()
			}
		case <-tick.C:
			if len(pending) == 0 && !c.calm() && c.sign != nil {
				pending = append(pending, c.sign()) // the last-alive mark of a site that measures rarely
			}
			c.write(pending, spool.Samples)
			pending = nil
		}
	}
}

// window takes the voltage from what a UPS says; with ok ten minutes are over.
func (c *collector) window(m measured) (measured, bool) {
	if m.Kind != thongsuot.ProbeUPS {
		return measured{}, false
	}
	v := c.volts[m.Probe]
	if v == nil {
		v = &voltage{name: numbered("voltage", len(c.volts)), target: m.Target}
		c.volts[m.Probe] = v
	}
	v.cfg = *c.legal.Load()
	return v.see(m)
}

// news says how urgent a result is.
type news int

const (
	noNews   news = iota
	repeated      // a power reading like the last kept one: read every second, kept once a minute
	edge          // an answer of another kind than before
	event         // the agent's first or last words
	power         // power changed: an event that the centre is told of at once
)

// keepPower is how often an unchanged power reading is kept.
const keepPower = time.Minute

// note remembers a result and tells whether it changes anything.
func (c *collector) note(m measured) news {
	c.results.WithLabelValues(m.Probe, string(m.Reason)).Inc()
	c.mu.Lock()
	if c.gone[m.Probe] {
		c.mu.Unlock()
		return noNews
	}
	before, known := c.latest[m.Probe]
	c.latest[m.Probe] = m
	c.mu.Unlock()
	switch {
	case c.power.see(m.Result, m.began):
		return power
	case m.Kind == thongsuot.ProbeAgent && (!known || stopping(m.Result)):
		return event
	case !known || before.Reason != m.Reason:
		return edge
	case ofMains(m.Kind):
		return c.thin(m)
	default:
		return noNews
	}
}

func stopping(r thongsuot.Result) bool {
	v, _ := r.Field(thongsuot.FieldStopping)
	return v == 1
}

// thin keeps one unchanged power reading a minute.
func (c *collector) thin(m measured) news {
	if last, ok := c.kept[m.Probe]; ok && m.began-last < keepPower {
		return repeated
	}
	c.kept[m.Probe] = m.began
	return noNews
}

// settle notes what is known of the mains now.
func (c *collector) settle() {
	flags, _ := c.power.flags()
	if is := flags & (wire.FlagOnBattery | wire.FlagMainsPresent); is != c.mains {
		c.mains = is
		c.settled()
	}
}

// gaspPatience is what the disk gets to keep a change of power before the
// centre is told of it anyway: a card that hangs must not cost the last gasp.
const gaspPatience = 500 * time.Millisecond

// gasp keeps a change of power, and lets it be told once it is on disk.
func (c *collector) gasp(ms []measured) {
	late := time.AfterFunc(gaspPatience, c.power.announce)
	c.write(ms, spool.Event)
	if late.Stop() {
		c.power.announce()
	}
}

// waiting is a round that is not in the spool yet.
type waiting struct {
	round
	class   spool.Class
	payload []byte
}

// syncEvery is how often quiet rounds go to the disk while the centre hears
// this site. Each time that a file changes costs a journal 12 kB beside the
// 4 kB of the round (docs/decisions/0004-own-spool.md).
const syncEvery = 30 * time.Second

// write makes a round of results and puts it on disk: at once, unless it is
// quiet and the centre knows that the site lives. What then waits for the disk
// is lost to a power cut, as nothing happened in it, but not to a kill.
func (c *collector) write(ms []measured, class spool.Class) {
	if len(ms) == 0 {
		return
	}
	stamp := c.clock.Stamp()
	r := round{stamp: stamp, quiet: stamp.Boottime >= time.Duration(c.stirred.Load()), results: ms}
	payload := r.marshal()
	// What is sent now is dated and rounded as what is read from the disk later:
	// a repeat says the same.
	if kept, err := unmarshalRound(payload); err == nil {
		r = kept
	}
	c.waiting = append(c.waiting, waiting{r, class, payload})
	if class == spool.Samples && r.quiet && !c.due(stamp.Boottime) && c.calm() && c.pocket.keep(payload) {
		return
	}
	c.flush()
}

// due reports whether the next round would be too late for the disk: the last
// of each half of the site's minute goes there with those before it, so that
// all of the minute is there to be sent at its end.
func (c *collector) due(now time.Duration) bool {
	half := func(at time.Duration) time.Duration { return (at - c.phase + 24*time.Hour) / syncEvery }
	return half(now+c.every) != half(c.waiting[0].stamp.Boottime)
}

// flush puts on disk what waits, with one sync.
func (c *collector) flush() {
	if len(c.waiting) == 0 {
		return
	}
	c.spoolAll(c.waiting)
	c.waiting = nil
	if err := c.pocket.empty(); err != nil {
		c.log.Warn("rounds that are on disk stay in memory too; the next start leaves them out", "err", err)
	}
}

func (c *collector) spoolAll(ws []waiting) {
	batch := make([]spool.Record, len(ws))
	for i, w := range ws {
		batch[i] = spool.Record{Class: w.class, Payload: w.payload}
	}
	err := c.spool.AppendBatch(batch)
	switch {
	case err == nil, errors.Is(err, spool.ErrNotDurable): // that is in memory, and the spool says so itself
	case len(ws) > 1: // it takes all or none: one that is too large must not cost the others
		for i := range ws {
			c.spoolAll(ws[i : i+1])
		}
		return
	default:
		c.lost.Add(float64(len(ws[0].results)))
		c.log.Error("results lost: the spool took them neither on disk nor in memory", "results", len(ws[0].results), "err", err)
		return
	}
	for i, w := range ws {
		c.out.put(batch[i].Seq, w.round)
	}
}

// found takes up the rounds that a kill left in the pocket, those that are
// younger than the newest of this boot on disk.
func (c *collector) found(left [][]byte, newest time.Duration) {
	for _, payload := range left {
		r, err := unmarshalRound(payload)
		if err == nil && r.stamp.Boot == c.clock.boot && r.stamp.Boottime > newest {
			c.waiting = append(c.waiting, waiting{r, spool.Samples, payload})
		}
	}
	c.flush()
}

// stir says that something changed: until the end of the next minute, rounds
// cross the wire one by one and at once.
func (c *collector) stir() {
	now := c.clock.boottime()
	c.stirred.Store(int64(time.Duration(minuteOf(now, c.phase)+2)*time.Minute + c.phase))
}

// put hands over a result; it gives up only when the agent ends.
func (c *collector) put(ctx context.Context, m measured) {
	select {
	case c.in <- m:
	case <-ctx.Done():
		// The end has come: room in the queue is still used, waiting is not.
		select {
		case c.in <- m:
		default:
			c.lost.Inc()
		}
	}
}

// newest copies the newest result of each probe.
func (c *collector) newest() []measured {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]measured, 0, len(c.latest))
	for _, m := range c.latest {
		out = append(out, m)
	}
	return out
}
