package agent_test

import (
	"testing"
	"time"

	"thongsuot/agent"
)

// box is a machine whose clocks the test turns.
type box struct {
	up   time.Duration
	wall time.Time
}

func (b *box) clock(boot string) *agent.Clock {
	return agent.NewClock(boot, func() time.Duration { return b.up }, func() time.Time { return b.wall })
}

func (b *box) pass(d time.Duration) { b.up += d; b.wall = b.wall.Add(d) }

func TestWithoutAnchorTheWallClockIsAllThereIs(t *testing.T) {
	b := &box{up: time.Hour, wall: wall}
	c := b.clock("a")
	s := c.Stamp()
	if got := c.Date(s, b.up-3*time.Second); !got.Equal(wall.Add(-3 * time.Second)) {
		t.Errorf("got %s", got)
	}
	if _, ok := c.Offset(); ok || c.Anchored() {
		t.Error("an anchor out of nothing")
	}
}

// A box that wakes in 1970 is dated right once the centre has answered, and
// the same way in each resend.
func TestAnchorRepairsTheDatesOfItsBoot(t *testing.T) {
	b := &box{up: 10 * time.Second, wall: time.Unix(0, 0)}
	c := b.clock("a")
	early := c.Stamp()
	at := b.up
	b.pass(time.Minute)
	server := wall
	c.Anchor(server, b.up-40*time.Millisecond, b.up)
	want := server.Add(-time.Minute + 20*time.Millisecond)
	if got := c.Date(early, at); !got.Equal(want) {
		t.Errorf("got %s, want %s", got, want)
	}
	b.pass(time.Hour)
	c.Anchor(server.Add(time.Hour+time.Second), b.up, b.up) // a better anchor must not move what was sent
	if got := c.Date(early, at); !got.Equal(want) {
		t.Errorf("a resend is dated %s, first %s", got, want)
	}
	if offset, ok := c.Offset(); !ok || offset > -50*365*24*time.Hour {
		t.Errorf("offset %s", offset)
	}
}

func TestStampKeepsItsAnchorOverARestart(t *testing.T) {
	b := &box{up: time.Hour, wall: wall.Add(90 * time.Second)}
	c := b.clock("a")
	c.Anchor(wall, b.up, b.up)
	s := c.Stamp()
	again := (&box{up: time.Minute, wall: wall}).clock("b")
	again.Anchor(wall.Add(24*time.Hour), time.Minute, time.Minute)
	if got := again.Date(s, b.up); !got.Equal(wall) {
		t.Errorf("got %s", got)
	}
}

// A boot that never met the centre has only its own wall clock, never the
// anchor of another boot.
func TestAnotherBootIsNotDatedByThisOne(t *testing.T) {
	lost := (&box{up: time.Hour, wall: wall}).clock("a").Stamp()
	c := (&box{up: time.Minute, wall: wall.Add(48 * time.Hour)}).clock("b")
	c.Anchor(wall.Add(48*time.Hour), time.Minute, time.Minute)
	if got := c.Date(lost, time.Hour); !got.Equal(wall) {
		t.Errorf("got %s", got)
	}
}

func TestShortRoundTripWins(t *testing.T) {
	b := &box{up: time.Hour, wall: wall}
	c := b.clock("a")
	c.Anchor(wall, b.up-10*time.Millisecond, b.up)
	c.Anchor(wall.Add(time.Second), b.up-2*time.Second, b.up) // half of a slow round trip is a guess
	if offset, _ := c.Offset(); offset.Abs() > 10*time.Millisecond {
		t.Errorf("offset %s", offset)
	}
	b.pass(11 * time.Minute)
	c.Anchor(b.wall.Add(500*time.Millisecond), b.up-2*time.Second, b.up) // but an old one drifts
	if offset, _ := c.Offset(); offset > -300*time.Millisecond {
		t.Errorf("offset %s", offset)
	}
}

func TestSteppedWallClockMovesNothing(t *testing.T) {
	b := &box{up: time.Hour, wall: wall}
	c := b.clock("a")
	c.Anchor(wall, b.up, b.up)
	b.wall = wall.Add(24 * time.Hour)
	b.pass(10 * time.Second)
	s := c.Stamp()
	if got := c.Date(s, b.up); !got.Equal(wall.Add(10 * time.Second)) {
		t.Errorf("got %s", got)
	}
}
