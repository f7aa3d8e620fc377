package registry_test

import (
	"testing"
	"time"
)

func TestOfficeHoursBoundaries(t *testing.T) {
	r := mustLoad(t, "testdata/good")
	f := func(want bool, site, at string) {
		t.Helper()
		instant, err := time.Parse("2006-01-02T15:04:05.999Z07:00", at)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.InOfficeHours(site, instant); got != want {
			t.Errorf("%s at %s: open is %v, want %v", site, at, got, want)
		}
	}
	// Monday 23 November 2026: the start belongs to the session, the end does not.
	f(false, "25051", "2026-11-23T07:29:59.999+07:00")
	f(true, "25051", "2026-11-23T07:30:00+07:00")
	f(true, "25051", "2026-11-23T11:29:59.999+07:00")
	f(false, "25051", "2026-11-23T11:30:00+07:00")
	f(false, "25051", "2026-11-23T12:00:00+07:00") // lunch
	f(true, "25051", "2026-11-23T13:30:00+07:00")
	f(false, "25051", "2026-11-23T17:30:00+07:00")
	// The same instants from elsewhere: the day and the clock are the province's.
	f(true, "25051", "2026-11-23T00:30:00Z")
	f(false, "25051", "2026-11-23T04:30:00Z")
	f(true, "25051", "2026-11-22T19:30:00-05:00")  // still Sunday there
	f(false, "25051", "2026-11-20T20:00:00-05:00") // still Friday there, Saturday here
	f(true, "25051", "2026-11-25T14:00:00-12:00")
	// Days of the week, a day off, a day worked in exchange, an unconfirmed one.
	f(true, "25051", "2026-11-27T08:00:00+07:00")
	f(false, "25051", "2026-11-28T08:00:00+07:00") // Saturday
	f(false, "25051", "2026-11-29T08:00:00+07:00") // Sunday
	f(false, "25051", "2026-02-17T08:00:00+07:00") // Tết, a Tuesday
	f(true, "25051", "2026-08-22T08:00:00+07:00")  // Saturday, worked
	f(true, "25051", "2027-11-24T08:00:00+07:00")
	// Other hours until the end of October 2025, none before July.
	f(true, "25051", "2025-10-31T07:00:00+07:00")
	f(false, "25051", "2025-11-03T07:00:00+07:00")
	f(false, "25051", "2025-06-30T08:00:00+07:00")
	// A site with rows of its own; before they begin the province's hold.
	f(true, "mot-cua", "2026-11-23T12:00:00+07:00")
	f(true, "mot-cua", "2026-11-28T08:00:00+07:00")
	f(false, "mot-cua", "2026-11-28T13:30:00+07:00")
	f(false, "mot-cua", "2025-12-01T12:00:00+07:00")
	f(false, "mot-cua", "2026-02-17T08:00:00+07:00")
	// An unknown site has the hours of the province.
	f(true, "99999", "2026-11-23T08:00:00+07:00")
}

func TestOfficeHoursSessions(t *testing.T) {
	r := mustLoad(t, "testdata/good")
	sessions := r.OfficeHours("25051", day(2026, time.November, 23))
	var open time.Duration
	for _, s := range sessions {
		open += s.End.Sub(s.Start)
	}
	if len(sessions) != 2 || open != 8*time.Hour {
		t.Errorf("sessions %v, %v in all; want two of 8h", sessions, open)
	}
	if s := r.OfficeHours("25051", day(2026, time.September, 2)); s != nil {
		t.Errorf("open on National Day: %v", s)
	}
}

func TestHolidaysKnown(t *testing.T) {
	r := mustLoad(t, "testdata/good")
	if !r.HolidaysKnown(2026) {
		t.Error("2026 is named and confirmed")
	}
	if r.HolidaysKnown(2027) {
		t.Error("2027 has an unconfirmed day")
	}
	if r.HolidaysKnown(2028) {
		t.Error("nothing is known of 2028")
	}
	days := r.Holidays(2026)
	if len(days) != 4 || days[0].Day != day(2026, time.February, 16) || days[3].Name != "Quốc khánh" {
		t.Errorf("holidays %v", days)
	}
}
