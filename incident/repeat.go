package incident

import (
	"slices"
	"time"

	"thongsuot"
)

// advance takes in what standing observations brought until now. Of a run of
// equal ones the last says how things are, and each is learned from.
func (s *site) advance(now time.Time, cfg Config) {
	for i := 0; i < len(s.Standing); i++ {
		o := &s.Standing[i]
		until := now
		if o.Until.Before(until) {
			until = o.Until
		}
		if n := int64(until.Sub(o.At) / o.Every); n > 0 {
			s.learn(*o, n-1, cfg)
			o.shift(n)
			s.take(*o, cfg)
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

// learn takes in n more of a standing observation for what they say of what is
// usual.
func (s *site) learn(o Observation, n int64, cfg Config) {
	if n <= 0 {
		return
	}
	for _, r := range o.Results {
		if t := s.Targets[r.Probe]; t != nil && r.OK() {
			r.At = r.At.Add(o.Every)
			t.Quality.repeat(r, n, o.Every, cfg)
		}
	}
}

// repeat measures n equal answers, the first of them r. What is usual is known
// by the hour, so it is asked anew in each whether they only confirm it.
func (q *quality) repeat(r thongsuot.Result, n int64, every time.Duration, cfg Config) {
	for n > 0 {
		if !q.steady(r) {
			q.measure(r, cfg)
			r.At = r.At.Add(every)
			n--
			continue
		}
		next := r.At.Truncate(time.Hour).Add(time.Hour)
		in := min(n, int64((next.Sub(r.At)-1)/every)+1)
		for _, d := range [...]*delay{q.Trip, q.FirstByte, q.Bulk} {
			d.repeat(r.At, in, every)
		}
		r.At = r.At.Add(time.Duration(in) * every)
		n -= in
	}
}

// steady reports whether answers like r, in its hour, only confirm what is known.
func (q *quality) steady(r thongsuot.Result) bool {
	if l := &q.Loss; r.Kind == thongsuot.ProbeICMP && (len(l.Lost) < keptRounds || l.High || slices.ContainsFunc(l.Lost, func(n byte) bool { return n > 0 })) {
		return false
	}
	return q.Trip.steady(r.At) && q.FirstByte.steady(r.At) && q.Bulk.steady(r.At)
}

// steady reports whether all answers since the last value were the same, and
// hardly longer than is usual in that hour.
func (d *delay) steady(at time.Time) bool {
	if d == nil {
		return true
	}
	if d.Values == 0 || d.stirred() || d.Equal < medianOf {
		return false
	}
	const most = cusumSlack * leastSpread
	h := at.UTC().Hour()
	return (d.knows(at) || d.Newest-d.Usual < most) && (d.HourN[h] == 0 || d.Newest-float64(d.HourLn[h]) < most)
}

// repeat takes in n answers more like the newest, from at on.
func (d *delay) repeat(at time.Time, n int64, every time.Duration) {
	if d == nil || n <= 0 {
		return
	}
	at = at.Add(-every) // each step leads to the last answer of a value
	for {
		need := int64(medianOf - len(d.Recent))
		if need > n {
			break
		}
		n -= need
		at = at.Add(time.Duration(need) * every)
		d.Recent, d.Rises = d.Recent[:0], at
		d.learn(at, d.Newest)
	}
	for ; n > 0; n-- {
		d.Recent = append(d.Recent, d.Newest)
	}
}

// listen notes only the signs of life until now: all that neighbours ask for.
func (s *site) listen(now time.Time) {
	for i := range s.Standing {
		o := &s.Standing[i]
		if o.Start == 0 {
			continue
		}
		until := now
		if o.Until.Before(until) {
			until = o.Until
		}
		if n := until.Sub(o.At) / o.Every; n > 0 {
			s.Heard = later(s.Heard, o.At.Add(n*o.Every))
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
