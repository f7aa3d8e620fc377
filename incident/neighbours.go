package incident

import (
	"slices"
	"time"

	"thongsuot"
)

// heardWithin bounds who counts as a neighbour or votes: a site that has been
// gone for longer says nothing about today.
const heardWithin = 24 * time.Hour

// company is who shared the fate of a site, by code. It only grows: that a
// neighbour is back, or gone for so long that it counts no longer, does not
// unsay what it showed.
type company struct {
	Gone    []string `json:"gone,omitempty"`
	Battery []string `json:"battery,omitempty"`
}

// neighbours counts who shares the fate of a site whose trouble began at
// onset, and keeps the names of those in known.
func (e *Engine) neighbours(s *site, onset, now time.Time, f *Facts, known *company) {
	for _, code := range e.byUpstream[s.Upstream] {
		if code == s.Code {
			continue
		}
		o := e.sites[code]
		takesPart, with := e.takesPart(o, now), slices.Contains(known.Gone, code)
		if began, gone := o.gone(now, e); !with && takesPart && gone && began.Sub(onset).Abs() <= onsetsWithin {
			with = true
			if o.Silent != nil || !began.Equal(o.Heard) { // not only a beat that is late
				known.Gone = append(known.Gone, code)
			}
		}
		f.UpstreamPeers += one(takesPart || with)
		f.UpstreamDown += one(with)
	}
	for _, code := range e.byFeeder[s.Feeder] {
		if code == s.Code {
			continue
		}
		o := e.sites[code]
		takesPart, with := e.takesPart(o, now), slices.Contains(known.Battery, code)
		if began, on := o.onBatteryAt(); !with && takesPart && on && began.Sub(onset).Abs() <= batteryWithin {
			with = true
			known.Battery = append(known.Battery, code)
		}
		f.FeederPeers += one(takesPart || with)
		f.FeederOnBattery += one(with)
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// takesPart reports whether a neighbour counts at now.
func (e *Engine) takesPart(s *site, now time.Time) bool {
	s.listen(now)
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
		return s.Silent.Since, !s.Silent.explained()
	case s.unheard(now, e.grace, e.cfg) >= 1:
		return s.Heard, true
	case s.Gap != nil:
		return s.Gap.Since, !s.Gap.explained() // back already; the caller compares the time
	default:
		return time.Time{}, false
	}
}

// explained reports whether a silence has a cause of its own, so that it is no
// sign of a common one: the site said goodbye, or is off every evening.
func (q *silence) explained() bool {
	w := q.words()
	return w == WordsShutdownUser || w == WordsAgentStop || q.Outside && q.Habit
}

// onBatteryAt reports since when the site is, or last was, on battery.
func (s *site) onBatteryAt() (began time.Time, on bool) {
	switch {
	case s.Power.OnBattery:
		return s.Power.Since, true
	case s.Gap != nil && s.Gap.Power.OnBattery:
		return s.Gap.Power.Since, true
	case s.Gap != nil && s.Gap.OnBattery:
		return s.Gap.BatteryAt, true
	default:
		return time.Time{}, false
	}
}

// polls are what all sites together show at one instant: the same for each of
// one carrier that asks. They end with the instant, and when a site shows
// something new.
type polls struct {
	at             time.Time
	votes          map[string]Facts // on the portal, by carrier of who asks
	counted        bool             // of the province
	province, sick bool
}

// pollsAt are those of now.
func (e *Engine) pollsAt(now time.Time) *polls {
	if !e.polls.at.Equal(now) {
		e.polls = polls{at: now, votes: map[string]Facts{}}
	}
	return &e.polls
}

// vote counts who else cannot use the portal, and over how many carriers.
func (e *Engine) vote(s *site, now time.Time, f *Facts) {
	p := e.pollsAt(now)
	v, known := p.votes[s.Carrier]
	if !known {
		e.poll(s, now, &v, func(o *site) (PortalView, bool) { return o.view, true })
		p.votes[s.Carrier] = v
	}
	f.ReferencePortal, f.PortalFailShare, f.PortalSlowShare = v.ReferencePortal, v.PortalFailShare, v.PortalSlowShare
	f.PortalFailRoutes, f.CarrierFailShare, f.OthersFailShare = v.PortalFailRoutes, v.CarrierFailShare, v.OthersFailShare
}

// poll asks all sites how they see a page; view tells it, and whether the site
// votes on it. Those on the carrier of s are counted for themselves too.
func (e *Engine) poll(s *site, now time.Time, f *Facts, view func(o *site) (seen PortalView, votes bool)) {
	voters, failing, slow := 0, 0, 0
	var own, others struct{ voters, failing int }
	routes := map[string]bool{}
	for _, code := range e.order {
		o := e.sites[code]
		if !e.takesPart(o, now) || o.Silent != nil {
			continue
		}
		seen, votes := view(o)
		if !votes {
			continue
		}
		if o.Kind == thongsuot.KindReference {
			f.ReferencePortal = better(f.ReferencePortal, seen)
			continue
		}
		if !o.Counted {
			continue
		}
		voters++
		of := &others
		if o.Carrier == s.Carrier {
			of = &own
		}
		of.voters++
		if seen == PortalFails {
			of.failing++
		}
		switch seen {
		case PortalFails:
			failing++
			routes[o.Carrier] = true
		case PortalSlow:
			slow++
		}
	}
	delete(routes, "") // a carrier that nobody entered is no second carrier
	if voters > 1 {
		f.PortalFailShare = float64(failing) / float64(voters)
		f.PortalSlowShare = float64(slow) / float64(voters)
		f.PortalFailRoutes = len(routes)
	}
	if s.Carrier != "" && own.voters >= peersAtLeast && others.voters >= peersAtLeast {
		f.CarrierFailShare = Success(float64(own.failing) / float64(own.voters))
		f.OthersFailShare = Success(float64(others.failing) / float64(others.voters))
	}
}

// view is how the portal looks from one site. One failure is enough here, and a
// rise that is not told yet: it is asked when another site is sure already.
// Who finds no name votes on its resolver, not on the portal.
func (v sight) view() PortalView {
	is := PortalNotSeen
	for _, t := range slices.Concat(v.portalUp, v.portalDown) {
		one := PortalOK
		switch {
		case t.Fails > 0 && nameFailure(t):
			one = PortalNotSeen
		case t.Fails > 0:
			one = PortalFails
		case t.pageSlow(), t.pageRising():
			one = PortalSlow
		}
		is = better(is, one)
	}
	return is
}

// better is what several reference probes say together: one that can use the
// portal proves that it can be used.
func better(a, b PortalView) PortalView {
	order := []PortalView{PortalNotSeen, PortalFails, PortalSlow, PortalOK}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
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
