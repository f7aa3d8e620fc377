package alerting_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/alerting"
	"thongsuot/alerting/notice"
)

// named is a channel under a name of its own.
type named struct {
	*channel
	name string
}

func (n named) Name() string { return n.name }

// blind is what a channel does that can neither edit nor look: ok says whether
// this try works.
func blind(ok func() bool) func(notice.Message) (string, error) {
	return func(m notice.Message) (string, error) {
		if !m.Wanted() {
			return "", nil
		}
		if !ok() {
			return "", errors.New("no route to host")
		}
		return "ref-" + m.Incident, nil
	}
}

// arrived are the messages that got through, as "incident kind".
func arrived(c *channel, ok func(notice.Message) bool) (out []string) {
	for _, m := range c.messages() {
		if ok(m) {
			out = append(out, m.Incident+" "+string(m.Kind))
		}
	}
	return out
}

// TestTeamFallback: what a team's channel fails to say three times goes to its
// fallback, and so does the end; otherwise the fallback hears nothing.
func TestTeamFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		ops := &channel{answer: blind(func() bool { return !broken })}
		spare := &channel{answer: blind(func() bool { return true })}
		s := run(t, newMemory(), map[string]*channel{"ops": ops, "spare": spare}, alerting.Receiver{Name: "ops", Fallback: "spare"})
		s.say(opened("i1"))
		equal(t, "at once", spare.revisions(), nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "after a minute", spare.revisions(), []string{"i1/1"})
		s.say(change("i1", 2, thongsuot.ChangeClosed, silent))
		time.Sleep(time.Minute)
		broken = false
		s.say(opened("i2"))
		time.Sleep(time.Hour)
		synctest.Wait()
		equal(t, "in the end", spare.revisions(), []string{"i1/1", "i1/2"})
		if why := spare.messages()[0].Why; !strings.Contains(why, "gửi thay") {
			t.Errorf("%s", why)
		}
		if !s.ledger.settled() {
			t.Errorf("left over: %q", s.ledger.states())
		}
	})
}

// TestChairFallback: the next channel says it in place of the first, once, and
// the end too where the first fails only then.
func TestChairFallback(t *testing.T) {
	for _, when := range []string{"both", "end"} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Date(2000, 1, 3, 9, 0, 0, 0, zone)))
			broken := when == "both"
			sms := named{&channel{answer: blind(func() bool { return !broken })}, "sms"}
			mail := named{&channel{answer: blind(func() bool { return true })}, "email"}
			person := office
			person.Email = "vanphong@sondien.example"
			p := places{people: map[string][]thongsuot.Person{"25051": {person}}}
			ledger := newMemory()
			d := alerting.New(alerting.DefaultConfig(), map[string][]alerting.Notifier{"chair": {sms, mail}}, ledger,
				func() alerting.Places { return p }, zone, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			background(t, d.Run)
			down := verdict(thongsuot.StateDown, thongsuot.CauseAccess)
			begin := time.Now()
			ledger.record(trouble("i1", begin, 1, thongsuot.ChangeOpened, down))
			time.Sleep(10 * time.Minute)
			broken = true
			ledger.record(trouble("i1", begin, 2, thongsuot.ChangeClosed, down))
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			want := []string{"i1 opened", "i1 closed"}
			got := arrived(mail.channel, notice.Message.Wanted)
			if when == "end" {
				got = append(arrived(sms.channel, func(m notice.Message) bool { return m.Kind == thongsuot.ChangeOpened }), got...)
			}
			equal(t, "told", got, want)
			if m := mail.messages()[0]; m.To != person.Email {
				t.Errorf("to %s", m.To)
			}
			if !ledger.settled() {
				t.Errorf("left over: %q", ledger.states())
			}
		})
	}
}

// wire is a channel that sometimes fails before, sometimes after the message
// arrived, and knows what did arrive.
type wire struct {
	random *rand.Rand
	got    map[string][]int // revisions that arrived, by incident
	ends   map[string]bool
	bad    []string
}

func (w *wire) answer(m notice.Message) (string, error) {
	if !m.Wanted() {
		return "", nil
	}
	luck := w.random.IntN(10)
	if luck < 2 {
		return "", errors.New("no route to host")
	}
	before := w.got[m.Incident]
	if !m.Open && len(before) == 0 {
		w.bad = append(w.bad, m.Incident+": told of the end of what was not told")
	}
	if slices.Contains(before, m.Revision) && !m.MayExist {
		w.bad = append(w.bad, fmt.Sprintf("%s/%d: told twice without knowing", m.Incident, m.Revision))
	}
	if len(before) > 0 && m.Revision < slices.Max(before) {
		w.bad = append(w.bad, fmt.Sprintf("%s/%d: told after %v", m.Incident, m.Revision, before))
	}
	w.got[m.Incident] = append(before, m.Revision)
	w.ends[m.Incident] = w.ends[m.Incident] || !m.Open
	if luck < 4 {
		return "", &notice.Error{Uncertain: true, RetryAfter: 15 * time.Minute, Err: errors.New("no answer")}
	}
	return "ref-" + m.Incident, nil
}

// TestInvariants: incidents that come, change and go at random, over a channel
// that fails at random, with the program killed at random. Who was told of an
// incident is told of its end, who was not is not; nothing is left over.
func TestInvariants(t *testing.T) {
	told := 0
	defer func() {
		if told < 50 {
			t.Errorf("only %d incidents were told: the test says little", told)
		}
	}()
	for seed := range uint64(25) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			w := &wire{random: random, got: map[string][]int{}, ends: map[string]bool{}}
			h := open(t, newMemory(), "07:30", 0)
			h.ops.answer, h.chair.answer = nil, w.answer
			states := []thongsuot.State{thongsuot.StateDown, thongsuot.StateAtRisk, thongsuot.StateDegraded, thongsuot.StateDown}
			type run struct {
				begin time.Time
				next  int
				ended bool
			}
			runs := map[string]*run{}
			for step := range 60 {
				id := fmt.Sprintf("i%d", random.IntN(6))
				r := runs[id]
				if r == nil {
					r = &run{begin: time.Now(), next: 1}
					runs[id] = r
				}
				kind := thongsuot.ChangeCause
				switch {
				case r.ended:
					kind = thongsuot.ChangeRevised
				case r.next == 1:
					kind = thongsuot.ChangeOpened
				case random.IntN(4) == 0:
					kind, r.ended = thongsuot.ChangeClosed, true
				}
				v := verdict(states[random.IntN(len(states))], thongsuot.CauseAccess)
				c := trouble(id, r.begin, r.next, kind, v)
				r.next++
				if random.IntN(5) == 0 {
					h.ledger.dieAfter(1+random.IntN(12), step%2 == 0)
				}
				h.say(c)
				time.Sleep(time.Duration(random.IntN(600)) * time.Second)
				h.stop()
				h.ledger.revive()
				h.enter(t, h.ledger, 0)
			}
			for id, r := range runs {
				if !r.ended {
					h.say(trouble(id, r.begin, r.next, thongsuot.ChangeClosed, verdict(thongsuot.StateDown, thongsuot.CauseAccess)))
				}
			}
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			told += len(w.got)
			for id, revisions := range w.got {
				if !w.ends[id] {
					w.bad = append(w.bad, fmt.Sprintf("%s: told of %v and not of the end", id, revisions))
				}
			}
			if len(w.bad) > 0 || !h.ledger.settled() {
				t.Errorf("seed %d: %q; settled %v", seed, w.bad, h.ledger.settled())
			}
		})
	}
}
