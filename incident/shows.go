package incident

import (
	"time"

	"thongsuot"
)

// What the sites show each other is counted as it changes, so that the lot of
// one costs those whom it concerns something, and nobody else.

// shown is all that the others read of a site when they are judged.
type shown struct {
	takesPart, gone, onBattery bool
	away                       bool // silent, or a beat of it is late
	silent                     bool
	goneSince, batterySince    time.Time
	view                       PortalView
	services                   string
}

// shows are the sites by what they share, and the counts of what they show.
type shows struct {
	upstreams, feeders map[string]*group  // none under ""
	carriers           map[string]*census // of those that are counted in statistics
	references         census
	voted              bool // somebody sees the portal otherwise
	served             bool // or another service
	province, sick     bool // as it was last told
	moved              bool // any of these
	all                bool // the centre was away: beats that are missing are counted anew
	stirred            []*site
}

// group is sites that share an upstream or a feeder.
type group struct {
	sites []*site
	moved bool // the lot of one changed
}

// census counts the sites of one carrier.
type census struct {
	sites, away           int // that take part; of them
	voters, failing, slow int // those that are heard, and how they see the portal
	fine                  int
	moved                 bool // one went or came
}

// asks are what the verdict on a site rests on beside itself.
type asks struct{ upstream, feeder, carrier, province, vote, services bool }

func newShows(list []*site) shows {
	w := shows{upstreams: map[string]*group{}, feeders: map[string]*group{}, carriers: map[string]*census{}}
	join := func(groups map[string]*group, name string, s *site) *group {
		if name == "" {
			return &group{}
		}
		if groups[name] == nil {
			groups[name] = &group{}
		}
		groups[name].sites = append(groups[name].sites, s)
		return groups[name]
	}
	for _, s := range list {
		s.upstream, s.feeder = join(w.upstreams, s.Upstream, s), join(w.feeders, s.Feeder, s)
		if w.carriers[s.Carrier] == nil {
			w.carriers[s.Carrier] = &census{}
		}
	}
	return w
}

// of is the census that a site is counted in, nil for none.
func (w *shows) of(s *site) *census {
	switch {
	case s.Kind == thongsuot.KindReference:
		return &w.references
	case s.Counted:
		return w.carriers[s.Carrier]
	default:
		return nil
	}
}

// add counts what a site shows; by is -1 to count it no longer.
func (t *census) add(is shown, by int) {
	if !is.takesPart {
		return
	}
	t.sites += by
	if is.away {
		t.away += by
	}
	if is.silent {
		return
	}
	t.voters += by
	switch is.view {
	case PortalFails:
		t.failing += by
	case PortalSlow:
		t.slow += by
	case PortalOK:
		t.fine += by
	}
}

// show brings up to date what the others read of the site.
func (e *Engine) show(s *site, now time.Time) {
	is := shown{takesPart: s.takesPart(now), silent: s.Silent != nil, view: s.view, services: s.services.key()}
	is.away = is.silent || s.unheard(now, e.grace, e.cfg) >= 1
	is.goneSince, is.gone = s.gone(is.away)
	is.batterySince, is.onBattery = s.onBatteryAt()
	was, w := s.shown, &e.shows
	if is == was {
		return
	}
	s.shown = is
	votes := is.takesPart != was.takesPart || is.silent != was.silent
	went := is.takesPart != was.takesPart || is.away != was.away || is.gone != was.gone || is.goneSince != was.goneSince
	if t := w.of(s); t != nil {
		t.add(was, -1)
		t.add(is, 1)
		w.voted = w.voted || votes || is.view != was.view
		t.moved = t.moved || went
	}
	w.served = w.served || votes || is.services != was.services
	s.upstream.moved = s.upstream.moved || went
	s.feeder.moved = s.feeder.moved || is.takesPart != was.takesPart || is.onBattery != was.onBattery || is.batterySince != was.batterySince
	w.moved = true
}

// refresh brings up to date what time alone changed of what sites show.
func (e *Engine) refresh(now time.Time) {
	if now.Before(e.wake) && !e.shows.all {
		return
	}
	for i, s := range e.list {
		if e.shows.all || e.due[i] <= now.UnixNano() {
			s.listen(now)
			e.show(s, now)
		}
	}
	e.shows.all = false
}

// concerned lists the sites in trouble that rest on what changed since it was
// last asked for.
func (e *Engine) concerned() []*site {
	w := &e.shows
	if !w.moved && !e.stirred {
		return nil
	}
	wide, sick := e.province()
	province := wide != w.province || sick != w.sick
	w.province, w.sick = wide, sick
	w.stirred = w.stirred[:0]
	for _, s := range e.list {
		if s.Open != nil && (e.stirred || s.stirred || s.asks.upstream && s.upstream.moved || s.asks.feeder && s.feeder.moved ||
			s.asks.carrier && w.carriers[s.Carrier].moved || s.asks.province && province || s.asks.vote && w.voted || s.asks.services && w.served) {
			w.stirred = append(w.stirred, s)
		}
	}
	for _, s := range e.list {
		s.stirred, s.upstream.moved, s.feeder.moved = false, false, false
	}
	for _, t := range w.carriers {
		t.moved = false
	}
	e.stirred, w.moved, w.voted, w.served = false, false, false, false
	return w.stirred
}
