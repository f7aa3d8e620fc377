package agent

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot/wire"
)

const (
	beatTries  = 4
	minTimeout = time.Second // before a beat is tried again; twice the round trip where that is longer

	// A way that failed this many beats in a row is left for the other one.
	beatsToSwitch = 3
)

var errUnanswered = errors.New("beat unanswered")

// beater is the agent's sign of life: one small authenticated datagram every
// few seconds, answered by the centre, tried again within the beat, so that
// silence means silence and not one lost packet. Each answer is an anchor for
// the clock. A change of power, and the agent's last words, go out at once over
// every line, as datagram and over HTTP.
type beater struct {
	url     string // of the centre, for beats over HTTP
	addr    string // host:port for datagrams; "" sends none
	lines   []*line
	id      [8]byte
	key     [32]byte
	start   uint32
	metered atomic.Bool
	clock   *Clock
	power   *powerState
	log     *slog.Logger

	newestSeq func() uint64
	back      chan struct{}      // told when the centre is heard again
	changed   func()             // called when the centre is no longer heard, and when it is again
	told      func(epoch string) // called with the centre's epoch
	onDisk    <-chan struct{}    // closed when the last words are
	posts     sync.WaitGroup     // HTTP beats in flight

	mu      sync.Mutex
	seq     uint32
	heardIn uint32 // newest seq that was answered
	epoch   uint32
	viaHTTP bool
	missed  int // beats in a row
	rtt     time.Duration

	beats   *prometheus.CounterVec
	lastRTT atomic.Int64
	silent  atomic.Bool  // the last beat was not answered
	heard   atomic.Int64 // boottime of the last answer, ns; 0 is never
}

func (b *beater) register(reg prometheus.Registerer) {
	b.beats = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "thongsuot_agent_beats_total",
		Help: "Signs of life sent to the centre, by way (datagram, http) and outcome (answered, unanswered, overtaken by a newer one).",
	}, []string{"way", "outcome"})
	reg.MustRegister(b.beats,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "thongsuot_agent_beat_rtt_seconds", Help: "Round trip of the last answered beat.",
		}, func() float64 { return time.Duration(b.lastRTT.Load()).Seconds() }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "thongsuot_agent_beat_over_http", Help: "1 while beats go over HTTP, since datagrams are not answered.",
		}, func() float64 { return truth(b.overHTTP()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "thongsuot_agent_beat_every_seconds", Help: "Pace of beats now, as announced to the centre.",
		}, func() float64 { return b.every().Seconds() }))
}

// overHTTP reports whether datagrams are blocked, or not wanted.
func (b *beater) overHTTP() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.viaHTTP || b.addr == ""
}

// beat sends one beat over the way in use, and over the other when that fails.
func (b *beater) beat(ctx context.Context) {
	seq := b.nextSeq()
	b.mu.Lock()
	viaHTTP := b.viaHTTP
	b.mu.Unlock()
	first := b.lines[0]
	tries := beatTries
	if viaHTTP {
		tries = 1 // a line that heals is noticed by the datagram first: no connection has to recover
	}
	err := errUnanswered
	if b.addr != "" {
		if err = b.datagram(ctx, first, seq, tries, 0, 0); ctx.Err() != nil && err != nil {
			return // cut short: says nothing of the way
		}
		if err == nil || !viaHTTP {
			b.count("datagram", err, seq)
		}
	}
	if err != nil && (viaHTTP || b.addr == "") {
		err = b.post(ctx, first, seq, beatTries+2, 0)
		if ctx.Err() != nil && err != nil {
			return
		}
		b.count("http", err, seq)
	}
	if err != nil {
		b.miss(err)
	}
}

func (b *beater) nextSeq() uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	return b.seq
}

// count notes how one way of a beat went.
func (b *beater) count(way string, err error, seq uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	outcome := "unanswered"
	switch {
	case err == nil:
		outcome = "answered"
		b.heardIn = max(b.heardIn, seq)
		if b.missed > 0 {
			b.changed()
			select {
			case b.back <- struct{}{}:
			default:
			}
		}
		b.missed = 0
		b.silent.Store(false)
		if way == "datagram" && b.viaHTTP {
			b.viaHTTP = false
			b.log.Info("beats cross as datagrams again")
		}
	case b.heardIn > seq, b.heardIn == seq && way == "http":
		outcome = "overtaken"
	}
	b.beats.WithLabelValues(way, outcome).Inc()
}

// miss notes a beat that no way carried.
func (b *beater) miss(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.missed++
	if b.missed == 1 {
		b.silent.Store(true)
		b.changed()
	}
	if b.missed == beatsToSwitch && !b.viaHTTP {
		b.viaHTTP = true
		b.log.Warn("beats as datagrams stay unanswered; trying HTTP as well", "beat_address", b.addr, "err", err)
	}
}

func (b *beater) message(seq uint32, try uint8, flags uint8) wire.Beat {
	power, runtime := b.power.flags()
	every := b.every()
	b.mu.Lock()
	defer b.mu.Unlock()
	return wire.Beat{
		ID: b.id, Start: b.start, Seq: seq, Try: try, Flags: power | flags, Runtime: runtime, Every: every,
		Boottime: b.clock.boottime(), NewestSeq: b.newestSeq(), Epoch: b.epoch,
	}
}

// crowded reports whether beats suffer from what else is on the line: the
// round trip has doubled, by more than the backlog's own posts explain.
func (b *beater) crowded() bool {
	last, usual := time.Duration(b.lastRTT.Load()), b.clock.RTT()
	return b.silent.Load() || last > 2*usual && last-usual > burstTime+burstTime/4
}

// learn takes in the centre's answer.
func (b *beater) learn(r wire.Reply, own bool, sent, received time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epoch = r.Epoch
	b.told(strconv.FormatUint(uint64(r.Epoch), 10))
	if !own {
		return // the answer to another try: its round trip is not known
	}
	b.clock.Anchor(r.Time, sent, received)
	rtt := received - sent
	if b.rtt == 0 {
		b.rtt = rtt
	}
	b.rtt += (rtt - b.rtt) / 8 // RFC 6298 section 2.3
	b.lastRTT.Store(int64(rtt))
	b.heard.Store(int64(received))
}
