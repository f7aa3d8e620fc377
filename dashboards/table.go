package dashboards

import (
	"math"
	"slices"
	"time"

	"thongsuot/chart"
)

// column is one column of the table beside a chart: a series, how the values
// of one row become one, and how that is written.
type column struct {
	head   string
	points []Point
	of     func([]Point) (float64, bool)
	text   func(float64) string
}

// tableRow is the length of time of one row, by the span of the chart.
func tableRow(span time.Duration) time.Duration {
	switch {
	case span <= time.Hour:
		return 5 * time.Minute
	case span <= 24*time.Hour:
		return time.Hour
	default:
		return 6 * time.Hour
	}
}

// table writes the chart as a table, the latest row first. Rows without any
// value are shown: they are gaps.
func (d *drawing) table(t *renderer, f chart.Frame, columns ...column) {
	d.Heads = []string{t.lang.T("page.chart.from")}
	for _, c := range columns {
		d.Heads = append(d.Heads, capital(t.lang.T(c.head)))
	}
	length := tableRow(f.To.Sub(f.From))
	layout := "15:04"
	if length > time.Hour {
		layout = "02/01 15:04"
	}
	for to := f.To; to.After(f.From); to = to.Add(-length) {
		from := to.Add(-length)
		line := []string{from.In(t.zone).Format(layout)}
		for _, c := range columns {
			text := "–"
			if v, ok := c.of(between(c.points, from, to)); ok {
				text = c.text(v)
			}
			line = append(line, text)
		}
		d.Lines = append(d.Lines, line)
	}
}

// between are the points after from up to to.
func between(points []Point, from, to time.Time) []Point {
	first, _ := slices.BinarySearchFunc(points, from, func(p Point, t time.Time) int {
		if p.At.After(t) {
			return 1
		}
		return -1
	})
	last := first
	for last < len(points) && !points[last].At.After(to) {
		last++
	}
	return points[first:last]
}

// values are the numbers among the points, sorted.
func values(points []Point) []float64 {
	var all []float64
	for _, p := range points {
		if !math.IsNaN(p.V) && !math.IsInf(p.V, 0) {
			all = append(all, p.V)
		}
	}
	slices.Sort(all)
	return all
}

func smallest(points []Point) (float64, bool) { return pick(points, 0) }
func middle(points []Point) (float64, bool)   { return pick(points, .5) }
func largest(points []Point) (float64, bool)  { return pick(points, 1) }

// pick is the value at a share of the sorted values.
func pick(points []Point, share float64) (float64, bool) {
	all := values(points)
	if len(all) == 0 {
		return 0, false
	}
	return all[int(share*float64(len(all)-1)+.5)], true
}

func mean(points []Point) (float64, bool) {
	all := values(points)
	if len(all) == 0 {
		return 0, false
	}
	sum := 0.0
	for _, v := range all {
		sum += v
	}
	return sum / float64(len(all)), true
}
