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
func (e *Engine) neighbours(s *site, onset time.Time, f *Facts, known *company) {
	s.onUpstream(onset, f, known)
	s.onFeeder(onset, f, known)
}

func (s *site) onUpstream(onset time.Time, f *Facts, known *company) {
	s.asks.upstream = true
	for _, o := range s.upstream.sites {
		if o == s {
			continue
		}
		is, with := &o.shown, len(known.Gone) > 0 && slices.Contains(known.Gone, o.Code)
		if !with && is.takesPart && is.gone && is.goneSince.Sub(onset).Abs() <= onsetsWithin {
			with = true
			if o.Silent != nil || !is.goneSince.Equal(o.Heard) { // not only a beat that is late
				known.Gone = append(known.Gone, o.Code)
			}
		}
		f.UpstreamPeers += one(is.takesPart || with)
		f.UpstreamDown += one(with)
	}
}

func (s *site) onFeeder(onset time.Time, f *Facts, known *company) {
	s.asks.feeder = true
	for _, o := range s.feeder.sites {
		if o == s {
			continue
		}
		is, with := &o.shown, len(known.Battery) > 0 && slices.Contains(known.Battery, o.Code)
		if !with && is.takesPart && is.onBattery && is.batterySince.Sub(onset).Abs() <= batteryWithin {
			with = true
			known.Battery = append(known.Battery, o.Code)
		}
		f.FeederPeers += one(is.takesPart || with)
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
func (s *site) takesPart(now time.Time) bool {
	return !s.Heard.IsZero() && now.Sub(s.Heard) <= heardWithin
}

// gone reports since when the site is cut off; away says that a beat of it is
// missing. One unheard beat is enough
// here: it is asked only about neighbours of a site that is gone already, and
// the beats of all are spread over their interval.
func (s *site) gone(away bool) (began time.Time, gone bool) {
	switch {
	case s.Silent != nil:
		return s.Silent.Since, !s.Silent.explained()
	case away:
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

// vote counts who else cannot use the portal, and over how many carriers.
func (e *Engine) vote(s *site, now time.Time, f *Facts) {
	s.asks.vote = true
	e.show(s, now)
	e.shows.poll(s, f)
}

// pollService asks all sites that ask for a service how they see it.
func (e *Engine) pollService(s *site, name string, f *Facts) {
	s.asks.services = true
	w := shows{carriers: map[string]*census{}}
	for _, o := range e.list {
		view, asks := o.services[name]
		if !asks {
			continue
		}
		if w.carriers[o.Carrier] == nil {
			w.carriers[o.Carrier] = &census{}
		}
		if t := w.of(o); t != nil {
			t.add(shown{takesPart: o.shown.takesPart, silent: o.Silent != nil, view: view}, 1)
		}
	}
	w.poll(s, f)
}

// poll is how all sites see a page. Those on the carrier of s are counted for
// themselves too.
func (w *shows) poll(s *site, f *Facts) {
	var all, own census
	for name, t := range w.carriers {
		all.voters, all.failing, all.slow = all.voters+t.voters, all.failing+t.failing, all.slow+t.slow
		f.PortalFailRoutes += one(t.failing > 0 && name != "") // a carrier that nobody entered is no second carrier
		if name == s.Carrier {
			own = *t
		}
	}
	switch r := w.references; { // one that can use the page proves that it can be used
	case r.fine > 0:
		f.ReferencePortal = PortalOK
	case r.slow > 0:
		f.ReferencePortal = PortalSlow
	case r.failing > 0:
		f.ReferencePortal = PortalFails
	}
	if all.voters > 1 {
		f.PortalFailShare = float64(all.failing) / float64(all.voters)
		f.PortalSlowShare = float64(all.slow) / float64(all.voters)
	} else {
		f.PortalFailRoutes = 0
	}
	if others := all.voters - own.voters; s.Carrier != "" && own.voters >= peersAtLeast && others >= peersAtLeast {
		f.CarrierFailShare = Success(float64(own.failing) / float64(own.voters))
		f.OthersFailShare = Success(float64(all.failing-own.failing) / float64(others))
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
