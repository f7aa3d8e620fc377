package central_test

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/central"
	"thongsuot/lab/sim"
	"thongsuot/wire"
)

// BenchmarkIngest is the whole way of a write, one op ten minutes of a site,
// fresh or of hours ago behind fresh samples. The CPU is that of both ends.
func BenchmarkIngest(b *testing.B) {
	f := func(name string, ago time.Duration) {
		b.Run(name, func(b *testing.B) {
			h := newHouseWith(b, func(c *central.Config) {
				c.Ingest.PointsPerSecond, c.Ingest.BacklogPointsPerSecond = 10_000_000, 10_000_000
				c.Ingest.MaxSeries = 1_000_000
			})
			now := time.Now()
			if status, _, text := h.post("25051", lines(1, now), nil); status != http.StatusNoContent {
				b.Fatal(status, text)
			}
			const bodies = 60
			var all [][]byte
			samples := 0
			site := sim.NewSite(1, "25051")
			site.UPS = true
			rounds := sim.NewRounds(site, sim.RealPace())
			at := now.Add(-ago - bodies*10*time.Minute)
			for range bodies {
				var results []thongsuot.Result
				for range 60 {
					results = append(results, rounds.At(at)...)
					at = at.Add(10 * time.Second)
				}
				for _, r := range results {
					samples += len(r.Fields) + 2
				}
				text, err := wire.Encode(results)
				if err != nil {
					b.Fatal(err)
				}
				all = append(all, []byte(strings.Join(text, "\n")))
			}
			perBody := float64(samples) / bodies
			before, n := cpu(b), 0
			for b.Loop() {
				body := all[n%bodies]
				if n >= bodies { // the same at another probe's name: new series, as of another site
					body = []byte(strings.ReplaceAll(string(body), "probe=", fmt.Sprintf("probe=v%d-", n/bodies)))
				}
				seq := wire.SeqRange{From: uint64(n + 1), To: uint64(n + 1)}
				if status, _, text := h.post("25051", body, ours(1, seq)); status != http.StatusNoContent {
					b.Fatal(status, text)
				}
				n++
			}
			b.ReportMetric(float64(n)*perBody/(cpu(b)-before).Seconds(), "samples/cpu-s")
		})
	}
	f("fresh", 0)
	f("late", 3*time.Hour)
}

func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
