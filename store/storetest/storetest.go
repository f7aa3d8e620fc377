// Package storetest holds what every store of samples must do, whatever engine
// is behind it. A store passes when Run does.
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/store"
)

// Store is what is tested.
type Store interface {
	Append(ctx context.Context, samples []thongsuot.Sample) (refused int, err error)
	Range(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]store.Series, error)
	Instant(ctx context.Context, query string, at time.Time) ([]store.Series, error)
}

// Run runs the suite. open gives an empty store, which it closes when its test
// ends. Samples are dated up to now, by the clock of the machine.
func Run(t *testing.T, open func(t *testing.T) Store) {
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
		{"queries that cannot be answered", badQueries},
		{"a cancelled context", cancelled},
		{"many writers and readers", concurrent},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.test(t, &subject{Store: open(t), now: time.Now().Truncate(time.Minute)})
		})
	}
}

// subject is a store under test and the present of the test: a whole minute,
// at most a minute ago.
type subject struct {
	Store
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
	return s.raw(t, store.Selector("icmp_received", thongsuot.Label{Name: thongsuot.LabelSite, Value: site}), d)
}

// raw is every stored sample of the only series that the selector matches.
func (s *subject) raw(t *testing.T, selector string, d time.Duration) []store.Point {
	t.Helper()
	got, err := s.Instant(t.Context(), fmt.Sprintf("%s[%dms]", selector, d.Milliseconds()), s.now)
	if err != nil {
		t.Fatalf("read back: %v", err)
	}
	switch len(got) {
	case 0:
		return nil
	case 1:
		return got[0].Points
	default:
		t.Fatalf("%s matches %d series, want 1", selector, len(got))
		return nil
	}
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
