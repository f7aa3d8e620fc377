package incident_test

import (
	"testing"
	"time"

	"thongsuot"
)

// rounds lets the scene write the same answers every ten seconds.
func (s *scene) rounds(n int, rs ...thongsuot.Result) *scene {
	for range n {
		s.run(10*time.Second).write(0, rs...)
	}
	return s
}

// beyond is what fails when nothing beyond some point is reached.
func beyond() []thongsuot.Result {
	return []thongsuot.Result{
		result("resolver", thongsuot.ProbeDNS, thongsuot.ReasonDNSTimeout), result("portal", thongsuot.ProbePortal, thongsuot.ReasonDNSTimeout),
		result("host", thongsuot.ProbeICMP, thongsuot.ReasonTimeout), result("centre", thongsuot.ProbeTCP, thongsuot.ReasonTimeout),
	}
}

// A site that reports over another way still shows where its own way ends.
func TestHopTellsWhereTheLineEnds(t *testing.T) {
	gateway, hop := ok("gateway", thongsuot.ProbeICMP), ok("hop", thongsuot.ProbeICMP)
	noHop, noUpstream := result("hop", thongsuot.ProbeICMP, thongsuot.ReasonTimeout), result("upstream", thongsuot.ProbeICMP, thongsuot.ReasonTimeout)
	all := append(healthy(), hop, ok("upstream", thongsuot.ProbeICMP), ok("host", thongsuot.ProbeICMP))
	f := func(want string, before []thongsuot.Result, now ...thongsuot.Result) {
		t.Helper()
		newScene(t).rounds(2, before...).rounds(3, append(beyond(), now...)...).want(want)
	}
	f("opened down access high", all, gateway, noHop, noUpstream)
	f("opened down upstream medium", all, gateway, hop, noUpstream)
	f("opened down upstream medium", all, gateway, noHop, ok("upstream", thongsuot.ProbeICMP)) // the nearer one is only shy
	f("opened down access medium", healthy(), gateway, noHop)                                  // it never answered
}

func TestHopAloneIsNoFault(t *testing.T) {
	all := append(healthy(), ok("hop", thongsuot.ProbeICMP))
	s := newScene(t).rounds(2, all...)
	s.rounds(10, append(healthy(), result("hop", thongsuot.ProbeICMP, thongsuot.ReasonTimeout))...).want()
}

func TestCaptivePage(t *testing.T) {
	good := append(healthy(), ok("captive", thongsuot.ProbeCaptive))
	newScene(t).rounds(2, good...).
		rounds(3, append(healthy(), result("captive", thongsuot.ProbeCaptive, thongsuot.ReasonCaptive))...).
		want("opened down access/captive high").
		rounds(2, good...).want("closed down access/captive high")
	// The check itself not being reached is no page in the way.
	newScene(t).rounds(2, good...).
		rounds(5, append(healthy(), result("captive", thongsuot.ProbeCaptive, thongsuot.ReasonConnectRefused))...).want()
}

// Answers other than the centre's are a fault only where they lead nowhere: a
// service may have servers for every region.
func TestNamesLedElsewhere(t *testing.T) {
	differs := result("resolver", thongsuot.ProbeDNS, thongsuot.ReasonDNSDiffers)
	gateway, centre := ok("gateway", thongsuot.ProbeICMP), ok("centre", thongsuot.ProbeTCP)
	newScene(t).rounds(2, healthy()...).rounds(5, gateway, centre, ok("portal", thongsuot.ProbePortal), differs).want()
	newScene(t).rounds(2, healthy()...).
		rounds(3, gateway, centre, result("portal", thongsuot.ProbePortal, thongsuot.ReasonTLSName), differs).
		want("opened down access/dns high")
}

// What failed in a silence explains the silence. It is not counted on when it is
// over, or one fault would be told as two.
func TestFailuresOfASilenceEndWithIt(t *testing.T) {
	s := newScene(t).rounds(2, append(healthy(), ok("host", thongsuot.ProbeICMP))...)
	s.mute = true
	s.run(40 * time.Second).want("opened down unknown low")
	s.mute = false
	s.run(5 * time.Second).want("closed down unknown low")
	for ago := 35 * time.Second; ago >= 5*time.Second; ago -= 10 * time.Second {
		s.write(ago, append(beyond(), ok("gateway", thongsuot.ProbeICMP))...)
	}
	s.run(20 * time.Second).want("revised down access medium")
	s.write(0, healthy()...).run(time.Minute).want()
}

// What the portal said while there were no names is no news of the portal: when
// they are back it is over, and stays what it was.
func TestNamesComeBackBeforeThePortalIsAsked(t *testing.T) {
	gateway, centre := ok("gateway", thongsuot.ProbeICMP), ok("centre", thongsuot.ProbeTCP)
	f := func(names, portal thongsuot.Reason) {
		t.Helper()
		s := newScene(t).rounds(2, healthy()...).
			rounds(3, gateway, centre, result("resolver", thongsuot.ProbeDNS, names), result("portal", thongsuot.ProbePortal, portal)).
			want("opened down access/dns high")
		s.rounds(1, ok("resolver", thongsuot.ProbeDNS)).want("closed down access/dns high")
		s.rounds(1, result("portal", thongsuot.ProbePortal, thongsuot.ReasonHTTP5xx)).want("opened down unknown low") // it has a fault of its own
	}
	f(thongsuot.ReasonDNSTimeout, thongsuot.ReasonDNSTimeout)
	f(thongsuot.ReasonDNSDiffers, thongsuot.ReasonConnectTimeout)

	// A portal that failed before the names did is not excused by them.
	broken := result("portal", thongsuot.ProbePortal, thongsuot.ReasonHTTP5xx)
	newScene(t).rounds(2, healthy()...).rounds(3, gateway, centre, ok("resolver", thongsuot.ProbeDNS), broken).want("opened down unknown low").
		rounds(3, result("resolver", thongsuot.ProbeDNS, thongsuot.ReasonDNSTimeout)).
		rounds(1, ok("resolver", thongsuot.ProbeDNS)).want("cause down access/dns high", "cause down unknown low")
}
