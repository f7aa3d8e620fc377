// Package scenarios runs labelled evidence through the attribution of causes:
// what a careful operator would conclude, beside what the product concludes.
//
// A file holds defaults (a healthy site) and scenarios, each with a judgement
// made live, after the site's return, or both. Evidence lists only what differs
// from the defaults.
package scenarios

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"thongsuot"
	"thongsuot/alerting"
	"thongsuot/incident"
)

//go:embed corpus.json
var corpus []byte

// Corpus is the project's own file of labelled evidence: expert judgement, not
// field data.
func Corpus() []byte { return corpus }

// File is a file of labelled evidence.
type File struct {
	Defaults  map[string]any `json:"defaults"`
	Scenarios []Scenario     `json:"scenarios"`
}

// Scenario is one story.
type Scenario struct {
	ID    string     `json:"id"`
	Title string     `json:"title_vi"`
	Story string     `json:"story"`
	Live  *Judgement `json:"live,omitempty"`
	After *Judgement `json:"after,omitempty"`
}

// Judgement is evidence and the right answer to it.
type Judgement struct {
	Evidence map[string]any `json:"evidence"`
	Expect   Answer         `json:"expect"`
}

// Answer is a verdict and whom it concerns.
type Answer struct {
	State      thongsuot.State `json:"state"`
	Cause      thongsuot.Cause `json:"cause"`
	Sub        string          `json:"sub,omitempty"`
	Conf       thongsuot.Level `json:"conf"`
	Candidates []string        `json:"candidates,omitempty"`
	Planned    bool            `json:"planned"`
	Notify     []string        `json:"notify"`
}

// Result is one judgement, run.
type Result struct {
	ID       string `json:"id"`
	Phase    string `json:"phase"` // live or after
	Expected Answer `json:"expected"`
	Given    Answer `json:"given"`
	Right    bool   `json:"right"`
}

// Read reads a file; a field that is not evidence is an error.
func Read(r io.Reader) (File, error) {
	var f File
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return File{}, fmt.Errorf("read scenarios: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return File{}, errors.New("read scenarios: something follows the end of the file's one object")
	}
	if len(f.Scenarios) == 0 {
		return File{}, errors.New(`read scenarios: there are none: want {"defaults": {…}, "scenarios": […]}`)
	}
	return f, nil
}

// Run judges every scenario.
func Run(f File) ([]Result, error) {
	var out []Result
	for _, s := range f.Scenarios {
		for _, phase := range []struct {
			name string
			j    *Judgement
		}{{"live", s.Live}, {"after", s.After}} {
			if phase.j == nil {
				continue
			}
			facts, err := read(f.Defaults, phase.j.Evidence, phase.name == "after")
			if err != nil {
				return nil, fmt.Errorf("scenario %s, %s: %w", s.ID, phase.name, err)
			}
			given := answer(facts)
			out = append(out, Result{s.ID, phase.name, phase.j.Expect, given, same(given, phase.j.Expect)})
		}
	}
	return out, nil
}

func answer(f incident.Facts) Answer {
	v := incident.Attribute(f)
	a := Answer{State: v.State, Cause: v.Cause, Sub: v.Sub, Conf: v.Confidence.Level(), Candidates: v.Candidates, Planned: v.Planned, Notify: []string{}}
	for _, role := range alerting.Audience(v, f.Office) {
		a.Notify = append(a.Notify, map[thongsuot.Role]string{thongsuot.RoleOperations: "ops", thongsuot.RoleChair: "chair"}[role])
	}
	slices.Sort(a.Notify)
	return a
}

// same compares as the labels are meant: a finer cause counts where the label
// names one, candidates by order where it lists them.
func same(given, want Answer) bool {
	return given.State == want.State && given.Cause == want.Cause && given.Conf == want.Conf && given.Planned == want.Planned &&
		(want.Sub == "" || given.Sub == want.Sub) && (len(want.Candidates) == 0 || slices.Equal(given.Candidates, want.Candidates)) &&
		slices.Equal(slices.Sorted(slices.Values(given.Notify)), slices.Sorted(slices.Values(want.Notify)))
}

// String is the answer on one line.
func (a Answer) String() string {
	cause := string(a.Cause)
	if a.Sub != "" {
		cause += "/" + a.Sub
	}
	s := fmt.Sprintf("%s %s %s", a.State, cause, a.Conf)
	if len(a.Candidates) > 0 {
		s += " {" + strings.Join(a.Candidates, ", ") + "}"
	}
	if a.Planned {
		s += " planned"
	}
	return s + " tell " + strings.Join(a.Notify, "+")
}

// evidence reads fields by name and remembers the first that is wrong.
type evidence struct {
	values map[string]any
	err    error
}

func (e *evidence) fail(name string, v any) {
	if e.err == nil {
		e.err = fmt.Errorf("field %s: cannot be %v", name, v)
	}
}

// number is the value, ok false for null or a field that is not there.
func (e *evidence) number(name string) (v float64, ok bool) {
	switch x := e.values[name].(type) {
	case nil:
		return 0, false
	case float64:
		return x, true
	default:
		e.fail(name, x)
		return 0, false
	}
}

func (e *evidence) seconds(name string) time.Duration {
	v, _ := e.number(name)
	return time.Duration(v * float64(time.Second))
}

func (e *evidence) millis(name string) time.Duration {
	v, _ := e.number(name)
	return time.Duration(v * float64(time.Millisecond))
}

func (e *evidence) count(name string) int {
	v, _ := e.number(name)
	return int(v)
}

func (e *evidence) ratio(name string) incident.Ratio {
	v, ok := e.number(name)
	return incident.Ratio{Measured: ok, Value: v}
}

func (e *evidence) word(name string) string {
	switch x := e.values[name].(type) {
	case nil:
		return ""
	case string:
		return x
	default:
		e.fail(name, x)
		return ""
	}
}

// oneOf is a word that must be one of those, or "" for null.
func (e *evidence) oneOf(name string, words ...string) string {
	w := e.word(name)
	if w != "" && !slices.Contains(words, w) {
		e.fail(name, fmt.Sprintf("%q (want one of %s)", w, strings.Join(words, ", ")))
		return ""
	}
	return w
}

func (e *evidence) truth(name string) incident.Answer {
	switch x := e.values[name].(type) {
	case nil:
		return incident.NotKnown
	case bool:
		if x {
			return incident.Yes
		}
		return incident.No
	default:
		e.fail(name, x)
		return incident.NotKnown
	}
}

const (
	silentAfter = 90.0  // seconds since the last heartbeat
	mainsFresh  = 600.0 // a UPS that is polled all the time and said OL is taken at its word
	clockLost   = 24 * 3600.0
)

func read(defaults, differing map[string]any, after bool) (incident.Facts, error) {
	e := &evidence{values: map[string]any{}}
	for name, v := range defaults {
		e.values[name] = v
	}
	for name, v := range differing {
		if _, known := defaults[name]; !known {
			return incident.Facts{}, fmt.Errorf("field %s: is not among the defaults", name)
		}
		e.values[name] = v
	}
	f := incident.Facts{
		After: after, CentreSick: e.truth("ingest_ok") == incident.No,
		UpstreamPeers: e.count("peers_up_n"), UpstreamDown: e.count("peers_up_down"),
		FeederPeers: e.count("peers_pw_n"), FeederOnBattery: e.count("peers_pw_onbatt"),
		OnBatteryIn: e.truth("onbatt_in_gap") == incident.Yes, Office: e.truth("office") == incident.Yes,
		WAN: e.truth("wan_reach"), Clean: e.truth("clean"), NewProcess: e.oneOf("agent_proc", "same", "new") == "new",
		Suspended: e.seconds("suspend_s"), Gap: e.seconds("gap_s"),
		Gateway: e.ratio("p_gw"), Hop: e.ratio("p_hop"), Reference: e.ratio("p_ref"), DNS: e.ratio("p_dns"), Portal: e.ratio("p_portal"),
		DNSDiffers: e.truth("dns_match") == incident.No, Captive: e.truth("captive") == incident.Yes,
		RTT: e.millis("rtt_ms"), UsualRTT: e.millis("base_rtt_ms"), HopRTT: e.millis("hop_rtt_ms"),
		Connect: e.millis("connect_ms"), UsualConnect: e.millis("base_connect_ms"),
		FirstByte: e.millis("ttfb_ms"), UsualFirstByte: e.millis("base_ttfb_ms"),
		ReferencePortal: incident.PortalView(e.oneOf("ref_portal", "ok", "slow", "fail")), PortalFailRoutes: e.count("portal_fail_upstreams"),
		Planned: thongsuot.Cause(e.oneOf("planned", "power", "access", "portal", "host")),
	}
	f.Loss, _ = e.number("loss")
	f.InputVolts, _ = e.number("input_v")
	f.PortalFailShare, _ = e.number("portal_fail_share")
	f.PortalSlowShare, _ = e.number("portal_slow_share")
	heard, _ := e.number("hb_age_s")
	f.Silent = !after && heard >= silentAfter && e.oneOf("backup_hb", "none", "silent", "fresh") != "fresh"
	if offset, _ := e.number("clock_offset_s"); math.Abs(offset) > clockLost {
		f.ClockReset = true
	}
	if delta, ok := e.number("onset_delta_s"); ok {
		f.BatteryToLoss = incident.Interval{Known: true, D: time.Duration(delta * float64(time.Second))}
	}
	switch e.oneOf("boot", "same", "changed") {
	case "same":
		f.Boot = incident.Yes
	case "changed":
		f.Boot = incident.No
	}
	power(e, &f)
	return f, e.err
}

// upsTokens are those of NUT's ups.status, and two words for no data.
var upsTokens = strings.Fields("OL OB LB HB RB CHRG DISCHRG BYPASS CAL OFF OVER TRIM BOOST FSD WAIT TEST ALARM stale none")

// power reads last words and the UPS's tokens.
func power(e *evidence, f *incident.Facts) {
	switch w := e.oneOf("last_msg", "normal", "onbatt", "lowbatt", "shutdown_power", "shutdown_user", "agent_stop"); w {
	case "shutdown_power", "shutdown_user", "agent_stop":
		f.Words = incident.Words(w)
	}
	tokens := strings.Fields(e.word("ups"))
	for _, t := range tokens {
		if !slices.Contains(upsTokens, t) {
			e.fail("ups", fmt.Sprintf("%q (want tokens of NUT's ups.status, stale or none)", t))
		}
	}
	has := func(t string) bool { return slices.Contains(tokens, t) }
	if has("stale") || has("none") || has("WAIT") || len(tokens) == 0 {
		return
	}
	f.UPS = incident.UPS{Known: true, OnBattery: (has("OB") || has("FSD")) && !has("CAL"), Low: has("LB") || has("FSD"), Runtime: e.seconds("ups_runtime_s")}
	age, _ := e.number("last_msg_age_s")
	f.MainsSeen = has("OL") && age <= mainsFresh
}
