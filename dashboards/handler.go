package dashboards

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/lang"
)

// Options are what the pages need beside their Source.
type Options struct {
	Log        *slog.Logger          // defaults to none
	Registerer prometheus.Registerer // defaults to none
	Zone       *time.Location        // of every time shown; defaults to UTC
	Place      string                // whose pages these are: "tỉnh Lâm Đồng"
	Version    string                // of the program, shown at the foot
	Simulated  bool                  // every page says that its data are made up
	Done       <-chan struct{}       // ends all streams when closed; nil for never
	MaxStreams int                   // live pages at once, the next is refused with 503; defaults to 256
	Pace       time.Duration         // least time between two updates of a live page; defaults to 1 s
	Beat       time.Duration         // between signs of life of a stream; defaults to 15 s
	Now        func() time.Time      // to tell old figures; defaults to time.Now

	// Correct keeps what somebody says on an incident's page that it was; nil
	// shows no form. An unknown incident is ErrNotFound.
	Correct func(ctx context.Context, t thongsuot.Truth) error
	// Accuracy compares findings with what people said; nil shows no such page.
	Accuracy func(ctx context.Context) (thongsuot.Matrix, error)
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.MaxStreams <= 0 {
		o.MaxStreams = 256
	}
	if o.Pace <= 0 {
		o.Pace = time.Second
	}
	if o.Beat <= 0 {
		o.Beat = 15 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// handler serves all pages. Everything is immutable after Handler but live,
// which locks itself.
type handler struct {
	src     Source
	opts    Options
	assets  *assets
	texts   map[lang.Lang]*renderer
	metrics *metrics
	live    *live
}

// Handler serves the pages of src at "/", "/site/{code}" and "/incident/{id}",
// their streams at "/events", series for zooming at "/site/{code}/series.json"
// and what pages load at "/static/".
func Handler(src Source, opts Options) (http.Handler, error) {
	h := &handler{src: src, opts: opts.withDefaults()}
	var err error
	if h.assets, err = loadAssets(static); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	if h.texts, err = parseTemplates(h.opts.Zone); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	if h.metrics, err = newMetrics(opts.Registerer); err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	h.live = newLive(h)

	mux := http.NewServeMux()
	handle := func(pattern, name string, serve http.HandlerFunc) {
		mux.Handle(pattern, h.metrics.count(name, serve))
	}
	if h.opts.Correct != nil {
		guarded := http.NewCrossOriginProtection().Handler(http.HandlerFunc(h.serveCorrection))
		handle("POST /incident/{id}/truth", "correction", guarded.ServeHTTP)
	}
	if h.opts.Accuracy != nil {
		handle("GET "+accuracyPath, "accuracy", h.servePage)
	}
	handle("GET /{$}", "overview", h.servePage)
	handle("GET /site/{code}", "site", h.servePage)
	handle("GET /incident/{id}", "incident", h.servePage)
	handle("GET /site/{code}/series.json", "series", h.serveSeries)
	handle("GET /events", "events", h.live.serve)
	handle("GET /static/{file...}", "static", h.assets.serve)
	handle("GET /", "other", func(w http.ResponseWriter, r *http.Request) { h.serveError(w, r, http.StatusNotFound) })
	handle("/", "other", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", "GET, HEAD")
		h.serveError(w, r, http.StatusMethodNotAllowed)
	})
	return secured(mux), nil
}

// policy lets a page load from us alone, and nothing that is written into it
// run or style itself.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; img-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// secured adds the headers that every answer carries.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// servePage draws a page whole.
func (h *handler) servePage(w http.ResponseWriter, r *http.Request) {
	p, ok := parsePage(r.URL.Path, r.URL.Query())
	p.lang = language(w, r)
	if !ok {
		h.serveError(w, r, http.StatusNotFound)
		return
	}
	start := time.Now()
	body, err := h.draw(r.Context(), p)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	h.metrics.drawn.WithLabelValues(string(p.kind)).Observe(time.Since(start).Seconds())
	reply(w, r, http.StatusOK, "text/html; charset=utf-8", body)
}

// fail answers for an error of the source.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, ErrNotFound):
		h.serveError(w, r, http.StatusNotFound)
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		// Nobody waits for the answer.
	default:
		h.opts.Log.Error("page not drawn", "path", r.URL.Path, "error", err)
		h.serveError(w, r, http.StatusInternalServerError)
	}
}

// serveError answers with a page that says what is wrong.
func (h *handler) serveError(w http.ResponseWriter, r *http.Request, status int) {
	p := page{kind: kindError, arg: strconv.Itoa(status), lang: language(w, r)}
	body, err := h.draw(r.Context(), p)
	if err != nil {
		h.opts.Log.Error("error page not drawn", "path", r.URL.Path, "error", err)
		http.Error(w, http.StatusText(status), status)
		return
	}
	reply(w, r, status, "text/html; charset=utf-8", body)
}

// language is the one asked for by "?lang=", which is remembered in a cookie,
// or the one remembered, or Vietnamese.
func language(w http.ResponseWriter, r *http.Request) lang.Lang {
	const name, year = "lang", 365 * 24 * 60 * 60
	if asked := r.URL.Query().Get(name); asked != "" {
		l := lang.Parse(asked)
		http.SetCookie(w, &http.Cookie{
			Name: name, Value: string(l), Path: "/", MaxAge: year, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		return l
	}
	if c, err := r.Cookie(name); err == nil {
		return lang.Parse(c.Value)
	}
	return lang.Vi
}
