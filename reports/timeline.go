package reports

import (
	"cmp"
	"slices"
	"time"

	"thongsuot"
)

// Segment is a stretch in which a site was in one state that is not up, for one
// cause.
type Segment struct {
	Span
	Incident   string
	State      thongsuot.State
	Cause      thongsuot.Cause
	Sub        string
	Confidence thongsuot.Confidence
	Planned    bool
	Open       bool // the incident goes on
}

// Segments are what the revisions of one incident, in their order, say of its
// site up to horizon. A regional incident has none: its members have their own.
func Segments(history []thongsuot.Change, horizon time.Time) []Segment {
	if len(history) == 0 {
		return nil
	}
	newest := history[len(history)-1]
	last := newest.Incident
	if last.Regional() || last.Site == "" {
		return nil
	}
	end := horizon
	if !last.Open() {
		end = earlier(last.End, horizon)
	}
	at := Segment{
		Span: Span{From: last.Start}, Incident: last.ID, State: history[0].Incident.Verdict.State, Open: last.Open(),
		Cause: last.Verdict.Cause, Sub: last.Verdict.Sub, Confidence: last.Verdict.Confidence, Planned: last.Verdict.Planned,
	}
	if last.Truth != nil { // somebody who was there outweighs what was concluded
		at.Cause, at.Confidence = last.Truth.Cause, 1
	}
	var out []Segment
	until := func(t time.Time) {
		at.To = earlier(later(t, at.From), end)
		if at.From.Before(at.To) {
			out = append(out, at)
		}
		at.From = later(at.From, at.To)
	}
	for _, c := range history[1:] {
		if c.Kind == thongsuot.ChangeClosed || c.Kind == thongsuot.ChangeRevised || c.Incident.Verdict.State == at.State {
			continue
		}
		until(c.At)
		at.State = c.Incident.Verdict.State
	}
	until(end)
	switch {
	case last.Truth != nil && last.Truth.Cause == thongsuot.CauseNone:
		for i := range out {
			out[i].State = thongsuot.StateUp
		}
	case last.Truth == nil && newest.Kind == thongsuot.ChangeRevised:
		for i := range out {
			if out[i].State == at.State {
				out[i].State = last.Verdict.State
			}
		}
	}
	return out
}

// precedence orders causes of one instant.
func precedence(c thongsuot.Cause) int {
	order := []thongsuot.Cause{
		thongsuot.CausePower, thongsuot.CauseLAN, thongsuot.CauseAccess, thongsuot.CauseUpstream, thongsuot.CausePortal,
		thongsuot.CauseAgent, thongsuot.CauseHost, thongsuot.CauseCentral, thongsuot.CauseUnknown,
	}
	if i := slices.Index(order, c); i >= 0 {
		return i
	}
	return len(order)
}

// oneAtATime cuts segments so that each instant has one: the worse state, then
// the earlier cause.
func oneAtATime(segments []Segment) []Segment {
	slices.SortFunc(segments, func(a, b Segment) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Incident, b.Incident))
	})
	overlaps := false
	for i := 1; i < len(segments); i++ {
		overlaps = overlaps || segments[i].From.Before(segments[i-1].To)
	}
	if !overlaps {
		return segments
	}
	var edges []time.Time
	for _, s := range segments {
		edges = append(edges, s.From, s.To)
	}
	slices.SortFunc(edges, time.Time.Compare)
	edges = slices.CompactFunc(edges, time.Time.Equal)
	var out []Segment
	next := 0
	var now []Segment
	for i, from := range edges[:len(edges)-1] {
		for ; next < len(segments) && !segments[next].From.After(from); next++ {
			now = append(now, segments[next])
		}
		now = slices.DeleteFunc(now, func(s Segment) bool { return !s.To.After(from) })
		if len(now) == 0 {
			continue
		}
		worst := slices.MinFunc(now, func(a, b Segment) int {
			return cmp.Or(cmp.Compare(b.State.Severity(), a.State.Severity()), cmp.Compare(precedence(a.Cause), precedence(b.Cause)), cmp.Compare(a.Incident, b.Incident))
		})
		worst.From, worst.To = from, edges[i+1]
		if n := len(out); n > 0 && out[n-1].Incident == worst.Incident && out[n-1].State == worst.State && out[n-1].To.Equal(from) {
			out[n-1].To = worst.To
			continue
		}
		out = append(out, worst)
	}
	return out
}
