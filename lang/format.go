package lang

import (
	"math"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
)

// Moment is a time of day and a date: "14 giờ 05 phút, ngày 23/11/2026". Zero
// is "–", here and in Clock and Date.
func (l Lang) Moment(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return none
	}
	t = t.In(zone)
	return l.T("time.moment", t.Format("15"), t.Format("04"), l.Date(t, zone))
}

// Clock is a time of day: "14:05:07".
func (l Lang) Clock(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return none
	}
	return t.In(zone).Format(time.TimeOnly)
}

// Date is a date: "23/11/2026", in English "23 Nov 2026".
func (l Lang) Date(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return none
	}
	if l.known() == En {
		return t.In(zone).Format("2 Jan 2006")
	}
	return t.In(zone).Format("02/01/2006")
}

// Duration is a length of time in its two largest units, rounded to the
// smaller of them: "2 giờ 15 phút", "45 giây". Below zero it is zero.
func (l Lang) Duration(d time.Duration) string {
	const day = 24 * time.Hour
	d = max(d, 0).Round(time.Second)
	if d >= time.Hour {
		d = d.Round(time.Minute)
	}
	if d >= day {
		d = d.Round(time.Hour)
	}
	switch {
	case d >= day:
		return l.units("day", int64(d/day), "hour", int64(d%day/time.Hour))
	case d >= time.Hour:
		return l.units("hour", int64(d/time.Hour), "minute", int64(d%time.Hour/time.Minute))
	case d >= time.Minute:
		return l.units("minute", int64(d/time.Minute), "second", int64(d%time.Minute/time.Second))
	default:
		return l.T("duration.second", int64(d/time.Second))
	}
}

func (l Lang) units(large string, n int64, small string, m int64) string {
	text := l.T("duration."+large, n)
	if m == 0 {
		return text
	}
	return text + " " + l.T("duration."+small, m)
}

// Number is v with so many decimals: "1.234,5", in English "1,234.5". What is
// not a number is "–".
func (l Lang) Number(v float64, decimals int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return none
	}
	if scale := math.Pow10(decimals); math.Round(v*scale) == 0 {
		v = 0 // no "-0"
	}
	tag := language.Vietnamese
	if l.known() == En {
		tag = language.English
	}
	return message.NewPrinter(tag).Sprint(number.Decimal(v, number.Scale(decimals)))
}

// Percent is a ratio as a percentage: "12,5 %", in English "12.5%".
func (l Lang) Percent(ratio float64, decimals int) string {
	return l.T("number.percent", l.Number(100*ratio, decimals))
}

// none stands where there is nothing to say.
const none = "–"
