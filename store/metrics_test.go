package store_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot/store"
)

// metric is the value of a series of reg, such as `name{reason="x"}`.
func metric(t *testing.T, reg *prometheus.Registry, series string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += "{" + l.GetName() + `="` + l.GetValue() + `"}`
			}
			if name == series {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s", series)
	return 0
}

// The same registerer twice is a mistake in the wiring, and no leak.
func TestMetricsTaken(t *testing.T) {
	reg := prometheus.NewRegistry()
	mustOpen(t, config(t.TempDir()), reg)
	dir := t.TempDir()
	if _, err := store.Open(config(dir), quiet(), reg); err == nil {
		t.Fatal("two stores share a registerer")
	}
	mustOpen(t, config(dir), prometheus.NewRegistry())
}

// Every counter of the TSDB that is to be shown exists under the name it is
// looked for: none is always missing because it was renamed there.
func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	s := mustOpen(t, configAt(t.TempDir(), today), reg)
	add(t, s, 0, sample("ok", today, 1))
	add(t, s, 0, sample("ok", today.Add(-24*time.Hour), 1))
	for _, name := range []string{
		"compactions_total", "compactions_failed_total", "head_truncations_failed_total",
		"checkpoint_creations_failed_total", "reloads_failures_total", "wal_corruptions_total",
		"mmap_chunk_corruptions_total", "wal_writes_failed_total", "out_of_order_wbl_writes_failed_total",
	} {
		if got := metric(t, reg, "thongsuot_store_tsdb_"+name); got != 0 {
			t.Errorf("%s is %v in a new store", name, got)
		}
	}
	if got := metric(t, reg, "thongsuot_store_tsdb_head_out_of_order_samples_appended_total"); got != 1 {
		t.Errorf("late samples are %v, want 1", got)
	}
	if got := metric(t, reg, "thongsuot_store_head_series"); got != 1 {
		t.Errorf("series are %v, want 1", got)
	}
	if got := metric(t, reg, "thongsuot_store_disk_bytes"); got <= 0 {
		t.Errorf("bytes on disk are %v", got)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) > 25 {
		t.Errorf("%d metrics are a flood", len(families))
	}
}
