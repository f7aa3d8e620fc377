package dashboards

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what is served.
type metrics struct {
	requests *prometheus.CounterVec
	drawn    *prometheus.HistogramVec
	streams  prometheus.Gauge
	refused  prometheus.Counter
	events   prometheus.Counter
}

// newMetrics registers with reg, or nowhere for nil.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_pages_requests_total", Help: "Requests answered, by page and status code.",
		}, []string{"page", "code"}),
		drawn: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "thongsuot_pages_draw_seconds", Help: "Time to draw a page whole, its data included.",
			Buckets: []float64{.005, .01, .025, .05, .1, .2, .5, 1, 2, 5},
		}, []string{"page"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "thongsuot_pages_streams", Help: "Live pages connected now.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "thongsuot_pages_streams_refused_total", Help: "Live pages refused because too many were connected.",
		}),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "thongsuot_pages_events_total", Help: "Updates sent to live pages.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.drawn, m.streams, m.refused, m.events} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// count counts the answers of next under the name of its page.
func (m *metrics) count(page string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &coded{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(seen, r)
		m.requests.WithLabelValues(page, strconv.Itoa(seen.code)).Inc()
	})
}

// coded remembers the status code of an answer.
type coded struct {
	http.ResponseWriter
	code int
}

func (c *coded) WriteHeader(code int) {
	c.code = code
	c.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach the connection.
func (c *coded) Unwrap() http.ResponseWriter { return c.ResponseWriter }
