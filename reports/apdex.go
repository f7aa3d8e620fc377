package reports

import (
	"sort"
	"time"

	"thongsuot"
)

// Apdex is how content visitors of the portal would have been: an answer
// within the target satisfies, one within four times that is borne, all else
// frustrates.
type Apdex struct{ Satisfied, Tolerating, Frustrated int }

// Visits is how many there were.
func (a Apdex) Visits() int { return a.Satisfied + a.Tolerating + a.Frustrated }

// Score is (satisfied + tolerating/2) / visits, NaN without any.
func (a Apdex) Score() float64 {
	return (float64(a.Satisfied) + float64(a.Tolerating)/2) / zeroIsNaN(float64(a.Visits()))
}

// Plus is both together.
func (a Apdex) Plus(o Apdex) Apdex {
	return Apdex{a.Satisfied + o.Satisfied, a.Tolerating + o.Tolerating, a.Frustrated + o.Frustrated}
}

// Count adds one visit that was answered after took.
func (a *Apdex) Count(took, target time.Duration) {
	switch {
	case took <= target:
		a.Satisfied++
	case took <= 4*target:
		a.Tolerating++
	default:
		a.Frustrated++
	}
}

// failures adds visits that failed. Those that did because the site itself was
// cut off say nothing of the portal.
func (a *Apdex) failures(at []time.Time, segments []Segment) {
	for _, t := range at {
		if !cutOff(segments, t) {
			a.Frustrated++
		}
	}
}

func cutOff(segments []Segment, at time.Time) bool {
	i := sort.Search(len(segments), func(i int) bool { return segments[i].To.After(at) })
	return i < len(segments) && !segments[i].From.After(at) && segments[i].Cause != thongsuot.CausePortal && segments[i].State == thongsuot.StateDown
}
