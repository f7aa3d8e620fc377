package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	influx "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/agent/spool"
	"thongsuot/wire"
)

const (
	batchRecords = 60       // rounds in one post: ten minutes of a quiet site
	batchBytes   = 32 << 10 // of spooled rounds; some 100 kB as text, 10 kB compressed
	postTimeout  = 20 * time.Second
	pingTimeout  = 5 * time.Second

	minRetry = 2 * time.Second
	maxRetry = time.Minute
)

// uplink empties the spool to the centre. Each post takes the newest rounds
// that are not yet there, power and boot events before all, so that fresh
// values never wait behind a backlog for longer than one post. A round leaves
// the spool only when the centre has acknowledged it.
//
// One goroutine runs it; only status fields are read by others.
type uplink struct {
	url     string
	http    *http.Client
	client  influx.Client
	write   api.WriteAPIBlocking
	headers *headers
	spool   *spool.Spool
	clock   *Clock
	start   uint32
	version string
	log     *slog.Logger

	posts    *prometheus.CounterVec
	refused  *prometheus.CounterVec
	partly   prometheus.Counter
	lastDone atomic.Int64 // wall clock, unix ms, of the last acknowledged post
	lastErr  atomic.Pointer[string]
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
	req = req.Clone(req.Context())
	h.out.Set(req.Header)
	resp, err := h.base.RoundTrip(req)
	h.reply = nil
	if err == nil {
		h.reply = resp.Header
	}
	return resp, err
}

func newUplink(cfg CentreConfig, token string, transport http.RoundTripper, sp *spool.Spool, clock *Clock, start uint32, version string, log *slog.Logger, reg prometheus.Registerer) *uplink {
	h := &headers{base: transport}
	u := &uplink{
		url: strings.TrimSuffix(cfg.URL, "/"), headers: h, spool: sp, clock: clock, start: start, version: version, log: log,
		http: &http.Client{Transport: transport, Timeout: pingTimeout},
		posts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_agent_posts_total", Help: "Posts of results to the centre, by outcome.",
		}, []string{"outcome"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_agent_records_dropped_total", Help: "Spooled rounds that were given up, by reason.",
		}, []string{"reason"}),
	}
	options := influx.DefaultOptions().SetUseGZip(true).SetPrecision(time.Millisecond).
		SetHTTPClient(&http.Client{Transport: h, Timeout: postTimeout}).SetApplicationName("thongsuot-agent/" + version)
	u.client = influx.NewClientWithOptions(u.url, token, options)
	u.write = u.client.WriteAPIBlocking(cfg.Org, cfg.Bucket)
	u.partly = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "thongsuot_agent_samples_refused_total", Help: "Samples that the centre left out of a post that it took.",
	})
	reg.MustRegister(u.posts, u.refused, u.partly)
	for _, reason := range []string{"refused", "unreadable", "unsayable"} {
		u.refused.WithLabelValues(reason)
	}
	for _, outcome := range []string{"acknowledged", "refused", "unauthorized", "unreachable", "later"} {
		u.posts.WithLabelValues(outcome)
	}
	return u
}

// run posts until ctx ends. wake is told when there is something new; back is
// told when the centre is heard again, so that a long pause ends at once.
func (u *uplink) run(ctx context.Context, wake, back <-chan struct{}) {
	fails := 0
	for ctx.Err() == nil {
		more, err := u.step(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			fails++
			u.report(err, fails)
			u.http.CloseIdleConnections()
			select {
			case <-ctx.Done():
			case <-back:
			case <-time.After(pause(err, fails)):
			}
		case more:
			fails = 0
		default:
			fails = 0
			select {
			case <-ctx.Done():
			case <-wake:
			}
		}
	}
}

// drain posts what is left, once, for at most as long as ctx allows.
func (u *uplink) drain(ctx context.Context) {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = u.step(ctx); err != nil {
			u.log.Info("not all results were sent; they stay in the spool", "err", err)
			return
		}
	}
}

// step posts one batch. more is false when nothing was left to post.
func (u *uplink) step(ctx context.Context) (more bool, err error) {
	if !u.clock.Anchored() {
		if err := u.ping(ctx); err != nil {
			return false, err
		}
	}
	records, err := u.spool.Read(batchRecords, batchBytes, nil)
	if err != nil {
		return false, fmt.Errorf("read spool: %w", err)
	}
	if len(records) == 0 {
		return false, nil
	}
	b := u.pack(records)
	if len(b.lines) > 0 {
		if err := u.post(ctx, b); err != nil {
			return false, err
		}
	}
	if err := u.spool.Ack(b.ranges()...); err != nil {
		return false, fmt.Errorf("acknowledge in the spool: %w", err)
	}
	return true, nil
}

// ping learns the centre's time before anything is dated.
func (u *uplink) ping(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.url+wire.PathPing, nil)
	if err != nil {
		return fmt.Errorf("ask the centre for the time: %w", err)
	}
	sent := u.clock.boottime()
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

// batch is one post: rounds of one boot.
type batch struct {
	boot    string
	records []spool.Record
	lines   []string
}

func (b batch) ranges() []spool.Range {
	var out []spool.Range
	for _, r := range b.records {
		out = append(out, spool.Range{From: r.Seq, To: r.Seq})
	}
	return out
}

// pack turns records into lines. All rounds of a post are of one boot, since
// the post names it. A record that cannot be read is given up, and counted.
func (u *uplink) pack(records []spool.Record) batch {
	var b batch
	for _, rec := range records {
		r, err := unmarshalRound(rec.Payload)
		if err != nil {
			u.giveUp("unreadable", rec.Seq, err)
			b.records = append(b.records, rec)
			continue
		}
		if b.boot == "" {
			b.boot = r.stamp.Boot
		}
		if r.stamp.Boot != b.boot || len(b.records) >= wire.MaxSeqRuns {
			continue // the next post takes it
		}
		results := make([]thongsuot.Result, 0, len(r.results))
		for _, m := range r.results {
			m.At = u.clock.Date(r.stamp, m.began)
			results = append(results, m.Result)
		}
		lines, err := wire.Encode(results)
		if err != nil {
			u.giveUp("unsayable", rec.Seq, err)
		}
		b.records = append(b.records, rec)
		b.lines = append(b.lines, lines...)
	}
	return b
}

func (u *uplink) post(ctx context.Context, b batch) error {
	u.headers.out = wire.Header{Boot: b.boot, Running: u.clock.boot, Start: u.start, Version: u.version}
	for _, r := range b.ranges() {
		u.headers.out.Seq = append(u.headers.out.Seq, wire.SeqRange(r))
	}
	sent := u.clock.boottime()
	err := u.write.WriteRecord(ctx, strings.Join(b.lines, "\n"))
	u.anchor(u.headers.reply, sent)
	if err == nil {
		u.posts.WithLabelValues("acknowledged").Inc()
		if n, err := strconv.Atoi(u.headers.reply.Get(wire.HeaderRefused)); err == nil && n > 0 {
			u.partly.Add(float64(n))
			u.log.Warn("the centre left out samples of a post", "samples", n)
		}
		u.lastDone.Store(u.clock.wall().UnixMilli())
		u.lastErr.Store(nil)
		return nil
	}
	return u.classify(ctx, b, err)
}

// classify decides what a failed post means. Only a body that the centre will
// never take is given up, round by round, so that one bad round harms no other.
func (u *uplink) classify(ctx context.Context, b batch, err error) error {
	var he *influxhttp.Error
	if !errors.As(err, &he) {
		u.posts.WithLabelValues("unreachable").Inc()
		return err
	}
	switch he.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		u.posts.WithLabelValues("refused").Inc()
		if len(b.records) == 1 {
			u.giveUp("refused", b.records[0].Seq, err)
			return nil // acknowledged in the spool by the caller
		}
		return u.postOneByOne(ctx, b)
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		u.posts.WithLabelValues("unauthorized").Inc()
	case 0:
		u.posts.WithLabelValues("unreachable").Inc()
	default:
		u.posts.WithLabelValues("later").Inc()
	}
	return err
}

// postOneByOne finds the round that the centre refuses.
func (u *uplink) postOneByOne(ctx context.Context, b batch) error {
	for _, rec := range b.records {
		one := u.pack([]spool.Record{rec})
		if err := u.post(ctx, one); err != nil {
			return err
		}
		if err := u.spool.Ack(one.ranges()...); err != nil {
			return fmt.Errorf("acknowledge in the spool: %w", err)
		}
	}
	return nil
}

func (u *uplink) giveUp(reason string, seq uint64, err error) {
	u.refused.WithLabelValues(reason).Inc()
	u.log.Error("spooled round given up", "reason", reason, "seq", seq, "err", err)
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

// pause is how long to wait after a failure: as the centre asks, else twice as
// long each time, spread so that a province does not come back in one second.
func pause(err error, fails int) time.Duration {
	var he *influxhttp.Error
	if errors.As(err, &he) && he.RetryAfter > 0 {
		asked := time.Duration(he.RetryAfter) * time.Second
		return min(asked/2+rand.N(asked), maxRetry)
	}
	limit := min(minRetry<<min(fails-1, 10), maxRetry)
	return limit/2 + rand.N(limit/2)
}
