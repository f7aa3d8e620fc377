package chart

import "html/template"

// Mark is a shape that tells a state apart without colour.
type Mark string

// The marks.
const (
	MarkNone     Mark = ""
	MarkCheck    Mark = "check"
	MarkTriangle Mark = "triangle"
	MarkBolt     Mark = "bolt"
	MarkCross    Mark = "cross"
	MarkQuestion Mark = "question"
	MarkRing     Mark = "ring"
	MarkDash     Mark = "dash"
)

// Marks lists every mark that has a shape.
func Marks() []Mark {
	return []Mark{MarkCheck, MarkTriangle, MarkBolt, MarkCross, MarkQuestion, MarkRing, MarkDash}
}

// path is the outline of the mark in a box of 16 by 16, "" for no shape.
func (m Mark) path() string {
	switch m {
	case MarkCheck:
		return "M2.3 8.6 6.3 12.6 13.8 4.8 12.3 3.3 6.3 9.6 3.8 7.1z"
	case MarkTriangle:
		return "M8 2 15 14H1z"
	case MarkBolt:
		return "M9.7.8 2.8 9.2H7L5.9 15.2 13.2 6.6H8.7z"
	case MarkCross:
		return "M4.2 2.7 8 6.5l3.8-3.8 1.5 1.5L9.5 8l3.8 3.8-1.5 1.5L8 9.5l-3.8 3.8-1.5-1.5L6.5 8 2.7 4.2z"
	case MarkQuestion:
		return "M4.7 5.6C4.7 3.5 6.1 2.1 8.1 2.1c2 0 3.4 1.2 3.4 3 0 1.4-.8 2.1-1.7 2.8-.7.6-.9.9-.9 1.7H6.8" +
			"c0-1.5.5-2.2 1.5-3 .7-.6 1-.9 1-1.5 0-.7-.5-1.1-1.2-1.1-.8 0-1.3.5-1.3 1.6zM6.8 11h2.1v2.2H6.8z"
	case MarkRing:
		return "M8 2a6 6 0 1 0 0 12A6 6 0 1 0 8 2zM8 4.2a3.8 3.8 0 1 1 0 7.6 3.8 3.8 0 1 1 0-7.6z"
	case MarkDash:
		return "M3 7h10v2H3z"
	default:
		return ""
	}
}

// Icon is the mark as a small drawing that stands in a line of text, which has
// to say in words what the mark means. Class is added to "i".
func Icon(m Mark, class string) template.HTML {
	var w svg
	w.open("svg", "class", "i "+class, "viewBox", "0 0 16 16", "aria-hidden", "true")
	if d := m.path(); d != "" {
		w.empty("path", "d", d)
	}
	w.close("svg")
	return w.html()
}
