package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// Rollup says how samples are kept as figures of longer windows.
type Rollup struct {
	Every time.Duration `yaml:"every"` // window, one that a day is a multiple of
	Keep  time.Duration `yaml:"keep"`
}

// The figures of a window. The series of one is called metric:figure_every,
// such as icmp_rtt_median_seconds:p95_1h, with the labels of its samples and
// the window's end as its time.
const (
	figureCount = "count"
	figureMin   = "min"
	figureMean  = "mean"
	figureMax   = "max"
	figureP50   = "p50"
	figureP95   = "p95"
	figureLast  = "last"
)

// rollupDay is what one block of a level holds, and what is made at once.
const rollupDay = 24 * time.Hour

// level holds the figures of one length of window in a database of their own.
// A window is summed up once no sample can come late for it any more, so that
// its figures never need another look: a day of windows is one block.
type level struct {
	Rollup
	dir  string
	log  *slog.Logger
	db   atomic.Pointer[tsdb.DB]
	done atomic.Int64 // end of the last window that was summed up, unix ms
}

func (r Rollup) name() string {
	if r.Every%time.Hour == 0 {
		return fmt.Sprintf("%dh", r.Every/time.Hour)
	}
	return fmt.Sprintf("%dm", r.Every/time.Minute)
}

func (r Rollup) series(metric, figure string) string { return metric + ":" + figure + "_" + r.name() }

// marker is a series that has a sample at the end of each day, so that a level
// knows how far it has come also where nothing was measured.
func (r Rollup) marker() labels.Labels {
	return labels.FromStrings(metricName, r.series("rollup", "done"))
}

func openLevel(dir string, r Rollup, log *slog.Logger) (*level, error) {
	l := &level{Rollup: r, dir: filepath.Join(dir, "rollup-"+r.name()), log: log}
	db, err := l.open()
	if err != nil {
		return nil, fmt.Errorf("roll-up %s: %w", r.name(), err)
	}
	l.db.Store(db)
	for _, b := range db.Blocks() {
		l.done.Store(max(l.done.Load(), b.MaxTime()-1)) // blocks are half-open
	}
	return l, nil
}

// open reads the blocks. Nothing is ever in memory alone, so there is no log;
// the lock is that of the store.
func (l *level) open() (*tsdb.DB, error) {
	o := tsdb.DefaultOptions()
	o.RetentionDuration = l.Keep.Milliseconds()
	o.WALSegmentSize = -1
	o.NoLockfile = true
	o.MinBlockDuration = rollupDay.Milliseconds()
	o.MaxBlockDuration = 27 * rollupDay.Milliseconds()
	o.MaxBlockChunkSegmentSize = chunkSegment
	db, err := tsdb.Open(l.dir, l.log, nil, o, nil)
	if err != nil {
		return nil, err
	}
	db.DisableCompactions() // see take
	return db, nil
}

func (l *level) querier(from, to int64) (storage.Querier, error) {
	for {
		db := l.db.Load()
		q, err := db.Querier(from, to)
		if err == nil || l.db.Load() == db {
			return q, err // else it was closed just now, see take
		}
	}
}

// take takes over a block that was written, and merges the blocks of before.
func (l *level) take(ctx context.Context, done int64) error {
	db, err := l.open()
	if err != nil {
		return err
	}
	old := l.db.Swap(db)
	l.done.Store(done)
	if err := old.Close(); err != nil { // waits for who reads
		return err
	}
	return db.Compact(ctx)
}

// rollUp sums up every day that is over for good, from the oldest sample on.
func (s *Store) rollUp(ctx context.Context, l *level) error {
	settled := s.cfg.Now().Add(-s.cfg.OutOfOrderWindow - maxAhead)
	for {
		begin := time.UnixMilli(l.done.Load()).Add(l.Every)
		if oldest := s.oldest(); begin.Before(oldest) {
			begin = oldest.Truncate(rollupDay)
		}
		if end := begin.Add(rollupDay); end.After(settled) {
			return nil
		}
		if err := s.roomy(); err != nil {
			return fmt.Errorf("roll-up %s: %w", l.name(), err)
		}
		if err := s.rollUpDay(ctx, l, begin); err != nil {
			return fmt.Errorf("roll-up %s of %s: %w", l.name(), begin.UTC().Format(time.DateOnly), err)
		}
	}
}

// oldest is the time of the oldest sample, or a time to come where there is none.
func (s *Store) oldest() time.Time {
	oldest := s.db.Head().MinTime()
	for _, b := range s.db.Blocks() {
		oldest = min(oldest, b.MinTime())
	}
	return time.UnixMilli(min(oldest, s.cfg.Now().Add(maxAhead).UnixMilli()))
}

// rollUpDay makes the block of the windows that end in [begin, begin+24h).
func (s *Store) rollUpDay(ctx context.Context, l *level, begin time.Time) (err error) {
	// What is written spans a day; a writer takes nothing older than half of its size.
	w, err := tsdb.NewBlockWriter(l.log, l.dir, 2*rollupDay.Milliseconds())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	from, last := begin.Add(-l.Every).UnixMilli()+1, begin.Add(rollupDay-l.Every).UnixMilli()
	q, err := s.db.Querier(from, last)
	if err != nil {
		return err
	}
	defer q.Close()
	everything := labels.MustNewMatcher(labels.MatchNotEqual, metricName, "")
	set := q.Select(ctx, false, &storage.SelectHints{Start: from, End: last}, everything)
	out := &figureWriter{level: l, to: func() storage.Appender { return w.Appender(ctx) }}
	out.app = out.to()
	if _, err := out.app.Append(0, l.marker(), last, 1); err != nil {
		return err
	}
	var it chunkenc.Iterator
	for set.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		it = set.At().Iterator(it)
		if err := out.sumUp(set.At().Labels(), it); err != nil {
			return err
		}
	}
	if err := errors.Join(set.Err(), out.app.Commit()); err != nil {
		return err
	}
	if _, err := w.Flush(ctx); err != nil {
		return err
	}
	return l.take(ctx, last)
}

// figureWriter appends figures, and commits them in parts to bound its memory.
type figureWriter struct {
	level *level
	to    func() storage.Appender
	app   storage.Appender
	held  int
}

const maxHeld = 200_000

// sumUp appends the figures of all windows of one series.
func (w *figureWriter) sumUp(of labels.Labels, it chunkenc.Iterator) error {
	names, every := w.level.figures(of), w.level.Every.Milliseconds()
	var window []float64
	end := int64(0)
	put := func() error {
		if len(window) == 0 {
			return nil
		}
		for figure, v := range figuresOf(window) {
			if _, err := w.app.Append(0, names[figure], end, v); err != nil {
				return err
			}
			w.held++
		}
		window = window[:0]
		return nil
	}
	for it.Next() == chunkenc.ValFloat {
		at, v := it.At()
		if e := (at + every - 1) / every * every; e != end {
			if err := put(); err != nil {
				return err
			}
			end = e
		}
		window = append(window, v)
	}
	if err := errors.Join(it.Err(), put()); err != nil || w.held < maxHeld {
		return err
	}
	err := w.app.Commit()
	w.app, w.held = w.to(), 0
	return err
}

func (l *level) figures(of labels.Labels) map[string]labels.Labels {
	out := map[string]labels.Labels{}
	b := labels.NewBuilder(of)
	for _, f := range []string{figureCount, figureMin, figureMean, figureMax, figureP50, figureP95, figureLast} {
		out[f] = b.Set(metricName, l.series(of.Get(metricName), f)).Labels()
	}
	return out
}

// figuresOf sums up values, in order of time; it sorts them.
func figuresOf(values []float64) map[string]float64 {
	last, sum := values[len(values)-1], 0.0
	for _, v := range values {
		sum += v
	}
	slices.Sort(values)
	n := float64(len(values))
	return map[string]float64{
		figureCount: n, figureMin: values[0], figureMean: sum / n, figureMax: values[len(values)-1],
		figureP50: quantile(0.5, values), figureP95: quantile(0.95, values), figureLast: last,
	}
}

// quantile of sorted values, between the two nearest as PromQL does.
func quantile(q float64, sorted []float64) float64 {
	rank := q * float64(len(sorted)-1)
	low := int(rank)
	high := min(low+1, len(sorted)-1)
	weight := rank - float64(low)
	return sorted[low]*(1-weight) + sorted[high]*weight
}
