// Package storetest holds what every store of samples must do, whatever engine
// is behind it. A store passes when Run does.
package storetest

import (
	"context"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/store"
)

// Store is what is tested.
type Store interface {
	Append(ctx context.Context, samples []thongsuot.Sample) (refused int, err error)
	Read(ctx context.Context, r store.Read) ([]store.Series, error)
}

// Traits are what engines may do each in their own way.
type Traits struct {
	// FirstWins is set where of two values of one series at one time the first
	// stays and the second is refused and counted. Elsewhere one of the two is
	// stored, and both are acknowledged.
	FirstWins bool
	// Exact is set where every float64 comes back as it went; elsewhere 12
	// digits of it do.
	Exact bool
}

// Run runs the suite. open gives an empty store, which it closes when its test
// ends. Samples are dated up to now, by the clock of the machine. A store that
// is a store.PromQuerier too is also asked in PromQL.
func Run(t *testing.T, traits Traits, open func(t *testing.T) Store) {
	cases := []struct {
		name string
		test func(t *testing.T, s *subject)
	}{
		{"append and read back", appendAndRead},
		{"an empty batch", emptyBatch},
		{"out of order within a batch", outOfOrderInBatch},
		{"out of order over batches", outOfOrderOverBatches},
		{"days of backlog behind live samples", backlog},
		{"backlog, newest first", backlogNewestFirst},
		{"the same again", again},
		{"another value at the same time", conflict},
		{"a conflict within a batch", conflictInBatch},
		{"what cannot be a number", notFinite},
		{"times that cannot be", impossibleTimes},
		{"names that cannot be", badNames},
		{"names of the province", vietnameseNames},
		{"labels in any order", labelOrder},
		{"series that differ in one label", moreLabels},
		{"a gap stays a gap", gap},
		{"a wide range", wideRange},
		{"precision", precision},
		{"folds", folds},
		{"reads that cannot be answered", badReads},
		{"queries in PromQL", promQL},
		{"a cancelled context", cancelled},
		{"many writers and readers", concurrent},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.test(t, &subject{Store: open(t), Traits: traits, now: time.Now().Truncate(time.Minute)})
		})
	}
}

// subject is a store under test and the present of the test: a whole minute,
// at most a minute ago.
type subject struct {
	Store
	Traits
	now time.Time
}

// step is the time between the samples of a series here.
const step = 10 * time.Second

// sample is one of metric m at the site, so many steps before now.
func (s *subject) sample(site string, stepsAgo int, value float64) thongsuot.Sample {
	return thongsuot.Sample{
		Metric: "icmp_received",
		Labels: []thongsuot.Label{{Name: thongsuot.LabelSite, Value: site}},
		At:     s.now.Add(-time.Duration(stepsAgo) * step),
		Value:  value,
	}
}

// run is n samples up to now with the values 0, 1, 2…
func (s *subject) run(site string, n int) []thongsuot.Sample {
	var out []thongsuot.Sample
	for i := range n {
		out = append(out, s.sample(site, n-1-i, float64(i)))
	}
	return out
}

// add appends and expects so many refusals.
func (s *subject) add(t *testing.T, samples []thongsuot.Sample, wantRefused int) {
	t.Helper()
	refused, err := s.Append(t.Context(), samples)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	if refused != wantRefused {
		t.Errorf("refused %d samples, want %d", refused, wantRefused)
	}
}

// stored is every stored sample of the site in the d up to now, oldest first.
func (s *subject) stored(t *testing.T, site string, d time.Duration) []store.Point {
	t.Helper()
	return s.raw(t, "icmp_received", d, thongsuot.Label{Name: thongsuot.LabelSite, Value: site})
}

// raw is every stored sample of the only series of the metric with the labels.
func (s *subject) raw(t *testing.T, metric string, d time.Duration, labels ...thongsuot.Label) []store.Point {
	t.Helper()
	got := s.read(t, store.Read{Metric: metric, Labels: labels, From: s.now.Add(-d), To: s.now})
	switch len(got) {
	case 0:
		return nil
	case 1:
		return got[0].Points
	default:
		t.Fatalf("%s with %v are %d series, want 1", metric, labels, len(got))
		return nil
	}
}

// read is Read, which must go well.
func (s *subject) read(t *testing.T, r store.Read) []store.Series {
	t.Helper()
	got, err := s.Read(t.Context(), r)
	if err != nil {
		t.Fatalf("read %+v: %v", r, err)
	}
	return got
}

// same compares stored points with samples, both oldest first.
func same(t *testing.T, got []store.Point, want []thongsuot.Sample) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d samples are stored, want %d", len(got), len(want))
		return
	}
	for i, w := range want {
		if g := got[i]; !g.At.Equal(w.At) || g.Value != w.Value {
			t.Errorf("sample %d is %v at %s, want %v at %s", i, g.Value, g.At.UTC(), w.Value, w.At.UTC())
			return
		}
	}
}
