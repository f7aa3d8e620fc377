package agent_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/agent"
)

const (
	firstBoot  = "11111111-1111-4111-8111-111111111111"
	secondBoot = "22222222-2222-4222-8222-222222222222"
)

// boots makes a procfs that knows of one boot.
func boots(t *testing.T, id string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{"sys/kernel/random/boot_id": id + "\n", "uptime": "100.00 200.00\n", "net/route": "", "net/ipv6_route": ""} {
		file := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// How one run ended is told by the next, graded by what is known.
func TestNextStartTellsHowTheLastRunEnded(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	cfg := c.config(t.TempDir())
	cfg.Procfs = boots(t, firstBoot)
	plug := adapter(t, &cfg)
	file := filepath.Join(cfg.DataDir, "past")
	holds := func(text string) func() bool {
		return func() bool {
			raw, _ := os.ReadFile(file)
			return string(raw) == text
		}
	}
	// run starts an agent and waits until it has kept what it knows of the mains;
	// what it leaves on disk at that moment is what a power cut leaves.
	run := func(kept string) (cut []byte) {
		t.Helper()
		c.set(func() { c.results, c.seqsOf = nil, nil })
		_, stop := start(t, cfg)
		c.until("the file "+kept, holds(kept+"\n"))
		cut, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c.until("its first words", func() bool { return c.has("agent", thongsuot.ReasonOK) })
		stop()
		return cut
	}
	told := func(want string, onBattery float64) {
		t.Helper()
		c.set(func() {
			i := slices.IndexFunc(c.results, func(r thongsuot.Result) bool { return r.Probe == "last-end" })
			if want == "" && i < 0 {
				return
			}
			if i < 0 {
				t.Fatalf("nothing told, want %s", want)
			}
			battery, _ := c.results[i].Field(thongsuot.FieldOnBattery)
			if c.results[i].Detail != want || battery != onBattery {
				t.Errorf("told %+v, want %s", c.results[i], want)
			}
		})
	}
	restore := func(cut []byte) {
		t.Helper()
		if err := os.WriteFile(file, cut, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cut := run("running " + firstBoot + " mains")
	told("", 0)
	run("running " + firstBoot + " mains")
	told("stopped", 0)
	restore(cut)
	run("running " + firstBoot + " mains")
	told("killed", 0)

	restore(cut)
	cfg.Procfs = boots(t, secondBoot)
	plug(false)
	run("running " + secondBoot + " battery")
	told("cut_with_mains", 0)

	restore([]byte("running " + firstBoot + " battery\n"))
	run("running " + secondBoot + " battery")
	told("cut_on_battery", 1)

	restore([]byte("running " + firstBoot + " unknown\n"))
	run("running " + secondBoot + " battery")
	told("cut", 0)

	restore([]byte("shutdown " + firstBoot + " battery\n"))
	run("running " + secondBoot + " battery")
	told("shutdown_on_battery", 1)

	restore(cut)
	dump := filepath.Join(cfg.Sysfs, "fs/pstore/dmesg-efi-1")
	if err := os.MkdirAll(filepath.Dir(dump), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dump, []byte("Kernel panic"), 0o600); err != nil {
		t.Fatal(err)
	}
	if later := time.Now().Add(time.Minute); os.Chtimes(dump, later, later) != nil { // files of one moment have one time
		t.Fatal("the dump's time cannot be set")
	}
	run("running " + secondBoot + " battery")
	told("panic", 0)

	restore([]byte("torn\x00"))
	run("running " + secondBoot + " battery") // starts all the same
	told("", 0)
}

func TestPastIsKeptWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		dir = filepath.Join(dir, "missing") // root may write anywhere
	}
	err := agent.WriteDurably(filepath.Join(dir, "past"), "x")
	if err == nil || !strings.Contains(err.Error(), "past") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}
