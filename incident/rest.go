package incident

import (
	"time"

	"thongsuot"
)

// never is later than all that is observed.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// shown is all that neighbours read of a site when they are judged silent.
type shown struct {
	takesPart, gone, onBattery bool
	goneSince, batterySince    time.Time
}

// show wakes the neighbours of a site when what they read of it changed.
func (e *Engine) show(s *site, now time.Time) {
	s.advance(now, e.cfg)
	is := shown{takesPart: s.takesPart(now)}
	is.goneSince, is.gone = s.gone(now, e)
	is.batterySince, is.onBattery = s.onBatteryAt()
	if is == s.shown {
		return
	}
	s.shown = is
	for _, code := range e.byUpstream[s.Upstream] {
		e.sites[code].rest = time.Time{}
	}
	for _, code := range e.byFeeder[s.Feeder] {
		e.sites[code].rest = time.Time{}
	}
}

// restUntil is the time before which nothing but an observation, or a change
// of a neighbour, can change what is held of a site that was judged at now.
// Whatever else a verdict may come to depend on must end the rest.
func (s *site) restUntil(now time.Time) time.Time {
	switch {
	case s.Gap.waits():
		return time.Time{}
	case s.Heard.IsZero():
		return never
	case s.Silent != nil && s.takesPart(now):
		return s.Heard.Add(heardWithin + 1) // then it counts no longer among its neighbours
	case s.Silent != nil:
		return never
	case s.Open == nil && s.Verdict.State == thongsuot.StateUp && !s.Power.OnBattery && !s.failing():
		return s.beatsUntil()
	default:
		return time.Time{}
	}
}

// failing reports whether any target's newest answer was not the wanted one.
func (s *site) failing() bool {
	for _, t := range s.Targets {
		if t.Fails > 0 {
			return true
		}
	}
	return false
}
