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
	s.add(t, other[59:], 1)
	s.add(t, other[:20], 20)
	s.add(t, shuffled(other), 60)
	same(t, s.stored(t, "24673", time.Hour), want)
}

func conflictInBatch(t *testing.T, s *subject) {
	want := s.run("24673", 4)
	late, lateOther := want[1], want[1]
	lateOther.Value = 77
	newest := want[3]
	newest.Value = 78
	s.add(t, []thongsuot.Sample{want[0], want[2], want[3], newest, late, lateOther, late}, 2)
	same(t, s.stored(t, "24673", time.Hour), want)
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
	got, err := s.Instant(t.Context(), "icmp_received", s.now.Add(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Points[0].Value != 2 {
		t.Errorf("after samples that are no numbers the newest value is %v, want one series with 2", got)
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
	if _, err := s.Instant(ctx, "icmp_received", s.now); !errors.Is(err, context.Canceled) {
		t.Errorf("instant with a cancelled context gives %v, want context.Canceled", err)
	}
	if _, err := s.Range(ctx, "icmp_received", s.now.Add(-time.Hour), s.now, step); !errors.Is(err, context.Canceled) {
		t.Errorf("range with a cancelled context gives %v, want context.Canceled", err)
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
				if _, err := s.Range(t.Context(), "sum(icmp_received)", s.now.Add(-time.Hour), s.now, time.Minute); err != nil {
					t.Errorf("range: %v", err)
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
var _ Store = (*store.Store)(nil)
