package dashboards

import (
	"html/template"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/chart"
)

// stateStrip is the states of a site over the span of its charts.
type stateStrip struct {
	SVG    template.HTML
	Axis   template.HTML
	Legend []key
	Lines  []stateLine // the same as a table
}

type stateLine struct {
	From, To time.Time // To is zero for now
	Look     look
	Cause    string
}

// states draws incidents over the time for which there are figures. Where
// there are none nothing is claimed.
func (t *renderer) states(v SiteView, span time.Duration) stateStrip {
	f := t.frame(v.At, span, "states", t.lang.T("page.states.title"))
	f.Desc = t.lang.T("page.states.desc", len(v.Incidents))
	var spans []chart.Span
	for _, c := range covered(v.Tracks) {
		spans = append(spans, chart.Span{From: c.from, To: c.to, Class: "s-up"})
	}
	var strip stateStrip
	for _, i := range slices.Backward(v.Incidents) {
		if i.Incident.Regional() {
			continue // its members are drawn
		}
		for _, s := range stretches(i, f.To) {
			if !s.To.IsZero() && !s.To.After(f.From) {
				continue
			}
			l := t.look(s.verdict.State)
			cause := t.lang.Cause(s.verdict.Cause, s.verdict.Sub)
			end := s.To
			if end.IsZero() {
				end = f.To
			}
			spans = append(spans, chart.Span{
				From: s.From, To: end, Class: l.Class, Title: sentence(t.moment(s.From), capital(l.Word), cause),
			})
			strip.Lines = append(strip.Lines, stateLine{s.From, s.To, l, cause})
		}
	}
	strip.SVG, strip.Axis = chart.Strip(f, "ground", spans), chart.Axis(f)
	for _, s := range thongsuot.States() {
		strip.Legend = append(strip.Legend, key{"s-" + string(s), capital(t.look(s).Word)})
	}
	strip.Legend = append(strip.Legend, key{"ground", t.lang.T("page.states.no_data")})
	return strip
}

// stretch is a length of time with one verdict.
type stretch struct {
	From, To time.Time
	verdict  thongsuot.Verdict
}

// stretches are the verdicts of an incident one after the other, as its
// revisions tell them; without revisions the last one holds throughout.
func stretches(v IncidentView, now time.Time) []stretch {
	all := []stretch{{From: v.Incident.Start, verdict: v.Incident.Verdict}}
	if len(v.Changes) > 0 {
		all[0].verdict = v.Changes[0].Incident.Verdict
	}
	for _, c := range v.Changes {
		last := &all[len(all)-1]
		if c.Kind == thongsuot.ChangeClosed || c.Kind == thongsuot.ChangeRevised || !c.At.After(last.From) {
			continue
		}
		last.To = c.At
		all = append(all, stretch{From: c.At, verdict: c.Incident.Verdict})
	}
	all[len(all)-1].To = v.Incident.End
	return all
}

// period is a length of time.
type period struct{ from, to time.Time }

// covered are the periods for which any probe has values. The densest series
// tells how far apart values may lie.
func covered(tracks []Track) []period {
	var instants []time.Time
	usual := time.Duration(0)
	for _, track := range tracks {
		for _, s := range track.Series {
			if d := spacing(s.Points); d > 0 && (usual == 0 || d < usual) {
				usual = d
			}
			for _, p := range s.Points {
				instants = append(instants, p.At)
			}
		}
	}
	slices.SortFunc(instants, time.Time.Compare)
	reach := time.Duration(gapAfter * float64(usual))
	var all []period
	for _, at := range instants {
		if n := len(all); n > 0 && at.Sub(all[n-1].to) <= reach {
			all[n-1].to = at
			continue
		}
		all = append(all, period{at.Add(-usual), at})
	}
	return all
}
