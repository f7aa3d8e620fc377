package bench_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thongsuot/lab/bench"
	"thongsuot/lab/real"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it anew):\n%s", file, got)
	}
}

// A report of figures that hold, that miss, that have no bar, and of peers that
// were measured before and after ours.
func report() bench.Report {
	r := bench.Report{
		Machine: bench.Machine{Date: "2026-11-23 15:00", Version: "v1", Cores: 2, CPU: "a processor", Memory: 24, Kernel: "6.1", Load: 1.5},
		Figures: []bench.Figure{
			{Row: "agent", What: "memory", Of: "thongsuot", Value: 25, Unit: "MB", Bar: bench.Bar(20)},
			{Row: "agent", What: "CPU", Of: "thongsuot", Value: 0.045, Unit: "s", Bar: bench.Bar(0.09), Note: "a minute"},
			{Row: "agent", What: "memory", Of: "peer", Value: 50, Unit: "MB", Note: "no UPS"},
			{Row: "store", What: "samples", Of: "thongsuot", Value: 2e6, Unit: "a CPU second", Bar: bench.Bar(5e5), More: true},
			{Row: "store", What: "samples", Of: "peer", Value: 1e6, Unit: "a CPU second"},
			{Row: "outage", What: "lost", Of: "thongsuot", Value: 0, Unit: "results", Bar: bench.Bar(0)},
			{Row: "outage", What: "late", Of: "thongsuot", Value: 1234, Unit: "results"},
		},
		Left: []bench.Left{{Row: "agent", What: "Telegraf", Why: "not installed"}},
	}
	r.Compare()
	return r
}

func TestTable(t *testing.T) {
	r := report()
	var out bytes.Buffer
	r.Print(&out)
	golden(t, "table.txt", out.Bytes())
}

func TestJSON(t *testing.T) {
	text, err := json.MarshalIndent(report(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", append(text, '\n'))
}

func TestMissed(t *testing.T) {
	r := report()
	if missed := r.Missed(); len(missed) != 1 || missed[0].What != "memory" {
		t.Errorf("%+v", missed)
	}
}

func TestCPUOf(t *testing.T) {
	f := func(stat string, want time.Duration, good bool) {
		t.Helper()
		if got, err := bench.CPUOf(stat); got != want || (err == nil) != good {
			t.Errorf("%q: %s, %v", stat, got, err)
		}
	}
	f("7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 9 9 20 0 8 0 100 1 1", 2*time.Second, true)
	f("7 (agent) S 1 7 7 0 -1 4194560 100 0 0 0 1 0 0 0 20", 10*time.Millisecond, true)
	f("7 (agent) S 1 7", 0, false)
	f("7 (agent) S 1 7 7 0 -1 4194560 100 0 0 0 x 50 9 9 20", 500*time.Millisecond, false)
	f("", 0, false)
}

func TestSectors(t *testing.T) {
	if n, err := bench.Sectors("  10 0 80 1 20 5 64 2 0 3 3 0 0 0 0 1 1\n"); n != 64*512 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := bench.Sectors("1 2 3"); err == nil {
		t.Error("three numbers were taken")
	}
}

// The counters of this process rise with what it does.
func TestCPUOfThisProcess(t *testing.T) {
	before, err := bench.CPU("/proc", os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	memory, err := bench.Resident("/proc", os.Getpid())
	if err != nil || memory < 1<<20 {
		t.Errorf("%d bytes of memory, %v", memory, err)
	}
	for {
		after, err := bench.CPU("/proc", os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after != before {
			return // else the test's time is over
		}
	}
}

func TestCounters(t *testing.T) {
	text := `{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}},
 {"counter": {"family": "inet", "name": "centre_up", "table": "bench", "handle": 1, "packets": 3, "bytes": 180}},
 {"counter": {"family": "inet", "name": "centre_down", "table": "bench", "handle": 2, "packets": 0, "bytes": 0}}]}`
	got, err := bench.ParseCounters([]byte(text))
	if err != nil || len(got) != 2 || got["centre_up"] != 180 {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "{}", `{"nftables": [{"metainfo": {}}]}`, `{"nftables": 3}`} {
		if got, err := bench.ParseCounters([]byte(bad)); err == nil {
			t.Errorf("%q gives %v", bad, got)
		}
	}
}

// nft takes the rules that count.
func TestCounterRules(t *testing.T) {
	nft, err := exec.LookPath("nft")
	if err != nil || os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("nft and root are needed")
		}
		t.Skip("nft and root are needed")
	}
	cmd := exec.Command(nft, "--check", "-f", "-")
	cmd.Stdin = strings.NewReader(bench.Counters("10.80.0.1", 8428))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// The scripts of the timed faults are ones that the lab plays.
func TestAlertScript(t *testing.T) {
	for _, n := range []int{1, 5, 12} {
		script, err := real.Parse("alerts", strings.NewReader(bench.AlertScript(n)))
		if err != nil {
			t.Errorf("%d repeats: %v", n, err)
			continue
		}
		kinds := map[string]int{}
		for _, f := range script.Faults {
			kinds[f.Kind]++
		}
		if kinds["line silent"] != n || kinds["ups battery"] != n || len(script.Faults) != 2*n {
			t.Errorf("%d repeats: %v", n, kinds)
		}
	}
}

func TestAllClear(t *testing.T) {
	o := real.Outcome{Line: 3, Incident: "a"}
	story := []real.Event{
		{At: 1, What: real.EventFault, Kind: "begins", Line: 3},
		{At: 5, What: real.EventMessage, Incident: "a"},
		{At: 20, What: real.EventFault, Kind: "ends", Line: 2},
		{At: 40, What: real.EventFault, Kind: "ends", Line: 3},
		{At: 42, What: real.EventEdit, Incident: "a"}, // of another thing
		{At: 44.1, What: real.EventChange, Incident: "a", Kind: "closed"},
		{At: 44, What: real.EventReply, Incident: "a"},
		{At: 45, What: real.EventEdit, Incident: "a"},
	}
	if got := bench.AllClear(o, story); got == nil || *got != 4 {
		t.Errorf("%v", got)
	}
	if got := bench.AllClear(o, story[:5]); got != nil {
		t.Errorf("never closed, but all clear after %v s", *got)
	}
}

// What reaches the disk's device is at least what was written and synced.
func TestExt4(t *testing.T) {
	d, err := bench.NewExt4(t.Context(), t.TempDir())
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	defer func() {
		if err := d.Remove(); err != nil {
			t.Error(err)
		}
	}()
	before, err := d.Written()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(d.Dir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if after, err := d.Written(); err != nil || after-before < 1<<20 {
		t.Errorf("%d bytes at the device for 1 MiB, %v", after-before, err)
	}
}
