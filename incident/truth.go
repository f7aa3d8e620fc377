package incident

import (
	"slices"
	"time"

	"thongsuot"
)

// Correct takes in what somebody who knows says that an incident was. in is
// the incident as it is on record. From then on its cause is theirs: what the
// engine finds out later changes its state and its end only.
func (e *Engine) Correct(in thongsuot.Incident, t thongsuot.Truth) []thongsuot.Change {
	for _, r := range e.regions {
		if r.Incident.ID == in.ID {
			return []thongsuot.Change{correct(&r.Incident, t)}
		}
	}
	s := e.sites[in.Site]
	if s != nil && s.Open != nil && s.Open.ID == in.ID {
		c := correct(s.Open, t)
		s.Verdict = s.Open.Verdict
		e.follow(s, s.Open, []thongsuot.Change{c})
		e.stirred, e.wake = true, time.Time{}
		return []thongsuot.Change{c}
	}
	held := &in
	if s != nil && s.Gap != nil && s.Gap.Incident != nil && s.Gap.Incident.ID == in.ID {
		held = s.Gap.Incident
	}
	c := correct(held, t)
	e.revised(c.Incident)
	return []thongsuot.Change{c}
}

// correct writes a truth into an incident and returns the change that this is.
func correct(in *thongsuot.Incident, t thongsuot.Truth) thongsuot.Change {
	in.Truth = &t
	in.Verdict = told(in.Verdict, in.Truth)
	in.Revision++
	c := thongsuot.Change{Kind: thongsuot.ChangeRevised, At: in.End, Because: in.Verdict.Evidence[:1]}
	if in.Open() {
		c.Kind, c.At = thongsuot.ChangeCause, later(t.At, in.Start)
	}
	c.Incident = *in
	c.Incident.Members = slices.Clone(in.Members)
	return c
}

// told is a verdict with the cause that somebody named; nil changes nothing.
// What a machine, our program or our centre did is blind time, and so is what
// was nothing at all; anything else that silenced a site was an outage.
func told(v thongsuot.Verdict, t *thongsuot.Truth) thongsuot.Verdict {
	if t == nil || v.State == thongsuot.StateUp {
		return v
	}
	if t.Cause != v.Cause {
		v.Sub, v.Planned = "", false
	}
	v.Cause, v.Confidence, v.Candidates = t.Cause, 1, nil
	switch t.Cause {
	case thongsuot.CauseNone, thongsuot.CauseHost, thongsuot.CauseAgent, thongsuot.CauseCentral:
		if v.State == thongsuot.StateDown {
			v.State = thongsuot.StateUnknown
		}
	default:
		if v.State == thongsuot.StateUnknown {
			v.State = thongsuot.StateDown
		}
	}
	said := thongsuot.Evidence{Code: thongsuot.EvidenceTruth, At: t.At, Target: t.Who, Detail: t.Note}
	v.Evidence = append([]thongsuot.Evidence{said}, slices.DeleteFunc(slices.Clone(v.Evidence), func(e thongsuot.Evidence) bool {
		return e.Code == thongsuot.EvidenceTruth
	})...)
	return v
}

// truth is what somebody said of the site's open incident, nil for nobody.
func (s *site) truth() *thongsuot.Truth {
	if s.Open == nil {
		return nil
	}
	return s.Open.Truth
}
