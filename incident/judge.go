package incident

import (
	"slices"
	"strings"
	"time"

	"thongsuot"
)

// judged is a verdict with the event time since which it holds.
type judged struct {
	thongsuot.Verdict
	since time.Time
	hold  bool // nothing can be said now: what was held before stands
}

func up() judged {
	return judged{Verdict: thongsuot.Verdict{State: thongsuot.StateUp, Cause: thongsuot.CauseNone, Confidence: 1}}
}

// judge says what is wrong at the site now. The rules are tried from the
// one with the strongest evidence down; each is one function below.
func (s *site) judge(now, grace time.Time, cfg Config) judged {
	if s.Heard.IsZero() {
		return up() // never heard: nothing began, so nothing can have ended
	}
	unheard := s.unheard(now, grace, cfg)
	if s.Silent != nil || unheard >= s.patience(cfg) {
		return s.judgeSilent(unheard)
	}
	if s.Heard.Before(grace) {
		return judged{hold: true} // not heard since the centre came back, not missed yet either
	}
	for _, rule := range []func(time.Time, Config) (judged, bool){
		s.insideFails, s.namesFail, s.portalFails, s.lineFails, s.onBattery,
	} {
		if j, ok := rule(now, cfg); ok {
			return j
		}
	}
	return up()
}

// failing lists the targets of one of kinds that are held to be down, and
// tells how many of them there are in all. The gateway is not among them. A
// target that never answered is evidence only where it has to answer: many
// routers and hosts drop echo requests all their life.
func (s *site) failing(now time.Time, cfg Config, kinds ...thongsuot.ProbeKind) (down []*target, all int) {
	for _, name := range s.names() {
		t := s.Targets[name]
		if isGateway(name) || !slices.Contains(kinds, t.Last.Kind) || now.Sub(t.Last.At) > cfg.Stale || s.duringSilence(t.Last.At) {
			continue
		}
		mustAnswer := t.Last.Kind == thongsuot.ProbeDNS || t.Last.Kind == thongsuot.ProbePortal
		if !t.Answered && !mustAnswer {
			continue
		}
		all++
		if t.Fails >= cfg.FailRounds {
			down = append(down, t)
		}
	}
	return down, all
}

// duringSilence reports whether a result is from within the last silence: it
// explains that, and says nothing of how things are since the site is back.
func (s *site) duringSilence(at time.Time) bool {
	return s.Gap != nil && at.After(s.Gap.Since) && at.Before(s.Gap.End)
}

func (s *site) names() []string {
	names := make([]string, 0, len(s.Targets))
	for name := range s.Targets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func isGateway(probe string) bool { return strings.HasPrefix(probe, thongsuot.NameGateway) }

// gateway tells whether a gateway answers, and whether one that used to
// answer is down.
func (s *site) gateway(now time.Time, cfg Config) (answers, down *target) {
	for _, name := range s.names() {
		t := s.Targets[name]
		if !isGateway(name) || now.Sub(t.Last.At) > cfg.Stale {
			continue
		}
		switch {
		case t.Last.OK():
			answers = t
		case t.Answered && t.Fails >= cfg.FailRounds:
			down = t
		}
	}
	return answers, down
}

// insideFails: everything beyond the office is gone, yet the agent is heard
// (over another line). The gateway tells the office from the line.
func (s *site) insideFails(now time.Time, cfg Config) (judged, bool) {
	down, all := s.failing(now, cfg, thongsuot.ProbeICMP, thongsuot.ProbeTCP, thongsuot.ProbeDNS, thongsuot.ProbePortal)
	if all == 0 || len(down) < all {
		return judged{}, false
	}
	answers, dead := s.gateway(now, cfg)
	v := thongsuot.Verdict{State: thongsuot.StateDown, Evidence: targetEvidence(down)}
	switch {
	case answers != nil:
		v.Cause, v.Confidence = thongsuot.CauseAccess, 0.8
		v.Candidates = []string{string(thongsuot.CauseAccess), string(thongsuot.CauseUpstream)}
		v.Evidence = append(v.Evidence, evidenceOf(answers))
	case dead != nil && s.Power.OnBattery && dead.Since.Sub(s.Power.Since).Abs() <= time.Minute:
		// The network gear is likely not behind the UPS.
		v.Cause, v.Sub, v.Confidence = thongsuot.CausePower, thongsuot.SubNetworkGearUnpowered, 0.8
		v.Candidates = []string{string(thongsuot.CausePower), string(thongsuot.CauseLAN)}
		v.Evidence = append(v.Evidence, evidenceOf(dead), s.Power.evidence())
	case dead != nil:
		v.Cause, v.Confidence = thongsuot.CauseLAN, thongsuot.ConfidenceHigh
		v.Evidence = append(v.Evidence, evidenceOf(dead))
	default:
		v.Cause, v.Confidence = thongsuot.CauseUnknown, thongsuot.ConfidenceLow
		v.Candidates = []string{string(thongsuot.CauseAccess), string(thongsuot.CauseLAN)}
	}
	return judged{Verdict: v, since: latestSince(down)}, true
}

// namesFail: no resolver answers and the portal cannot be found for that
// reason, while something is reached by address.
func (s *site) namesFail(now time.Time, cfg Config) (judged, bool) {
	resolvers, all := s.failing(now, cfg, thongsuot.ProbeDNS)
	portals, _ := s.failing(now, cfg, thongsuot.ProbePortal)
	if all == 0 || len(resolvers) < all || len(portals) == 0 || !slices.ContainsFunc(portals, nameFailure) {
		return judged{}, false
	}
	v := thongsuot.Verdict{
		State: thongsuot.StateDown, Cause: thongsuot.CauseAccess, Sub: thongsuot.SubDNS, Confidence: thongsuot.ConfidenceHigh,
		Evidence: targetEvidence(slices.Concat(resolvers, portals)),
	}
	return judged{Verdict: v, since: earliestSince(portals)}, true
}

func nameFailure(t *target) bool { return strings.HasPrefix(string(t.Bad.Reason), "dns_") }

// portalFails: the counter cannot use the portal though the line works. One
// site alone cannot tell the portal from the carrier's way to it, unless the
// portal itself answered, under its own certificate, that it fails.
func (s *site) portalFails(now time.Time, cfg Config) (judged, bool) {
	portals, all := s.failing(now, cfg, thongsuot.ProbePortal)
	if all == 0 || len(portals) < all {
		return judged{}, false
	}
	v := thongsuot.Verdict{
		State: thongsuot.StateDown, Cause: thongsuot.CauseUnknown, Confidence: thongsuot.ConfidenceLow,
		Candidates: []string{string(thongsuot.CausePortal), string(thongsuot.CauseUpstream)}, Evidence: targetEvidence(portals),
	}
	switch {
	case portals[0].Bad.Reason == thongsuot.ReasonHTTP5xx && strings.HasPrefix(portals[0].Bad.Target, "https:"):
		v.Cause, v.Confidence = thongsuot.CausePortal, 0.8
	case nameFailure(portals[0]):
		v.Sub = thongsuot.SubDNS
		v.Candidates = []string{string(thongsuot.CauseAccess), string(thongsuot.CausePortal)}
	case strings.HasPrefix(string(portals[0].Bad.Reason), "tls_"):
		v.Sub = thongsuot.SubTLS
	}
	if answers, _ := s.gateway(now, cfg); answers != nil {
		v.Evidence = append(v.Evidence, evidenceOf(answers))
	}
	return judged{Verdict: v, since: earliestSince(portals)}, true
}

// lineFails: some other target that used to answer is gone. The counter may
// still work, so the site is no worse than degraded.
func (s *site) lineFails(now time.Time, cfg Config) (judged, bool) {
	down, _ := s.failing(now, cfg, thongsuot.ProbeICMP, thongsuot.ProbeTCP)
	if len(down) == 0 {
		return judged{}, false
	}
	v := thongsuot.Verdict{
		State: thongsuot.StateDegraded, Cause: thongsuot.CauseUnknown, Confidence: thongsuot.ConfidenceLow,
		Candidates: []string{string(thongsuot.CauseAccess), string(thongsuot.CauseUpstream)}, Evidence: targetEvidence(down),
	}
	return judged{Verdict: v, since: earliestSince(down)}, true
}

// onBattery: served, but not for long.
func (s *site) onBattery(now time.Time, cfg Config) (judged, bool) {
	p := s.Power
	if !p.OnBattery || now.Sub(p.Since) < cfg.HoldBattery {
		return judged{}, false
	}
	v := thongsuot.Verdict{State: thongsuot.StateAtRisk, Cause: thongsuot.CausePower, Confidence: 0.95, Evidence: []thongsuot.Evidence{p.evidence()}}
	if p.Low {
		v.Sub = thongsuot.SubLowBattery
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceLowBattery, At: p.At})
	}
	return judged{Verdict: v, since: p.Since}, true
}

func (p power) evidence() thongsuot.Evidence {
	return thongsuot.Evidence{Code: thongsuot.EvidenceOnBattery, At: p.Since, Value: p.Runtime.Seconds()}
}

func evidenceOf(t *target) thongsuot.Evidence {
	e := thongsuot.Evidence{Code: thongsuot.EvidenceTargetAnswers, At: t.Last.At, Probe: t.Last.Probe, Target: t.Last.Target}
	if t.Fails > 0 {
		e.Code, e.At, e.Reason, e.Detail = thongsuot.EvidenceTargetFails, t.Since, t.Bad.Reason, t.Bad.Detail
	}
	return e
}

func targetEvidence(ts []*target) []thongsuot.Evidence {
	out := make([]thongsuot.Evidence, 0, len(ts)+1)
	for _, t := range ts {
		out = append(out, evidenceOf(t))
	}
	return out
}

func earliestSince(ts []*target) time.Time {
	return slices.MinFunc(ts, bySince).Since
}

func latestSince(ts []*target) time.Time {
	return slices.MaxFunc(ts, bySince).Since
}

func bySince(a, b *target) int { return a.Since.Compare(b.Since) }
