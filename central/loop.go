package central

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/incident"
	"thongsuot/ledger"
	"thongsuot/registry"
)

const (
	tickEvery     = time.Second
	snapshotEvery = 10 * time.Second
	snapshotFact  = "incident-engine"
)

// errUnrecorded means that changes wait for the ledger: what came is not to be
// acknowledged, so that it is offered again.
var errUnrecorded = errors.New("changes of incidents cannot be recorded")

// loop owns the incident engine: it feeds it, lets time pass, and makes every
// change durable before anyone is told. Nothing else writes incidents.
type loop struct {
	ledger *ledger.Ledger
	log    *slog.Logger
	now    func() time.Time
	pace   time.Duration // of beats that announce none
	told   func()        // called after changes are on record
	stir   func()        // called when anything that pages show may have changed

	mu      sync.Mutex // guards engine
	engine  *incident.Engine
	record  sync.Mutex // guards pending and the order of records
	pending []thongsuot.Change
	changed atomic.Bool // since the engine's memory was kept

	changes *prometheus.CounterVec
	waiting prometheus.Gauge
}

func newLoop(engine *incident.Engine, pace time.Duration, l *ledger.Ledger, log *slog.Logger, reg prometheus.Registerer) *loop {
	lp := &loop{
		ledger: l, log: log, now: time.Now, engine: engine, pace: pace, told: func() {}, stir: func() {},
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_incident_changes_total", Help: "Changes of incidents, by kind and cause.",
		}, []string{"kind", "cause"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "thongsuot_incident_changes_unrecorded", Help: "Changes that wait for the ledger; people are told only of recorded ones.",
		}),
	}
	reg.MustRegister(lp.changes, lp.waiting)
	return lp
}

// restore takes up what was known before the last stop.
func (l *loop) restore(ctx context.Context, r *registry.Registry) error {
	now := l.now()
	l.engine.SetSites(r.Sites(), r.InOfficeHours, now)
	l.engine.SetPlan(r.Windows)
	snap, _, err := l.ledger.Fact(ctx, snapshotFact)
	if err != nil {
		return err
	}
	open, err := l.ledger.OpenIncidents(ctx)
	if err != nil {
		return err
	}
	if err := l.engine.Restore(snap, open, now); err != nil {
		// The record of incidents is whole; only what was heard last is lost.
		l.log.Error("memory of the incident engine not taken up; sites count as heard from their next sign of life", "err", err)
		return l.engine.Restore(nil, open, now)
	}
	return nil
}

// observe feeds one observation and records what it changes. An error means
// that it must not be acknowledged.
func (l *loop) observe(ctx context.Context, o incident.Observation) error {
	return l.step(ctx, func(e *incident.Engine) []thongsuot.Change { return e.Observe(o) })
}

// setSites follows the registry.
func (l *loop) setSites(ctx context.Context, r *registry.Registry) error {
	return l.step(ctx, func(e *incident.Engine) []thongsuot.Change {
		e.SetPlan(r.Windows)
		return e.SetSites(r.Sites(), r.InOfficeHours, l.now())
	})
}

func (l *loop) step(ctx context.Context, f func(*incident.Engine) []thongsuot.Change) error {
	l.record.Lock()
	defer l.record.Unlock()
	l.mu.Lock()
	changes := f(l.engine)
	l.mu.Unlock()
	l.stir()
	l.pending = append(l.pending, changes...)
	if len(l.pending) == 0 {
		return nil
	}
	l.waiting.Set(float64(len(l.pending)))
	if err := l.ledger.Record(ctx, l.pending); err != nil {
		return fmt.Errorf("%w: %w", errUnrecorded, err)
	}
	for _, c := range l.pending {
		l.changes.WithLabelValues(string(c.Kind), string(c.Incident.Verdict.Cause)).Inc()
		l.log.Info("incident", "kind", c.Kind, "incident", c.Incident.ID, "site", c.Incident.Site, "state", c.Incident.Verdict.State,
			"cause", c.Incident.Verdict.Cause, "confidence", float64(c.Incident.Verdict.Confidence), "revision", c.Incident.Revision)
	}
	l.pending = nil
	l.waiting.Set(0)
	l.told()
	l.changed.Store(true)
	return nil
}

// deaf notes that the centre cannot hear: nobody's silence counts.
func (l *loop) deaf() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.engine.Deaf(l.now())
}

// run lets time pass until ctx ends, then keeps the engine's memory.
func (l *loop) run(ctx context.Context) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	last := l.now()
	failing := 0
	for {
		select {
		case <-ctx.Done():
			l.keep(context.WithoutCancel(ctx))
			return
		case <-tick.C:
		}
		now := l.now()
		if err := l.step(ctx, func(e *incident.Engine) []thongsuot.Change { return e.Tick(now) }); err != nil {
			if failing++; failing&(failing-1) == 0 {
				l.log.Error("changes wait for the ledger", "err", err, "tries", failing)
			}
		} else {
			failing = 0
		}
		if err := l.tellTruths(ctx); err != nil && ctx.Err() == nil && failing == 0 {
			l.log.Error("corrections of incidents wait for the ledger", "err", err)
		}
		// At the first tick after a change too, so that a crash soon after does not
		// forget what the change rests on.
		if l.changed.Swap(false) || now.Sub(last) >= snapshotEvery {
			last = now
			l.keep(ctx)
		}
	}
}

func (l *loop) keep(ctx context.Context) {
	l.mu.Lock()
	b, err := l.engine.Snapshot()
	l.mu.Unlock()
	if err == nil {
		err = l.ledger.SetFact(ctx, snapshotFact, b)
	}
	if err != nil {
		l.log.Error("memory of the incident engine not kept", "err", err)
	}
}

// status reads what the engine holds of one site.
func (l *loop) status(code string) (incident.Status, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.engine.Status(code, l.now())
}
