package reports

import (
	"math"
	"slices"
	"time"

	"thongsuot"
)

// SustainedAfter is how long an interruption lasts at least to count in SAIDI
// and SAIFI; what is not longer is momentary (IEEE 1366-2022; Circular
// 05/2025/TT-BCT article 15).
const SustainedAfter = 5 * time.Minute

// momentaryEvent is the window in which momentary interruptions are one event
// (IEEE 1366: MAIFI_E).
const momentaryEvent = 5 * time.Minute

// Interruption is one interruption at one customer, here the site of a unit.
type Interruption struct {
	Site       string
	Start, End time.Time
	Open       bool
	Planned    bool
	Level      thongsuot.Level
}

// Sustained reports whether it counts in SAIDI and SAIFI.
func (i Interruption) Sustained() bool { return i.End.Sub(i.Start) > SustainedAfter }

// Indices are those of IEEE 1366 over one period. Those that are not defined,
// such as a mean over no interruption, are NaN.
type Indices struct {
	Customers            float64 // N_T
	Sustained, Momentary int
	SAIFI                float64 // interruptions a customer
	SAIDI                float64 // minutes a customer
	SAIDIHat             float64 // minutes, as if all had been observed for the whole period
	CAIDI                float64 // minutes an interruption
	MAIFI, MAIFIE        float64
	ASAI                 float64 // over observed time
	CEMI                 float64 // share of customers with Config.CEMI sustained interruptions or more
	CELID                float64 // share of customers with one of Config.CELID or longer
	CELIDTotal           float64 // share of customers whose interruptions are that long together
	Coverage             float64 // share of the time in which interruptions would have been seen
	MED                  MajorDays
}

// Exposure is over what indices are counted.
type Exposure struct {
	Customers     float64       // N_T
	Period        time.Duration // its length
	Due, Observed time.Duration // of all customers together
}

// IndicesOf computes the indices. Interruptions of a customer must not overlap.
func IndicesOf(all []Interruption, over Exposure, cfg Config) Indices {
	n := zeroIsNaN(over.Customers)
	x := Indices{Customers: over.Customers, Coverage: ratio(over.Observed, over.Due)}
	count := map[string]int{}
	total := map[string]time.Duration{}
	long := map[string]bool{}
	var out time.Duration
	for _, i := range all {
		if !i.Sustained() {
			x.Momentary++
			continue
		}
		r := i.End.Sub(i.Start)
		x.Sustained++
		out += r
		count[i.Site]++
		total[i.Site] += r
		long[i.Site] = long[i.Site] || r >= cfg.CELID
	}
	share := func(holds func(site string) bool) float64 {
		k := 0
		for site := range count {
			if holds(site) {
				k++
			}
		}
		return float64(k) / n
	}
	x.SAIFI = float64(x.Sustained) / n
	x.SAIDI = out.Minutes() / n
	x.SAIDIHat = over.Period.Minutes() * ratio(out, over.Observed)
	x.CAIDI = out.Minutes() / zeroIsNaN(float64(x.Sustained))
	x.MAIFI = float64(x.Momentary) / n
	x.MAIFIE = float64(momentaryEvents(all)) / n
	x.ASAI = 1 - ratio(out, over.Observed)
	x.CEMI = share(func(s string) bool { return count[s] >= cfg.CEMI })
	x.CELID = share(func(s string) bool { return long[s] })
	x.CELIDTotal = share(func(s string) bool { return total[s] >= cfg.CELID })
	return x
}

// momentaryEvents counts momentary interruptions of one customer within five
// minutes as one, and those that lead into a sustained one not at all.
func momentaryEvents(all []Interruption) (events int) {
	bySite := map[string][]Interruption{}
	for _, i := range all {
		bySite[i.Site] = append(bySite[i.Site], i)
	}
	for _, list := range bySite {
		slices.SortFunc(list, func(a, b Interruption) int { return a.Start.Compare(b.Start) })
		for i := 0; i < len(list); {
			first, leads := list[i], false
			for ; i < len(list) && list[i].Start.Sub(first.Start) <= momentaryEvent; i++ {
				leads = leads || list[i].Sustained()
			}
			if !leads {
				events++
			}
		}
	}
	return events
}

// MajorDays are the days on which more was interrupted than the network is
// built for, by the 2.5β method of IEEE 1366.
type MajorDays struct {
	Threshold float64         // T_MED in minutes a customer; NaN where there are too few days
	Days      []thongsuot.Day // beyond it
	NonZero   int             // days with any interruption
}

// minMajorDays is how many days with interruptions the method needs here.
const minMajorDays = 90

// MajorDaysOf finds them among the days of sustained interruptions. An
// interruption belongs whole to the day it began on.
func MajorDaysOf(all []Interruption, customers float64, zone *time.Location) MajorDays {
	daily := map[thongsuot.Day]float64{}
	for _, i := range all {
		if i.Sustained() {
			daily[thongsuot.DayOf(i.Start.In(zone))] += i.End.Sub(i.Start).Minutes() / zeroIsNaN(customers)
		}
	}
	m := MajorDays{NonZero: len(daily), Threshold: math.NaN()}
	if m.NonZero < minMajorDays {
		return m
	}
	var days []thongsuot.Day
	for day := range daily {
		days = append(days, day)
	}
	slices.SortFunc(days, func(a, b thongsuot.Day) int {
		if a.Before(b) {
			return -1
		}
		return 1
	})
	var sum, square float64
	for _, d := range days {
		sum += math.Log(daily[d])
	}
	alpha := sum / float64(len(days))
	for _, d := range days {
		square += (math.Log(daily[d]) - alpha) * (math.Log(daily[d]) - alpha)
	}
	m.Threshold = math.Exp(alpha + 2.5*math.Sqrt(square/float64(len(days)-1)))
	for _, d := range days {
		if daily[d] > m.Threshold {
			m.Days = append(m.Days, d)
		}
	}
	return m
}

// interruptions are the stretches of incidents that began while the site was
// to be observed and in which is holds, each in its whole length.
func interruptions(site string, due Spans, segments []Segment, is func(Segment) bool) (out []Interruption) {
	for _, s := range segments {
		if !is(s) {
			continue
		}
		if n := len(out); n > 0 && !s.From.After(out[n-1].End) {
			out[n-1].End, out[n-1].Open = later(out[n-1].End, s.To), s.Open
			continue
		}
		out = append(out, Interruption{Site: site, Start: s.From, End: s.To, Open: s.Open, Planned: s.Planned, Level: s.Confidence.Level()})
	}
	return slices.DeleteFunc(out, func(i Interruption) bool {
		return !slices.ContainsFunc(due, func(d Span) bool { return !i.Start.Before(d.From) && i.Start.Before(d.To) })
	})
}

// mainsGone holds while there is no mains, also where a UPS carries the site.
func mainsGone(s Segment) bool {
	return s.Cause == thongsuot.CausePower && s.Sub != thongsuot.SubVoltage && (s.State == thongsuot.StateDown || s.State == thongsuot.StateAtRisk)
}

// lineGone holds while the way out of the office is gone.
func lineGone(s Segment) bool {
	return s.State == thongsuot.StateDown && (s.Cause == thongsuot.CauseAccess || s.Cause == thongsuot.CauseUpstream)
}

// goneSomehow holds while the site is gone and nobody knows why.
func goneSomehow(s Segment) bool {
	return s.State == thongsuot.StateDown && s.Cause == thongsuot.CauseUnknown
}

func zeroIsNaN(v float64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return v
}
