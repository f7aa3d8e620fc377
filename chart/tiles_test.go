package chart_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"thongsuot/chart"
)

// scattered are places as uneven as a real province: towns and wide land.
func scattered(seed uint64, n int) []chart.Place {
	r := rand.New(rand.NewPCG(seed, 1))
	places := make([]chart.Place, n)
	for i := range places {
		spread := 1.0
		if i%3 == 0 {
			spread = .02
		}
		places[i] = chart.Place{Lat: 11.5 + spread*r.NormFloat64(), Lon: 108 + spread*r.NormFloat64(), Known: i%17 != 16}
	}
	return places
}

func unique(t *testing.T, cells []chart.Cell) {
	t.Helper()
	seen := make(map[chart.Cell]int, len(cells))
	for i, c := range cells {
		if j, ok := seen[c]; ok {
			t.Errorf("places %d and %d share cell %v", j, i, c)
		}
		if c.Col < 0 || c.Row < 0 {
			t.Errorf("place %d is off the drawing: %v", i, c)
		}
		seen[c] = i
	}
}

func TestCellsAreUniqueAndDeterministic(t *testing.T) {
	for seed := range uint64(30) {
		places := scattered(seed, 1+int(seed)*7)
		cells := chart.Cells(places)
		unique(t, cells)
		if !slices.Equal(cells, chart.Cells(places)) {
			t.Errorf("seed %d: another map the second time", seed)
		}
	}
}

func TestCellsOfAwkwardPlaces(t *testing.T) {
	f := func(name string, places ...chart.Place) {
		t.Helper()
		cells := chart.Cells(places)
		if len(cells) != len(places) {
			t.Errorf("%s: %d cells for %d places", name, len(cells), len(places))
		}
		unique(t, cells)
	}
	here := chart.Place{Lat: 11.9, Lon: 108.4, Known: true}
	f("none")
	f("one", here)
	f("one of unknown position", chart.Place{})
	f("all at the same spot", here, here, here, here, here)
	f("in one line", here, chart.Place{Lat: 12, Lon: 108.4, Known: true}, chart.Place{Lat: 13, Lon: 108.4, Known: true})
	f("not a number", here, chart.Place{Lat: math.NaN(), Lon: 108, Known: true}, chart.Place{Lat: math.Inf(1), Lon: 1, Known: true})
}

// TestCellsKeepDirections: who lies clearly north of another lies north of it
// on the map too, likewise east. Crowding shifts cells, it must not turn them.
func TestCellsKeepDirections(t *testing.T) {
	places := scattered(7, 124)
	cells := chart.Cells(places)
	pairs, wrong := 0, 0
	for i, p := range places {
		for j, q := range places {
			if !p.Known || !q.Known {
				continue
			}
			if p.Lat-q.Lat > .5 {
				pairs++
				if cells[i].Row > cells[j].Row {
					wrong++
				}
			}
			if p.Lon-q.Lon > .5 {
				pairs++
				if cells[i].Col < cells[j].Col {
					wrong++
				}
			}
		}
	}
	if wrong*100 > pairs {
		t.Errorf("%d of %d pairs are turned round", wrong, pairs)
	}
}

// TestUnknownPlacesLieApart: no cell of theirs touches the map.
func TestUnknownPlacesLieApart(t *testing.T) {
	places := scattered(3, 80)
	cells := chart.Cells(places)
	lowest := 0
	for i, c := range cells {
		if places[i].Known {
			lowest = max(lowest, c.Row)
		}
	}
	for i, c := range cells {
		if !places[i].Known && c.Row < lowest+2 {
			t.Errorf("place %d of unknown position is in row %d, the map ends in row %d", i, c.Row, lowest)
		}
	}
}

func TestTiles(t *testing.T) {
	golden(t, "tiles", chart.Tiles(chart.TileMap{
		ID: "map", Title: "124 xã, phường, đặc khu", Desc: "mỗi ô là một đơn vị",
		Tiles: []chart.Tile{
			{Cell: chart.Cell{}, Class: "s-up", Mark: chart.MarkCheck, Title: "phường 1 Bảo Lộc: bình thường", Href: "/site/24823"},
			{Cell: chart.Cell{Col: 1}, Class: "s-down", Mark: chart.MarkCross, Title: "xã <script>alert(1)</script>", Href: `/site/"x"`},
			{Cell: chart.Cell{Row: 1}, Class: "s-unknown", Mark: chart.MarkQuestion, Title: "B'Lao", Href: "/site/24820"},
			{Cell: chart.Cell{Row: 2, Col: 2}, Class: "s-off", Title: "không dấu", Href: "/site/1"},
		},
	}))
	sound(t, chart.Tiles(chart.TileMap{ID: "map"}))
}

func TestEveryMarkHasItsOwnShape(t *testing.T) {
	seen := make(map[string]chart.Mark)
	for _, m := range chart.Marks() {
		icon := string(chart.Icon(m, "s-up"))
		if other, ok := seen[icon]; ok {
			t.Errorf("%q and %q look the same", m, other)
		}
		seen[icon] = m
	}
}

func BenchmarkCells(b *testing.B) {
	places := scattered(7, 124)
	for b.Loop() {
		chart.Cells(places)
	}
}
