package promremote

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/client_golang/exp/api/remote"
	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store"
)

// Store writes to and reads from an engine. It is safe for concurrent use.
type Store struct {
	cfg     Config
	log     *slog.Logger
	write   *remote.API
	read    v1.API
	writes  *http.Client
	reads   *http.Client
	slots   chan struct{} // writes under way
	recent  *recent
	old     atomic.Bool          // the engine speaks remote write 1.0 only
	windows atomic.Pointer[bool] // see closedWindows
	lost    atomic.Bool          // a write did not get through since the last that did
	closed  chan struct{}
	work    sync.WaitGroup
	metrics metrics
}

type metrics struct {
	appended, offered, missed prometheus.Counter
	refused                   *prometheus.CounterVec
	all                       []prometheus.Collector
	reg                       prometheus.Registerer
}

// Open checks cfg and reads its files. It does not wait for the engine, which
// may come up later than the centre.
func Open(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	// Reads have connections of their own: a new one for a write shows that the
	// engine may have been restarted.
	writes, err := newTransport(cfg)
	if err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	reads, err := newTransport(cfg)
	if err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	reads.tries = readTries
	s := &Store{
		cfg: cfg, log: log, recent: newRecent(cfg.Remember),
		writes: &http.Client{Transport: writes, Timeout: cfg.Timeout}, reads: &http.Client{Transport: reads, Timeout: cfg.Timeout},
		slots: make(chan struct{}, cfg.Concurrent), closed: make(chan struct{}),
	}
	// No retries here: the agents have a disk, and offer again.
	if s.write, err = remote.NewAPI(cfg.WriteURL, remote.WithAPIPath(""), remote.WithAPIHTTPClient(s.writes),
		remote.WithAPIBackoff(remote.BackoffConfig{Min: time.Millisecond, Max: time.Millisecond, MaxRetries: 1}), remote.WithAPINoRetryOnRateLimit()); err != nil {
		return nil, fmt.Errorf("prometheus: write_url: %w", err)
	}
	c, err := api.NewClient(api.Config{Address: cfg.QueryURL, Client: s.reads})
	if err != nil {
		return nil, fmt.Errorf("prometheus: query_url: %w", err)
	}
	s.read = v1.NewAPI(c)
	if err := s.register(reg); err != nil {
		return nil, err
	}
	if cfg.Again > 0 {
		s.work.Go(s.offerAgain)
	}
	return s, nil
}

func (s *Store) register(reg prometheus.Registerer) error {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "thongsuot_store_" + name, Help: help})
	}
	s.metrics = metrics{
		reg:      reg,
		appended: counter("samples_appended_total", "Samples stored."),
		offered:  counter("samples_offered_again_total", "Samples that were acknowledged and offered once more after a connection to the engine was lost, or as a rule (again)."),
		missed:   counter("samples_offered_again_failures_total", "Samples whose second offer did not get through."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_store_samples_refused_total", Help: "Samples that were not stored, by reason.",
		}, []string{"reason"}),
	}
	s.metrics.all = []prometheus.Collector{s.metrics.appended, s.metrics.offered, s.metrics.missed, s.metrics.refused}
	for _, c := range s.metrics.all {
		if err := reg.Register(c); err != nil {
			return fmt.Errorf("prometheus: %w", err)
		}
	}
	return nil
}

// Close ends the connections. What is under way ends with an error.
func (s *Store) Close() error {
	select {
	case <-s.closed:
		return nil
	default:
	}
	close(s.closed)
	s.work.Wait()
	for _, c := range s.metrics.all {
		s.metrics.reg.Unregister(c)
	}
	s.writes.CloseIdleConnections()
	s.reads.CloseIdleConnections()
	return nil
}

// Takes reports why a sample of the given time would be refused now, or nil.
func (s *Store) Takes(at time.Time) error { return store.Takes(at, s.cfg.Now(), s.cfg.Window) }

// errClosed is store.ErrClosed with where.
var errClosed = fmt.Errorf("prometheus: %w", store.ErrClosed)

// Append stores a batch and returns how many of its samples were refused. On an
// error nothing may be acknowledged; a part may be stored, which does no harm
// when the batch is offered again.
func (s *Store) Append(ctx context.Context, samples []thongsuot.Sample) (refused int, err error) {
	select {
	case <-s.closed:
		return 0, errClosed
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return 0, fmt.Errorf("append: %w", ctx.Err())
	}
	kept, why := store.Screen(samples, s.cfg.Now(), s.cfg.Window)
	if len(kept) > 0 {
		bad, err := s.push(ctx, kept)
		if err != nil {
			s.lost.Store(true)
			return 0, fmt.Errorf("append: %w", err)
		}
		why["engine"] += bad
	}
	for reason, n := range why {
		s.metrics.refused.WithLabelValues(reason).Add(float64(n))
		refused += n
	}
	s.metrics.appended.Add(float64(len(samples) - refused))
	return refused, nil
}

// push sends samples, and before they count as stored offers again what a
// restarted engine may have forgotten.
func (s *Store) push(ctx context.Context, samples []thongsuot.Sample) (bad int, err error) {
	fresh := s.lost.Swap(false)
	trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { fresh = fresh || !c.Reused }}
	if bad, err = s.send(httptrace.WithClientTrace(ctx, trace), samples); err != nil {
		return bad, err
	}
	if fresh {
		for _, batch := range s.recent.all(s.cfg.Now()) {
			if _, err := s.send(ctx, batch); err != nil {
				return bad, fmt.Errorf("offer again what the engine may have forgotten: %w", err)
			}
			s.metrics.offered.Add(float64(len(batch)))
		}
	}
	s.recent.add(s.cfg.Now(), samples)
	return bad, nil
}
