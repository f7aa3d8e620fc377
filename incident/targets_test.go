package incident_test

import (
	"testing"
	"time"

	"thongsuot"
)

func TestPortalFailure(t *testing.T) {
	f := func(name string, reason thongsuot.Reason, want string) {
		t.Run(name, func(t *testing.T) {
			s := newScene(t).run(time.Minute).write(0, healthy()...)
			bad := result("portal", thongsuot.ProbePortal, reason)
			bad.Target = "https://portal.example/"
			s.run(time.Minute).write(0, bad).want()
			s.run(time.Minute).write(0, bad).want("opened down " + want)
			s.run(time.Minute).write(0, bad).want()
			good := ok("portal", thongsuot.ProbePortal)
			good.Target = bad.Target
			s.run(time.Minute).write(0, good).want("closed down " + want)
		})
	}
	f("it says so itself", thongsuot.ReasonHTTP5xx, "portal medium")
	f("no connection", thongsuot.ReasonConnectTimeout, "unknown low")
	f("certificate", thongsuot.ReasonTLSExpired, "unknown low")
	f("name", thongsuot.ReasonDNSNXDomain, "unknown low")
}

func TestResolverDownIsTheLinesDNS(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	for range 3 {
		s.run(10*time.Second).write(0, ok("gateway", thongsuot.ProbeICMP), ok("centre", thongsuot.ProbeTCP),
			result("resolver", thongsuot.ProbeDNS, thongsuot.ReasonDNSTimeout), result("portal", thongsuot.ProbePortal, thongsuot.ReasonDNSTimeout))
	}
	s.want("opened down access/dns high")
}

// A site that asks no portal cannot use one either without names. With nothing
// else beyond the gateway to compare, it may as well be the line.
func TestResolverDownWithoutAPortal(t *testing.T) {
	f := func(want string, also ...thongsuot.Result) {
		t.Helper()
		s := newScene(t).run(time.Minute)
		for range 3 {
			s.run(10*time.Second).write(0, append(also, ok("gateway", thongsuot.ProbeICMP), result("resolver", thongsuot.ProbeDNS, thongsuot.ReasonDNSTimeout))...)
		}
		s.want(want)
	}
	f("opened down access/dns high", ok("centre", thongsuot.ProbeTCP))
	f("opened down access medium")
}

// The portal is asked once a minute: its last good answer from before the
// names went does not hold the verdict up, one from after does.
func TestPortalAnswerFromBeforeIsNoProof(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	for range 2 {
		s.run(10*time.Second).write(0, ok("gateway", thongsuot.ProbeICMP), result("resolver", thongsuot.ProbeDNS, thongsuot.ReasonDNSTimeout))
	}
	s.want("opened down access/dns high")

	s = newScene(t).run(time.Minute).write(0, healthy()...)
	for range 3 {
		s.run(10*time.Second).write(0, ok("portal", thongsuot.ProbePortal), result("resolver", thongsuot.ProbeDNS, thongsuot.ReasonDNSTimeout))
	}
	s.want()
}

func TestSilentGatewayAloneIsNoEvidence(t *testing.T) {
	s := newScene(t).run(time.Minute)
	for range 10 {
		rs := healthy()
		rs[0].Reason = thongsuot.ReasonTimeout
		s.run(10*time.Second).write(0, rs...)
	}
	s.want()
}

func TestTargetThatNeverAnsweredIsNoEvidence(t *testing.T) {
	s := newScene(t).run(time.Minute)
	for range 10 {
		s.run(10*time.Second).write(0, append(healthy(), result("reference", thongsuot.ProbeICMP, thongsuot.ReasonTimeout))...)
	}
	s.want()
	s.run(10*time.Second).write(0, ok("reference", thongsuot.ProbeICMP)).want()
	for range 3 {
		s.run(10*time.Second).write(0, result("reference", thongsuot.ProbeICMP, thongsuot.ReasonTimeout))
	}
	s.want("opened degraded unknown low")
}

// Only the gateway is called gateway.
func TestOtherTargetsAreNotTakenForTheGateway(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, ok("gateway-isp", thongsuot.ProbeICMP), ok("gateway-2", thongsuot.ProbeICMP))
	for range 3 {
		s.run(10*time.Second).write(0, ok("gateway-2", thongsuot.ProbeICMP), result("gateway-isp", thongsuot.ProbeICMP, thongsuot.ReasonTimeout))
	}
	s.want("opened down access medium")
}

func TestSkippedProbeIsNoFailure(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	for range 5 {
		s.run(time.Minute).write(0, result("portal", thongsuot.ProbePortal, thongsuot.ReasonSkipped))
	}
	s.want()
}

// A portal that is asked less often out of politeness is still down for the
// reason it gave.
func TestSkippedProbeKeepsTheReason(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	bad := result("portal", thongsuot.ProbePortal, thongsuot.ReasonHTTP5xx)
	bad.Target = "https://portal.example/"
	for range 2 {
		s.run(time.Minute).write(0, bad)
	}
	s.want("opened down portal medium")
	skipped := bad
	skipped.Reason = thongsuot.ReasonSkipped
	hung := bad
	hung.Reason = thongsuot.ReasonHang
	s.run(time.Minute).write(0, skipped).run(time.Minute).write(0, hung).run(time.Minute).want()
	st, _ := s.e.Status("25051", s.now)
	if r := st.Results[len(st.Results)-2]; r.Reason != thongsuot.ReasonHang {
		t.Errorf("the newest answer is %+v", r)
	}
}

// A centre that was away is no fault of the sites' lines.
func TestCentreThatWasAwayDegradesNobody(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	for range 3 {
		rs := healthy()
		rs[2].Reason = thongsuot.ReasonConnectRefused
		s.run(10*time.Second).write(0, rs...)
	}
	s.want()
}

// Two probes that find no names are one finding: nobody is told of the portal first.
func TestNamesGoneIsToldAsThatFromTheStart(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	s.run(10*time.Second).write(0, ok("gateway", thongsuot.ProbeICMP), ok("centre", thongsuot.ProbeTCP),
		result("resolver", thongsuot.ProbeDNS, thongsuot.ReasonDNSTimeout), result("portal", thongsuot.ProbePortal, thongsuot.ReasonDNSTimeout))
	s.run(2*time.Second).write(0, result("portal", thongsuot.ProbePortal, thongsuot.ReasonDNSTimeout))
	s.want("opened down access/dns high")
}
