package incident_test

import (
	"fmt"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

// quiet is a province in which all is well.
func quiet(tb testing.TB, sites int) (*incident.Engine, []string) {
	tb.Helper()
	e, err := incident.New(incident.DefaultConfig(), t0)
	if err != nil {
		tb.Fatal(err)
	}
	var list []thongsuot.Site
	var codes []string
	for i := range sites {
		s := commune(fmt.Sprintf("%05d", 10001+i), fmt.Sprint("carrier-", i%3), fmt.Sprint("upstream-", i/10), fmt.Sprint("feeder-", i/5))
		list, codes = append(list, s), append(codes, s.Code)
	}
	e.SetSites(list, always, t0)
	for _, code := range codes {
		rs := healthy()
		for i := range rs {
			rs[i].At = t0
		}
		e.Observe(incident.Observation{Site: code, At: t0, Start: 1, Boot: "b", Results: rs})
	}
	return e, codes
}

// The beats of 124 sites for five seconds with their ticks: a year is
// 6.3 million of these.
func BenchmarkQuietBeats(b *testing.B) {
	e, codes := quiet(b, 124)
	now, beat := t0, incident.Beat{MainsPresent: true}
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(5 * time.Second)
		for _, code := range codes {
			e.Observe(incident.Observation{Site: code, At: now, Start: 1, Beat: &beat})
		}
		e.Tick(now)
	}
}

// A round of results of one site.
func BenchmarkRound(b *testing.B) {
	e, codes := quiet(b, 124)
	now, rs := t0, healthy()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(10 * time.Second)
		for i := range rs {
			rs[i].At = now
		}
		e.Observe(incident.Observation{Site: codes[0], At: now, Start: 1, Boot: "b", Results: rs})
	}
}

// A beat like the last one costs no memory.
func TestQuietBeatsAllocateNothing(t *testing.T) {
	e, codes := quiet(t, 10)
	now, beat := t0, incident.Beat{MainsPresent: true}
	step := func() {
		now = now.Add(5 * time.Second)
		for _, code := range codes {
			e.Observe(incident.Observation{Site: code, At: now, Start: 1, Beat: &beat})
		}
	}
	step()
	if n := testing.AllocsPerRun(100, step); n > 0 {
		t.Errorf("%v allocations for ten beats", n)
	}
}
