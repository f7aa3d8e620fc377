package ledger_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/ledger"
)

func delivery(c thongsuot.Change, receiver string) thongsuot.Delivery {
	return thongsuot.Delivery{
		Incident: c.Incident.ID, Revision: c.Incident.Revision, Receiver: receiver, Channel: "slack", Why: "operations",
		State: thongsuot.DeliveryPending, NotBefore: begin, At: begin,
	}
}

// planned is a change on record whose deliveries are planned.
func planned(t testing.TB, l *ledger.Ledger, c thongsuot.Change, ds ...thongsuot.Delivery) {
	t.Helper()
	must(t, l.Record(t.Context(), []thongsuot.Change{c}))
	must(t, l.Route(t.Context(), c, ds))
}

// states is deliveries as "incident/revision receiver state".
func states(ds []thongsuot.Delivery) (out []string) {
	for _, d := range ds {
		out = append(out, fmt.Sprintf("%s/%d %s %s", d.Incident, d.Revision, d.Receiver, d.State))
	}
	return out
}

func TestRouteTwiceIsOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := open(t, path)
	c := change("i1", 1, 0)
	d := delivery(c, "ops")
	planned(t, l, c, d)
	done := d
	done.State, done.Ref = thongsuot.DeliverySent, "1700000000.000100"
	must(t, l.Finish(t.Context(), done))
	must(t, l.Route(t.Context(), c, []thongsuot.Delivery{d, delivery(c, "chair")}))
	got, err := open(t, path).Deliveries(t.Context(), "i1")
	must(t, err)
	equal(t, "deliveries", states(got), []string{"i1/1 ops sent", "i1/1 chair pending"})
	if len(got) == 2 && got[0] != done {
		t.Errorf("read %+v\nwant %+v", got[0], done)
	}
}

func TestRouteIsAllOrNothing(t *testing.T) {
	l, _ := fresh(t)
	c := change("i1", 1, 0)
	must(t, l.Record(t.Context(), []thongsuot.Change{c}))
	stray := delivery(change("i1", 2, 0), "ops") // of a revision that is not on record
	if err := l.Route(t.Context(), c, []thongsuot.Delivery{delivery(c, "ops"), stray}); err == nil {
		t.Error("a delivery of nothing is planned")
	}
	if err := l.Route(t.Context(), change("i2", 1, 0), nil); err == nil || !strings.Contains(err.Error(), "i2/1: it is not on record") {
		t.Errorf("a change that is not on record is routed: %v", err)
	}
	out, err := l.Unrouted(t.Context(), 10)
	must(t, err)
	equal(t, "outbox", keys(out), []string{"i1/1"})
	ds, err := l.Deliveries(t.Context(), "i1")
	must(t, err)
	equal(t, "deliveries", states(ds), nil)
}

func TestDueOldestFirst(t *testing.T) {
	l, _ := fresh(t)
	for _, n := range []int{2, 1, 3} {
		c := change("i1", n, 0)
		later, sooner := delivery(c, "later"), delivery(c, "sooner")
		later.NotBefore = begin.Add(time.Hour)
		sooner.NotBefore = begin.Add(-time.Hour)
		planned(t, l, c, later, delivery(c, "now"), sooner)
	}
	f := func(now time.Time, limit int, want ...string) {
		t.Helper()
		got, err := l.Due(t.Context(), now, limit)
		must(t, err)
		equal(t, now.String(), states(got), want)
	}
	f(begin.Add(-2*time.Hour), 10)
	f(begin.Add(-time.Millisecond), 10, "i1/1 sooner pending", "i1/2 sooner pending", "i1/3 sooner pending")
	f(begin, 5, "i1/1 sooner pending", "i1/2 sooner pending", "i1/3 sooner pending", "i1/1 now pending", "i1/2 now pending")
	got, err := l.Due(t.Context(), begin.Add(366*24*time.Hour), 10_000)
	must(t, err)
	if len(got) != 9 || !got[8].NotBefore.Equal(begin.Add(time.Hour)) || got[8].Revision != 3 {
		t.Errorf("of all that waits, read %d; last %+v", len(got), got[len(got)-1])
	}
	all, err := l.Deliveries(t.Context(), "i1")
	must(t, err)
	equal(t, "by revision", states(all)[:4], []string{"i1/1 later pending", "i1/1 now pending", "i1/1 sooner pending", "i1/2 later pending"})
}

// Times are rounded down, so that what is due at an instant is due when one
// asks at that instant.
func TestDueWithinTheMillisecond(t *testing.T) {
	l, _ := fresh(t)
	c := change("i1", 1, 0)
	d := delivery(c, "ops")
	d.NotBefore = begin.Add(999_999)
	planned(t, l, c, d)
	got, err := l.Due(t.Context(), d.NotBefore, 1)
	must(t, err)
	if len(got) != 1 || got[0].NotBefore.After(d.NotBefore) {
		t.Errorf("due: %+v", got)
	}
}

func TestClaimIsForOne(t *testing.T) {
	l, _ := fresh(t)
	c := change("i1", 1, 0)
	var ds []thongsuot.Delivery
	for n := range 20 {
		ds = append(ds, delivery(c, fmt.Sprint("r", n)))
	}
	planned(t, l, c, ds...)
	claims := make([]atomic.Int32, len(ds))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n, d := range ds {
				ok, err := l.Claim(t.Context(), d)
				if err != nil {
					t.Error(err)
				}
				if ok {
					claims[n].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for n := range claims {
		if claims[n].Load() != 1 {
			t.Errorf("%s was claimed %d times", ds[n].Receiver, claims[n].Load())
		}
	}
	got, err := l.Claimed(t.Context())
	must(t, err)
	due, err := l.Due(t.Context(), begin, 100)
	must(t, err)
	if len(got) != len(ds) || len(due) != 0 {
		t.Errorf("%d claimed, %d due", len(got), len(due))
	}
	if ok, err := l.Claim(t.Context(), delivery(change("i9", 1, 0), "ops")); ok || err != nil {
		t.Errorf("claimed what was never planned: %v, %v", ok, err)
	}
}

func TestFinish(t *testing.T) {
	l, _ := fresh(t)
	c := change("i1", 1, 0)
	d := delivery(c, "ops")
	planned(t, l, c, d)
	f := func(claim bool, state thongsuot.DeliveryState, ok bool) {
		t.Helper()
		if claim {
			if got, err := l.Claim(t.Context(), d); err != nil || !got {
				t.Fatalf("claim: %v, %v", got, err)
			}
		}
		want := d
		want.State, want.Attempts, want.NotBefore, want.Ref, want.Error = state, d.Attempts+1, d.NotBefore.Add(time.Minute), "ref", "no route to host"
		want.Why, want.Uncertain = "fallback", true
		given := want
		given.At = time.Time{} // stays
		if err := l.Finish(t.Context(), given); (err == nil) != ok {
			t.Fatalf("finish as %s: %v, want it taken: %v", state, err, ok)
		}
		if !ok {
			want = d
		}
		got, err := l.Deliveries(t.Context(), "i1")
		must(t, err)
		if len(got) != 1 || got[0] != want {
			t.Errorf("read %+v\nwant %+v", got, want)
		}
		d = want
	}
	f(false, thongsuot.DeliveryPending, true)
	f(false, thongsuot.DeliveryFailed, true)
	f(false, thongsuot.DeliverySkipped, true)
	f(false, thongsuot.DeliveryPending, true)
	f(true, thongsuot.DeliveryPending, true)
	f(true, thongsuot.DeliveryFailed, true)
	f(false, thongsuot.DeliveryPending, true)
	f(true, thongsuot.DeliverySent, true)
	f(false, thongsuot.DeliverySent, true)
	f(false, thongsuot.DeliveryPending, false)
	f(false, thongsuot.DeliverySkipped, false)
	if ok, err := l.Claim(t.Context(), d); ok || err != nil {
		t.Errorf("claimed what is sent: %v, %v", ok, err)
	}
	if err := l.Finish(t.Context(), delivery(c, "nobody")); err == nil {
		t.Error("finished what was never planned")
	}
}
