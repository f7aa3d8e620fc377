package incident_test

import (
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

// working is open from 07:30 to 17:30 in Vietnam, every day.
func working(_ string, t time.Time) bool {
	m := (t.UTC().Hour()+7)%24*60 + t.UTC().Minute()
	return m >= 7*60+30 && m < 17*60+30
}

// evening lets a day pass: off at minute past 17:00 until minute past 07:00.
func evening(p *province, off, on time.Duration) {
	day := p.now.Add(7 * time.Hour).Truncate(24 * time.Hour).Add(-7 * time.Hour)
	p.run(day.Add(17*time.Hour + off).Sub(p.now))
	p.silence(true, p.sites[0])
	p.run(day.Add(31*time.Hour + on).Sub(p.now))
	p.silence(false, p.sites[0]).run(time.Minute)
}

// The strip is switched off after work: once that is the habit of the place,
// it is no outage, unless it lasts into office hours.
func TestSwitchedOffAtTheStrip(t *testing.T) {
	p := newProvince(t, working, commune("50001", "", "", ""))
	for i := range 8 {
		evening(p, 40*time.Minute+time.Duration(i%3)*5*time.Minute, 20*time.Minute)
	}
	p.changes = nil
	evening(p, 45*time.Minute, 20*time.Minute)
	p.want("50001", "off host low")
	if told := p.changes; len(told) != 2 || told[0].Incident.Verdict.State != thongsuot.StateOff {
		t.Errorf("%+v", told)
	}

	p.changes = nil
	evening(p, 45*time.Minute, 40*time.Minute) // ten minutes late
	p.want("50001", "off host low")
	p.changes = nil
	evening(p, 45*time.Minute, 2*time.Hour)
	if p.changes[1].Kind != thongsuot.ChangeWorse || p.changes[1].Incident.Verdict.State != thongsuot.StateDown {
		t.Fatalf("%+v", p.changes)
	}
	opening := p.changes[1].At.Add(7 * time.Hour)
	if opening.Hour() != 7 || opening.Minute() != 30 {
		t.Errorf("it counts from %s", opening)
	}
}

// In the day it is an outage also where the evenings are quiet.
func TestSilenceInOfficeHoursIsNoHabit(t *testing.T) {
	p := newProvince(t, working, commune("50001", "", "", ""))
	for range 8 {
		evening(p, 40*time.Minute, 20*time.Minute)
	}
	p.run(2 * time.Hour)
	p.changes = nil
	p.silence(true, "50001").run(time.Minute)
	p.want("50001", "down unknown low")
}

// A box that was switched off in the evening and is not on when it should be is
// told once: that the office closes for lunch says nothing new of it.
func TestOversleptIsToldOnce(t *testing.T) {
	office := func(_ string, at time.Time) bool {
		h := at.UTC().Hour()
		return h >= 9 && h < 12 || h >= 14 && h < 18
	}
	p := newProvince(t, office, commune("50001", "", "", "")).run(time.Minute) // seven o'clock
	p.beat["50001"] = incident.Beat{ShuttingDown: true}
	p.run(6*time.Second).silence(true, "50001").run(23 * time.Hour)
	if len(p.changes) != 2 {
		t.Fatalf("%+v", p.changes)
	}
	p.want("50001", "unknown host high")
	if at := p.changes[1].At; !at.Equal(t0.Add(2 * time.Hour)) {
		t.Errorf("it counts from %s, not from nine o'clock", at)
	}
}

// A site that goes and comes is one incident with its outages in it.
func TestFlappingIsOneIncident(t *testing.T) {
	p := newProvince(t, always, commune("50001", "", "", "")).run(time.Minute)
	for range 6 {
		p.silence(true, "50001").run(2 * time.Minute)
		p.silence(false, "50001").run(4 * time.Minute)
	}
	p.run(20 * time.Minute)
	var kinds []thongsuot.ChangeKind
	var last thongsuot.Incident
	for _, c := range p.changes {
		if c.Incident.Regional() {
			kinds, last = append(kinds, c.Kind), c.Incident
		}
	}
	if told := p.told(); len(told) != 3 {
		t.Errorf("people are called to %q: two outages, then that they are many", told)
	}
	if len(kinds) == 0 || kinds[0] != thongsuot.ChangeOpened || kinds[len(kinds)-1] != thongsuot.ChangeClosed ||
		slices.ContainsFunc(kinds[1:len(kinds)-1], func(k thongsuot.ChangeKind) bool { return k != thongsuot.ChangeMembers }) {
		t.Errorf("%q", kinds)
	}
	if len(last.Members) != 4 || last.Site != "50001" || last.Worst != thongsuot.StateDown || !last.End.Equal(last.Members[3].To) {
		t.Errorf("%+v", last)
	}
}

// The centre reaches the address of a silent site: the line is fine.
func TestAddressIsReached(t *testing.T) {
	f := func(before []bool, reached []bool, want string) {
		t.Helper()
		s := newScene(t).run(time.Minute)
		ask := func(r []bool) { s.add(s.e.Observe(incident.Observation{Site: s.site, At: s.now, Reached: r})) }
		ask(before)
		s.mute = true
		s.run(15 * time.Second)
		s.changes = nil
		ask(reached)
		if len(s.changes) == 0 && want == "" {
			return
		}
		s.want(want)
	}
	f([]bool{true}, []bool{true}, "better unknown unknown low")
	f([]bool{true}, []bool{false, false, true}, "better unknown unknown low")
	f([]bool{true}, []bool{false, false, false}, "")
	f([]bool{false}, []bool{false, false, false}, "") // it never answered: that says nothing
}
