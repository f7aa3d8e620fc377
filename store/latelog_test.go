package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store"
)

// The TSDB forgets these (prometheus issue 19804): a site is away so long that
// its series leave the memory, comes back, and brings late samples; then the
// centre starts anew, twice.
func TestLateSamplesOutliveRestarts(t *testing.T) {
	reg := prometheus.NewRegistry()
	cfg := configAt(t.TempDir(), today)
	s, err := store.Open(cfg, quiet(), reg)
	if err != nil {
		t.Fatal(err)
	}
	restart := func() {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		reg = prometheus.NewRegistry()
		s = mustOpen(t, cfg, reg)
	}
	ago := func(minutes int) time.Time { return today.Add(-time.Duration(minutes) * time.Minute) }
	add(t, s, 0, sample("site", ago(600), 1))
	for m := 599; m >= 300; m-- {
		add(t, s, 0, sample("others", ago(m), 1))
	}
	waitFor(t, "the series leaving the memory", func() bool { return metric(t, reg, "thongsuot_store_head_series") == 1 })
	add(t, s, 0, sample("site", ago(299), 1))
	restart()
	for m := 590; m >= 440; m-- { // more than a chunk
		add(t, s, 0, sample("site", ago(m), float64(m)))
	}
	restart()
	if n := count(t, s, "site", today); n != 153 {
		t.Errorf("%d samples are stored, want 153", n)
	}
	if got := metric(t, reg, "thongsuot_store_late_samples_restored_total"); got == 0 {
		t.Error("nothing had to be restored: the log of late samples is needed no longer, or this test does not make its case")
	}
}

// The log of late samples is cut when they are in blocks.
func TestLateLogIsCut(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := mustOpen(t, configAt(t.TempDir(), today), reg)
	add(t, s, 0, sample("ok", today.Add(-10*time.Hour), 1))
	var late []thongsuot.Sample
	for i := range 5000 {
		late = append(late, sample("late", today.Add(time.Duration(-20*60*60-i)*time.Second), float64(i)))
	}
	add(t, s, 0, late...)
	const size = "thongsuot_store_late_log_bytes"
	before := metric(t, reg, size)
	if before < 5000 {
		t.Errorf("%v bytes hold 5000 late samples", before)
	}
	add(t, s, 0, sample("ok", today, 2))
	waitFor(t, "cutting the log", func() bool { return metric(t, reg, size) < before/10 })
	if n := count(t, s, "late", today); n != len(late) {
		t.Errorf("%d samples are stored, want %d", n, len(late))
	}
}

// A damaged log of late samples costs what is behind the damage, at most, and
// never the start.
func TestLateLogDamaged(t *testing.T) {
	cfg := configAt(t.TempDir(), today)
	s := mustOpen(t, cfg, prometheus.NewRegistry())
	add(t, s, 0, sample("ok", today, 1))
	add(t, s, 0, sample("ok", today.Add(-24*time.Hour), 2))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(cfg.Dir, "late", "00000000")
	bytes, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	bytes[10] ^= 0xff // within the first record
	if err := os.WriteFile(segment, bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	s = mustOpen(t, cfg, reg)
	if got := metric(t, reg, "thongsuot_store_late_log_damaged_total"); got != 1 {
		t.Errorf("%v damaged segments are counted, want 1", got)
	}
	add(t, s, 0, sample("ok", today.Add(-48*time.Hour), 3))
	if n := count(t, s, "ok", today); n != 3 {
		t.Errorf("%d samples are stored, want 3", n)
	}
}
