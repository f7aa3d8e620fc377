package dashboards

import (
	"cmp"
	"html/template"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/chart"
	"thongsuot/lang"
)

// overviewModel is what the templates of the overview are given.
type overviewModel struct {
	Banner   []string
	Counts   []count
	Counted  int
	Absent   int
	MapTitle string
	Map      template.HTML
	Adrift   bool // some sites on the map have no known position
	Legend   []look
	Action   folded[actionRow]
	Running  folded[running]
	Tests    []testSite
	Week     week
	Sites    []siteRow
}

// count is how many of the counted sites are in one state.
type count struct {
	look
	N int
}

// actionRow is a site that somebody should look at now.
type actionRow struct {
	Site    thongsuot.Site
	State   thongsuot.State
	Look    look
	Cause   thongsuot.Cause
	Sub     string
	Since   time.Time
	Lasted  time.Duration
	Suspect bool
}

// siteRow is a site in the table of all.
type siteRow struct {
	Site  thongsuot.Site
	Look  look
	Since time.Time
}

// testSite is somebody's own machine, outside every count.
type testSite struct {
	Site      thongsuot.Site
	Look      look
	Suspect   bool
	Since     time.Time
	Rows      []probeRow
	Incidents []running
}

// folded is a list whose end is folded away.
type folded[T any] struct{ Top, Rest []T }

func fold[T any](list []T, top int) folded[T] {
	n := min(top, len(list))
	return folded[T]{list[:n], list[n:]}
}

// Most shown without unfolding.
const (
	topAction  = 10
	topRunning = 5
)

// overview puts a view into the order and the words of the page.
func (t *renderer) overview(v Overview, now time.Time) overviewModel {
	sites := slices.Clone(v.Sites)
	slices.SortFunc(sites, func(a, b Status) int { return byName(a.Site, b.Site) })
	m := overviewModel{Banner: t.banner(v.Centre, now), Legend: []look{}}
	tally := make(map[thongsuot.State]int)
	byCode := make(map[string]Status, len(sites))
	var mapped []Status
	var action []actionRow
	for _, s := range sites {
		byCode[s.Site.Code] = s
		if s.Site.Kind == thongsuot.KindTest {
			continue
		}
		mapped = append(mapped, s)
		m.Sites = append(m.Sites, siteRow{s.Site, t.standing(s), s.Since})
		if !s.Site.Counted() {
			m.Absent++
			continue
		}
		m.Counted++
		tally[known(s.Verdict.State)]++
		if row, ok := t.action(s, v.At); ok {
			action = append(action, row)
		}
	}
	for _, s := range []thongsuot.State{
		thongsuot.StateUp, thongsuot.StateAtRisk, thongsuot.StateDegraded,
		thongsuot.StateDown, thongsuot.StateUnknown, thongsuot.StateOff,
	} {
		m.Counts = append(m.Counts, count{t.look(s), tally[s]})
		m.Legend = append(m.Legend, t.look(s))
	}
	m.Legend = append(m.Legend, t.absent())
	slices.SortStableFunc(action, byUrgency)
	m.Action = fold(action, topAction)
	m.MapTitle, m.Map, m.Adrift = t.tiles(mapped)
	var going []running
	for _, i := range inOrder(v.Recent) {
		s, ok := byCode[i.Site]
		if i.Open() && (i.Regional() || ok && s.Site.Counted() && i.Part == "") {
			going = append(going, t.running(i, s.Site, v.At))
		}
	}
	m.Running = fold(going, topRunning)
	m.Tests = t.tests(sites, v)
	m.Week = t.week(byCode, v)
	return m
}

// known is s, or unknown for a state that this version does not know.
func known(s thongsuot.State) thongsuot.State {
	if _, ok := marks[s]; !ok {
		return thongsuot.StateUnknown
	}
	return s
}

// action is the row of a site that somebody should look at, if it is one.
func (t *renderer) action(s Status, at time.Time) (actionRow, bool) {
	row := actionRow{
		Site: s.Site, State: s.Verdict.State, Look: t.look(s.Verdict.State), Cause: s.Verdict.Cause, Sub: s.Verdict.Sub,
		Since: s.Since, Suspect: s.Suspect,
	}
	if !s.Since.IsZero() {
		row.Lasted = at.Sub(s.Since)
	}
	if row.Suspect {
		row.Since, row.Lasted = s.LastHeard, at.Sub(s.LastHeard)
	}
	bad := s.Verdict.State != thongsuot.StateUp && s.Verdict.State != thongsuot.StateOff
	return row, bad || s.Suspect
}

// byUrgency puts the worst state first, within it the longest lasting.
func byUrgency(a, b actionRow) int {
	return cmp.Or(
		cmp.Compare(b.State.Severity(), a.State.Severity()),
		earlier(a.Since, b.Since),
		byName(a.Site, b.Site),
	)
}

// earlier compares times; one that is not known comes last.
func earlier(a, b time.Time) int {
	if a.IsZero() != b.IsZero() {
		if a.IsZero() {
			return 1
		}
		return -1
	}
	return a.Compare(b)
}

func byName(a, b thongsuot.Site) int {
	switch {
	case lang.Less(a.Name, b.Name):
		return -1
	case lang.Less(b.Name, a.Name):
		return 1
	default:
		return cmp.Compare(a.Code, b.Code)
	}
}

// inOrder are incidents with the worst first, within it the oldest.
func inOrder(list []thongsuot.Incident) []thongsuot.Incident {
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(a, b thongsuot.Incident) int {
		return cmp.Or(
			cmp.Compare(b.Verdict.State.Severity(), a.Verdict.State.Severity()),
			a.Start.Compare(b.Start),
			cmp.Compare(a.ID, b.ID),
		)
	})
	return sorted
}

// tiles draws the map of all sites, the installed and the others.
func (t *renderer) tiles(sites []Status) (title string, svg template.HTML, adrift bool) {
	sites = slices.Clone(sites)
	slices.SortFunc(sites, func(a, b Status) int { return cmp.Compare(a.Site.Code, b.Site.Code) })
	places := make([]chart.Place, len(sites))
	communes := 0
	for i, s := range sites {
		if p := s.Site.Position; p != nil {
			places[i] = chart.Place{Lat: p.Lat, Lon: p.Lon, Known: true}
		} else {
			adrift = true
		}
		if s.Site.Kind == thongsuot.KindCommune {
			communes++
		}
	}
	title = t.lang.T("page.map.title", communes)
	if others := len(sites) - communes; others > 0 {
		title = t.lang.T("page.map.title_others", communes, others)
	}
	tiles := make([]chart.Tile, len(sites))
	for i, c := range chart.Cells(places) {
		s := sites[i]
		l := t.standing(s)
		tile := chart.Tile{Cell: c, Mark: l.Mark, Class: l.Class, Href: sitePath(s.Site.Code)}
		tile.Title = capital(t.lang.Site(s.Site)) + ": " + l.Word
		if s.Suspect {
			tile.Class += " suspect"
			tile.Title = sentence(tile.Title, t.lang.T("page.suspect"))
		}
		if l.Mark == chart.MarkDash {
			tile.Mark = chart.MarkNone // its outline is its shape
		}
		tiles[i] = tile
	}
	slices.SortFunc(tiles, func(a, b chart.Tile) int {
		return cmp.Or(cmp.Compare(a.Cell.Row, b.Cell.Row), cmp.Compare(a.Cell.Col, b.Cell.Col))
	})
	return title, chart.Tiles(chart.TileMap{ID: "tiles", Title: title, Desc: t.lang.T("page.map.desc"), Tiles: tiles}), adrift
}

// tests are the machines outside every count.
func (t *renderer) tests(sites []Status, v Overview) []testSite {
	var all []testSite
	for _, s := range sites {
		if s.Site.Kind != thongsuot.KindTest {
			continue
		}
		test := testSite{
			Site: s.Site, Look: t.standing(s), Suspect: s.Suspect, Since: s.Since,
			Rows: t.rows(s, v.At),
		}
		for _, i := range inOrder(v.Recent) {
			if i.Open() && i.Site == s.Site.Code {
				test.Incidents = append(test.Incidents, t.running(i, s.Site, v.At))
			}
		}
		all = append(all, test)
	}
	return all
}
