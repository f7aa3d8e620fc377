package reports_test

import (
	"math"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/reports"
)

func cut(site, start string, length time.Duration) reports.Interruption {
	t, err := time.Parse("2006-01-02 15:04", start)
	if err != nil {
		panic(err)
	}
	return reports.Interruption{Site: site, Start: t, End: t.Add(length)}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 5e-7 && !(math.IsNaN(got) && math.IsNaN(want)) {
		t.Errorf("%s is %g, want %g", what, got, want)
	}
}

func TestIndices(t *testing.T) {
	year := 8760 * time.Hour
	over := reports.Exposure{Customers: 124, Period: year, Due: 124 * 100 * time.Hour, Observed: 124 * 100 * time.Hour}
	cfg := reports.DefaultConfig()
	x := reports.IndicesOf([]reports.Interruption{
		cut("a", "2026-02-03 08:00", 90*time.Minute), cut("b", "2026-02-03 08:00", 30*time.Minute), cut("c", "2026-02-03 08:00", 4*time.Minute),
	}, over, cfg)
	near(t, "SAIFI", x.SAIFI, 2./124)
	near(t, "SAIFI", x.SAIFI, .016129)
	near(t, "SAIDI", x.SAIDI, .967742)
	near(t, "CAIDI", x.CAIDI, 60)
	near(t, "MAIFI", x.MAIFI, 1./124)
	near(t, "ASAI", x.ASAI, 1-2/12400.)
	near(t, "CEMI", x.CEMI, 0)

	x = reports.IndicesOf([]reports.Interruption{
		cut("a", "2026-02-03 08:00", 6*time.Minute), cut("a", "2026-02-04 08:00", 6*time.Minute), cut("a", "2026-02-05 08:00", 6*time.Minute),
		cut("b", "2026-02-05 08:00", 5*time.Minute), cut("c", "2026-02-05 08:00", 7*time.Hour), cut("d", "2026-02-05 08:00", 4*time.Hour), cut("d", "2026-02-07 08:00", 4*time.Hour),
	}, over, cfg)
	near(t, "CEMI-3", x.CEMI, 1./124)
	near(t, "CELID of one", x.CELID, 1./124)
	near(t, "CELID in all", x.CELIDTotal, 2./124)
	if x.Momentary != 1 || x.Sustained != 6 {
		t.Errorf("five minutes are not sustained: %+v", x)
	}

	// Two momentary ones within five minutes are one event; those that lead into
	// a sustained one are none.
	x = reports.IndicesOf([]reports.Interruption{
		cut("a", "2026-02-03 08:00", time.Minute), cut("a", "2026-02-03 08:03", time.Minute), cut("a", "2026-02-03 08:06", time.Minute),
		cut("b", "2026-02-03 08:00", time.Minute), cut("b", "2026-02-03 08:02", time.Hour),
	}, over, cfg)
	near(t, "MAIFI_E", x.MAIFIE, 2./124)
	near(t, "MAIFI", x.MAIFI, 4./124)

	x = reports.IndicesOf(nil, over, cfg)
	near(t, "CAIDI of none", x.CAIDI, math.NaN())
	near(t, "ASAI of none", x.ASAI, 1)
	x = reports.IndicesOf(nil, reports.Exposure{}, cfg)
	near(t, "SAIFI of nobody", x.SAIFI, math.NaN())
	near(t, "ASAI unseen", x.ASAI, math.NaN())
}

// Half the time unobserved: what was seen stands for the whole.
func TestUnobserved(t *testing.T) {
	over := reports.Exposure{Customers: 2, Period: 100 * time.Hour, Due: 200 * time.Hour, Observed: 100 * time.Hour}
	x := reports.IndicesOf([]reports.Interruption{cut("a", "2026-02-03 08:00", time.Hour)}, over, reports.DefaultConfig())
	near(t, "SAIDI", x.SAIDI, 30)
	near(t, "estimate", x.SAIDIHat, 60)
	near(t, "coverage", x.Coverage, .5)
}

// An interruption across midnight belongs to the day on which it began.
func TestMajorDays(t *testing.T) {
	var all []reports.Interruption
	start := time.Date(2026, 1, 1, 16, 30, 0, 0, time.UTC)
	for i := range 100 {
		s := start.AddDate(0, 0, i)
		all = append(all, reports.Interruption{Site: "a", Start: s, End: s.Add(time.Duration(50+i%20) * time.Minute)})
	}
	all[40].End = all[40].Start.Add(16 * time.Hour)
	m := reports.MajorDaysOf(all, 124, time.UTC)
	if m.NonZero != 100 || len(m.Days) != 1 || m.Days[0] != (thongsuot.Day{Year: 2026, Month: 2, Day: 10}) {
		t.Errorf("%+v", m)
	}
	if m := reports.MajorDaysOf(all[:80], 124, time.UTC); !math.IsNaN(m.Threshold) {
		t.Errorf("80 days are too few: %+v", m)
	}
}

func TestApdex(t *testing.T) {
	var a reports.Apdex
	for _, took := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 8 * time.Second, 9 * time.Second} {
		a.Count(took, 2*time.Second)
	}
	near(t, "score", a.Score(), .6)
	near(t, "no visit", reports.Apdex{}.Score(), math.NaN())
	h := newHouse(t, "2026-02-02", "2026-02-03", "25051").out("25051", "2026-02-02 08:00", "2026-02-02 09:00", down(thongsuot.CausePower))
	w := h.watch["25051"]
	w.Portal, w.Failed = reports.Apdex{Satisfied: 3}, []time.Time{h.at("2026-02-02 08:30"), h.at("2026-02-02 09:30")}
	h.watch["25051"] = w
	near(t, "a failure in a power cut is not the portal's", h.account("25051").Portal.Score(), .75)
}
