package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store"
)

// today is the present of tests that set the clock.
var today = time.Date(2026, time.November, 23, 9, 0, 0, 0, time.UTC)

func configAt(dir string, now time.Time) store.Config {
	cfg := config(dir)
	cfg.Now = func() time.Time { return now }
	return cfg
}

func sample(metric string, at time.Time, value float64) thongsuot.Sample {
	return thongsuot.Sample{
		Metric: metric,
		Labels: []thongsuot.Label{{Name: thongsuot.LabelSite, Value: "24673"}},
		At:     at, Value: value,
	}
}

// add appends and expects so many refusals.
func add(t *testing.T, s *store.Store, wantRefused int, samples ...thongsuot.Sample) {
	t.Helper()
	refused, err := s.Append(t.Context(), samples)
	if err != nil {
		t.Fatal(err)
	}
	if refused != wantRefused {
		t.Fatalf("refused %d samples, want %d", refused, wantRefused)
	}
}

// count is the number of stored samples of metric in the 60 days before at.
func count(t *testing.T, s *store.Store, metric string, at time.Time) int {
	t.Helper()
	got, err := s.Instant(t.Context(), store.Selector(metric)+"[60d]", at)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, one := range got {
		n += len(one.Points)
	}
	return n
}

func TestRefusalsAreCountedByReason(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := mustOpen(t, configAt(t.TempDir(), today), reg)
	good := sample("ok", today, 1)
	add(t, s, 0, good)
	f := func(reason string, bad thongsuot.Sample) {
		t.Helper()
		series := `thongsuot_store_samples_refused_total{reason="` + reason + `"}`
		before := metric(t, reg, series)
		add(t, s, 1, bad)
		if got := metric(t, reg, series); got != before+1 {
			t.Errorf("%s is %v, want %v", series, got, before+1)
		}
	}
	zero := 0.0
	f("invalid_name", sample("a-b", today, 1))
	f("not_finite", sample("ok", today.Add(time.Second), zero/zero))
	f("conflict", sample("ok", today, 2))
	f("too_new", sample("ok", today.Add(10*time.Minute+time.Millisecond), 1))
	f("too_old", sample("ok", today.Add(-40*24*time.Hour-time.Millisecond), 1))
	f("before_product", sample("ok", time.Date(2025, 6, 30, 23, 59, 59, 0, time.UTC), 1))
	add(t, s, 0, good, good)
	if got := metric(t, reg, "thongsuot_store_samples_duplicate_total"); got != 2 {
		t.Errorf("duplicates are %v, want 2", got)
	}
	if got := metric(t, reg, "thongsuot_store_samples_appended_total"); got != 1 {
		t.Errorf("appended are %v, want 1", got)
	}
}

func TestEdgesOfTheWindow(t *testing.T) {
	s := mustOpen(t, configAt(t.TempDir(), today), prometheus.NewRegistry())
	add(t, s, 0, sample("ok", today.Add(10*time.Minute), 1))
	add(t, s, 0, sample("ok", today.Add(-40*24*time.Hour), 2))
	if n := count(t, s, "ok", today.Add(time.Hour)); n != 2 {
		t.Errorf("%d samples are stored, want 2", n)
	}
}

// A centre whose clock is not set would call every true time the future. It
// must not acknowledge the samples away.
func TestClockNotSet(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, configAt(dir, time.Unix(3600, 0)), prometheus.NewRegistry())
	_, err := s.Append(t.Context(), []thongsuot.Sample{sample("ok", today, 1)})
	if err == nil || !strings.Contains(err.Error(), "1970-01-01T01:00:00Z") {
		t.Errorf("append gives %v, want an error that shows the clock", err)
	}
}

// waitFor waits until the TSDB, in its own time, has done what ok looks for.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s did not happen", what)
		}
	}
}

// Samples in blocks on disk count as much as those in memory when one comes
// again, before and after the store was opened anew.
func TestIdempotentOverBlocks(t *testing.T) {
	reg := prometheus.NewRegistry()
	cfg := configAt(t.TempDir(), today)
	s, err := store.Open(cfg, quiet(), reg)
	if err != nil {
		t.Fatal(err)
	}
	var want []thongsuot.Sample
	for i := range 2 * 24 * 60 {
		want = append(want, sample("ok", today.Add(time.Duration(i-2*24*60)*time.Minute), float64(i)))
	}
	add(t, s, 0, want...)
	waitFor(t, "a compaction to blocks", func() bool { return metric(t, reg, "thongsuot_store_blocks") >= 3 })
	offerAgain := func(s *store.Store) {
		t.Helper()
		add(t, s, 0, want...)
		add(t, s, 2, sample("ok", want[5].At, 999), sample("ok", want[len(want)-5].At, 999))
		if n := count(t, s, "ok", today); n != len(want) {
			t.Errorf("%d samples are stored, want %d", n, len(want))
		}
	}
	offerAgain(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = store.Open(cfg, quiet(), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	offerAgain(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// With the logs lost, the blocks are all there is.
	for _, log := range []string{"wal", "wbl", "chunks_head"} {
		if err := os.RemoveAll(filepath.Join(cfg.Dir, log)); err != nil {
			t.Fatal(err)
		}
	}
	s = mustOpen(t, cfg, prometheus.NewRegistry())
	add(t, s, 1, sample("ok", want[5].At, 999))
}

// tiring is a context that ends when it was asked so many times.
type tiring struct {
	context.Context
	asked int
}

func (c *tiring) Err() error {
	if c.asked--; c.asked < 0 {
		return context.Canceled
	}
	return nil
}

// A batch given up halfway leaves nothing behind, not even the belief that some
// of it is stored.
func TestCancelledHalfway(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := mustOpen(t, configAt(t.TempDir(), today), reg)
	var batch []thongsuot.Sample
	for i := range 3000 {
		batch = append(batch, sample("ok", today.Add(time.Duration(i-3000)*time.Second), float64(i)))
	}
	if _, err := s.Append(&tiring{t.Context(), 2}, batch); !errors.Is(err, context.Canceled) {
		t.Fatalf("append gives %v, want context.Canceled", err)
	}
	if n := count(t, s, "ok", today); n != 0 {
		t.Errorf("%d samples are stored, want none", n)
	}
	if got := metric(t, reg, "thongsuot_store_samples_appended_total"); got != 0 {
		t.Errorf("%v samples count as stored, want none", got)
	}
	add(t, s, 0, batch...)
	if n := count(t, s, "ok", today); n != len(batch) {
		t.Errorf("%d samples are stored, want %d", n, len(batch))
	}
}

func TestClosed(t *testing.T) {
	s := mustOpen(t, configAt(t.TempDir(), today), prometheus.NewRegistry())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), []thongsuot.Sample{sample("ok", today, 1)}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("append gives %v, want ErrClosed", err)
	}
	if _, err := s.Instant(t.Context(), "ok", today); !errors.Is(err, store.ErrClosed) {
		t.Errorf("instant gives %v, want ErrClosed", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("the second close gives %v", err)
	}
}

func TestTooLittleSpace(t *testing.T) {
	cfg := configAt(t.TempDir(), today)
	cfg.MinFreeBytes = 1 << 62
	s := mustOpen(t, cfg, prometheus.NewRegistry())
	_, err := s.Append(t.Context(), []thongsuot.Sample{sample("ok", today, 1)})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), cfg.Dir) {
		t.Errorf("append gives %v, want ENOSPC with the folder", err)
	}
	if n := count(t, s, "ok", today); n != 0 {
		t.Errorf("%d samples are stored, want none", n)
	}
}

func TestOpenErrors(t *testing.T) {
	f := func(dir, want string) {
		t.Helper()
		s, err := store.Open(config(dir), quiet(), prometheus.NewRegistry())
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open %q gives %v, want %q", dir, err, want)
		}
	}
	dir := t.TempDir()
	mustOpen(t, config(dir), prometheus.NewRegistry())
	f(dir, "another process has it open; stop that one first")
	f("", "dir: must name a folder")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f(file, "not a directory")
}
