package chart

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// tick is a place on an axis with its text.
type tick struct {
	share float64 // 0..1 of the axis
	text  string
}

// steps are the distances between time ticks that people read with ease.
var steps = []time.Duration{
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	day, 2 * day, 5 * day, 10 * day, 30 * day, 90 * day, 365 * day,
}

const (
	day = 24 * time.Hour

	// maxTimeTicks fits texts of five characters beside each other on a phone.
	maxTimeTicks = 8
	// edge is how near to an end of the axis a text would be cut.
	edge = 0.04
)

// timeTicks are round local times on the axis: a clock time, or the date where
// a day begins.
func (f Frame) timeTicks() []tick {
	whole := f.To.Sub(f.From)
	if whole <= 0 {
		return nil
	}
	step := steps[len(steps)-1]
	for _, s := range steps {
		if whole/s <= maxTimeTicks {
			step = s
			break
		}
	}
	var ticks []tick
	for t := f.firstTick(step); !t.After(f.To) && len(ticks) <= 2*maxTimeTicks; t = t.Add(step) {
		if share := f.share(t); !t.Before(f.From) && share >= edge && share <= 1-edge {
			ticks = append(ticks, tick{share, clock(t, step)})
		}
	}
	return ticks
}

// firstTick is the local midnight at or before the axis, moved on in whole
// steps up to its beginning.
func (f Frame) firstTick(step time.Duration) time.Time {
	y, m, d := f.From.In(f.zone()).Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, f.zone())
	if step >= day {
		return midnight
	}
	return midnight.Add(f.From.Sub(midnight).Truncate(step))
}

func clock(t time.Time, step time.Duration) string {
	if step >= 90*day {
		return t.Format("01/2006")
	}
	if h, m, _ := t.Clock(); step >= day || h == 0 && m == 0 {
		return t.Format("02/01")
	}
	return t.Format("15:04")
}

// scale maps seconds to 0..1 of the height, upwards.
type scale struct {
	top   float64 // seconds at the upper end, above zero
	ticks []tick
}

// scaleTo is a scale from zero to a round number of milliseconds at or above
// top, with three to five ticks.
func scaleTo(top float64, comma bool) scale {
	const wanted = 3 // distances between ticks, at least
	if !finite(top) || top <= 0 {
		top = 0.001
	}
	ms := top * 1000
	power := math.Pow10(int(math.Floor(math.Log10(ms / wanted))))
	step := power
	for _, factor := range []float64{2, 5, 10} {
		if power*factor <= ms/wanted {
			step = power * factor
		}
	}
	count := max(int(math.Ceil(ms/step-1e-9)), 1)
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	s := scale{top: step * float64(count) / 1000}
	every := (count + 4) / 5
	for i := 0; i <= count; i += every {
		s.ticks = append(s.ticks, tick{float64(i) / float64(count), digits(step*float64(i), decimals, comma)})
	}
	return s
}

// share is where v lies on the scale, cut to 0..1.
func (s scale) share(v float64) float64 { return min(max(v/s.top, 0), 1) }

// digits writes v with so many decimals and its thousands apart.
func digits(v float64, decimals int, comma bool) string {
	point, apart := ".", ","
	if comma {
		point, apart = ",", "."
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(v, 'f', decimals, 64), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + apart + whole[i:]
	}
	if fraction == "" {
		return whole
	}
	return whole + point + fraction
}
