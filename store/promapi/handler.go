package promapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot/store"
)

// Queries evaluates PromQL; store.Store does, and an engine behind it.
type Queries interface {
	Query(ctx context.Context, query string, at time.Time) (store.Answer, error)
	QueryRange(ctx context.Context, query string, from, to time.Time, step time.Duration) (store.Answer, error)
}

// Index knows which series there are.
type Index interface {
	SeriesNames(ctx context.Context, m store.Match) ([]store.Series, error)
	LabelNames(ctx context.Context, m store.Match) ([]string, error)
	LabelValues(ctx context.Context, name string, m store.Match) ([]string, error)
}

// Database is what is asked.
type Database interface {
	Queries
	Index
}

// Options are what the API needs beside the database.
type Options struct {
	// Authorise says whether the request may read. It is asked first, each time.
	Authorise func(*http.Request) error
	// Alerts are the incidents that go on, as Prometheus shows alerts.
	Alerts func(context.Context) ([]Alert, error)
	// Rules are the kinds of alert.
	Rules []Rule
	// Timeout ends a query. Zero means 30 s.
	Timeout time.Duration
	// Concurrent is how many queries run at once. Zero means 4.
	Concurrent int
	Version    string
	Now        func() time.Time // nil means time.Now
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

type handler struct {
	db      Database
	opt     Options
	slots   chan struct{}
	metrics metrics
}

type metrics struct {
	requests *prometheus.CounterVec
	seconds  prometheus.Histogram
}

// Handler serves the API below /api/v1/.
func Handler(db Database, opt Options) (http.Handler, error) {
	if opt.Timeout == 0 {
		opt.Timeout = 30 * time.Second
	}
	if opt.Concurrent == 0 {
		opt.Concurrent = 4
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	h := &handler{db: db, opt: opt, slots: make(chan struct{}, opt.Concurrent)}
	h.metrics = metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_query_requests_total", Help: "Requests to the query API, by answer.",
		}, []string{"answer"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "thongsuot_query_duration_seconds", Help: "Time to answer a request to the query API.",
			Buckets: []float64{.005, .02, .1, .5, 2, 10, 30},
		}),
	}
	for _, c := range []prometheus.Collector{h.metrics.requests, h.metrics.seconds} {
		if err := opt.Registerer.Register(c); err != nil {
			return nil, fmt.Errorf("query API: %w", err)
		}
	}
	h.metrics.requests.WithLabelValues("success")
	for _, t := range []errorType{badData, badAuth, notDone, canceled, timedOut, busy, internal} {
		h.metrics.requests.WithLabelValues(t.word)
	}
	mux := http.NewServeMux()
	both := func(path string, f apiFunc) {
		mux.Handle("GET /api/v1/"+path, h.wrap(f))
		mux.Handle("POST /api/v1/"+path, h.wrap(f))
	}
	both("query", h.query)
	both("query_range", h.queryRange)
	both("series", h.series)
	both("labels", h.labels)
	mux.Handle("GET /api/v1/label/{name}/values", h.wrap(h.labelValues))
	mux.Handle("GET /api/v1/metadata", h.wrap(h.metadata))
	mux.Handle("GET /api/v1/rules", h.wrap(h.rules))
	mux.Handle("GET /api/v1/alerts", h.wrap(h.alerts))
	mux.Handle("GET /api/v1/status/buildinfo", h.wrap(h.buildInfo))
	return mux, nil
}

// errorType is Prometheus' word for a class of failure.
type errorType struct {
	word   string
	status int
}

var (
	badData  = errorType{"bad_data", http.StatusBadRequest}
	badAuth  = errorType{"unauthorized", http.StatusUnauthorized}
	notDone  = errorType{"execution", http.StatusUnprocessableEntity}
	canceled = errorType{"canceled", 499} // the client went away
	timedOut = errorType{"timeout", http.StatusServiceUnavailable}
	busy     = errorType{"unavailable", http.StatusServiceUnavailable}
	internal = errorType{"internal", http.StatusInternalServerError}
)

// apiError is a failure to be told.
type apiError struct {
	errorType
	err error
}

func (e *apiError) Error() string { return e.err.Error() }

func badParam(name string, err error) error {
	return &apiError{badData, fmt.Errorf("invalid parameter %q: %w", name, err)}
}

// answer is what a request gets: data that know how to write themselves.
type answer struct {
	data     func(*writer)
	warnings []string
}

type apiFunc func(r *http.Request) (answer, error)

func (h *handler) wrap(f apiFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer prometheus.NewTimer(h.metrics.seconds).ObserveDuration()
		a, err := h.serve(w, r, f)
		word := "success"
		if err != nil {
			e := classify(err)
			word = e.word
			if e.errorType == internal {
				h.opt.Log.Error("query not answered", "path", r.URL.Path, "err", err)
			}
			if e.errorType == busy {
				w.Header().Set("Retry-After", "5")
			}
			writeError(w, e)
		} else {
			writeAnswer(w, r, a)
		}
		h.metrics.requests.WithLabelValues(word).Inc()
	})
}

// maxForm bounds the body of a POST.
const maxForm = 1 << 20

func (h *handler) serve(w http.ResponseWriter, r *http.Request, f apiFunc) (answer, error) {
	if err := h.opt.Authorise(r); err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="thongsuot"`)
		return answer{}, &apiError{badAuth, err}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return answer{}, &apiError{badData, fmt.Errorf("error parsing form values: %w", err)}
	}
	timeout := h.opt.Timeout
	if text := r.Form.Get("timeout"); text != "" {
		d, err := parseDuration(text)
		if err != nil {
			return answer{}, badParam("timeout", err)
		}
		timeout = min(timeout, d)
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	return h.within(ctx, func() (answer, error) { return f(r.WithContext(ctx)) })
}

// within runs f in one of the slots and comes back when ctx ends even if f does
// not: the engine looks at ctx only now and then.
func (h *handler) within(ctx context.Context, f func() (answer, error)) (answer, error) {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return answer{}, &apiError{busy, fmt.Errorf("%d queries run already: try again later", cap(h.slots))}
	}
	type outcome struct {
		answer
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		defer func() { <-h.slots }()
		a, err := f()
		done <- outcome{a, err}
	}()
	select {
	case o := <-done:
		return o.answer, o.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return answer{}, &apiError{timedOut, errors.New("query timed out in expression evaluation")}
		}
		return answer{}, &apiError{canceled, errors.New("query was canceled in expression evaluation")}
	}
}

// classify says a failure in Prometheus' words.
func classify(err error) *apiError {
	var told *apiError
	if errors.As(err, &told) {
		return told
	}
	var q *store.QueryError
	if !errors.As(err, &q) {
		if errors.Is(err, store.ErrClosed) {
			return &apiError{busy, err}
		}
		return &apiError{internal, err}
	}
	switch q.Class {
	case store.ClassBadQuery:
		return &apiError{badData, q.Err}
	case store.ClassTooMuch:
		return &apiError{notDone, q.Err}
	case store.ClassTimeout:
		return &apiError{timedOut, q.Err}
	case store.ClassCanceled:
		return &apiError{canceled, q.Err}
	default:
		return &apiError{internal, q.Err}
	}
}

func (h *handler) buildInfo(*http.Request) (answer, error) {
	return answer{data: func(w *writer) {
		w.object(func() {
			// Grafana chooses its questions by the version of Prometheus; this is the one whose API and PromQL these are.
			w.field("version", promVersion)
			w.field("revision", "thongsuot "+h.opt.Version)
			w.field("branch", "")
			w.field("buildUser", "")
			w.field("buildDate", "")
			w.field("goVersion", strings.TrimPrefix(runtime.Version(), "go"))
		})
	}}, nil
}

// promVersion is the Prometheus whose engine answers.
const promVersion = "3.15.0"
