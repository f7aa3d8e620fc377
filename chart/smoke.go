package chart

import (
	"html/template"
	"slices"
	"time"
)

// Band is the space between two quantiles. Points are joined by their instant.
type Band struct {
	Class     string // "b1"
	Low, High []Point
}

// SmokeData is the delay to one target, in seconds, with its loss.
type SmokeData struct {
	Median []Point
	Bands  []Band // outermost first: p10 to p90, then p25 to p75
	Loss   []Point
}

// shown is the share of a band's upper values that the scale has room for:
// the few beyond would flatten everything else, and are marked at the top.
const shown = 0.98

// Smoke draws delay as a line in its bands, with a strip of losses under it.
// Bands that leave the scale at its top have marks of the class "over" there;
// the strip has the classes "loss1" (up to 5 %) to "loss4" (nothing came back).
func Smoke(f Frame, data SmokeData) template.HTML {
	var highs []float64
	top := largest(f, data.Median)
	for _, b := range data.Bands {
		for _, pt := range b.High {
			if finite(pt.V) && f.inside(pt.At) {
				highs = append(highs, pt.V)
			}
		}
	}
	if len(highs) > 0 {
		slices.Sort(highs)
		top = max(top, highs[int(shown*float64(len(highs)-1))])
	}
	p := newPlot(f, top)
	for _, b := range data.Bands {
		p.area(b.Class, joined(b.Low, b.High))
	}
	p.line("m", data.Median)
	var over trace
	for _, b := range data.Bands {
		for _, pt := range b.High {
			if finite(pt.V) && f.inside(pt.At) && pt.V > p.scale.top {
				over.move(gridX(f, pt.At), 0)
				over.to(over.x, 3*gridPer)
			}
		}
	}
	p.path("over", &over)
	return p.finish(lossSpans(f, data.Loss))
}

// largest is the largest finite value on the axis, 0 for none.
func largest(f Frame, points []Point) float64 {
	top := 0.0
	for _, pt := range points {
		if finite(pt.V) && f.inside(pt.At) {
			top = max(top, pt.V)
		}
	}
	return top
}

// joined pairs two series where both have a value at the same instant.
func joined(low, high []Point) []pair {
	below := make(map[int64]float64, len(low))
	for _, pt := range low {
		below[pt.At.UnixNano()] = pt.V
	}
	var pairs []pair
	for _, pt := range high {
		if v, ok := below[pt.At.UnixNano()]; ok {
			pairs = append(pairs, pair{pt.At, v, pt.V})
		}
	}
	return pairs
}

// lossSpans turns ratios into bars, each up to the next point but no longer
// than the usual distance; neighbours of one class are one bar.
func lossSpans(f Frame, loss []Point) []Span {
	usual := spacing(loss)
	var spans []Span
	for i, pt := range loss {
		class := lossClass(pt.V)
		if class == "" {
			continue
		}
		to := pt.At.Add(usual)
		if i+1 < len(loss) && loss[i+1].At.Before(to) {
			to = loss[i+1].At
		}
		if n := len(spans); n > 0 && spans[n-1].Class == class && !spans[n-1].To.Before(pt.At) {
			spans[n-1].To = to
			continue
		}
		spans = append(spans, Span{From: pt.At, To: to, Class: class})
	}
	return spans
}

// spacing is the median distance between neighbours.
func spacing(points []Point) time.Duration {
	var apart []time.Duration
	for i := 1; i < len(points); i++ {
		apart = append(apart, points[i].At.Sub(points[i-1].At))
	}
	if len(apart) == 0 {
		return 0
	}
	slices.Sort(apart)
	return apart[len(apart)/2]
}

func lossClass(ratio float64) string {
	switch {
	case !finite(ratio) || ratio <= 0:
		return ""
	case ratio <= 0.05:
		return "loss1"
	case ratio <= 0.2:
		return "loss2"
	case ratio < 1:
		return "loss3"
	default:
		return "loss4"
	}
}
