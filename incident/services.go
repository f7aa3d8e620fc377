package incident

import (
	"maps"
	"slices"
	"strings"
	"time"

	"thongsuot"
)

// Named services beside the portal. Each is voted on by the sites that ask
// for it, by the rules of the portal, and has a verdict of its own. A site
// that misses one still serves its citizens, in part.

// serviceViews is how services look from one site, by name.
type serviceViews map[string]PortalView

// key is the same for views that are the same.
func (v serviceViews) key() string {
	if len(v) == 0 {
		return ""
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(v)) {
		b.WriteString(name + "=" + string(v[name]) + " ")
	}
	return b.String()
}

// seeServices notes how each service looks from the site, and returns those
// that are down there.
func (s *site) seeServices(now time.Time, cfg Config) (down []*target) {
	s.services = nil
	for _, t := range s.targets() {
		if t.Last.Kind != thongsuot.ProbeService || now.Sub(t.Fresh) > cfg.Stale || s.duringSilence(t.Fresh) {
			continue
		}
		if s.services == nil {
			s.services = serviceViews{}
		}
		name := t.Last.Probe
		switch { // as with the portal, one failure is enough for its vote
		case t.Fails == 0:
			s.services[name] = PortalOK
		case nameFailure(t):
			s.services[name] = PortalNotSeen // its resolver's fault, as far as one can see
		default:
			s.services[name] = PortalFails
		}
		if t.Fails >= cfg.FailRounds {
			down = append(down, t)
		}
	}
	return down
}

// judgeServices says of each service that is down at the site why that is, and
// what it makes of the site.
func (e *Engine) judgeServices(s *site, down []*target, now time.Time) (j judged, any bool) {
	s.served = nil
	for _, t := range down {
		if s.served == nil {
			s.served = map[string]thongsuot.Verdict{}
		}
		v, region := e.judgeService(s, t, now)
		s.served[t.Last.Probe] = v
		if !any || v.Confidence > j.Confidence {
			j, any = judged{Verdict: v, since: t.Since, region: region}, true
		}
	}
	return j, any
}

func (e *Engine) judgeService(s *site, t *target, now time.Time) (thongsuot.Verdict, thongsuot.Region) {
	name := t.Last.Probe
	f := Facts{Portal: Success(0), PortalSaidSo: saidSo(t)}
	e.show(s, now)
	e.pollService(s, name, &f)
	v, _ := portalGone(f)
	v.State, v.Sub = thongsuot.StateDegraded, name
	v.Evidence = []thongsuot.Evidence{evidenceOf(t)}
	if f.PortalFailShare >= voteShare {
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidencePortalVote, Probe: name, Value: f.PortalFailShare})
	}
	region := e.region(s, f, v, now)
	if region.Kind == thongsuot.RegionPortal {
		region.Name = name
	}
	return v, region
}

// saidSo reports whether a page itself answered that it fails, under its own
// certificate.
func saidSo(t *target) bool {
	return t.Bad.Reason == thongsuot.ReasonHTTP5xx && strings.HasPrefix(t.Bad.Target, "https:")
}

// seeLines judges each further line of the site by the probes that are bound
// to it, as if it were the only one, and returns the worst.
func (s *site) seeLines(now time.Time, cfg Config) (j judged, any bool) {
	s.lines = nil
	var lines []string
	for _, t := range s.targets() {
		if l := t.Last.Line; l != "" && !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	for _, name := range lines {
		sees := s.look(now, cfg, name)
		f := sees.facts(now)
		v, gone := line(f)
		if !gone {
			continue
		}
		// Others carry the site, or it would not be judged here.
		v.State, v.Sub = thongsuot.StateAtRisk, thongsuot.SubLine
		v.Evidence = sees.evidence()
		if s.lines == nil {
			s.lines = map[string]thongsuot.Verdict{}
		}
		s.lines[name] = v
		if !any || v.Confidence > j.Confidence {
			j, any = judged{Verdict: v, since: sees.onset(f)}, true
		}
	}
	return j, any
}

// role is what a probe asks, whichever line it is bound to.
func role(r thongsuot.Result) string {
	if r.Line == "" {
		return r.Probe
	}
	return strings.TrimSuffix(r.Probe, "-"+r.Line)
}
