package incident

import (
	"fmt"
	"slices"
	"time"

	"thongsuot"
)

// settle makes the change, if any, from what was held to what is judged now.
// at is the event time of what brought it about.
func (s *site) settle(j judged, r *region, at time.Time) []thongsuot.Change {
	if j.hold {
		return nil
	}
	v := j.Verdict
	if !v.Same(s.Verdict) {
		s.Verdict, s.Since = v, j.since
		if s.Since.IsZero() {
			s.Since = at
		}
	}
	switch {
	case s.Open == nil && v.State == thongsuot.StateUp:
		return nil
	case s.Open == nil:
		s.Open = &thongsuot.Incident{ID: s.newID(j.since), Site: s.Code, Start: j.since, Verdict: v, Worst: v.State, Revision: 1}
		s.Open.Part, s.Open.Region = r.part()
		if flaps(v.State) {
			s.Begun = append(s.Begun, j.since)
		}
		return []thongsuot.Change{{Kind: thongsuot.ChangeOpened, At: j.since, Incident: *s.Open}}
	case v.State == thongsuot.StateUp:
		closed := *s.Open
		closed.End = later(s.ended(at), closed.Start)
		closed.Revision++
		because := s.ending(closed)
		s.Open, s.released = nil, false
		if s.Gap != nil && s.Gap.ID == closed.ID && !closed.End.After(s.Gap.End) {
			s.Gap.Incident = &closed // it ended with the silence, so what comes back explains it
		}
		return []thongsuot.Change{{Kind: thongsuot.ChangeClosed, At: closed.End, Incident: closed, Because: because}}
	}
	part, region := r.part()
	if !v.Same(s.Open.Verdict) || part != s.Open.Part || s.released {
		s.released = false
		s.Open.Part, s.Open.Region = part, region
		return []thongsuot.Change{s.revise(v, at)}
	}
	return nil
}

// ending is what shows that an incident is over.
func (s *site) ending(closed thongsuot.Incident) (out []thongsuot.Evidence) {
	if s.Gap != nil && s.Gap.ID == closed.ID && !closed.End.After(s.Gap.End) {
		return []thongsuot.Evidence{{Code: thongsuot.EvidenceHeardAgain, At: s.Gap.End}}
	}
	if closed.Verdict.Cause == thongsuot.CausePower && s.Power.Known && !s.Power.OnBattery {
		return []thongsuot.Evidence{{Code: thongsuot.EvidenceMainsPresent, At: s.Power.At}}
	}
	for _, e := range closed.Verdict.Evidence {
		if t := s.Targets[e.Probe]; t != nil && t.Fails == 0 && e.Code != thongsuot.EvidenceTargetAnswers {
			out = append(out, evidenceOf(t))
		}
	}
	return out
}

// newIn are the pieces of evidence of a kind and target that were not held
// before: what brought a change about.
func newIn(is, was []thongsuot.Evidence) (out []thongsuot.Evidence) {
	for _, e := range is {
		known := slices.ContainsFunc(was, func(o thongsuot.Evidence) bool {
			return o.Code == e.Code && o.Probe == e.Probe && o.Target == e.Target
		})
		if !known {
			out = append(out, e)
		}
	}
	return out
}

// ended is when the incident that closes at at ended: what was slow or lossy is
// watched for a while before it counts as over.
func (s *site) ended(at time.Time) time.Time {
	if s.Open.Verdict.State != thongsuot.StateDegraded {
		return at
	}
	var eased time.Time
	for _, t := range s.targets() {
		eased = later(eased, t.Quality.eased())
	}
	eased = later(eased, s.Better) // until then it was worse than slow
	if eased.After(s.Open.Start) && eased.Before(at) {
		return eased
	}
	return at
}

func (s *site) revise(v thongsuot.Verdict, at time.Time) thongsuot.Change {
	kind := thongsuot.ChangeCause
	switch was, is := s.Open.Verdict.State.Severity(), v.State.Severity(); {
	case is > was:
		kind = thongsuot.ChangeWorse
	case is < was:
		kind, s.Better = thongsuot.ChangeBetter, at
	}
	if overran(s.Open.Verdict, v) {
		kind = thongsuot.ChangeOverrun
	}
	because := newIn(v.Evidence, s.Open.Verdict.Evidence)
	s.Open.Verdict = v
	s.Open.Revision++
	if v.State.Severity() > s.Open.Worst.Severity() {
		s.Open.Worst = v.State
	}
	return thongsuot.Change{Kind: kind, At: later(at, s.Open.Start), Incident: *s.Open, Because: because}
}

// newID names an incident by its site and start, so that a replay of the same
// history gives the same names.
func (s *site) newID(start time.Time) string {
	start = start.UTC().Truncate(time.Second)
	id := s.Code + "-" + start.Format("20060102T150405Z")
	if !start.Equal(s.LastStart) {
		s.LastStart, s.Again = start, 1
		return id
	}
	s.Again++
	return fmt.Sprintf("%s-%d", id, s.Again)
}
