package registry

import (
	"slices"
	"strings"
	"time"

	"thongsuot"
)

// Session is a stretch in which a site is open to the public. End is the
// first instant after it.
type Session struct{ Start, End time.Time }

// OfficeHours lists the sessions of a site on a day, by start: none on a day
// off, and none on days before the first row of the files. Rows of the site
// that hold on the day stand in for all of the province's.
func (r *Registry) OfficeHours(site string, day thongsuot.Day) []Session {
	weekday := day.In(time.UTC).Weekday()
	switch r.holidays[day].Kind {
	case DayOff:
		return nil
	case DayWorking:
		weekday = time.Monday // a day worked in exchange is an ordinary working day
	}
	for _, code := range []string{site, ""} {
		var sessions []Session
		applies := false
		for _, g := range r.regimes[code] {
			if !g.valid.covers(day) {
				continue
			}
			applies = true
			if g.days[weekday] {
				for _, h := range g.hours {
					sessions = append(sessions, Session{h.from.on(day, r.zone), h.to.on(day, r.zone)})
				}
			}
		}
		if applies {
			return sessions
		}
	}
	return nil
}

// InOfficeHours reports whether a site is open to the public at an instant:
// from the first instant of a session until just before its end.
func (r *Registry) InOfficeHours(site string, t time.Time) bool {
	return slices.ContainsFunc(r.OfficeHours(site, thongsuot.DayOf(t.In(r.zone))), func(s Session) bool {
		return !t.Before(s.Start) && t.Before(s.End)
	})
}

// regime is one row of hours.csv.
type regime struct {
	days  [7]bool // by time.Weekday
	hours []interval
	valid span
}

// interval is a part of a day: from is in it, to is not.
type interval struct{ from, to clock }

// clock is a time of day in minutes since midnight.
type clock int

func (c clock) on(d thongsuot.Day, zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, int(c)/60, int(c)%60, 0, 0, zone)
}

var hourSheet = sheet{
	name:     "hours.csv",
	required: []string{"site", "days", "hours"},
	optional: []string{"valid_from", "valid_to"},
}

func (l *loader) hours(r row) {
	site := r.text("site")
	l.known(r, "site", site)
	days, okDays := parseDays(r.need("days"))
	if !okDays && r.text("days") != "" {
		r.fault("days", "must be days of the week such as mon-fri or \"mon wed t7\"; also t2..t7 and cn")
	}
	hours, okHours := parseHours(r.need("hours"))
	if !okHours && r.text("hours") != "" {
		r.fault("hours", "must be times in order such as \"07:30-11:30 13:30-17:30\"")
	}
	g := regime{days: days, hours: hours, valid: r.span()}
	for weekday, open := range days {
		if open && l.clash(r, "days", key("hours", site, time.Weekday(weekday).String()), g.valid) {
			return
		}
	}
	l.reg.regimes[site] = append(l.reg.regimes[site], g)
}

// week is the order in which ranges of days run; t2..t7 and cn are the
// Vietnamese short names.
var week = []struct {
	names []string
	day   time.Weekday
}{
	{[]string{"mon", "t2"}, time.Monday},
	{[]string{"tue", "t3"}, time.Tuesday},
	{[]string{"wed", "t4"}, time.Wednesday},
	{[]string{"thu", "t5"}, time.Thursday},
	{[]string{"fri", "t6"}, time.Friday},
	{[]string{"sat", "t7"}, time.Saturday},
	{[]string{"sun", "cn"}, time.Sunday},
}

func parseDays(s string) (days [7]bool, ok bool) {
	for _, part := range strings.Fields(strings.ToLower(s)) {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := dayIndex(first), dayIndex(last)
		if from < 0 || to < from {
			return days, false
		}
		for _, w := range week[from : to+1] {
			days[w.day] = true
		}
		ok = true
	}
	return days, ok
}

func dayIndex(name string) int {
	for i, w := range week {
		if slices.Contains(w.names, name) {
			return i
		}
	}
	return -1
}

func parseHours(s string) (hours []interval, ok bool) {
	end := clock(-1)
	for _, part := range strings.Fields(strings.ReplaceAll(s, "–", "-")) {
		first, last, found := strings.Cut(part, "-")
		from, okFrom := parseClock(first)
		to, okTo := parseClock(last)
		if !found || !okFrom || !okTo || from >= to || from <= end {
			return nil, false
		}
		hours = append(hours, interval{from, to})
		end = to
	}
	return hours, len(hours) > 0
}

func parseClock(s string) (clock, bool) {
	t, err := time.Parse("15:04", s)
	return clock(t.Hour()*60 + t.Minute()), err == nil
}
