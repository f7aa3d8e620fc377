package store_test

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store"
)

const (
	benchSites  = 124
	benchSeries = 60 // of one site
	benchStep   = 10 * time.Second
)

// province makes rounds of the samples of all sites: for each site, its own
// batch of 60 gauges, a third of them noisy round-trip times.
type province struct {
	rand    *rand.Rand
	batches [][]thongsuot.Sample
}

func newProvince() *province {
	p := &province{rand: rand.New(rand.NewPCG(1, 2))}
	for site := range benchSites {
		var batch []thongsuot.Sample
		for i := range benchSeries {
			metric := fmt.Sprintf("icmp_field%d", i/5)
			if i%3 == 0 {
				metric += "_seconds"
			}
			batch = append(batch, thongsuot.Sample{
				Metric: metric,
				Labels: []thongsuot.Label{
					{Name: thongsuot.LabelProbe, Value: fmt.Sprintf("probe%d", i%5)},
					{Name: thongsuot.LabelSite, Value: fmt.Sprint(24000 + site)},
					{Name: thongsuot.LabelTarget, Value: "192.0.2.1"},
				},
			})
		}
		p.batches = append(p.batches, batch)
	}
	return p
}

// batch is the round of one site at a time. It holds until the next call for
// the same site.
func (p *province) batch(site int, at time.Time) []thongsuot.Sample {
	batch := p.batches[site]
	for i := range batch {
		batch[i].At = at
		if i%3 == 0 {
			batch[i].Value = 0.03 + 0.005*p.rand.NormFloat64()
		} else {
			batch[i].Value = float64(i % 7)
		}
	}
	return batch
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAppend is live rounds: one op is the batch of one site.
func BenchmarkAppend(b *testing.B) {
	s := mustOpen(b, config(b.TempDir()), prometheus.NewRegistry())
	p := newProvince()
	at := time.Now().Add(-24 * time.Hour)
	n, cpu := 0, cpuTime()
	for b.Loop() {
		if _, err := s.Append(b.Context(), p.batch(n%benchSites, at)); err != nil {
			b.Fatal(err)
		}
		if n++; n%benchSites == 0 {
			at = at.Add(benchStep)
		}
	}
	samples := float64(n * benchSeries)
	b.ReportMetric(samples/b.Elapsed().Seconds(), "samples/s")
	b.ReportMetric(samples/(cpuTime()-cpu).Seconds(), "samples/cpu-s")
}

// BenchmarkAppendBacklog is a site that comes back, behind live samples: one op
// is five minutes of its rounds.
func BenchmarkAppendBacklog(b *testing.B) {
	s := mustOpen(b, config(b.TempDir()), prometheus.NewRegistry())
	p := newProvince()
	now := time.Now()
	for site := range benchSites {
		if _, err := s.Append(b.Context(), p.batch(site, now)); err != nil {
			b.Fatal(err)
		}
	}
	n, cpu := 0, cpuTime()
	at := now.Add(-20 * 24 * time.Hour)
	var batch []thongsuot.Sample
	for b.Loop() {
		batch = batch[:0]
		for range 30 {
			batch = append(batch, p.batch(7, at)...)
			at = at.Add(benchStep)
		}
		if _, err := s.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		n += len(batch)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "samples/s")
	b.ReportMetric(float64(n)/(cpuTime()-cpu).Seconds(), "samples/cpu-s")
}

// BenchmarkChart is 24 hours of one series in 720 points, out of 60 series of
// one site stored every 10 s.
func BenchmarkChart(b *testing.B) {
	s := mustOpen(b, config(b.TempDir()), prometheus.NewRegistry())
	p := newProvince()
	now := time.Now().Truncate(time.Minute)
	var batch []thongsuot.Sample
	for at := now.Add(-24 * time.Hour); !at.After(now); at = at.Add(benchStep) {
		batch = append(batch, p.batch(7, at)...)
		if len(batch) >= 5000 {
			if _, err := s.Append(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	selector := store.Selector("icmp_field0_seconds",
		thongsuot.Label{Name: thongsuot.LabelSite, Value: "24007"},
		thongsuot.Label{Name: thongsuot.LabelProbe, Value: "probe0"})
	for b.Loop() {
		got, err := s.Range(b.Context(), "avg_over_time("+selector+"[2m])", now.Add(-24*time.Hour), now, 2*time.Minute)
		if err != nil || len(got) != 1 || len(got[0].Points) < 700 {
			b.Fatalf("%d series, %v", len(got), err)
		}
	}
}
