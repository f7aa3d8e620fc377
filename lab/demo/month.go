package demo

import (
	"maps"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/lab/sim"
)

// What goes wrong in an ordinary month: chances of one day. They are made up
// to look right, not measured.
const (
	chanceFeeder   = 0.015 // a feeder loses power
	chanceSonDien  = 0.5   // Sơn Điền loses power in each three hours of the day
	chanceLine     = 0.004 // the line of one site is cut
	chanceWeakCut  = 0.15  // the same where the line is weak
	chanceWeak     = 0.45  // a weak line has a bad evening
	chanceUpstream = 0.004 // an aggregation route is cut
	chanceOverload = 0.22  // the portal is overloaded, on a working day
)

// month is what went wrong at the sites in [from, to). It depends on the seed
// and the calendar alone: the same day is the same whenever it is asked for.
func month(sites []thongsuot.Site, seed uint64, from, to time.Time) []sim.Fault {
	var out []sim.Fault
	for day := from.In(sim.Zone).Truncate(24 * time.Hour).Add(-7 * time.Hour); day.Before(to); day = day.Add(24 * time.Hour) {
		for _, f := range oneDay(sites, seed, day) {
			if f.Start.After(from) && f.End.Before(to) {
				out = append(out, f)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b sim.Fault) int { return a.Start.Compare(b.Start) })
	return out
}

// oneDay is what goes wrong in the 24 hours from day on.
func oneDay(sites []thongsuot.Site, seed uint64, day time.Time) (out []sim.Fault) {
	draw := func(name string) float64 { return sim.Draw(seed, name, day.Unix()) }
	add := func(name string, kind sim.Kind, codes []string, first, last, least, most time.Duration) {
		start := day.Add(between(draw(name+" start"), first, last))
		out = append(out, sim.Fault{Kind: kind, Sites: codes, Start: start, End: start.Add(between(draw(name+" length"), least, most))})
	}
	feeders, upstreams := codesBy(sites, feederOf), codesBy(sites, upstreamOf)
	for _, name := range slices.Sorted(maps.Keys(feeders)) {
		if draw(name) < chanceFeeder {
			add(name, sim.PowerCut, feeders[name], 6*time.Hour, 21*time.Hour, 15*time.Minute, 3*time.Hour)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(upstreams)) {
		if draw(name) < chanceUpstream {
			add(name, sim.LineCut, upstreams[name], 7*time.Hour, 22*time.Hour, 6*time.Minute, 25*time.Minute)
		}
	}
	var all []string
	for _, s := range sites {
		all = append(all, s.Code)
		weak := s.Code == quangPhu || s.Code == quangTan
		if p := draw("line " + s.Code); p < chanceLine || weak && p < chanceWeakCut {
			add("line "+s.Code, sim.LineCut, []string{s.Code}, 0, 22*time.Hour, 3*time.Minute, 80*time.Minute)
		}
		if weak && draw("weak "+s.Code) < chanceWeak {
			add("weak "+s.Code, sim.WeakLine, []string{s.Code}, 18*time.Hour, 20*time.Hour, 40*time.Minute, 2*time.Hour)
		}
		for from := 7 * time.Hour; s.Code == sonDien && from < 19*time.Hour; from += 3 * time.Hour {
			if name := "power " + s.Code + from.String(); draw(name) < chanceSonDien {
				add(name, sim.PowerCut, []string{s.Code}, from, from+2*time.Hour, 3*time.Minute, 45*time.Minute)
			}
		}
	}
	if wd := day.In(sim.Zone).Weekday(); wd != time.Saturday && wd != time.Sunday && draw("portal") < chanceOverload {
		add("portal", sim.Overload, all, 8*time.Hour+20*time.Minute, 9*time.Hour+30*time.Minute, 18*time.Minute, 40*time.Minute)
	}
	return out
}

func between(x float64, least, most time.Duration) time.Duration {
	return (least + time.Duration(x*float64(most-least))).Round(time.Second)
}
