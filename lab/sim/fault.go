package sim

import (
	"slices"
	"time"
)

// Kind is what goes wrong.
type Kind string

// The kinds of fault.
const (
	PowerCut Kind = "power_cut" // no mains; the machine lasts as long as its battery
	LineCut  Kind = "line_cut"  // nothing beyond the office is reached
	WeakLine Kind = "weak_line" // loss and delay rise to their worst in the middle half
	Overload Kind = "overload"  // the portal is slow, and answers 503 in the middle half
)

// Fault is a stretch of time in which something is wrong at some sites.
type Fault struct {
	Kind  Kind
	Sites []string // codes
	Start time.Time
	End   time.Time
	// Battery is how long an UPS lasts in a power cut; 0 is the site's own.
	Battery time.Duration
	// Mild keeps an overload or a weak line below its worst: slow, but answering.
	Mild bool
}

// holds reports whether the fault goes on at t.
func (f Fault) holds(t time.Time) bool { return !t.Before(f.Start) && t.Before(f.End) }

// severity of a fault that comes and goes by degrees: 0 to 1 in the first
// quarter, 1 in the middle half, back to 0 in the last quarter.
func (f Fault) severity(t time.Time) float64 {
	if !f.holds(t) {
		return 0
	}
	x := 4 * t.Sub(f.Start).Seconds() / f.End.Sub(f.Start).Seconds()
	worst := min(x, 1, 4-x)
	if f.Mild {
		return min(worst, 0.75)
	}
	return worst
}

// State is how a site is at one instant.
type State struct {
	On       bool      // the machine runs
	Boots    int       // how often it has started since the first fault
	Since    time.Time // of its start
	Battery  bool      // mains is gone
	Low      bool      // the battery is about to end
	Ending   bool      // the machine is shutting down for that
	Charge   float64   // of the battery, 0..1
	Runtime  time.Duration
	Line     bool    // the world beyond the office is reached
	Weak     float64 // severity of a weak line
	Overload float64 // severity of the portal's overload
}

// Shares of a battery's time.
const (
	lowCharge = 0.25 // below it the UPS says LB
	recharge  = 3    // charging takes that many times as long as emptying
)

// At is the state of the site at t.
func (s Site) At(t time.Time) State {
	st := State{On: true, Line: true, Charge: 1, Since: s.Born}
	for _, f := range s.faults {
		if f.Start.After(t) {
			break
		}
		switch f.Kind {
		case PowerCut:
			s.cut(&st, f, t)
		case LineCut:
			st.Line = st.Line && !f.holds(t)
		case WeakLine:
			st.Weak = max(st.Weak, f.severity(t))
		case Overload:
			st.Overload = max(st.Overload, f.severity(t))
		}
	}
	if s.UPS && !st.Battery {
		st.Runtime = time.Duration(st.Charge * float64(s.Lasts)).Round(time.Second)
	}
	return st
}

// cut is what one power cut does to the site.
func (s Site) cut(st *State, f Fault, t time.Time) {
	lasts := s.Lasts
	if f.Battery > 0 {
		lasts = f.Battery
	}
	if !s.UPS {
		lasts = 0
	}
	end := f.Start.Add(lasts) // of the battery
	dead := end.Before(f.End)
	if f.holds(t) {
		st.Battery = true
		if lasts > 0 {
			st.Charge = max(1-float64(t.Sub(f.Start))/float64(lasts), 0)
			st.Runtime = max(end.Sub(t), 0).Round(time.Second)
		}
		st.Low = st.Charge < lowCharge
		st.Ending = st.Charge < lowCharge/3
		st.On = t.Before(end)
		return
	}
	if s.UPS {
		used := min(float64(f.End.Sub(f.Start))/float64(lasts), 1)
		st.Charge = min(1-used+float64(t.Sub(f.End))/float64(recharge*s.Lasts), 1)
	}
	if !dead {
		return
	}
	up := f.End.Add(s.Boot)
	if st.On = !t.Before(up); st.On {
		st.Boots++
		st.Since = up
	}
}

// With is the site with faults; those of other sites are left out.
func (s Site) With(faults []Fault) Site {
	s.faults = nil
	for _, f := range faults {
		if slices.Contains(f.Sites, s.Code) {
			s.faults = append(s.faults, f)
		}
	}
	slices.SortStableFunc(s.faults, func(a, b Fault) int { return a.Start.Compare(b.Start) })
	return s
}

// Faults are those of the site, by their start.
func (s Site) Faults() []Fault { return s.faults }
