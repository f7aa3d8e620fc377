package dashboards

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"thongsuot"
	"thongsuot/chart"
)

// probeRow is the latest answer of one probe.
type probeRow struct {
	Name   string // in words
	Target string
	Look   look   // the answer in words
	Value  string // what was measured
	Detail string // the probe's own words, for technicians
	At     time.Time
	Age    string // "" for fresh
}

const (
	// usualBeat is the pace of beats that announce none.
	usualBeat = 5 * time.Second
	// mostBeats is the longest silence, in beats, that is not told to anyone.
	mostBeats = 12
	// oldAfter is the age from which an answer is marked as old although its
	// site is connected: the slowest probe asks each 15 min.
	oldAfter = 20 * time.Minute
)

// heard reports whether the site is connected at the instant of the view: it
// was heard lately, and no silence is told that lasts since then.
func (s Status) heard(at time.Time) bool {
	silent := slices.ContainsFunc(s.Verdict.Evidence, func(e thongsuot.Evidence) bool {
		return e.Code == thongsuot.EvidenceBeatsUnanswered && !s.LastHeard.After(e.At)
	})
	return !s.LastHeard.IsZero() && at.Sub(s.LastHeard) <= s.heardWithin() && !silent
}

// heardWithin is how long after its last sign of life a site still counts as
// connected here.
func (s Status) heardWithin() time.Duration {
	return mostBeats * cmp.Or(s.BeatEvery, usualBeat)
}

// rows are the latest answers, in the order of the way to the world. What
// the agent says of itself and its machine is shown elsewhere.
func (t *renderer) rows(s Status, at time.Time) []probeRow {
	var rows []probeRow
	results := slices.Clone(s.Probes)
	slices.SortStableFunc(results, func(a, b thongsuot.Result) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Probe, b.Probe))
	})
	for _, r := range results {
		if r.Kind == thongsuot.ProbeBoot || r.Kind == thongsuot.ProbeAgent {
			continue
		}
		row := probeRow{
			Name: t.lang.On(r.Probe, r.Line), Target: short(r.Target), Look: t.answer(r), Value: t.value(r), At: r.At,
		}
		if !r.OK() || r.Kind == thongsuot.ProbeDNS || r.Kind.Page() || r.Kind == thongsuot.ProbePath {
			row.Detail = r.Detail // of a good page who issued its certificate, of a path the routers
		}
		if v, down := s.Services[r.Probe]; down && r.Kind == thongsuot.ProbeService && !r.OK() {
			row.Detail = sentence(t.judged(v), row.Detail)
		}
		if age := at.Sub(r.At); age > oldAfter || age > s.heardWithin() && !s.heard(at) {
			row.Age = t.lang.T("page.old", t.lasted(age))
		}
		rows = append(rows, row)
	}
	return rows
}

// judged is a verdict in one line: its cause and how sure that is.
func (t *renderer) judged(v thongsuot.Verdict) string {
	cause := t.lang.Cause(v.Cause, v.Sub)
	if v.Sub == thongsuot.SubLine {
		cause = t.lang.Cause(v.Cause, "")
	}
	return sentence(cause, t.lang.T("page.confidence", t.lang.Level(v.Confidence.Level())))
}

// rank orders probes from the power outwards: gateway, other addresses,
// services.
func rank(r thongsuot.Result) int {
	kinds := []thongsuot.ProbeKind{
		thongsuot.ProbeMains, thongsuot.ProbeUPS, thongsuot.ProbeCanary, thongsuot.ProbeVoltage,
		"", thongsuot.ProbeICMP, thongsuot.ProbeTCP, thongsuot.ProbeDNS,
		thongsuot.ProbeCaptive, thongsuot.ProbePortal, thongsuot.ProbeService, thongsuot.ProbePath, thongsuot.ProbeFetch,
	}
	kind := r.Kind
	if kind == thongsuot.ProbeICMP && slices.ContainsFunc([]string{thongsuot.NameGateway, thongsuot.NameHop, thongsuot.NameUpstream}, func(role string) bool {
		return strings.HasPrefix(r.Probe, role)
	}) {
		kind = ""
	}
	if i := slices.Index(kinds, kind); i >= 0 {
		return i
	}
	return len(kinds)
}

// short is what was asked, without what everybody knows of an address.
func short(target string) string {
	return strings.TrimSuffix(strings.TrimPrefix(target, "https://"), "/")
}

// answer is the reason of an answer in words, for a portal with the step at
// which it failed.
func (t *renderer) answer(r thongsuot.Result) look {
	words := t.lang.Reason(r.Reason)
	switch {
	case r.OK() && (r.Kind == thongsuot.ProbeUPS || r.Kind == thongsuot.ProbeMains || r.Kind == thongsuot.ProbeCanary):
		l := t.mains(r)
		return l
	case r.OK() && r.Kind == thongsuot.ProbeVoltage:
		return t.band(r)
	case r.OK():
		if v, ok := r.Field(thongsuot.FieldInvents); ok && v == 1 {
			return t.called(thongsuot.StateDegraded, "page.answer.invents")
		}
		if loss, ok := r.Field(thongsuot.FieldLoss); ok && loss > 0 {
			return t.called(thongsuot.StateDegraded, "page.answer.lossy", t.lang.Percent(loss, 0))
		}
		return look{"s-up", chart.MarkCheck, t.lang.T("page.answer.ok")}
	case !r.Reason.Evidence():
		return look{"s-unknown", chart.MarkQuestion, words}
	}
	if r.Reason == thongsuot.ReasonDNSDiffers {
		return t.called(thongsuot.StateDegraded, "reason.dns_differs") // where the portal can be used all the same, it is no fault
	}
	if step := phase(r.Reason); step != "" && r.Kind.Page() {
		words = t.lang.T("page.answer.failed_at", t.lang.T("page.phase."+step), words)
	}
	return look{"s-down", chart.MarkCross, words}
}

// phase is the step of an HTTP exchange at which it failed for a reason.
func phase(r thongsuot.Reason) string {
	step, _, _ := strings.Cut(string(r), "_")
	switch {
	case step == "dns" || step == "connect" || step == "tls" || step == "http":
		return step
	case r == thongsuot.ReasonBodyMismatch:
		return "http"
	case r == thongsuot.ReasonRefused || r == thongsuot.ReasonNoRoute || r == thongsuot.ReasonUnreachable || r == thongsuot.ReasonProhibited:
		return "connect"
	default:
		return ""
	}
}

// value is what was measured, in the unit that suits the probe.
func (t *renderer) value(r thongsuot.Result) string {
	field := func(name string, text func(float64) string) string {
		if v, ok := r.Field(name); ok {
			return text(v)
		}
		return ""
	}
	percent := func(v float64) string { return t.lang.Percent(v, 0) }
	switch r.Kind {
	case thongsuot.ProbeICMP:
		return field(thongsuot.FieldRTTMedian, t.millis)
	case thongsuot.ProbeTCP:
		return field(thongsuot.FieldConnect, t.millis)
	case thongsuot.ProbeDNS:
		return field(thongsuot.FieldQuery, t.millis)
	case thongsuot.ProbePortal, thongsuot.ProbeService:
		return sentence(field(thongsuot.FieldTotal, t.millis), field(thongsuot.FieldStatusCode, func(v float64) string {
			return "HTTP " + t.lang.Number(v, 0)
		}), field(thongsuot.FieldTLSExpiry, func(v float64) string {
			return t.lang.T("page.cert", t.lang.Date(time.Unix(int64(v), 0), t.zone))
		}))
	case thongsuot.ProbeFetch:
		rate := func(key string) func(float64) string {
			return func(v float64) string { return t.lang.T(key, t.lang.Number(v/1e6, 1)) }
		}
		return sentence(field(thongsuot.FieldDownRate, rate("page.rate.down")), field(thongsuot.FieldUpRate, rate("page.rate.up")))
	case thongsuot.ProbeCaptive:
		return field(thongsuot.FieldTotal, t.millis)
	case thongsuot.ProbeUPS:
		return sentence(
			field(thongsuot.FieldCharge, percent),
			field(thongsuot.FieldRuntime, func(v float64) string { return t.lang.T("page.runtime", t.lasted(seconds(v))) }),
			field(thongsuot.FieldInputVolts, func(v float64) string { return t.lang.Number(v, 0) + " V" }),
			field(thongsuot.FieldNominalWatts, func(v float64) string { return t.lang.T("page.ups.nominal", t.lang.Number(v, 0)) }),
		)
	case thongsuot.ProbeVoltage:
		number := func(name string) string { return field(name, func(v float64) string { return t.lang.Number(v, 0) }) }
		return t.lang.T("page.volts.range", number(thongsuot.FieldMeanVolts), number(thongsuot.FieldMinVolts), number(thongsuot.FieldMaxVolts))
	default:
		return ""
	}
}

// band is what a mean of the mains voltage means.
func (t *renderer) band(r thongsuot.Result) look {
	switch v, _ := r.Field(thongsuot.FieldVoltsBand); {
	case v >= 2:
		return t.called(thongsuot.StateAtRisk, "page.volts.limit")
	case v >= 1:
		return t.called(thongsuot.StateDegraded, "page.volts.off")
	default:
		return look{"s-up", chart.MarkCheck, t.lang.T("page.answer.ok")}
	}
}

// seconds is a number of seconds as a duration, cut to what makes sense.
func seconds(v float64) time.Duration {
	const longest = 100 * 365 * 24 * 60 * 60
	if !(v > 0) {
		return 0
	}
	return time.Duration(min(v, longest) * float64(time.Second))
}
