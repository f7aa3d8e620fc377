package alerting_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/alerting"
)

var errDead = errors.New("the ledger is gone")

// memory is a ledger in memory with the contract of the real one. It can be
// made to die, as in a crash, before or after any call.
type memory struct {
	mu         sync.Mutex
	changes    []thongsuot.Change
	routed     map[string]bool
	deliveries []thongsuot.Delivery
	left       int           // calls until it dies, below 0 for never
	late       bool          // it dies after doing the last call, not before
	died       chan struct{} // closed when it dies
	moved      chan struct{} // one token when something was written
}

var _ alerting.Ledger = (*memory)(nil)

func newMemory() *memory {
	return &memory{routed: make(map[string]bool), left: -1, died: make(chan struct{}), moved: make(chan struct{}, 1)}
}

// dieAfter makes the ledger die at the n-th call from now on.
func (m *memory) dieAfter(n int, late bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left, m.late, m.died = n, late, make(chan struct{})
}

func (m *memory) revive() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left, m.died = -1, make(chan struct{})
}

// call is one call of the ledger: do, unless it is dead.
func (m *memory) call(ctx context.Context, do func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.left == 0:
		return errDead
	case m.left == 1:
		m.left = 0
		close(m.died)
		if m.late {
			do()
		}
		return errDead
	case m.left > 1:
		m.left--
	}
	do()
	select {
	case m.moved <- struct{}{}:
	default:
	}
	return nil
}

func (m *memory) record(cs ...thongsuot.Change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes = append(m.changes, cs...)
}

func (m *memory) Unrouted(ctx context.Context, limit int) (out []thongsuot.Change, err error) {
	err = m.call(ctx, func() {
		for _, c := range m.changes {
			if !m.routed[c.Key()] && len(out) < limit {
				out = append(out, c)
			}
		}
	})
	return out, err
}

func (m *memory) Route(ctx context.Context, c thongsuot.Change, ds []thongsuot.Delivery) error {
	return m.call(ctx, func() {
		m.routed[c.Key()] = true
		for _, d := range ds {
			if m.find(d) == nil {
				m.deliveries = append(m.deliveries, d)
			}
		}
	})
}

func (m *memory) Due(ctx context.Context, now time.Time, limit int) (out []thongsuot.Delivery, err error) {
	err = m.call(ctx, func() {
		for _, d := range m.deliveries {
			if d.State == thongsuot.DeliveryPending && !d.NotBefore.After(now) {
				out = append(out, d)
			}
		}
		slices.SortStableFunc(out, func(a, b thongsuot.Delivery) int {
			return cmp.Or(a.NotBefore.Compare(b.NotBefore), cmp.Compare(a.Revision, b.Revision))
		})
		out = out[:min(len(out), limit)]
	})
	return out, err
}

func (m *memory) Claim(ctx context.Context, d thongsuot.Delivery) (ok bool, err error) {
	err = m.call(ctx, func() {
		if f := m.find(d); f != nil && f.State == thongsuot.DeliveryPending {
			f.State, ok = thongsuot.DeliveryClaimed, true
		}
	})
	return ok, err
}

func (m *memory) Finish(ctx context.Context, d thongsuot.Delivery) error {
	return m.call(ctx, func() {
		f := m.find(d)
		f.State, f.Attempts, f.NotBefore, f.Ref, f.Error = d.State, d.Attempts, d.NotBefore, d.Ref, d.Error
		f.Uncertain, f.Why = d.Uncertain, d.Why
	})
}

func (m *memory) Claimed(ctx context.Context) (out []thongsuot.Delivery, err error) {
	err = m.call(ctx, func() {
		for _, d := range m.deliveries {
			if d.State == thongsuot.DeliveryClaimed {
				out = append(out, d)
			}
		}
	})
	return out, err
}

func (m *memory) Changes(ctx context.Context, incident string) (out []thongsuot.Change, err error) {
	err = m.call(ctx, func() {
		for _, c := range m.changes {
			if c.Incident.ID == incident {
				out = append(out, c)
			}
		}
	})
	return out, err
}

func (m *memory) Deliveries(ctx context.Context, incident string) (out []thongsuot.Delivery, err error) {
	err = m.call(ctx, func() {
		for _, d := range m.deliveries {
			if d.Incident == incident {
				out = append(out, d)
			}
		}
	})
	return out, err
}

func (m *memory) Told(ctx context.Context, receiver string, since time.Time) (out []thongsuot.Delivery, err error) {
	err = m.call(ctx, func() {
		for _, d := range m.deliveries {
			if d.Receiver == receiver && d.State == thongsuot.DeliverySent && !d.NotBefore.Before(since) {
				out = append(out, d)
			}
		}
	})
	return out, err
}

func (m *memory) find(d thongsuot.Delivery) *thongsuot.Delivery {
	for i := range m.deliveries {
		o := &m.deliveries[i]
		if o.Incident == d.Incident && o.Revision == d.Revision && o.Receiver == d.Receiver && o.Channel == d.Channel {
			return o
		}
	}
	return nil
}

// states is the deliveries as "incident/revision receiver state", in order of
// planning.
func (m *memory) states() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, d := range m.deliveries {
		out = append(out, fmt.Sprintf("%s/%d %s %s", d.Incident, d.Revision, d.Receiver, d.State))
	}
	return out
}

func (m *memory) delivery(t *testing.T, incident string, revision int) thongsuot.Delivery {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.deliveries {
		if d.Incident == incident && d.Revision == revision {
			return d
		}
	}
	t.Fatalf("no delivery of %s/%d", incident, revision)
	return thongsuot.Delivery{}
}

// settled reports whether every change is routed and no delivery is open.
func (m *memory) settled() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.changes {
		if !m.routed[c.Key()] {
			return false
		}
	}
	return !slices.ContainsFunc(m.deliveries, func(d thongsuot.Delivery) bool {
		return d.State == thongsuot.DeliveryPending || d.State == thongsuot.DeliveryClaimed
	})
}
