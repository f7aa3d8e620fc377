package incident

import (
	"time"

	"thongsuot"
)

// A site at which all is well, and one that is silent, are judged again only
// when something may have changed: by an observation, by a neighbour, or by
// time. Whatever else a verdict may come to depend on must wake it here.

// next is when the site must be judged though nothing new came of it.
func (s *site) next(e *Engine) time.Time {
	if s.Heard.IsZero() || s.Silent != nil {
		return s.wake
	}
	return earlier(s.wake, s.nextBeat(e))
}

// nextBeat is when the site's next beat will be missing, should it not come.
func (s *site) nextBeat(e *Engine) time.Time {
	heard := later(s.Heard, e.grace)
	for _, o := range s.Standing {
		if o.Start != 0 && o.Every > 0 {
			heard = later(heard, o.At.Add(o.Until.Sub(o.At)/o.Every*o.Every)) // the last of them
		}
	}
	return heard.Add(e.cfg.Grace + s.Said.pace(e.cfg))
}

// idle is the longest time after which a site is looked at again.
const idle = time.Hour

// nextChange is when time alone may change the verdict of now.
func (s *site) nextChange(now time.Time, cfg Config) time.Time {
	at := now.Add(idle)
	consider := func(t time.Time) {
		if t.After(now) && t.Before(at) {
			at = t
		}
	}
	if s.Power.OnBattery {
		consider(s.Power.Since.Add(cfg.HoldBattery))
	}
	if s.Gap.waits() {
		consider(s.Gap.Touched.Add(cfg.Settle))
	}
	if s.Silent != nil {
		consider(s.Heard.Add(heardWithin + 1)) // then it counts no longer among its neighbours
	}
	consider(s.replan)
	if s.Silent != nil && s.Verdict.State == thongsuot.StateOff {
		consider(s.Silent.look)
	}
	for _, t := range s.targets() {
		consider(t.Fresh.Add(cfg.Stale + 1))
		if t.Quality.Loss.High {
			consider(t.Quality.Loss.First.Add(sureOfLoss + 1))
		}
	}
	for i := range s.Standing {
		if o := &s.Standing[i]; s.decides(o) {
			consider(o.At.Add(o.Every))
		}
	}
	return at
}

// decides reports whether an answer more may change what is held of a target.
func (s *site) decides(o *Observation) bool {
	for i := range o.Results {
		if t := s.Targets[o.Results[i].Probe]; t != nil && t.unsettled() {
			return true
		}
	}
	return false
}

// unsettled reports whether an answer like the last, once more, may change what
// is held of the target.
func (t *target) unsettled() bool {
	q := &t.Quality
	return t.Fails > 0 || !q.Loss.First.IsZero() || q.Trip.stirred() || q.FirstByte.stirred() || q.Bulk.stirred()
}

func (d *delay) stirred() bool { return d != nil && (d.High || d.Sum > 0 || d.Acute > 0) }
