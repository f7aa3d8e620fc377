package incident

import (
	"math"
	"slices"
	"time"

	"thongsuot"
)

// measure reads how well the targets answer that do: the worst of each kind.
func (v sight) measure(now time.Time, f *Facts) {
	worst := 1.0
	for _, t := range v.hostsUp {
		l := &t.Quality.Loss
		if l.High {
			f.Loss = max(f.Loss, l.Ratio)
			f.LossShort = now.Sub(l.First) < burst
		}
		if is, was := t.Quality.Trip.read(now); was > 0 && (f.UsualRTT == 0 || float64(is)/float64(was) > worst) {
			f.RTT, f.UsualRTT, worst = is, was, max(float64(is)/float64(was), 1)
		}
	}
	if t := v.gatewayUp; t != nil {
		if t.Quality.Loss.High {
			f.GatewayLoss = t.Quality.Loss.Ratio
		}
		f.GatewayRTT, f.UsualGatewayRTT = t.Quality.Trip.read(now)
	}
	if t := v.firstHop; t != nil {
		lost, sent := t.Quality.Loss.newest(spreadOver)
		if sent >= heavyOver {
			f.HopLoss = Success(max(float64(lost)/float64(sent), t.Quality.Loss.Ratio))
		}
		f.HopRTT, f.UsualHopRTT = t.Quality.Trip.read(now)
	}
	worst = 1
	for _, t := range v.portalUp {
		q := &t.Quality
		first, usualFirst := q.FirstByte.read(now)
		bulk, usualBulk := q.Bulk.read(now)
		if usualFirst == 0 || usualBulk == 0 {
			continue
		}
		if rise := max(float64(first)/float64(usualFirst), float64(bulk)/float64(usualBulk)); f.UsualFirstByte == 0 || rise > worst {
			f.FirstByte, f.UsualFirstByte, f.Bulk, f.UsualBulk, worst = first, usualFirst, bulk, usualBulk, max(rise, 1)
			f.Connect, f.UsualConnect = q.Trip.read(now)
		}
	}
}

// poor lists the targets that answer badly, the gateway and the carrier's hop
// included where they do.
func (v sight) poor() (out []*target) {
	all := slices.Concat(v.hostsUp, v.portalUp)
	for _, t := range []*target{v.firstHop, v.gatewayUp} {
		if t != nil {
			all = append(all, t)
		}
	}
	for _, t := range all {
		if t.Quality.poor() {
			out = append(out, t)
		}
	}
	return out
}

func (q *quality) poor() bool {
	return q.Loss.High || q.Trip.high() || q.FirstByte.high() || q.Bulk.high()
}

func (d *delay) high() bool { return d != nil && d.High }

// pageSlow reports whether the page itself is slow, and not the way to it.
func (t *target) pageSlow() bool {
	q := &t.Quality
	return (q.FirstByte.high() || q.Bulk.high()) && !q.Trip.high()
}

// pageRising reports whether the page may be about to be slow.
func (t *target) pageRising() bool {
	q := &t.Quality
	return (q.FirstByte.rising() || q.Bulk.rising()) && !q.Trip.rising()
}

func (d *delay) rising() bool { return d != nil && (d.High || d.Acute > 0 || d.Sum > cusumAlarm/2) }

// since is when the target began to answer badly.
func (q *quality) since() (at time.Time) {
	earlier := func(t time.Time, holds bool) {
		if holds && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	earlier(q.Loss.First, q.Loss.High)
	for _, d := range []*delay{q.Trip, q.FirstByte, q.Bulk} {
		if d.high() {
			earlier(d.Rises, true)
		}
	}
	return at
}

// eased is when the target last stopped to answer badly: at its last loss, or
// at the first of the delays that were usual again.
func (q *quality) eased() (at time.Time) {
	if at = q.Loss.Last; !q.Loss.First.IsZero() {
		at = time.Time{}
	}
	for _, d := range []*delay{q.Trip, q.FirstByte, q.Bulk} {
		if d != nil && !d.High {
			at = later(at, d.Eased)
		}
	}
	return at
}

// poorEvidence says of each target what is bad, and what was usual.
func poorEvidence(ts []*target, now time.Time) (out []thongsuot.Evidence) {
	for _, t := range ts {
		e := thongsuot.Evidence{Probe: t.Last.Probe, Target: t.Last.Target}
		if l := &t.Quality.Loss; l.High {
			e.Code, e.At, e.Value = thongsuot.EvidenceTargetLossy, l.First, math.Round(1000*l.Ratio)/1000
			out = append(out, e)
		}
		for _, d := range []*delay{t.Quality.Trip, t.Quality.FirstByte, t.Quality.Bulk} {
			if d.high() {
				is, was := d.read(now)
				e.Code, e.At, e.Value, e.Usual = thongsuot.EvidenceTargetSlow, d.Rises, millis(is), millis(was)
				out = append(out, e)
			}
		}
	}
	return out
}

// millis is a duration in seconds, to the millisecond.
func millis(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

func earliestPoor(ts []*target) (at time.Time) {
	for _, t := range ts {
		if since := t.Quality.since(); at.IsZero() || since.Before(at) {
			at = since
		}
	}
	return at
}
