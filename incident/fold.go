package incident

import (
	"time"

	"thongsuot"
)

// fold takes in one result that arrived at arrival. Results may come late and
// in any order: only a newer one changes what is held now, an older one is
// evidence about its time.
func (s *site) fold(r thongsuot.Result, arrival time.Time, cfg Config) {
	if s.Gap != nil {
		s.Gap.fold(r, arrival)
		if r.Kind == thongsuot.ProbeBoot && s.Targets[r.Probe] != nil {
			s.Gap.slept(s.Targets[r.Probe].Last, r, arrival)
		}
	}
	switch r.Kind {
	case thongsuot.ProbeUPS, thongsuot.ProbeMains, thongsuot.ProbeCanary:
		s.foldPower(r)
	case thongsuot.ProbeICMP, thongsuot.ProbeTCP, thongsuot.ProbeDNS, thongsuot.ProbePortal, thongsuot.ProbeService, thongsuot.ProbeCaptive:
		s.foldTarget(r, arrival, cfg)
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
		s.Targets[r.Probe], s.sorted = t, nil
	}
	if !r.At.After(t.Last.At) {
		return nil, false
	}
	if r.Reason == thongsuot.ReasonSkipped && t.Last.Reason != "" {
		return nil, false // not asked out of politeness: what it answered last still holds
	}
	t.Last = r.Recall(t.Last)
	return t, true
}

// foldTarget takes in an answer of a target. One that comes late shows what was
// then; neither it nor one from within a silence says how things are now.
func (s *site) foldTarget(r thongsuot.Result, arrival time.Time, cfg Config) {
	t, isNew := s.keep(r)
	if !isNew || arrival.Sub(r.At) > cfg.Late {
		return
	}
	t.Fresh = r.At
	switch {
	case r.OK():
		if t.Fails >= cfg.FailRounds {
			t.Quality.Loss.forget(t.Fails)
			t.Down, t.Back = t.Since, r.At
		}
		t.Fails, t.Since, t.Answered = 0, time.Time{}, true
	case r.Reason.Evidence():
		if t.Fails == 0 {
			t.Since = r.At
		}
		t.Fails += r.Runs()
		t.Bad = r
	}
	t.learnPatience(r, cfg)
	if !s.duringSilence(r.At) {
		t.Quality.measure(r, cfg)
	}
}

// down reports whether the target is held to be gone. What is asked every few
// seconds is given one failure more than the longest run that ended by itself
// of late, as beats are; what is asked seldom is not.
func (t *target) down(cfg Config) bool {
	patience := cfg.FailRounds
	switch t.Last.Kind {
	case thongsuot.ProbeICMP, thongsuot.ProbeTCP, thongsuot.ProbeDNS:
		patience = min(max(t.Healed.patience(), cfg.FailRounds), max(cfg.MaxBeats, cfg.FailRounds))
	}
	return t.Fails >= patience
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
