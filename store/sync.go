package store

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
)

// logs brings the write-ahead logs to the device: those of the TSDB, which
// syncs a segment only when it is full, and the store's own of late samples.
// Batches that end while a sync is under way share the next one.
type logs struct {
	dir string

	mu      sync.Mutex
	written uint64 // batches that are in the logs
	turn    sync.Mutex
	synced  uint64           // of written, on the device; guarded by turn
	sizes   map[string]int64 // of segments, as they were synced; guarded by turn
}

func newLogs(dir string) *logs { return &logs{dir: dir, sizes: map[string]int64{}} }

// wrote notes one more batch and returns its number.
func (l *logs) wrote() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written++
	return l.written
}

func (l *logs) newest() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written
}

// wait returns when the batch is on the device.
func (l *logs) wait(batch uint64) error {
	l.turn.Lock()
	defer l.turn.Unlock()
	if l.synced >= batch {
		return nil
	}
	newest := l.newest()
	for _, log := range []string{"wal", "wbl", "late"} {
		if err := l.sync(filepath.Join(l.dir, log)); err != nil {
			return fmt.Errorf("sync %s: %w", log, err)
		}
	}
	l.synced = newest
	return nil
}

// sync syncs the segments of a log that have grown, and their names.
func (l *logs) sync(dir string) error {
	segments, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	segments = slices.DeleteFunc(segments, func(e fs.DirEntry) bool {
		_, err := strconv.Atoi(e.Name())
		return err != nil || !e.Type().IsRegular()
	})
	slices.SortFunc(segments, func(a, b fs.DirEntry) int { return cmp.Compare(b.Name(), a.Name()) })
	fresh := false
	for _, e := range segments {
		name := filepath.Join(dir, e.Name())
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // in a block by now
		}
		if err != nil {
			return err
		}
		size, known := l.sizes[name]
		if known && size == info.Size() {
			continue
		}
		if err := syncFile(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		l.sizes[name], fresh = info.Size(), fresh || !known
	}
	if fresh {
		return syncFile(dir)
	}
	return nil
}

func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
