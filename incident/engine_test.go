package incident_test

import (
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

func TestLateResultsDoNotAlarmNow(t *testing.T) {
	s := newScene(t).run(time.Hour).write(0, healthy()...)
	for ago := 30 * time.Minute; ago > 0; ago -= 10 * time.Second {
		s.write(ago, result("portal", thongsuot.ProbePortal, thongsuot.ReasonHTTP5xx))
	}
	s.run(time.Minute).want()
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
