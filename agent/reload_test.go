package agent_test

import (
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"thongsuot"
	"thongsuot/agent"
)

// A configuration that is read again changes what is measured and how often the
// agent beats, without a new start; one that cannot work changes nothing.
func TestReloadKeepsTheLastGood(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	cfg := c.config(t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	target := agent.TCPItem{TCPConfig: connects("van-ban", l.Addr().(*net.TCPAddr).Port)}
	plug := adapter(t, &cfg)
	plug(true)
	a, stop := start(t, cfg)
	c.until("mains", func() bool { return c.has("mains", thongsuot.ReasonOK) && len(c.beats) > 0 })
	first := c.lastStart()

	for _, bad := range []struct {
		change func(*agent.Config)
		want   string
	}{
		{func(c *agent.Config) { c.Probes.TCP = []agent.TCPItem{{}} }, "probes.tcp[0].host"},
		{func(c *agent.Config) { c.Probes.Gateway = "x" }, "probes.gateway"},
		{func(c *agent.Config) { c.Centre.URL = "http://10.0.0.1" }, "centre.url"},
		{func(c *agent.Config) { c.DataDir, c.Site = "/elsewhere", "1" }, "site, data_dir: changes only with a new start"},
	} {
		next := cfg
		bad.change(&next)
		if err := a.Reload(next); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("got %v, want %s", err, bad.want)
		}
	}
	c.until("the old probes as before", func() bool { return c.has("portal", thongsuot.ReasonOK) })

	next := cfg
	next.Metered = true
	next.Probes.TCP, next.Probes.Mains, next.Probes.Portals = []agent.TCPItem{target}, false, nil
	if err := a.Reload(next); err != nil {
		t.Fatal(err)
	}
	c.set(func() { c.beats = nil })
	c.until("the new probe", func() bool { return c.has("van-ban", thongsuot.ReasonOK) })
	for _, p := range a.Status().Probes {
		if p.Probe == "mains" || p.Probe == "portal" {
			t.Errorf("%s is still told: %+v", p.Probe, p)
		}
	}
	text := metricsOf(t, a)
	for _, want := range []string{`thongsuot_agent_config_reloads_total{outcome="taken"} 1`, `thongsuot_agent_config_reloads_total{outcome="refused"} 4`, "thongsuot_agent_beat_every_seconds 30"} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	stop()
	if c.lastStart() != first {
		t.Error("reading a configuration again is a new start")
	}
	if err := a.Reload(next); err == nil {
		t.Error("an agent that has ended takes a configuration")
	}
	c.set(func() {
		seqs := slices.Sorted(maps.Keys(c.seqs))
		if n := seqs[len(seqs)-1] - seqs[0] + 1; n != uint64(len(seqs)) {
			t.Errorf("%d of %d records came", len(seqs), n)
		}
		if slices.ContainsFunc(c.results, func(r thongsuot.Result) bool { return r.Reason == thongsuot.ReasonSkipped }) {
			t.Error("a probe that was cut short is told as an answer")
		}
	})
}
