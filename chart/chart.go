// Package chart draws SVG from numbers: a map of hexagon tiles, time strips,
// bands of delay, lines and stacked areas.
//
// Every function is pure: the same numbers give the same bytes, and nothing
// here reads a clock or keeps state, so all of it is safe for concurrent use.
// What comes out is one <svg> element with every text escaped, named by <title>
// and <desc>, and coloured by class only: whoever shows it brings the style
// sheet, so light and dark need no second drawing. Sizes follow the width of
// the page without scripts: curves are stretched, texts are not.
//
// Numbers that are not finite are left out and leave a gap.
package chart

import "time"

// Point is one value at one instant. Delays are in seconds, ratios in 0..1.
type Point struct {
	At time.Time
	V  float64
}

// Span is a stretch of time drawn in the colour of its class.
type Span struct {
	From, To time.Time
	Class    string // "s-down"
	Title    string // shown on hover, read aloud
}

// Frame is what all drawings over time have in common.
type Frame struct {
	ID       string // unique on the page; names of the parts are made from it
	Title    string
	Desc     string // the drawing in a sentence, for those who cannot see it
	From, To time.Time
	Zone     *time.Location // of the time axis; defaults to UTC
	Gap      time.Duration  // points further apart are not joined; 0 joins all
	Height   int            // in CSS pixels; defaults to 180, a strip to 14
	Comma    bool           // "1.234,5" in place of "1,234.5"
	Unit     string         // of a thousandth of what points say; defaults to ms, of seconds
}

// zone is the time zone of the axis.
func (f Frame) zone() *time.Location {
	if f.Zone == nil {
		return time.UTC
	}
	return f.Zone
}

// height is Height, or fallback where none was given.
func (f Frame) height(fallback int) int {
	if f.Height > 0 {
		return f.Height
	}
	return fallback
}

// inside reports whether t lies on the time axis.
func (f Frame) inside(t time.Time) bool { return !t.Before(f.From) && !t.After(f.To) }

// share is where t lies on the time axis, cut to 0..1.
func (f Frame) share(t time.Time) float64 {
	whole := f.To.Sub(f.From)
	if whole <= 0 {
		return 0
	}
	return min(max(float64(t.Sub(f.From))/float64(whole), 0), 1)
}
