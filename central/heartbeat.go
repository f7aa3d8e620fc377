package central

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// HeartbeatConfig is who outside calls operations when the centre itself stops:
// a service that expects a request now and then.
type HeartbeatConfig struct {
	URL   string        `yaml:"url"`   // asked by GET while the centre works; https. Empty, the default: nobody
	Every time.Duration `yaml:"every"` // Default 1m
}

const heartbeatTimeout = 20 * time.Second

func (c HeartbeatConfig) validate() error {
	if c.URL == "" {
		return nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("heartbeat.url: must be an http or https URL")
	}
	if c.Every < time.Second {
		return fmt.Errorf("heartbeat.every: must be at least 1s (got %s)", c.Every)
	}
	return nil
}

// heartbeat says outside that the centre works. Its silence is the message.
type heartbeat struct {
	cfg     HeartbeatConfig
	healthy func(context.Context) error // nothing is said while it fails
	client  *http.Client
	log     *slog.Logger
	asked   *prometheus.CounterVec
}

func newHeartbeat(cfg HeartbeatConfig, healthy func(context.Context) error, log *slog.Logger, reg prometheus.Registerer) *heartbeat {
	return &heartbeat{
		cfg: cfg, healthy: healthy, log: log, client: &http.Client{Timeout: heartbeatTimeout},
		asked: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_heartbeats_total",
			Help: "Signs of life to the service outside that calls operations when they cease, by result: taken, failed, withheld (the centre is not well).",
		}, []string{"result"}),
	}
}

func (h *heartbeat) run(ctx context.Context) {
	if h.cfg.URL == "" {
		return
	}
	tick := time.NewTicker(h.cfg.Every)
	defer tick.Stop()
	failing := 0
	for {
		switch result, err := h.say(ctx); {
		case ctx.Err() != nil:
			return
		case err == nil:
			h.asked.WithLabelValues(result).Inc()
			failing = 0
		default:
			h.asked.WithLabelValues(result).Inc()
			if failing++; failing&(failing-1) == 0 {
				h.log.Warn("no sign of life of the centre outside", "result", result, "err", err, "times", failing)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// say gives one sign of life. Its errors do not hold the address, which is a
// secret of its own at such services.
func (h *heartbeat) say(ctx context.Context) (result string, err error) {
	if err := h.healthy(ctx); err != nil {
		return "withheld", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.cfg.URL, nil)
	if err != nil {
		return "failed", errors.New("heartbeat.url: is no address")
	}
	res, err := h.client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return "failed", err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection is used again
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return "failed", fmt.Errorf("status %d", res.StatusCode)
	}
	return "taken", nil
}
