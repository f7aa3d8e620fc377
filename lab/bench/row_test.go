package bench_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thongsuot/lab/bench"
)

// The load holds what the sites measured: six rounds a minute of each.
func TestLoad(t *testing.T) {
	l, err := bench.NewLoad(t.Context(), 2, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if l.Records() != 2*360 || l.Samples() < 2*360*20 {
		t.Errorf("%d rounds, %d samples", l.Records(), l.Samples())
	}
}

// One row from end to end: the real centre takes an hour of three sites in and
// answers; peers do the same where they are installed, else they are named.
func TestStoreRow(t *testing.T) {
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", dir, "thongsuot/cmd/thongsuot-central").CombinedOutput()
	if err != nil {
		t.Fatalf("build the centre: %v\n%s", err, out)
	}
	cfg := bench.DefaultConfig()
	cfg.Central, cfg.Rows, cfg.Sites, cfg.Hours = filepath.Join(dir, "thongsuot-central"), []string{"store"}, 3, 1
	var said strings.Builder
	r, err := bench.Run(t.Context(), cfg, func(line string) { said.WriteString(line + "\n") })
	if err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	whats := map[string]bool{}
	whose := map[string]bool{}
	for _, f := range r.Figures {
		if f.Value <= 0 || f.Row != "store" {
			t.Errorf("%+v", f)
		}
		whose[f.Of] = true
		if f.Of == "thongsuot" {
			whats[f.What] = true
		}
	}
	for _, l := range r.Left {
		whose[strings.TrimSuffix(l.What, " with the same samples")] = true
	}
	for _, what := range []string{"samples taken in a CPU second", "chart of 24 h of one series", "p95 of the portal for every site over a day"} {
		if !whats[what] {
			t.Errorf("no figure of ours for %q\n%s", what, &said)
		}
	}
	for _, peer := range []string{"VictoriaMetrics", "InfluxDB 1.x"} {
		if !whose[peer] {
			t.Errorf("nothing is said of %s\n%s", peer, &said)
		}
	}
}

func TestConfig(t *testing.T) {
	f := func(change func(*bench.Config), want string) {
		t.Helper()
		cfg := bench.DefaultConfig()
		change(&cfg)
		err := cfg.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f(func(*bench.Config) {}, "")
	f(func(c *bench.Config) { c.Rows = bench.RowNames() }, "")
	f(func(c *bench.Config) { c.Rows = []string{"speed"} }, `rows: there is none called "speed"`)
	f(func(c *bench.Config) { c.Hours = 0 }, "hours: want 1 to 48 (got 0)")
	f(func(c *bench.Config) { c.Outage = 0 }, "outage: want 30s to 1h")
}
