package incident_test

import (
	"fmt"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

// on binds answers to a line, as an agent of a site with several does.
func on(line string, rs ...thongsuot.Result) []thongsuot.Result {
	for i := range rs {
		rs[i].Probe, rs[i].Line = rs[i].Probe+"-"+line, line
	}
	return rs
}

func ownLine(name string, reason thongsuot.Reason) []thongsuot.Result {
	gateway := ok("gateway", thongsuot.ProbeICMP)
	return on(name, gateway, result("hop", thongsuot.ProbeICMP, reason), result("centre", thongsuot.ProbeTCP, reason))
}

// One of two lines that is gone takes no service from the counter.
func TestOneLineOfTwoGone(t *testing.T) {
	both := append(append(healthy(), ownLine("internet", thongsuot.ReasonOK)...), ownLine("4g", thongsuot.ReasonOK)...)
	cut := append(append(healthy(), ownLine("internet", thongsuot.ReasonOK)...), ownLine("4g", thongsuot.ReasonTimeout)...)
	s := newScene(t).rounds(2, both...).rounds(4, cut...).want("opened at_risk access/line high")
	st, _ := s.e.Status(s.site, s.now)
	if v, gone := st.Lines["4g"]; !gone || len(st.Lines) != 1 || v.Cause != thongsuot.CauseAccess {
		t.Errorf("lines %+v", st.Lines)
	}
	s.rounds(2, both...).want("closed at_risk access/line high")
	if st, _ := s.e.Status(s.site, s.now); len(st.Lines) != 0 {
		t.Errorf("lines %+v", st.Lines)
	}
}

// Where the way that the counter takes is gone, it is down, though the agent
// itself is heard over its other line.
func TestMainWayGoneWhileAnotherLineCarriesTheAgent(t *testing.T) {
	good := append(append(healthy(), ok("hop", thongsuot.ProbeICMP)), ownLine("4g", thongsuot.ReasonOK)...)
	gone := append(append(beyond(), ok("gateway", thongsuot.ProbeICMP), result("hop", thongsuot.ProbeICMP, thongsuot.ReasonTimeout)), ownLine("4g", thongsuot.ReasonOK)...)
	newScene(t).rounds(2, good...).rounds(4, gone...).want("opened down access high")
}

// A line that never worked is no news; neither is one whose gateway alone is shy.
func TestLineThatNeverWorked(t *testing.T) {
	newScene(t).rounds(8, append(healthy(), ownLine("4g", thongsuot.ReasonTimeout)...)...).want()
	shy := append(healthy(), on("4g", result("gateway", thongsuot.ProbeICMP, thongsuot.ReasonTimeout), ok("centre", thongsuot.ProbeTCP))...)
	newScene(t).rounds(8, shy...).want()
}

func TestServiceDownAtOneSite(t *testing.T) {
	f := func(want string, reason thongsuot.Reason) {
		t.Helper()
		lgsp := result("lgsp", thongsuot.ProbeService, reason)
		lgsp.Target = "https://lgsp.example/"
		good := ok("lgsp", thongsuot.ProbeService)
		good.Target = lgsp.Target
		s := newScene(t).rounds(2, append(healthy(), good)...).rounds(3, append(healthy(), lgsp)...).want("opened degraded " + want)
		st, _ := s.e.Status(s.site, s.now)
		if v, down := st.Services["lgsp"]; !down || v.Sub != "lgsp" || len(v.Evidence) == 0 {
			t.Errorf("services %+v", st.Services)
		}
		s.rounds(2, append(healthy(), good)...).want("closed degraded " + want)
	}
	f("portal/lgsp medium", thongsuot.ReasonHTTP5xx) // it says so itself
	f("unknown/lgsp low", thongsuot.ReasonConnectTimeout)
}

// A service never covers up what is worse, and the portal's own failure is no
// vote on it.
func TestServiceBesideWorse(t *testing.T) {
	lgsp := result("lgsp", thongsuot.ProbeService, thongsuot.ReasonConnectTimeout)
	portal := result("portal", thongsuot.ProbePortal, thongsuot.ReasonConnectTimeout)
	newScene(t).rounds(2, append(healthy(), ok("lgsp", thongsuot.ProbeService))...).
		rounds(3, ok("gateway", thongsuot.ProbeICMP), ok("resolver", thongsuot.ProbeDNS), ok("centre", thongsuot.ProbeTCP), portal, lgsp).
		want("opened down unknown low")
}

// Each service is voted on by those who ask for it, over their carriers.
func TestServicesAreVotedOnByThemselves(t *testing.T) {
	var list []thongsuot.Site
	for i := range 8 {
		list = append(list, commune(fmt.Sprintf("%05d", 50001+i), []string{"vnpt", "viettel"}[i%2], "", ""))
	}
	p := newProvince(t, always, list...).run(time.Minute)
	for range 3 {
		for i, code := range p.sites {
			rs := append(healthy(), ok("thanh-toan", thongsuot.ProbeService), ok("lgsp", thongsuot.ProbeService))
			if i < 4 {
				rs[len(rs)-1].Reason = thongsuot.ReasonConnectTimeout
			}
			for k := range rs {
				rs[k].At = p.now
			}
			p.add(p.e.Observe(incident.Observation{Site: code, At: p.now, Start: 1, Boot: "b", Results: rs}))
		}
		p.run(10 * time.Second)
	}
	for i, code := range p.sites {
		st, _ := p.e.Status(code, p.now)
		v, down := st.Services["lgsp"]
		switch {
		case i >= 4:
			if len(st.Services) > 0 || st.Verdict.State != thongsuot.StateUp {
				t.Errorf("site %d: %+v", i, st)
			}
		case !down || len(st.Services) > 1 || v.Cause != thongsuot.CausePortal || v.Confidence.Level() != thongsuot.LevelMedium:
			t.Errorf("site %d: services %+v", i, st.Services)
		}
	}
}
