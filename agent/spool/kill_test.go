package spool_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"thongsuot/agent/spool"
)

// childDir names the folder to a copy of this test that is made to be killed.
const childDir = "THONGSUOT_TEST_SPOOL_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child appends and acknowledges for ever, and says so on standard output:
// an append once it is durable, an acknowledgement before it is made.
func child(dir string) int {
	s, err := spool.Open(roomy(dir), quiet, nil)
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("open", s.Stats().Records)
	for i := 0; ; i++ {
		payload := childPayload(i)
		seq, err := s.Append(spool.Class(i%9/8), payload)
		if err != nil {
			fmt.Println("error", err)
			return 1
		}
		fmt.Println("append", seq, i)
		if i%5 == 4 {
			rs, err := s.Read(7, 1<<20, nil)
			if err != nil {
				fmt.Println("error", err)
				return 1
			}
			for _, r := range rs[1:] {
				fmt.Println("ack", r.Seq)
				if err := s.Ack(spool.Range{From: r.Seq, To: r.Seq}); err != nil {
					fmt.Println("error", err)
					return 1
				}
			}
		}
	}
}

// roomy is a configuration whose cap a thousand lives do not reach.
func roomy(dir string) spool.Config {
	cfg := config(dir)
	cfg.MaxBytes = 4 << 30
	return cfg
}

func childPayload(i int) []byte { return bytes.Repeat([]byte{byte(i)}, i*977%9000) }

// Whatever Append acknowledged is read back by the next life, unless that
// acknowledged it, however the process ended.
func TestKilledProcessesLoseNothing(t *testing.T) {
	kills := 50
	if deep {
		kills = 1000
	}
	if n, err := strconv.Atoi(os.Getenv("THONGSUOT_TEST_KILLS")); err == nil {
		kills = n
	}
	dir := filepath.Join(t.TempDir(), "spool")
	rng := seeded(t, 9)
	tried := map[uint64]int{} // number to index of the payload
	kept := map[uint64]bool{} // promised and not acknowledged
	appended := 0
	for range kills {
		// Killed after so many lines, that is anywhere in what comes next.
		appended += killedLife(t, dir, rng.IntN(120), tried, kept)
	}
	s := mustOpen(t, roomy(dir))
	defer s.Close()
	got := map[uint64]bool{}
	for _, r := range mustRead(t, s, all, all) {
		if got[r.Seq] {
			t.Errorf("record %d comes twice", r.Seq)
		}
		got[r.Seq] = true
		if i, ok := tried[r.Seq]; ok && !bytes.Equal(r.Payload, childPayload(i)) {
			t.Errorf("record %d is altered", r.Seq)
		}
	}
	for seq := range kept {
		if !got[seq] {
			t.Errorf("record %d (payload %d) is lost", seq, tried[seq])
		}
	}
	want(t, "damaged beyond what was being written", s.Stats().Damaged <= uint64(kills), true)
	t.Logf("%d kills, %d records promised, %d to be kept, %d read", kills, appended, len(kept), len(got))
}

// killedLife runs a child, kills it after it has said lines things, and notes
// what it said.
func killedLife(t *testing.T, dir string, lines int, tried map[uint64]int, kept map[uint64]bool) (appended int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	for n := 0; ; n++ {
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		line, err := said.ReadString('\n') // also what it still said before it died
		if err != nil {
			break
		}
		var seq uint64
		var i int
		words := strings.Fields(line)
		switch words[0] {
		case "error":
			t.Fatalf("child: %s", line)
		case "append":
			if _, err := fmt.Sscan(words[1]+" "+words[2], &seq, &i); err != nil {
				t.Fatal(err)
			}
			if _, twice := tried[seq]; twice {
				t.Fatalf("number %d given twice", seq)
			}
			tried[seq], kept[seq] = i, true
			appended++
		case "ack":
			if _, err := fmt.Sscan(words[1], &seq); err != nil {
				t.Fatal(err)
			}
			delete(kept, seq)
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("child: %v, want it killed", err)
	}
	return appended
}

// A full disk: the queue goes on in memory, what is on disk can be delivered
// and its room becomes free, and the spool recovers by itself.
func TestFullFileSystemDrainsAndRecovers(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=1m"); err != nil {
		missing(t, "the right to mount a tmpfs (root)", err)
	}
	defer syscall.Unmount(mount, 0)
	cfg := config(filepath.Join(mount, "spool"))
	s := mustOpen(t, cfg)
	durable, inMemory := 0, 0
	for range 200 {
		switch _, err := s.Append(spool.Samples, make([]byte, 9000)); {
		case err == nil:
			durable++
		case errors.Is(err, spool.ErrNotDurable):
			inMemory++
		default:
			t.Fatal(err)
		}
	}
	st := s.Stats()
	if durable < 50 || inMemory < 50 || st.Memory != inMemory || !errors.Is(fillUp(mount), syscall.ENOSPC) {
		t.Fatalf("%d on disk, %d in memory, %+v", durable, inMemory, st)
	}
	if !strings.Contains(st.Degraded, "free some space on its file system") {
		t.Errorf("complaint: %q", st.Degraded)
	}
	delivered := map[uint64]bool{}
	deliver := func() {
		rs := mustRead(t, s, 10, all)
		for _, r := range rs {
			if delivered[r.Seq] {
				t.Fatalf("record %d comes twice", r.Seq)
			}
			delivered[r.Seq] = true
			mustAck(t, s, spool.Range{From: r.Seq, To: r.Seq})
		}
	}
	for s.Stats().Records > 20 {
		deliver()
	}
	seq := mustAppend(t, s, spool.Event, "on disk again")
	want(t, "complaint", s.Stats().Degraded, "")
	want(t, "in memory", s.Stats().Memory, 0)
	mustClose(t, s)
	s = mustOpen(t, cfg)
	defer s.Close()
	want(t, "newest after a restart", mustRead(t, s, 1, all)[0].Seq, seq)
	for s.Stats().Records > 0 {
		deliver()
	}
	want(t, "delivered", len(delivered), 201)
}

// Acknowledgements can be saved on a file system without a byte to spare.
func TestFullFileSystemTakesAcknowledgements(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=1m"); err != nil {
		missing(t, "the right to mount a tmpfs (root)", err)
	}
	defer syscall.Unmount(mount, 0)
	cfg := config(filepath.Join(mount, "spool"))
	s := mustOpen(t, cfg)
	a, b := mustAppend(t, s, spool.Samples, "a"), mustAppend(t, s, spool.Samples, "b")
	if err := fillUp(mount); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	want(t, "next in the segment that is there", mustAppend(t, s, spool.Event, "c"), b+1)
	mustAck(t, s, spool.Range{From: a, To: a})
	mustClose(t, s)
	s = mustOpen(t, cfg)
	defer s.Close()
	want(t, "records", payloads(mustRead(t, s, all, all)), "c b")
	want(t, "complaint", s.Stats().Degraded, "")
}

// fillUp takes the rest of a file system.
func fillUp(dir string) error {
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, 512)); err != nil {
			return err
		}
	}
}

// A read-only disk: what is there can be delivered, what comes is kept in
// memory, and numbers do not repeat from one start to the next.
func TestReadOnlyFileSystemIsReadAndNotWaitedFor(t *testing.T) {
	mount := t.TempDir()
	if err := syscall.Mount("tmpfs", mount, "tmpfs", 0, "size=2m"); err != nil {
		missing(t, "the right to mount a tmpfs (root)", err)
	}
	defer syscall.Unmount(mount, 0)
	cfg := config(filepath.Join(mount, "spool"))
	s := mustOpen(t, cfg)
	old := mustAppend(t, s, spool.Samples, "old")
	mustClose(t, s)
	if err := syscall.Mount("", mount, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{old: true}
	for range 3 {
		s = mustOpen(t, cfg)
		seq, err := s.Append(spool.Samples, []byte("new"))
		if !errors.Is(err, spool.ErrNotDurable) || seen[seq] {
			t.Fatalf("append: got %d, %v", seq, err)
		}
		seen[seq] = true
		want(t, "records", payloads(mustRead(t, s, all, all)), "new old")
		if got := s.Stats().Degraded; !strings.Contains(got, "read-only") {
			t.Errorf("complaint: %q", got)
		}
		mustAck(t, s, spool.Range{From: seq, To: seq})
		if err := s.Close(); err == nil {
			t.Error("close: got no error, want that acknowledgements are not saved")
		}
	}
	if err := syscall.Mount("", mount, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, cfg)
	mustAppend(t, s, spool.Samples, "durable")
	want(t, "records", payloads(mustRead(t, s, all, all)), "durable old")
	mustClose(t, s)
}

// missing leaves a test out for want of something, but not in CI.
func missing(t testing.TB, what string, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("needs %s: %v", what, err)
	}
	t.Skipf("needs %s: %v", what, err)
}
