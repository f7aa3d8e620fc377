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

// week is the incidents of seven days at the sites that had most of them.
type week struct {
	Rows   []weekRow
	Axis   template.HTML
	Legend []key
}

type weekRow struct {
	Site  thongsuot.Site
	Path  string
	Strip template.HTML
	Lost  time.Duration // served badly or not at all
}

// key explains one colour of a drawing.
type key struct{ Class, Text string }

const (
	weekLength = 7 * 24 * time.Hour
	// weekStep is how often the strips move on, so that they are not drawn
	// and sent anew with every change.
	weekStep = 5 * time.Minute
	weekRows = 12
)

// group is the colour of a cause.
func group(c thongsuot.Cause) string {
	switch c {
	case thongsuot.CausePower:
		return "k-power"
	case thongsuot.CauseLAN, thongsuot.CauseAccess, thongsuot.CauseUpstream:
		return "k-link"
	case thongsuot.CausePortal:
		return "k-portal"
	default:
		return "k-other"
	}
}

func (t *renderer) week(sites map[string]Status, v Overview) week {
	f := chart.Frame{Zone: t.zone, Comma: t.lang == lang.Vi, To: v.At.Truncate(weekStep).Add(weekStep)}
	f.From = f.To.Add(-weekLength)
	bySite := make(map[string][]thongsuot.Incident)
	for _, i := range v.Recent {
		if s, ok := sites[i.Site]; ok && !i.Regional() && s.Site.Counted() && (i.Open() || i.End.After(f.From)) {
			bySite[i.Site] = append(bySite[i.Site], i)
		}
	}
	w := week{Axis: chart.Axis(f)}
	for code, incidents := range bySite {
		row := weekRow{Site: sites[code].Site, Path: sitePath(code)}
		slices.SortFunc(incidents, func(a, b thongsuot.Incident) int { return a.Start.Compare(b.Start) })
		var spans []chart.Span
		for _, i := range incidents {
			to := i.End
			if i.Open() {
				to = f.To
			}
			if from := later(i.Start, f.From); to.After(from) {
				row.Lost += to.Sub(from)
			}
			spans = append(spans, chart.Span{
				From: i.Start, To: to, Class: group(i.Verdict.Cause),
				Title: sentence(t.moment(i.Start), capital(t.look(i.Worst).Word), t.lang.Cause(i.Verdict.Cause, i.Verdict.Sub)),
			})
		}
		f.ID = "w-" + code
		f.Title = capital(t.lang.Site(row.Site))
		f.Desc = t.lang.T("page.week.desc", len(incidents), t.lasted(row.Lost))
		row.Strip = chart.Strip(f, "ground", spans)
		w.Rows = append(w.Rows, row)
	}
	slices.SortFunc(w.Rows, func(a, b weekRow) int {
		return cmp.Or(cmp.Compare(b.Lost, a.Lost), byName(a.Site, b.Site))
	})
	w.Rows = w.Rows[:min(len(w.Rows), weekRows)]
	for _, k := range []string{"power", "link", "portal", "other"} {
		w.Legend = append(w.Legend, key{"k-" + k, t.lang.T("page.group." + k)})
	}
	return w
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
