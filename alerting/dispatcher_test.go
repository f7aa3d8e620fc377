package alerting_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thongsuot"
	"thongsuot/alerting/notice"
)

func TestToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := new(channel)
		s := run(t, newMemory(), map[string]*channel{"ops": ops})
		begin := time.Now()
		s.say(opened("i1"))
		equal(t, "deliveries", s.ledger.states(), []string{"i1/1 ops sent"})
		if d := s.ledger.delivery(t, "i1", 1); d.Ref != "ref-i1" || d.Attempts != 0 || !d.At.Equal(begin) {
			t.Errorf("delivery is %+v", d)
		}
		s.say(change("i1", 2, thongsuot.ChangeWorse, silent), change("i1", 3, thongsuot.ChangeClosed, silent))
		equal(t, "told", ops.revisions(), []string{"i1/1", "i1/3"})
		m := ops.messages()[1]
		if m.Ref != "ref-i1" || !m.Rouse || !m.EditOnly || m.MayExist {
			t.Errorf("all-clear is %+v", m)
		}
		if time.Since(begin) != 0 {
			t.Errorf("it took %v", time.Since(begin))
		}
	})
}

// TestFoundWithoutWake: what nobody nudged for is found by looking.
func TestFoundWithoutWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := new(channel)
		s := run(t, newMemory(), map[string]*channel{"ops": ops})
		synctest.Wait()
		s.ledger.record(opened("i1"))
		time.Sleep(15 * time.Second)
		synctest.Wait()
		equal(t, "told", ops.revisions(), []string{"i1/1"})
	})
}

// brittle is a ledger that can be read but not written.
type brittle struct {
	*memory
	finishes atomic.Int32
	broken   atomic.Bool
}

func (b *brittle) Finish(ctx context.Context, d thongsuot.Delivery) error {
	b.finishes.Add(1)
	if b.broken.Load() {
		return errDead
	}
	return b.memory.Finish(ctx, d)
}

func TestLedgerIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, ops := &brittle{memory: newMemory()}, new(channel)
		ledger.broken.Store(true)
		ledger.record(opened("i1"))
		start(t, ledger, ops)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := ledger.finishes.Load(); n > 15 {
			t.Errorf("%d tries to write in a minute", n)
		}
		ledger.broken.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "deliveries", ledger.states(), []string{"i1/1 ops sent"})
		if got := ops.messages(); len(got) != 2 || !got[1].MayExist {
			t.Errorf("told %+v", got)
		}
	})
}

// elsewhere is a ledger in which somebody else is always faster.
type elsewhere struct{ *memory }

func (e elsewhere) Claim(ctx context.Context, d thongsuot.Delivery) (bool, error) {
	d.State = thongsuot.DeliverySent
	return false, e.Finish(ctx, d)
}

func TestClaimedByAnotherIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger, ops := elsewhere{newMemory()}, new(channel)
		ledger.record(opened("i1"))
		start(t, ledger, ops)
		synctest.Wait()
		equal(t, "told", ops.revisions(), nil)
	})
}

// TestTimersSurviveRestart: the time of the next try is in the ledger.
func TestTimersSurviveRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := newMemory()
		broken := &channel{answer: func(notice.Message) (string, error) {
			return "", &notice.Error{RetryAfter: 10 * time.Minute, Err: errors.New("slow down")}
		}}
		s := run(t, ledger, map[string]*channel{"ops": broken})
		s.say(opened("i1"))
		s.stop()
		fine := new(channel)
		run(t, ledger, map[string]*channel{"ops": fine})
		time.Sleep(10*time.Minute - time.Second)
		synctest.Wait()
		equal(t, "too early", fine.revisions(), nil)
		time.Sleep(time.Second)
		synctest.Wait()
		equal(t, "on time", fine.revisions(), []string{"i1/1"})
	})
}

// TestInterruptedIsLookedFor: a delivery left claimed may have arrived.
func TestInterruptedIsLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := newMemory()
		ledger.record(opened("i1"))
		ledger.Route(t.Context(), opened("i1"), []thongsuot.Delivery{{
			Incident: "i1", Revision: 1, Receiver: "ops", Channel: "fake", Why: "operations",
			State: thongsuot.DeliveryClaimed, At: time.Now(),
		}})
		ops := new(channel)
		run(t, ledger, map[string]*channel{"ops": ops})
		synctest.Wait()
		if got := ops.messages(); len(got) != 1 || !got[0].MayExist || !got[0].Earliest.Equal(time.Now()) {
			t.Errorf("told %+v", got)
		}
		equal(t, "deliveries", ledger.states(), []string{"i1/1 ops sent"})
	})
}

// TestStopInterrupts: what is on its way when the program ends stays due.
func TestStopInterrupts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := newMemory()
		ledger.record(opened("i1"))
		stop := start(t, ledger, hanging{})
		synctest.Wait()
		stop()
		if got := ledger.delivery(t, "i1", 1); got.State != thongsuot.DeliveryPending || got.Attempts != 1 {
			t.Errorf("delivery is %+v", got)
		}
	})
}

// hanging never answers before it is interrupted.
type hanging struct{}

func (hanging) Name() string { return "fake" }
func (hanging) Send(ctx context.Context, _ notice.Message) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

func TestLedgerThatFailsIsTriedAgain(t *testing.T) {
	for n := range 12 {
		synctest.Test(t, func(t *testing.T) {
			ops := new(channel)
			s := run(t, newMemory(), map[string]*channel{"ops": ops})
			synctest.Wait()
			s.ledger.dieAfter(n+1, n%2 == 0)
			s.say(opened("i1"))
			s.ledger.revive()
			time.Sleep(time.Minute)
			synctest.Wait()
			equal(t, "deliveries", s.ledger.states(), []string{"i1/1 ops sent"})
			for i, m := range ops.messages() {
				if i > 0 && !m.MayExist {
					t.Errorf("dead at call %d: told again without looking", n+1)
				}
			}
		})
	}
}

func TestQueueMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := &channel{answer: func(notice.Message) (string, error) { return "", errors.New("down") }}
		s := run(t, newMemory(), map[string]*channel{"ops": ops})
		s.say(opened("i1"), opened("i2"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := gauge(t, s.reg, "thongsuot_alert_pending"); got != 2 {
			t.Errorf("pending %v, want 2", got)
		}
		if got := gauge(t, s.reg, "thongsuot_alert_oldest_pending_seconds"); got < 3585 || got > 3600 {
			t.Errorf("oldest %v s, want the last look before 3600", got)
		}
	})
}
