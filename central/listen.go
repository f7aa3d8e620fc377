package central

import (
	"net"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// capped bounds the connections that are open at one time. One more is closed
// at once instead of kept waiting: its agent tries again.
type capped struct {
	net.Listener
	most    int64
	open    atomic.Int64
	refused prometheus.Counter
}

func newCapped(ln net.Listener, most int, reg prometheus.Registerer) *capped {
	c := &capped{Listener: ln, most: int64(most), refused: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "thongsuot_ingest_connections_refused_total", Help: "Connections closed at once, since ingest.max_connections were open.",
	})}
	reg.MustRegister(c.refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "thongsuot_ingest_connections", Help: "Connections of agents that are open.",
	}, func() float64 { return float64(c.open.Load()) }))
	return c
}

// Accept waits for the next connection that there is room for.
func (c *capped) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c.open.Add(1) <= c.most {
			return &counted{Conn: conn, left: sync.OnceFunc(func() { c.open.Add(-1) })}, nil
		}
		c.open.Add(-1)
		c.refused.Inc()
		_ = conn.Close() // it was never used
	}
}

type counted struct {
	net.Conn
	left func()
}

// Close makes room for another.
func (c *counted) Close() error {
	defer c.left()
	return c.Conn.Close()
}
