package central

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/identity"
	"thongsuot/incident"
	"thongsuot/ledger"
	"thongsuot/wire"
)

// retryLater is what a client is told to wait when the centre cannot store.
const retryLater = 10 * time.Second

// appender stores samples durably; store.Store is one.
type appender interface {
	Append(ctx context.Context, samples []thongsuot.Sample) (refused int, err error)
}

// ingest takes in writes. The order makes an acknowledgement mean something:
// samples stored, changes of incidents on record, the sequence marked, then
// 204. Whatever fails before that is offered again by the agent and does no
// harm twice.
type ingest struct {
	tokens *tokens
	store  appender
	ledger *ledger.Ledger
	loop   *loop
	log    *slog.Logger
	now    func() time.Time
	epoch  uint32
	guard  *guard
	series *seriesLimit

	writes  *prometheus.CounterVec
	samples prometheus.Counter
	lost    *prometheus.CounterVec
}

func newIngest(t *tokens, store appender, l *ledger.Ledger, lp *loop, g *guard, epoch uint32, most int, log *slog.Logger, reg prometheus.Registerer) *ingest {
	in := &ingest{
		tokens: t, store: store, ledger: l, loop: lp, log: log, now: time.Now, epoch: epoch, guard: g, series: newSeriesLimit(most),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_ingest_writes_total", Help: "Writes, by outcome.",
		}, []string{"outcome"}),
		samples: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "thongsuot_ingest_samples_total", Help: "Samples that were stored.",
		}),
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_ingest_refused_total", Help: "What came and was not stored: bad lines, text fields, samples that the store refused, samples of more series than a site may have.",
		}, []string{"what"}),
	}
	reg.MustRegister(in.writes, in.samples, in.lost)
	for _, what := range []string{"line", "text", "sample", "series"} {
		in.lost.WithLabelValues(what)
	}
	for _, outcome := range []string{"stored", "repeated", "refused", "unauthorized", "bad_header", "bad_precision", "bad_body", "too_large", "unavailable"} {
		in.writes.WithLabelValues(outcome)
	}
	return in
}

// failure is an answer other than 204, in InfluxDB's words.
type failure struct {
	status  int
	code    string // InfluxDB's error code
	message string
	outcome string // label of the counter
}

func (f *failure) Error() string { return f.message }

func refuse(status int, code, outcome, format string, args ...any) *failure {
	return &failure{status: status, code: code, outcome: outcome, message: fmt.Sprintf(format, args...)}
}

// ServeHTTP answers POST /api/v2/write.
func (in *ingest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	wire.SetTime(w.Header(), in.now())
	w.Header().Set(wire.HeaderEpoch, strconv.FormatUint(uint64(in.epoch), 10))
	err := in.write(w, r)
	if err == nil {
		in.writes.WithLabelValues("stored").Inc()
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var f *failure
	if !errors.As(err, &f) {
		in.log.Error("write not stored; the agent keeps it", "err", err)
		f = refuse(http.StatusServiceUnavailable, "unavailable", "unavailable", "the centre cannot store now; try again later")
	}
	in.writes.WithLabelValues(f.outcome).Inc()
	if f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryLater/time.Second)))
	}
	answer(w, f)
}

func answer(w http.ResponseWriter, f *failure) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": f.code, "message": f.message}) // the client went away
}

func (in *ingest) write(w http.ResponseWriter, r *http.Request) error {
	site, err := in.site(r)
	if err != nil {
		return err
	}
	header, ours, err := wire.ParseHeader(r.Header)
	if err != nil {
		return refuse(http.StatusBadRequest, "invalid", "bad_header", "%v", err)
	}
	precision, err := wire.ParsePrecision(r.URL.Query().Get("precision"))
	if err != nil {
		return refuse(http.StatusBadRequest, "invalid", "bad_precision", "%v", err)
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	points, bad, err := wire.Decode(body, precision, in.now())
	if err != nil {
		return refuse(http.StatusRequestEntityTooLarge, "request too large", "too_large", "%v", err)
	}
	if len(points) == 0 && len(bad) > 0 {
		in.lost.WithLabelValues("line").Add(float64(len(bad)))
		return refuse(http.StatusBadRequest, "invalid", "bad_body", "unable to parse: %v", bad[0])
	}
	if ours {
		seen, err := in.ledger.SeenSeqs(r.Context(), site, header.Boot, ranges(header))
		if err != nil {
			return err
		}
		if seen { // all of it is here already: acknowledged once more
			in.writes.WithLabelValues("repeated").Inc()
			return nil
		}
	}
	if err := in.take(r.Context(), w, site, header, points, bad); err != nil {
		return err
	}
	if !ours {
		return nil
	}
	return in.ledger.MarkSeqs(r.Context(), site, header.Boot, ranges(header))
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

// take stores the points and tells the incident engine what they say.
func (in *ingest) take(ctx context.Context, w http.ResponseWriter, site string, h wire.Header, points []wire.Point, bad []wire.LineError) error {
	var samples []thongsuot.Sample
	var results []thongsuot.Result
	texts := 0
	for _, p := range points {
		samples = append(samples, p.Samples(site)...)
		r, ours := p.Result()
		if !ours {
			texts += len(p.Texts)
			continue
		}
		samples = append(samples, wire.ReasonSample(site, r))
		results = append(results, r)
	}
	samples, over := in.series.admit(site, samples)
	refused, err := in.store.Append(ctx, samples)
	if err != nil {
		return err
	}
	o := incident.Observation{Site: site, At: in.now(), Start: h.Start, Boot: h.Running}
	if h.Boot != "" {
		o.Results = results
		in.guard.started(site, h.Start)
		if err := in.loop.observe(ctx, o); err != nil {
			return err
		}
	}
	in.samples.Add(float64(len(samples) - refused))
	in.lost.WithLabelValues("sample").Add(float64(refused))
	in.lost.WithLabelValues("series").Add(float64(over))
	in.lost.WithLabelValues("line").Add(float64(len(bad)))
	in.lost.WithLabelValues("text").Add(float64(texts))
	w.Header().Set(wire.HeaderAccepted, strconv.Itoa(len(samples)-refused))
	w.Header().Set(wire.HeaderRefused, strconv.Itoa(refused+over+len(bad)))
	if stored := len(samples) - refused; stored == 0 && refused+over > 0 {
		return refuse(http.StatusUnprocessableEntity, "unprocessable entity", "refused",
			"partial write: none of %d samples stored: outside the time that is kept, not finite, another value at the same time, or more than %d series of one site", refused+over, in.series.most)
	}
	if len(bad) > 0 {
		in.log.Warn("lines of a write refused, the others stored", "site", site, "lines", len(bad), "first", bad[0].Error())
	}
	return nil
}

// readBody reads and inflates the body, and stops at the limits before it has
// taken the memory.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	raw := http.MaxBytesReader(w, r.Body, wire.MaxBody)
	var body io.Reader = raw
	switch enc := strings.ToLower(r.Header.Get("Content-Encoding")); enc {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, bodyFailure(err)
		}
		body = z
	default:
		return nil, refuse(http.StatusUnsupportedMediaType, "invalid", "bad_body", "content encoding %q is not taken; send gzip or none", enc)
	}
	var buf bytes.Buffer
	n, err := buf.ReadFrom(io.LimitReader(body, wire.MaxDecoded+1))
	if err != nil {
		return nil, bodyFailure(err)
	}
	if n > wire.MaxDecoded {
		return nil, refuse(http.StatusRequestEntityTooLarge, "request too large", "too_large", "body of more than %d bytes after decompression", wire.MaxDecoded)
	}
	if n == 0 {
		return nil, refuse(http.StatusBadRequest, "invalid", "bad_body", "the body is empty")
	}
	return buf.Bytes(), nil
}

func bodyFailure(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return refuse(http.StatusRequestEntityTooLarge, "request too large", "too_large", "body of more than %d bytes; split it", tooLarge.Limit)
	}
	return refuse(http.StatusBadRequest, "invalid", "bad_body", "body cannot be read: %v", err)
}
