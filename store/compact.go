package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// compactEvery is how often blocks are looked over: retention, and merges of
// blocks that late samples made. The TSDB does the same on its own.
const compactEvery = time.Minute

// interruptible makes the TSDB's own compactor, ended by ctx and not only by
// closing the database: see [Store.compact] for why the store calls it itself.
func interruptible(ctx context.Context) tsdb.NewCompactorFunc {
	return func(_ context.Context, reg prometheus.Registerer, log *slog.Logger, ranges []int64, pool chunkenc.Pool, o *tsdb.Options) (tsdb.Compactor, error) {
		return tsdb.NewLeveledCompactorWithOptions(ctx, reg, log, ranges, pool, tsdb.LeveledCompactorOptions{
			MaxBlockChunkSegmentSize:    o.MaxBlockChunkSegmentSize,
			EnableOverlappingCompaction: o.EnableOverlappingCompaction,
		})
	}
}

// sumUp makes the roll-ups of what is over, and tries again each hour.
func (s *Store) sumUp() {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		for _, l := range s.levels {
			if err := s.rollUp(s.closing, l); err != nil && s.closing.Err() == nil {
				s.log.Error("roll-up did not succeed, it will be tried again", "error", err)
			}
		}
		select {
		case <-s.closing.Done():
			return
		case <-tick.C:
		}
	}
}

// tend compacts until the store closes: when there is something for a block,
// and every so often.
func (s *Store) tend() {
	defer close(s.tended)
	var rollUps sync.WaitGroup
	rollUps.Go(s.sumUp)
	defer rollUps.Wait()
	tick := time.NewTicker(compactEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.closing.Done():
			return
		case <-s.full:
		case <-tick.C:
		}
		if err := s.compact(); err != nil && s.closing.Err() == nil {
			s.log.Error("compaction did not succeed, it will be tried again", "dir", s.cfg.Dir, "error", err)
			select { // s.full asks again at once
			case <-s.closing.Done():
			case <-tick.C:
			}
		}
	}
}

// compactable reports whether the memory holds a block's worth of samples that
// no append changes any more. The TSDB asks the same of itself.
func (s *Store) compactable() bool {
	oldest, newest := s.db.Head().MinTime(), s.db.Head().MaxTime()
	return oldest < newest && newest-oldest > minBlock.Milliseconds()*3/2
}

// compact moves samples from memory to blocks and merges blocks. Once the late
// samples of before are in blocks, their log is cut: it takes the store to call
// the compaction, because the TSDB does not tell when that is.
func (s *Store) compact() error {
	if !s.compactable() {
		return s.db.Compact(s.closing)
	}
	s.writer <- struct{}{} // no batch is between its log and the memory
	segment, err := s.late.cut()
	<-s.writer
	if err != nil {
		return fmt.Errorf("log of late samples: %w", err)
	}
	before := s.db.Head().MinTime()
	if err := s.db.Compact(s.closing); err != nil {
		return err
	}
	if s.db.Head().MinTime() == before {
		return nil // nothing left the memory after all
	}
	return s.late.drop(segment)
}

// restore appends again the late samples that the TSDB did not bring back.
func (s *Store) restore(ctx context.Context) error {
	lost := 0
	damaged, err := s.late.replay(s.log, s.cache.findLabels(s.horizon), func(points []point) error {
		b := s.newBatch(ctx, s.cfg.Now())
		b.late = points
		if err := b.settle(ctx); err != nil {
			return errors.Join(err, b.app.Rollback())
		}
		lost += b.tally.appended
		return b.app.Commit()
	})
	if err != nil {
		return err
	}
	s.metrics.lateDamaged.Add(float64(damaged))
	s.metrics.lateRestored.Add(float64(lost))
	return nil
}
