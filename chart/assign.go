package chart

import (
	"math"
	"slices"
)

// rowHeight is the distance between rows of hexagons of width 1.
var rowHeight = math.Sqrt(3) / 2

// centre is the middle of the cell on the plane.
func (c Cell) centre() point {
	return point{float64(c.Col) + float64(c.Row&1)/2, float64(c.Row) * rowHeight}
}

// at is the cell whose row and column are nearest to p.
func at(p point) Cell {
	row := int(math.Round(p.y / rowHeight))
	return Cell{int(math.Round(p.x - float64(row&1)/2)), row}
}

// grid assigns points to cells, one each. Its cells reach far enough beyond the
// points that there is always a free one.
type grid struct {
	points     []point
	cells      []Cell
	centres    []point // of cells
	low        Cell    // first column and row
	cols, rows int
	taken      []bool // by row, then column
}

func newGrid(points []point) *grid {
	g := &grid{points: points, cells: make([]Cell, len(points)), centres: make([]point, len(points))}
	low, high := at(points[0]), at(points[0])
	for _, p := range points {
		c := at(p)
		low, high = Cell{min(low.Col, c.Col), min(low.Row, c.Row)}, Cell{max(high.Col, c.Col), max(high.Row, c.Row)}
	}
	pad := int(math.Sqrt(float64(len(points)))) + 2 // a disc of that radius has more cells than there are points
	g.low = Cell{low.Col - pad, low.Row - pad}
	g.cols, g.rows = high.Col-low.Col+2*pad+1, high.Row-low.Row+2*pad+1
	g.taken = make([]bool, g.cols*g.rows)
	return g
}

// index is the place of a cell in taken.
func (g *grid) index(c Cell) int { return (c.Row-g.low.Row)*g.cols + c.Col - g.low.Col }

// put gives point i the free cell c.
func (g *grid) put(i int, c Cell) {
	g.cells[i], g.centres[i] = c, c.centre()
	g.taken[g.index(c)] = true
}

// assign gives each point a cell of its own.
func assign(points []point) []Cell {
	g := newGrid(points)
	for _, i := range fromTheMiddle(points) {
		c, _ := g.nearestFree(points[i], math.Inf(1))
		g.put(i, c)
	}
	const enough = 100 // passes; it settles in about ten
	for range enough {
		if !g.move() && !g.exchange() {
			break
		}
	}
	return g.cells
}

// fromTheMiddle orders points by their distance from the middle of all, so
// that crowding pushes outwards.
func fromTheMiddle(points []point) []int {
	var middle point
	for _, p := range points {
		middle.x += p.x / float64(len(points))
		middle.y += p.y / float64(len(points))
	}
	order := make([]int, len(points))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return sign(squared(points[a], middle) - squared(points[b], middle))
	})
	return order
}

// nearestFree looks in growing rings of cells around p for the free cell
// nearest to it, if one is nearer than the square root of limit.
func (g *grid) nearestFree(p point, limit float64) (best Cell, found bool) {
	home := at(p)
	look := func(col, row int) {
		c := Cell{col, row}
		if col < g.low.Col || row < g.low.Row || col >= g.low.Col+g.cols || row >= g.low.Row+g.rows || g.taken[g.index(c)] {
			return
		}
		if d := squared(p, c.centre()); d < limit {
			best, limit, found = c, d, true
		}
	}
	look(home.Col, home.Row)
	for ring := 1; ; ring++ {
		// Beyond the ring before, nothing is nearer than this to p, which lies
		// within a cell's size of the middle of its home.
		if reach := float64(ring-1) * rowHeight; reach*reach > limit || ring > g.cols+g.rows {
			return best, found
		}
		for i := -ring; i <= ring; i++ {
			look(home.Col+i, home.Row-ring)
			look(home.Col+i, home.Row+ring)
			if i > -ring && i < ring {
				look(home.Col-ring, home.Row+i)
				look(home.Col+ring, home.Row+i)
			}
		}
	}
}

// better is by how much a change must shorten the squares to be made: far above
// the noise of floating point, so that passes end.
const better = 1e-9

// move takes points to free cells that are nearer.
func (g *grid) move() (moved bool) {
	for i, p := range g.points {
		c, found := g.nearestFree(p, squared(p, g.centres[i])-better)
		if found {
			g.taken[g.index(g.cells[i])] = false
			g.put(i, c)
			moved = true
		}
	}
	return moved
}

// exchange swaps the cells of two points where both together gain: the sum of
// squares changes by twice the product of what lies between the points and
// what lies between their cells.
func (g *grid) exchange() (swapped bool) {
	for i, p := range g.points {
		for j, q := range g.points[:i] {
			a, b := g.centres[i], g.centres[j]
			if (p.x-q.x)*(a.x-b.x)+(p.y-q.y)*(a.y-b.y) < -better {
				g.cells[i], g.cells[j] = g.cells[j], g.cells[i]
				g.centres[i], g.centres[j] = b, a
				swapped = true
			}
		}
	}
	return swapped
}

func squared(a, b point) float64 {
	dx, dy := a.x-b.x, a.y-b.y
	return dx*dx + dy*dy
}

// trim shifts cells to rows and columns from 0. Rows are shifted by an even
// number, so that none changes its half step.
func trim(cells []Cell) []Cell {
	col, row := cells[0].Col, cells[0].Row
	for _, c := range cells {
		col, row = min(col, c.Col), min(row, c.Row)
	}
	row -= row & 1
	for i := range cells {
		cells[i].Col -= col
		cells[i].Row -= row
	}
	return cells
}
