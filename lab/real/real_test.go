package real_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
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
	out, err := exec.Command("go", "build", "-o", dir, "thongsuot/cmd/thongsuot-agent", "thongsuot/cmd/thongsuot-central", "thongsuot/cmd/thongsuot-lab").CombinedOutput()
	if err != nil {
		t.Fatalf("build the programs: %v\n%s", err, out)
	}
	return real.Config{
		Agent: filepath.Join(dir, "thongsuot-agent"), Central: filepath.Join(dir, "thongsuot-central"), Lab: filepath.Join(dir, "thongsuot-lab"),
		Logs: t.TempDir(),
	}
}

// nothingLeft wants that no namespace, mount, folder or process of a process's
// runs is there.
func nothingLeft(t *testing.T, pid int) {
	t.Helper()
	look := func(pattern string) {
		t.Helper()
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			t.Errorf("left over: %s", found)
		}
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("thongsuot-lab-%d", pid))
	look(dir)
	look(fmt.Sprintf("/run/netns/tslab%d-*", pid))
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
// covers for a while: all seen, named, told once, nothing lost; and a clock
// that goes wrong by years and by minutes, which nobody notices.
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
	nothingLeft(t, os.Getpid())
	if err != nil {
		t.Fatalf("%v\n%s", err, &transcript)
	}
	sum.Print(&transcript)
	defer func() {
		if t.Failed() {
			t.Log(transcript.String())
		}
	}()

	if len(sum.Outcomes) != 7 {
		t.Errorf("%d outcomes of five faults, one of them at three sites", len(sum.Outcomes))
	}
	for _, o := range sum.Outcomes {
		if quiet := o.Label == "none"; quiet != (o.Seen == nil) || quiet != (o.Told == nil) || !quiet && (o.Messages["van-hanh"] != 1 || o.Messages["lanh-dao"] != 1) {
			t.Errorf("%s at %s: seen %v, told %v, messages %v", o.Fault, o.Site, o.Seen != nil, o.Told != nil, o.Messages)
		}
		if o.LiveIs != real.Right || o.FinalIs != real.Right {
			t.Errorf("%s at %s: live %s (%s), final %s (%s), want %s", o.Fault, o.Site, o.Live, o.LiveIs, o.Final, o.FinalIs, o.Label)
		}
	}
	if len(sum.Unexplained) > 0 {
		t.Errorf("incidents without a fault: %s", sum.Unexplained)
	}
	for _, told := range sum.Told {
		if told.Repeated != 0 || told.Incidents != 3 { // the portal is one for all
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
		// The bars for dates between anchors, whatever the machine's clock shows.
		if d := k.Dated; d.Compared < 5 || d.P99 > 0.5 || d.Stray != 0 {
			t.Errorf("%s: %+v", k.Site, d)
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

	cfg.Script = script(t, "sites 1\nat 0s site-1 power cut for 60s label power")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := real.Run(ctx, cfg, func(e real.Event) {
		if e.What == real.EventFault {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the run ended with %v", err)
	}
	nothingLeft(t, os.Getpid())
	for _, gone := range []string{dir, "/run/netns/" + space} {
		if _, err := os.Lstat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s of a dead run is there: %v", gone, err)
		}
	}
}

func script(t *testing.T, text string) real.Script {
	t.Helper()
	s, err := real.Parse("test", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A run whose caller panics, and one whose programs fail, leave nothing.
func TestFailedRun(t *testing.T) {
	cfg := programs(t)
	cfg.Script = script(t, "sites 1\nat 0s site-1 line delay 50ms for 60s label access")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_, _ = real.Run(t.Context(), cfg, func(real.Event) { panic("of the test") })
	}()
	nothingLeft(t, os.Getpid())

	cfg.Central = "/bin/false"
	if _, err := real.Run(t.Context(), cfg, func(real.Event) {}); err == nil {
		t.Error("a province without a centre")
	}
	nothingLeft(t, os.Getpid())
}

// Ctrl-C, which goes to all of the program's group, and a kill that lets nothing
// be put in order: soon nothing is left.
func TestKilledRun(t *testing.T) {
	cfg := programs(t)
	file := filepath.Join(t.TempDir(), "long.txt")
	if err := os.WriteFile(file, []byte("sites 1\nat 0s site-1 clock +1d for 60s label none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		cmd := exec.Command(cfg.Lab, "real", "-script", file, "-agent", cfg.Agent, "-central", cfg.Central)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		stderr, err := cmd.StderrPipe() // the caretaker has it too, so it ends with the last of them
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		first, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil || !strings.Contains(first, "begins") {
			t.Errorf("%s: it says %q, %v", s, first, err)
		}
		if err := syscall.Kill(-cmd.Process.Pid, s); err != nil {
			t.Error(err)
		}
		said, _ := io.ReadAll(stderr)
		if err := cmd.Wait(); err == nil {
			t.Errorf("%s: a clean end", s)
		}
		nothingLeft(t, cmd.Process.Pid)
		if t.Failed() {
			t.Logf("%s: it said %s", s, said)
		}
	}
}
