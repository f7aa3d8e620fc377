package store_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store"
)

// mountSmall mounts a file system of its own, of the given size, on dir.
func mountSmall(t *testing.T, dir, size string) {
	t.Helper()
	if os.Getuid() != 0 {
		const missing = "root is missing, to mount a small file system"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// fill takes the space of the disk but for leave bytes, and gives the name of
// the file that holds it.
func fill(t *testing.T, disk string, leave int64) string {
	t.Helper()
	name := filepath.Join(disk, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := io.Copy(f, zeros{})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk ends with %v, want ENOSPC", err)
	}
	if err := f.Truncate(n - leave); err != nil {
		t.Fatal(err)
	}
	return name
}

// The guard stops in time, and goes on by itself when there is space again.
func TestDiskFillsAndHeals(t *testing.T) {
	disk := t.TempDir()
	mountSmall(t, disk, "16m")
	cfg := configAt(filepath.Join(disk, "store"), today)
	cfg.MinFreeBytes = 4 << 20
	s := mustOpen(t, cfg, prometheus.NewRegistry())
	add(t, s, 0, sample("ok", today, 1))
	filler := fill(t, disk, 2<<20)
	if _, err := s.Append(t.Context(), crashBatch(0)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("append gives %v, want ENOSPC", err)
	}
	if n := count(t, s, "ok", today); n != 1 {
		t.Errorf("a full disk answers with %d samples, want 1", n)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	add(t, s, 0, crashBatch(0)...)
}

// fillBatches appends batches from the given one on until an error, and returns
// the number of the batch that had it.
func fillBatches(t *testing.T, s *store.Store, from int, batch func(int) []thongsuot.Sample) (int, error) {
	t.Helper()
	for i := from; i < 5000; i++ {
		if _, err := s.Append(t.Context(), batch(i)); err != nil {
			return i, err
		}
	}
	t.Fatal("the disk does not fill")
	return 0, nil
}

// Without the guard the write-ahead log meets the end of the disk. What was
// acknowledged is there when the store is opened anew, and nothing can be
// acknowledged before.
func TestWriteAheadLogFull(t *testing.T) {
	disk := t.TempDir()
	mountSmall(t, disk, "4m")
	cfg := configAt(filepath.Join(disk, "store"), today)
	cfg.MinFreeBytes = 0
	s := mustOpen(t, cfg, prometheus.NewRegistry())
	live := func(i int) []thongsuot.Sample {
		return []thongsuot.Sample{sample("live", today.Add(time.Duration(i-9000)*time.Second), float64(i))}
	}
	add(t, s, 0, live(0)...)
	filler := fill(t, disk, 64<<10)
	acknowledged, err := fillBatches(t, s, 1, live)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("append gives %v, want ENOSPC", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), live(acknowledged)); err == nil || !strings.Contains(err.Error(), "opened anew") {
		t.Errorf("append after a failed write gives %v, want that the store is to be opened anew", err)
	}
	s.Close() // its logs may well complain
	s = mustOpen(t, cfg, prometheus.NewRegistry())
	expectBatches(t, s, acknowledged, live)
	add(t, s, 0, live(acknowledged)...)
	expectBatches(t, s, acknowledged+1, live)
}

// The log of late samples, on a disk of its own here, is as good as the other.
func TestLateLogFull(t *testing.T) {
	cfg := configAt(t.TempDir(), today)
	late := filepath.Join(cfg.Dir, "late")
	mountSmall(t, late, "64k")
	s := mustOpen(t, cfg, prometheus.NewRegistry())
	add(t, s, 0, sample("ok", today, 1))
	filler := fill(t, late, 0)
	batch := func(i int) []thongsuot.Sample {
		return []thongsuot.Sample{sample("late", today.Add(-time.Duration(i+100)*time.Minute), float64(i))}
	}
	acknowledged, err := fillBatches(t, s, 0, batch)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "log of late samples") {
		t.Errorf("append gives %v, want ENOSPC of the log of late samples", err)
	}
	if _, err := s.Append(t.Context(), batch(acknowledged)); err == nil || !strings.Contains(err.Error(), "opened anew") {
		t.Errorf("append after a failed write gives %v, want that the store is to be opened anew", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s.Close() // its logs may well complain
	s = mustOpen(t, cfg, prometheus.NewRegistry())
	expectBatches(t, s, acknowledged, batch)
	add(t, s, 0, batch(acknowledged)...)
	expectBatches(t, s, acknowledged+1, batch)
}

// When the TSDB itself falls over, the process must end, not live on and hang.
func TestChunksFull(t *testing.T) {
	disk := t.TempDir()
	mountSmall(t, disk, "4m")
	dir := filepath.Join(disk, "store")
	mustOpen(t, configAt(dir, today), prometheus.NewRegistry()).Close()
	filler := fill(t, disk, 160<<10) // the logs go on until the first late chunk of 120 samples is cut, not much longer
	cmd, lines := startChild(t, dir, 0, 0)
	last := acknowledged(t, lines)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatalf("the child says %q", lines.Text())
		}
		last = n
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("the child ends with %v, want the exit code 2 of a panic", err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, configAt(dir, today), prometheus.NewRegistry())
	expectBatches(t, s, last+1, crashBatch)
}
