package chart

import (
	"html/template"
	"maps"
	"slices"
	"time"
)

// Layer is one series, in seconds, in order of time.
type Layer struct {
	Class  string
	Points []Point
}

// Lines draws each layer as a line, with a strip of what went wrong under it.
func Lines(f Frame, layers []Layer, under []Span) template.HTML {
	top := 0.0
	for _, l := range layers {
		top = max(top, largest(f, l.Points))
	}
	p := newPlot(f, top)
	for _, l := range layers {
		p.line(l.Class, l.Points)
	}
	return p.finish(under)
}

// Stack draws the layers on top of each other, the first at the bottom. A
// layer without a value at an instant at which others have one counts as zero
// there: a phase that did not take place took no time.
func Stack(f Frame, layers []Layer, under []Span) template.HTML {
	sums := make(map[int64]float64)
	for _, l := range layers {
		for _, pt := range l.Points {
			if finite(pt.V) && f.inside(pt.At) {
				sums[pt.At.UnixNano()] += max(pt.V, 0)
			}
		}
	}
	top := 0.0
	for _, v := range sums {
		top = max(top, v)
	}
	instants := slices.Sorted(maps.Keys(sums))
	p := newPlot(f, top)
	floor := make([]float64, len(instants))
	for _, l := range layers {
		values := make(map[int64]float64, len(l.Points))
		for _, pt := range l.Points {
			if finite(pt.V) {
				values[pt.At.UnixNano()] = max(pt.V, 0)
			}
		}
		pairs := make([]pair, len(instants))
		for i, at := range instants {
			ceiling := floor[i] + values[at]
			pairs[i] = pair{time.Unix(0, at), floor[i], ceiling}
			floor[i] = ceiling
		}
		p.area(l.Class, pairs)
	}
	return p.finish(under)
}
