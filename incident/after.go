package incident

import (
	"time"

	"thongsuot"
)

// gap is a silence that ended, judged by what the site brings back of it.
type gap struct {
	silence
	End      time.Time           `json:"end"`
	NewStart uint32              `json:"new_start"`
	NewBoot  string              `json:"new_boot,omitempty"` // "" until the agent has said it
	ID       string              `json:"id,omitempty"`       // incident that was open in it
	Incident *thongsuot.Incident `json:"incident,omitempty"` // once it is closed

	Gateway   tally         `json:"gateway"`
	Hosts     tally         `json:"hosts"` // reached by address, the gateway aside
	Names     tally         `json:"names"`
	Portal    tally         `json:"portal"`
	Hop       tally         `json:"hop"`                  // the carrier's routers
	Captive   tally         `json:"captive"`              // checks for a page of the carrier's own; Fail: there was one
	OnBattery bool          `json:"on_battery,omitempty"` // seen in the gap
	BatteryAt time.Time     `json:"battery_at,omitzero"`  // first of it
	Asleep    time.Duration `json:"asleep,omitempty"`     // the machine was suspended so long between its last word before the gap and its first after
	LastEnd   lastEnd       `json:"last_end,omitzero"`    // what the agent found of its own end when it came back
	First     time.Time     `json:"first,omitzero"`       // of the results from within the gap
	Last      time.Time     `json:"last,omitzero"`
	Touched   time.Time     `json:"touched,omitzero"` // when evidence last arrived; zero when all is judged
}

// returnWithin is how long after its first sign of life an agent that came back
// has said how it had ended.
const returnWithin = time.Minute

// lastEnd is how the agent ended before a silence, as its next start found it
// on disk. A machine may have started several times within one gap.
type lastEnd struct {
	At        time.Time `json:"at"`    // of the first start within the gap; zero: none
	Clean     bool      `json:"clean"` // it said goodbye
	Shutdown  bool      `json:"shutdown,omitempty"`
	SameBoot  bool      `json:"same_boot,omitempty"`
	OnBattery bool      `json:"on_battery,omitempty"`
	Panic     bool      `json:"panic,omitempty"` // the kernel left its last words
}

func (l *lastEnd) fold(r thongsuot.Result) {
	is := func(name string) bool { v, _ := r.Field(name); return v == 1 }
	first := l.At.IsZero() || r.At.Before(l.At)
	if first {
		l.At, l.Clean, l.Shutdown, l.SameBoot = r.At, is(thongsuot.FieldClean), is(thongsuot.FieldShutdown), is(thongsuot.FieldSameBoot)
	}
	l.OnBattery = l.OnBattery || is(thongsuot.FieldOnBattery) && !is(thongsuot.FieldSameBoot)
	l.Panic = l.Panic || is(thongsuot.FieldPanic)
}

// evidence is nothing for a process that was killed while its machine ran on:
// that is told by its new start.
func (l lastEnd) evidence() []thongsuot.Evidence {
	switch {
	case l.At.IsZero(), l.SameBoot && !l.Clean:
		return nil
	case l.Panic:
		return []thongsuot.Evidence{{Code: thongsuot.EvidencePanic, At: l.At}}
	case l.Clean && l.Shutdown:
		return []thongsuot.Evidence{{Code: thongsuot.EvidenceAgentStopped, At: l.At, Detail: "shutdown"}}
	case l.Clean:
		return []thongsuot.Evidence{{Code: thongsuot.EvidenceAgentStopped, At: l.At, Detail: "stop"}}
	default:
		return []thongsuot.Evidence{{Code: thongsuot.EvidenceUncleanStop, At: l.At}}
	}
}

// gapEdge is left out at both ends of a gap: between the last beat and the
// fault, and between its end and the next beat, things were still or again
// well, and one such answer of a slow probe would speak against the fault.
const gapEdge = 10 * time.Second

// tally counts answers of probes.
type tally struct {
	OK   int `json:"ok"`
	Fail int `json:"fail"`
}

func (t tally) ratio() Ratio {
	if t.OK+t.Fail == 0 {
		return Ratio{}
	}
	return Success(float64(t.OK) / float64(t.OK+t.Fail))
}

func (q *silence) ended(o Observation, open *thongsuot.Incident) *gap {
	g := &gap{silence: *q, End: o.At, NewStart: o.Start, NewBoot: o.Boot, Touched: o.At}
	if open != nil {
		g.ID = open.ID
	}
	return g
}

func (g *gap) fold(r thongsuot.Result, arrival time.Time) {
	if r.Line != "" {
		return // one line of several says nothing of the way that the counter takes
	}
	if _, is := r.Field(thongsuot.FieldClean); is && r.Kind == thongsuot.ProbeBoot && r.At.After(g.Since) && !r.At.After(g.End.Add(returnWithin)) {
		g.LastEnd.fold(r)
		g.Touched = arrival
		return
	}
	if r.Kind == thongsuot.ProbeUPS || r.Kind == thongsuot.ProbeMains || r.Kind == thongsuot.ProbeCanary {
		g.foldPower(r, arrival)
		return
	}
	// What may have been before or after is no evidence of what was in between.
	if !r.At.After(g.Since.Add(g.edge()+r.Doubt())) || !r.At.Before(g.End.Add(-g.edge()-r.Doubt())) {
		return
	}
	switch r.Kind {
	case thongsuot.ProbeICMP, thongsuot.ProbeTCP, thongsuot.ProbeDNS, thongsuot.ProbePortal, thongsuot.ProbeCaptive:
		t := &g.Hosts
		switch {
		case isGateway(r.Probe):
			t = &g.Gateway
		case isHop(r.Probe):
			t = &g.Hop
		case r.Kind == thongsuot.ProbeCaptive:
			t = &g.Captive
		case r.Kind == thongsuot.ProbeDNS:
			t = &g.Names
		case r.Kind == thongsuot.ProbePortal:
			t = &g.Portal
		}
		switch {
		case r.Kind == thongsuot.ProbeCaptive && !r.OK() && r.Reason != thongsuot.ReasonCaptive:
			// Not reached: that says nothing of pages in the way.
		case r.OK():
			t.OK += r.Runs()
		case r.Reason.Evidence():
			t.Fail += r.Runs()
		}
	default:
		return
	}
	if g.First.IsZero() || r.At.Before(g.First) {
		g.First = r.At
	}
	g.Last = later(r.At, g.Last)
	g.Touched = arrival
}

// slept takes the time asleep from what the machine said of it before the gap
// and after it, on one boot.
func (g *gap) slept(before, after thongsuot.Result, arrival time.Time) {
	was, told := before.Field(thongsuot.FieldSuspended)
	is, tells := after.Field(thongsuot.FieldSuspended)
	if !told || !tells || before.Detail != after.Detail || before.At.After(g.Since) || !after.At.After(g.Since) || is <= was {
		return
	}
	g.Asleep = time.Duration((is - was) * float64(time.Second))
	g.Touched = arrival
}

// foldPower notes when mains went within the gap. Power has no edge: that it
// went at the same moment as the line is what tells why the line went.
func (g *gap) foldPower(r thongsuot.Result, arrival time.Time) {
	battery, _ := r.Field(thongsuot.FieldOnBattery)
	online, said := r.Field(thongsuot.FieldOnline)
	if !r.OK() || battery != 1 && !(said && online == 0) || r.At.Before(g.Since.Add(-r.Doubt())) || !r.At.Before(g.End) {
		return
	}
	if !g.OnBattery || r.At.Before(g.BatteryAt) {
		g.OnBattery, g.BatteryAt = true, r.At
	}
	g.Touched = arrival
}

func (g *gap) edge() time.Duration { return min(gapEdge, g.End.Sub(g.Since)/4) }

// watched reports whether the agent measured through most of the gap between
// its edges. What is measured stands for a round around it.
func (g *gap) watched() bool {
	inner := g.End.Sub(g.Since) - 2*g.edge()
	return !g.First.IsZero() && g.Last.Sub(g.First)+gapEdge >= inner/2
}

// waits reports whether evidence has come that is not judged yet.
func (g *gap) waits() bool {
	return g != nil && g.Incident != nil && g.NewBoot != "" && !g.Touched.IsZero()
}

// review judges a closed incident again when the evidence of its silence is in.
func (e *Engine) review(s *site, now time.Time) []thongsuot.Change {
	g := s.Gap
	if !g.waits() || now.Sub(g.Touched) < e.cfg.Settle {
		return nil
	}
	g.Touched = time.Time{}
	if g.Incident.Truth != nil {
		return nil // somebody who knows has said it
	}
	f := g.facts()
	if g.Incident.Worst != thongsuot.StateOff {
		f.HabitOff = false // it was silent in office hours too
		f.Office = f.Office || g.Incident.Worst == thongsuot.StateUnknown
	}
	if !g.Alone {
		e.neighbours(s, g.Since, &f, &g.With)
	}
	v := Attribute(f)
	v.Evidence = append(g.evidence(), e.others(s, f)...)
	e.mark(&v, s.Code, g.Incident.End, g.Since, g.Incident.Start)
	if v.Same(g.Incident.Verdict) {
		return nil
	}
	because := newIn(v.Evidence, g.Incident.Verdict.Evidence)
	g.Incident.Verdict = v
	g.Incident.Revision++
	e.revised(*g.Incident)
	return []thongsuot.Change{{Kind: thongsuot.ChangeRevised, At: g.End, Incident: *g.Incident, Because: because}}
}

// facts are what is known of a silence that is over.
func (g *gap) facts() Facts {
	f := g.silence.facts()
	f.Silent, f.After = false, true
	f.Boot, f.NewProcess, f.Gap = Yes, g.NewStart != g.Start, g.End.Sub(g.Since)
	if g.Boot == "" {
		f.Boot = NotKnown
	} else if g.NewBoot != g.Boot {
		f.Boot = No
	}
	f.OnBatteryIn = g.Power.OnBattery || g.OnBattery || g.LastEnd.OnBattery
	f.Suspended = g.Asleep
	if !g.LastEnd.At.IsZero() {
		f.Clean, f.Panic = No, g.LastEnd.Panic
		if g.LastEnd.Clean {
			f.Clean = Yes
		}
	}
	switch {
	case g.Power.OnBattery:
		f.BatteryToLoss = Interval{true, g.Since.Sub(g.Power.Since)}
	case g.OnBattery:
		f.BatteryToLoss = Interval{true, g.Since.Sub(g.BatteryAt)}
	}
	if g.watched() {
		f.Gateway, f.Reference, f.DNS, f.Portal = g.Gateway.ratio(), g.Hosts.ratio(), g.Names.ratio(), g.Portal.ratio()
		f.Hop, f.Captive = g.Hop.ratio(), g.Captive.ratio().gone()
	}
	return f
}

func (g *gap) evidence() []thongsuot.Evidence {
	out := []thongsuot.Evidence{{Code: thongsuot.EvidenceBootSame, At: g.End}}
	switch {
	case g.Boot == "":
		out = nil // which boot fell silent was never told
	case g.NewBoot != g.Boot:
		out[0].Code = thongsuot.EvidenceBootChanged
	case g.NewStart != g.Start:
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidenceAgentStarted, At: g.End})
	}
	out = append(out, g.LastEnd.evidence()...)
	if n := g.Hosts.Fail + g.Names.Fail + g.Portal.Fail; g.watched() && n > 0 {
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidenceTargetFails, At: g.First, Value: float64(n)})
	}
	switch r := g.Gateway.ratio(); {
	case g.watched() && r.works():
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidenceTargetAnswers, At: g.First, Probe: thongsuot.NameGateway})
	case g.watched() && r.gone():
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidenceTargetFails, At: g.First, Probe: thongsuot.NameGateway, Reason: thongsuot.ReasonTimeout})
	}
	switch {
	case g.Power.OnBattery:
		out = append(out, g.Power.evidence()...)
	case g.OnBattery:
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidenceOnBattery, At: g.BatteryAt})
	case g.Said.MainsPresent:
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidenceMainsPresent, At: g.Since})
	case !g.Power.Known:
		out = append(out, thongsuot.Evidence{Code: thongsuot.EvidenceNoMainsSensor, At: g.Since})
	}
	return out
}
