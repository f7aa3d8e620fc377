package agent_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"thongsuot/agent"
)

// machine is a box without a battery for its clock, whose power comes and goes.
type machine struct {
	t       *testing.T
	file    string
	now     time.Time // the truth
	boot    int
	began   time.Time
	pace    float64 // of its crystal
	wall    func(sinceBoot time.Duration) time.Time
	clock   *agent.Clock
	written []writing // what its spool holds
}

type writing struct {
	stamp agent.Stamp
	at    time.Duration
	truth time.Time
	first time.Time
}

func (m *machine) boottime() time.Duration {
	return time.Duration(float64(m.now.Sub(m.began)) * (1 + m.pace))
}

func (m *machine) start() {
	m.boot++
	m.began = m.now.Add(-20 * time.Second) // the agent starts a while after the kernel
	m.clock = agent.NewClock(fmt.Sprint("boot-", m.boot), m.boottime, func() time.Time { return m.wall(m.boottime()) })
	h := agent.LoadHistory(m.file)
	for _, w := range m.written {
		h.See(w.stamp)
	}
	m.clock.Remember(h)
	m.clock.KeepHistory()
}

// run passes time in rounds of ten seconds, with or without a line.
func (m *machine) run(d time.Duration, line bool) {
	for end := m.now.Add(d); m.now.Before(end); m.now = m.now.Add(10 * time.Second) {
		if line {
			m.meet(40*time.Millisecond, 0.5)
		}
		m.written = append(m.written, writing{stamp: m.clock.Stamp(), at: m.boottime(), truth: m.now})
	}
	m.clock.KeepHistory() // the agent does so every two seconds
}

// meet has one answer of the centre; share of the round trip is the way there.
func (m *machine) meet(rtt time.Duration, share float64) {
	sent := m.boottime()
	server := m.now.Add(time.Duration(share * float64(rtt)))
	m.clock.Anchor(server, sent, sent+rtt)
}

// dated checks what would be sent now, and that a repeat says the same.
func (m *machine) dated(check func(w writing, off, doubt time.Duration)) {
	m.clock.KeepHistory()
	for i := range m.written {
		w := &m.written[i]
		got := m.clock.Date(w.stamp, w.at)
		if !w.first.IsZero() && !got.Equal(w.first) {
			m.t.Fatalf("boot %s at %s: sent as %s, again as %s", w.stamp.Boot, w.at, w.first, got)
		}
		w.first = got
		check(*w, got.Sub(w.truth), m.clock.Doubt(w.stamp))
	}
}

func newMachine(t *testing.T, wall func(time.Duration) time.Time) *machine {
	return &machine{t: t, file: filepath.Join(t.TempDir(), "boots.json"), now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), wall: wall}
}

func since(year int) func(time.Duration) time.Time {
	return func(up time.Duration) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Add(up) }
}

// Boots that never met the centre lie between the one before and the one
// after, in their order, and the truth lies within the doubt that is told.
func TestBootsThatMetNoCentreArePlacedBetweenTheirNeighbours(t *testing.T) {
	for _, year := range []int{1970, 2000} {
		m := newMachine(t, since(year))
		m.start()
		m.run(10*time.Minute, true)
		for range 3 {
			m.now = m.now.Add(17 * time.Minute) // without power
			m.start()
			m.run(20*time.Minute, false)
		}
		m.now = m.now.Add(5 * time.Minute)
		m.start()
		m.run(time.Minute, true)
		last := time.Time{}
		m.dated(func(w writing, off, doubt time.Duration) {
			if off.Abs() > doubt+time.Second {
				t.Fatalf("year %d: boot %s is off by %s, told %s", year, w.stamp.Boot, off, doubt)
			}
			if w.first.Before(last) || w.first.After(m.now) {
				t.Fatalf("year %d: boot %s at %s is dated %s after %s", year, w.stamp.Boot, w.at, w.first, last)
			}
			last = w.first
			if lost := w.stamp.Boot > "boot-1" && w.stamp.Boot < "boot-5"; lost != (doubt > 0) {
				t.Fatalf("boot %s: doubt %s", w.stamp.Boot, doubt)
			}
			if doubt > 30*time.Minute {
				t.Fatalf("doubt %s, want half of the 56 minutes without power", doubt)
			}
		})
		m.now = m.now.Add(time.Hour)
		m.start() // an agent that starts anew says the same
		m.run(time.Minute, true)
		m.dated(func(writing, time.Duration, time.Duration) {})
	}
}

// A box with a clock that ran through is believed, within the same bounds.
func TestAWallClockThatRanThroughIsTheBetterGuess(t *testing.T) {
	m := newMachine(t, nil)
	m.wall = func(time.Duration) time.Time { return m.now.Add(3 * time.Second) }
	m.start()
	m.run(10*time.Minute, true)
	m.now = m.now.Add(6 * time.Hour)
	m.start()
	m.run(20*time.Minute, false)
	m.now = m.now.Add(time.Hour)
	m.start()
	m.run(time.Minute, true)
	m.dated(func(w writing, off, doubt time.Duration) {
		if w.stamp.Boot == "boot-2" && (off.Abs() > 5*time.Second || doubt < time.Hour) {
			t.Fatalf("off by %s, doubt %s", off, doubt)
		}
	})
}

// The wall clock may step by a day at any time, to and fro.
func TestAWallClockThatStepsMovesNothing(t *testing.T) {
	m := newMachine(t, nil)
	m.wall = func(time.Duration) time.Time {
		return m.now.Add([]time.Duration{-24, 0, 24}[m.now.Minute()%3] * time.Hour)
	}
	m.start()
	m.run(10*time.Minute, false)
	m.run(time.Minute, true)
	m.run(2*time.Hour, false)
	m.run(time.Minute, true)
	m.dated(func(w writing, off, doubt time.Duration) {
		if off.Abs() > 100*time.Millisecond || doubt != 0 {
			t.Fatalf("off by %s, doubt %s", off, doubt)
		}
	})
}

// A round that was measured before its boot met the centre, and is sent in
// another boot, is dated by what its own boot learned.
func TestWhatABootLearnedLaterDatesItsBeginningToo(t *testing.T) {
	m := newMachine(t, since(1970))
	m.start()
	m.run(30*time.Minute, false)
	m.run(time.Minute, true)
	early := m.written[:180]
	m.written = slices.Clone(early) // the rest was sent and is gone
	m.now = m.now.Add(time.Hour)
	m.start()
	m.run(time.Minute, true)
	m.dated(func(w writing, off, doubt time.Duration) {
		if off.Abs() > 100*time.Millisecond || doubt != 0 {
			t.Fatalf("off by %s, doubt %s", off, doubt)
		}
	})
}

// Crystals that are off by 100 ppm, lines that are away for hours, answers
// that take longer one way than the other: half a second between two answers,
// two seconds beyond the last.
func TestDatesStayRightWhileTheLineIsAway(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var between, beyond []time.Duration
	for range 30 {
		m := newMachine(t, since(1970))
		m.pace = (rng.Float64()*2 - 1) * 100e-6
		for range 5 {
			m.start()
			for range 1 + rng.IntN(4) {
				for range 60 {
					m.meet(time.Duration(50+rng.IntN(750))*time.Millisecond, 0.25+rng.Float64()/2)
					m.now = m.now.Add(5 * time.Second)
				}
				m.run(time.Duration(10+rng.IntN(350))*time.Minute, false)
			}
			m.now = m.now.Add(time.Duration(rng.IntN(60)) * time.Minute)
		}
		m.start()
		m.run(time.Minute, true)
		m.dated(func(w writing, off, _ time.Duration) {
			if w.first.After(m.now) {
				t.Fatalf("dated %s in the future", w.first.Sub(m.now))
			}
			if m.clock.Bounded(w.stamp) {
				between = append(between, off.Abs())
			} else {
				beyond = append(beyond, off.Abs())
			}
		})
	}
	p99 := func(ds []time.Duration) time.Duration { slices.Sort(ds); return ds[len(ds)*99/100] }
	t.Logf("p99 between answers %s of %d, beyond the last %s of %d", p99(between), len(between), p99(beyond), len(beyond))
	if p := p99(between); p > 500*time.Millisecond {
		t.Errorf("between answers %s", p)
	}
	if p := p99(beyond); p > 2*time.Second {
		t.Errorf("beyond the last answer %s", p)
	}
}

func TestADamagedHistoryIsBegunAnew(t *testing.T) {
	m := newMachine(t, since(1970))
	if err := os.WriteFile(m.file, []byte(`[null,{"id":""},{"id":"x"`), 0o600); err != nil {
		t.Fatal(err)
	}
	m.start()
	m.run(time.Minute, true)
	m.now = m.now.Add(time.Hour)
	m.start()
	m.run(time.Minute, true)
	m.dated(func(_ writing, off, _ time.Duration) {
		if off.Abs() > 100*time.Millisecond {
			t.Fatalf("off by %s", off)
		}
	})
}
