package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"thongsuot/wire"
)

// beatWindow is what a beat may take, so that it is over before the next.
const beatWindow = wire.BeatEvery - 200*time.Millisecond

// line is one way out of the office, for beats. Its socket belongs to the
// beater's loop; posts may run beside each other.
type line struct {
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	http    *http.Client
	conn    net.Conn // nil until dialled
	posting atomic.Bool
}

// datagram sends a beat over the line and waits for its answer, up to tries
// times; wait 0 is what the round trip suggests.
func (b *beater) datagram(ctx context.Context, l *line, seq uint32, tries int, wait time.Duration, flags uint8) error {
	deadline := time.Now().Add(beatWindow)
	if wait == 0 {
		b.mu.Lock()
		wait = max(minTimeout, 2*b.rtt)
		b.mu.Unlock()
	}
	last := errors.New("the centre does not take its epoch back")
	for try := 1; try <= tries+1 && time.Now().Add(wait/2).Before(deadline) && ctx.Err() == nil; try++ {
		heard, err := b.exchange(ctx, l, b.message(seq, uint8(try), flags), wait)
		switch {
		case err == nil && heard:
			return nil
		case err == nil:
			continue // the centre has restarted; say it again with its new epoch, at once
		case !errors.Is(err, errUnanswered):
			l.hangUp() // another network, another address: dial anew
		}
		if last = err; try >= tries {
			break
		}
	}
	return fmt.Errorf("%w after %d tries: %w", errUnanswered, tries, last)
}

// exchange sends one datagram and waits for its answer. Answers to earlier
// tries that come late count as well: the site was heard.
func (b *beater) exchange(ctx context.Context, l *line, m wire.Beat, wait time.Duration) (heard bool, err error) {
	if l.conn == nil {
		if l.conn, err = l.dial(ctx, "udp", b.addr); err != nil {
			l.conn = nil
			sleep(ctx, wait)
			return false, fmt.Errorf("reach the centre at %s: %w", b.addr, err)
		}
	}
	sent := b.clock.boottime()
	until := time.Now().Add(wait)
	if err := l.conn.SetDeadline(until); err != nil {
		return false, err
	}
	defer cutShort(ctx, l.conn)()
	if _, err := l.conn.Write(m.Marshal(b.key)); err != nil {
		sleep(ctx, time.Until(until))
		return false, fmt.Errorf("send beat: %w", err)
	}
	buf := make([]byte, wire.BeatSize+1)
	for {
		n, err := l.conn.Read(buf)
		if err != nil {
			if !isTimeout(err) {
				sleep(ctx, time.Until(until)) // refused at once: still one try a second
			}
			return false, fmt.Errorf("%w: %w", errUnanswered, err)
		}
		r, err := wire.UnmarshalReply(buf[:n], b.key)
		if err != nil || r.ID != m.ID || r.Start != m.Start || r.Seq != m.Seq {
			continue
		}
		b.learn(r, r.Try == m.Try, sent, b.clock.boottime())
		return r.Heard, nil
	}
}

// cutShort ends what waits on conn when ctx does. The returned function takes
// that back, and leaves nothing behind that could cut the next wait short.
func cutShort(ctx context.Context, conn net.Conn) func() {
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cut)
		_ = conn.SetDeadline(time.Unix(1, 0)) // closed: nobody waits
	})
	return func() {
		if !stop() {
			<-cut
		}
	}
}

// post sends the same beat as the body of a POST. The number of its first try
// is beyond those of datagrams that went before it, and that of datagrams that
// go beside it, so that the centre refuses neither.
func (b *beater) post(ctx context.Context, l *line, seq uint32, try, flags uint8) error {
	ctx, cancel := context.WithTimeout(ctx, wire.BeatEvery-2*minTimeout)
	defer cancel()
	for last := try + 1; try <= last; try++ { // once more with the epoch that the first answer told
		r, err := b.postOnce(ctx, l, b.message(seq, try, flags))
		if err != nil {
			return fmt.Errorf("beat over HTTP: %w", err)
		}
		if r.Heard {
			return nil
		}
	}
	return errUnanswered
}

func (b *beater) postOnce(ctx context.Context, l *line, m wire.Beat) (wire.Reply, error) {
	sent := b.clock.boottime()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+wire.PathBeat, bytes.NewReader(m.Marshal(b.key)))
	if err != nil {
		return wire.Reply{}, err
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := l.http.Do(req)
	if err != nil {
		l.http.CloseIdleConnections() // one that lost its peer would wait for its retransmissions
		return wire.Reply{}, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, wire.BeatSize+1))
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		return wire.Reply{}, fmt.Errorf("status %d", resp.StatusCode)
	}
	r, err := wire.UnmarshalReply(body, b.key)
	if err != nil || !r.Answers(m) {
		return wire.Reply{}, errors.New("the answer is not the centre's")
	}
	b.learn(r, true, sent, b.clock.boottime())
	return r, nil
}

func (b *beater) hangUp() {
	for _, l := range b.lines {
		l.hangUp()
	}
}

func (l *line) hangUp() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
