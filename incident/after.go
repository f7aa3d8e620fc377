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

	Gateway   tally     `json:"gateway"`
	Beyond    tally     `json:"beyond"`
	OnBattery bool      `json:"on_battery,omitempty"` // seen in the gap
	First     time.Time `json:"first,omitzero"`       // of the results from within the gap
	Last      time.Time `json:"last,omitzero"`
	Touched   time.Time `json:"touched,omitzero"` // when evidence last arrived; zero when all is judged
}

// tally counts answers of probes.
type tally struct {
	OK   int `json:"ok"`
	Fail int `json:"fail"`
}

func (t tally) mostlyFails() bool { return t.Fail > 0 && t.Fail >= 4*t.OK }
func (t tally) mostlyOK() bool    { return t.OK > 0 && t.OK >= 4*t.Fail }

func (q *silence) ended(o Observation, open *thongsuot.Incident) *gap {
	g := &gap{silence: *q, End: o.At, NewStart: o.Start, NewBoot: o.Boot, Touched: o.At}
	if open != nil {
		g.ID = open.ID
	}
	return g
}

func (g *gap) fold(r thongsuot.Result, arrival time.Time) {
	if !r.At.After(g.Since) || !r.At.Before(g.End) {
		return
	}
	switch r.Kind {
	case thongsuot.ProbeUPS, thongsuot.ProbeMains:
		battery, _ := r.Field(thongsuot.FieldOnBattery)
		online, said := r.Field(thongsuot.FieldOnline)
		if r.OK() && (battery == 1 || said && online == 0) {
			g.OnBattery = true
		}
	case thongsuot.ProbeICMP, thongsuot.ProbeTCP, thongsuot.ProbeDNS, thongsuot.ProbePortal:
		t := &g.Beyond
		if isGateway(r.Probe) {
			t = &g.Gateway
		}
		switch {
		case r.OK():
			t.OK++
		case r.Reason.Evidence():
			t.Fail++
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

// watched reports whether the agent measured through most of the gap.
func (g *gap) watched() bool { return g.Last.Sub(g.First) >= g.End.Sub(g.Since)/2 }

// review judges a closed incident again when the evidence of its silence is in.
func (s *site) review(now time.Time, cfg Config) []thongsuot.Change {
	g := s.Gap
	if g == nil || g.Incident == nil || g.NewBoot == "" || g.Touched.IsZero() || now.Sub(g.Touched) < cfg.Settle {
		return nil
	}
	g.Touched = time.Time{}
	v := g.judge()
	if v.Same(g.Incident.Verdict) {
		return nil
	}
	g.Incident.Verdict = v
	g.Incident.Revision++
	return []thongsuot.Change{{Kind: thongsuot.ChangeRevised, At: g.End, Incident: *g.Incident}}
}

// judge says what a silence was, now that the site is back.
func (g *gap) judge() thongsuot.Verdict {
	if g.NewBoot != g.Boot && g.Boot != "" {
		return g.judgeBoot()
	}
	same := thongsuot.Evidence{Code: thongsuot.EvidenceBootSame, At: g.End}
	switch {
	case g.watched() && g.Beyond.mostlyFails():
		return g.judgeLine(same)
	case g.watched() && g.Beyond.mostlyOK():
		return thongsuot.Verdict{
			State: thongsuot.StateUnknown, Cause: thongsuot.CauseCentral, Sub: thongsuot.SubCollectorPath, Confidence: 0.7,
			Candidates: []string{string(thongsuot.CauseCentral), string(thongsuot.CauseUpstream)},
			Evidence:   []thongsuot.Evidence{same, {Code: thongsuot.EvidenceTargetAnswers, At: g.First}},
		}
	case g.NewStart != g.Start:
		return thongsuot.Verdict{
			State: thongsuot.StateUnknown, Cause: thongsuot.CauseAgent, Confidence: 0.95,
			Evidence: []thongsuot.Evidence{same, {Code: thongsuot.EvidenceAgentStarted, At: g.End}},
		}
	default:
		return thongsuot.Verdict{
			State: thongsuot.StateUnknown, Cause: thongsuot.CauseUnknown, Confidence: thongsuot.ConfidenceLow,
			Candidates: []string{string(thongsuot.CauseHost), string(thongsuot.CauseAgent)},
			Evidence:   []thongsuot.Evidence{same},
		}
	}
}

// judgeLine: the agent watched the line being gone.
func (g *gap) judgeLine(same thongsuot.Evidence) thongsuot.Verdict {
	fails := thongsuot.Evidence{Code: thongsuot.EvidenceTargetFails, At: g.First, Value: float64(g.Beyond.Fail)}
	v := thongsuot.Verdict{State: thongsuot.StateDown, Evidence: []thongsuot.Evidence{same, fails}}
	switch {
	case g.Gateway.mostlyFails() && g.OnBattery:
		v.Cause, v.Sub, v.Confidence = thongsuot.CausePower, thongsuot.SubNetworkGearUnpowered, thongsuot.ConfidenceHigh
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceOnBattery, At: g.First})
	case g.Gateway.mostlyFails():
		v.Cause, v.Confidence = thongsuot.CauseLAN, thongsuot.ConfidenceHigh
	case g.OnBattery:
		v.Cause, v.Sub, v.Confidence = thongsuot.CausePower, thongsuot.SubISPNodeUnpowered, 0.7
		v.Candidates = []string{string(thongsuot.CausePower), string(thongsuot.CauseAccess)}
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceOnBattery, At: g.First})
	case g.Gateway.mostlyOK():
		v.Cause, v.Confidence = thongsuot.CauseAccess, thongsuot.ConfidenceHigh
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceTargetAnswers, At: g.First, Probe: thongsuot.NameGateway})
	default:
		v.Cause, v.Confidence = thongsuot.CauseAccess, 0.7
		v.Candidates = []string{string(thongsuot.CauseAccess), string(thongsuot.CauseLAN)}
	}
	return v
}

// judgeBoot: the machine started anew. A new boot alone proves no power cut.
func (g *gap) judgeBoot() thongsuot.Verdict {
	v := thongsuot.Verdict{
		State: thongsuot.StateDown, Cause: thongsuot.CausePower,
		Evidence: []thongsuot.Evidence{{Code: thongsuot.EvidenceBootChanged, At: g.End}},
	}
	power, host := string(thongsuot.CausePower), string(thongsuot.CauseHost)
	switch {
	case g.Power.OnBattery || g.OnBattery:
		v.Confidence = thongsuot.ConfidenceHigh
		v.Evidence = append(v.Evidence, g.Power.evidence())
	case g.Said.ShuttingDown:
		v.State, v.Cause, v.Confidence = thongsuot.StateUnknown, thongsuot.CauseHost, 0.95
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceAgentStopped, At: g.Since, Detail: "shutdown"})
	case g.Said.MainsPresent:
		v.State, v.Cause, v.Confidence = thongsuot.StateUnknown, thongsuot.CauseHost, 0.7
		v.Candidates = []string{host, power}
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceMainsPresent, At: g.Since})
	default:
		v.Confidence = 0.7
		v.Candidates = []string{power, host}
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceNoMainsSensor, At: g.Since})
	}
	return v
}
