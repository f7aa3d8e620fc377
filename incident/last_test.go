package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

// Those of one carrier that recover last do not make it that carrier's fault in
// the final seconds, however unsure of the portal they were themselves.
func TestOneCarrierRecoversLastFromThePortal(t *testing.T) {
	f := func(kind, reference thongsuot.Reason, sure string) {
		t.Run(string(kind)+", "+string(reference), func(t *testing.T) {
			var list []thongsuot.Site
			for i := range 10 {
				list = append(list, commune(fmt.Sprintf("4000%d", i), []string{"vnpt", "viettel"}[i/5], "", ""))
			}
			list = append(list, thongsuot.Site{Code: "ref-1", Kind: thongsuot.KindReference, Status: thongsuot.StatusActive})
			p := newProvince(t, always, list...).run(time.Minute).portal(thongsuot.ReasonOK, "ref-1").portal(thongsuot.ReasonOK, pSites(list)...)
			for range 3 {
				p.run(time.Minute).portal(kind, p.sites[:10]...).portal(reference, "ref-1")
			}
			told := p.told()
			p.run(time.Minute).portal(thongsuot.ReasonOK, "ref-1").portal(thongsuot.ReasonOK, p.sites[:5]...).portal(kind, p.sites[5:10]...)
			p.run(30 * time.Second)
			for _, code := range p.sites[5:10] {
				p.portal(kind, code).run(2 * time.Second)
			}
			for _, code := range p.sites[5:10] {
				p.portal(thongsuot.ReasonOK, code).run(time.Second)
			}
			p.run(time.Minute)
			for _, line := range p.regional() {
				if !strings.Contains(line, "portal portal") || !strings.Contains(line, "down portal") {
					t.Errorf("%q", line)
				}
			}
			if now := p.told(); !slices.Equal(now, told) {
				t.Errorf("more people are called while it recovers: %q, %q", told, now)
			}
			if all := p.regional(); !strings.Contains(all[len(all)-1], "down portal "+sure) {
				t.Errorf("in the end %q", all[len(all)-1])
			}
		})
	}
	f(thongsuot.ReasonHTTP5xx, thongsuot.ReasonHTTP5xx, "high")
	f(thongsuot.ReasonConnectTimeout, thongsuot.ReasonConnectTimeout, "high")
	f(thongsuot.ReasonConnectTimeout, thongsuot.ReasonOK, "medium") // the reference probe is on a way that works
}

// A certificate that no browser takes is the portal's own fault, and named.
func TestBrokenCertificateOfThePortal(t *testing.T) {
	list := twelve()
	list = append(list, thongsuot.Site{Code: "ref-1", Kind: thongsuot.KindReference, Status: thongsuot.StatusActive})
	p := newProvince(t, always, list...).run(time.Minute).portal(thongsuot.ReasonOK, pSites(list)...)
	for range 3 {
		p.run(time.Minute).portal(thongsuot.ReasonTLSExpired, "ref-1").portal(thongsuot.ReasonTLSExpired, p.sites[:12]...)
	}
	p.run(10 * time.Second)
	var sub string
	for _, c := range p.changes {
		if c.Incident.Regional() {
			sub = c.Incident.Verdict.Sub
		}
	}
	if sub != thongsuot.SubTLS {
		t.Errorf("sub-cause %q, want %q", sub, thongsuot.SubTLS)
	}
}

// A machine that was stopped comes back with the same process on the same boot
// and nothing measured: that is the host or the agent, whatever mains said.
func TestStoppedMachineIsNoLine(t *testing.T) {
	s := newScene(t)
	s.beat = incident.Beat{MainsPresent: true}
	s.run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(5 * time.Minute)
	s.mute = false
	s.run(5*time.Second).write(0, healthy()...).run(time.Minute)
	last := s.changes[len(s.changes)-1].Incident.Verdict
	if last.Cause == thongsuot.CauseAccess || !slices.Equal(last.Candidates, []string{"host", "agent"}) {
		t.Errorf("%+v", last)
	}
}
