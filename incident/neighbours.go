package incident

import (
	"time"

	"thongsuot"
)

// heardWithin bounds who counts as a neighbour or votes: a site that has been
// gone for longer says nothing about today.
const heardWithin = 24 * time.Hour

// neighbours counts who shares the fate of a site whose trouble began at onset.
func (e *Engine) neighbours(s *site, onset, now time.Time, f *Facts) {
	for _, code := range e.byUpstream[s.Upstream] {
		if o := e.sites[code]; o != s && e.takesPart(o, now) {
			f.UpstreamPeers++
			if began, gone := o.gone(now, e); gone && began.Sub(onset).Abs() <= onsetsWithin {
				f.UpstreamDown++
			}
		}
	}
	for _, code := range e.byFeeder[s.Feeder] {
		if o := e.sites[code]; o != s && e.takesPart(o, now) {
			f.FeederPeers++
			if began, on := o.onBatteryAt(); on && began.Sub(onset).Abs() <= batteryWithin {
				f.FeederOnBattery++
			}
		}
	}
}

// takesPart brings a neighbour up to now and reports whether it counts.
func (e *Engine) takesPart(s *site, now time.Time) bool {
	s.advance(now, e.cfg)
	return s.takesPart(now)
}

func (s *site) takesPart(now time.Time) bool {
	return !s.Heard.IsZero() && now.Sub(s.Heard) <= heardWithin
}

// gone reports since when the site is cut off. One unheard beat is enough
// here: it is asked only about neighbours of a site that is gone already, and
// the beats of all are spread over their interval.
func (s *site) gone(now time.Time, e *Engine) (began time.Time, gone bool) {
	switch {
	case s.Silent != nil:
		return s.Silent.Since, true
	case s.unheard(now, e.grace, e.cfg) >= 1:
		return s.Heard, true
	case s.Gap != nil:
		return s.Gap.Since, true // back already; the caller compares the time
	default:
		return time.Time{}, false
	}
}

// onBatteryAt reports since when the site is, or last was, on battery.
func (s *site) onBatteryAt() (began time.Time, on bool) {
	switch {
	case s.Power.OnBattery:
		return s.Power.Since, true
	case s.Gap != nil && s.Gap.Power.OnBattery:
		return s.Gap.Power.Since, true
	case s.Gap != nil && s.Gap.OnBattery:
		return s.Gap.Since, true
	default:
		return time.Time{}, false
	}
}

// vote counts who else cannot use the portal, and over how many carriers.
func (e *Engine) vote(now time.Time, f *Facts) {
	voters, failing := 0, 0
	routes := map[string]bool{}
	for _, code := range e.order {
		o := e.sites[code]
		if !e.takesPart(o, now) || o.Silent != nil {
			continue
		}
		seen := o.look(now, e.cfg)
		// Who finds no name votes on its resolver, not on the portal.
		down := len(seen.portalUp) == 0 && len(seen.portalDown) > 0 && !nameFailure(seen.portalDown[0])
		if o.Kind == thongsuot.KindReference {
			switch {
			case down && f.ReferencePortal == PortalNotSeen:
				f.ReferencePortal = PortalFails
			case len(seen.portalUp) > 0:
				f.ReferencePortal = PortalOK
			}
			continue
		}
		if !o.Counted {
			continue
		}
		voters++
		if down {
			failing++
			routes[o.Carrier] = true
		}
	}
	delete(routes, "") // a carrier that nobody entered is no second carrier
	if voters > 1 {
		f.PortalFailShare = float64(failing) / float64(voters)
		f.PortalFailRoutes = len(routes)
	}
}

// others is the evidence of neighbours, where they decided something.
func (e *Engine) others(s *site, f Facts) (out []thongsuot.Evidence) {
	if f.UpstreamDown >= peersAtLeast {
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidencePeersSilent, Target: s.Upstream, Value: float64(f.UpstreamDown)})
	}
	if f.feederTogether() {
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidencePeersOnBattery, Target: s.Feeder, Value: float64(f.FeederOnBattery)})
	}
	if f.PortalFailShare >= voteShare && !f.PortalSaidSo {
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidencePortalVote, Value: f.PortalFailShare})
	}
	return out
}
