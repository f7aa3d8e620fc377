// Package central is the centre of a province: it takes in what agents send,
// stores it, decides what is wrong, tells people and shows pages. It wires the
// other packages together and holds what only the whole can hold: who may
// write, in which order things become durable, and how all of it ends.
//
// Order of durability: samples in the store, changes of incidents in the
// ledger, the sequence in the ledger, then the acknowledgement. A kill at any
// point loses nothing that was acknowledged; what was not is offered again.
package central

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"thongsuot"
	"thongsuot/alerting"
	"thongsuot/dashboards"
	"thongsuot/incident"
	"thongsuot/ledger"
	"thongsuot/registry"
)

// Timeouts of the write API. Agents on weak lines are slow honestly, so the
// body of a write has the time that ingest.patience says; headers have not.
const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 30 * time.Second // of anything but a write
	idleTimeout   = 3 * time.Minute
	maxHeader     = 8 << 10
	streams       = 2 * siteWrites // of one HTTP/2 connection at a time
	stopTime      = 5 * time.Second
)

// Server is a centre, ready to run.
type Server struct {
	cfg      Config
	log      *slog.Logger
	registry *registry.Live
	store    samples
	ledger   *ledger.Ledger
	loop     *loop
	alerting *alerting.Dispatcher
	beats    *beats
	self     *self
	done     chan struct{} // closed when Run ends: page streams end with it

	names *names
	fetch *fetch

	heartbeat *heartbeat

	held *os.File // the lock on the data folder

	writeAPI, pages, empty, control      *http.Server
	writeLn, pagesLn, emptyLn, controlLn net.Listener // emptyLn is nil when no empty page is served
	beatConn                             net.PacketConn
}

// New opens the store, the ledger, the registry and every socket. Errors of
// the configuration name the field; what was opened is closed again on error.
func New(cfg Config, version string, log *slog.Logger) (*Server, error) {
	if cfg.Store.Dir == "" {
		cfg.Store.Dir = filepath.Join(cfg.DataDir, storeName)
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: log, done: make(chan struct{})}
	if err := s.build(version); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Server) build(version string) error {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	zone, err := time.LoadLocation(s.cfg.Zone)
	if err != nil {
		return fmt.Errorf("zone: %w", err)
	}
	if err := s.open(zone, s.log, reg); err != nil {
		return err
	}
	if err := s.wire(zone, version, s.log, reg); err != nil {
		return err
	}
	return s.listen(reg)
}

// open opens what is durable.
func (s *Server) open(zone *time.Location, log *slog.Logger, reg prometheus.Registerer) (err error) {
	if err := os.MkdirAll(s.cfg.DataDir, 0o750); err != nil {
		return fmt.Errorf("data_dir: %w (give the centre a folder that it may write)", err)
	}
	if s.held, err = lock(s.cfg.DataDir); err != nil {
		return err
	}
	if s.registry, err = registry.OpenLive(log, reg, zone, s.cfg.Registry...); err != nil {
		return err
	}
	if s.ledger, err = ledger.Open(filepath.Join(s.cfg.DataDir, ledgerName)); err != nil {
		return err
	}
	if s.store, err = openSamples(s.cfg, log, reg); err != nil {
		return err
	}
	b := backup{cfg: s.cfg}
	if err := os.RemoveAll(b.staging()); err != nil { // of a run that was killed
		return fmt.Errorf("data_dir: %w", err)
	}
	s.controlLn, err = listenControl(s.cfg.DataDir)
	return err
}

// wire connects the parts, in the direction in which data flow.
func (s *Server) wire(zone *time.Location, version string, log *slog.Logger, reg *prometheus.Registry) error {
	engine, err := incident.New(s.cfg.Incident, time.Now())
	if err != nil {
		return err
	}
	notifiers, err := s.cfg.Alerting.Notifiers(log)
	if err != nil {
		return err
	}
	s.loop = newLoop(engine, s.cfg.Incident.Beat, s.ledger, log, reg)
	if err := s.loop.restore(context.Background(), s.registry.Current()); err != nil {
		return err
	}
	places := func() alerting.Places { return s.registry.Current() }
	s.alerting = alerting.New(s.cfg.Alerting, notifiers, s.ledger, places, zone, log, reg)
	src := &source{
		registry: s.registry, loop: s.loop, ledger: s.ledger, store: s.store, now: time.Now,
		channels: channels(notifiers), changed: make(chan struct{}),
	}
	s.loop.told, s.loop.stir = s.alerting.Wake, src.stir

	epoch := newEpoch()
	g, t := newGuard(), &tokens{ledger: s.ledger, log: log, now: time.Now}
	s.beats = newBeats(t, s.loop, g, epoch, s.store, log, reg)
	s.names = newNames(s.cfg.Names, t, s.pageEvery, log, reg)
	s.fetch = newFetch(t, log, reg)
	s.heartbeat = newHeartbeat(s.cfg.Heartbeat, func(ctx context.Context) error {
		_, err := s.ledger.OpenIncidents(ctx)
		return err
	}, log, reg)
	s.empty = newEmptyPage()
	queries, err := s.newQueryAPI(version, log, reg)
	if err != nil {
		return err
	}
	s.control = s.newControl(version)
	s.self = &self{gatherer: reg, states: s.states, store: s.store, now: time.Now, log: log}
	s.writeAPI = s.newWriteAPI(queries, newIngest(s.cfg, t, s.store, s.loop, g, epoch, log, reg))
	handler, err := dashboards.Handler(src, dashboards.Options{
		Log: log, Registerer: reg, Zone: zone, Place: s.cfg.Name, Version: version, Done: s.done, Simulated: s.cfg.Simulated, Correct: s.correct, Accuracy: s.accuracy,
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.Handle("/api/v1/", queries)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", s.health)
	s.pages = &http.Server{Handler: ownHostOnly(mux), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader}
	return nil
}

// pageEvery is each site's share of the province's budget of requests to one
// public page, as the time between two; 0 where once a minute is within it.
func (s *Server) pageEvery() time.Duration {
	active := 0
	for _, site := range s.registry.Current().Sites() {
		if site.Status == thongsuot.StatusActive {
			active++
		}
	}
	every := time.Duration(active) * time.Minute / time.Duration(s.cfg.Ingest.PagesPerMinute)
	if every <= time.Minute {
		return 0
	}
	return every.Round(time.Second)
}

// Reload reads the registry again. A failure keeps the last good one.
func (s *Server) Reload(ctx context.Context) error {
	if err := s.registry.Reload(); err != nil {
		return err
	}
	return s.loop.setSites(ctx, s.registry.Current())
}

// Run serves until ctx ends or a part fails, then stops in the order in which
// data flow, so that what was taken in is recorded and told.
func (s *Server) Run(ctx context.Context) error {
	defer s.close()
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { s.loop.run(working) })
	wg.Go(func() { s.alerting.Run(working) })
	wg.Go(func() { s.beats.serve(working, s.beatConn) })
	wg.Go(func() { s.followDay(working) })
	wg.Go(func() { s.followFiles(working) })
	wg.Go(func() { s.self.run(working) })
	wg.Go(func() { s.names.run(working) })
	wg.Go(func() { s.heartbeat.run(working) })
	if s.cfg.ReachPort > 0 {
		wg.Go(func() { newReach(s.loop, s.registry.Current, s.cfg.ReachPort).run(working) })
	}

	failed := make(chan error, 4)
	serve := func(name string, srv *http.Server, ln net.Listener) {
		if err := srv.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("%s: %w", name, err)
		}
	}
	go serve("write API", s.writeAPI, s.writeLn)
	go serve("pages", s.pages, s.pagesLn)
	go serve("control", s.control, s.controlLn)
	if s.emptyLn != nil {
		go serve("empty page", s.empty, s.emptyLn)
	}

	s.log.Info("centre ready", "pages", "http://"+s.PagesAddr()+"/", "writes", s.WriteAddr(), "beats", s.BeatAddr(), "sites", len(s.registry.Current().Sites()))
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	close(s.done)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err = errors.Join(err, s.writeAPI.Shutdown(last), s.beatConn.Close(), s.pages.Shutdown(last), s.empty.Shutdown(last), s.control.Shutdown(last))
	stop()
	wg.Wait()
	s.log.Info("centre ended")
	return err
}

// followFiles takes over what changes in the registry's files.
func (s *Server) followFiles(ctx context.Context) {
	s.registry.Watch(ctx, func() {
		if err := s.loop.setSites(ctx, s.registry.Current()); err != nil && ctx.Err() == nil {
			s.log.Error("registry taken, its changes wait for the ledger", "err", err)
		}
	})
}

// followDay lets sites come and go at midnight, as the registry has them dated.
func (s *Server) followDay(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.loop.setSites(ctx, s.registry.Current()); err != nil {
				s.log.Error("sites of the day not taken over", "err", err)
			}
		}
	}
}

func (s *Server) close() {
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			s.log.Error("store not closed cleanly", "err", err)
		}
	}
	if s.ledger != nil {
		if err := s.ledger.Close(); err != nil {
			s.log.Error("ledger not closed cleanly", "err", err)
		}
	}
	for _, c := range []interface{ Close() error }{s.writeLn, s.pagesLn, s.emptyLn, s.beatConn, s.controlLn} {
		if c != nil {
			_ = c.Close() // closed already after Run
		}
	}
	if s.held != nil {
		_ = s.held.Close() // the next one may come
	}
}

func channels(notifiers map[string][]alerting.Notifier) []string {
	var out []string
	for _, ns := range notifiers {
		for _, n := range ns {
			if !slices.Contains(out, n.Name()) {
				out = append(out, n.Name())
			}
		}
	}
	slices.Sort(out)
	return out
}

// newEpoch names this run of the centre, so that an agent sees that it restarted.
func newEpoch() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint32(b[:]) | 1
}
