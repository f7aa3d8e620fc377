package store_test

import (
	"math"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store"
)

// aged is a store whose clock is set, with three days of samples of 60 days ago.
type aged struct {
	t     *testing.T
	cfg   store.Config
	now   atomic.Int64
	begin time.Time
}

func newAged(t *testing.T, rollups ...store.Rollup) *aged {
	a := &aged{t: t, cfg: config(t.TempDir()), begin: time.Now().Truncate(24*time.Hour).AddDate(0, 0, -60).UTC()}
	a.cfg.Rollups = rollups
	a.cfg.Now = func() time.Time { return time.UnixMilli(a.now.Load()) }
	a.fill()
	return a
}

func (a *aged) at(d time.Duration) { a.now.Store(a.begin.Add(d).UnixMilli()) }

// fill writes as a site does that was cut off in between: the second day comes
// 39 days later, with a gap of ten hours in it.
func (a *aged) fill() {
	a.t.Helper()
	s, err := store.Open(a.cfg, quiet(), prometheus.NewRegistry())
	if err != nil {
		a.t.Fatal(err)
	}
	write := func(from, to time.Duration) {
		var batch []thongsuot.Sample
		for d := from; d < to; d += 20 * time.Second {
			for i, site := range []string{"25051", "24712"} {
				v := 0.02 + 0.01*math.Sin(d.Seconds()/3000+float64(i)) + 0.001*float64(d/time.Second%7)
				batch = append(batch, thongsuot.Sample{Metric: "icmp_rtt_median_seconds", At: a.begin.Add(d), Value: v, Labels: []thongsuot.Label{{Name: "site", Value: site}}})
			}
		}
		if n, err := s.Append(a.t.Context(), batch); err != nil || n != 0 {
			a.t.Fatal(n, err)
		}
	}
	const h = time.Hour
	a.at(72 * h)
	write(10*time.Minute, 24*h)
	write(48*h, 72*h)
	a.at((24 + 39*24) * h)
	write(24*h, 30*h)
	write(40*h, 48*h)
	if err := s.Close(); err != nil {
		a.t.Fatal(err)
	}
}

// open waits until everything that is over by now is summed up.
func (a *aged) open(dir string, every string, until time.Time) *store.Store {
	a.t.Helper()
	cfg := a.cfg
	cfg.Dir = dir
	reg := prometheus.NewRegistry()
	s := mustOpen(a.t, cfg, reg)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		families, err := reg.Gather()
		if err != nil {
			a.t.Fatal(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "thongsuot_store_rollup_done_timestamp_seconds" && m.GetLabel()[0].GetValue() == every && m.GetGauge().GetValue() >= float64(until.Unix()) {
					return s
				}
			}
		}
		select {
		case <-a.t.Context().Done():
			a.t.Fatal("the roll-up does not come")
		case <-tick.C:
		}
	}
}

func near(x, y float64) bool { return math.Abs(x-y) <= 1e-12*math.Max(math.Abs(x), math.Abs(y)) }

func same(t *testing.T, what string, got, want []store.Series) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d series, want %d", what, len(got), len(want))
	}
	byLabel := map[thongsuot.Label]store.Series{}
	for _, s := range got {
		byLabel[s.Labels[0]] = s
	}
	for _, w := range want {
		g := byLabel[w.Labels[0]]
		if g.Metric != w.Metric || len(g.Points) != len(w.Points) {
			t.Fatalf("%s: %s %v has %d points, want %d", what, g.Metric, g.Labels, len(g.Points), len(w.Points))
		}
		for i, p := range w.Points {
			if !g.Points[i].At.Equal(p.At) || !near(g.Points[i].Value, p.Value) {
				t.Fatalf("%s: point %d is %v, want %v", what, i, g.Points[i], p)
			}
		}
	}
}

// Whatever is read through roll-ups is what the samples themselves give, late
// ones and gaps included, also across the end of what is summed up.
func TestRollupsSayTheSame(t *testing.T) {
	for _, every := range []time.Duration{time.Hour, time.Minute} {
		level := store.Rollup{Every: every, Keep: 1000 * 24 * time.Hour}
		name := map[time.Duration]string{time.Hour: "1h", time.Minute: "1m"}[every]
		a := newAged(t, level)
		a.at((2*24 + 40*24 + 1) * time.Hour) // two days are over for good, the third is not
		rolled := a.open(a.cfg.Dir, name, a.begin.Add(47*time.Hour))
		plain := newAged(t)
		raw := mustOpen(t, plain.cfg, prometheus.NewRegistry())
		plain.now.Store(a.now.Load())
		compare := func(what string, s *store.Store) {
			for _, fold := range store.Folds() {
				for _, steps := range []time.Duration{1, 3, 7} {
					r := store.Read{Metric: "icmp_rtt_median_seconds", From: a.begin, To: a.begin.Add(80 * time.Hour), Step: steps * time.Hour, Fold: fold}
					want, err := raw.Read(t.Context(), r)
					if err != nil {
						t.Fatal(err)
					}
					got, err := s.Read(t.Context(), r)
					if err != nil {
						t.Fatal(err)
					}
					same(t, what+" "+name+" "+string(fold)+" "+r.Step.String(), got, want)
				}
			}
		}
		compare("rolled", rolled)
		// Roll-ups have names of their own for whoever asks in PromQL.
		answer, err := rolled.Query(t.Context(), `count(last_over_time(icmp_rtt_median_seconds:p95_`+name+`[1h]))`, a.begin.Add(10*time.Hour))
		if err != nil || len(answer.Series) != 1 || answer.Series[0].Points[0].Value != 2 {
			t.Errorf("%s: %v, %v; want 2 series", name, answer, err)
		}
		snapshot := filepath.Join(t.TempDir(), "snapshot")
		if err := rolled.Snapshot(t.Context(), snapshot); err != nil {
			t.Fatal(err)
		}
		compare("snapshot", a.open(snapshot, name, a.begin.Add(47*time.Hour)))
		if err := rolled.Close(); err != nil {
			t.Fatal(err)
		}
		compare("reopened", a.open(a.cfg.Dir, name, a.begin.Add(47*time.Hour)))
	}
}

// Where samples are gone their figures stay, for years.
func TestRollupsOutliveSamples(t *testing.T) {
	a := newAged(t, store.Rollup{Every: time.Hour, Keep: 10 * 365 * 24 * time.Hour})
	a.cfg.Retention = 42 * 24 * time.Hour
	a.at((2*24 + 40*24 + 1) * time.Hour)
	s := a.open(a.cfg.Dir, "1h", a.begin.Add(47*time.Hour))
	read := func(fold store.Fold, step time.Duration, from, to time.Duration) []store.Series {
		t.Helper()
		out, err := s.Read(t.Context(), store.Read{
			Metric: "icmp_rtt_median_seconds", Labels: []thongsuot.Label{{Name: "site", Value: "25051"}},
			From: a.begin.Add(from), To: a.begin.Add(to), Step: step, Fold: fold,
		})
		if err != nil || len(out) != 1 {
			t.Fatalf("%d series, %v", len(out), err)
		}
		return out
	}
	before := map[store.Fold][]store.Series{}
	folds := []store.Fold{store.FoldMean, store.FoldMin, store.FoldMax, store.FoldCount, store.FoldSum, store.FoldLast}
	for _, f := range folds {
		before[f] = read(f, 6*time.Hour, 6*time.Hour, 36*time.Hour)
	}
	p95 := read(store.FoldP95, time.Hour, 2*time.Hour, 6*time.Hour)[0].Points

	// A year later retention has taken the samples.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadDir(a.cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if e.Name() == "rollup-1h" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(a.cfg.Dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	a.at(400 * 24 * time.Hour)
	s = a.open(a.cfg.Dir, "1h", a.begin.Add(47*time.Hour))
	if left, err := s.Instant(t.Context(), `count_over_time(icmp_rtt_median_seconds[3d])`, a.begin.Add(72*time.Hour)); err != nil || len(left) != 0 {
		t.Fatalf("samples are still there: %d series, %v", len(left), err)
	}
	for _, f := range folds {
		same(t, string(f), read(f, 6*time.Hour, 6*time.Hour, 36*time.Hour), before[f])
	}
	// A quantile of several windows is the mean of theirs, weighted alike here.
	sum := 0.0
	for _, p := range p95[1:] {
		sum += p.Value
	}
	if got := read(store.FoldP95, 4*time.Hour, 6*time.Hour, 6*time.Hour)[0].Points[0].Value; !near(got, sum/4) {
		t.Errorf("p95 of four hours is %v, want %v", got, sum/4)
	}
}
