package alerting_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thongsuot"
	"thongsuot/alerting"
	"thongsuot/alerting/notice"
)

func TestSupersededIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := new(channel)
		ledger := newMemory()
		ledger.record(opened("i1"), change("i1", 2, thongsuot.ChangeWorse, silent), change("i1", 3, thongsuot.ChangeBetter, silent))
		run(t, ledger, map[string]*channel{"ops": ops})
		synctest.Wait()
		equal(t, "told", ops.revisions(), []string{"i1/3"})
		equal(t, "deliveries", ledger.states(), []string{"i1/1 ops superseded", "i1/2 ops superseded", "i1/3 ops sent"})
		if m := ops.messages()[0]; !m.Rouse {
			t.Error("a skipped revision that rouses must rouse in the one that stands for it")
		}
	})
}

func TestEditRousesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := new(channel)
		s := run(t, newMemory(), map[string]*channel{"ops": ops})
		s.say(opened("i1"))
		s.say(change("i1", 2, thongsuot.ChangeBetter, silent))
		if m := ops.messages()[1]; m.Rouse || m.Ref != "ref-i1" {
			t.Errorf("message is %+v", m)
		}
	})
}

func TestNeverToldDownMeansNeverToldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := &channel{answer: func(m notice.Message) (string, error) {
			return "", &notice.Error{Class: notice.Permanent, Err: errors.New("refused")}
		}}
		s := run(t, newMemory(), map[string]*channel{"ops": ops})

		s.say(opened("i1"), change("i1", 2, thongsuot.ChangeClosed, silent)) // over before anybody was told
		equal(t, "told", ops.revisions(), nil)

		off := silent
		off.State = thongsuot.StateOff
		s.say(change("i2", 1, thongsuot.ChangeOpened, off), change("i2", 2, thongsuot.ChangeClosed, off))
		equal(t, "told of off", ops.revisions(), nil)

		s.say(opened("i3")) // could not be told
		s.say(change("i3", 2, thongsuot.ChangeClosed, silent))
		// It may have arrived all the same: the channel must look, and only edit.
		got := ops.messages()
		if last := got[len(got)-1]; last.Revision != 2 || !last.EditOnly || !last.MayExist {
			t.Errorf("last message is %+v", last)
		}
		ops.answer = func(notice.Message) (string, error) { return "", nil } // looked, and found nothing
		s.say(change("i3", 3, thongsuot.ChangeRevised, silent))
		if d := s.ledger.delivery(t, "i3", 3); d.State != thongsuot.DeliverySkipped {
			t.Errorf("delivery is %+v", d)
		}
	})
}

// TestHeldIsNoExcuse: a newer revision that is held for later does not stand
// for an older one that is due; one that only waits for its next try does.
func TestHeldIsNoExcuse(t *testing.T) {
	f := func(attempts int, want ...string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ledger := newMemory()
			for revision, kind := range []thongsuot.ChangeKind{thongsuot.ChangeOpened, thongsuot.ChangeWorse} {
				c := change("i1", revision+1, kind, silent)
				ledger.record(c)
				ledger.Route(t.Context(), c, []thongsuot.Delivery{{
					Incident: "i1", Revision: revision + 1, Receiver: "ops", Channel: "fake", Why: "operations",
					State: thongsuot.DeliveryPending, At: time.Now(),
					NotBefore: time.Now().Add(time.Duration(revision) * time.Minute), Attempts: revision * attempts,
				}})
			}
			ops := new(channel)
			run(t, ledger, map[string]*channel{"ops": ops})
			time.Sleep(time.Minute)
			synctest.Wait()
			equal(t, "told", ops.revisions(), want)
		})
	}
	f(0, "i1/1", "i1/2")
	f(1, "i1/2")
}

// TestAllClearFollowsWhoWasTold: also where the filter would not let it pass.
func TestAllClearFollowsWhoWasTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, bad, communes, tests := new(channel), new(channel), new(channel), new(channel)
		s := run(t, newMemory(), map[string]*channel{"all": all, "bad": bad, "communes": communes, "tests": tests},
			alerting.Receiver{Name: "bad", MinState: thongsuot.StateDown},
			alerting.Receiver{Name: "communes", Kinds: []thongsuot.SiteKind{thongsuot.KindCommune}},
			alerting.Receiver{Name: "tests", Kinds: []thongsuot.SiteKind{thongsuot.KindTest}})
		risk, up := silent, silent
		risk.State, up.State = thongsuot.StateAtRisk, thongsuot.StateUp
		s.say(change("i1", 1, thongsuot.ChangeOpened, risk))
		equal(t, "all", all.revisions(), []string{"i1/1"})
		equal(t, "bad", bad.revisions(), nil)
		equal(t, "communes", communes.revisions(), []string{"i1/1"})
		s.say(change("i1", 2, thongsuot.ChangeWorse, silent))
		s.say(change("i1", 3, thongsuot.ChangeBetter, risk))
		s.say(change("i1", 4, thongsuot.ChangeClosed, up))
		equal(t, "all", all.revisions(), []string{"i1/1", "i1/2", "i1/3", "i1/4"})
		equal(t, "bad", bad.revisions(), []string{"i1/2", "i1/3", "i1/4"})
		equal(t, "tests", tests.revisions(), nil)
		if why := bad.messages()[1].Why; !strings.Contains(why, "đã được báo") {
			t.Errorf("below its filter, %q is told because %q", "bad", why)
		}
	})
}

// TestUnlistedSiteIsTold: a site that left the registry fits every filter.
func TestUnlistedSiteIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := new(channel)
		s := run(t, newMemory(), map[string]*channel{"ops": ops},
			alerting.Receiver{Name: "ops", Kinds: []thongsuot.SiteKind{thongsuot.KindDepartment}})
		listed, unlisted := opened("listed"), opened("unlisted")
		unlisted.Incident.Site = "99999"
		s.say(listed, unlisted)
		equal(t, "told", ops.revisions(), []string{"unlisted/1"})
	})
}

// TestNewestMessageIsEdited: the channel may have had to begin a new one.
func TestNewestMessageIsEdited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := &channel{answer: func(m notice.Message) (string, error) {
			return fmt.Sprint("ref-", min(m.Revision, 2)), nil
		}}
		s := run(t, newMemory(), map[string]*channel{"ops": ops})
		begin := time.Now()
		for revision, kind := range []thongsuot.ChangeKind{thongsuot.ChangeOpened, thongsuot.ChangeWorse, thongsuot.ChangeCause, thongsuot.ChangeClosed} {
			s.say(change("i1", revision+1, kind, silent))
			time.Sleep(time.Minute)
		}
		var refs []string
		for _, m := range ops.messages() {
			refs = append(refs, m.Ref)
			if !m.Earliest.Equal(begin) {
				t.Errorf("revision %d: earliest is %v, want %v", m.Revision, m.Earliest, begin)
			}
		}
		equal(t, "edited", refs, []string{"", "ref-1", "ref-2", "ref-2"})
	})
}

func TestWithoutReceiversNothingPilesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := run(t, newMemory(), nil)
		s.say(opened("i1"))
		if s.Configured() || !s.ledger.settled() || len(s.ledger.states()) != 0 {
			t.Errorf("configured %v, deliveries %q", s.Configured(), s.ledger.states())
		}
	})
}

func TestReceiverThatIsGoneIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := newMemory()
		waiting := &channel{answer: func(notice.Message) (string, error) { return "", errors.New("down") }}
		s := run(t, ledger, map[string]*channel{"old": waiting})
		s.say(opened("i1"))
		s.stop()
		run(t, ledger, map[string]*channel{"new": new(channel)})
		synctest.Wait()
		equal(t, "deliveries", ledger.states(), []string{"i1/1 old failed"})
	})
}
