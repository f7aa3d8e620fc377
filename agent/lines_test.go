package agent_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"thongsuot"
	"thongsuot/agent"
)

// What is measured over a line bears its name from the probe to the wire, and
// the site's own probes bear none.
func TestLinesAreMeasuredByThemselves(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	cfg := c.config(t.TempDir())
	cfg.Lines = []agent.LineConfig{{Name: "tslcd", Interface: "lo", Gateway: "off"}, {Name: "4g", Source: "127.0.0.1", Gateway: "off"}}
	start(t, cfg)
	c.until("the centre by each line", func() bool {
		return c.has("centre", thongsuot.ReasonOK) && c.has("centre-tslcd", thongsuot.ReasonOK) && c.has("centre-4g", thongsuot.ReasonOK)
	})
	c.set(func() {
		for _, r := range c.results {
			if want, _ := strings.CutPrefix(r.Probe, "centre-"); strings.HasPrefix(r.Probe, "centre-") != (r.Line == want) {
				t.Errorf("%s bears line %q", r.Probe, r.Line)
			}
		}
	})
}

func TestLinesBringTheirProbes(t *testing.T) {
	cfg := agent.DefaultConfig()
	cfg.DataDir, cfg.Centre.URL, cfg.Centre.TokenFile = t.TempDir(), "https://giamsat.example.vn:8086", "x"
	cfg.Probes.Gateway, cfg.Probes.Resolvers, cfg.Probes.NUT = "off", []string{"off"}, "off"
	cfg.Lines = []agent.LineConfig{{Name: "4g", Interface: "wwan0", Gateway: "192.0.2.1", Metered: true, Resolvers: []string{"192.0.2.53", "192.0.2.54:5353"}, Portals: true}}
	ps, err := agent.Targets(cfg, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range ps {
		if p.Line != "" {
			got = append(got, p.Name+" "+p.Line+" "+p.Every.String())
		}
	}
	slices.Sort(got)
	want := []string{"centre-4g 4g 1m0s", "gateway-4g 4g 1m0s", "hop-4g 4g 1m0s", "path-4g 4g 15m0s", "portal-4g 4g 5m0s", "resolver-2-4g 4g 1m0s", "resolver-4g 4g 1m0s", "upstream-4g 4g 1m0s"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBadLines(t *testing.T) {
	f := func(want string, lines ...agent.LineConfig) {
		t.Helper()
		cfg := agent.DefaultConfig()
		cfg.Centre.URL, cfg.Centre.TokenFile, cfg.Lines = "https://giamsat.example.vn", "x", lines
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	good := agent.LineConfig{Name: "4g", Interface: "wwan0"}
	f("lines[1].name: another line is called that too", good, good)
	f("lines: at most 4", good, good, good, good, good)
	f("lines[0].interface, source: one of them", agent.LineConfig{Name: "4g"})
	f(`lines[0].source: must be an address of this machine (got "x")`, agent.LineConfig{Name: "4g", Source: "x"})
	f(`lines[0].gateway: want auto, off or an address (got "x")`, agent.LineConfig{Name: "4g", Interface: "wwan0", Gateway: "x"})
	f(`lines[0].name`, agent.LineConfig{Name: "Đường 1", Interface: "wwan0"})
}
