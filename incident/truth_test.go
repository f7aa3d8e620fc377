package incident_test

import (
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

func said(cause thongsuot.Cause, at time.Time) thongsuot.Truth {
	return thongsuot.Truth{Cause: cause, Who: "Văn phòng UBND", How: thongsuot.HowPage, At: at, Note: "cột điện đổ"}
}

// What somebody who knows says while it goes on holds through all that follows.
func TestCorrectionOfWhatGoesOn(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(10 * time.Minute)
	s.add(s.e.Correct(s.changes[0].Incident, said(thongsuot.CauseLAN, s.now)))
	c := s.changes[1]
	if len(c.Because) != 1 || c.Because[0].Code != thongsuot.EvidenceTruth || c.Because[0].Target != "Văn phòng UBND" || c.Incident.Truth == nil || c.Incident.Truth.Cause != thongsuot.CauseLAN {
		t.Errorf("correction %+v", c)
	}
	s.want("opened down unknown low", "cause down lan high")
	s.run(time.Hour)
	snap, err := s.e.Snapshot() // a restart does not forget it
	if err != nil {
		t.Fatal(err)
	}
	if err := s.e.Restore(snap, []thongsuot.Incident{c.Incident}, s.now); err != nil {
		t.Fatal(err)
	}
	s.run(time.Minute)
	s.mute, s.start, s.boot = false, 2, "boot-2"
	s.write(0, healthy()...).run(time.Minute).want("closed down lan high")
}

func TestCorrectionOfWhatIsOver(t *testing.T) {
	f := func(name string, cause thongsuot.Cause, want string) {
		t.Run(name, func(t *testing.T) {
			s := newScene(t).run(time.Minute).write(0, healthy()...)
			s.mute = true
			s.run(10 * time.Minute)
			s.mute, s.start, s.boot = false, 2, "boot-2"
			s.write(0, healthy()...).run(5 * time.Second)
			s.add(s.e.Correct(s.changes[1].Incident, said(cause, s.now)))
			if c := s.changes[2]; c.Incident.Revision != 3 || !c.At.Equal(c.Incident.End) {
				t.Errorf("revision %+v", c)
			}
			s.run(time.Hour).want("opened down unknown low", "closed down unknown low", want)
		})
	}
	f("an outage", thongsuot.CauseAccess, "revised down access high")
	f("our own box", thongsuot.CauseHost, "revised unknown host high")
	f("nothing", thongsuot.CauseNone, "revised unknown none high")
}

// An engine that has long forgotten an incident corrects its record.
func TestCorrectionOfALongForgottenIncident(t *testing.T) {
	s := newScene(t)
	old := thongsuot.Incident{ID: "25051-old", Site: "25051", Start: t0.Add(-time.Hour), End: t0.Add(-time.Minute), Revision: 4, Worst: thongsuot.StateDown,
		Verdict: thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CausePower, Sub: thongsuot.SubLowBattery, Confidence: 0.7, Candidates: []string{"power", "access"}, Planned: true}}
	s.add(s.e.Correct(old, said(thongsuot.CauseAccess, s.now)))
	if in := s.changes[0].Incident; in.Revision != 5 || in.Verdict.Sub != "" || in.Verdict.Planned || in.Verdict.Candidates != nil {
		t.Errorf("corrected %+v", in)
	}
	// Said twice, the newer holds, and only it is shown.
	s.add(s.e.Correct(s.changes[0].Incident, said(thongsuot.CausePower, s.now)))
	if in := s.changes[1].Incident; in.Verdict.Cause != thongsuot.CausePower || len(in.Verdict.Evidence) != 1 {
		t.Errorf("corrected again %+v", in)
	}
}

func TestCorrectionOfARegion(t *testing.T) {
	p := newProvince(t, nil, commune("a", "VNPT", "u1", "f1"), commune("b", "VNPT", "u2", "f1"), commune("c", "Viettel", "u3", "f1"))
	p.run(time.Minute)
	for _, code := range []string{"a", "b", "c"} {
		p.beat[code] = incident.Beat{OnBattery: true, Runtime: 2 * time.Hour}
	}
	p.run(5 * time.Minute)
	var region thongsuot.Incident
	for _, c := range p.changes {
		if c.Incident.Regional() {
			region = c.Incident
		}
	}
	p.add(p.e.Correct(region, said(thongsuot.CauseLAN, p.now)))
	for _, code := range []string{"a", "b", "c"} {
		p.beat[code] = incident.Beat{MainsPresent: true}
	}
	p.run(20 * time.Minute)
	for _, c := range p.changes {
		if c.Incident.Regional() {
			region = c.Incident
		}
	}
	if region.Open() || region.Verdict.Cause != thongsuot.CauseLAN || region.Truth == nil {
		t.Errorf("region %+v", region)
	}
}
