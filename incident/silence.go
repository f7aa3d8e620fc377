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
	Since   time.Time `json:"since"` // last sign of life
	Start   uint32    `json:"start"`
	Boot    string    `json:"boot,omitempty"`
	Said    Beat      `json:"said"`
	Power   power     `json:"power"`
	With    company   `json:"with"`
	Opened  time.Time `json:"opened,omitzero"`   // of the office, once that is so long ago that the site should be on
	Outside bool      `json:"outside,omitempty"` // it began outside office hours
	Habit   bool      `json:"habit,omitempty"`   // at an hour at which the site is silent most evenings
	WAN     Answer    `json:"wan,omitempty"`     // the centre's own check of the site's address since
	Alone   bool      `json:"alone,omitempty"`   // the others are long back: their silence explains it no longer

	look time.Time // when it is looked at again while it counts as off
}

// unheard is how many beats in a row have not come, given the tries within
// each. It counts from the centre's own return at the earliest.
func (s *site) unheard(now, grace time.Time, cfg Config) int {
	from := later(s.Heard, grace)
	return max(int((now.Sub(from)-cfg.Grace)/s.Said.pace(cfg)), 0)
}

// pace is the time to the next beat: what the last one announced.
func (b Beat) pace(cfg Config) time.Duration {
	if b.Every > 0 {
		return b.Every
	}
	return cfg.Beat
}

// patience is how many unheard beats are told as silence: more than the longest
// run that healed by itself of late, so that a lossy line is given time and a
// clean one none. After last words, or with a battery at its end,
// the first one that is missing says it.
func (s *site) patience(cfg Config) int {
	if s.Said.LowBattery || s.Said.ShuttingDown || s.Said.Stopping {
		return 1
	}
	return min(max(s.Healed.patience(), cfg.MinBeats, s.burstBeats(cfg)), cfg.MaxBeats)
}

// judgeSilent says why the site is silent, from the last that was heard and
// from its neighbours.
func (e *Engine) judgeSilent(s *site, unheard int, now time.Time) judged {
	if s.Silent == nil {
		s.Silent = &silence{
			Since: s.Heard, Start: s.Start, Boot: s.Boot, Said: s.Said, Power: s.Power,
			Outside: !e.inOffice(s.Code, s.Heard), Habit: s.habit(s.Heard),
		}
	}
	q := s.Silent
	f := q.facts()
	f.WAN = q.WAN
	opened := e.overslept(s.Code, q, now)
	if !opened.IsZero() {
		f.Office, f.HabitOff = true, false
	}
	if !q.Alone {
		e.show(s, now)
		e.neighbours(s, q.Since, &f, &q.With)
		f.Province, f.CentreSick = e.province()
		s.asks.province = true
	}
	v := Attribute(f)
	region := e.region(s, f, v, now)
	v.Evidence = s.because(v, region, func() []thongsuot.Evidence { return append(q.evidence(unheard), e.others(s, f)...) })
	return judged{Verdict: v, since: q.Since, region: region, at: opened}
}

// facts are what is known of a silence while it lasts.
func (q *silence) facts() Facts {
	return Facts{
		Silent: true, Words: q.words(), Office: !q.Outside, HabitOff: q.Outside && q.Habit, MainsSeen: q.mainsSeen(),
		UPS: UPS{Known: q.Power.Known, OnBattery: q.Power.OnBattery, Low: q.Power.Low, Concluded: q.Power.Concluded, Runtime: max(q.Power.Runtime-q.Since.Sub(q.Power.At), 0)},
	}
}

// seenWithin is how old the word of a mains sensor may be at a silence to say
// that the mains were there when it began.
const seenWithin = 10 * time.Second

// mainsSeen reports whether a beat saw mains moments before the silence: the
// last one did, and the next was due soon after.
func (q *silence) mainsSeen() bool { return q.Said.MainsPresent && q.Said.Every <= seenWithin }

func (q *silence) words() Words {
	switch {
	case q.Said.ShuttingDown && q.Power.OnBattery:
		return WordsShutdownPower
	case q.Said.ShuttingDown:
		return WordsShutdownUser
	case q.Said.Stopping:
		return WordsAgentStop
	default:
		return WordsNone
	}
}

func (q *silence) evidence(unheard int) []thongsuot.Evidence {
	out := []thongsuot.Evidence{{Code: thongsuot.EvidenceBeatsUnanswered, At: q.Since, Value: float64(unheard)}}
	if q.Power.OnBattery {
		out = append(out, q.Power.evidence()...)
	}
	switch q.words() {
	case WordsAgentStop:
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidenceAgentStopped, At: q.Since, Detail: "stop"})
	case WordsShutdownPower, WordsShutdownUser:
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidenceAgentStopped, At: q.Since, Detail: "shutdown"})
	}
	switch {
	case q.Said.MainsPresent:
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidenceMainsPresent, At: q.Since})
	case !q.Power.Known:
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidenceNoMainsSensor, At: q.Since})
	}
	return out
}

// burstBeats is the patience with a line that is known for bursts of loss, even
// before one of them swallowed a beat with all its tries. Of a burst in which
// six in ten datagrams are lost each way, one in eight beats is swallowed: six
// in a row are not one in a hundred thousand.
func (s *site) burstBeats(cfg Config) int {
	for _, t := range s.Targets {
		if !t.Burst.IsZero() && !isGateway(role(t.Last)) && s.Heard.Sub(t.Burst) <= cfg.HealMemory {
			return 3 * cfg.MinBeats
		}
	}
	return 0
}
