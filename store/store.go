package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"
)

// ErrClosed is the answer of a store that was closed.
var ErrClosed = errors.New("store is closed")

// Spans of the blocks on disk. A block of 54 hours is the largest: late samples
// make the TSDB write the block they fall into anew, so larger ones, which
// Prometheus would make, cost far more than they save. 400 days are 180 blocks.
const (
	minBlock = 2 * time.Hour
	maxBlock = 54 * time.Hour
)

// chunkSegment is the size of the files in a block. The TSDB reserves a whole
// one whenever it compacts; its own default of 512 MiB is much for a small disk.
const chunkSegment = 128 << 20

// lateChunk is how many late samples of a series are held before they become a
// chunk, as many as in one of fresh samples. The TSDB's own default of 32 cuts a
// chunk from each five minutes of a backlog.
const lateChunk = 120

// Store is an open database of samples.
type Store struct {
	// immutable after Open
	cfg     Config
	db      *tsdb.DB
	levels  []*level
	late    *lateLog
	logs    *logs
	engine  *promql.Engine
	log     *slog.Logger
	metrics *metrics
	closing context.Context // ends the queries and the compaction under way
	stop    context.CancelFunc
	full    chan struct{} // asks for a compaction
	tended  chan struct{} // closed when there will be none any more

	use    sync.RWMutex // held for reading by who uses db
	closed bool         // guarded by use

	writer chan struct{} // holds one token; who has it may touch the following
	cache  *cache
	broken error // set once the write-ahead log is in doubt
}

// Open opens the database in cfg.Dir, making it when missing, and repairs what
// a crash left behind. It fails when another process has the folder open.
func Open(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s, err := open(cfg, log, reg)
	if errors.Is(err, syscall.EAGAIN) {
		return nil, fmt.Errorf("open store %s: another process has it open; stop that one first: %w", cfg.Dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", cfg.Dir, err)
	}
	return s, nil
}

func open(cfg Config, log *slog.Logger, reg prometheus.Registerer) (_ *Store, err error) {
	s := &Store{
		cfg:    cfg,
		log:    log,
		full:   make(chan struct{}, 1),
		tended: make(chan struct{}),
		writer: make(chan struct{}, 1),
		cache:  newCache(),
		logs:   newLogs(cfg.Dir),
		engine: promql.NewEngine(promql.EngineOpts{
			Logger:                   log,
			MaxSamples:               cfg.QueryMaxSamples,
			Timeout:                  cfg.QueryTimeout,
			LookbackDelta:            cfg.Lookback,
			EnableAtModifier:         true,
			EnableNegativeOffset:     true,
			NoStepSubqueryIntervalFn: func(int64) int64 { return subqueryStep.Milliseconds() },
		}),
	}
	s.closing, s.stop = context.WithCancel(context.Background())
	inner := newPicked()
	if s.db, err = tsdb.Open(cfg.Dir, log, inner, options(s.closing, cfg), nil); err != nil {
		return nil, err
	}
	s.db.DisableCompactions() // see compact
	if s.late, err = openLateLog(cfg.Dir, log); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	for _, r := range cfg.Rollups {
		l, err := openLevel(cfg.Dir, r, log)
		if err != nil {
			return nil, errors.Join(err, s.closeAll())
		}
		s.levels = append(s.levels, l)
	}
	if s.metrics, err = newMetrics(reg, s.db, s.late, s.levels, inner); err != nil {
		return nil, errors.Join(err, s.closeAll())
	}
	if err := s.restore(s.closing); err != nil {
		s.metrics.unregister()
		return nil, errors.Join(err, s.closeAll())
	}
	// What the TSDB repaired or was given again is as sure as what comes.
	if err := s.logs.wait(s.logs.wrote()); err != nil {
		s.metrics.unregister()
		return nil, errors.Join(err, s.closeAll())
	}
	go s.tend()
	return s, nil
}

func (s *Store) closeAll() error {
	errs := []error{s.db.Close(), s.late.close()}
	for _, l := range s.levels {
		errs = append(errs, l.db.Load().Close())
	}
	return errors.Join(errs...)
}

func options(closing context.Context, cfg Config) *tsdb.Options {
	o := tsdb.DefaultOptions()
	o.RetentionDuration = cfg.Retention.Milliseconds()
	o.MaxBytes = cfg.RetentionBytes
	// The TSDB counts its window from the newest sample, which may be ahead.
	o.OutOfOrderTimeWindow = (cfg.OutOfOrderWindow + maxAhead).Milliseconds()
	o.OutOfOrderCapMax = lateChunk
	o.MinBlockDuration = minBlock.Milliseconds()
	o.MaxBlockDuration = maxBlock.Milliseconds()
	o.MaxBlockChunkSegmentSize = chunkSegment
	o.NewCompactorFunc = interruptible(closing)
	o.WALCompression = compression.Snappy
	return o
}

// Close ends the queries and the compaction under way, waits for the batch
// under way and closes the database. A second Close does nothing.
func (s *Store) Close() error {
	s.stop()
	<-s.tended
	s.use.Lock()
	defer s.use.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.metrics.unregister()
	if err := s.closeAll(); err != nil {
		return fmt.Errorf("close store %s: %w", s.cfg.Dir, err)
	}
	return nil
}
