package reports_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/reports"
)

func TestOfficeTime(t *testing.T) {
	f := func(name, start, end, want string) {
		t.Helper()
		h := newHouse(t, "2026-02-01", "2026-03-01", "25051").out("25051", start, end, down(thongsuot.CausePower))
		wanted, err := time.ParseDuration(want)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.account("25051").Lost(.5); got != wanted {
			t.Errorf("%s: lost %s, want %s", name, got, wanted)
		}
	}
	f("across lunch", "2026-02-03 11:00", "2026-02-03 14:00", "1h")
	f("Tết", "2026-02-16 08:00", "2026-02-16 16:00", "0s")
	f("night", "2026-02-03 18:00", "2026-02-04 07:30", "0s")
	f("across midnight", "2026-02-03 16:30", "2026-02-04 08:30", "2h")
	f("weekend", "2026-02-06 17:00", "2026-02-09 08:00", "1h")
	f("began before the period", "2026-01-30 08:00", "2026-02-02 08:00", "30m")
	f("ends after it", "2026-02-27 17:00", "2026-03-02 09:00", "30m")
}

// An incident that goes on counts up to now.
func TestOpen(t *testing.T) {
	h := newHouse(t, "2026-02-01", "2026-03-01", "25051").out("25051", "2026-02-03 08:00", "", down(thongsuot.CauseAccess))
	h.now = h.at("2026-02-03 09:15")
	a := h.account("25051")
	if got := a.Lost(.5); got != 75*time.Minute {
		t.Errorf("lost %s, want 1h15m", got)
	}
	if a.Days != 2 || a.Coverage() != 1 {
		t.Errorf("%d days, coverage %g", a.Days, a.Coverage())
	}
	if len(a.Lines) != 1 || !a.Lines[0].Open {
		t.Errorf("interruptions %+v", a.Lines)
	}
}

// A month added up by hand: February 2026 has 20 weekdays, two of them Tết here,
// so 18 days of 8 hours.
func TestMonthByHand(t *testing.T) {
	h := newHouse(t, "2026-02-01", "2026-03-01", "25051", "24712")
	degraded := thongsuot.Verdict{State: thongsuot.StateDegraded, Cause: thongsuot.CauseAccess, Confidence: .7}
	low := thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CauseUnknown, Confidence: .3}
	h.out("25051", "2026-02-03 08:00", "2026-02-03 09:30", down(thongsuot.CausePower)). // 1.5
												out("25051", "2026-02-05 16:00", "2026-02-06 08:00", degraded).                     // 2 × 0.5
												out("25051", "2026-02-10 10:00", "2026-02-10 10:30", low).                          // 0.5
												out("25051", "2026-02-11 12:00", "2026-02-11 13:00", down(thongsuot.CauseUpstream)) // 0
	// The agent ran all month but for four hours on 12 February: 13:00 to 17:00.
	alive := reports.Spans{{From: h.from, To: h.at("2026-02-12 13:00")}, {From: h.at("2026-02-12 17:00"), To: h.to}}
	h.watch["25051"] = reports.Watch{Alive: alive}
	a := h.account("25051")
	if a.Office != 144*time.Hour || a.OfficeSeen != 140*time.Hour+30*time.Minute {
		t.Errorf("office %s, seen %s; want 144 h and 140.5 h", a.Office, a.OfficeSeen)
	}
	if got := a.Lost(.5); got != 3*time.Hour {
		t.Errorf("lost %s, want 3h", got)
	}
	if _, office := a.Availability(); math.Abs(office-(1-2/140.5)) > 1e-12 {
		t.Errorf("availability %g", office)
	}
	want := []reports.Loss{
		{Cause: thongsuot.CausePower, Level: thongsuot.LevelHigh, Down: 90 * time.Minute},
		{Cause: thongsuot.CauseAccess, Level: thongsuot.LevelMedium, Degraded: 2 * time.Hour},
		{Cause: thongsuot.CauseUnknown, Level: thongsuot.LevelLow, Down: 30 * time.Minute},
	}
	if fmt.Sprint(a.Losses) != fmt.Sprint(want) {
		t.Errorf("losses %v, want %v", a.Losses, want)
	}
	if len(a.Unclear) != 1 || len(a.Lines) != 1 || len(a.Power) != 1 {
		t.Errorf("interruptions %v %v %v", a.Power, a.Lines, a.Unclear)
	}
}

// Blind time is in no numerator and no denominator.
func TestBlind(t *testing.T) {
	unknown := thongsuot.Verdict{State: thongsuot.StateUnknown, Cause: thongsuot.CauseAgent, Confidence: .7}
	h := newHouse(t, "2026-02-02", "2026-02-03", "25051").out("25051", "2026-02-02 07:30", "2026-02-02 11:30", unknown)
	h.watch["25051"] = reports.Watch{Alive: reports.Spans{{From: h.at("2026-02-02 11:30"), To: h.to}}}
	a := h.account("25051")
	always, office := a.Availability()
	if a.Coverage() != .5 || always != 1 || office != 1 || a.Lost(.5) != 0 {
		t.Errorf("coverage %g, available %g and %g, lost %s", a.Coverage(), always, office, a.Lost(.5))
	}
	h.watch["25051"] = reports.Watch{}
	if a := h.account("25051"); a.Coverage() != 0 {
		t.Errorf("never observed, coverage %g", a.Coverage())
	} else if _, office := a.Availability(); !math.IsNaN(office) {
		t.Errorf("never observed, availability %g", office)
	}
}

// States are those of the time, the cause is the newest; a correction replaces
// the state in which the incident ended.
func TestRevisions(t *testing.T) {
	h := newHouse(t, "2026-02-02", "2026-02-03", "25051")
	at := func(clock string) time.Time { return h.at("2026-02-02 " + clock) }
	in := thongsuot.Incident{ID: "x", Site: "25051", Start: at("08:00"), Revision: 1,
		Verdict: thongsuot.Verdict{State: thongsuot.StateAtRisk, Cause: thongsuot.CausePower, Confidence: .9}}
	history := []thongsuot.Change{{Kind: thongsuot.ChangeOpened, At: in.Start, Incident: in}}
	next := func(kind thongsuot.ChangeKind, clock string, change func(*thongsuot.Incident)) {
		in.Revision++
		change(&in)
		history = append(history, thongsuot.Change{Kind: kind, At: at(clock), Incident: in})
	}
	next(thongsuot.ChangeWorse, "08:30", func(i *thongsuot.Incident) {
		i.Verdict = thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CauseUnknown, Confidence: .3}
	})
	next(thongsuot.ChangeClosed, "10:00", func(i *thongsuot.Incident) { i.End = at("10:00") })
	h.histories = [][]thongsuot.Change{history}
	if a := h.account("25051"); len(a.Losses) != 1 || a.Losses[0].Cause != thongsuot.CauseUnknown || a.Losses[0].Down != 90*time.Minute {
		t.Errorf("before the correction: %v", a.Losses)
	}
	next(thongsuot.ChangeRevised, "10:00", func(i *thongsuot.Incident) {
		i.Verdict = thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CausePower, Confidence: .95}
	})
	h.histories = [][]thongsuot.Change{history}
	a := h.account("25051")
	if len(a.Losses) != 1 || a.Losses[0] != (reports.Loss{Cause: thongsuot.CausePower, Level: thongsuot.LevelHigh, Down: 90 * time.Minute}) {
		t.Errorf("after it: %v", a.Losses)
	}
	if len(a.Power) != 1 || a.Power[0].End.Sub(a.Power[0].Start) != 2*time.Hour {
		t.Errorf("mains was gone from 8 to 10: %v", a.Power)
	}
	next(thongsuot.ChangeRevised, "10:00", func(i *thongsuot.Incident) {
		i.Verdict = thongsuot.Verdict{State: thongsuot.StateUnknown, Cause: thongsuot.CauseHost, Confidence: .95}
	})
	h.histories = [][]thongsuot.Change{history}
	if a := h.account("25051"); a.Lost(.5) != 0 {
		t.Errorf("it was our machine, lost %s", a.Lost(.5))
	}
}

// What somebody says who was there outweighs what was concluded.
func TestTruth(t *testing.T) {
	f := func(truth thongsuot.Cause, want string) {
		t.Helper()
		h := newHouse(t, "2026-02-02", "2026-02-03", "25051").out("25051", "2026-02-02 08:00", "2026-02-02 09:00", down(thongsuot.CauseAccess))
		last := &h.histories[0][1].Incident
		last.Truth = &thongsuot.Truth{Incident: last.ID, Cause: truth, Who: "UBND", How: thongsuot.HowCommand, At: last.End}
		if got := fmt.Sprint(h.account("25051").Losses); got != want {
			t.Errorf("%s: losses %s, want %s", truth, got, want)
		}
	}
	f(thongsuot.CausePower, "[{power high 1h0m0s 0s}]")
	f(thongsuot.CauseNone, "[]")
}

// A regional incident is told by its members' own records, once.
func TestRegional(t *testing.T) {
	h := newHouse(t, "2026-02-02", "2026-02-03", "25051", "24712")
	h.out("25051", "2026-02-02 08:00", "2026-02-02 09:00", down(thongsuot.CauseUpstream)).out("24712", "2026-02-02 08:00", "2026-02-02 09:00", down(thongsuot.CauseUpstream))
	region := thongsuot.Region{Kind: thongsuot.RegionUpstream, Name: "Di Linh"}
	for i := range h.histories {
		for j := range h.histories[i] {
			h.histories[i][j].Incident.Part, h.histories[i][j].Incident.Region = "region", region
		}
	}
	h.out("", "2026-02-02 08:00", "2026-02-02 09:00", down(thongsuot.CauseUpstream))
	h.histories[2][0].Incident.Region, h.histories[2][1].Incident.Region = region, region
	h.out("25051", "2026-02-02 08:00", "2026-02-02 17:00", down(thongsuot.CauseUpstream)) // a site that goes and comes
	for j := range h.histories[3] {
		h.histories[3][j].Incident.Region.Kind = thongsuot.RegionFlapping
	}
	r := h.report()
	for _, a := range r.Accounts {
		if a.Lost(.5) != time.Hour {
			t.Errorf("%s lost %s, want 1h", a.Site.Code, a.Lost(.5))
		}
	}
	if r.Lines.SAIFI != 1 {
		t.Errorf("SAIFI %g, want 1", r.Lines.SAIFI)
	}
}

// Of overlapping incidents each instant goes to one.
func TestOverlap(t *testing.T) {
	h := newHouse(t, "2026-02-02", "2026-02-03", "25051")
	h.out("25051", "2026-02-02 08:00", "2026-02-02 10:00", down(thongsuot.CauseAccess)).
		out("25051", "2026-02-02 09:00", "2026-02-02 11:00", down(thongsuot.CausePower))
	a := h.account("25051")
	if fmt.Sprint(a.Losses) != fmt.Sprint([]reports.Loss{{Cause: thongsuot.CausePower, Level: thongsuot.LevelHigh, Down: 2 * time.Hour}, {Cause: thongsuot.CauseAccess, Level: thongsuot.LevelHigh, Down: time.Hour}}) {
		t.Errorf("losses %v", a.Losses)
	}
}

// Old units count for the one that they were merged into, and no hour is lost
// or counted twice on the way.
func TestMerged(t *testing.T) {
	h := newHouse(t, "2026-02-01", "2026-03-01")
	h.site("25051", "2025-07-01", "2026-02-10", "25060")
	h.site("25052", "2025-07-01", "2026-02-10", "25060")
	h.site("25060", "2026-02-11", "", "")
	h.out("25051", "2026-02-03 08:00", "2026-02-03 09:00", down(thongsuot.CausePower)).
		out("25052", "2026-02-04 08:00", "2026-02-04 10:00", down(thongsuot.CausePower)).
		out("25060", "2026-02-12 08:00", "2026-02-12 11:00", down(thongsuot.CausePower)).
		out("25051", "2026-02-12 08:00", "2026-02-12 11:00", down(thongsuot.CausePower)) // no unit any more
	r := h.report()
	if len(r.Accounts) != 1 {
		t.Fatalf("%d accounts, want one", len(r.Accounts))
	}
	a := r.Accounts[0]
	if a.Site.Code != "25060" || a.Lost(.5) != 6*time.Hour || len(a.Codes) != 3 {
		t.Errorf("%s of %v lost %s, want 6h", a.Site.Code, a.Codes, a.Lost(.5))
	}
	// 7 weekdays of two units, 13 - 2 of one less one day of weekends: 18 in all.
	if want := (2*7 + 11) * 8 * time.Hour; a.Office != want {
		t.Errorf("office %s, want %s", a.Office, want)
	}
	if want := (2*10. + 18) / 28; math.Abs(r.Power.Customers-want) > 1e-9 {
		t.Errorf("%g customers, want %g", r.Power.Customers, want)
	}
}

// What holds for any incidents: causes sum to the total, doubling doubles,
// leaving out a site leaves the others alone, order does not matter.
func TestProperties(t *testing.T) {
	causes := thongsuot.Causes()[1:]
	states := []thongsuot.State{thongsuot.StateDown, thongsuot.StateDegraded, thongsuot.StateAtRisk, thongsuot.StateUnknown}
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		build := func(stretch time.Duration, without string) *house {
			rng = rand.New(rand.NewPCG(seed, 1))
			h := newHouse(t, "2026-03-01", "2026-04-01", "25051", "24712", "24748")
			for i := range 40 {
				site := []string{"25051", "24712", "24748"}[rng.IntN(3)]
				// One a day at most, from half past seven, so that a doubled one stays in the morning.
				start := h.at(fmt.Sprintf("2026-03-%02d 07:30", 1+i%31))
				end := start.Add(stretch * time.Duration(1+rng.IntN(110)))
				v := thongsuot.Verdict{State: states[rng.IntN(4)], Cause: causes[rng.IntN(len(causes))], Confidence: thongsuot.Confidence(rng.Float64())}
				if site != without && i < 31 {
					h.out(site, start.Format("2006-01-02 15:04"), end.Format("2006-01-02 15:04"), v)
				}
			}
			return h
		}
		one, two := build(time.Minute, "").report(), build(2*time.Minute, "").report()
		for i, a := range one.Accounts {
			sum := time.Duration(0)
			for _, c := range thongsuot.Causes() {
				sum += a.LostTo(.5, func(l reports.Loss) bool { return l.Cause == c })
			}
			if sum != a.Lost(.5) {
				t.Errorf("seed %d: %s lost %s, its causes %s", seed, a.Site.Code, a.Lost(.5), sum)
			}
			shown := 0.
			for _, v := range one.LostHours(a) {
				shown += v
			}
			if math.Abs(shown-a.Lost(.5).Hours()) > 1e-9 {
				t.Errorf("seed %d: shown %g, lost %g", seed, shown, a.Lost(.5).Hours())
			}
			if two.Accounts[i].Lost(.5) != 2*a.Lost(.5) {
				t.Errorf("seed %d: %s doubled from %s to %s", seed, a.Site.Code, a.Lost(.5), two.Accounts[i].Lost(.5))
			}
		}
		h := build(time.Minute, "24712")
		rng.Shuffle(len(h.histories), func(i, j int) { h.histories[i], h.histories[j] = h.histories[j], h.histories[i] })
		for i, a := range h.report().Accounts {
			if a.Site.Code != "24712" && a.Lost(.5) != one.Accounts[i].Lost(.5) {
				t.Errorf("seed %d: without 24712, %s lost %s instead of %s", seed, a.Site.Code, a.Lost(.5), one.Accounts[i].Lost(.5))
			}
		}
	}
}
