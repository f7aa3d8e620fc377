package central

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/incident"
	"thongsuot/ledger"
	"thongsuot/registry"
)

// What tests of the package's inside need, for tests alone.

type Admission struct{ a *admission }

func NewAdmission(cfg IngestConfig, now func() time.Time) Admission {
	return Admission{newAdmission(cfg, now)}
}

// Enter is as enter; again is how long to wait when it was not let in.
func (a Admission) Enter(site, lane string) (leave func(int) time.Duration, again time.Duration) {
	leave, err := a.a.enter(site, lane)
	if err != nil {
		return nil, err.(*failure).after
	}
	return leave, 0
}

// KeepSelf stores the centre's own measures as if it were another time.
func (s *Server) KeepSelf(ctx context.Context, at time.Time) error {
	other := *s.self
	other.now = func() time.Time { return at }
	return other.keep(ctx)
}

// Virtual is the way of the data through a centre, from its sockets to its disks,
// at a time that the test sets.
type Virtual struct {
	Write  http.Handler
	Store  interface{ Close() error }
	Ledger *ledger.Ledger

	beats *beats
	loop  *loop
	now   func() time.Time
}

// NewVirtual opens what a centre of cfg writes to.
func NewVirtual(cfg Config, now func() time.Time) (*Virtual, error) {
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
		return nil, err
	}
	cfg.Store.Now, cfg.Store.Dir = now, filepath.Join(cfg.DataDir, storeName)
	st, err := openSamples(cfg, log, reg)
	if err != nil {
		return nil, err
	}
	l, err := ledger.Open(filepath.Join(cfg.DataDir, ledgerName))
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(cfg.Zone)
	if err != nil {
		return nil, err
	}
	sites, err := registry.Load(zone, cfg.Registry...)
	if err != nil {
		return nil, err
	}
	engine, err := incident.New(cfg.Incident, now())
	if err != nil {
		return nil, err
	}
	v := &Virtual{Store: st, Ledger: l, now: now, loop: newLoop(engine, cfg.Incident.Beat, l, log, reg)}
	v.loop.now = now
	if err := v.loop.restore(context.Background(), sites); err != nil {
		return nil, err
	}
	t, g := &tokens{ledger: l, log: log, now: now}, newGuard()
	in := newIngest(cfg, t, st, v.loop, g, 1, log, reg)
	in.now, in.admission = now, newAdmission(cfg.Ingest, now)
	v.beats = newBeats(t, v.loop, g, 1, st, log, reg)
	v.beats.now = now
	v.Write = in
	return v, nil
}

// Beat takes a datagram in and returns the answer.
func (v *Virtual) Beat(ctx context.Context, datagram []byte) []byte {
	return v.beats.take(ctx, overUDP, datagram)
}

// Tick lets time pass.
func (v *Virtual) Tick(ctx context.Context) error {
	return v.loop.step(ctx, func(e *incident.Engine) []thongsuot.Change { return e.Tick(v.now()) })
}

// RunHeartbeat gives signs of life until ctx ends.
func RunHeartbeat(ctx context.Context, cfg HeartbeatConfig, healthy func(context.Context) error, log *slog.Logger, reg prometheus.Registerer) {
	newHeartbeat(cfg, healthy, log, reg).run(ctx)
}
