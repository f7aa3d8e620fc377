package wire

import (
	"fmt"
	"math"
	"strings"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"thongsuot"
)

// Names of text fields and tags of our own measurements.
const (
	textReason = "reason"
	textDetail = "detail"
)

// durationStep is how finely durations cross the wire: 100 µs is below the
// jitter of any line that is measured, and costs half the digits.
const durationStep = 1e-4

// Encode writes results as lines of line protocol with times in milliseconds,
// one line each. Values that cannot be said (NaN, infinite) are left out; an
// undated result is an error, since the receiver would date it wrongly.
func Encode(results []thongsuot.Result) ([]string, error) {
	var e lineprotocol.Encoder
	e.SetPrecision(lineprotocol.Millisecond)
	lines := make([]string, 0, len(results))
	for _, r := range results {
		if r.At.IsZero() {
			return nil, fmt.Errorf("encode result of probe %s: no time", r.Probe)
		}
		e.Reset()
		encodeResult(&e, r)
		if err := e.Err(); err != nil {
			return nil, fmt.Errorf("encode result of probe %s: %w", r.Probe, err)
		}
		lines = append(lines, strings.TrimSuffix(string(e.Bytes()), "\n"))
	}
	return lines, nil
}

func encodeResult(e *lineprotocol.Encoder, r thongsuot.Result) {
	e.StartLine(string(r.Kind))
	if line := printableText(r.Line); line != "" {
		e.AddTag(thongsuot.LabelLine, line)
	}
	if probe := printableText(r.Probe); probe != "" {
		e.AddTag(thongsuot.LabelProbe, probe)
	}
	if target := printableText(r.Target); target != "" {
		e.AddTag(thongsuot.LabelTarget, target)
	}
	ok := 0.0
	if r.OK() {
		ok = 1
	}
	addNumber(e, thongsuot.FieldOK, ok)
	for _, f := range r.Fields {
		addNumber(e, f.Name, f.Value)
	}
	if !r.OK() {
		addText(e, textReason, string(r.Reason))
	}
	if r.Detail != "" {
		addText(e, textDetail, r.Detail)
	}
	e.EndLine(r.At)
}

func addNumber(e *lineprotocol.Encoder, name string, v float64) {
	if strings.HasSuffix(name, "_seconds") && math.Abs(v) < 1e6 {
		v = math.Round(v/durationStep) * durationStep
		v = math.Round(v*1e7) / 1e7 // the product above is not decimal any more
	}
	if strings.HasSuffix(name, "_ratio") {
		v = math.Round(v*1e4) / 1e4
	}
	if value, ok := lineprotocol.FloatValue(v); ok && finite(v) {
		e.AddField(name, value)
	}
}

func addText(e *lineprotocol.Encoder, name, s string) {
	if value, ok := lineprotocol.StringValue(printableText(s)); ok {
		e.AddField(name, value)
	}
}

// Result reads the point as a probe's result; ok is false for a measurement
// that is not one of ours.
func (p Point) Result() (r thongsuot.Result, ok bool) {
	r = thongsuot.Result{Kind: thongsuot.ProbeKind(p.Measurement), At: p.At, Reason: thongsuot.ReasonOK}
	if !knownKind(r.Kind) {
		return thongsuot.Result{}, false
	}
	for _, t := range p.Tags {
		switch t.Name {
		case thongsuot.LabelProbe:
			r.Probe = t.Value
		case thongsuot.LabelTarget:
			r.Target = t.Value
		case thongsuot.LabelLine:
			r.Line = t.Value
		}
	}
	saidOK := false
	for _, f := range p.Numbers {
		if f.Name == thongsuot.FieldOK {
			saidOK = true
			if f.Value == 0 {
				r.Reason = thongsuot.ReasonError // unless the text below says more
			}
			continue
		}
		r.Fields = append(r.Fields, f)
	}
	if !saidOK || r.Probe == "" {
		return thongsuot.Result{}, false
	}
	for _, t := range p.Texts {
		switch t.Name {
		case textReason:
			r.Reason = thongsuot.ReasonOf(thongsuot.Reason(t.Value).Code())
		case textDetail:
			r.Detail = cut(t.Value, thongsuot.MaxDetail)
		}
	}
	return r, true
}

// ReasonSample is the reason of a result as a number, so that a failure's
// class can be charted where only numbers are kept.
func ReasonSample(site string, r thongsuot.Result) thongsuot.Sample {
	p := Point{Measurement: string(r.Kind), At: r.At, Numbers: []thongsuot.Field{{Name: thongsuot.FieldReasonCode, Value: float64(r.Reason.Code())}}}
	if r.Line != "" {
		p.Tags = append(p.Tags, thongsuot.Label{Name: thongsuot.LabelLine, Value: r.Line})
	}
	p.Tags = append(p.Tags, thongsuot.Label{Name: thongsuot.LabelProbe, Value: r.Probe})
	if r.Target != "" {
		p.Tags = append(p.Tags, thongsuot.Label{Name: thongsuot.LabelTarget, Value: r.Target})
	}
	return p.Samples(site)[0]
}

func knownKind(k thongsuot.ProbeKind) bool {
	switch k {
	case thongsuot.ProbeICMP, thongsuot.ProbeTCP, thongsuot.ProbeDNS, thongsuot.ProbePath, thongsuot.ProbeFetch,
		thongsuot.ProbePortal, thongsuot.ProbeService, thongsuot.ProbeCaptive,
		thongsuot.ProbeUPS, thongsuot.ProbeMains, thongsuot.ProbeCanary, thongsuot.ProbeVoltage,
		thongsuot.ProbeBoot, thongsuot.ProbeAgent:
		return true
	default:
		return false
	}
}
