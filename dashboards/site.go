package dashboards

import (
	"cmp"
	"time"

	"thongsuot"
)

// siteModel is what the templates of a site are given.
type siteModel struct {
	SiteView
	Banner    []string
	Look      look
	Lasted    time.Duration
	Truths    []truth
	Rows      []probeRow
	Facts     []fact
	Incidents folded[incidentModel]
	Spans     []spanLink
	States    stateStrip
	Charts    []drawing
	Plot      bool // charts can be zoomed
}

// fact is something the agent said of itself.
type fact struct{ Name, Value string }

// spanLink is the choice of a length of time for the charts.
type spanLink struct {
	Word, Text string
	Chosen     bool
}

// site puts a view into the words of the page; without full, its charts are
// left out.
func (t *renderer) site(v SiteView, p page, full bool, now time.Time, a *assets) siteModel {
	m := siteModel{
		SiteView: v, Banner: t.banner(v.Centre, now), Look: t.standing(v.Status), Truths: t.truths(v),
		Rows: t.rows(v.Status, v.At), Facts: t.facts(v), Plot: a.has(plotCode),
	}
	if !v.Since.IsZero() {
		m.Lasted = v.At.Sub(v.Since)
	}
	var incidents []incidentModel
	for _, i := range v.Incidents {
		i.Centre, i.Site = v.Centre, v.Site
		incidents = append(incidents, t.incident(i, now))
	}
	m.Incidents = fold(incidents, topRunning)
	for _, s := range spans {
		m.Spans = append(m.Spans, spanLink{s.Word, t.lang.T("page.span." + s.Word), s.Length == p.span})
	}
	if full {
		m.States = t.states(v, p.span)
		m.Charts = t.charts(v, p.span)
	}
	return m
}

// facts are what is known of the agent and its machine.
func (t *renderer) facts(v SiteView) []fact {
	a := v.Agent
	said := func(there bool, text string) string {
		if !there {
			return t.lang.T("page.agent.unsaid")
		}
		return text
	}
	facts := []fact{
		{t.lang.T("page.agent.heard"), t.instant(v.LastHeard)},
		{t.lang.T("page.agent.beat"), t.beatWay(v.Status)},
		{t.lang.T("page.agent.version"), said(a.Version != "", a.Version)},
		{t.lang.T("page.agent.uptime"), said(a.Uptime > 0, t.lasted(a.Uptime))},
		{t.lang.T("page.agent.boot"), said(a.Boot != "", a.Boot)},
		{t.lang.T("page.agent.spool"), t.lang.T("page.agent.spool_value", t.lang.Number(float64(a.SpoolRecords), 0), t.bytes(a.SpoolBytes))},
		{t.lang.T("page.agent.dropped"), t.lang.Number(float64(a.Dropped), 0)},
	}
	if v.LastHeard.IsZero() {
		return []fact{{t.lang.T("page.agent.heard"), t.lang.T("page.link.never")}}
	}
	return facts
}

// beatWay is how signs of life come, and how often.
func (t *renderer) beatWay(s Status) string {
	way := "page.agent.beat_datagram"
	if s.OverHTTP {
		way = "page.agent.beat_http"
	}
	return t.lang.T(way, t.lang.Number(cmp.Or(s.BeatEvery, usualBeat).Seconds(), 0))
}

// Installed reports whether the site takes part.
func (m siteModel) Installed() bool { return m.Site.Status == thongsuot.StatusActive }
