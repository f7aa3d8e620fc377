package alerting

import (
	"slices"
	"time"

	"thongsuot"
	"thongsuot/registry"
)

// How long an incident must last before a party is first told of it.
const (
	// provisional is how long a loss of mains is held: self-tests of a supply
	// and transfer clicks are over by then.
	provisional = 2 * time.Second
	chairDown   = 5 * time.Minute
	chairRisk   = time.Minute
	chairSlow   = 30 * time.Minute // of office hours
	// overrun is how long after the announced end of a window its cause counts.
	overrun = 30 * time.Minute
	// aroundHours is how long before opening and after closing a chair may be told.
	aroundHours = 30 * time.Minute
	// maxDaysOff is how far ahead an opening is looked for.
	maxDaysOff = 30
)

// Rules by which a party is told; they are stored with the delivery and
// explained in the message.
const (
	whyOperations = "operations" // operations hear of everything but "up" and "off"
	whyTold       = "told"       // the receiver was told of the incident before
	whyChair      = "chair"      // the commune's counter is stopped, or about to
	whySlow       = "slow"       // slow in office hours, said once a day
	whyOverrun    = "overrun"    // an announced window is over and the outage is not
	whyFallback   = "fallback"   // another channel fails
	whySummary    = "summary"    // the day's budget is spent
)

// due says whether a party is to be told of an incident, by which rule and from
// when. changes are all revisions, by revision; known says that the party knows
// of the incident; planned is when the delivery was planned. It is asked again
// when the hold is over, so that nobody is told of what is past.
func (d *Dispatcher) due(p party, changes []thongsuot.Change, known bool, planned, now time.Time) (why string, at time.Time, ok bool) {
	c := changes[len(changes)-1]
	if !known && !c.Incident.Open() {
		return "", time.Time{}, false
	}
	if p.role == thongsuot.RoleChair {
		if c.Incident.Open() {
			why, at, ok = d.holdChair(changes, now)
		}
		if !ok && known { // how it ends is said in office hours too
			why, at, ok = whyTold, d.inHours(c.Incident.Site, now), true
		}
		return why, at, ok && !at.IsZero()
	}
	site, _ := d.places().Site(c.Incident.Site)
	switch hears := p.rules.hears(c, site); {
	case !hears && !known:
		return "", time.Time{}, false
	case !hears:
		return whyTold, planned, true
	case known:
		return whyOperations, planned, true
	}
	at = planned
	if fresh(c.Incident) {
		at = planned.Add(provisional)
	}
	return whyOperations, at, true
}

// fresh reports whether all that is known is that a supply went on battery.
func fresh(i thongsuot.Incident) bool {
	return i.Revision == 1 && i.Verdict.State == thongsuot.StateAtRisk && i.Verdict.Cause == thongsuot.CausePower && !lowBattery(i.Verdict)
}

func lowBattery(v thongsuot.Verdict) bool {
	return v.Sub == thongsuot.SubLowBattery || slices.ContainsFunc(v.Evidence, func(e thongsuot.Evidence) bool {
		return e.Code == thongsuot.EvidenceLowBattery
	})
}

// holdChair is when the chair of the incident's site is told.
func (d *Dispatcher) holdChair(changes []thongsuot.Change, now time.Time) (why string, at time.Time, ok bool) {
	i := changes[len(changes)-1].Incident
	v := i.Verdict
	if i.Part != "" && i.Region.Kind == thongsuot.RegionFlapping {
		return "", at, false // the incident of all its outages tells
	}
	since := standing(changes)
	switch {
	case v.State == thongsuot.StateDegraded && v.Cause == thongsuot.CauseAccess:
		why, at, ok = whySlow, d.openFor(i.Site, since, chairSlow), true
	case v.State == thongsuot.StateDown && (stopsCounter(v) || i.Part != "" && i.Region.Kind == thongsuot.RegionPortal || voted(v)):
		why, at, ok = whyChair, since.Add(chairDown), true
	case v.State == thongsuot.StateAtRisk && stopsCounter(v):
		why, at, ok = whyChair, since.Add(riskHold(v)), true
	}
	if !ok || at.IsZero() {
		return "", at, false
	}
	if w, within := d.window(i, now); within {
		why, at = whyOverrun, later(at, w.End.Add(overrun))
	} else if v.Planned {
		return "", at, false
	}
	at = d.inHours(i.Site, later(at, now))
	return why, at, !at.IsZero()
}

// riskHold is how long a site may run on battery before its chair is told.
func riskHold(v thongsuot.Verdict) time.Duration {
	if lowBattery(v) {
		return 0
	}
	hold := chairRisk
	for _, e := range v.Evidence {
		if e.Code == thongsuot.EvidenceOnBattery && e.Value > 0 {
			hold = min(hold, time.Duration(e.Value*float64(time.Second))/4)
		}
	}
	return hold
}

// standing is since when the state of the newest revision has stood.
func standing(changes []thongsuot.Change) time.Time {
	last := len(changes) - 1
	first := last
	for first > 0 && changes[first-1].Incident.Verdict.State == changes[last].Incident.Verdict.State {
		first--
	}
	if first == 0 {
		return changes[0].Incident.Start
	}
	return changes[first].At
}

// window is the last announced window in which the incident's cause is
// expected and which it touches; within is false when none is, or when it has
// been over for longer than overrun at now.
func (d *Dispatcher) window(i thongsuot.Incident, now time.Time) (w thongsuot.Window, within bool) {
	cause := i.Verdict.Cause
	if cause == thongsuot.CauseUpstream {
		cause = thongsuot.CauseAccess
	}
	for _, o := range d.places().Windows(i.Site, i.Start, later(now, i.Start.Add(time.Second))) {
		// A cut that cannot be told apart is held to be the announced one.
		if o.Cause == cause || cause == thongsuot.CauseUnknown {
			w, within = o, true
		}
	}
	return w, within
}

// openFor is the moment by which a site has been open for long since a time,
// zero if it is not within days.
func (d *Dispatcher) openFor(site string, since time.Time, long time.Duration) time.Time {
	for _, s := range d.sessions(site, since) {
		start := later(s.Start, since)
		if open := s.End.Sub(start); open >= long {
			return start.Add(long)
		} else if open > 0 {
			long -= open
		}
	}
	return time.Time{}
}

// inHours is the first moment from t on at which the chair of a site may be
// told, zero if there is none within days.
func (d *Dispatcher) inHours(site string, t time.Time) time.Time {
	for _, s := range d.sessions(site, t) {
		if t.Before(s.End.Add(aroundHours)) {
			return later(t, s.Start.Add(-aroundHours))
		}
	}
	return time.Time{}
}

// sessions are the office hours of a site from the day of t on.
func (d *Dispatcher) sessions(site string, t time.Time) (out []registry.Session) {
	places := d.places()
	t = t.In(d.zone)
	for n := range maxDaysOff {
		out = append(out, places.OfficeHours(site, thongsuot.DayOf(t.AddDate(0, 0, n)))...)
	}
	return out
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
