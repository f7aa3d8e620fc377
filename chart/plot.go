package chart

import (
	"cmp"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Measures of a plot, in CSS pixels.
const (
	plotHeight = 180 // of the whole drawing, unless the frame says otherwise
	headroom   = 20  // above the plot, for the unit and the uppermost tick
	underStrip = 7   // strip of losses or failures under the plot
	axisHeight = 18  // line of time texts
)

// gutter is the share of the width that is left of a plot, for the texts of its
// ticks: a share, as no length can be taken from a width that is not known.
const gutter = 0.1

// across is a share of the plot as a place in the drawing.
func across(share float64) string { return percent(gutter + (1-gutter)*share) }

// Curves are drawn on a grid that is finer than pixels, so that integers do.
const (
	gridWidth = 2000
	gridPer   = 4 // units to a pixel, upwards
)

// plot draws curves over time between a scale and a time axis.
type plot struct {
	svg
	frame Frame
	scale scale
	inner int // height of the area of curves, in pixels
}

// newPlot writes everything that lies under the curves. Top is the largest
// value to be shown.
func newPlot(f Frame, top float64) *plot {
	height := f.height(plotHeight)
	p := &plot{frame: f, scale: scaleTo(top, f.Comma), inner: max(height-headroom-underStrip-axisHeight, 20)}
	p.open("svg", "class", "c", "width", "100%", "height", strconv.Itoa(height), "role", "img",
		"aria-labelledby", f.ID+"-t", "aria-describedby", f.ID+"-d")
	p.named(f.ID, f.Title, f.Desc)
	for _, t := range p.scale.ticks {
		y := number(headroom + (1-t.share)*float64(p.inner))
		p.empty("line", "class", "g", "x1", across(0), "x2", "100%", "y1", y, "y2", y)
	}
	for _, t := range f.timeTicks() {
		x := across(t.share)
		p.empty("line", "class", "g", "x1", x, "x2", x, "y1", strconv.Itoa(headroom), "y2", strconv.Itoa(headroom+p.inner))
	}
	p.open("svg", "x", across(0), "y", strconv.Itoa(headroom), "width", percent(1-gutter), "height", strconv.Itoa(p.inner+underStrip),
		"viewBox", "0 0 "+strconv.Itoa(gridWidth)+" "+strconv.Itoa(gridPer*(p.inner+underStrip)),
		"preserveAspectRatio", "none")
	return p
}

// finish writes the strip under the curves and the texts above them.
func (p *plot) finish(under []Span) template.HTML {
	top := gridPer * (p.inner + 1)
	for _, s := range under {
		p.span(p.frame, s, top, gridPer*(underStrip-1))
	}
	p.close("svg")
	p.text("text", cmp.Or(p.frame.Unit, "ms"), "class", "u", "y", "10")
	for _, t := range p.scale.ticks {
		p.text("text", t.text, "class", "y", "x", percent(gutter*.9), "y", number(headroom+(1-t.share)*float64(p.inner)+4))
	}
	baseline := strconv.Itoa(headroom + p.inner + underStrip + 13)
	for _, t := range p.frame.timeTicks() {
		p.text("text", t.text, "class", "x", "x", across(t.share), "y", baseline)
	}
	p.close("svg")
	return p.html()
}

// span draws one stretch of time as a bar on the grid.
func (w *svg) span(f Frame, s Span, y, height int) {
	if !s.To.After(f.From) || !s.From.Before(f.To) {
		return
	}
	const thinnest = 6 // a stretch must not vanish because it is short
	left, right := gridX(f, s.From), gridX(f, s.To)
	left = min(left, gridWidth-thinnest)
	attrs := []string{
		"class", s.Class, "x", strconv.Itoa(left), "y", strconv.Itoa(y),
		"width", strconv.Itoa(max(right-left, thinnest)), "height", strconv.Itoa(height),
	}
	if s.Title == "" {
		w.empty("rect", attrs...)
		return
	}
	w.open("rect", attrs...)
	w.text("title", s.Title)
	w.close("rect")
}

func gridX(f Frame, t time.Time) int { return int(f.share(t)*gridWidth + .5) }

func (p *plot) gridY(v float64) int {
	return int((1-p.scale.share(v))*float64(p.inner*gridPer) + .5)
}

// line draws points as one path that is broken at gaps.
func (p *plot) line(class string, points []Point) {
	var d trace
	for _, run := range runs(p.frame, points) {
		d.move(gridX(p.frame, run[0].At), p.gridY(run[0].V))
		for _, pt := range run[1:] {
			d.to(gridX(p.frame, pt.At), p.gridY(pt.V))
		}
		if len(run) == 1 {
			d.to(d.x+1, d.y) // a dot, by the round end of the line
		}
	}
	p.path(class, &d)
}

// pair is a lower and an upper value at one instant.
type pair struct {
	at        time.Time
	low, high float64
}

// area fills between the two values, broken at gaps.
func (p *plot) area(class string, pairs []pair) {
	const thinnest = 4 // of an area with no neighbours
	var d trace
	for _, run := range split(p.frame, pairs, func(q pair) (time.Time, bool) { return q.at, finite(q.low) && finite(q.high) }) {
		first, last := run[0], run[len(run)-1]
		d.move(gridX(p.frame, first.at), p.gridY(first.high))
		for _, q := range run[1:] {
			d.to(gridX(p.frame, q.at), p.gridY(q.high))
		}
		if len(run) == 1 {
			d.to(d.x+thinnest, d.y)
			d.to(d.x, p.gridY(last.low))
		}
		for _, q := range slices.Backward(run) {
			d.to(gridX(p.frame, q.at), p.gridY(q.low))
		}
		d.WriteByte('z')
	}
	p.path(class, &d)
}

func (p *plot) path(class string, d *trace) {
	if d.Len() > 0 {
		p.empty("path", "class", class, "d", d.String())
	}
}

// trace is path data in relative integers, the shortest there is.
type trace struct {
	strings.Builder
	x, y int
}

func (d *trace) move(x, y int) {
	d.WriteByte('M')
	d.pair(x, y)
	d.x, d.y = x, y
}

func (d *trace) to(x, y int) {
	if x == d.x && y == d.y {
		return
	}
	if y == d.y {
		d.WriteByte('h')
		d.WriteString(strconv.Itoa(x - d.x))
	} else {
		d.WriteByte('l')
		d.pair(x-d.x, y-d.y)
	}
	d.x, d.y = x, y
}

func (d *trace) pair(x, y int) {
	d.WriteString(strconv.Itoa(x))
	if y >= 0 {
		d.WriteByte(' ')
	}
	d.WriteString(strconv.Itoa(y))
}

// runs are the stretches of finite points on the axis without a gap.
func runs(f Frame, points []Point) [][]Point {
	return split(f, points, func(p Point) (time.Time, bool) { return p.At, finite(p.V) })
}

// split cuts what is in order of time where an item is not good, lies off the
// axis or comes later than Frame.Gap after the one before it.
func split[T any](f Frame, items []T, look func(T) (at time.Time, good bool)) [][]T {
	var all [][]T
	start := -1
	var before time.Time
	for i, item := range items {
		at, good := look(item)
		good = good && f.inside(at)
		if start >= 0 && (!good || f.Gap > 0 && at.Sub(before) > f.Gap) {
			all, start = append(all, items[start:i]), -1
		}
		if good && start < 0 {
			start = i
		}
		before = at
	}
	if start >= 0 {
		all = append(all, items[start:])
	}
	return all
}
