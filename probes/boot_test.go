package probes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thongsuot"
	"thongsuot/probes"
)

const bootID = "0e1cb0ee-1ff5-4ac0-a2a2-2cb1d4a5ec3f"

// procfs is a made-up one.
func procfs(t *testing.T, id, uptime string) string {
	t.Helper()
	proc := t.TempDir()
	write(t, filepath.Join(proc, "sys/kernel/random/boot_id"), id)
	write(t, filepath.Join(proc, "uptime"), uptime)
	return proc
}

func boots(proc string) probes.BootConfig {
	c := probes.DefaultBootConfig()
	c.Name, c.Proc = "boot", proc
	return c
}

func TestBootOfThisMachine(t *testing.T) {
	r := ask(t, boots("/proc"))
	want(t, r, thongsuot.ReasonOK)
	if id := must(probes.BootID("/proc")); r.Detail != id || len(id) != 36 {
		t.Errorf("boot id is %q, detail %q", id, r.Detail)
	}
	if field(t, r, "uptime_seconds") <= 0 {
		t.Error("no time since the boot")
	}
}

func TestBootFaults(t *testing.T) {
	f := func(proc string, reason thongsuot.Reason) {
		t.Helper()
		r := ask(t, boots(proc))
		want(t, r, reason)
		lacks(t, r, "uptime_seconds")
	}
	good := procfs(t, bootID+"\n", "350735.47 234388.90\n")
	r := ask(t, boots(good))
	want(t, r, thongsuot.ReasonOK)
	if r.Detail != bootID || field(t, r, "uptime_seconds") != 350735.47 {
		t.Errorf("read as %+v", r)
	}
	f(t.TempDir(), thongsuot.ReasonNotPresent)
	for _, id := range []string{"", "x", strings.ToUpper(bootID), bootID + "0"} {
		f(procfs(t, id, "1.0 1.0\n"), thongsuot.ReasonBadReply)
	}
	for _, up := range []string{"", "x", "-1 0", "NaN 0", "+Inf 0"} {
		f(procfs(t, bootID, up), thongsuot.ReasonBadReply)
	}
	noUptime := procfs(t, bootID, "")
	if err := os.Remove(filepath.Join(noUptime, "uptime")); err != nil {
		t.Fatal(err)
	}
	f(noUptime, thongsuot.ReasonNotPresent)
	isDir := procfs(t, bootID, "")
	if err := os.Remove(filepath.Join(isDir, "uptime")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(isDir, "uptime/x"), "")
	f(isDir, thongsuot.ReasonError)
}

func TestBootWithoutRights(t *testing.T) {
	need(t, os.Getuid() == 0, "root, to drop a capability")
	proc := procfs(t, bootID, "1.0 1.0\n")
	if err := os.Chmod(filepath.Join(proc, "uptime"), 0); err != nil {
		t.Fatal(err)
	}
	at := here.without("dac_override", "dac_read_search")
	want(t, at.ask(t, thongsuot.ProbeBoot, boots(proc)), thongsuot.ReasonNoPermission)
}
