package chart

import (
	"html/template"
	"math"
	"strconv"
)

// Tile is one cell of a map, a link with a name.
type Tile struct {
	Cell  Cell
	Mark  Mark
	Class string // "s-down"
	Title string
	Href  string // an address of our own: it is escaped, not judged
}

// TileMap is a map of hexagons.
type TileMap struct {
	ID    string // unique on the page
	Title string
	Desc  string
	Tiles []Tile // in the order of the keyboard
}

// Measures of a tile, in units of the drawing.
const (
	tileWidth = 34.0
	tileGap   = 1.6 // between neighbours
	tileMark  = 14.0
)

// Tiles draws the map. It keeps its proportions and takes the width it is given.
func Tiles(m TileMap) template.HTML {
	var width, height float64
	for _, t := range m.Tiles {
		p := t.Cell.centre()
		width, height = max(width, p.x+1), max(height, p.y)
	}
	radius := tileWidth / math.Sqrt(3)
	var w svg
	w.open("svg", "class", "tiles", "viewBox", "0 0 "+number(width*tileWidth)+" "+number(height*tileWidth+2*radius),
		"role", "group", "aria-labelledby", m.ID+"-t", "aria-describedby", m.ID+"-d")
	w.named(m.ID, m.Title, m.Desc)
	w.open("defs")
	w.empty("path", "id", m.ID+"-hex", "d", hexagon(radius-tileGap/math.Sqrt(3)))
	for _, mark := range m.marks() {
		w.empty("path", "id", m.ID+"-"+string(mark), "d", mark.path(),
			"transform", "scale("+strconv.FormatFloat(tileMark/16, 'f', -1, 64)+") translate(-8 -8)")
	}
	w.close("defs")
	for _, t := range m.Tiles {
		p := t.Cell.centre()
		x, y := number((p.x+.5)*tileWidth), number(p.y*tileWidth+radius)
		w.open("a", "href", t.Href, "class", t.Class)
		w.text("title", t.Title)
		w.empty("use", "href", "#"+m.ID+"-hex", "x", x, "y", y)
		if t.Mark.path() != "" {
			w.empty("use", "href", "#"+m.ID+"-"+string(t.Mark), "x", x, "y", y)
		}
		w.close("a")
	}
	w.close("svg")
	return w.html()
}

// marks are the marks in use, in their usual order.
func (m TileMap) marks() []Mark {
	var used []Mark
	for _, mark := range Marks() {
		for _, t := range m.Tiles {
			if t.Mark == mark {
				used = append(used, mark)
				break
			}
		}
	}
	return used
}

// hexagon is the outline of a hexagon around 0, 0, a corner up.
func hexagon(radius float64) string {
	half := radius * math.Sqrt(3) / 2
	x, y, r := number(half), number(radius/2), number(radius)
	return "M0-" + r + "L" + x + "-" + y + "V" + y + "L0 " + r + "L-" + x + " " + y + "V-" + y + "z"
}
