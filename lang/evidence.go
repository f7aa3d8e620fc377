package lang

import (
	"cmp"
	"math"
	"time"

	"thongsuot"
)

// Evidence is one observation in words with its data: "cổng mạng 192.0.2.1
// không trả lời (hết giờ)". Times are the clock time in zone.
func (l Lang) Evidence(e thongsuot.Evidence, zone *time.Location) string {
	key := "evidence." + string(e.Code)
	at := l.Clock(e.At, zone)
	switch e.Code {
	case thongsuot.EvidenceBeatsUnanswered:
		return l.T(key, l.Number(e.Value, 0), at)
	case thongsuot.EvidenceTargetFails:
		return l.fails(e, at)
	case thongsuot.EvidenceTargetAnswers:
		if l.target(e) == "" {
			return l.T("evidence.outside_answers")
		}
		return l.T(key, l.target(e))
	case thongsuot.EvidenceTargetLossy:
		return l.T(key, l.target(e), l.Percent(e.Value, 1))
	case thongsuot.EvidenceTargetSlow:
		return l.T(key, l.target(e), l.millis(e.Value), l.millis(e.Usual))
	case thongsuot.EvidencePeersSilent, thongsuot.EvidencePeersOnBattery:
		return l.T(key, l.Number(e.Value, 0), e.Target)
	case thongsuot.EvidencePortalVote:
		if e.Probe != "" {
			return l.T("evidence.service_vote", l.Percent(e.Value, 0), l.Probe(e.Probe))
		}
		return l.T(key, l.Percent(e.Value, 0))
	case thongsuot.EvidenceOnBattery:
		if e.Value <= 0 || math.IsNaN(e.Value) {
			return l.T(key, at)
		}
		return l.T("evidence.on_battery_runtime", at, l.runtime(e.Value))
	case thongsuot.EvidenceAgentStopped:
		if e.Detail == "" {
			return l.T(key, at)
		}
		why := e.Detail
		if text, ok := l.lookup("stop." + why); ok {
			why = text
		}
		return l.T("evidence.agent_stopped_why", at, why)
	case thongsuot.EvidenceVoltage:
		return l.T("evidence.voltage", l.Number(e.Value, 0), at)
	case thongsuot.EvidencePlanned:
		return l.withNote(l.T(key, l.Moment(e.At, zone), l.Moment(e.Until, zone), e.Target), e.Detail)
	case thongsuot.EvidenceOverrun:
		return l.T(key, l.Moment(e.At, zone))
	case thongsuot.EvidenceTruth:
		return l.withNote(l.T(key, e.Target, l.Moment(e.At, zone)), e.Detail)
	case thongsuot.EvidenceNoMainsSensor, thongsuot.EvidenceBootSame:
		return l.T(key)
	default:
		if _, ok := l.lookup(key); !ok {
			return l.T(key)
		}
		return l.T(key, at)
	}
}

// withNote adds what somebody wrote beside it.
func (l Lang) withNote(text, note string) string {
	if note == "" {
		return text
	}
	return l.T("evidence.note", text, note)
}

// fails is a target that failed; without a name it stands for all that the
// agent asked beyond its office, Value being the failed runs.
func (l Lang) fails(e thongsuot.Evidence, at string) string {
	if l.target(e) == "" {
		return l.T("evidence.outside_fails", l.Number(e.Value, 0), at)
	}
	key := "evidence.target_fails"
	if silent(e.Reason) {
		key = "evidence.target_silent"
	}
	return l.T(key, l.target(e), l.Reason(cmp.Or(e.Reason, thongsuot.ReasonError)))
}

// target is what a probe asked: its name in words and the address.
func (l Lang) target(e thongsuot.Evidence) string {
	name := l.Probe(e.Probe)
	switch {
	case name == "" || name == e.Target:
		return e.Target
	case e.Target == "":
		return name
	default:
		return name + " " + e.Target
	}
}

// runtime is the predicted rest of a battery: in whole minutes, as it is a
// prediction, once there are some.
func (l Lang) runtime(seconds float64) string {
	const longest = 365 * 24 * time.Hour // no battery lasts longer; a bigger number is a faulty one
	d := time.Duration(min(seconds, longest.Seconds()) * float64(time.Second))
	if d >= 2*time.Minute {
		d = d.Round(time.Minute)
	}
	return l.Duration(d)
}

// millis is a number of seconds as milliseconds.
func (l Lang) millis(seconds float64) string { return l.Number(1000*seconds, 0) + " ms" }

// silent reports whether nothing at all came back: the target did not answer.
// For the other reasons something did, and it was not what was wanted.
func silent(r thongsuot.Reason) bool {
	switch r {
	case thongsuot.ReasonTimeout, thongsuot.ReasonNoRoute, thongsuot.ReasonUnreachable,
		thongsuot.ReasonDNSTimeout, thongsuot.ReasonConnectTimeout, thongsuot.ReasonConnectUnreachable,
		thongsuot.ReasonHTTPTimeout:
		return true
	default:
		return false
	}
}
