package registry

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"thongsuot"
)

// fault records that the cell of a column breaks a rule.
func (r row) fault(column, format string, args ...any) {
	p := Problem{File: r.file, Line: r.line, Column: column, Value: r.cells[column], Text: fmt.Sprintf(format, args...)}
	if name, ok := r.names[column]; ok {
		p.Column = name
		if line := r.lines[name]; line > 0 {
			p.Line = line
		}
	}
	r.faults.add(p)
}

// text is the cell, "" where there is none.
func (r row) text(column string) string { return r.cells[column] }

// need is the cell, and a fault where it is empty.
func (r row) need(column string) string {
	if r.cells[column] == "" {
		r.fault(column, "must not be empty")
	}
	return r.cells[column]
}

// word is a cell that must hold one of the allowed words.
func word[W ~string](r row, column string, allowed []W) W {
	w := W(r.need(column))
	if w != "" && !slices.Contains(allowed, w) {
		names := make([]string, len(allowed))
		for i, a := range allowed {
			names[i] = string(a)
		}
		r.fault(column, "must be one of %s", strings.Join(names, ", "))
	}
	return w
}

// number is a decimal number; ok is false where the cell is empty or wrong. A
// comma is the decimal mark in files that separate cells by semicolons.
func (r row) number(column string) (v float64, ok bool) {
	cell := r.cells[column]
	if cell == "" {
		return 0, false
	}
	if r.decimalComma && !strings.Contains(cell, ".") {
		cell = strings.Replace(cell, ",", ".", 1)
	}
	v, err := strconv.ParseFloat(cell, 64)
	if err != nil || strings.Trim(cell, "0123456789.-") != "" { // no "1e3", "0x1p4", "NaN", "Inf"
		r.fault(column, "must be a number such as 11.35")
		return 0, false
	}
	return v, true
}

// positive is a number above 0, at most most; 0 where the cell is empty.
func (r row) positive(column string, most float64) float64 {
	v, ok := r.number(column)
	if ok && (v <= 0 || v > most) {
		r.fault(column, "must be above 0 and at most %g; leave it empty where unknown", most)
	}
	return v
}

// people is a whole number from 1; 0 where the cell is empty.
func (r row) people(column string) int {
	cell := r.cells[column]
	if cell == "" {
		return 0
	}
	n, err := strconv.Atoi(cell)
	if err != nil || n < 1 || n > 10_000_000 {
		r.fault(column, "must be a whole number from 1 to 10000000 without separators; leave it empty where unknown")
	}
	return n
}

// addr is an IP address; the zero one where the cell is empty.
func (r row) addr(column string) netip.Addr {
	cell := r.cells[column]
	if cell == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(cell)
	if err != nil || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
		r.fault(column, "must be one IP address such as 203.0.113.7")
		return netip.Addr{}
	}
	return a.Unmap()
}

// dayLayouts are ISO 8601 and what a Vietnamese spreadsheet makes of it.
// Two digits are asked for, so that the American "7/1/2025" is refused rather
// than read as 7 January.
var dayLayouts = []string{time.DateOnly, "02/01/2006"}

func parseDay(s string) (thongsuot.Day, bool) {
	for _, layout := range dayLayouts {
		if t, err := time.Parse(layout, s); err == nil && plausible(t) {
			return thongsuot.DayOf(t), true
		}
	}
	return thongsuot.Day{}, false
}

// plausible keeps out slips of the keyboard.
func plausible(t time.Time) bool { return t.Year() >= 1975 && t.Year() <= 2199 }

// day is a calendar day; the zero one where the cell is empty.
func (r row) day(column string) thongsuot.Day {
	if r.cells[column] == "" {
		return thongsuot.Day{}
	}
	d, ok := parseDay(r.cells[column])
	if !ok {
		r.fault(column, "must be a day such as 2026-11-23 or 23/11/2026")
	}
	return d
}

func compareDays(a, b thongsuot.Day) int {
	switch {
	case a.Before(b):
		return -1
	case b.Before(a):
		return 1
	default:
		return 0
	}
}

// span is how long a row holds: both days belong to it, zero is open.
type span struct{ from, to thongsuot.Day }

func (s span) covers(d thongsuot.Day) bool {
	return (s.from.IsZero() || !d.Before(s.from)) && (s.to.IsZero() || !s.to.Before(d))
}

func (s span) overlaps(o span) bool {
	return (s.to.IsZero() || o.from.IsZero() || !s.to.Before(o.from)) &&
		(o.to.IsZero() || s.from.IsZero() || !o.to.Before(s.from))
}

// span reads the columns valid_from and valid_to.
func (r row) span() span {
	s := span{r.day("valid_from"), r.day("valid_to")}
	if !s.from.IsZero() && !s.to.IsZero() && s.to.Before(s.from) {
		r.fault("valid_to", "must not be before valid_from %s", s.from)
	}
	return s
}

// moment is an instant given in the time of the province.
func (r row) moment(column string, zone *time.Location) time.Time {
	cell := r.need(column)
	if cell == "" {
		return time.Time{}
	}
	date, clock, found := strings.Cut(cell, " ")
	if d, ok := parseDay(date); ok && found {
		for _, layout := range []string{"15:04", "15:04:05"} {
			if c, err := time.Parse(layout, clock); err == nil {
				return time.Date(d.Year, d.Month, d.Day, c.Hour(), c.Minute(), c.Second(), 0, zone)
			}
		}
	}
	r.fault(column, "must be a day and a time such as 2026-11-25 07:30")
	return time.Time{}
}
