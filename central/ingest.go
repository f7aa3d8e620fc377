package central

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/identity"
	"thongsuot/ledger"
	"thongsuot/wire"
)

// Waits that a client is told, and how long it may take to take the answer.
const (
	retryLater = 10 * time.Second
	answerTime = 10 * time.Second
)

// appender stores samples durably; store.Store is one.
type appender interface {
	Append(ctx context.Context, samples []thongsuot.Sample) (refused int, err error)
	Takes(at time.Time) error
}

// ingest takes in writes. The order makes an acknowledgement mean something:
// samples stored, changes of incidents on record, the sequence marked, then
// 204. Whatever fails before that is offered again by the agent and does no
// harm twice.
type ingest struct {
	tokens     *tokens
	store      appender
	ledger     *ledger.Ledger
	loop       *loop
	log        *slog.Logger
	now        func() time.Time
	epoch      uint32
	guard      *guard
	series     *seriesLimit
	admission  *admission
	intake     *intake
	quarantine *quarantine

	writes  *prometheus.CounterVec
	samples prometheus.Counter
	lost    *prometheus.CounterVec
}

func newIngest(cfg Config, t *tokens, store appender, lp *loop, g *guard, epoch uint32, log *slog.Logger, reg prometheus.Registerer) *ingest {
	in := &ingest{
		tokens: t, store: store, ledger: lp.ledger, loop: lp, log: log, now: time.Now, epoch: epoch, guard: g,
		series: newSeriesLimit(cfg.Ingest.MaxSeries, time.Now), admission: newAdmission(cfg.Ingest, time.Now),
		intake:     &intake{patience: cfg.Ingest.Patience},
		quarantine: &quarantine{dir: filepath.Join(cfg.DataDir, "quarantine"), now: time.Now},
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_ingest_writes_total", Help: "Writes, by lane and outcome.",
		}, []string{"lane", "outcome"}),
		samples: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "thongsuot_ingest_samples_total", Help: "Samples that were stored.",
		}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_ingest_refused_total", Help: "What came and was not stored: lines that are malformed, out of the time that is kept or of more series than a site may have, all kept in the folder quarantine; text fields; samples that the store refused, and those of too many series.",
		}, []string{"what"}),
	}
	holding := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "thongsuot_ingest_bodies_bytes", Help: "Bytes of bodies that are being received.",
	}, func() float64 { return float64(in.intake.held.Load()) })
	reg.MustRegister(in.writes, in.samples, in.lost, holding)
	for _, what := range []string{"line", "text", "sample", "series"} {
		in.lost.WithLabelValues(what)
	}
	for _, lane := range []string{wire.LaneLive, wire.LaneBacklog} {
		for _, outcome := range []string{"stored", "repeated", "partial", "refused", "unauthorized", "bad_header", "bad_precision", "bad_body", "too_large", "slow", "rate", "backlog", "busy", "unavailable"} {
			in.writes.WithLabelValues(lane, outcome)
		}
	}
	return in
}

// failure is an answer other than 204, in InfluxDB's words.
type failure struct {
	status  int
	code    string // InfluxDB's error code
	message string
	outcome string        // label of the counter
	line    int           // of the body, the first at fault; 0 for none
	after   time.Duration // when to come again; 0 says nothing
}

func (f *failure) Error() string { return f.message }

func refuse(status int, code, outcome, format string, args ...any) *failure {
	return &failure{status: status, code: code, outcome: outcome, message: fmt.Sprintf(format, args...)}
}

// ServeHTTP answers POST /api/v2/write.
func (in *ingest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wire.SetTime(w.Header(), in.now())
	w.Header().Set(wire.HeaderEpoch, strconv.FormatUint(uint64(in.epoch), 10))
	lane := wire.LaneLive
	if r.Header.Get(wire.HeaderLane) == wire.LaneBacklog {
		lane = wire.LaneBacklog
	}
	outcome, err := in.write(w, r, lane)
	// Who does not take the answer does not hold a connection for it.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime))
	if err == nil {
		in.writes.WithLabelValues(lane, outcome).Inc()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var f *failure
	if !errors.As(err, &f) {
		in.log.Error("write not stored; the agent keeps it", "err", err)
		f = refuse(http.StatusServiceUnavailable, "unavailable", "unavailable", "the centre cannot store now; try again later")
		f.after = retryLater
	}
	in.writes.WithLabelValues(lane, f.outcome).Inc()
	answer(w, f)
}

func answer(w http.ResponseWriter, f *failure) {
	if f.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.after.Seconds()))))
	}
	if f.status == http.StatusRequestTimeout {
		w.Header().Set("Connection", "close") // the rest of the body may still come
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(f.status)
	said := struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Line    int    `json:"line,omitempty"`
	}{f.code, f.message, f.line}
	_ = json.NewEncoder(w).Encode(said) // the client went away
}

// write checks in the order of what a check costs.
func (in *ingest) write(w http.ResponseWriter, r *http.Request, lane string) (outcome string, err error) {
	site, err := in.site(r)
	if err != nil {
		return "", err
	}
	header, ours, err := wire.ParseHeader(r.Header)
	if err != nil {
		return "", refuse(http.StatusBadRequest, "invalid", "bad_header", "%v", err)
	}
	precision, err := wire.ParsePrecision(r.URL.Query().Get("precision"))
	if err != nil {
		return "", refuse(http.StatusBadRequest, "invalid", "bad_precision", "%v", err)
	}
	leave, err := in.admission.enter(site, lane)
	if err != nil {
		return "", err
	}
	came := 0
	defer func() {
		if again := leave(came); lane == wire.LaneBacklog {
			w.Header().Set(wire.HeaderAfter, strconv.FormatInt(again.Milliseconds(), 10))
		}
	}()
	body, release, err := in.intake.receive(w, r)
	defer release()
	if err != nil {
		return "", err
	}
	done, err := in.admission.slot(r.Context(), lane)
	if err != nil {
		return "", err
	}
	defer done()
	if body, err = inflate(r.Header.Get("Content-Encoding"), body); err != nil {
		return "", err
	}
	points, bad, err := wire.Decode(body, precision, in.now())
	if err != nil {
		return "", tooLarge("%v", err)
	}
	came = len(points) + len(bad)
	if !ours {
		return in.keep(r.Context(), w, batch{site: site, body: body, points: points, bad: bad})
	}
	return in.once(r.Context(), w, header, batch{site: site, header: header, body: body, points: points, bad: bad})
}

// once takes a batch of our agents unless all of it was taken before. What was
// acknowledged by an earlier run of the centre is taken again: it may not have
// been durable then, and twice it does no harm.
func (in *ingest) once(ctx context.Context, w http.ResponseWriter, h wire.Header, b batch) (outcome string, err error) {
	if !h.Again {
		seen, err := in.ledger.SeenSeqs(ctx, b.site, h.Boot, ranges(h))
		if err != nil {
			return "", err
		}
		if seen {
			return "repeated", nil
		}
	}
	outcome, err = in.keep(ctx, w, b)
	var f *failure
	if err != nil && !(errors.As(err, &f) && f.outcome == "partial") {
		return "", err
	}
	if err := in.ledger.MarkSeqs(ctx, b.site, h.Boot, ranges(h)); err != nil {
		return "", err
	}
	return outcome, err
}

func ranges(h wire.Header) [][2]uint64 {
	out := make([][2]uint64, len(h.Seq))
	for i, s := range h.Seq {
		out[i] = [2]uint64{s.From, s.To}
	}
	return out
}

// site is the one that the token opens.
func (in *ingest) site(r *http.Request) (string, error) {
	token, err := presented(r)
	if err != nil {
		return "", refuse(http.StatusUnauthorized, "unauthorized", "unauthorized", "%v", err)
	}
	t, ok, err := in.tokens.hash(r.Context(), identity.Hash(token))
	if err != nil {
		return "", err
	}
	if !ok {
		return "", refuse(http.StatusUnauthorized, "unauthorized", "unauthorized", "unknown token")
	}
	return t.Site, nil
}
