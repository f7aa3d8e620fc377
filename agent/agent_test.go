package agent_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"thongsuot"
	"thongsuot/agent"
	"thongsuot/wire"
)

func (c *centre) has(probe string, reason thongsuot.Reason) bool {
	return slices.ContainsFunc(c.results, func(r thongsuot.Result) bool { return r.Probe == probe && r.Reason == reason })
}

func TestMeasuresBeatsAndSaysGoodbye(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	cfg := c.config(t.TempDir())
	cfg.Probes.Services = []agent.ServiceItem{{PortalConfig: cfg.Probes.Portals[0].PortalConfig}, {PortalConfig: cfg.Probes.Portals[0].PortalConfig}}
	cfg.Probes.Services[0].Name, cfg.Probes.Services[1].Name = "lgsp", "thanh-toan"
	cfg.Probes.Services[1].Expect = "words that are not there"
	a, stop := start(t, cfg)
	c.until("results", func() bool {
		return c.has("lgsp", thongsuot.ReasonOK) && c.has("thanh-toan", thongsuot.ReasonBodyMismatch) && c.has("centre", thongsuot.ReasonOK) && c.has("portal", thongsuot.ReasonOK) && c.has("boot", thongsuot.ReasonOK)
	})
	c.until("two beats", func() bool { return len(c.beats) >= 2 })

	st := a.Status()
	if st.LastSent == nil || st.LastBeatSeconds == nil || st.ClockOffset == nil || st.LastError != "" || st.SpoolDegraded != "" {
		t.Errorf("status %+v", st)
	}
	resp, err := http.Get("http://" + a.LocalAddr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	for _, want := range []string{
		"thongsuot_agent_results_lost_total 0", `thongsuot_agent_records_dropped_total{reason="refused"} 0`, "thongsuot_agent_samples_refused_total 0",
		`thongsuot_agent_turns_skipped_total{probe="portal"} 0`, "thongsuot_agent_spool_dropped_total", `thongsuot_agent_posts_total{lane="live",outcome="acknowledged"}`,
		"portal_ttfb_seconds{", `probe_http_duration_seconds{phase="processing",probe="portal",target="http`, `probe_success{probe="portal",target="http`, "probe_http_status_code{",
		"thongsuot_agent_beats_total{outcome=\"answered\",way=\"datagram\"}",
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	stop()
	c.set(func() {
		if last := c.beats[len(c.beats)-1]; last.Flags&wire.FlagStopping == 0 {
			t.Errorf("the last beat was no goodbye: %+v", last)
		}
		words := slices.DeleteFunc(slices.Clone(c.results), func(r thongsuot.Result) bool { return r.Kind != thongsuot.ProbeAgent })
		if v, _ := words[len(words)-1].Field(thongsuot.FieldStopping); v != 1 {
			t.Errorf("the last words are %+v", words[len(words)-1])
		}
	})
}

// What was measured while the centre was away arrives once, over restarts of
// the agent as well.
func TestNothingIsLostWhileTheCentreIsAway(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	cfg := c.config(t.TempDir())
	c.set(func() { c.status = http.StatusServiceUnavailable })
	for range 2 {
		a, stop := start(t, cfg)
		c.until("a refused post", func() bool { return len(c.writes) > 0 })
		c.set(func() { c.writes = nil })
		stop()
		if st := a.Status(); st.SpoolRecords == 0 || st.SpoolDropped != 0 {
			t.Fatalf("status %+v", st)
		}
	}
	c.set(func() { c.status = 0 })
	a, stop := start(t, cfg)
	c.until("the backlog", func() bool { return len(c.seqs) > 0 && a.Status().SpoolRecords == 0 })
	stop()
	c.set(func() {
		starts := map[float64]bool{}
		for _, r := range c.results {
			if v, _ := r.Field(thongsuot.FieldStopping); r.Kind == thongsuot.ProbeAgent && v == 1 {
				starts[float64(r.At.UnixNano())] = true
			}
		}
		if len(starts) != 3 {
			t.Errorf("last words of %d runs arrived, want 3", len(starts))
		}
		for seq, n := range c.seqs {
			if n != 1 {
				t.Errorf("record %d acknowledged %d times", seq, n)
			}
		}
	})
}

// One round that the centre will never take harms no other, and is counted.
func TestRefusedRoundIsGivenUpAlone(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	cfg := c.config(t.TempDir())
	c.set(func() { c.status = http.StatusServiceUnavailable })
	_, stop := start(t, cfg)
	c.until("a refused post", func() bool { return len(c.writes) > 0 })
	stop()

	poison := func(rs []thongsuot.Result) (int, bool) {
		return http.StatusBadRequest, slices.ContainsFunc(rs, func(r thongsuot.Result) bool { return r.Kind == thongsuot.ProbePortal })
	}
	c.set(func() { c.status, c.refuse = 0, poison })
	a, stop := start(t, cfg)
	c.until("the others", func() bool { return c.has("centre", thongsuot.ReasonOK) && a.Status().SpoolRecords == 0 })
	stop()
	resp := metricsOf(t, a)
	if !strings.Contains(resp, `thongsuot_agent_records_dropped_total{reason="refused"}`) {
		t.Error("a round was given up without a count")
	}
}

// metricsOf reads the counters of an agent that has ended.
func metricsOf(t *testing.T, a *agent.Agent) string {
	t.Helper()
	text, err := a.Metrics()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestWrongTokenKeepsEverything(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	c.set(func() { c.status = http.StatusUnauthorized })
	a, stop := start(t, c.config(t.TempDir()))
	c.until("a refusal on record", func() bool { return a.Status().LastError != "" })
	stop()
	if st := a.Status(); st.SpoolRecords == 0 {
		t.Errorf("status %+v", st)
	}
}

func TestBlockedDatagramsGoOverHTTP(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	c.set(func() { c.deaf = true })
	_, _ = start(t, c.config(t.TempDir()))
	c.until("a beat over HTTP", func() bool { return c.httpBeat > 0 && len(c.beats) > 0 })
	c.set(func() { c.deaf, c.beats, c.httpBeat = false, nil, 0 })
	c.until("a datagram as soon as they pass again", func() bool { return len(c.beats) > c.httpBeat })
	c.set(func() {
		if c.httpBeat > 1 {
			t.Errorf("%d more beats went over HTTP first", c.httpBeat)
		}
	})
}

func TestRestartOfTheCentreIsFollowed(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	_, _ = start(t, c.config(t.TempDir()))
	c.until("a beat", func() bool { return len(c.beats) > 0 })
	c.set(func() { c.epoch, c.beats = 8, nil })
	c.until("a beat of the new epoch", func() bool { return len(c.beats) > 0 })
	c.set(func() {
		if c.beats[0].Epoch != 8 || c.beats[0].Try == 1 {
			t.Errorf("heard %+v", c.beats[0])
		}
	})
}

func TestStatusIsServedAsJSON(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	a, _ := start(t, c.config(t.TempDir()))
	c.until("results", func() bool { return c.has("portal", thongsuot.ReasonOK) })
	resp, err := http.Get("http://" + a.LocalAddr() + "/status")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var st agent.Status
	if err := json.NewDecoder(resp.Body).Decode(&st); err != nil {
		t.Fatal(err)
	}
	if st.Site != "25051" || len(st.Probes) < 3 {
		t.Errorf("status %+v", st)
	}
}

func TestConfigErrorsNameFieldAndValue(t *testing.T) {
	base := func() agent.Config {
		c := agent.DefaultConfig()
		c.Centre.URL, c.Centre.TokenFile = "https://giamsat.example", "/nowhere/token"
		return c
	}
	f := func(change func(*agent.Config), want string) {
		t.Helper()
		c := base()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := base().Validate(); err != nil {
		t.Fatal(err)
	}
	f(func(c *agent.Config) { c.Centre.URL = "" }, "centre.url: missing")
	f(func(c *agent.Config) { c.Centre.URL = "http://10.1.2.3" }, `centre.url: must be https, since the token would cross the network in clear (got "http://10.1.2.3")`)
	f(func(c *agent.Config) { c.Centre.URL = "https://u:geheim@x" }, "https://u:xxxxx@x")
	f(func(c *agent.Config) { c.Centre.TokenFile = "" }, "centre.token_file: missing")
	f(func(c *agent.Config) { c.Centre.Beat = "x" }, `centre.beat: want host:port or off (got "x")`)
	f(func(c *agent.Config) { c.Listen = "0.0.0.0:9467" }, `listen: must be a loopback address with a port, such as 127.0.0.1:9467 (got "0.0.0.0:9467")`)
	f(func(c *agent.Config) { c.Probes.Gateway = "x" }, `probes.gateway: want auto, off or an address (got "x")`)
	f(func(c *agent.Config) { c.Probes.Resolvers = []string{"off", "1.1.1.1"} }, "probes.resolvers: off stands alone")
	f(func(c *agent.Config) { c.DataDir = "" }, "data_dir")

	c := base()
	if _, err := agent.New(c, "test", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "/nowhere/token") {
		t.Errorf("a missing token file: %v", err)
	}
	c.Probes.TCP = []agent.TCPItem{{}, {}}
	if _, err := agent.Targets(c, "test", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "probes.tcp[1].host") {
		t.Errorf("a probe without a host: %v", err)
	}
}
