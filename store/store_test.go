package store_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store"
	"thongsuot/store/storetest"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func config(dir string) store.Config {
	cfg := store.DefaultConfig()
	cfg.Dir = dir
	return cfg
}

// mustOpen opens a store that is closed when the test ends.
func mustOpen(t testing.TB, cfg store.Config, reg prometheus.Registerer) *store.Store {
	t.Helper()
	s, err := store.Open(cfg, quiet(), reg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Traits{FirstWins: true, Exact: true}, func(t *testing.T) storetest.Store {
		return mustOpen(t, config(t.TempDir()), prometheus.NewRegistry())
	})
}

// What holds for a store holds for one that is closed and opened all the time.
func TestConformanceReopened(t *testing.T) {
	storetest.Run(t, storetest.Traits{FirstWins: true, Exact: true}, func(t *testing.T) storetest.Store {
		r := &reopening{t: t, cfg: config(t.TempDir())}
		r.reopen()
		t.Cleanup(func() { r.store.Close() })
		return r
	})
}

// reopening is a store that is closed and opened anew before every append.
type reopening struct {
	t     *testing.T
	cfg   store.Config
	mu    sync.RWMutex
	store *store.Store
}

func (r *reopening) reopen() {
	if r.store != nil {
		if err := r.store.Close(); err != nil {
			r.t.Fatal(err)
		}
	}
	s, err := store.Open(r.cfg, quiet(), prometheus.NewRegistry())
	if err != nil {
		r.t.Fatal(err)
	}
	r.store = s
}

func (r *reopening) Append(ctx context.Context, samples []thongsuot.Sample) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reopen()
	return r.store.Append(ctx, samples)
}

func (r *reopening) Read(ctx context.Context, read store.Read) ([]store.Series, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.store.Read(ctx, read)
}
