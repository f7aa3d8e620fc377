package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"syscall"
	"time"

	"github.com/prometheus/prometheus/storage"

	"thongsuot"
)

// point is one sample of a known series, its value as it is stored.
type point struct {
	series *series
	at     int64 // unix ms
	value  float64
}

// Append stores a batch and returns how many of its samples were refused; the
// package comment says which. On an error, such as a full disk, a closed store
// or the end of ctx, nothing was stored for good and nothing may be
// acknowledged. A full disk heals when space is freed; after a failed write
// the store takes no more batches until it is opened anew.
func (s *Store) Append(ctx context.Context, samples []thongsuot.Sample) (refused int, err error) {
	s.use.RLock()
	defer s.use.RUnlock()
	refused, number, err := s.append(ctx, samples)
	if err != nil {
		return 0, fmt.Errorf("append: %w", err)
	}
	if s.cfg.Unsynced {
		return refused, nil
	}
	if err := s.logs.wait(number); err != nil {
		s.writer <- struct{}{}
		defer func() { <-s.writer }()
		return 0, fmt.Errorf("append: %w", s.doubt(err))
	}
	return refused, nil
}

// append writes a batch to the logs, and returns its number there.
func (s *Store) append(ctx context.Context, samples []thongsuot.Sample) (refused int, number uint64, err error) {
	select {
	case s.writer <- struct{}{}:
		defer func() { <-s.writer }()
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	now := s.cfg.Now()
	if err := s.writable(now); err != nil {
		return 0, 0, err
	}
	defer endOnPanic()
	s.cache.age()
	b := s.newBatch(ctx, now)
	if err := b.write(ctx, samples); err != nil {
		s.cache = newCache() // it holds times that were not stored
		return 0, 0, err
	}
	s.metrics.count(b.tally)
	if s.compactable() {
		select {
		case s.full <- struct{}{}:
		default:
		}
	}
	return b.tally.refused(), s.logs.wrote(), nil
}

// Takes reports why a sample of the given time would be refused now, or nil.
func (s *Store) Takes(at time.Time) error { return Takes(at, s.cfg.Now(), s.cfg.OutOfOrderWindow) }

// writable reports why no batch can be taken now.
func (s *Store) writable(now time.Time) error {
	if s.closed {
		return ErrClosed
	}
	if s.broken != nil {
		return fmt.Errorf("no more batches until the store is opened anew, an earlier write did not succeed: %w", s.broken)
	}
	if now.Before(product) {
		return fmt.Errorf("the clock of this machine shows %s: set it", now.UTC().Format(time.RFC3339))
	}
	return s.roomy()
}

// roomy reports that the disk is too full to write more.
func (s *Store) roomy() error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(s.cfg.Dir, &fs); err != nil {
		return fmt.Errorf("free space of %s: %w", s.cfg.Dir, err)
	}
	if free := int64(fs.Bavail) * int64(fs.Bsize); free < s.cfg.MinFreeBytes {
		return fmt.Errorf("%s has %d MiB free, wanted are %d (min_free_bytes): %w",
			s.cfg.Dir, free>>20, s.cfg.MinFreeBytes>>20, syscall.ENOSPC)
	}
	return nil
}

// batch is one Append under way.
type batch struct {
	store *Store
	now   time.Time
	app   storage.Appender
	fresh []point // appended; newer than all their series had
	late  []point // to be compared with what their series have
	// inOrder is the time from which on the TSDB takes fresh samples into its
	// main log; what is before, or late, is also kept in the log of late samples.
	inOrder int64
	toLog   []point
	tally   tally
}

func (s *Store) newBatch(ctx context.Context, now time.Time) *batch {
	b := &batch{store: s, now: now, app: s.db.Appender(ctx), inOrder: math.MaxInt64}
	if t, ok := s.db.Head().AppendableMinValidTime(); ok {
		b.inOrder = t // asked after the appender was made, so not before its own
	}
	return b
}

func (b *batch) write(ctx context.Context, samples []thongsuot.Sample) error {
	err := b.sort(ctx, samples)
	if err == nil {
		err = b.settle(ctx)
	}
	if err != nil {
		return errors.Join(err, b.store.doubt(b.app.Rollback()))
	}
	if err := b.store.late.append(b.toLog); err != nil {
		return errors.Join(b.store.doubt(err), b.app.Rollback())
	}
	return b.store.doubt(b.app.Commit())
}

// doubt notes an error that leaves it open what the write-ahead log holds: a
// record written after a torn one would be lost with it at the next start.
func (s *Store) doubt(err error) error {
	if err != nil {
		s.broken = err
	}
	return err
}

// endOnPanic ends the process when the TSDB panics, which it does, holding
// locks, when it cannot write a chunk to the disk. Somebody above, such as
// net/http, would catch the panic and go on with a store that hangs for ever;
// nobody can catch it in a goroutine of its own. At the next start everything
// acknowledged comes back from the write-ahead log.
func endOnPanic() {
	if r := recover(); r != nil {
		go panic(fmt.Sprintf("store: the database cannot go on, start the program anew once the disk is well: %v", r))
		select {}
	}
}

// sort refuses bad samples, appends those that are newer than all their series
// have, and keeps the late ones.
func (b *batch) sort(ctx context.Context, samples []thongsuot.Sample) error {
	oldest, newest := b.now.Add(-b.store.cfg.OutOfOrderWindow), b.now.Add(maxAhead)
	for i, sample := range samples {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if why := judge(sample, oldest, newest); why != "" {
			b.tally.refuse(why)
			continue
		}
		series, ok := b.store.cache.find(sample.Metric, sample.Labels, b.store.horizon)
		if !ok {
			b.tally.refuse(reasonName)
			continue
		}
		p := point{series: series, at: sample.At.UnixMilli(), value: quantise(sample.Value, series.steps)}
		switch {
		case p.at > series.newest:
			if err := b.append(p); err != nil {
				return err
			}
			b.fresh = append(b.fresh, p)
			series.newest, series.value = p.at, p.value
		case p.at == series.newest && p.value == series.value:
			b.tally.duplicate++
		default:
			b.late = append(b.late, p)
		}
	}
	return nil
}

func (b *batch) append(p point) error {
	ref, err := b.app.Append(p.series.ref, p.series.labels, p.at, p.value)
	switch {
	case err == nil:
		p.series.ref = ref
		b.tally.appended++
		if p.at < b.inOrder || p.at < p.series.newest {
			b.toLog = append(b.toLog, p)
		}
		return nil
	case errors.Is(err, storage.ErrTooOldSample), errors.Is(err, storage.ErrOutOfBounds):
		// The newest sample in the TSDB is further ahead than the clock allows now.
		b.tally.refuse(reasonTooOld)
		return nil
	default:
		return err
	}
}
