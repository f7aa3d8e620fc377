package incident_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

// line is what an agent measures of its line, round by round.
type line struct {
	s                        *scene
	rng                      *rand.Rand
	gatewayLoss, hopLoss     float64
	loss                     float64
	hop                      bool          // the carrier's hop is asked
	gatewayRTT, hopRTT, rtt  time.Duration // to gateway, hop and reference
	firstByte, bulk, connect time.Duration // of the portal
	spread                   float64       // of ln delay
}

func newLine(t *testing.T) *line {
	return &line{
		s: newScene(t).run(time.Minute), rng: rand.New(rand.NewPCG(1, 2)), hop: true, spread: 0.2,
		gatewayRTT: time.Millisecond, hopRTT: 6 * time.Millisecond, rtt: 20 * time.Millisecond,
		firstByte: 150 * time.Millisecond, bulk: 120 * time.Millisecond, connect: 22 * time.Millisecond,
	}
}

func (l *line) about(d time.Duration) float64 {
	return d.Seconds() * math.Exp(l.spread*l.rng.NormFloat64())
}

func (l *line) echo(name string, rtt time.Duration, loss float64) thongsuot.Result {
	received := 0.0
	for range 5 {
		if l.rng.Float64() >= loss {
			received++
		}
	}
	r := result(name, thongsuot.ProbeICMP, thongsuot.ReasonOK)
	r.Fields = []thongsuot.Field{{Name: thongsuot.FieldSent, Value: 5}, {Name: thongsuot.FieldReceived, Value: received}}
	if received == 0 {
		r.Reason = thongsuot.ReasonTimeout
	} else {
		r.Fields = append(r.Fields, thongsuot.Field{Name: thongsuot.FieldRTTMedian, Value: l.about(rtt)})
	}
	return r
}

// run lets d pass with a round every ten seconds and the portal every minute.
func (l *line) run(d time.Duration) *line {
	for end := l.s.now.Add(d); l.s.now.Before(end); {
		l.s.run(10 * time.Second)
		rs := []thongsuot.Result{l.echo("gateway", l.gatewayRTT, l.gatewayLoss), l.echo("reference", l.rtt, l.loss), ok("resolver", thongsuot.ProbeDNS)}
		if l.hop {
			rs = append(rs, l.echo("hop", l.hopRTT, l.hopLoss))
		}
		if l.s.now.Sub(t0)%time.Minute == 0 {
			p := ok("portal", thongsuot.ProbePortal)
			p.Fields = []thongsuot.Field{
				{Name: thongsuot.FieldConnect, Value: l.about(l.connect)}, {Name: thongsuot.FieldTTFB, Value: l.about(l.firstByte)},
				{Name: thongsuot.FieldTLS, Value: l.about(l.bulk)}, {Name: thongsuot.FieldTransfer, Value: 0.01},
			}
			rs = append(rs, p)
		}
		l.s.write(0, rs...)
	}
	return l
}

func TestLossyLineIsNamed(t *testing.T) {
	l := newLine(t).run(10 * time.Minute)
	began := l.s.now
	l.loss, l.hopLoss = .5, .5
	l.run(time.Minute).s.want("opened degraded access medium")
	l.loss, l.hopLoss = 0, 0
	l.run(5 * time.Minute)
	c := l.s.changes[len(l.s.changes)-1]
	if c.Kind != thongsuot.ChangeClosed || c.Incident.Start.Sub(began) > 30*time.Second || c.Incident.End.Sub(began) > 70*time.Second {
		t.Errorf("from %s to %s after the loss began: %+v", c.Incident.Start.Sub(began), c.Incident.End.Sub(began), c)
	}
	e := c.Incident.Verdict.Evidence
	if !slices.ContainsFunc(e, func(e thongsuot.Evidence) bool { return e.Code == thongsuot.EvidenceTargetLossy && e.Value > .3 }) {
		t.Errorf("evidence %+v", e)
	}
}

func TestWhereTheLossBegins(t *testing.T) {
	f := func(gateway, hop, loss float64, asksHop bool, want string) {
		t.Helper()
		l := newLine(t)
		l.hop = asksHop
		l.run(5 * time.Minute)
		l.gatewayLoss, l.hopLoss, l.loss = gateway, hop, loss
		l.run(2 * time.Minute).s.want("opened degraded " + want)
	}
	f(0, .4, .4, true, "access medium")
	f(0, 0, .4, true, "upstream medium")
	f(0, 0, .4, false, "access medium")
	f(.4, .4, .5, true, "lan medium")
}

// Little loss that goes on is told after ten minutes of it; hardly any is not.
func TestSpreadLoss(t *testing.T) {
	l := newLine(t)
	l.loss, l.hopLoss = .002, .002
	l.run(12 * time.Hour).s.want()
	l.loss, l.hopLoss = .06, .06
	l.run(time.Hour)
	if len(l.s.changes) == 0 {
		t.Error("an hour of 6 % loss is not told")
	}
}

// Bursts that heal by themselves make the line's loss be told later, for a week.
func TestBurstyLineIsGivenTime(t *testing.T) {
	l := newLine(t).run(5 * time.Minute)
	told := 0
	for range 12 {
		l.loss = .6
		l.run(50 * time.Second)
		l.loss = 0
		l.run(10 * time.Minute)
		told += len(l.s.changes)
		l.s.changes = nil
	}
	if told > 4 {
		t.Errorf("%d changes for twelve bursts of 50 s", told)
	}
	l.loss = .6
	l.run(4 * time.Minute).s.want("opened degraded upstream medium")
}

func TestSlowLine(t *testing.T) {
	f := func(change func(*line), want string) {
		t.Helper()
		l := newLine(t).run(2 * time.Hour)
		l.s.want()
		change(l)
		l.run(20 * time.Minute)
		if len(l.s.changes) == 0 {
			t.Errorf("not told, want %s", want)
			return
		}
		l.s.changes = l.s.changes[len(l.s.changes)-1:]
		l.s.want(want)
		l.rtt, l.hopRTT, l.gatewayRTT, l.connect = 20*time.Millisecond, 6*time.Millisecond, time.Millisecond, 22*time.Millisecond
		l.firstByte, l.bulk = 150*time.Millisecond, 120*time.Millisecond
		l.run(time.Hour)
		if c := l.s.changes[len(l.s.changes)-1]; c.Kind != thongsuot.ChangeClosed {
			t.Errorf("%s: not over after an hour: %+v", want, c)
		}
	}
	f(func(l *line) {
		l.rtt, l.hopRTT, l.connect = 60*time.Millisecond, 46*time.Millisecond, 62*time.Millisecond
	}, "opened degraded access high")
	f(func(l *line) { l.rtt, l.connect = 80*time.Millisecond, 82*time.Millisecond }, "opened degraded upstream medium")
	f(func(l *line) {
		l.rtt, l.hopRTT, l.gatewayRTT = 80*time.Millisecond, 66*time.Millisecond, 60*time.Millisecond
	}, "opened degraded lan medium")
	f(func(l *line) { l.firstByte = 1500 * time.Millisecond }, "opened degraded portal medium")
	f(func(l *line) { l.bulk = 1800 * time.Millisecond }, "opened degraded access medium")
}

// A rise by half, or of a few milliseconds, is no matter for anybody.
func TestSmallRiseIsNoNews(t *testing.T) {
	l := newLine(t).run(2 * time.Hour)
	l.rtt, l.hopRTT = 30*time.Millisecond, 15*time.Millisecond
	l.run(2 * time.Hour).s.want()
}

// Evenings are slower than mornings, and known to be.
func TestUsualIsOfTheHour(t *testing.T) {
	l := newLine(t)
	day := func() {
		for h := range 24 {
			l.rtt = 20 * time.Millisecond
			if h >= 11 && h < 15 {
				l.rtt = 50 * time.Millisecond
			}
			l.run(time.Hour)
		}
	}
	day()
	l.s.changes = nil // the first evening may be news
	day()
	day()
	l.s.want()
}

func TestPortalIsSlowByVote(t *testing.T) {
	list := []thongsuot.Site{
		commune("40001", "vnpt", "a", ""), commune("40002", "viettel", "b", ""), commune("40003", "vnpt", "a", ""),
		{Code: "ref-1", Kind: thongsuot.KindReference, Status: thongsuot.StatusActive},
	}
	p := newProvince(t, always, list...)
	ask := func(firstByte float64) {
		for _, code := range p.sites {
			r := ok("portal", thongsuot.ProbePortal)
			r.At = p.now
			r.Fields = []thongsuot.Field{
				{Name: thongsuot.FieldConnect, Value: .02}, {Name: thongsuot.FieldTTFB, Value: firstByte},
				{Name: thongsuot.FieldTLS, Value: .1}, {Name: thongsuot.FieldTransfer, Value: .01},
			}
			p.add(p.e.Observe(incident.Observation{Site: code, At: p.now, Start: 1, Boot: "b", Results: []thongsuot.Result{r}}))
		}
	}
	for range 60 {
		p.run(time.Minute)
		ask(.2)
	}
	for range 6 {
		p.run(time.Minute)
		ask(3)
	}
	for _, code := range p.sites[:3] {
		p.want(code, "degraded portal high")
	}
}

// An outage of a site that was slow before lasts until its end, though what was
// slow is so no longer since before the outage.
func TestOutageOfASlowSite(t *testing.T) {
	l := newLine(t).run(2 * time.Hour)
	l.firstByte = 1500 * time.Millisecond
	l.run(20 * time.Minute)
	l.firstByte = 150 * time.Millisecond
	l.run(3 * time.Minute)
	l.s.mute = true
	l.s.run(6 * time.Minute)
	l.s.mute = false
	back := l.s.now
	l.run(time.Hour)
	last := l.s.changes[len(l.s.changes)-1]
	if last.Incident.Worst != thongsuot.StateDown || last.Incident.End.Before(back) {
		t.Errorf("back at %s, %+v", back, last)
	}
}
