package chart

import (
	"html/template"
	"math"
	"strconv"
	"strings"
)

// svg writes elements. Attribute values given to open and empty are escaped,
// so that no text can leave its place.
type svg struct{ strings.Builder }

// open writes a start tag with attributes as name, value, name, value.
func (w *svg) open(name string, attrs ...string) {
	w.tag(name, attrs)
	w.WriteByte('>')
}

// empty writes an element without content.
func (w *svg) empty(name string, attrs ...string) {
	w.tag(name, attrs)
	w.WriteString("/>")
}

func (w *svg) tag(name string, attrs []string) {
	w.WriteByte('<')
	w.WriteString(name)
	for i := 0; i+1 < len(attrs); i += 2 {
		w.WriteByte(' ')
		w.WriteString(attrs[i])
		w.WriteString(`="`)
		w.WriteString(template.HTMLEscapeString(attrs[i+1]))
		w.WriteByte('"')
	}
}

func (w *svg) close(name string) {
	w.WriteString("</")
	w.WriteString(name)
	w.WriteByte('>')
}

// text writes an element that holds text only.
func (w *svg) text(name, text string, attrs ...string) {
	w.open(name, attrs...)
	w.WriteString(template.HTMLEscapeString(text))
	w.close(name)
}

// named writes the title and the description that name the drawing id.
func (w *svg) named(id, title, desc string) {
	w.text("title", title, "id", id+"-t")
	w.text("desc", desc, "id", id+"-d")
}

// html is what was written. It is safe: text enters through text and tag only.
func (w *svg) html() template.HTML { return template.HTML(w.String()) }

// number is v with one decimal at most.
func number(v float64) string {
	r := math.Round(v*10) / 10
	if r == 0 {
		r = 0 // no "-0"
	}
	return strconv.FormatFloat(r, 'f', -1, 64)
}

// percent is a share of the width.
func percent(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e4)/100, 'f', -1, 64) + "%"
}

// finite reports whether v can be drawn.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
