package storetest

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/store"
)

const day = 24 * time.Hour

func appendAndRead(t *testing.T, s *subject) {
	want := s.run("24673", 30)
	s.add(t, want, 0)
	same(t, s.stored(t, "24673", time.Hour), want)
}

func emptyBatch(t *testing.T, s *subject) {
	s.add(t, nil, 0)
	if got := s.stored(t, "24673", time.Hour); len(got) != 0 {
		t.Errorf("%d samples are stored in an empty store", len(got))
	}
}

func shuffled(in []thongsuot.Sample) []thongsuot.Sample {
	out := slices.Clone(in)
	r := rand.New(rand.NewPCG(1, 2))
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func outOfOrderInBatch(t *testing.T, s *subject) {
	want := s.run("24673", 200)
	s.add(t, shuffled(want), 0)
	same(t, s.stored(t, "24673", time.Hour), want)
}

func outOfOrderOverBatches(t *testing.T, s *subject) {
	want := s.run("24673", 200)
	for part := range slices.Chunk(shuffled(want), 7) {
		s.add(t, part, 0)
	}
	same(t, s.stored(t, "24673", time.Hour), want)
}

// sparse is one sample in each ten minutes over d, up to now.
func (s *subject) sparse(site string, d time.Duration) []thongsuot.Sample {
	var out []thongsuot.Sample
	const every = int(10 * time.Minute / step)
	for ago := int(d / step); ago >= 0; ago -= every {
		out = append(out, s.sample(site, ago, float64(ago%97)))
	}
	return out
}

func backlog(t *testing.T, s *subject) {
	want := s.sparse("24673", 34*day)
	live := len(want) - 3
	s.add(t, want[live:], 0)
	for part := range slices.Chunk(want[:live], 500) {
		s.add(t, part, 0)
	}
	same(t, s.stored(t, "24673", 35*day), want)
}

func backlogNewestFirst(t *testing.T, s *subject) {
	want := s.sparse("24673", 10*day)
	segments := slices.Collect(slices.Chunk(want, 144))
	for _, segment := range slices.Backward(segments) {
		s.add(t, segment, 0)
	}
	same(t, s.stored(t, "24673", 11*day), want)
}

func again(t *testing.T, s *subject) {
	want := s.run("24673", 60)
	s.add(t, want, 0)
	s.add(t, want, 0)
	s.add(t, shuffled(want), 0)
	s.add(t, append(slices.Clone(want[:9]), want[:9]...), 0)
	same(t, s.stored(t, "24673", time.Hour), want)
}

func conflict(t *testing.T, s *subject) {
	want := s.run("24673", 60)
	s.add(t, want, 0)
	other := slices.Clone(want)
	for i := range other {
		other[i].Value += 1000
	}
	if !s.FirstWins {
		if _, err := s.Append(t.Context(), shuffled(other)); err != nil {
			t.Fatal(err)
		}
		s.either(t, s.stored(t, "24673", time.Hour), want, other)
		return
	}
	s.add(t, other[59:], 1)
	s.add(t, other[:20], 20)
	s.add(t, shuffled(other), 60)
	same(t, s.stored(t, "24673", time.Hour), want)
}

// either expects one value for each time, from one or from other.
func (s *subject) either(t *testing.T, got []store.Point, one, other []thongsuot.Sample) {
	t.Helper()
	if len(got) != len(one) {
		t.Errorf("%d samples are stored, want %d", len(got), len(one))
		return
	}
	for i, p := range got {
		if !p.At.Equal(one[i].At) || p.Value != one[i].Value && p.Value != other[i].Value {
			t.Errorf("sample %d is %v at %s, want %v or %v at %s", i, p.Value, p.At, one[i].Value, other[i].Value, one[i].At)
		}
	}
}

func conflictInBatch(t *testing.T, s *subject) {
	want := s.run("24673", 4)
	late, lateOther := want[1], want[1]
	lateOther.Value = 77
	newest := want[3]
	newest.Value = 78
	batch := []thongsuot.Sample{want[0], want[2], want[3], newest, late, lateOther, late}
	if s.FirstWins {
		s.add(t, batch, 2)
		same(t, s.stored(t, "24673", time.Hour), want)
		return
	}
	if _, err := s.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	s.either(t, s.stored(t, "24673", time.Hour), want, []thongsuot.Sample{want[0], lateOther, want[2], newest})
}

func notFinite(t *testing.T, s *subject) {
	want := s.run("24673", 3)
	s.add(t, want, 0)
	staleMarker := math.Float64frombits(0x7ff0000000000002) // value.StaleNaN of Prometheus
	bad := []thongsuot.Sample{want[0], want[0], want[0], want[0]}
	for i, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), staleMarker} {
		bad[i].At = s.now.Add(time.Duration(i+1) * time.Second)
		bad[i].Value = v
	}
	s.add(t, bad, 4)
	got := s.read(t, store.Read{Metric: "icmp_received", From: s.now.Add(-time.Minute), To: s.now.Add(10 * time.Second)})
	if len(got) != 1 || len(got[0].Points) != 3 || got[0].Points[2].Value != 2 {
		t.Errorf("after samples that are no numbers there are %v, want one series up to 2", got)
	}
}

func impossibleTimes(t *testing.T, s *subject) {
	good := s.run("24673", 1)
	bad := make([]thongsuot.Sample, 5)
	for i, at := range []time.Time{
		time.Unix(0, 0),
		time.Date(2025, 6, 30, 23, 59, 59, 0, time.UTC),
		s.now.Add(-60 * day),
		s.now.Add(15 * time.Minute),
		s.now.AddDate(1, 0, 0),
	} {
		bad[i] = good[0]
		bad[i].At = at
	}
	s.add(t, append(bad, good...), len(bad))
	same(t, s.stored(t, "24673", 90*day), good)
}

func badNames(t *testing.T, s *subject) {
	good := s.run("24673", 1)
	bad := []thongsuot.Sample{
		{Metric: ""},
		{Metric: "1st"},
		{Metric: "điện_áp_volts"},
		{Metric: "a{b=\"c\"}"},
		{Metric: "ok", Labels: []thongsuot.Label{{Name: "", Value: "x"}}},
		{Metric: "ok", Labels: []thongsuot.Label{{Name: "__name__", Value: "x"}}},
		{Metric: "ok", Labels: []thongsuot.Label{{Name: "mã xã", Value: "x"}}},
		{Metric: "ok", Labels: []thongsuot.Label{{Name: "a", Value: "x"}, {Name: "a", Value: "y"}}},
		{Metric: "ok", Labels: []thongsuot.Label{{Name: "a", Value: "\xff"}}},
		{Metric: "ok", Labels: []thongsuot.Label{{Name: "a", Value: string(make([]byte, 1<<16))}}},
	}
	for i := range bad {
		bad[i].At = s.now
	}
	s.add(t, append(bad, good...), len(bad))
	same(t, s.stored(t, "24673", time.Hour), good)
}

func cancelled(t *testing.T, s *subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want := s.run("24673", 5)
	if _, err := s.Append(ctx, want); !errors.Is(err, context.Canceled) {
		t.Errorf("append with a cancelled context gives %v, want context.Canceled", err)
	}
	if got := s.stored(t, "24673", time.Hour); len(got) != 0 {
		t.Errorf("append with a cancelled context stored %d samples", len(got))
	}
	s.add(t, want, 0)
	r := store.Read{Metric: "icmp_received", From: s.now.Add(-time.Hour), To: s.now}
	if _, err := s.Read(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("read with a cancelled context gives %v, want context.Canceled", err)
	}
	r.Step, r.Fold = step, store.FoldMean
	if _, err := s.Read(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("read in steps with a cancelled context gives %v, want context.Canceled", err)
	}
	same(t, s.stored(t, "24673", time.Hour), want)
}

func concurrent(t *testing.T, s *subject) {
	sites := []string{"24673", "24679", "24685", "24691"}
	want := map[string][]thongsuot.Sample{}
	for _, site := range sites {
		want[site] = s.run(site, 100)
	}
	var wg sync.WaitGroup
	for _, site := range sites {
		for range 2 { // every batch is offered twice, at about the same time
			wg.Go(func() {
				for part := range slices.Chunk(want[site], 5) {
					if refused, err := s.Append(t.Context(), part); err != nil || refused != 0 {
						t.Errorf("append: %d refused, %v", refused, err)
					}
				}
			})
		}
		wg.Go(func() {
			for range 20 {
				r := store.Read{Metric: "icmp_received", From: s.now.Add(-time.Hour), To: s.now, Step: time.Minute, Fold: store.FoldSum}
				if _, err := s.Read(t.Context(), r); err != nil {
					t.Errorf("read: %v", err)
				}
			}
		})
	}
	wg.Wait()
	for _, site := range sites {
		same(t, s.stored(t, site, time.Hour), want[site])
	}
}

// check that the suite asks for no more than the embedded store gives.
var (
	_ Store             = (*store.Store)(nil)
	_ store.PromQuerier = (*store.Store)(nil)
)
