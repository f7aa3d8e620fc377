package incident

import (
	"fmt"
	"time"

	"thongsuot"
)

// place is what the registry says of a site; it is not part of its memory.
type place struct {
	Kind                      thongsuot.SiteKind
	Counted                   bool
	Carrier, Upstream, Feeder string
}

func placeOf(s thongsuot.Site) place {
	return place{s.Kind, s.Counted(), s.Carrier(), s.Upstream(), s.Feeder}
}

// site is the memory of one site. Its fields are exported for the snapshot.
type site struct {
	place `json:"-"`

	Code    string             `json:"code"`
	Heard   time.Time          `json:"heard,omitzero"` // last sign of life, the centre's clock; zero: never
	Start   uint32             `json:"start,omitempty"`
	Boot    string             `json:"boot,omitempty"`
	Said    Beat               `json:"said"` // last beat
	Power   power              `json:"power"`
	Targets map[string]*target `json:"targets,omitempty"` // by name of the probe
	Healed  []healed           `json:"healed,omitempty"`  // runs of unheard beats that ended by themselves

	Silent  *silence            `json:"silent,omitempty"` // while silence is told
	Gap     *gap                `json:"gap,omitempty"`    // last silence that ended
	Open    *thongsuot.Incident `json:"open,omitempty"`
	Verdict thongsuot.Verdict   `json:"verdict"` // held now
	Since   time.Time           `json:"since,omitzero"`

	Standing []Observation `json:"standing,omitempty"` // observations that go on

	rest  time.Time // not judged before
	shown shown     // to its neighbours

	LastStart time.Time `json:"last_start,omitzero"` // of the newest incident
	Again     int       `json:"again,omitempty"`     // how many began in that second
}

// measuredFor is how long a measured reading outweighs a canary's. A sensor that
// works speaks once a minute at least.
const measuredFor = 2 * time.Minute

// power is what the newest source said about mains at the site.
type power struct {
	At        time.Time     `json:"at,omitzero"`
	Known     bool          `json:"known,omitempty"` // a sensor works
	OnBattery bool          `json:"on_battery,omitempty"`
	Low       bool          `json:"low,omitempty"`
	Concluded bool          `json:"concluded,omitempty"` // from a canary, not measured
	Runtime   time.Duration `json:"runtime,omitempty"`
	Since     time.Time     `json:"since,omitzero"` // of OnBattery
}

// target is one thing that is probed.
type target struct {
	Last     thongsuot.Result `json:"last"`            // newest answer, skipped runs aside
	Bad      thongsuot.Result `json:"bad"`             // newest failure that says something about the world
	Fails    int              `json:"fails,omitempty"` // of these in a row
	Since    time.Time        `json:"since,omitzero"`  // first of these failures
	Answered bool             `json:"answered,omitempty"`
}

type healed struct {
	At    time.Time `json:"at"`
	Beats int       `json:"beats"`
}

func newSite(code string) *site {
	return &site{Code: code, Targets: map[string]*target{}, Verdict: up().Verdict}
}

func (s *site) observe(o Observation, grace time.Time, cfg Config) {
	if o.Start != 0 {
		s.hear(o, grace, cfg)
	}
	s.take(o)
}

// take folds in what an observation says.
func (s *site) take(o Observation) {
	if o.Beat != nil {
		s.Said = *o.Beat
		b := o.Beat
		s.seePower(power{At: o.At, Known: b.OnBattery || b.MainsPresent, OnBattery: b.OnBattery, Low: b.LowBattery, Concluded: b.Canary, Runtime: b.Runtime})
	}
	for _, r := range o.Results {
		if r.At.After(o.At.Add(time.Minute)) {
			continue // dated in the future: its clock is wrong, it must not hide what comes next
		}
		s.fold(r, o.At)
	}
}

// hear notes a sign of life and ends a silence.
func (s *site) hear(o Observation, grace time.Time, cfg Config) {
	// A run that ended with another process of the agent, or after its goodbye,
	// did not heal by itself; and the centre must have been there to hear.
	if s.Heard.After(grace) && o.Start == s.Start && !s.Said.Stopping && !s.Said.ShuttingDown {
		if n := int(o.At.Sub(s.Heard)/s.Said.pace(cfg)) - 1; n > 0 && n < cfg.MaxBeats {
			s.Healed = append(s.Healed, healed{o.At, n})
		}
	}
	s.forget(o.At, cfg)
	if s.Silent != nil {
		s.Gap = s.Silent.ended(o, s.Open)
		s.Silent = nil
	}
	if s.Gap != nil && o.Boot != "" && s.Gap.NewBoot == "" {
		s.Gap.NewBoot, s.Gap.Touched = o.Boot, o.At
	}
	s.Heard, s.Start = o.At, o.Start
	if o.Boot != "" {
		s.Boot = o.Boot
	}
}

// forget drops runs that healed too long ago.
func (s *site) forget(now time.Time, cfg Config) {
	for len(s.Healed) > 0 && now.Sub(s.Healed[0].At) > cfg.HealMemory {
		s.Healed = s.Healed[1:]
	}
}

// fold takes in one result that arrived at arrival. Results may come late and
// in any order: only a newer one changes what is held now, an older one is
// evidence about its time.
func (s *site) fold(r thongsuot.Result, arrival time.Time) {
	if s.Gap != nil {
		s.Gap.fold(r, arrival)
	}
	switch r.Kind {
	case thongsuot.ProbeUPS, thongsuot.ProbeMains, thongsuot.ProbeCanary:
		s.foldPower(r)
	case thongsuot.ProbeICMP, thongsuot.ProbeTCP, thongsuot.ProbeDNS, thongsuot.ProbePortal, thongsuot.ProbeCaptive:
		s.foldTarget(r)
	default:
		s.keep(r)
	}
}

// keep holds the newest result of a probe and tells whether r is it.
func (s *site) keep(r thongsuot.Result) (*target, bool) {
	t := s.Targets[r.Probe]
	if t == nil || t.Last.Target != r.Target || t.Last.Kind != r.Kind {
		if t != nil && !r.At.After(t.Last.At) {
			return nil, false
		}
		t = &target{}
		s.Targets[r.Probe] = t
	}
	if !r.At.After(t.Last.At) {
		return nil, false
	}
	if r.Reason == thongsuot.ReasonSkipped && t.Last.Reason != "" {
		return nil, false // not asked out of politeness: what it answered last still holds
	}
	t.Last = r
	return t, true
}

func (s *site) foldTarget(r thongsuot.Result) {
	t, isNew := s.keep(r)
	if !isNew {
		return
	}
	switch {
	case r.OK():
		t.Fails, t.Since, t.Answered = 0, time.Time{}, true
	case r.Reason.Evidence():
		if t.Fails == 0 {
			t.Since = r.At
		}
		t.Fails++
		t.Bad = r
	}
}

func (s *site) foldPower(r thongsuot.Result) {
	if _, isNew := s.keep(r); !isNew || !r.OK() {
		return
	}
	p := power{At: r.At, Known: true, Concluded: r.Kind == thongsuot.ProbeCanary}
	if p.Concluded && s.Power.Known && !s.Power.Concluded && p.At.Sub(s.Power.At) < measuredFor {
		return // what measures outweighs what concludes
	}
	if v, ok := r.Field(thongsuot.FieldOnBattery); ok {
		p.OnBattery = v == 1
	} else if v, ok := r.Field(thongsuot.FieldOnline); ok {
		p.OnBattery = v == 0
	} else {
		return
	}
	if v, ok := r.Field(thongsuot.FieldLowBattery); ok {
		p.Low = v == 1
	}
	if v, ok := r.Field(thongsuot.FieldRuntime); ok && v > 0 {
		p.Runtime = time.Duration(v * float64(time.Second))
	}
	s.seePower(p)
}

func (s *site) seePower(p power) {
	if !p.At.After(s.Power.At) || !p.Known && !s.Power.Known {
		return
	}
	if p.OnBattery {
		p.Since = p.At
		if s.Power.OnBattery {
			p.Since = s.Power.Since
		}
	}
	s.Power = p
}

// settle makes the change, if any, from what was held to what is judged now.
// at is the event time of what brought it about.
func (s *site) settle(j judged, at time.Time) []thongsuot.Change {
	if j.hold {
		return nil
	}
	v := j.Verdict
	if !v.Same(s.Verdict) {
		s.Verdict, s.Since = v, j.since
		if s.Since.IsZero() {
			s.Since = at
		}
	}
	switch {
	case s.Open == nil && v.State == thongsuot.StateUp:
		return nil
	case s.Open == nil:
		s.Open = &thongsuot.Incident{ID: s.newID(j.since), Site: s.Code, Start: j.since, Verdict: v, Worst: v.State, Revision: 1}
		return []thongsuot.Change{{Kind: thongsuot.ChangeOpened, At: j.since, Incident: *s.Open}}
	case v.State == thongsuot.StateUp:
		closed := *s.Open
		closed.End = later(at, closed.Start)
		closed.Revision++
		s.Open = nil
		if s.Gap != nil && s.Gap.ID == closed.ID && !closed.End.After(s.Gap.End) {
			s.Gap.Incident = &closed // it ended with the silence, so what comes back explains it
		}
		return []thongsuot.Change{{Kind: thongsuot.ChangeClosed, At: closed.End, Incident: closed}}
	case !v.Same(s.Open.Verdict):
		return []thongsuot.Change{s.revise(v, at)}
	}
	return nil
}

func (s *site) revise(v thongsuot.Verdict, at time.Time) thongsuot.Change {
	kind := thongsuot.ChangeCause
	switch was, is := s.Open.Verdict.State.Severity(), v.State.Severity(); {
	case is > was:
		kind = thongsuot.ChangeWorse
	case is < was:
		kind = thongsuot.ChangeBetter
	}
	s.Open.Verdict = v
	s.Open.Revision++
	if v.State.Severity() > s.Open.Worst.Severity() {
		s.Open.Worst = v.State
	}
	return thongsuot.Change{Kind: kind, At: later(at, s.Open.Start), Incident: *s.Open}
}

// newID names an incident by its site and start, so that a replay of the same
// history gives the same names.
func (s *site) newID(start time.Time) string {
	start = start.UTC().Truncate(time.Second)
	id := s.Code + "-" + start.Format("20060102T150405Z")
	if !start.Equal(s.LastStart) {
		s.LastStart, s.Again = start, 1
		return id
	}
	s.Again++
	return fmt.Sprintf("%s-%d", id, s.Again)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
