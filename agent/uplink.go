package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	influx "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/prometheus/client_golang/prometheus"

	"thongsuot/wire"
)

const (
	postTimeout = 20 * time.Second
	pingTimeout = 5 * time.Second
)

// uplink brings spooled rounds to the centre in two lanes, each on its own
// connection: the live lane carries what is measured now on its own schedule,
// the backlog goes behind it within a budget. A round leaves the spool some
// time after the centre has acknowledged it, see outbox.
type uplink struct {
	url     string
	http    *http.Client
	clock   *Clock
	out     *outbox
	packer  packer
	aside   quarantine
	start   uint32
	version string
	log     *slog.Logger
	crowded func() bool  // the live lane suffers
	minutes func() int64 // how many cross in one post

	live, behind *lane

	posts    *prometheus.CounterVec
	dropped  *prometheus.CounterVec
	partly   prometheus.Counter
	offered  prometheus.Counter
	lastDone atomic.Int64 // wall clock, unix ms, of the last acknowledged post
	lastErr  atomic.Pointer[string]
	reaches  atomic.Bool // the last post of the live lane was answered
}

// lane is one connection to the centre. One goroutine at a time uses it.
type lane struct {
	name  string // wire.LaneLive or wire.LaneBacklog
	write api.WriteAPIBlocking
	*headers
	client *http.Client
	hangUp func()
	sent   func() int64 // bytes that went out on its connections so far
	fails  int          // posts in a row
}

// headers adds what the agent says of a post, and keeps what the centre
// answered. It serves one request at a time.
type headers struct {
	base  http.RoundTripper
	out   wire.Header
	reply http.Header
}

// RoundTrip sends one post.
func (h *headers) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	_ = req.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("compress results: %w", err)
	}
	req = req.Clone(req.Context())
	// The client hands over a pipe. For a body of unknown length HTTP/2 takes
	// buffers of half a megabyte; a post has about one kilobyte.
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
	h.out.Set(req.Header)
	h.reply = nil
	resp, err := h.base.RoundTrip(req)
	if err == nil {
		h.reply = resp.Header
	}
	return resp, err
}

func newUplink(cfg CentreConfig, site, token, version string, live, behind *road, out *outbox, clock *Clock, start uint32, aside quarantine, log *slog.Logger, reg prometheus.Registerer) *uplink {
	u := &uplink{
		url: strings.TrimSuffix(cfg.URL, "/"), http: &http.Client{Transport: live.transport, Timeout: pingTimeout},
		clock: clock, out: out, aside: aside, start: start, version: version, log: log, crowded: func() bool { return false }, minutes: oneMinute,
		live: newLane(wire.LaneLive, cfg, token, version, live), behind: newLane(wire.LaneBacklog, cfg, token, version, behind),
	}
	u.packer = packer{clock: clock, phase: minutesOf(site), giveUp: u.giveUp}
	u.register(reg)
	return u
}

func newLane(name string, cfg CentreConfig, token, version string, road *road) *lane {
	h := &headers{base: road.transport}
	client := &http.Client{Transport: h, Timeout: postTimeout}
	options := influx.DefaultOptions().SetUseGZip(true).SetPrecision(time.Millisecond).
		SetHTTPClient(client).SetApplicationName("thongsuot-agent/" + version)
	write := influx.NewClientWithOptions(strings.TrimSuffix(cfg.URL, "/"), token, options).WriteAPIBlocking(cfg.Org, cfg.Bucket)
	return &lane{name: name, write: write, headers: h, client: &http.Client{Transport: road.transport}, hangUp: road.hangUp, sent: road.sent.Load}
}

// register makes the counters and shows each from the start.
func (u *uplink) register(reg prometheus.Registerer) {
	u.posts = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "thongsuot_agent_posts_total", Help: "Posts of results to the centre, by lane and outcome.",
	}, []string{"lane", "outcome"})
	u.dropped = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "thongsuot_agent_records_dropped_total", Help: "Spooled rounds that were given up: refused by the centre, in whole or in lines, and set aside in the quarantine file; unreadable; unsayable.",
	}, []string{"reason"})
	u.partly = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "thongsuot_agent_samples_refused_total", Help: "Samples that the centre left out of a post that it took.",
	})
	u.offered = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "thongsuot_agent_records_offered_again_total", Help: "Rounds that were acknowledged and are offered once more, because the centre restarted soon after.",
	})
	reg.MustRegister(u.posts, u.dropped, u.partly, u.offered)
	for _, reason := range []string{"refused", "unreadable", "unsayable"} {
		u.dropped.WithLabelValues(reason)
	}
	for _, l := range []*lane{u.live, u.behind} {
		for _, outcome := range []string{"acknowledged", "refused", "unauthorized", "unreachable", "later"} {
			u.posts.WithLabelValues(l.name, outcome)
		}
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "thongsuot_agent_sent_bytes_total", Help: "Bytes written to connections with the centre, by lane; beats as datagrams aside.",
			ConstLabels: prometheus.Labels{"lane": l.name},
		}, func() float64 { return float64(l.sent()) }))
	}
	gauge := func(name, help string, value func() int) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
	}
	gauge("thongsuot_agent_live_records", "Spooled rounds that wait for the live lane.", func() int { n, _, _ := u.out.counts(); return n })
	gauge("thongsuot_agent_backlog_records", "Spooled rounds that wait behind the live lane.", func() int { _, n, _ := u.out.counts(); return n })
	gauge("thongsuot_agent_held_records", "Spooled rounds that the centre has acknowledged, kept for two minutes in case it forgets them.", func() int { _, _, n := u.out.counts(); return n })
}

// ping learns the centre's time before anything is dated.
func (u *uplink) ping(ctx context.Context) error {
	sent := u.clock.boottime()
	// A line that has just come back makes a connection slowly; that is no part
	// of the way of the question.
	asked := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { sent = u.clock.boottime() }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, asked), http.MethodGet, u.url+wire.PathPing, nil)
	if err != nil {
		return fmt.Errorf("ask the centre for the time: %w", err)
	}
	resp, err := u.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the centre for the time: %w", err)
	}
	_ = resp.Body.Close()
	u.anchor(resp.Header, sent)
	return nil
}

func (u *uplink) anchor(h http.Header, sent time.Duration) {
	if t, exact, ok := wire.ParseTime(h); ok && (exact || !u.clock.Anchored()) {
		u.clock.Anchor(t, sent, u.clock.boottime())
	}
}

// deliver posts a batch. A nil error means that each round of it is at the
// centre, or was set aside because the centre will never take it.
func (u *uplink) deliver(ctx context.Context, l *lane, b batch) error {
	if len(b.units) == 0 {
		return nil
	}
	b.lane = l.name
	err := u.post(ctx, l, b)
	if err != nil {
		return u.refusal(ctx, l, b, err)
	}
	if n, err := strconv.Atoi(l.reply.Get(wire.HeaderRefused)); err == nil && n > 0 {
		u.partly.Add(float64(n))
		u.log.Warn("the centre left out samples of a post", "samples", n)
	}
	u.done(l, b)
	return nil
}

// done notes that the centre has taken a batch.
func (u *uplink) done(l *lane, b batch) {
	u.posts.WithLabelValues(l.name, "acknowledged").Inc()
	u.out.delivered(rangesOf(b.seqs()), l.reply.Get(wire.HeaderEpoch))
	u.lastDone.Store(u.clock.wall().UnixMilli())
	u.lastErr.Store(nil)
}

func (u *uplink) post(ctx context.Context, l *lane, b batch) error {
	l.out = wire.Header{
		Boot: b.boot, Running: u.clock.boot, Start: u.start, Version: u.version,
		Seq: wireRanges(rangesOf(b.seqs())), Lane: b.lane, Again: b.again,
	}
	sent := u.clock.boottime()
	err := l.write.WriteRecord(ctx, strings.Join(b.lines(), "\n"))
	if l.reply == nil {
		return err
	}
	u.anchor(l.reply, sent)
	u.hears(l.reply.Get(wire.HeaderEpoch))
	return err
}

// hears learns the centre's epoch, from the answer to a post or to a beat.
func (u *uplink) hears(epoch string) {
	if n := u.out.hears(epoch); n > 0 {
		u.offered.Add(float64(n))
		u.log.Info("the centre restarted; what it acknowledged last is offered again", "records", n)
	}
}

// refusal decides what a failed post means. Only what the centre will never
// take is set aside, record by record, so that one bad record harms no other.
// The contract is in package wire.
func (u *uplink) refusal(ctx context.Context, l *lane, b batch, err error) error {
	status := 0
	var he *influxhttp.Error
	if errors.As(err, &he) {
		status = he.StatusCode
	}
	switch status {
	case 0:
		u.posts.WithLabelValues(l.name, "unreachable").Inc()
		return err
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		u.posts.WithLabelValues(l.name, "unauthorized").Inc()
		return err
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		u.posts.WithLabelValues(l.name, "later").Inc()
		return err
	}
	if status < 400 || status >= 500 {
		u.posts.WithLabelValues(l.name, "later").Inc()
		return err
	}
	u.posts.WithLabelValues(l.name, "refused").Inc()
	if lines, ok := wire.ParseLines(l.reply); ok && status != http.StatusRequestEntityTooLarge {
		u.setAside(b, lines, err)
		u.done(l, b)
		return nil
	}
	switch {
	case len(b.units) > 1:
		half := len(b.units) / 2
		first, second := b, b
		first.units, second.units = b.units[:half], b.units[half:]
		if err := u.deliver(ctx, l, first); err != nil {
			return err
		}
		return u.deliver(ctx, l, second)
	case len(b.units[0].entries) > 1:
		raw, lost := u.packer.pack(b.units[0].entries, false)
		u.out.givenUp(rangesOf(lost)...)
		raw.again = b.again
		return u.deliver(ctx, l, raw)
	}
	u.setAside(b, []wire.SeqRange{{From: 1, To: uint64(len(b.units[0].lines))}}, err)
	u.out.givenUp(rangesOf(b.seqs())...)
	return nil
}

// setAside keeps the lines that the centre will never take, with the records
// that they came from, and counts these.
func (u *uplink) setAside(b batch, refused []wire.SeqRange, why error) {
	at := uint64(0)
	for _, unit := range b.units {
		var bad []string
		for _, line := range unit.lines {
			at++
			if slices.ContainsFunc(refused, func(r wire.SeqRange) bool { return r.From <= at && at <= r.To }) {
				bad = append(bad, line)
			}
		}
		if len(bad) == 0 {
			continue
		}
		u.dropped.WithLabelValues("refused").Add(float64(len(unit.entries)))
		u.log.Error("the centre will never take this; it is set aside", "records", unit.seqs(), "lines", len(bad), "err", why, "file", u.aside.path)
		if err := u.aside.keep(quarantined{u.clock.wall().UTC(), b.boot, unit.seqs(), why.Error(), bad}); err != nil {
			u.log.Error("what the centre refused is not kept either", "err", err)
		}
	}
}

func (u *uplink) giveUp(reason string, seq uint64, err error) {
	u.dropped.WithLabelValues(reason).Inc()
	u.log.Error("spooled round given up", "reason", reason, "seq", seq, "err", err)
}

// failed notes that a lane could not post and tells how long it is to wait.
func (u *uplink) failed(l *lane, err error, most time.Duration) time.Duration {
	l.fails++
	u.report(err, l.fails)
	l.client.CloseIdleConnections()
	return pause(err, l.fails, most)
}

// report tells of a failure the first time and then ever more rarely.
func (u *uplink) report(err error, fails int) {
	text := err.Error()
	u.lastErr.Store(&text)
	if fails&(fails-1) != 0 {
		return
	}
	hint := "results stay in the spool until the centre can be reached"
	var he *influxhttp.Error
	if errors.As(err, &he) && (he.StatusCode == http.StatusUnauthorized || he.StatusCode == http.StatusForbidden) {
		hint = "the centre does not know this token; make a new one there with: thongsuot-central token SITE"
	}
	u.log.Warn("results not sent", "err", err, "tries", fails, "hint", hint)
}

const (
	minRetry = 2 * time.Second
	// mostAsked bounds what the centre may ask for.
	mostAsked = 15 * time.Minute // a turn in a province of thousands takes that long
)

// pause is how long to wait after a failure. As long as the centre asks, and
// up to half as long again, twice that for each further failure; else twice as
// long each time up to most. It is spread, so that a province does not come
// back in one second.
func pause(err error, fails int, most time.Duration) time.Duration {
	var he *influxhttp.Error
	doublings := min(fails-1, 10)
	if errors.As(err, &he) && he.RetryAfter > 0 {
		asked := min(time.Duration(he.RetryAfter)*time.Second, mostAsked)
		return min(asked+rand.N(asked/2<<doublings), mostAsked)
	}
	limit := min(minRetry<<doublings, most)
	return limit/2 + rand.N(limit/2)
}

// asked reports whether the centre itself said when to come again.
func asked(err error) bool {
	var he *influxhttp.Error
	return errors.As(err, &he) && he.RetryAfter > 0
}

// batchOf packs what a lane takes now; rounds that cannot be said leave the queue.
func (u *uplink) batchOf(entries []entry) batch {
	b, lost := u.packer.pack(entries, true)
	u.out.givenUp(rangesOf(lost)...)
	return b
}
