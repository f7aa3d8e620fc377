package sim

import (
	"time"

	"thongsuot"
)

// Pace is how often an agent does what.
type Pace struct {
	Beat  time.Duration // sign of life
	Round time.Duration // gateway, reference host, resolver
	Slow  time.Duration // portal, boot, and power that does not change
}

// RealPace is that of the real agent.
func RealPace() Pace {
	return Pace{Beat: 5 * time.Second, Round: 10 * time.Second, Slow: time.Minute}
}

// Rounds says when which probe of a site answers. It is asked in order of time.
type Rounds struct {
	site   Site
	pace   Pace
	round  time.Time // next
	slow   time.Time // next
	before State
}

// NewRounds begins with the first time that is asked for; sites ask the
// portal spread over the minute.
func NewRounds(s Site, pace Pace) *Rounds { return &Rounds{site: s, pace: pace} }

// At are the answers that are due at t: none while the machine is off, and the
// UPS at once when its news changes.
func (r *Rounds) At(t time.Time) (out []thongsuot.Result) {
	if r.round.IsZero() {
		r.round = t
		r.slow = t.Add(time.Duration(r.site.draw(5) * float64(r.pace.Slow)))
		r.before = r.site.At(t)
	}
	st := r.site.At(t)
	news := st.Battery != r.before.Battery || st.Low != r.before.Low || st.Boots != r.before.Boots
	r.before = st
	if !t.Before(r.round) {
		r.round = after(r.round, r.pace.Round, t)
		out = append(out, r.site.Often(t)...)
	}
	switch {
	case !t.Before(r.slow):
		r.slow = after(r.slow, r.pace.Slow, t)
		out = append(out, r.site.Seldom(t)...)
	case news && r.site.UPS && st.On:
		out = append(out, r.site.Power(t))
	}
	return out
}

// after is the first of the times that are a step apart from last and after t.
func after(last time.Time, step time.Duration, t time.Time) time.Time {
	return last.Add((t.Sub(last)/step + 1) * step)
}
