package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot/wire"
)

const (
	beatEvery  = 5 * time.Second
	beatTries  = 4
	minTimeout = time.Second // before a beat is tried again; twice the round trip where that is longer

	// A way that failed this many beats in a row is left for the other one.
	beatsToSwitch = 3
)

var errUnanswered = errors.New("beat unanswered")

// beater is the agent's sign of life: one small authenticated datagram every
// five seconds, answered by the centre, tried again within the beat, so that
// silence means silence and not one lost packet. Each answer is an anchor for
// the clock.
type beater struct {
	url   string // of the centre, for beats over HTTP
	addr  string // host:port for datagrams; "" sends none
	http  *http.Client
	id    [8]byte
	key   [32]byte
	start uint32
	clock *Clock
	power *powerState
	log   *slog.Logger

	newestSeq func() uint64
	back      chan struct{} // told when the centre is heard again
	dial      func(ctx context.Context, network, addr string) (net.Conn, error)

	seq     uint32
	epoch   uint32
	conn    net.Conn
	viaHTTP bool
	missed  int // beats in a row
	rtt     time.Duration

	beats   *prometheus.CounterVec
	lastRTT atomic.Int64
	heard   atomic.Int64 // boottime of the last answer, ns; 0 is never
}

func (b *beater) register(reg prometheus.Registerer) {
	b.beats = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "thongsuot_agent_beats_total", Help: "Signs of life sent to the centre, by way (datagram, http) and outcome (answered, unanswered).",
	}, []string{"way", "outcome"})
	reg.MustRegister(b.beats, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "thongsuot_agent_beat_rtt_seconds", Help: "Round trip of the last answered beat.",
	}, func() float64 { return time.Duration(b.lastRTT.Load()).Seconds() }))
}

// run beats until ctx ends, then says goodbye with flags.
func (b *beater) run(ctx context.Context, phase time.Duration, goodbye func() uint8) {
	defer b.hangUp()
	next := time.NewTimer(phase)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			b.farewell(goodbye())
			return
		case <-b.power.changed:
			b.beat(ctx, 0) // news of power does not wait for the next beat
		case <-next.C:
			next.Reset(beatEvery)
			b.beat(ctx, 0)
		}
	}
}

func (b *beater) farewell(flags uint8) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	b.beat(ctx, flags)
}

// beat sends one beat over the way in use, and over the other when that fails.
func (b *beater) beat(ctx context.Context, flags uint8) {
	b.seq++
	way := "datagram"
	tries := beatTries
	if b.viaHTTP {
		tries = 1 // a line that heals is noticed by the datagram first: no connection has to recover
	}
	err := errUnanswered
	if b.addr != "" {
		err = b.overDatagram(ctx, tries, flags)
		if err == nil && b.viaHTTP {
			b.viaHTTP = false
			b.log.Info("beats cross as datagrams again")
		}
	}
	if err != nil && (b.viaHTTP || b.addr == "") {
		way = "http"
		err = b.overHTTP(ctx, flags)
	}
	if err == nil {
		if b.missed > 0 {
			select {
			case b.back <- struct{}{}:
			default:
			}
		}
		b.missed = 0
		b.beats.WithLabelValues(way, "answered").Inc()
		return
	}
	b.missed++
	b.beats.WithLabelValues(way, "unanswered").Inc()
	if b.missed == beatsToSwitch && !b.viaHTTP {
		b.viaHTTP = true
		b.log.Warn("beats as datagrams stay unanswered; trying HTTP as well", "beat_address", b.addr, "err", err)
	}
}

func (b *beater) message(try uint8, flags uint8) wire.Beat {
	power, runtime := b.power.flags()
	return wire.Beat{
		ID: b.id, Start: b.start, Seq: b.seq, Try: try, Flags: power | flags, Runtime: runtime,
		Boottime: b.clock.boottime(), NewestSeq: b.newestSeq(), Epoch: b.epoch,
	}
}

func (b *beater) overDatagram(ctx context.Context, tries int, flags uint8) error {
	deadline := time.Now().Add(beatEvery - 200*time.Millisecond)
	wait := max(minTimeout, 2*b.rtt)
	last := errors.New("the centre does not take its epoch back")
	for try := uint8(1); int(try) <= tries && time.Now().Add(wait/2).Before(deadline) && ctx.Err() == nil; try++ {
		heard, err := b.exchange(ctx, b.message(try, flags), wait)
		switch {
		case err == nil && heard:
			return nil
		case err == nil:
			continue // the centre has restarted; say it again with its new epoch, at once
		case !errors.Is(err, errUnanswered):
			b.hangUp() // another network, another address: dial anew
		}
		last = err
	}
	return fmt.Errorf("%w after %d tries: %w", errUnanswered, tries, last)
}

// exchange sends one datagram and waits for its answer. Answers to earlier
// tries that come late count as well: the site was heard.
func (b *beater) exchange(ctx context.Context, m wire.Beat, wait time.Duration) (heard bool, err error) {
	if b.conn == nil {
		if b.conn, err = b.dial(ctx, "udp", b.addr); err != nil {
			b.conn = nil
			sleep(ctx, wait)
			return false, fmt.Errorf("reach the centre at %s: %w", b.addr, err)
		}
	}
	sent := b.clock.boottime()
	until := time.Now().Add(wait)
	if err := b.conn.SetDeadline(until); err != nil {
		return false, err
	}
	if _, err := b.conn.Write(m.Marshal(b.key)); err != nil {
		sleep(ctx, time.Until(until))
		return false, fmt.Errorf("send beat: %w", err)
	}
	buf := make([]byte, wire.BeatSize+1)
	for {
		n, err := b.conn.Read(buf)
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
		if r.Try == m.Try {
			b.learn(r, sent, b.clock.boottime())
		}
		b.epoch = r.Epoch
		return r.Heard, nil
	}
}

func (b *beater) learn(r wire.Reply, sent, received time.Duration) {
	b.clock.Anchor(r.Time, sent, received)
	rtt := received - sent
	if b.rtt == 0 {
		b.rtt = rtt
	}
	b.rtt += (rtt - b.rtt) / 8 // RFC 6298 section 2.3
	b.lastRTT.Store(int64(rtt))
	b.heard.Store(int64(received))
}

// overHTTP sends the same beat as the body of a POST.
func (b *beater) overHTTP(ctx context.Context, flags uint8) error {
	ctx, cancel := context.WithTimeout(ctx, beatEvery-2*minTimeout)
	defer cancel()
	for try := uint8(beatTries + 1); try <= beatTries+2; try++ { // after those of the datagrams
		m := b.message(try, flags)
		sent := b.clock.boottime()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+wire.PathBeat, bytes.NewReader(m.Marshal(b.key)))
		if err != nil {
			return fmt.Errorf("beat over HTTP: %w", err)
		}
		req.Header.Set("Content-Type", "application/octet-stream")
		resp, err := b.http.Do(req)
		if err != nil {
			b.http.CloseIdleConnections() // one that lost its peer would wait for its retransmissions
			return fmt.Errorf("beat over HTTP: %w", err)
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, wire.BeatSize+1))
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("beat over HTTP: status %d", resp.StatusCode)
		}
		r, err := wire.UnmarshalReply(body, b.key)
		if err != nil || !r.Answers(m) {
			return fmt.Errorf("beat over HTTP: the answer is not the centre's")
		}
		b.epoch = r.Epoch
		b.learn(r, sent, b.clock.boottime())
		if r.Heard {
			return nil
		}
	}
	return errUnanswered
}

func (b *beater) hangUp() {
	if b.conn != nil {
		_ = b.conn.Close()
		b.conn = nil
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
