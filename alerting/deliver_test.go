package alerting_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"thongsuot"
	"thongsuot/alerting/notice"
)

func TestTemporaryFailureBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		ops := &channel{answer: func(m notice.Message) (string, error) {
			if tries++; tries <= 12 {
				return "", errors.New("no route to host")
			}
			return "ref", nil
		}}
		s := run(t, newMemory(), map[string]*channel{"ops": ops})
		s.say(opened("i1"))
		if d := s.ledger.delivery(t, "i1", 1); d.Attempts != 1 || d.Error != "no route to host" {
			t.Errorf("delivery is %+v", d)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		equal(t, "deliveries", s.ledger.states(), []string{"i1/1 ops sent"})
		for i, pause := range ops.pauses() {
			longest := min(time.Second<<i, 5*time.Minute)
			if pause < longest/2 || pause > longest {
				t.Errorf("pause %d is %v, want %v to %v", i, pause, longest/2, longest)
			}
		}
		for i, m := range ops.messages() {
			if m.MayExist != (i > 0) {
				t.Errorf("try %d: MayExist is %v", i, m.MayExist)
			}
		}
		if n := strings.Count(s.log.String(), "alert not delivered"); n < 2 || n > 6 {
			t.Errorf("logged %d times:\n%s", n, s.log)
		}
		if !strings.Contains(s.log.String(), "alert channel works again") {
			t.Error("the recovery is not logged")
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		ops := &channel{answer: func(m notice.Message) (string, error) {
			if tries++; tries == 1 {
				return "", &notice.Error{RetryAfter: 42 * time.Second, Err: errors.New("slow down")}
			}
			return "ref-" + m.Incident, nil
		}}
		s := run(t, newMemory(), map[string]*channel{"ops": ops})
		s.say(opened("i1"), opened("i2"))
		time.Sleep(41 * time.Second)
		s.say(opened("i3")) // must wait too
		equal(t, "told before", ops.revisions(), []string{"i1/1"})
		time.Sleep(time.Second)
		synctest.Wait()
		if got := ops.revisions(); len(got) != 4 {
			t.Errorf("told after: %q", got)
		}
		if !s.ledger.settled() {
			t.Errorf("deliveries: %q", s.ledger.states())
		}
	})
}

func TestPoisonedDeliveryStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := &channel{answer: func(m notice.Message) (string, error) {
			switch m.Incident {
			case "panics":
				panic("nil map")
			case "refused":
				return "", &notice.Error{Class: notice.Permanent, Err: errors.New("too long")}
			case "repair":
				return "", &notice.Error{Class: notice.Configuration, Hint: "invite the bot", Err: errors.New("not in channel")}
			case "slow":
				return "", errors.New("timeout")
			}
			return "ref-" + m.Incident, nil
		}}
		s := run(t, newMemory(), map[string]*channel{"ops": ops})
		s.say(opened("panics"), opened("refused"), opened("repair"), opened("slow"), opened("good"))
		equal(t, "deliveries", s.ledger.states(), []string{
			"panics/1 ops failed", "refused/1 ops failed", "repair/1 ops pending", "slow/1 ops pending", "good/1 ops sent",
		})
		f := func(result string, want float64) {
			t.Helper()
			if got := counter(t, s.reg, "fake", result); got != want {
				t.Errorf("%s: counted %v, want %v", result, got, want)
			}
		}
		f("sent", 1)
		f("failed", 2)
		f("retried", 2)
		for _, want := range []string{`error="too long"`, `error="panic: nil map"`} {
			if !strings.Contains(s.log.String(), want) {
				t.Errorf("no %s in the log:\n%s", want, s.log)
			}
		}
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		equal(t, "a day later", s.ledger.states(), []string{
			"panics/1 ops failed", "refused/1 ops failed", "repair/1 ops failed", "slow/1 ops failed", "good/1 ops sent",
		})
	})
}

// TestConfigurationIsRetried: what the operator repairs is told then.
func TestConfigurationIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var repaired atomic.Bool
		ops := &channel{answer: func(m notice.Message) (string, error) {
			if !repaired.Load() {
				return "", &notice.Error{Class: notice.Configuration, Hint: "invite the bot", Err: errors.New("not in channel")}
			}
			return "ref", nil
		}}
		s := run(t, newMemory(), map[string]*channel{"ops": ops})
		s.say(opened("i1"))
		if !strings.Contains(s.log.String(), `hint="invite the bot"`) {
			t.Errorf("no hint in the log:\n%s", s.log)
		}
		time.Sleep(30 * time.Minute)
		repaired.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "deliveries", s.ledger.states(), []string{"i1/1 ops sent"})
	})
}

func TestFailingChannelBlocksNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		stuck := &channel{answer: func(notice.Message) (string, error) {
			<-release
			return "ref", nil
		}}
		fine := new(channel)
		s := run(t, newMemory(), map[string]*channel{"stuck": stuck, "fine": fine})
		s.say(opened("i1"))
		s.say(opened("i2"), change("i1", 2, thongsuot.ChangeWorse, silent))
		equal(t, "deliveries", slices.DeleteFunc(s.ledger.states(), func(d string) bool { return strings.Contains(d, "fine") }),
			[]string{"i1/1 stuck claimed", "i2/1 stuck pending", "i1/2 stuck pending"})
		equal(t, "fine", fine.revisions(), []string{"i1/1", "i2/1", "i1/2"})
		equal(t, "stuck", stuck.revisions(), []string{"i1/1"})
		close(release)
		synctest.Wait()
		if got := stuck.revisions(); len(got) != 3 || !s.ledger.settled() {
			t.Errorf("stuck, released: %q; %q", got, s.ledger.states())
		}
	})
}
