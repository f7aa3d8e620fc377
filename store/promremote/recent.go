package promremote

import (
	"context"
	"slices"
	"sync"
	"time"

	"thongsuot"
)

// maxRecent bounds the samples that are remembered, at about 100 bytes each.
const maxRecent = 2_000_000

// recent holds what the engine acknowledged of late.
type recent struct {
	span time.Duration

	mu      sync.Mutex
	batches []remembered
	n       int
}

type remembered struct {
	at      time.Time
	samples []thongsuot.Sample
	again   bool // was offered again, see offerAgain
}

func newRecent(span time.Duration) *recent { return &recent{span: span} }

func (r *recent) add(now time.Time, samples []thongsuot.Sample) {
	if r.span == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, remembered{at: now, samples: samples})
	r.n += len(samples)
	drop := 0
	for drop < len(r.batches) && (now.Sub(r.batches[drop].at) > r.span || r.n > maxRecent) {
		r.n -= len(r.batches[drop].samples)
		drop++
	}
	r.batches = slices.Delete(r.batches, 0, drop)
}

// all is what is remembered, oldest first.
func (r *recent) all(now time.Time) (out [][]thongsuot.Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.batches {
		if now.Sub(b.at) <= r.span {
			out = append(out, b.samples)
		}
	}
	return out
}

// due is the oldest batch that was not offered again for so long, if there is one.
func (r *recent) due(now time.Time, after time.Duration) ([]thongsuot.Sample, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.batches {
		if b := &r.batches[i]; !b.again && now.Sub(b.at) >= after {
			b.again = true
			return b.samples, true
		}
	}
	return nil, false
}

// offerAgain offers each batch once more, a while after it was acknowledged,
// until the store is closed. One that does not get through is given up: the
// engine has it already unless a node was lost in just that while.
func (s *Store) offerAgain() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		select {
		case <-s.closed:
			return
		case <-tick.C:
		}
		for {
			batch, ok := s.recent.due(s.cfg.Now(), s.cfg.Again)
			if !ok {
				break
			}
			if _, err := s.send(ctx, batch); err != nil {
				s.metrics.missed.Add(float64(len(batch)))
				s.log.Warn("batch not offered again", "samples", len(batch), "err", err)
				continue
			}
			s.metrics.offered.Add(float64(len(batch)))
		}
	}
}
