package agent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"thongsuot/wire"
)

const (
	// The longest that the lanes wait between tries. The live lane is also told
	// when the centre is heard again.
	liveRetry    = 15 * time.Second
	backlogRetry = time.Minute

	// wrongClock is how far off the wall clock must be to matter to a certificate.
	wrongClock = time.Hour

	lookEvery = 2 * time.Second // for a backlog
	readMost  = 1200            // records at once: three hours of a quiet site
	readBytes = 256 << 10
	// startSpread is by how much the start of a backlog is put off at random for
	// each round in it, at most startMost: after a cut of the whole province
	// the sites do not begin in the same second. Beyond that the centre itself
	// says when it has room.
	startSpread = 10 * time.Millisecond
	startMost   = 10 * time.Second
)

// road is the connections of one lane; it counts what goes out.
type road struct {
	transport http.RoundTripper
	sent      atomic.Int64
	open      sync.Map // its *roadConn
}

type roadConn struct {
	net.Conn
	road *road
}

// Write sends b and counts it.
func (c *roadConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.road.sent.Add(int64(n))
	return n, err
}

// Close ends the connection.
func (c *roadConn) Close() error {
	c.road.open.Delete(c)
	return c.Conn.Close()
}

// hangUp ends all connections: after a cut of the line they would wait for the
// next of their ever rarer retransmissions.
func (r *road) hangUp() {
	r.open.Range(func(c, _ any) bool {
		_ = c.(*roadConn).Close() // on its way out
		return true
	})
}

// runLive posts what is new: at once what does not wait, else at the end of
// the site's minute. back is told when the centre is heard again.
func (u *uplink) runLive(ctx context.Context, back <-chan struct{}) {
	for ctx.Err() == nil {
		wait := time.NewTimer(u.untilMinute())
		select {
		case <-ctx.Done():
		case <-u.out.wake:
		case <-wait.C:
		}
		wait.Stop()
		for ctx.Err() == nil {
			heard, err := u.tryLive(ctx, back)
			u.reaches.Store(err == nil)
			if err != nil && heard {
				continue // on a new connection
			}
			if err == nil {
				u.live.fails = 0
				break
			}
			if ctx.Err() != nil {
				return
			}
			pause := u.failed(u.live, err, liveRetry)
			if asked(err) {
				sleep(ctx, pause) // it is there, it is busy
				continue
			}
			again := time.NewTimer(pause)
			select {
			case <-ctx.Done():
			case <-back:
			case <-again.C:
			}
			again.Stop()
		}
	}
}

// tryLive is sendLive that does not wait for an answer on a connection that
// died with the line: heard is true when it was hung up because the centre is
// heard again.
func (u *uplink) tryLive(ctx context.Context, back <-chan struct{}) (heard bool, err error) {
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-done:
		case <-back:
			heard = true
			u.live.hangUp()
		}
	})
	err = u.sendLive(ctx)
	close(done)
	watch.Wait()
	return heard, err
}

// untilMinute is how long the minute of this site still lasts, or the last of
// several that cross in one post.
func (u *uplink) untilMinute() time.Duration {
	now := u.clock.boottime()
	n := u.minutes()
	last := (minuteOf(now, u.packer.phase)/n + 1) * n
	return time.Duration(last)*time.Minute + u.packer.phase - now
}

func oneMinute() int64 { return 1 }

// sendLive posts all that is fresh.
func (u *uplink) sendLive(ctx context.Context) error {
	if !u.clock.Anchored() {
		if err := u.ping(ctx); err != nil {
			return err
		}
		if off, ok := u.clock.Offset(); ok && off.Abs() > wrongClock {
			u.http.CloseIdleConnections() // the next one's certificate is held against the right time
		}
	}
	for {
		b := u.batchOf(u.out.fresh())
		if len(b.units) == 0 {
			return nil
		}
		if err := u.deliver(ctx, u.live, b); err != nil {
			return err
		}
	}
}

// drain posts once what is fresh, for at most as long as ctx allows.
func (u *uplink) drain(ctx context.Context) {
	if err := u.sendLive(ctx); err != nil {
		u.log.Info("not all results were sent; they stay in the spool", "err", err)
	}
}

// runBacklog posts what is old, while the live lane is well.
func (u *uplink) runBacklog(ctx context.Context) {
	var p pacer
	for ctx.Err() == nil {
		sleep(ctx, lookEvery)
		u.out.settle()
		u.clock.keepHistory()
		if _, n, _ := u.out.counts(); n > 0 && u.reaches.Load() {
			u.clock.keepHistory() // dates what boots without a date left
			sleep(ctx, rand.N(min(time.Duration(n)*startSpread, startMost)))
			u.drainBacklog(ctx, &p)
		}
	}
}

// drainBacklog posts until nothing old is left or the live lane fails.
func (u *uplink) drainBacklog(ctx context.Context, p *pacer) {
	for ctx.Err() == nil && u.reaches.Load() {
		if u.crowded() {
			sleep(ctx, time.Second)
			continue
		}
		began, sent := time.Now(), u.behind.sent()
		spooled, more, err := u.sendBacklog(ctx, p.spooledBytes())
		took := time.Since(began)
		wrote := int(u.behind.sent() - sent)
		switch {
		case err != nil && ctx.Err() == nil:
			if isTimeout(err) {
				p.goodput /= 2 // the post was too large for what the line is now
			}
			sleep(ctx, u.failed(u.behind, err, backlogRetry))
			continue
		case !more:
			return
		}
		u.behind.fails = 0
		p.saw(wrote, spooled, took, u.clock.RTT())
		rest := p.rest(wrote, took)
		if ms, err := strconv.Atoi(u.behind.reply.Get(wire.HeaderAfter)); err == nil && ms > 0 {
			rest = max(rest, min(time.Duration(ms)*time.Millisecond, mostAsked))
		}
		sleep(ctx, rest)
	}
}

// sendBacklog posts one batch of about the given size in the spool. more is
// false when there was nothing to post.
func (u *uplink) sendBacklog(ctx context.Context, bytes int) (spooled int, more bool, err error) {
	records, again, behind, err := u.out.backlog(readMost, min(bytes, readBytes))
	if err != nil {
		return 0, false, fmt.Errorf("read spool: %w", err)
	}
	entries, lost := u.packer.read(records, behind > 0)
	u.out.givenUp(rangesOf(lost)...)
	if len(entries) == 0 {
		return 0, len(lost) > 0, nil
	}
	b := u.batchOf(entries)
	b.again = again
	in := map[uint64]bool{}
	for _, seq := range b.seqs() {
		in[seq] = true
	}
	for _, r := range records {
		if in[r.Seq] {
			spooled += len(r.Payload)
		}
	}
	return spooled, true, u.deliver(ctx, u.behind, b)
}
