package real_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"thongsuot/lab/real"
)

// programs are the real ones, of this source tree.
func programs(t *testing.T) real.Config {
	t.Helper()
	if err := real.Needs(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	out, err := exec.Command("go", "build", "-o", dir, "thongsuot/cmd/thongsuot-agent", "thongsuot/cmd/thongsuot-central").CombinedOutput()
	if err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
	return real.Config{Agent: filepath.Join(dir, "thongsuot-agent"), Central: filepath.Join(dir, "thongsuot-central"), Logs: t.TempDir()}
}

// nothingLeft wants that no namespace, mount, folder or process of this
// process's runs is there.
func nothingLeft(t *testing.T) {
	t.Helper()
	look := func(pattern string) {
		t.Helper()
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			t.Errorf("left over: %s", found)
		}
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("thongsuot-lab-%d", os.Getpid()))
	look(dir)
	look(fmt.Sprintf("/run/netns/tslab%d-*", os.Getpid()))
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range append(processes, "/proc/self") {
		for _, file := range []string{"cmdline", "environ", "mounts"} {
			b, err := os.ReadFile(filepath.Join(p, file)) // a process that has just ended says nothing
			if err == nil && strings.Contains(string(b), dir+"/") {
				t.Errorf("left over: %s tells of %s", filepath.Join(p, file), dir)
			}
		}
	}
}

// A line that is cut, a portal that is overloaded and a power cut that a UPS
// covers for a while: all seen, named, told once, nothing lost.
func TestShortRun(t *testing.T) {
	cfg := programs(t)
	var err error
	if cfg.Script, err = real.Sample("short"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	var transcript strings.Builder
	sum, err := real.Run(ctx, cfg, func(e real.Event) { e.Print(&transcript) })
	nothingLeft(t)
	if err != nil {
		t.Fatalf("%v\n%s", err, &transcript)
	}
	sum.Print(&transcript)
	defer func() {
		if t.Failed() {
			t.Log(transcript.String())
		}
	}()

	if len(sum.Outcomes) != 5 {
		t.Errorf("%d outcomes of three faults, one of them at three sites", len(sum.Outcomes))
	}
	for _, o := range sum.Outcomes {
		if o.Seen == nil || o.Told == nil || o.Messages != 1 {
			t.Errorf("%s at %s: seen %v, told %v, %d messages", o.Fault, o.Site, o.Seen != nil, o.Told != nil, o.Messages)
		}
		if o.LiveIs != real.Right || o.FinalIs != real.Right {
			t.Errorf("%s at %s: live %s (%s), final %s (%s), want %s", o.Fault, o.Site, o.Live, o.LiveIs, o.Final, o.FinalIs, o.Label)
		}
	}
	if len(sum.Unexplained) > 0 {
		t.Errorf("incidents without a fault: %s", sum.Unexplained)
	}
	for _, told := range sum.Told {
		if told.Repeated != 0 || told.Incidents != 5 {
			t.Errorf("%+v", told)
		}
	}
	if len(sum.Kept) != 3 {
		t.Errorf("%d sites", len(sum.Kept))
	}
	for _, k := range sum.Kept {
		killed := k.Site == "site-2"
		if k.Produced == 0 || k.Lost != 0 || k.GaveUp != 0 || k.Twice != 0 || !killed && (k.Unwritten != 0 || k.Stored < k.Produced) {
			t.Errorf("%+v", k)
		}
	}
}

// deadPID is the number of a process that has ended.
func deadPID(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// A run that is ended early leaves nothing, and takes away what a dead one left.
func TestEndedEarly(t *testing.T) {
	cfg := programs(t)
	pid := deadPID(t)
	space, dir := fmt.Sprintf("tslab%d-s1", pid), filepath.Join(os.TempDir(), fmt.Sprintf("thongsuot-lab-%d", pid))
	if out, err := exec.Command("ip", "netns", "add", space).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	disk := filepath.Join(dir, "site-1/disk")
	if err := os.MkdirAll(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}

	script := "sites 1\nat 0s site-1 power cut for 60s label power"
	var err error
	if cfg.Script, err = real.Parse("early", strings.NewReader(script)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err = real.Run(ctx, cfg, func(e real.Event) {
		if e.What == real.EventFault {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the run ended with %v", err)
	}
	nothingLeft(t)
	for _, gone := range []string{dir, "/run/netns/" + space} {
		if _, err := os.Lstat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s of a dead run is there: %v", gone, err)
		}
	}
}
