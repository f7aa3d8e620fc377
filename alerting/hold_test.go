package alerting_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/alerting"
	"thongsuot/alerting/notice"
)

// office is the chair's office of Sơn Điền.
var office = thongsuot.Person{Site: "25051", Role: thongsuot.RoleChair, Office: "Văn phòng UBND", Phone: "0263000567"}

// hall is a dispatcher with operations and the chairs of a registry, at a
// moment of Monday, 3 January 2000.
type hall struct {
	*scene
	ops, chair *channel
	places     *places
}

// open starts a hall in a bubble.
func open(t *testing.T, ledger *memory, clock string, budget int) *hall {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04", "2000-01-03 "+clock, zone)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(at))
	h := &hall{ops: new(channel), chair: new(channel), places: &places{people: map[string][]thongsuot.Person{"25051": {office}}}}
	h.enter(t, ledger, budget)
	return h
}

// enter starts a dispatcher anew.
func (h *hall) enter(t *testing.T, ledger *memory, budget int) {
	t.Helper()
	cfg := alerting.DefaultConfig()
	cfg.Receivers = []alerting.Receiver{{Name: "ops"}}
	cfg.Chairs.Budget = budget
	h.scene = &scene{ledger: ledger, reg: prometheus.NewRegistry(), log: new(journal)}
	h.Dispatcher = alerting.New(cfg, map[string][]alerting.Notifier{"ops": {h.ops}, "chair": {h.chair}}, ledger,
		func() alerting.Places { return *h.places }, zone, slog.New(slog.NewTextHandler(h.log, nil)), h.reg)
	h.stop = background(t, h.Run)
}

// trouble is a revision of an incident at Sơn Điền that began now ago before
// its first revision is said.
func trouble(id string, start time.Time, revision int, kind thongsuot.ChangeKind, v thongsuot.Verdict) thongsuot.Change {
	c := thongsuot.Change{Kind: kind, At: time.Now(), Incident: thongsuot.Incident{
		ID: id, Site: "25051", Start: start, Verdict: v, Worst: v.State, Revision: revision,
	}}
	if kind == thongsuot.ChangeClosed || kind == thongsuot.ChangeRevised {
		c.Incident.End = time.Now()
		c.Incident.Verdict.State = thongsuot.StateUp
	}
	return c
}

func verdict(state thongsuot.State, cause thongsuot.Cause, evidence ...thongsuot.Evidence) thongsuot.Verdict {
	return thongsuot.Verdict{State: state, Cause: cause, Confidence: thongsuot.ConfidenceHigh, Evidence: evidence}
}

// TestWhoIsTold: each kind of verdict, at ten in the morning, that lasts for
// three hours: after how long operations and the chair are told of it.
func TestWhoIsTold(t *testing.T) {
	const never = time.Duration(-1)
	vote := thongsuot.Evidence{Code: thongsuot.EvidencePortalVote, Value: .9}
	battery := func(runtime float64) thongsuot.Evidence {
		return thongsuot.Evidence{Code: thongsuot.EvidenceOnBattery, Value: runtime}
	}
	planned := verdict(thongsuot.StateDown, thongsuot.CausePower)
	planned.Planned = true
	f := func(v thongsuot.Verdict, ops, chair time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			h := open(t, newMemory(), "10:00", 0)
			begin := time.Now()
			h.say(trouble("i1", begin, 1, thongsuot.ChangeOpened, v))
			time.Sleep(80 * time.Minute)
			synctest.Wait()
			for _, w := range []struct {
				who  string
				c    *channel
				want time.Duration
			}{{"operations", h.ops, ops}, {"the chair", h.chair, chair}} {
				w.c.mu.Lock()
				got := never
				if len(w.c.at) > 0 {
					got = w.c.at[0].Sub(begin)
				}
				n := len(w.c.at)
				w.c.mu.Unlock()
				if got != w.want || n > 1 {
					t.Errorf("%s %s: %s told %d times, first after %v, want %v", v.State, v.Cause, w.who, n, got, w.want)
				}
			}
		})
	}
	for _, cause := range []thongsuot.Cause{thongsuot.CausePower, thongsuot.CauseLAN, thongsuot.CauseAccess, thongsuot.CauseUpstream, thongsuot.CauseUnknown} {
		f(verdict(thongsuot.StateDown, cause), 0, 5*time.Minute)
	}
	f(verdict(thongsuot.StateAtRisk, thongsuot.CausePower, battery(0)), 2*time.Second, time.Minute)
	f(verdict(thongsuot.StateAtRisk, thongsuot.CausePower, battery(120)), 2*time.Second, 30*time.Second)
	f(verdict(thongsuot.StateAtRisk, thongsuot.CausePower, battery(540), thongsuot.Evidence{Code: thongsuot.EvidenceLowBattery}), 0, 0)
	f(verdict(thongsuot.StateDegraded, thongsuot.CauseAccess), 0, 30*time.Minute)
	f(verdict(thongsuot.StateDegraded, thongsuot.CausePortal), 0, never)
	f(verdict(thongsuot.StateDown, thongsuot.CausePortal), 0, never) // one site alone says little of the portal
	f(verdict(thongsuot.StateDown, thongsuot.CausePortal, vote), 0, 5*time.Minute)
	f(planned, 0, never)
	for _, cause := range []thongsuot.Cause{thongsuot.CauseAgent, thongsuot.CauseHost, thongsuot.CauseCentral} {
		f(verdict(thongsuot.StateUnknown, cause), 0, never)
	}
	f(verdict(thongsuot.StateOff, thongsuot.CausePower), never, never)
	f(verdict(thongsuot.StateUp, thongsuot.CauseNone), never, never)
}

// TestShortOutage: over before the hold is, the chair hears nothing of it, nor
// of a self-test of two seconds does anybody.
func TestShortOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, newMemory(), "10:00", 0)
		begin := time.Now()
		down, risk := verdict(thongsuot.StateDown, thongsuot.CauseAccess), verdict(thongsuot.StateAtRisk, thongsuot.CausePower)
		h.say(trouble("line", begin, 1, thongsuot.ChangeOpened, down), trouble("test", begin, 1, thongsuot.ChangeOpened, risk))
		time.Sleep(time.Second)
		h.say(trouble("test", begin, 2, thongsuot.ChangeClosed, risk))
		time.Sleep(4 * time.Minute)
		h.say(trouble("line", begin, 2, thongsuot.ChangeClosed, down))
		time.Sleep(time.Hour)
		synctest.Wait()
		equal(t, "operations", h.ops.revisions(), []string{"line/1", "line/2"})
		equal(t, "the chair", h.chair.revisions(), nil)
		if !h.ledger.settled() {
			t.Errorf("left over: %q", h.ledger.states())
		}
	})
}

// TestNewestIsTold: when the hold is over the chair reads what is held then.
func TestNewestIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, newMemory(), "10:00", 0)
		begin := time.Now()
		h.say(trouble("i1", begin, 1, thongsuot.ChangeOpened, silent), trouble("i2", begin, 1, thongsuot.ChangeOpened, silent))
		time.Sleep(2 * time.Minute)
		h.say(trouble("i1", begin, 2, thongsuot.ChangeCause, verdict(thongsuot.StateDown, thongsuot.CausePower)),
			trouble("i2", begin, 2, thongsuot.ChangeCause, verdict(thongsuot.StateUnknown, thongsuot.CauseAgent)))
		time.Sleep(time.Hour)
		h.say(trouble("i1", begin, 3, thongsuot.ChangeCause, silent)) // changes of mind alone rouse no chair
		synctest.Wait()
		equal(t, "the chair", h.chair.revisions()[:1], []string{"i1/2"})
		m := h.chair.messages()[0]
		if !strings.Contains(m.Summary, "Kính gửi đồng chí Chủ tịch UBND xã Sơn Điền: ") || !strings.Contains(m.Summary, "mất điện") || m.To != office.Phone || !m.Rouse {
			t.Errorf("%+v", m)
		}
		for _, m := range h.chair.messages()[1:] {
			if m.Rouse {
				t.Errorf("roused by %+v", m)
			}
		}
	})
}

// TestOfficeHours: what begins in the evening and goes on is told in the
// morning, and so is the end of what was told; what ends by night is not told.
func TestOfficeHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, newMemory(), "17:30", 0)
		begin := time.Now()
		down := verdict(thongsuot.StateDown, thongsuot.CauseAccess)
		h.say(trouble("told", begin, 1, thongsuot.ChangeOpened, down)) // 17:35 is within the half hour
		time.Sleep(time.Hour)
		h.say(trouble("told", begin, 2, thongsuot.ChangeClosed, down),
			trouble("stays", time.Now(), 1, thongsuot.ChangeOpened, down), trouble("goes", time.Now(), 1, thongsuot.ChangeOpened, down))
		time.Sleep(time.Hour)
		h.say(trouble("goes", begin, 2, thongsuot.ChangeClosed, down))
		equal(t, "by night", h.chair.revisions(), []string{"told/1"})
		time.Sleep(12 * time.Hour)
		synctest.Wait()
		equal(t, "in the morning", h.chair.revisions(), []string{"told/1", "stays/1", "told/2"})
		h.chair.mu.Lock()
		defer h.chair.mu.Unlock()
		if got := h.chair.at[1].In(zone).Format("02 15:04"); got != "04 07:00" {
			t.Errorf("told at %s", got)
		}
	})
}

// TestPlannedWork: an announced cut is not told to the chair, but that it
// overruns, and then how it ends.
func TestPlannedWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, newMemory(), "08:00", 0)
		begin := time.Now()
		h.places.windows = []thongsuot.Window{{
			Sites: []string{"25051"}, Cause: thongsuot.CausePower, Start: begin.Add(-time.Hour), End: begin.Add(2 * time.Hour), Source: "EVN",
		}}
		cut, line := verdict(thongsuot.StateDown, thongsuot.CausePower), verdict(thongsuot.StateDown, thongsuot.CauseAccess)
		h.say(trouble("cut", begin, 1, thongsuot.ChangeOpened, cut))
		time.Sleep(time.Hour)
		h.say(trouble("line", time.Now(), 1, thongsuot.ChangeOpened, line)) // something else
		time.Sleep(89 * time.Minute)
		equal(t, "within", h.chair.revisions(), []string{"line/1"})
		time.Sleep(2 * time.Minute)
		h.say(trouble("cut", begin, 2, thongsuot.ChangeClosed, cut))
		equal(t, "after", h.chair.revisions(), []string{"line/1", "cut/1", "cut/2"})
		if m := h.chair.messages()[1]; !strings.Contains(m.Summary, "Đã quá giờ dự kiến khôi phục theo lịch báo trước (10 giờ 00 phút, ngày 03/01/2000)") {
			t.Errorf("%s", m.Summary)
		}
	})
}

// TestHoldSurvivesRestart: the hold goes on where it was.
func TestHoldSurvivesRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, newMemory(), "10:00", 0)
		begin := time.Now()
		h.say(trouble("i1", begin, 1, thongsuot.ChangeOpened, silent))
		time.Sleep(3 * time.Minute)
		h.stop()
		time.Sleep(time.Minute)
		h.enter(t, h.ledger, 0)
		time.Sleep(time.Minute - time.Second)
		synctest.Wait()
		equal(t, "too early", h.chair.revisions(), nil)
		time.Sleep(time.Second)
		synctest.Wait()
		equal(t, "on time", h.chair.revisions(), []string{"i1/1"})
	})
}

// TestBudget: a chair has so many messages a day, then one summary.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, newMemory(), "08:00", 4)
		down := verdict(thongsuot.StateDown, thongsuot.CauseAccess)
		for n := range 5 {
			begin := time.Now()
			id := fmt.Sprintf("i%d", n)
			h.say(trouble(id, begin, 1, thongsuot.ChangeOpened, down))
			time.Sleep(10 * time.Minute)
			h.say(trouble(id, begin, 2, thongsuot.ChangeClosed, down))
			time.Sleep(10 * time.Minute)
		}
		h.say(trouble("stays", time.Now(), 1, thongsuot.ChangeOpened, down), trouble("stays too", time.Now(), 1, thongsuot.ChangeOpened, down))
		time.Sleep(5 * time.Hour)
		equal(t, "by day", h.chair.revisions(), []string{"i0/1", "i0/2", "i1/1", "i1/2"})
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		got := h.chair.messages()
		if len(got) != 5 || len(got[4].Lines) != 2 || !strings.Contains(got[4].Title, "Tóm tắt") {
			t.Fatalf("in the evening: %q: %+v", h.chair.revisions(), got[len(got)-1])
		}
		h.say(trouble("late", time.Now().Add(-time.Hour), 1, thongsuot.ChangeOpened, down))
		time.Sleep(10 * time.Hour)
		equal(t, "by night", h.chair.revisions()[5:], nil)
		time.Sleep(4 * time.Hour)
		synctest.Wait()
		equal(t, "the next day", h.chair.revisions()[5:], []string{"late/1"})
	})
}

// TestSlowOnceADay: a slow line is told once a day.
func TestSlowOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, newMemory(), "08:00", 0)
		slow := verdict(thongsuot.StateDegraded, thongsuot.CauseAccess)
		for n := range 2 {
			begin := time.Now()
			id := fmt.Sprintf("i%d", n)
			h.say(trouble(id, begin, 1, thongsuot.ChangeOpened, slow))
			time.Sleep(40 * time.Minute)
			h.say(trouble(id, begin, 2, thongsuot.ChangeClosed, slow))
			time.Sleep(time.Minute)
		}
		equal(t, "the chair", h.chair.revisions(), []string{"i0/1", "i0/2"})
	})
}

// TestRegionalCut: 20 communes on one route are one message to operations, and
// at most two to each chair: what is wrong, and that it is over.
func TestRegionalCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, newMemory(), "09:00", 4)
		begin := time.Now()
		region := thongsuot.Region{Kind: thongsuot.RegionUpstream, Name: "Di Linh"}
		whole := thongsuot.Change{Kind: thongsuot.ChangeOpened, At: begin, Incident: thongsuot.Incident{
			ID: "whole", Region: region, Start: begin, Revision: 1, Verdict: verdict(thongsuot.StateDown, thongsuot.CauseUpstream),
		}}
		var parts []thongsuot.Change
		for n := range 20 {
			code := fmt.Sprintf("2%04d", n)
			h.places.people[code] = []thongsuot.Person{{Site: code, Role: thongsuot.RoleChair, Office: "Văn phòng UBND", Phone: "02630" + code}}
			c := trouble("part-"+code, begin, 1, thongsuot.ChangeOpened, whole.Incident.Verdict)
			c.Incident.Site, c.Incident.Region, c.Incident.Part = code, region, "whole"
			whole.Incident.Members = append(whole.Incident.Members, thongsuot.Member{Site: code, Incident: c.Incident.ID, From: begin})
			parts = append(parts, c)
		}
		h.say(append(parts, whole)...)
		time.Sleep(30 * time.Minute)
		for n := range parts {
			parts[n].Kind, parts[n].Incident.Revision, parts[n].Incident.End = thongsuot.ChangeClosed, 2, time.Now()
			whole.Kind, whole.Incident.Revision = thongsuot.ChangeMembers, n+2
			if n == len(parts)-1 {
				whole.Kind, whole.Incident.End = thongsuot.ChangeClosed, time.Now()
			}
			h.say(parts[n], whole)
			time.Sleep(time.Minute)
		}
		calls := 0
		for _, m := range h.ops.messages() {
			if m.Incident != "whole" {
				t.Errorf("operations are told of %s", m.Incident)
			}
			if m.Rouse {
				calls++
			}
		}
		if calls != 2 {
			t.Errorf("operations are called %d times", calls)
		}
		told := map[string]int{}
		for _, m := range h.chair.messages() {
			told[m.To]++
			if m.Kind == thongsuot.ChangeOpened && !strings.Contains(m.Summary, "Nhiều nơi trong khu vực cùng mất kết nối") {
				t.Errorf("%s", m.Summary)
			}
		}
		if len(told) != 20 {
			t.Errorf("%d chairs told", len(told))
		}
		for to, n := range told {
			if n != 2 {
				t.Errorf("%s told %d times", notice.Mask(to), n)
			}
		}
	})
}
