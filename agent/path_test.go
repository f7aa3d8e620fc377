package agent_test

import (
	"os"
	"path/filepath"
	"testing"

	"thongsuot/agent"
)

const (
	gw, nat, agg, core, centreAt = "192.168.1.1", "100.64.0.1", "203.0.113.1", "203.0.113.9", "198.51.100.5"
	tslcd1, tslcd2               = "10.200.0.1", "10.200.9.1"
)

func chosen(t *testing.T, p agent.Path, hop, upstream string) {
	t.Helper()
	if h, u := p.Chosen(); h != hop || u != upstream {
		t.Errorf("chosen %q and %q, want %q and %q", h, u, hop, upstream)
	}
}

func TestPathChoosesTheCarriersRouters(t *testing.T) {
	f := func(hop, upstream string, way ...string) {
		t.Helper()
		p := agent.OpenPath(filepath.Join(t.TempDir(), "path.json"))
		chosen(t, p, "", "")
		p.Found(way...)
		chosen(t, p, hop, upstream)
	}
	f("2 "+nat, "3 "+agg, gw, nat, agg, core, centreAt)
	f("2 "+nat, "4 "+core, gw, nat, "", core, centreAt)         // who is silent is not chosen
	f("3 "+agg, "4 "+core, gw, "10.9.9.1", agg, core, centreAt) // a second router inside the office
	f("1 "+agg, "2 "+core, agg, core, centreAt)                 // the line ends at the machine itself
	f("2 "+tslcd1, "3 "+tslcd2, gw, tslcd1, tslcd2, "10.1.1.1") // a private network all the way
	f("2 "+nat, "", gw, nat, centreAt)
	f("", "", gw, centreAt) // the centre is next door
	f("", "", centreAt)
}

func TestPathIsLearnedSlowly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "path.json")
	p := agent.OpenPath(file)
	for range 40 {
		p.Found(gw, nat, agg, core, centreAt)
	}
	// Two traces by another way, and silences, move nothing.
	p.Found(gw, "100.64.0.99", agg, core, centreAt)
	p.Found(gw, "100.64.0.99", agg, core, centreAt)
	p.Found(gw, "", agg, core, centreAt)
	for range 50 {
		p.Partly(centreAt, gw) // an outage says nothing of what lies behind it
	}
	chosen(t, p, "2 "+nat, "3 "+agg)
	chosen(t, agent.OpenPath(file), "2 "+nat, "3 "+agg) // and a restart neither

	// A router that answers less and less gives way to one that does.
	for range 9 {
		p.Found(gw, "", agg, core, centreAt)
	}
	chosen(t, p, "3 "+agg, "4 "+core)
}

func TestPathIsLearnedAnewWhenItChanges(t *testing.T) {
	p := agent.OpenPath(filepath.Join(t.TempDir(), "path.json"))
	for range 200 {
		p.Found(gw, nat, agg, centreAt)
	}
	for range 2 {
		p.Found(gw, "100.65.0.1", core, centreAt)
		chosen(t, p, "2 "+nat, "3 "+agg)
	}
	p.Found(gw, "100.65.0.1", core, centreAt)
	chosen(t, p, "2 100.65.0.1", "3 "+core)
}

func TestPathMemoryDamaged(t *testing.T) {
	for _, text := range []string{"", "{", `{"steps":[{}],"tried":[]}`, "null", `{"hop":3,"hop_addr":"x"}`} {
		file := filepath.Join(t.TempDir(), "path.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := agent.OpenPath(file)
		chosen(t, p, "", "")
		p.Found(gw, nat, agg, centreAt)
		chosen(t, p, "2 "+nat, "3 "+agg)
	}
}
