package agent

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// anchorLife is how long the anchor with the shortest round trip is preferred
// to newer ones: within it a crystal drifts by less than a tenth of a second.
const anchorLife = 10 * time.Minute

// Clock dates what the agent measures. Time passes on CLOCK_BOOTTIME, which no
// one steps and which counts suspend; what the clock on the wall says is only
// a hint. The centre's time, learned from its replies, ties the two together:
// an anchor. A Clock may be used from several goroutines.
type Clock struct {
	boot     string
	boottime func() time.Duration
	wall     func() time.Time

	mu    sync.Mutex
	best  anchor
	first anchor
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
	}
	if c.best.zero.IsZero() || a.rtt <= c.best.rtt || a.at-c.best.at > anchorLife {
		c.best = a
	}
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
	s.Zero = c.best.zero
	return s
}

// Date says when a stamp was taken, for a measurement that began when
// CLOCK_BOOTTIME was at. A stamp with an anchor is dated by it, so that a
// resend carries the same time; one of this boot without an anchor by the
// first anchor of the boot; anything else by its wall clock.
func (c *Clock) Date(s Stamp, at time.Duration) time.Time {
	zero := s.Zero
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
