package central

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot/wire"
)

// Bounds of transfers: each site measures once a night over each of its few
// lines, and tries again by hand now and then.
const (
	fetchesAtOnce = 4 // of all sites: more would measure the centre's own line
	fetchesADay   = 40
	fetchTimeout  = 15 * time.Second
)

// fetch sends and takes bytes that say nothing, for sites to measure their
// lines by.
type fetch struct {
	tokens *tokens
	log    *slog.Logger
	now    func() time.Time
	noise  []byte // does not compress

	mu      sync.Mutex
	running int
	day     time.Time // since when served counts
	served  map[string]int

	bytes    *prometheus.CounterVec
	outcomes *prometheus.CounterVec
}

func newFetch(t *tokens, log *slog.Logger, reg prometheus.Registerer) *fetch {
	f := &fetch{
		tokens: t, log: log, now: time.Now, noise: make([]byte, 64<<10), served: map[string]int{},
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_fetch_bytes_total", Help: "Bytes of transfers by which sites measure their lines, as the site sees them.",
		}, []string{"direction"}),
		outcomes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_fetch_requests_total", Help: "Transfers by which sites measure their lines, by outcome.",
		}, []string{"outcome"}),
	}
	_, _ = rand.Read(f.noise) // never fails
	reg.MustRegister(f.bytes, f.outcomes)
	for _, d := range []string{"down", "up"} {
		f.bytes.WithLabelValues(d)
	}
	for _, o := range []string{"served", "cut", "unauthorized", "bad", "too_many"} {
		f.outcomes.WithLabelValues(o)
	}
	return f
}

// ServeHTTP answers GET and POST /api/v1/fetch.
func (f *fetch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := f.serve(w, r)
	var refused *failure
	switch {
	case errors.As(err, &refused):
		f.outcomes.WithLabelValues(refused.outcome).Inc()
		answer(w, refused)
	case err != nil: // the site stopped, as it does when its time is over
		f.outcomes.WithLabelValues("cut").Inc()
	default:
		f.outcomes.WithLabelValues("served").Inc()
	}
}

func (f *fetch) serve(w http.ResponseWriter, r *http.Request) error {
	site, refused := f.tokens.site(r)
	if refused != nil {
		return refused
	}
	size := int64(wire.MaxFetch)
	if r.Method == http.MethodGet {
		n, err := strconv.ParseInt(r.URL.Query().Get(wire.QueryBytes), 10, 64)
		if err != nil || n < 1 || n > wire.MaxFetch {
			return refuse(http.StatusBadRequest, "invalid", "bad", "%s: want 1 to %d", wire.QueryBytes, wire.MaxFetch)
		}
		size = n
	}
	if !f.begin(site) {
		w.Header().Set("Retry-After", strconv.Itoa(int(time.Hour/time.Second)))
		return refuse(http.StatusTooManyRequests, "too many requests", "too_many", "at most %d transfers at once and %d of one site a day", fetchesAtOnce, fetchesADay)
	}
	defer f.end()
	c := http.NewResponseController(w)
	until := f.now().Add(fetchTimeout)
	if err := errors.Join(c.SetReadDeadline(until), c.SetWriteDeadline(until)); err != nil {
		f.log.Debug("transfer without a deadline of its own", "err", err)
	}
	if r.Method == http.MethodPost {
		return f.take(w, r, size)
	}
	return f.give(w, size)
}

// begin counts a transfer in; false is one too many.
func (f *fetch) begin(site string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.day) >= 24*time.Hour {
		f.day, f.served = now, map[string]int{}
	}
	if f.running >= fetchesAtOnce || f.served[site] >= fetchesADay {
		return false
	}
	f.running++
	f.served[site]++
	return true
}

func (f *fetch) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running--
}

func (f *fetch) give(w http.ResponseWriter, size int64) error {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	for size > 0 {
		n, err := w.Write(f.noise[:min(size, int64(len(f.noise)))])
		f.bytes.WithLabelValues("down").Add(float64(n))
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

func (f *fetch) take(w http.ResponseWriter, r *http.Request, most int64) error {
	n, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, most))
	f.bytes.WithLabelValues("up").Add(float64(n))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return refuse(http.StatusRequestEntityTooLarge, "request too large", "bad", "body of more than %d bytes", most)
	}
	if err != nil {
		return err
	}
	w.Header().Set(wire.HeaderBytes, strconv.FormatInt(n, 10))
	w.WriteHeader(http.StatusNoContent)
	return nil
}
