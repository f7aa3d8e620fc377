package agent

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// anchorLife is how long the anchor with the shortest round trip is preferred
	// to newer ones: within it a crystal drifts by less than a tenth of a second.
	anchorLife = 10 * time.Minute
	// paceSpan is how far apart two anchors must be to tell the pace of the
	// crystal: half a second of doubt in each is then some 100 ppm, and beats
	// over a usual line are ten times better.
	paceSpan = 3 * time.Hour
	// mostPace bounds the pace; a crystal is off by 100 ppm at most.
	mostPace = 200e-6
)

// Clock dates what the agent measures. Time passes on CLOCK_BOOTTIME, which no
// one steps and which counts suspend; what the clock on the wall says is only
// a hint. The centre's time, learned from its replies, ties the two together:
// an anchor. A Clock may be used from several goroutines.
type Clock struct {
	boot     string
	boottime func() time.Duration
	wall     func() time.Time
	past     *history // nil remembers nothing

	mu    sync.Mutex
	best  anchor
	first anchor
	last  time.Duration // boottime of the newest anchor
}

// anchor says what the centre's clock showed when CLOCK_BOOTTIME was zero.
type anchor struct {
	zero time.Time
	rtt  time.Duration
	at   time.Duration // boottime at which it was learned
}

// NewClock makes the clock of one boot of the machine from its two sources.
func NewClock(boot string, boottime func() time.Duration, wall func() time.Time) *Clock {
	return &Clock{boot: boot, boottime: boottime, wall: wall}
}

// Boottime reads CLOCK_BOOTTIME.
func Boottime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(fmt.Sprintf("BUG: read CLOCK_BOOTTIME: %v", err)) // present since Linux 2.6.39
	}
	return time.Duration(ts.Nano())
}

// Anchor learns that the centre's clock showed server at some moment between
// sent and received, on CLOCK_BOOTTIME.
func (c *Clock) Anchor(server time.Time, sent, received time.Duration) {
	mid := sent + (received-sent)/2
	a := anchor{zero: server.Add(-mid), rtt: received - sent, at: received}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first.zero.IsZero() {
		c.first = a
	} else if c.past != nil && received-c.last > anchorLife {
		c.past.drifted(c.boot, drift{From: c.last, To: received, Off: a.zero.Sub(c.zeroAt(received))})
	}
	c.last = max(c.last, received)
	if c.best.zero.IsZero() || a.rtt <= c.best.rtt || a.at-c.best.at > anchorLife {
		c.best = a
	}
}

// zeroAt is what the centre's clock showed at CLOCK_BOOTTIME zero, as far as
// the anchors so far tell at a moment: the best of them, and the pace at which
// this machine's crystal was seen to go wrong.
func (c *Clock) zeroAt(at time.Duration) time.Time {
	span := c.best.at - c.first.at
	if span < paceSpan {
		return c.best.zero
	}
	pace := float64(c.best.zero.Sub(c.first.zero)) / float64(span)
	pace = min(max(pace, -mostPace), mostPace)
	return c.best.zero.Add(time.Duration(pace * float64(at-c.best.at)))
}

// remember has the clock date rounds of other boots by what is known of them,
// and learn for later what it finds out of this one.
func (c *Clock) remember(h *history) {
	h.begin(c.boot)
	c.past = h
}

// keepHistory places boots once this one has met the centre, and writes down
// what is new. It may wait for the disk.
func (c *Clock) keepHistory() {
	if c.past == nil {
		return
	}
	c.mu.Lock()
	first := c.first.zero
	c.mu.Unlock()
	if !first.IsZero() {
		c.past.anchored(c.boot, first)
	}
	c.past.keep()
}

// Anchored reports whether the centre's time is known in this boot.
func (c *Clock) Anchored() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.best.zero.IsZero()
}

// Stamp is the time of a measurement as it is spooled: enough to date it
// later, the same way each time.
type Stamp struct {
	Boot     string
	Boottime time.Duration
	Wall     time.Time
	Zero     time.Time // the anchor held then; zero when there was none
}

// Stamp takes the time now.
func (c *Clock) Stamp() Stamp {
	s := Stamp{Boot: c.boot, Boottime: c.boottime(), Wall: c.wall().UTC()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.best.zero.IsZero() {
		s.Zero = c.zeroAt(s.Boottime)
	}
	return s
}

// Date says when a stamp was taken, for a measurement that began when
// CLOCK_BOOTTIME was at. A stamp with an anchor is dated by it, so that a
// resend carries the same time; one of this boot without an anchor by the
// first anchor of the boot; one of another boot by that boot's, or by where it
// has its place among the others; anything else by its wall clock.
func (c *Clock) Date(s Stamp, at time.Duration) time.Time {
	zero := s.Zero
	if !zero.IsZero() && c.past != nil {
		zero = zero.Add(c.past.correction(s.Boot, s.Boottime))
	}
	if zero.IsZero() && c.past != nil {
		zero, _, _ = c.past.began(s.Boot)
	}
	if zero.IsZero() && s.Boot == c.boot {
		c.mu.Lock()
		zero = c.first.zero
		c.mu.Unlock()
	}
	if zero.IsZero() {
		return s.Wall.Add(at - s.Boottime).Truncate(time.Millisecond)
	}
	return zero.Add(at).UTC().Truncate(time.Millisecond)
}

// Doubt is by how much the date of a stamp may be off because its boot never
// met the centre; 0 for all others.
func (c *Clock) Doubt(s Stamp) time.Duration {
	if !s.Zero.IsZero() || s.Boot == c.boot || c.past == nil {
		return 0
	}
	_, doubt, ok := c.past.began(s.Boot)
	if !ok {
		return spoolSpan
	}
	return doubt
}

// RTT is the shortest round trip to the centre of the last minutes, 0 when none
// is known.
func (c *Clock) RTT() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.best.rtt
}

// Offset is the wall clock minus the centre's; ok is false without an anchor.
func (c *Clock) Offset() (offset time.Duration, ok bool) {
	c.mu.Lock()
	zero := c.best.zero
	c.mu.Unlock()
	if zero.IsZero() {
		return 0, false
	}
	return c.wall().Sub(zero.Add(c.boottime())), true
}
