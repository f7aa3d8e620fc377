package registry

import (
	"slices"

	"thongsuot"
)

// DayKind says what a row of holidays.csv makes of its day.
type DayKind string

// The kinds of day.
const (
	DayOff         DayKind = "off"         // offices are closed
	DayWorking     DayKind = "working"     // worked in exchange for another day
	DayUnconfirmed DayKind = "unconfirmed" // perhaps a holiday; an ordinary day until somebody confirms it
)

// Holiday is a day that is not like its weekday, or may turn out so.
type Holiday struct {
	Day  thongsuot.Day
	Kind DayKind
	Name string
}

// Holidays lists what the files say of days of a year, by day.
func (r *Registry) Holidays(year int) []Holiday {
	var days []Holiday
	for day, h := range r.holidays {
		if day.Year == year {
			days = append(days, h)
		}
	}
	slices.SortFunc(days, func(a, b Holiday) int { return compareDays(a.Day, b.Day) })
	return days
}

// HolidaysKnown reports whether the office hours of a year can be relied on:
// the files name days of it, and none of them waits for confirmation.
func (r *Registry) HolidaysKnown(year int) bool {
	days := r.Holidays(year)
	return len(days) > 0 && !slices.ContainsFunc(days, func(h Holiday) bool { return h.Kind == DayUnconfirmed })
}

var holidaySheet = sheet{
	name:     "holidays.csv",
	required: []string{"day", "kind", "name"},
}

func (l *loader) holiday(r row) {
	r.need("day")
	h := Holiday{
		Day:  r.day("day"),
		Kind: word(r, "kind", []DayKind{DayOff, DayWorking, DayUnconfirmed}),
		Name: r.need("name"),
	}
	if !h.Day.IsZero() && !l.clash(r, "day", key("holiday", h.Day.String()), span{}) {
		l.reg.holidays[h.Day] = h
	}
}
