package chart

import (
	"math"
	"slices"
)

// Place is where something is on the ground, in degrees of WGS84.
type Place struct {
	Lat, Lon float64
	Known    bool
}

// Cell is a hexagon on a grid whose odd rows are shifted right by half a cell
// ("odd-r"). Rows grow southwards, columns eastwards, both from 0.
type Cell struct{ Col, Row int }

// fill is the share of the cells within the convex outline of all places that
// is taken: some stay free, so that the shape of the land shows.
const fill = 0.9

// Cells gives every place a cell of its own, near to where it is: places are
// snapped to a grid of as many cells as there is need for, then moved and
// exchanged while that brings the sum of squared distances down. Places whose
// position is not known follow in rows of their own under the map. The answer
// depends on the input alone. The work grows with the square of the number of
// places: well under a millisecond for a province of 124.
func Cells(places []Place) []Cell {
	cells := make([]Cell, len(places))
	var known, unknown []int
	for i, p := range places {
		if p.Known && finite(p.Lat) && finite(p.Lon) {
			known = append(known, i)
		} else {
			unknown = append(unknown, i)
		}
	}
	var width, below int
	if len(known) > 0 {
		points := project(places, known)
		for i, c := range trim(assign(points)) {
			cells[known[i]] = c
			width, below = max(width, c.Col+1), max(below, c.Row+2)
		}
	}
	if below%2 == 1 {
		below++ // an even row, so that the strip is flush with the map
	}
	width = max(width, 10)
	for i, k := range unknown {
		cells[k] = Cell{i % width, below + i/width}
	}
	return cells
}

// point is a place on a plane, x eastwards and y southwards.
type point struct{ x, y float64 }

// project lays places on a plane that is true to scale near their middle, in
// units of one cell's width.
func project(places []Place, known []int) []point {
	lat := 0.0
	for _, k := range known {
		lat += places[k].Lat / float64(len(known))
	}
	points := make([]point, len(known))
	for i, k := range known {
		points[i] = point{places[k].Lon * math.Cos(lat*math.Pi/180), -places[k].Lat}
	}
	// The area of a hexagon of width w is w² √3/2.
	width := math.Sqrt(area(hull(points)) * fill / float64(len(points)) * 2 / math.Sqrt(3))
	if !(width > 1e-9) { // one place, or all in one line
		width = max(extent(points)/float64(len(points)), 1e-3)
	}
	for i := range points {
		points[i].x /= width
		points[i].y /= width
	}
	return points
}

// hull is the convex outline of the points (Andrew's monotone chain).
func hull(points []point) []point {
	sorted := slices.Clone(points)
	slices.SortFunc(sorted, func(a, b point) int {
		if a.x != b.x {
			return sign(a.x - b.x)
		}
		return sign(a.y - b.y)
	})
	half := func(sorted []point) []point {
		var chain []point
		for _, p := range sorted {
			for n := len(chain); n >= 2 && cross(chain[n-2], chain[n-1], p) <= 0; n = len(chain) {
				chain = chain[:n-1]
			}
			chain = append(chain, p)
		}
		return chain[:len(chain)-1]
	}
	lower := half(sorted)
	slices.Reverse(sorted)
	return append(lower, half(sorted)...)
}

func cross(o, a, b point) float64 { return (a.x-o.x)*(b.y-o.y) - (a.y-o.y)*(b.x-o.x) }

// area is that of a polygon (shoelace formula).
func area(polygon []point) float64 {
	sum := 0.0
	for i, p := range polygon {
		q := polygon[(i+1)%len(polygon)]
		sum += p.x*q.y - q.x*p.y
	}
	return math.Abs(sum) / 2
}

func extent(points []point) float64 {
	low, high := points[0], points[0]
	for _, p := range points {
		low, high = point{min(low.x, p.x), min(low.y, p.y)}, point{max(high.x, p.x), max(high.y, p.y)}
	}
	return max(high.x-low.x, high.y-low.y)
}

func sign(v float64) int {
	switch {
	case v < 0:
		return -1
	case v > 0:
		return 1
	default:
		return 0
	}
}
