package incident_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

var t0 = time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)

func always(string, time.Time) bool { return true }

// scene plays one site against an engine, second by second.
type scene struct {
	t       *testing.T
	e       *incident.Engine
	now     time.Time
	site    string
	start   uint32
	boot    string
	mute    bool // no beat crosses
	beat    incident.Beat
	changes []thongsuot.Change
}

func newScene(t *testing.T) *scene {
	t.Helper()
	e, err := incident.New(incident.DefaultConfig(), t0)
	if err != nil {
		t.Fatal(err)
	}
	e.SetSites([]thongsuot.Site{
		{Code: "25051", Kind: thongsuot.KindCommune, Status: thongsuot.StatusActive},
		{Code: "24712", Kind: thongsuot.KindCommune, Status: thongsuot.StatusNotInstalled},
	}, always, t0)
	return &scene{t: t, e: e, now: t0, site: "25051", start: 1, boot: "boot-1"}
}

// run lets d pass: a beat every five seconds unless mute, a tick every second.
func (s *scene) run(d time.Duration) *scene {
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(time.Second)
		if !s.mute && s.now.Unix()%5 == 0 {
			b := s.beat
			s.add(s.e.Observe(incident.Observation{Site: s.site, At: s.now, Start: s.start, Beat: &b}))
		}
		s.add(s.e.Tick(s.now))
	}
	return s
}

// write delivers results measured ago before now.
func (s *scene) write(ago time.Duration, rs ...thongsuot.Result) *scene {
	for i := range rs {
		rs[i].At = s.now.Add(-ago)
	}
	s.add(s.e.Observe(incident.Observation{Site: s.site, At: s.now, Start: s.start, Boot: s.boot, Results: rs}))
	return s
}

func (s *scene) add(cs []thongsuot.Change) { s.changes = append(s.changes, cs...) }

// want checks the changes since the last call, each as "kind state cause/sub level".
func (s *scene) want(lines ...string) *scene {
	s.t.Helper()
	var got []string
	for _, c := range s.changes {
		v := c.Incident.Verdict
		cause := string(v.Cause)
		if v.Sub != "" {
			cause += "/" + v.Sub
		}
		got = append(got, fmt.Sprintf("%s %s %s %s", c.Kind, v.State, cause, v.Confidence.Level()))
	}
	if !slices.Equal(got, lines) {
		s.t.Errorf("at %s:\n got %q\nwant %q", s.now.Sub(t0), got, lines)
	}
	s.changes = nil
	return s
}

func result(name string, kind thongsuot.ProbeKind, reason thongsuot.Reason) thongsuot.Result {
	return thongsuot.Result{Probe: name, Kind: kind, Target: name + ".example", Reason: reason}
}

func ok(name string, kind thongsuot.ProbeKind) thongsuot.Result {
	return result(name, kind, thongsuot.ReasonOK)
}

func healthy() []thongsuot.Result {
	return []thongsuot.Result{
		ok("gateway", thongsuot.ProbeICMP), ok("resolver", thongsuot.ProbeDNS),
		ok("centre", thongsuot.ProbeTCP), ok("portal", thongsuot.ProbePortal),
	}
}

func TestQuietSiteChangesNothing(t *testing.T) {
	s := newScene(t).run(time.Hour).write(0, healthy()...).run(time.Hour)
	s.want()
	st, ok := s.e.Status("25051", s.now)
	if !ok || st.Verdict.State != thongsuot.StateUp || st.Suspect || len(st.Results) != 4 {
		t.Errorf("status %+v", st)
	}
}

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

func TestLateResultsDoNotAlarmNow(t *testing.T) {
	s := newScene(t).run(time.Hour).write(0, healthy()...)
	for ago := 30 * time.Minute; ago > 0; ago -= 10 * time.Second {
		s.write(ago, result("portal", thongsuot.ProbePortal, thongsuot.ReasonHTTP5xx))
	}
	s.run(time.Minute).want()
}

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

func TestOnBatteryIsHeldForAMoment(t *testing.T) {
	s := newScene(t).run(time.Minute)
	s.beat = incident.Beat{OnBattery: true, Runtime: 9 * time.Minute}
	b := s.beat
	s.now = s.now.Add(time.Second)
	s.add(s.e.Observe(incident.Observation{Site: s.site, At: s.now, Start: 1, Beat: &b}))
	s.want()
	s.run(2 * time.Second).want("opened at_risk power high")
	s.beat = incident.Beat{MainsPresent: true}
	s.run(5 * time.Second).want("closed at_risk power high")
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

func TestNotInstalledSiteIsInNothing(t *testing.T) {
	s := newScene(t)
	s.site = "24712"
	s.run(time.Minute)
	s.mute = true
	s.run(time.Hour).want()
	if _, ok := s.e.Status("24712", s.now); ok {
		t.Error("a site that is not installed has a status")
	}
}

// A restart of the centre neither repeats nor forgets.
func TestRestart(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(time.Minute).want("opened down unknown low")
	st, _ := s.e.Status("25051", s.now)

	snap, err := s.e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	open := []thongsuot.Incident{{ID: st.Incident, Site: "25051", Start: st.Since, Verdict: st.Verdict, Worst: st.Verdict.State, Revision: 1}}
	restarted := newScene(t)
	restarted.now, restarted.mute = s.now.Add(time.Minute), true
	if err := restarted.e.Restore(snap, open, restarted.now); err != nil {
		t.Fatal(err)
	}
	restarted.run(time.Minute).want()
	restarted.mute, restarted.start = false, 2
	restarted.run(5 * time.Second).want("closed down unknown low")
	restarted.write(0, healthy()...).run(time.Minute).want("revised unknown agent high")
}

// The ledger overrules an older snapshot in both directions.
func TestRestoreFollowsTheRecord(t *testing.T) {
	s := newScene(t).run(time.Minute)
	healthySnap, _ := s.e.Snapshot()
	s.mute = true
	s.run(time.Minute)
	silentSnap, _ := s.e.Snapshot()
	in := s.changes[0].Incident

	r := newScene(t)
	r.now = s.now
	if err := r.e.Restore(healthySnap, []thongsuot.Incident{in}, r.now); err != nil {
		t.Fatal(err)
	}
	r.run(5 * time.Second).want("closed down unknown low")

	r = newScene(t)
	r.now = s.now
	if err := r.e.Restore(silentSnap, nil, r.now); err != nil {
		t.Fatal(err)
	}
	r.run(time.Minute).want()

	if err := r.e.Restore([]byte(`{"version":99}`), nil, r.now); err == nil {
		t.Error("a snapshot of another version was taken")
	}
}

// Reading the spool twice changes nothing, and neither does the order of a batch.
func TestRepeatedAndReorderedBatches(t *testing.T) {
	play := func(order func([]thongsuot.Result)) string {
		s := newScene(t).run(time.Minute).write(0, healthy()...)
		s.mute = true
		s.run(5 * time.Minute)
		s.mute = false
		s.run(5*time.Second).write(0, healthy()...)
		var batch []thongsuot.Result
		for ago := 10 * time.Second; ago < 5*time.Minute; ago += 10 * time.Second {
			for _, r := range []thongsuot.Result{ok("gateway", thongsuot.ProbeICMP), result("centre", thongsuot.ProbeTCP, thongsuot.ReasonTimeout)} {
				r.At = s.now.Add(-ago)
				batch = append(batch, r)
			}
		}
		order(batch)
		for range 2 {
			s.add(s.e.Observe(incident.Observation{Site: s.site, At: s.now, Start: 1, Boot: s.boot, Results: batch}))
		}
		s.run(time.Minute)
		b, err := json.Marshal(s.changes)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	forward := play(func([]thongsuot.Result) {})
	if backward := play(slices.Reverse[[]thongsuot.Result]); forward != backward {
		t.Errorf("order matters:\n%s\n%s", forward, backward)
	}
}

func TestShiftOfAllClocksChangesOnlyTimes(t *testing.T) {
	play := func(shift time.Duration) (kinds []string) {
		e, err := incident.New(incident.DefaultConfig(), t0.Add(shift))
		if err != nil {
			t.Fatal(err)
		}
		e.SetSites([]thongsuot.Site{{Code: "x", Status: thongsuot.StatusActive}}, always, t0.Add(shift))
		for i := range 300 {
			now := t0.Add(shift + time.Duration(i)*time.Second)
			if i%5 == 0 && (i < 100 || i > 200) {
				for _, c := range e.Observe(incident.Observation{Site: "x", At: now, Start: 1, Beat: &incident.Beat{}}) {
					kinds = append(kinds, fmt.Sprint(c.Kind, c.At.Sub(t0.Add(shift))))
				}
			}
			for _, c := range e.Tick(now) {
				kinds = append(kinds, fmt.Sprint(c.Kind, c.At.Sub(t0.Add(shift))))
			}
		}
		return kinds
	}
	a, b := play(0), play(-1000*time.Hour)
	if len(a) != 2 || !slices.Equal(a, b) {
		t.Errorf("%v\n%v", a, b)
	}
}

func TestConfigNamesFieldAndValue(t *testing.T) {
	f := func(change func(*incident.Config), want string) {
		t.Helper()
		c := incident.DefaultConfig()
		change(&c)
		if err := c.Validate(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(func(c *incident.Config) { c.Beat = 0 }, "incident.beat: must be more than 0 (got 0s)")
	f(func(c *incident.Config) { c.MaxBeats = 1 }, "incident.min_beats, incident.max_beats: want 1 <= min_beats <= max_beats (got 2 and 1)")
	f(func(c *incident.Config) { c.FailRounds = 0 }, "incident.fail_rounds: must be at least 1 (got 0)")
}
