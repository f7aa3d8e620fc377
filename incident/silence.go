package incident

import (
	"time"

	"thongsuot"
)

// lowRuntime is the predicted time on battery below which a silence on
// battery is taken for its end.
const lowRuntime = 2 * time.Minute

// silence is what was known when a site fell silent.
type silence struct {
	Since time.Time `json:"since"` // last sign of life
	Start uint32    `json:"start"`
	Boot  string    `json:"boot,omitempty"`
	Said  Beat      `json:"said"`
	Power power     `json:"power"`
}

// unheard is how many beats in a row have not come, given the tries within
// each. It counts from the centre's own return at the earliest.
func (s *site) unheard(now, grace time.Time, cfg Config) int {
	from := later(s.Heard, grace)
	return max(int((now.Sub(from)-cfg.Grace)/cfg.Beat), 0)
}

// patience is how many unheard beats are told as silence: one more than the
// longest run that healed by itself of late, so that a lossy line is given
// time and a clean one none.
func (s *site) patience(cfg Config) int {
	longest := 0
	for _, h := range s.Healed {
		longest = max(longest, h.Beats)
	}
	return min(max(longest+1, cfg.MinBeats), cfg.MaxBeats)
}

// judgeSilent says why the site is silent, from the last that was heard.
func (s *site) judgeSilent(unheard int) judged {
	if s.Silent == nil {
		s.Silent = &silence{Since: s.Heard, Start: s.Start, Boot: s.Boot, Said: s.Said, Power: s.Power}
	}
	q := s.Silent
	beats := thongsuot.Evidence{Code: thongsuot.EvidenceBeatsUnanswered, At: q.Since, Value: float64(unheard)}
	v := thongsuot.Verdict{State: thongsuot.StateDown, Evidence: []thongsuot.Evidence{beats}}
	switch p := q.Power; {
	case q.Said.ShuttingDown && p.OnBattery, p.OnBattery && p.Low:
		v.Cause, v.Confidence = thongsuot.CausePower, 0.95
		v.Evidence = append(v.Evidence, p.evidence(), thongsuot.Evidence{Code: thongsuot.EvidenceLowBattery, At: p.At})
	case q.Said.ShuttingDown:
		v.State, v.Cause, v.Confidence = thongsuot.StateUnknown, thongsuot.CauseHost, 0.95
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceAgentStopped, At: q.Since, Detail: "shutdown"})
	case q.Said.Stopping:
		v.State, v.Cause, v.Confidence = thongsuot.StateUnknown, thongsuot.CauseAgent, 0.95
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceAgentStopped, At: q.Since, Detail: "stop"})
	case p.OnBattery && p.Runtime > 0 && p.Runtime-q.Since.Sub(p.At) <= lowRuntime:
		v.Cause, v.Confidence = thongsuot.CausePower, thongsuot.ConfidenceHigh
		v.Evidence = append(v.Evidence, p.evidence())
	case p.OnBattery:
		v.Cause, v.Sub, v.Confidence = thongsuot.CausePower, thongsuot.SubNetworkGearUnpowered, 0.7
		v.Candidates = []string{string(thongsuot.CausePower), string(thongsuot.CauseAccess)}
		v.Evidence = append(v.Evidence, p.evidence())
	case q.Said.MainsPresent:
		// Beats say it every few seconds, so mains was there moments before.
		v.Cause, v.Confidence = thongsuot.CauseAccess, 0.7
		v.Candidates = []string{string(thongsuot.CauseAccess), string(thongsuot.CausePower)}
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceMainsPresent, At: q.Since})
	default:
		v.Cause, v.Confidence = thongsuot.CauseUnknown, thongsuot.ConfidenceLow
		v.Candidates = []string{string(thongsuot.CausePower), string(thongsuot.CauseAccess)}
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceNoMainsSensor, At: q.Since})
	}
	return judged{Verdict: v, since: q.Since}
}
