package incident

import (
	"slices"
	"time"

	"thongsuot"
)

// Announced windows. They say what may be expected, not why something failed:
// the cause is found as ever, and a failure of the announced kind that begins
// in the window is marked as planned.
const (
	planBefore  = 30 * time.Minute // crews are early: so long before its start a window holds already
	planOverrun = 30 * time.Minute // after its end the announced return is overdue, and no longer planned
)

// Plan finds the windows announced for a site that touch the stretch from..to,
// to excluded.
type Plan func(site string, from, to time.Time) []thongsuot.Window

// SetPlan says where announced windows are found. What is open is compared with
// them anew at the next tick.
func (e *Engine) SetPlan(p Plan) {
	e.plan, e.wake, e.stirred = p, time.Time{}, true
}

// announced is the window in which a failure of that cause, which began at one
// of the onsets, was expected; the one that ends last where there are several.
func (e *Engine) announced(site string, cause thongsuot.Cause, onsets ...time.Time) (found thongsuot.Window, ok bool) {
	for _, at := range onsets {
		if at.IsZero() {
			continue
		}
		for _, w := range e.plan(site, at.Add(-1), at.Add(planBefore+1)) {
			if w.Cause == cause && !at.Before(w.Start.Add(-planBefore)) && !at.After(w.End) && (!ok || w.End.After(found.End)) {
				found, ok = w, true
			}
		}
	}
	return found, ok
}

// mark says of a verdict whether it was announced, as things are at now. It
// returns when that must be looked at again, zero for never.
func (e *Engine) mark(v *thongsuot.Verdict, site string, now time.Time, onsets ...time.Time) (again time.Time) {
	v.Planned = false
	if slices.ContainsFunc(v.Evidence, ofPlan) {
		v.Evidence = slices.DeleteFunc(slices.Clone(v.Evidence), ofPlan)
	}
	if v.State == thongsuot.StateUp {
		return time.Time{}
	}
	if v.Cause == thongsuot.CauseUnknown { // no flag, yet whoever looks into it must know
		for _, c := range v.Candidates {
			if w, fits := e.announced(site, thongsuot.Cause(c), onsets...); fits {
				v.Evidence = append(v.Evidence, planEvidence(w))
			}
		}
	}
	w, ok := e.announced(site, v.Cause, onsets...)
	if !ok {
		return time.Time{}
	}
	v.Evidence = append(v.Evidence, planEvidence(w))
	overdue := w.End.Add(planOverrun)
	if v.Planned = !now.After(overdue); v.Planned {
		return overdue.Add(1)
	}
	v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceOverrun, At: w.End})
	return time.Time{}
}

// markNow marks what is judged of a site now.
func (e *Engine) markNow(s *site, j *judged, now time.Time) {
	if j.hold {
		return
	}
	onsets := []time.Time{j.since}
	if s.Open != nil {
		onsets = append(onsets, s.Open.Start)
	}
	s.replan = e.mark(&j.Verdict, s.Code, now, onsets...)
}

func planEvidence(w thongsuot.Window) thongsuot.Evidence {
	return thongsuot.Evidence{Code: thongsuot.EvidencePlanned, At: w.Start, Until: w.End, Target: w.Source, Detail: w.Reason}
}

func ofPlan(e thongsuot.Evidence) bool {
	return e.Code == thongsuot.EvidencePlanned || e.Code == thongsuot.EvidenceOverrun
}

// overran reports whether what was held to be planned now lasts longer than
// announced.
func overran(was, is thongsuot.Verdict) bool {
	return was.Planned && !is.Planned && slices.ContainsFunc(is.Evidence, func(e thongsuot.Evidence) bool { return e.Code == thongsuot.EvidenceOverrun })
}

// takePlan takes over what a member's window says into the evidence of the
// region.
func (r *region) takePlan(v thongsuot.Verdict) {
	held := &r.Incident.Verdict
	for _, e := range v.Evidence {
		if ofPlan(e) && !slices.Contains(held.Evidence, e) {
			held.Evidence = append(slices.Clone(held.Evidence), e)
		}
	}
}
