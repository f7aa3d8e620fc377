package central

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/incident"
	"thongsuot/wire"
)

// guard refuses beats that were heard before. Start, seq and try of a site
// only rise; the last answer is kept, so that a datagram that came twice is
// answered twice and heard once.
type guard struct {
	mu   sync.Mutex
	last map[string]heardBeat // by site
}

type heardBeat struct {
	start, seq uint32
	try        uint8
	reply      []byte
	told       bool // start is what a write told after the counter was lost: no other is believed
}

func newGuard() *guard { return &guard{last: map[string]heardBeat{}} }

// errReplayed marks a beat older than one that was heard.
var errReplayed = errors.New("replayed beat")

// admit decides about a beat: a stored answer for a duplicate, errReplayed for
// an older one, nothing for a new one.
func (g *guard) admit(site string, b wire.Beat) (answer []byte, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, known := g.last[site]
	switch {
	case l.told && b.Start != l.start:
		return nil, errReplayed
	case !known, b.Start > l.start, b.Start == l.start && b.Seq > l.seq, b.Start == l.start && b.Seq == l.seq && b.Try > l.try:
		return nil, nil
	case b.Start == l.start && b.Seq == l.seq && b.Try == l.try:
		return l.reply, nil
	default:
		return nil, errReplayed
	}
}

func (g *guard) remember(site string, b wire.Beat, reply []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last[site] = heardBeat{b.Start, b.Seq, b.Try, reply, g.last[site].told}
}

// started takes the word of an authenticated write for which start of the
// agent is the present one: a box whose counter was lost is believed again.
// From then on only what writes tell is believed, since recordings of its
// higher starts may be about.
func (g *guard) started(site string, start uint32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l, known := g.last[site]; known && start < l.start || l.told && start != l.start {
		g.last[site] = heardBeat{start: start, told: true}
	}
}

// way is how a beat came; it labels a metric.
type way string

const (
	overUDP  way = "datagram"
	overHTTP way = "http"
)

// beats answers signs of life, over UDP and over HTTP.
type beats struct {
	tokens *tokens
	loop   *loop
	guard  *guard
	epoch  uint32
	store  appender
	now    func() time.Time
	log    *slog.Logger
	count  *prometheus.CounterVec

	mu    sync.Mutex
	heard map[string]lastHeard // by site
}

// lastHeard is when a site was heard last, and when it was to be heard next.
type lastHeard struct {
	at    time.Time
	every time.Duration
}

func newBeats(t *tokens, lp *loop, g *guard, epoch uint32, store appender, log *slog.Logger, reg prometheus.Registerer) *beats {
	b := &beats{
		tokens: t, loop: lp, guard: g, epoch: epoch, store: store, now: time.Now, log: log, heard: map[string]lastHeard{},
		count: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_beats_total", Help: "Beats that arrived, by way (datagram, http) and outcome: heard, repeated, old_epoch, replayed, forged, unknown, malformed, failed.",
		}, []string{"way", "outcome"}),
	}
	reg.MustRegister(b.count)
	for _, outcome := range []string{"heard", "repeated", "old_epoch", "replayed", "forged", "unknown", "malformed", "failed"} {
		b.count.WithLabelValues(string(overUDP), outcome)
		b.count.WithLabelValues(string(overHTTP), outcome)
	}
	return b
}

// take answers one datagram; nil is no answer. Whoever cannot prove to be a
// site gets none, so that the port tells a scanner nothing.
func (b *beats) take(ctx context.Context, w way, datagram []byte) []byte {
	outcome, reply := b.judge(ctx, w, datagram)
	b.count.WithLabelValues(string(w), outcome).Inc()
	return reply
}

func (b *beats) judge(ctx context.Context, w way, datagram []byte) (outcome string, reply []byte) {
	id, err := wire.BeatID(datagram)
	if err != nil {
		return "malformed", nil
	}
	token, ok, err := b.tokens.id(ctx, id)
	if err != nil {
		b.loop.deaf()
		b.log.Error("beat not heard", "err", err)
		return "failed", nil
	}
	if !ok {
		return "unknown", nil
	}
	beat, err := wire.UnmarshalBeat(datagram, token.BeatKey)
	if err != nil {
		return "forged", nil
	}
	now := b.now()
	answer := wire.Reply{ID: beat.ID, Start: beat.Start, Seq: beat.Seq, Try: beat.Try, Time: now, Epoch: b.epoch}
	if beat.Epoch != b.epoch {
		// It may be a recording from before this centre started: answered, not believed.
		return "old_epoch", answer.Marshal(token.BeatKey)
	}
	kept, err := b.guard.admit(token.Site, beat)
	if err != nil {
		return "replayed", nil
	}
	if kept != nil {
		return "repeated", kept
	}
	if err := b.loop.observe(ctx, observation(token.Site, now, w, beat)); err != nil {
		b.log.Error("beat heard, its change waits for the ledger", "err", err, "site", token.Site)
	}
	b.keepGap(ctx, token.Site, now, beat)
	answer.Heard = true
	reply = answer.Marshal(token.BeatKey)
	b.guard.remember(token.Site, beat, reply)
	return "heard", reply
}

// keepGap stores how long a site was not heard, when beats of it are missing:
// the history from which other rules can be tried.
func (b *beats) keepGap(ctx context.Context, site string, now time.Time, beat wire.Beat) {
	every := beat.Every
	if every <= 0 {
		every = b.loop.pace
	}
	b.mu.Lock()
	last, known := b.heard[site]
	b.heard[site] = lastHeard{now, every}
	b.mu.Unlock()
	gap := now.Sub(last.at)
	if !known || gap < last.every*2-last.every/2 {
		return
	}
	sample := thongsuot.Sample{Metric: metricBeatGap, Labels: []thongsuot.Label{{Name: thongsuot.LabelSite, Value: site}}, At: now, Value: gap.Seconds()}
	if _, err := b.store.Append(ctx, []thongsuot.Sample{sample}); err != nil {
		b.log.Warn("a gap of beats is not stored; a backtest will not know of it", "err", err, "site", site)
	}
}

func observation(site string, now time.Time, w way, b wire.Beat) incident.Observation {
	has := func(flag uint8) bool { return b.Flags&flag != 0 }
	return incident.Observation{
		Site: site, At: now, Start: b.Start,
		Beat: &incident.Beat{
			OnBattery: has(wire.FlagOnBattery), LowBattery: has(wire.FlagLowBattery), MainsPresent: has(wire.FlagMainsPresent), Canary: has(wire.FlagCanary),
			ShuttingDown: has(wire.FlagShuttingDown), Stopping: has(wire.FlagStopping), Runtime: b.Runtime,
			Every: b.Every, OverHTTP: w == overHTTP,
		},
	}
}

// serve answers datagrams until the socket is closed.
func (b *beats) serve(ctx context.Context, conn net.PacketConn) {
	buf := make([]byte, wire.BeatSize+1) // one more, to see what is too long
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			b.log.Warn("beat not read", "err", err)
			continue
		}
		if reply := b.take(ctx, overUDP, buf[:n]); reply != nil {
			_, _ = conn.WriteTo(reply, from) // lost like any datagram: the agent tries again
		}
	}
}

// ServeHTTP answers a beat that came as the body of a POST.
func (b *beats) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.BeatSize+1))
	if err != nil {
		http.Error(w, "not a beat", http.StatusBadRequest)
		return
	}
	reply := b.take(r.Context(), overHTTP, body)
	if reply == nil {
		http.Error(w, "not a beat of a known site", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(reply) // the agent went away
}
