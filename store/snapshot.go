package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Snapshot puts all that was stored when it was called into the folder dir,
// which must not exist and must be on the same disk: blocks are linked, and
// what is in memory is written. A store that is opened on a copy of it gives
// the same answers. Batches go on meanwhile; theirs may or may not be in it.
func (s *Store) Snapshot(ctx context.Context, dir string) error {
	s.use.RLock()
	defer s.use.RUnlock()
	if s.closed {
		return fmt.Errorf("snapshot: %w", ErrClosed)
	}
	if err := os.Mkdir(dir, 0o750); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	// The TSDB's snapshot leaves out the late samples that are in memory.
	if err := s.db.CompactOOOHead(ctx); err != nil {
		return fmt.Errorf("snapshot: late samples: %w", err)
	}
	inMemory := s.db.Head().MinTime() <= s.db.Head().MaxTime()
	if err := s.db.Snapshot(dir, inMemory); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	for _, l := range s.levels {
		if err := l.snapshot(filepath.Join(dir, filepath.Base(l.dir))); err != nil {
			return fmt.Errorf("snapshot: roll-up %s: %w", l.name(), err)
		}
	}
	return nil
}

func (l *level) snapshot(dir string) error {
	if err := os.Mkdir(dir, 0o750); err != nil {
		return err
	}
	return l.db.Load().Snapshot(dir, false)
}
