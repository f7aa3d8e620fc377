package agent_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"thongsuot"
	"thongsuot/agent"
	"thongsuot/agent/spool"
)

// inMemory is a folder in memory.
func inMemory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "thongsuot-test-")
	if err != nil {
		missing(t, "/dev/shm")
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// writes counts how often the spool grows while f goes on, and how many rounds
// it grows by.
func (h *house) writes(rounds int, r func(i int) thongsuot.Result) (times, records int) {
	before := h.Spool.Stats().Appended
	last := before
	for i := range rounds {
		h.Measure(r(i))
		for range 10 {
			time.Sleep(time.Second)
			synctest.Wait()
			if n := h.Spool.Stats().Appended; n != last {
				times, last = times+1, n
			}
		}
	}
	return times, int(last - before)
}

func TestQuietRoundsAreWrittenTwiceAMinuteWhileTheCentreHears(t *testing.T) {
	run := inMemory(t)
	inBubble(t, func(h *house) {
		h.stop()
		h.run = run
		h.start()
		h.Calm.Store(true)
		h.measure(steady, 18) // until what is new at the start is over
		h.desk.taken()
		if times, records := h.writes(60, steady); times > 21 || records < 57 {
			t.Errorf("%d writes of %d rounds in ten minutes, want 20 of 60", times, records)
		}
		runs := h.desk.runs("gateway")
		if posts, _ := h.desk.taken(); len(posts) < 9 || len(posts) > 11 || runs < 54 {
			t.Errorf("%d posts of %d runs in ten minutes, want one a minute of all six", len(posts), runs)
		}
		if times, records := h.writes(6, func(int) thongsuot.Result { return failing() }); times < 6 || records < 6 {
			t.Errorf("%d writes of %d rounds in the minute after a change, want each at once", times, records)
		}
	})
}

func TestEachRoundIsWrittenAtOnceWhileNobodyHears(t *testing.T) {
	run := inMemory(t)
	inBubble(t, func(h *house) {
		h.stop()
		h.run = run
		h.start()
		h.measure(steady, 18)
		if times, records := h.writes(30, steady); times < 29 || records != times {
			t.Errorf("%d writes of %d rounds in five minutes, want 30 of 30", times, records)
		}
		h.Calm.Store(true)
		h.measure(steady, 12)
		for range 6 { // until right after a write
			if times, _ := h.writes(1, steady); times > 0 {
				break
			}
		}
		h.Measure(ping(0.001))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		before := h.Spool.Stats().Appended
		h.Calm.Store(false)
		h.Measure(ping(0.001))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := h.Spool.Stats().Appended - before; n < 2 {
			t.Errorf("%d rounds were written once the centre was not heard, want what had waited and the next", n)
		}
	})
}

// A kill loses no round that waited, and doubles none that was written just
// before.
func TestAKillSparesTheRoundsThatWait(t *testing.T) {
	run, later := inMemory(t), inMemory(t)
	inBubble(t, func(h *house) {
		h.stop()
		h.run = run
		h.start()
		h.Calm.Store(true)
		h.measure(steady, 18)
		for second := range 60 { // killed at any second of a minute
			if second%10 == 0 {
				h.Measure(ping(0.001))
			}
			time.Sleep(time.Second)
			synctest.Wait()
			copyFolder(t, run, later) // as a kill would leave it
			disk := filepath.Join(h.dir, "after")
			copyFolder(t, filepath.Join(h.dir, "spool"), filepath.Join(disk, "spool"))
			next := &house{t: t, desk: h.desk, dir: disk, began: h.began, boot: h.boot}
			next.run = later
			next.start()
			next.stop()
			stamps := stampsIn(t, filepath.Join(disk, "spool"))
			for i := 1; i < len(stamps); i++ {
				// What is new at the start is written at once, in between.
				if apart := stamps[i] - stamps[i-1]; apart != 10*time.Second && stamps[i-1] > time.Hour+time.Minute {
					t.Errorf("killed at second %d: rounds at %s and %s", second, stamps[i-1], stamps[i])
				}
			}
			if newest := time.Since(h.began) - stamps[len(stamps)-1]; newest > 11*time.Second {
				t.Errorf("killed at second %d: the newest round is %s old", second, newest)
			}
			if err := os.RemoveAll(disk); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// stampsIn are when the rounds on a disk were written, oldest first.
func stampsIn(t *testing.T, dir string) (out []time.Duration) {
	t.Helper()
	cfg := spool.DefaultConfig()
	cfg.Dir = filepath.Join(t.TempDir(), "spool")
	copyFolder(t, dir, cfg.Dir)
	s, err := spool.Open(cfg, slog.New(slog.DiscardHandler), nil, spool.WithFound(func(r spool.Record) {
		stamp, ok := agent.StampOf(r.Payload)
		if !ok {
			t.Errorf("record %d cannot be read", r.Seq)
		}
		out = append(out, stamp.Boottime)
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// A site that is asked rarely still says each round that it lives, while the
// centre cannot know it.
func TestASiteWithoutRoundsMarksThatItLives(t *testing.T) {
	inBubble(t, func(h *house) {
		h.stop()
		h.sign = &thongsuot.Result{Probe: "agent", Kind: thongsuot.ProbeAgent, Reason: thongsuot.ReasonOK}
		h.start()
		before := h.Spool.Stats().Appended
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := h.Spool.Stats().Appended - before; n < 29 || n > 31 {
			t.Errorf("%d signs of life in five minutes without the centre, want 30", n)
		}
		h.Calm.Store(true)
		time.Sleep(time.Minute)
		before = h.Spool.Stats().Appended
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := h.Spool.Stats().Appended - before; n != 0 {
			t.Errorf("%d signs of life while the centre hears the beats, want none", n)
		}
	})
}
