package conserve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// Config says what is broken and how often.
type Config struct {
	Agent, Central string        // the programs
	Faults         []string      // names; none is all
	Kills          int           // of each kind of kill -9 and power cut. Default 200
	Parallel       int           // faults at a time
	Settle         time.Duration // that the agent may take to deliver all in the end
	Seed           uint64
}

// DefaultConfig is the full loop.
func DefaultConfig() Config {
	return Config{Kills: 200, Parallel: 2, Settle: 3 * time.Minute, Seed: 1}
}

// Validate names the value that cannot work.
func (c Config) Validate() error {
	for _, f := range c.Faults {
		if !slices.ContainsFunc(faults(), func(k fault) bool { return k.name == f }) {
			return fmt.Errorf("fault %q is not known; the list is in the help", f)
		}
	}
	if c.Kills < 1 || c.Parallel < 1 {
		return fmt.Errorf("kills and parallel: must be at least 1 (got %d and %d)", c.Kills, c.Parallel)
	}
	return nil
}

// Run does each fault in a house of its own and says how it went, in the order
// in which they end.
func Run(ctx context.Context, cfg Config, say func(Row)) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	turn := make(chan struct{}, cfg.Parallel)
	for i, f := range faults() {
		if len(cfg.Faults) > 0 && !slices.Contains(cfg.Faults, f.name) {
			continue
		}
		turn <- struct{}{}
		all.Go(func() {
			defer func() { <-turn }()
			cfg := cfg
			cfg.Seed += uint64(i)
			row := one(ctx, cfg, f)
			mu.Lock()
			defer mu.Unlock()
			say(row)
		})
	}
	all.Wait()
	return ctx.Err()
}

func one(ctx context.Context, cfg Config, f fault) (row Row) {
	row.Fault = f.name
	began := time.Now()
	err := play(ctx, cfg, f, &row)
	if err != nil {
		row.Error = err.Error()
	}
	row.Seconds = time.Since(began).Seconds()
	return row
}

func play(ctx context.Context, cfg Config, f fault, row *Row) (err error) {
	dir, err := os.MkdirTemp("", "thongsuot-conserve-")
	if err != nil {
		return err
	}
	h, err := newHouse(ctx, cfg, dir)
	defer func() {
		h.close(ctx)
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if err != nil {
		return err
	}
	if row.Times, err = f.do(ctx, h); err != nil {
		return err
	}
	if err := h.settle(ctx); err != nil {
		return err
	}
	if row.Dropped, err = h.dropped(ctx); err != nil {
		return err
	}
	h.killAgent()
	h.killCentre()
	return h.count(ctx, row)
}
