package incident

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"thongsuot"
)

// Widths of coincidence. Onsets of one fault spread over the beats of the
// sites and the patience with their lines.
const (
	onsetsWithin  = 3 * time.Minute // of one upstream
	batteryWithin = 5 * time.Minute // of one feeder
)

// judged is a verdict with the event time since which it holds.
type judged struct {
	thongsuot.Verdict
	since  time.Time
	region thongsuot.Region // whose members fail together; zero for the site alone
	at     time.Time        // event time of what changed it, where that is not now
	hold   bool             // nothing can be said now: what was held before stands
}

func up() judged {
	return judged{Verdict: thongsuot.Verdict{State: thongsuot.StateUp, Cause: thongsuot.CauseNone, Confidence: 1}}
}

// judge says what is wrong at the site now.
func (e *Engine) judge(s *site, now time.Time) judged {
	s.advance(now, e.cfg)
	if s.Heard.IsZero() {
		return up() // never heard: nothing began, so nothing can have ended
	}
	s.services, s.served, s.lines = nil, nil, nil
	s.asks = asks{}
	unheard := s.unheard(now, e.grace, e.cfg)
	switch {
	case s.Silent != nil || unheard >= s.patience(e.cfg):
		return e.judgeSilent(s, unheard, now)
	case s.Heard.Before(e.grace):
		return judged{hold: true} // not heard since the centre came back, not missed yet either
	default:
		return e.judgeSpeaking(s, now)
	}
}

// judgeSpeaking judges a site that is heard, by what its probes found.
func (e *Engine) judgeSpeaking(s *site, now time.Time) judged {
	sees := s.look(now, e.cfg, "")
	s.view = sees.view()
	service, noService := e.judgeServices(s, s.seeServices(now, e.cfg), now)
	oneLine, lineGone := s.seeLines(now, e.cfg)
	f := sees.facts(now)
	if s.Gap == nil || !s.Power.At.Before(s.Gap.End) { // else it is from before a silence
		f.UPS = UPS{Known: s.Power.Known, OnBattery: s.Power.OnBattery && now.Sub(s.Power.Since) >= e.cfg.HoldBattery, Low: s.Power.Low, Concluded: s.Power.Concluded, Runtime: s.Power.Runtime}
	}
	low := s.voltage(now, e.cfg)
	f.InputVolts, _ = low.Field(thongsuot.FieldMeanVolts)
	failing := sees.failing()
	if len(failing) > 0 && s.Power.OnBattery {
		f.BatteryToLoss = Interval{true, earliestSince(failing).Sub(s.Power.Since)}
	}
	if f.beyondGone() {
		e.neighbours(s, earliestSince(failing), &f, &company{})
	}
	if f.UPS.OnBattery && !f.beyondGone() {
		s.onFeeder(s.Power.Since, &f, &company{})
	}
	if f.Portal.gone() || slices.ContainsFunc(sees.portalUp, (*target).pageSlow) {
		e.vote(s, now, &f)
	}
	v := Attribute(f)
	if v.Cause == thongsuot.CausePortal && len(sees.portalDown) > 0 && brokenTLS(sees.portalDown[0]) {
		v.Sub = thongsuot.SubTLS
	}
	switch {
	case v.Sub == thongsuot.SubVoltage:
		mean, _ := low.Field(thongsuot.FieldMeanVolts)
		v.Evidence = []thongsuot.Evidence{{Code: thongsuot.EvidenceVoltage, At: low.At, Probe: low.Probe, Value: mean, Detail: low.Detail}}
		return judged{Verdict: v, since: low.At.Add(-voltageWindow)}
	case v.State == thongsuot.StateAtRisk:
		v.Evidence = append(s.Power.evidence(), e.others(s, f)...)
		return judged{Verdict: v, since: s.Power.Since, region: e.region(s, f, v, now)}
	case v.State != thongsuot.StateUp:
		poor := sees.poor()
		region := e.region(s, f, v, now)
		why := func() []thongsuot.Evidence {
			return slices.Concat(sees.evidence(), poorEvidence(poor, now), v.Evidence, e.others(s, f))
		}
		if v.State == thongsuot.StateDegraded {
			since := earliestPoor(poor)
			if f.Loss >= lossTold && now.Sub(since) < sureOfLoss {
				v.Confidence = min(v.Confidence, likely) // a burst looks the same
			}
			if since.IsZero() {
				since = now
			}
			v.Evidence = s.because(v, region, why)
			return judged{Verdict: v, since: since, region: region}
		}
		v.Evidence = s.because(v, region, why)
		return judged{Verdict: v, since: sees.onset(f), region: region}
	case len(sees.hostsDown) > 0:
		// One host that used to answer is gone while others answer: its own
		// fault or that of the way to it. The counter may still work.
		v = verdict(thongsuot.StateDegraded, thongsuot.CauseUnknown, "", possible, thongsuot.CauseAccess, thongsuot.CauseUpstream)
		v.Evidence = targetEvidence(sees.hostsDown)
		return judged{Verdict: v, since: earliestSince(sees.hostsDown)}
	case noService:
		return service
	case lineGone:
		return oneLine
	default:
		return up()
	}
}

// because is the evidence of a verdict: what is held of it already, where it is
// nothing new.
func (s *site) because(v thongsuot.Verdict, r thongsuot.Region, why func() []thongsuot.Evidence) []thongsuot.Evidence {
	if in := s.Open; in != nil && r == in.Region && (in.Part == "") == (r.Kind == "") && v.Same(in.Verdict) && v.Same(s.Verdict) {
		return in.Verdict.Evidence
	}
	return why()
}

// sureOfLoss is how long loss goes on before its place is held to be sure.
const sureOfLoss = 5 * time.Minute

// voltageWindow is the time of which agents tell the mean voltage.
const voltageWindow = 10 * time.Minute

// beyondLimit is the band of a window whose mean is off what machines bear.
const beyondLimit = 2

// voltage is the newest finding that the mains voltage endangers machines, the
// zero result when there is none.
func (s *site) voltage(now time.Time, cfg Config) thongsuot.Result {
	for _, t := range s.targets() {
		if t.Last.Kind != thongsuot.ProbeVoltage {
			continue
		}
		if band, _ := t.Last.Field(thongsuot.FieldVoltsBand); band == beyondLimit && now.Sub(t.Last.At) <= cfg.Stale {
			return t.Last
		}
	}
	return thongsuot.Result{}
}

// sight is what a site's probes show now, target by target.
type sight struct {
	gatewayUp, gatewayDown *target
	firstHop               *target   // of the carrier, unless it is down
	hopUp, hopDown         *target   // the carrier's routers; a farther one that answers shows that the nearer works
	captive, differs       *target   // a page of the carrier's own in the way; names led elsewhere
	hostsUp, hostsDown     []*target // reached by address: ICMP and TCP, gateways aside
	namesUp, namesDown     []*target
	portalUp, portalDown   []*target
}

// look sorts the site's targets on a line, "" for those that are bound to none. A target that never answered is evidence only
// where it has to answer: many routers and hosts drop echo requests all their
// life.
func (s *site) look(now time.Time, cfg Config, line string) (v sight) {
	for _, t := range s.targets() {
		if t.Last.Line != line || now.Sub(t.Fresh) > cfg.Stale || s.duringSilence(t.Fresh) {
			continue
		}
		name := role(t.Last)
		down := t.down(cfg)
		if name == thongsuot.NameHop && t.Answered && !down {
			v.firstHop = t
		}
		switch kind := t.Last.Kind; {
		case isGateway(name) && t.Last.OK():
			v.gatewayUp = t
		case isGateway(name) && t.Answered && down:
			v.gatewayDown = t
		case isGateway(name):
		case isHop(name) && t.Last.OK():
			v.hopUp = t
		case isHop(name) && t.Answered && down:
			v.hopDown = t
		case isHop(name):
		case kind == thongsuot.ProbeCaptive:
			if down && t.Bad.Reason == thongsuot.ReasonCaptive {
				v.captive = t
			}
		case kind == thongsuot.ProbeDNS && t.Last.Reason == thongsuot.ReasonDNSDiffers:
			// It answers. Whether it lies shows where its answers lead.
			v.namesUp = append(v.namesUp, t)
			if down {
				v.differs = t
			}
		case kind == thongsuot.ProbeDNS:
			v.namesUp, v.namesDown = sortTarget(t, down, v.namesUp, v.namesDown)
		case kind == thongsuot.ProbePortal:
			v.portalUp, v.portalDown = sortTarget(t, down, v.portalUp, v.portalDown)
		case name == thongsuot.NameCentre && down && line == "":
			// The site is heard, so the centre can be reached: it was away itself.
		case (kind == thongsuot.ProbeICMP || kind == thongsuot.ProbeTCP) && t.Answered:
			v.hostsUp, v.hostsDown = sortTarget(t, down, v.hostsUp, v.hostsDown)
		}
	}
	return v
}

func sortTarget(t *target, isDown bool, up, down []*target) ([]*target, []*target) {
	if isDown {
		return up, append(down, t)
	}
	return append(up, t), down
}

// facts reads the sight as ratios: of several targets of one kind, one that
// answers shows that the way is open.
func (v sight) facts(now time.Time) (f Facts) {
	ratio := func(up, down []*target) Ratio {
		switch {
		case len(up) > 0:
			return Success(1)
		case len(down) > 0:
			return Success(0)
		default:
			return Ratio{}
		}
	}
	f.Reference, f.DNS, f.Portal = ratio(v.hostsUp, v.hostsDown), ratio(v.namesUp, v.namesDown), ratio(v.portalUp, v.portalDown)
	if f.DNS.gone() && f.Portal.works() && newestAnswer(v.portalUp).Before(earliestSince(v.namesDown)) {
		f.Portal = Ratio{} // from before the names went, and not asked since
	}
	if f.DNS.works() && f.Portal.gone() && v.sinceNames() {
		f.Portal = Ratio{} // from before the names came back, and not asked since
	}
	// What gets lost on the way says nothing of where it was bound.
	if f.DNS.gone() && v.losesMuch(heavyOver) {
		f.DNS = Ratio{}
	}
	if f.Portal.gone() && !saidSo(v.portalDown[0]) && v.losesMuch(cleanOver) { // it is asked seldom
		f.Portal = Ratio{}
	}
	switch {
	case v.gatewayUp != nil:
		f.Gateway = Success(1)
	case v.gatewayDown != nil:
		f.Gateway = Success(0)
	}
	switch {
	case v.hopUp != nil:
		f.Hop = Success(1)
	case v.hopDown != nil:
		f.Hop = Success(0)
	}
	f.Captive, f.DNSDiffers = v.captive != nil, v.differs != nil
	v.measure(now, &f)
	if f.Portal.gone() {
		f.PortalSaidSo = saidSo(v.portalDown[0])
		// Two probes that miss names are one finding, even before each alone is sure.
		if nameFailure(v.portalDown[0]) && !slices.ContainsFunc(v.namesUp, func(t *target) bool { return t.Last.OK() }) {
			f.DNS = Success(0)
		}
	}
	return f
}

// sinceNames reports whether the portal failed when there were no names, and has
// not been asked since they are back.
func (v sight) sinceNames() bool {
	return !slices.ContainsFunc(v.portalDown, func(p *target) bool {
		return !slices.ContainsFunc(v.namesUp, func(n *target) bool {
			return p.Last.At.Before(n.Back) && !p.Since.Add(gapEdge).Before(n.Down)
		})
	})
}

// losesMuch reports whether of so many of the newest requests so many got lost
// that single questions are bound to fail, but not for so long that it would
// be told.
func (v sight) losesMuch(requests int) bool {
	return slices.ContainsFunc(v.hostsUp, func(t *target) bool {
		lost, sent := t.Quality.Loss.newest(requests)
		return !t.Quality.Loss.High && float64(lost) > lossHeavy*float64(max(sent, heavyOver))
	})
}

// failing lists the targets that are down, the gateway aside.
func (v sight) failing() []*target { return slices.Concat(v.hostsDown, v.namesDown, v.portalDown) }

// onset is when what the facts show began: with all gone, when the last of it
// went; otherwise with the portal.
func (v sight) onset(f Facts) time.Time {
	switch {
	case f.Captive:
		return v.captive.Since
	case f.beyondGone():
		return latestSince(v.failing())
	case len(v.portalDown) > 0:
		return earliestSince(v.portalDown)
	default:
		return earliestSince(v.failing())
	}
}

func (v sight) evidence() []thongsuot.Evidence {
	out := targetEvidence(v.failing())
	for _, g := range []*target{v.captive, v.differs, v.gatewayUp, v.gatewayDown, v.hopUp, v.hopDown} {
		if g != nil {
			out = append(out, evidenceOf(g))
		}
	}
	return out
}

// duringSilence reports whether a result is from within the last silence: it
// explains that, and says nothing of how things are since the site is back.
func (s *site) duringSilence(at time.Time) bool {
	return s.Gap != nil && at.After(s.Gap.Since) && at.Before(s.Gap.End)
}

// targets lists the targets by name.
func (s *site) targets() []*target {
	if s.sorted == nil {
		for _, name := range slices.Sorted(maps.Keys(s.Targets)) {
			s.sorted = append(s.sorted, s.Targets[name])
		}
	}
	return s.sorted
}

// isGateway knows the gateways by name: "gateway", and "gateway-2" and so on
// for those of further lines.
func isGateway(probe string) bool { return named(probe, thongsuot.NameGateway) }

func named(probe, name string) bool {
	rest, ok := strings.CutPrefix(probe, name)
	if !ok || rest == "" {
		return ok
	}
	number, further := strings.CutPrefix(rest, "-")
	if !further {
		return false
	}
	_, err := strconv.Atoi(number)
	return err == nil
}

// isHop knows the probes of the carrier's routers by name.
func isHop(probe string) bool {
	return probe == thongsuot.NameHop || probe == thongsuot.NameUpstream
}

func brokenTLS(t *target) bool { return strings.HasPrefix(string(t.Bad.Reason), "tls_") }

func nameFailure(t *target) bool { return strings.HasPrefix(string(t.Bad.Reason), "dns_") }

func (p power) evidence() []thongsuot.Evidence {
	if p.Concluded {
		return []thongsuot.Evidence{{Code: thongsuot.EvidenceMainsLost, At: p.Since}}
	}
	out := []thongsuot.Evidence{{Code: thongsuot.EvidenceOnBattery, At: p.Since, Value: p.Runtime.Seconds()}}
	if p.Low {
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidenceLowBattery, At: p.At})
	}
	return out
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

func newestAnswer(ts []*target) (at time.Time) {
	for _, t := range ts {
		at = later(t.Last.At, at)
	}
	return at
}

func earliestSince(ts []*target) time.Time { return slices.MinFunc(ts, bySince).Since }
func latestSince(ts []*target) time.Time   { return slices.MaxFunc(ts, bySince).Since }
func bySince(a, b *target) int             { return a.Since.Compare(b.Since) }
