package central

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot/store"
	"thongsuot/store/influx"
	"thongsuot/store/promremote"
)

// samples is a store of samples, whatever engine is behind it.
type samples interface {
	appender
	Read(ctx context.Context, r store.Read) ([]store.Series, error)
	Close() error
}

// The engines that samples may be kept in.
const (
	engineEmbedded   = "embedded"
	enginePrometheus = "prometheus"
	engineInflux     = "influxdb"
)

// openSamples opens the engine that the configuration chooses.
func openSamples(cfg Config, log *slog.Logger, reg prometheus.Registerer) (samples, error) {
	switch cfg.Engine {
	case enginePrometheus:
		s, err := promremote.Open(cfg.Prometheus, log, reg)
		if err != nil {
			return nil, err // a nil *promremote.Store would be no nil samples
		}
		return s, nil
	case engineInflux:
		s, err := influx.Open(cfg.InfluxDB, log, reg)
		if err != nil {
			return nil, err
		}
		return s, nil
	case engineEmbedded:
		s, err := store.Open(cfg.Store, log, reg)
		if err != nil {
			return nil, err
		}
		return s, nil
	default:
		return nil, unknownEngine(cfg.Engine)
	}
}

func unknownEngine(name string) error {
	return fmt.Errorf("engine: want %s, %s or %s (got %q)", engineEmbedded, enginePrometheus, engineInflux, name)
}
