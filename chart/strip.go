package chart

import (
	"html/template"
	"strconv"
)

// stripHeight is the height of a strip in CSS pixels.
const stripHeight = 14

// Strip draws stretches of time as bars on a ground of the class base. Later
// spans are drawn over earlier ones.
func Strip(f Frame, base string, spans []Span) template.HTML {
	height := f.height(stripHeight)
	var w svg
	w.open("svg", "class", "strip", "width", "100%", "height", strconv.Itoa(height),
		"viewBox", "0 0 "+strconv.Itoa(gridWidth)+" "+strconv.Itoa(height), "preserveAspectRatio", "none",
		"role", "img", "aria-labelledby", f.ID+"-t", "aria-describedby", f.ID+"-d")
	w.named(f.ID, f.Title, f.Desc)
	w.empty("rect", "class", base, "width", strconv.Itoa(gridWidth), "height", strconv.Itoa(height))
	for _, s := range spans {
		w.span(f, s, 0, height)
	}
	w.close("svg")
	return w.html()
}

// Axis draws the line of time texts that belongs under strips.
func Axis(f Frame) template.HTML {
	var w svg
	w.open("svg", "class", "axis", "width", "100%", "height", strconv.Itoa(axisHeight), "aria-hidden", "true")
	for _, t := range f.timeTicks() {
		w.text("text", t.text, "class", "x", "x", percent(t.share), "y", "13")
	}
	w.close("svg")
	return w.html()
}
