package incident_test

import (
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

func TestSilenceIsToldAtTwoBeatsOnACleanLine(t *testing.T) {
	s := newScene(t).run(time.Minute)
	s.mute = true
	s.run(11 * time.Second).want()
	if st, _ := s.e.Status("25051", s.now); st.Suspect || st.Unheard != 1 {
		t.Errorf("status %+v", st)
	}
	s.run(time.Second).want("opened down unknown low")
}

func TestSilentSiteNamesWhatFits(t *testing.T) {
	s := newScene(t).run(time.Minute)
	s.mute = true
	s.run(time.Minute)
	in := s.changes[0].Incident
	if !slices.Equal(in.Verdict.Candidates, []string{"power", "access"}) || !in.Start.Equal(t0.Add(time.Minute)) {
		t.Errorf("incident %+v", in)
	}
	if e := in.Verdict.Evidence[0]; e.Code != thongsuot.EvidenceBeatsUnanswered || e.Value != 2 {
		t.Errorf("evidence %+v", e)
	}
}

func TestLastWordsNameTheCause(t *testing.T) {
	f := func(name string, b incident.Beat, want string) {
		t.Run(name, func(t *testing.T) {
			s := newScene(t).run(time.Minute)
			s.beat = b
			s.run(time.Minute)
			s.changes = nil
			s.mute = true
			s.run(time.Minute)
			if len(s.changes) != 1 {
				t.Fatalf("changes %+v", s.changes)
			}
			s.want(want)
		})
	}
	f("UPS at its end", incident.Beat{OnBattery: true, LowBattery: true}, "worse down power high")
	f("shut down for power", incident.Beat{OnBattery: true, ShuttingDown: true}, "worse down power high")
	f("little runtime", incident.Beat{OnBattery: true, Runtime: 100 * time.Second}, "worse down power high")
	f("runtime left", incident.Beat{OnBattery: true, Runtime: 20 * time.Minute}, "worse down power/network_gear_unpowered medium")
	f("mains there", incident.Beat{MainsPresent: true}, "opened down access medium")
	f("shut down by a person", incident.Beat{ShuttingDown: true}, "opened unknown host high")
	f("agent stopped", incident.Beat{Stopping: true}, "opened unknown agent high")
}

func TestKilledAgentIsNamedOnItsReturn(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(2 * time.Minute).want("opened down unknown low")
	s.mute, s.start = false, 2
	s.run(5 * time.Second).want("closed down unknown low")
	s.write(0, healthy()...).run(time.Minute).want("revised unknown agent high")
}

func TestPulledPlugIsOnlyPossiblyPower(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(10 * time.Minute)
	s.mute, s.start, s.boot = false, 2, "boot-2"
	s.write(0, healthy()...).run(time.Minute).want("opened down unknown low", "closed down unknown low", "revised down power medium")
}

func TestLineCutIsNamedByTheSpool(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(10 * time.Minute).want("opened down unknown low")
	s.mute = false
	s.run(5 * time.Second)
	// The spool: fresh first, then the gap backwards.
	s.write(0, healthy()...)
	for ago := 10 * time.Second; ago < 10*time.Minute; ago += 10 * time.Second {
		s.write(ago, ok("gateway", thongsuot.ProbeICMP), result("centre", thongsuot.ProbeTCP, thongsuot.ReasonConnectTimeout),
			result("portal", thongsuot.ProbePortal, thongsuot.ReasonDNSTimeout))
	}
	s.run(time.Minute).want("closed down unknown low", "revised down access medium")
}

// A cut of half a minute is watched by two or three rounds.
func TestShortCutIsExplainedByItsFewRounds(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(32 * time.Second).want("opened down unknown low")
	s.mute = false
	s.run(5 * time.Second)
	s.write(0, healthy()...)
	for _, ago := range []time.Duration{14 * time.Second, 24 * time.Second} {
		s.write(ago, ok("gateway", thongsuot.ProbeICMP), result("reference", thongsuot.ProbeICMP, thongsuot.ReasonTimeout))
	}
	s.run(time.Minute).want("closed down unknown low", "revised down access medium")
}

// The portal is asked rarely: one good answer just before the next beat does
// not speak against the cut.
func TestAnswersAtTheEdgesOfACutDoNotCount(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(2 * time.Minute).want("opened down unknown low")
	s.mute = false
	s.run(5 * time.Second)
	s.write(time.Second, healthy()...)
	for ago := 15 * time.Second; ago < 2*time.Minute; ago += 10 * time.Second {
		rs := []thongsuot.Result{ok("gateway", thongsuot.ProbeICMP), result("centre", thongsuot.ProbeTCP, thongsuot.ReasonConnectTimeout)}
		if ago == 65*time.Second {
			rs = append(rs, result("portal", thongsuot.ProbePortal, thongsuot.ReasonConnectTimeout))
		}
		s.write(ago, rs...)
	}
	s.run(time.Minute).want("closed down unknown low", "revised down access medium")
}

// What failed while the line was cut is no verdict on now, even where nothing
// newer has been measured yet.
func TestEvidenceOfTheCutIsNotOfNow(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(10 * time.Minute).want("opened down unknown low")
	s.mute = false
	s.write(3*time.Minute, ok("gateway", thongsuot.ProbeICMP), result("portal", thongsuot.ProbePortal, thongsuot.ReasonConnectTimeout))
	s.write(time.Minute, ok("gateway", thongsuot.ProbeICMP), result("portal", thongsuot.ProbePortal, thongsuot.ReasonConnectTimeout))
	s.want("closed down unknown low")
	s.run(10 * time.Second)
	for range 2 {
		s.run(time.Minute).write(0, result("portal", thongsuot.ProbePortal, thongsuot.ReasonConnectTimeout))
	}
	if last := s.changes[len(s.changes)-1]; last.Kind != thongsuot.ChangeOpened {
		t.Errorf("what fails now is not told: %+v", last)
	}
}

func TestLossyLineIsGivenTime(t *testing.T) {
	s := newScene(t).run(time.Minute)
	miss := func(beats int) {
		for s.now.Unix()%5 != 1 {
			s.run(time.Second)
		}
		s.mute = true
		s.run(time.Duration(beats) * 5 * time.Second)
		s.mute = false
		s.run(time.Minute)
	}
	miss(1)
	s.want()
	miss(2) // too long for what was known of the line
	s.want("opened down unknown low", "closed down unknown low")
	for range 3 {
		miss(2)
	}
	s.want()
	s.run(8 * 24 * time.Hour) // a week of quiet: as fast as at first
	miss(2)
	s.want("opened down unknown low", "closed down unknown low")
}

// A restart of the agent says nothing of the line, so it makes nobody patient.
func TestRestartOfTheAgentIsNoLossOfTheLine(t *testing.T) {
	s := newScene(t).run(time.Minute)
	for range 3 {
		s.mute = true
		s.run(45 * time.Second)
		s.mute = false
		s.start++
		s.run(time.Minute)
	}
	s.run(2 * time.Hour) // else it is one that goes and comes
	s.changes = nil
	s.mute = true
	s.run(17 * time.Second).want("opened down unknown low")
}

func TestCentreThatStoodStillAccusesNobody(t *testing.T) {
	s := newScene(t).run(time.Minute)
	s.now = s.now.Add(10 * time.Minute) // suspended: no beat was heard, no tick came
	s.add(s.e.Tick(s.now))
	s.run(time.Minute).want()
}

// A centre that cannot hear has no news of anybody.
func TestDeafCentreAccusesNobody(t *testing.T) {
	s := newScene(t).run(time.Minute)
	s.mute = true
	for range 60 {
		s.e.Deaf(s.now)
		s.run(time.Second)
	}
	s.want()
	s.run(17 * time.Second).want("opened down unknown low")
}

// A shutdown ends the agent with a goodbye; the new boot shows that it was the machine.
func TestCleanShutdownIsTheMachine(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	s.beat = incident.Beat{Stopping: true}
	s.run(5 * time.Second)
	s.mute = true
	s.run(5 * time.Minute).want("opened unknown agent high")
	s.mute, s.start, s.boot, s.beat = false, 2, "boot-2", incident.Beat{}
	s.write(0, healthy()...).run(time.Minute).want("closed unknown agent high", "revised unknown host high")
}

// What the UPS said before a silence is not how things are after it.
func TestBatteryOfBeforeIsNotOfNow(t *testing.T) {
	s := newScene(t).run(time.Minute)
	s.beat = incident.Beat{OnBattery: true, LowBattery: true}
	s.run(time.Minute)
	s.mute = true
	s.run(10 * time.Minute)
	s.changes = nil
	s.mute, s.start, s.boot, s.beat = false, 2, "boot-2", incident.Beat{}
	s.write(0, healthy()...).want("closed down power high") // no beat yet, the UPS not read yet
}

// An agent that beats more slowly, on battery or to spare a metered line, is
// missed at the pace that it announced.
func TestSilenceCountsTheAnnouncedPace(t *testing.T) {
	s := newScene(t).run(time.Minute)
	s.beat = incident.Beat{Every: 30 * time.Second, MainsPresent: true}
	s.run(5 * time.Second)
	s.mute = true
	s.run(61 * time.Second).want()                     // twelve beats of 5 s, but only two of 30 s, with grace for the tries
	s.run(time.Second).want("opened down unknown low") // the mains were seen too long before to speak for them
	s.mute = false
	s.run(30 * time.Second).want("closed down unknown low")
	s.beat = incident.Beat{}
	s.run(5 * time.Second)
	s.mute = true
	s.run(20 * time.Second)
	if st, _ := s.e.Status("25051", s.now); st.Unheard < 3 {
		t.Errorf("back at the usual pace, unheard %d", st.Unheard)
	}
}

// A canary concludes: its word is believed less than a UPS's, and not at all
// against one that works.
func TestCanaryIsBelievedLessThanAUPS(t *testing.T) {
	dark := ok("canary", thongsuot.ProbeCanary)
	dark.Fields = []thongsuot.Field{{Name: thongsuot.FieldOnline, Value: 0}}
	s := newScene(t).run(time.Minute)
	s.beat = incident.Beat{OnBattery: true, Canary: true}
	s.write(0, dark).run(10 * time.Second).want("opened at_risk power medium")
	if e := s.openEvidence(); len(e) != 1 || e[0].Code != thongsuot.EvidenceMainsLost {
		t.Errorf("evidence %+v", e)
	}
	s.mute = true
	s.run(time.Minute).want("worse down power medium")

	s = newScene(t).run(time.Minute)
	ups := ok("ups", thongsuot.ProbeUPS)
	ups.Fields = []thongsuot.Field{{Name: thongsuot.FieldOnBattery, Value: 0}}
	s.beat = incident.Beat{MainsPresent: true}
	s.write(0, ups).run(5 * time.Second)
	s.write(0, dark).run(10 * time.Second).want()
}

func (s *scene) openEvidence() []thongsuot.Evidence {
	st, _ := s.e.Status(s.site, s.now)
	return st.Verdict.Evidence
}

// Voltage far off nominal over ten minutes endangers machines: at risk while it
// lasts, and no longer than it is told.
func TestVoltageBeyondTheLimitIsARisk(t *testing.T) {
	window := func(mean, band float64) thongsuot.Result {
		r := ok("voltage", thongsuot.ProbeVoltage)
		r.Fields = []thongsuot.Field{{Name: thongsuot.FieldMeanVolts, Value: mean}, {Name: thongsuot.FieldVoltsBand, Value: band}}
		return r
	}
	s := newScene(t).run(time.Minute)
	s.write(0, window(205, 1)).run(10 * time.Minute).want()
	s.write(0, window(192, 2)).run(time.Minute).want("opened at_risk power/voltage high")
	if e := s.openEvidence(); len(e) != 1 || e[0].Code != thongsuot.EvidenceVoltage || e[0].Value != 192 {
		t.Errorf("evidence %+v", e)
	}
	s.run(9*time.Minute).write(0, window(219, 0)).run(time.Minute).want("closed at_risk power/voltage high")
}

// What the next start finds of the last end names the cause of a silence: a
// goodbye, a cut on battery, a crash.
func TestLastEndNamesTheCauseAfterwards(t *testing.T) {
	f := func(name string, want string, code thongsuot.EvidenceCode, is ...string) {
		t.Run(name, func(t *testing.T) {
			s := newScene(t).run(time.Minute).write(0, healthy()...)
			s.mute = true
			s.run(10 * time.Minute).want("opened down unknown low")
			s.mute, s.start, s.boot = false, 2, "boot-2"
			end := ok("last-end", thongsuot.ProbeBoot)
			end.Fields = []thongsuot.Field{{Name: thongsuot.FieldClean, Value: 0}}
			for _, field := range is {
				if field == thongsuot.FieldClean {
					end.Fields[0].Value = 1
					continue
				}
				end.Fields = append(end.Fields, thongsuot.Field{Name: field, Value: 1})
			}
			s.write(0, append(healthy(), end)...).run(time.Minute)
			last := s.changes[len(s.changes)-1].Incident.Verdict
			s.want("closed down unknown low", want)
			if !slices.ContainsFunc(last.Evidence, func(e thongsuot.Evidence) bool { return e.Code == code }) {
				t.Errorf("evidence %+v lacks %s", last.Evidence, code)
			}
		})
	}
	f("cut", "revised down power medium", thongsuot.EvidenceUncleanStop)
	f("cut on battery", "revised down power high", thongsuot.EvidenceUncleanStop, thongsuot.FieldOnBattery)
	f("shut down on battery", "revised down power high", thongsuot.EvidenceAgentStopped, thongsuot.FieldClean, thongsuot.FieldShutdown, thongsuot.FieldOnBattery)
	f("shut down", "revised unknown host high", thongsuot.EvidenceAgentStopped, thongsuot.FieldClean, thongsuot.FieldShutdown)
	f("stopped", "revised unknown host high", thongsuot.EvidenceAgentStopped, thongsuot.FieldClean)
	f("crash", "revised unknown host high", thongsuot.EvidencePanic, thongsuot.FieldPanic)
}

// A machine that slept tells how long: the silence was its own.
func TestSleepIsNamedByTheMachinesClocks(t *testing.T) {
	boot := func(asleep float64) thongsuot.Result {
		r := ok("boot", thongsuot.ProbeBoot)
		r.Detail, r.Fields = "boot-1", []thongsuot.Field{{Name: thongsuot.FieldSuspended, Value: asleep}}
		return r
	}
	f := func(asleep float64, want ...string) {
		t.Helper()
		s := newScene(t).run(time.Minute).write(0, append(healthy(), boot(30))...)
		s.mute = true
		s.run(10 * time.Minute).want("opened down unknown low")
		s.mute = false
		s.write(0, append(healthy(), boot(30+asleep))...).run(time.Minute).want(want...)
	}
	f(595, "closed down unknown low", "revised unknown host/suspend high")
	f(60, "closed down unknown low", "revised unknown unknown low") // a nap is not the whole silence
	f(0, "closed down unknown low", "revised unknown unknown low")
}
