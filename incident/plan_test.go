package incident_test

import (
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

// window announces a cut of mains, in minutes after t0.
func window(cause thongsuot.Cause, from, to int) thongsuot.Window {
	return thongsuot.Window{Cause: cause, Start: t0.Add(time.Duration(from) * time.Minute), End: t0.Add(time.Duration(to) * time.Minute), Source: "Điện lực Di Linh", Reason: "bảo trì"}
}

func planOf(ws ...thongsuot.Window) incident.Plan {
	return func(_ string, from, to time.Time) (found []thongsuot.Window) {
		for _, w := range ws {
			if w.Start.Before(to) && w.End.After(from) {
				found = append(found, w)
			}
		}
		return found
	}
}

func plannedOf(c thongsuot.Change) string {
	s := string(c.Kind) + " " + string(c.Incident.Verdict.Cause)
	if c.Incident.Verdict.Planned {
		s += " planned"
	}
	return s
}

func TestAnnouncedCutIsPlanned(t *testing.T) {
	f := func(name string, ws []thongsuot.Window, want ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.e.SetPlan(planOf(ws...))
			s.run(time.Minute)
			s.beat = incident.Beat{OnBattery: true, Runtime: time.Hour}
			s.run(20 * time.Minute)
			s.beat = incident.Beat{MainsPresent: true}
			s.run(time.Minute)
			var got []string
			for _, c := range s.changes {
				got = append(got, plannedOf(c))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	power := thongsuot.CausePower
	f("none", nil, "opened power", "closed power")
	f("within", []thongsuot.Window{window(power, -60, 60)}, "opened power planned", "closed power planned")
	f("crew is early by less than half an hour", []thongsuot.Window{window(power, 31, 60)}, "opened power planned", "closed power planned")
	f("earlier than that", []thongsuot.Window{window(power, 32, 60)}, "opened power", "closed power")
	f("the window is over", []thongsuot.Window{window(power, -60, 0)}, "opened power", "closed power")
	f("another cause was announced", []thongsuot.Window{window(thongsuot.CauseAccess, -60, 60)}, "opened power", "closed power")
	f("overrun", []thongsuot.Window{window(power, -60, 2), window(power, -90, 1)}, "opened power planned", "closed power planned")
}

func TestOverrunIsTold(t *testing.T) {
	s := newScene(t)
	s.e.SetPlan(planOf(window(thongsuot.CausePower, -60, 10)))
	s.run(time.Minute)
	s.beat = incident.Beat{OnBattery: true, Runtime: time.Hour}
	s.run(39 * time.Minute).want("opened at_risk power high")
	s.run(2 * time.Second)
	c := s.changes[0]
	if c.Incident.Verdict.Planned || !c.Rouses() || len(c.Because) != 1 || c.Because[0].Code != thongsuot.EvidenceOverrun || !c.Because[0].At.Equal(t0.Add(10*time.Minute)) {
		t.Errorf("overrun: %+v", c)
	}
	s.want("overrun at_risk power high").run(2 * time.Hour) // once
	s.beat = incident.Beat{MainsPresent: true}
	s.run(time.Minute)
	if s.changes[0].Incident.Verdict.Planned {
		t.Error("an overrun cut is planned in the end")
	}
	s.want("closed at_risk power high")
}

// The plan is read again: what was extended is planned on.
func TestPlanIsReadAgain(t *testing.T) {
	s := newScene(t)
	s.run(time.Minute)
	s.beat = incident.Beat{OnBattery: true, Runtime: 5 * time.Hour}
	s.run(time.Minute).want("opened at_risk power high")
	s.e.SetPlan(planOf(window(thongsuot.CausePower, -60, 10)))
	s.run(time.Second).want("cause at_risk power high")
	s.e.SetPlan(planOf(window(thongsuot.CausePower, -60, 60)))
	s.run(88*time.Minute - time.Second).want()
	s.run(2 * time.Second).want("overrun at_risk power high")
}

// A silence that nobody can explain is not made planned by an announcement, but
// who looks into it is told of it; what the site brings back decides.
func TestSilenceInAnAnnouncedWindow(t *testing.T) {
	s := newScene(t)
	s.e.SetPlan(planOf(window(thongsuot.CausePower, -60, 60)))
	s.run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(10 * time.Minute)
	v := s.changes[0].Incident.Verdict
	if v.Planned || !slices.ContainsFunc(v.Evidence, func(e thongsuot.Evidence) bool {
		return e.Code == thongsuot.EvidencePlanned && e.Until.Equal(t0.Add(time.Hour)) && e.Target == "Điện lực Di Linh"
	}) {
		t.Errorf("silent: %+v", v)
	}
	s.mute, s.start, s.boot = false, 2, "boot-2"
	s.write(0, healthy()...).run(time.Minute)
	if !s.changes[2].Incident.Verdict.Planned {
		t.Errorf("after: %+v", s.changes[2])
	}
	s.want("opened down unknown low", "closed down unknown low", "revised down power medium")
}

// A feeder that is cut as announced is one planned incident, and its overrun is
// one message.
func TestAnnouncedFeeder(t *testing.T) {
	p := newProvince(t, nil, commune("a", "VNPT", "u1", "f1"), commune("b", "VNPT", "u2", "f1"), commune("c", "Viettel", "u3", "f1"), commune("d", "Viettel", "u4", ""))
	p.e.SetPlan(planOf(window(thongsuot.CausePower, 0, 10)))
	p.run(time.Minute)
	for _, code := range []string{"a", "b", "c"} {
		p.beat[code] = incident.Beat{OnBattery: true, Runtime: 2 * time.Hour}
	}
	p.run(50 * time.Minute)
	var regional []string
	for _, c := range p.changes {
		if c.Incident.Regional() {
			regional = append(regional, plannedOf(c))
			if c.Kind == thongsuot.ChangeOverrun && (len(c.Because) != 1 || c.Because[0].Code != thongsuot.EvidenceOverrun) {
				t.Errorf("because %+v", c.Because)
			}
		}
	}
	want := []string{"opened power planned", "overrun power"}
	regional = slices.DeleteFunc(regional, func(s string) bool { return s == "members power planned" || s == "members power" })
	if !slices.Equal(regional, want) {
		t.Errorf("got %q, want %q", regional, want)
	}
}
