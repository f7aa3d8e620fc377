package incident_test

import (
	"fmt"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

func onBattery(r thongsuot.Result) thongsuot.Result {
	r.Fields = []thongsuot.Field{{Name: thongsuot.FieldOnline, Value: 0}, {Name: thongsuot.FieldOnBattery, Value: 1}}
	return r
}

// A modem that is not behind the UPS dies with mains: the site is silent before
// it can say that it is on battery, and its spool tells.
func TestModemThatDiedWithMainsIsPower(t *testing.T) {
	s := newScene(t)
	s.beat = incident.Beat{MainsPresent: true}
	s.run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(10 * time.Minute).want("opened down access medium")
	s.mute = false
	s.run(5*time.Second).write(0, healthy()...)
	s.write(10*time.Minute+2*time.Second, onBattery(ok("ups", thongsuot.ProbeUPS)))
	for ago := 10 * time.Second; ago < 10*time.Minute; ago += 10 * time.Second {
		s.write(ago, result("gateway", thongsuot.ProbeICMP, thongsuot.ReasonTimeout), result("resolver", thongsuot.ProbeDNS, thongsuot.ReasonDNSTimeout))
	}
	s.run(time.Minute).want("closed down access medium", "revised down power/network_gear_unpowered high")
}

// Mains that went long after the line did not take it along.
func TestMainsThatWentLaterAreNotTheCause(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(30 * time.Minute)
	s.mute = false
	s.run(5*time.Second).write(0, healthy()...)
	s.write(10*time.Minute, onBattery(ok("ups", thongsuot.ProbeUPS)))
	for ago := 10 * time.Second; ago < 30*time.Minute; ago += 10 * time.Second {
		s.write(ago, result("gateway", thongsuot.ProbeICMP, thongsuot.ReasonTimeout), result("resolver", thongsuot.ProbeDNS, thongsuot.ReasonDNSTimeout))
	}
	s.run(time.Minute).want("opened down unknown low", "closed down unknown low", "revised down lan high")
}

// A line with bursts of loss is given time where it is asked often, as it is
// with its beats.
func TestRunsOfFailuresThatHealedMakePatient(t *testing.T) {
	reference := func(s *scene, reason thongsuot.Reason, times int) *scene {
		for range times {
			s.run(10*time.Second).write(0, ok("gateway", thongsuot.ProbeICMP), ok("resolver", thongsuot.ProbeDNS), result("reference", thongsuot.ProbeICMP, reason))
		}
		return s
	}
	s := newScene(t)
	reference(s, thongsuot.ReasonOK, 3)
	reference(s, thongsuot.ReasonTimeout, 4).want("opened degraded unknown low")
	reference(s, thongsuot.ReasonOK, 3).want("closed degraded unknown low")
	reference(s, thongsuot.ReasonTimeout, 4).want()
	reference(s, thongsuot.ReasonTimeout, 1).want("opened degraded unknown low")
	reference(s, thongsuot.ReasonOK, 1).want("closed degraded unknown low")
	s.run(8 * 24 * time.Hour)
	reference(s, thongsuot.ReasonOK, 3)
	reference(s, thongsuot.ReasonTimeout, 2).want("opened degraded unknown low")
}

// While most packets get lost, that names are not found says nothing of the
// resolver; when none is lost, it does.
func TestLostQuestionsAreNoFaultOfNames(t *testing.T) {
	f := func(received float64, want ...string) {
		t.Helper()
		s := newScene(t)
		round := func(names thongsuot.Reason, received float64) {
			r := ok("reference", thongsuot.ProbeICMP)
			r.Fields = []thongsuot.Field{{Name: thongsuot.FieldSent, Value: 5}, {Name: thongsuot.FieldReceived, Value: received}}
			s.run(10*time.Second).write(0, ok("gateway", thongsuot.ProbeICMP), r, result("resolver", thongsuot.ProbeDNS, names), result("portal", thongsuot.ProbePortal, names))
		}
		for range 20 {
			round(thongsuot.ReasonOK, 5)
		}
		round(thongsuot.ReasonOK, received)
		for range 2 {
			round(thongsuot.ReasonDNSTimeout, received)
		}
		s.want(want...)
	}
	f(1, "opened degraded access medium")
	f(5, "opened down access/dns high")
}

// The portal is asked seldom. When the line is back, a failure from before is
// no verdict on now.
func TestPortalNotAskedSinceTheLineCameBack(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	for range 30 {
		s.run(10*time.Second).write(0, ok("gateway", thongsuot.ProbeICMP), result("resolver", thongsuot.ProbeDNS, thongsuot.ReasonDNSTimeout),
			result("portal", thongsuot.ProbePortal, thongsuot.ReasonDNSTimeout), result("reference", thongsuot.ProbeICMP, thongsuot.ReasonTimeout))
	}
	s.changes = nil
	s.run(10*time.Second).write(0, ok("gateway", thongsuot.ProbeICMP), ok("resolver", thongsuot.ProbeDNS))
	if len(s.changes) != 1 || s.changes[0].Kind != thongsuot.ChangeClosed || s.changes[0].Incident.Verdict.Cause != thongsuot.CauseAccess {
		t.Errorf("changes %+v", s.changes)
	}
}

// Sites of one carrier alone cannot reach the portal: few of all, but all of its own.
func TestSmallCarrierThatCannotReachThePortal(t *testing.T) {
	var list []thongsuot.Site
	var small, large []string
	for i := range 20 {
		carrier := "large"
		code := fmt.Sprint(43001 + i)
		if i < 4 {
			carrier = "small"
			small = append(small, code)
		} else {
			large = append(large, code)
		}
		list = append(list, commune(code, carrier, "up-"+carrier, ""))
	}
	list = append(list, thongsuot.Site{Code: "ref-1", Kind: thongsuot.KindReference, Status: thongsuot.StatusActive})
	p := newProvince(t, always, list...).run(time.Minute).portal(thongsuot.ReasonOK, append(append(small, large...), "ref-1")...)
	for range 3 {
		p.run(time.Minute).portal(thongsuot.ReasonConnectTimeout, small...).portal(thongsuot.ReasonOK, append(large, "ref-1")...)
	}
	for _, code := range small {
		p.want(code, "down upstream medium")
	}
}

// An outage of the portal so short that no site sees it but once or twice.
func TestShortPortalOutageIsVotedOnByTheNewestAnswers(t *testing.T) {
	list := []thongsuot.Site{
		commune("44001", "vnpt", "a", ""), commune("44002", "viettel", "b", ""), commune("44003", "vnpt", "a", ""), commune("44004", "viettel", "b", ""),
		{Code: "ref-1", Kind: thongsuot.KindReference, Status: thongsuot.StatusActive},
	}
	p := newProvince(t, always, list...).run(time.Minute).portal(thongsuot.ReasonOK, "44001", "44002", "44003", "44004", "ref-1")
	p.run(time.Minute).portal(thongsuot.ReasonHTTPTimeout, "44001", "44002", "44003", "44004", "ref-1")
	p.run(time.Minute).portal(thongsuot.ReasonHTTPTimeout, "44001")
	p.want("44001", "down portal high")
}

// A line that is known for bursts of loss is given six beats, before one of
// them ever swallowed a beat.
func TestBeatsOfABurstyLineAreGivenTime(t *testing.T) {
	f := func(back float64, want ...string) {
		t.Helper()
		s := newScene(t)
		for _, received := range []float64{5, 5, 5, 5, 5, 5, back, back, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5} {
			r := ok("reference", thongsuot.ProbeICMP)
			r.Fields = []thongsuot.Field{
				{Name: thongsuot.FieldSent, Value: 5}, {Name: thongsuot.FieldReceived, Value: received}, {Name: thongsuot.FieldLoss, Value: 1 - received/5},
			}
			s.run(10*time.Second).write(0, r)
		}
		s.changes = nil
		s.mute = true
		s.run(30 * time.Second).want(want...)
	}
	f(1)
	f(5, "opened down unknown low")
}
