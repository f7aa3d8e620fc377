package alerting

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"thongsuot"
)

type metrics struct {
	deliveries *prometheus.CounterVec
	pending    prometheus.Gauge
	oldest     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	return metrics{
		deliveries: f.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_alert_deliveries_total",
			Help: "Tries to tell a receiver, by how they ended: sent, held for later, retried, failed (given up), superseded (a newer message said it).",
		}, []string{"channel", "result"}),
		pending: f.NewGauge(prometheus.GaugeOpts{
			Name: "thongsuot_alert_pending",
			Help: "Messages that wait to be sent.",
		}),
		oldest: f.NewGauge(prometheus.GaugeOpts{
			Name: "thongsuot_alert_oldest_pending_seconds",
			Help: "Age of the oldest message that waits to be sent, 0 when none does.",
		}),
	}
}

// expect makes the counters of a channel visible before they count.
func (m metrics) expect(channel string) {
	for _, result := range []string{"sent", "held", "retried", "failed", string(thongsuot.DeliverySkipped)} {
		m.deliveries.WithLabelValues(channel, result)
	}
}

// queue notes the deliveries that wait.
func (m metrics) queue(waiting []thongsuot.Delivery, now time.Time) {
	var oldest time.Duration
	for _, d := range waiting {
		oldest = max(oldest, now.Sub(d.At))
	}
	m.pending.Set(float64(len(waiting)))
	m.oldest.Set(oldest.Seconds())
}
