package incident

import (
	"slices"
	"time"

	"thongsuot"
)

// learnFrom is how many of a run of equal observations are taken in one by one:
// enough for what is usual to be learned, and for loss to be forgotten.
const learnFrom = 25

// advance takes in what standing observations brought until now. Of a run of
// equal ones the last say all.
func (s *site) advance(now time.Time, cfg Config) {
	for i := 0; i < len(s.Standing); i++ {
		o := &s.Standing[i]
		until := now
		if o.Until.Before(until) {
			until = o.Until
		}
		if n := int64(until.Sub(o.At) / o.Every); n > 0 {
			k := int64(1)
			if len(o.Results) > 0 {
				k = min(n, learnFrom)
			}
			o.shift(n - k)
			for ; k > 0; k-- {
				o.shift(1)
				s.take(*o, cfg)
			}
			if o.Start != 0 {
				s.Heard = later(s.Heard, o.At)
				s.forget(s.Heard, cfg)
			}
		}
		if o.At.Add(o.Every).After(o.Until) {
			s.Standing = slices.Delete(s.Standing, i, i+1)
			i--
		}
	}
}

// shift moves a standing observation on by n times.
func (o *Observation) shift(n int64) {
	d := time.Duration(n) * o.Every
	o.At = o.At.Add(d)
	for k := range o.Results {
		o.Results[k].At = o.Results[k].At.Add(d)
	}
}

// stand keeps an observation that goes on, in place of what it follows on: the
// beat before, or answers of the same probes.
func (s *site) stand(o Observation) {
	s.Standing = slices.DeleteFunc(s.Standing, func(was Observation) bool {
		return o.Beat != nil && was.Beat != nil || slices.ContainsFunc(was.Results, func(r thongsuot.Result) bool {
			return slices.ContainsFunc(o.Results, func(n thongsuot.Result) bool { return n.Probe == r.Probe && n.At.After(r.At) })
		})
	})
	if o.Every > 0 && !o.At.Add(o.Every).After(o.Until) {
		o.Results = slices.Clone(o.Results) // their times will move on
		s.Standing = append(s.Standing, o)
	}
}

// beatsUntil is until when a standing beat goes on; zero for none.
func (s *site) beatsUntil() time.Time {
	for _, o := range s.Standing {
		if o.Beat != nil {
			return o.Until
		}
	}
	return time.Time{}
}
