package alerting

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"thongsuot"
	"thongsuot/alerting/notice"
)

// letter words a change for the chair of its site: what, since when, what it
// means, who acts and when the next word comes.
func (r renderer) letter(c thongsuot.Change, why string) (summary, short string) {
	i := c.Incident
	place := r.site(i.Site)
	start, brief := r.lang.Moment(i.Start, r.zone), r.brief(i.Start)
	cause := r.cause(i.Verdict)
	switch {
	case c.Kind == thongsuot.ChangeRevised:
		return r.lang.T("chair.revised", start, place, cause), r.lang.T("sms.revised", brief, place, r.lang.Cause(i.Verdict.Cause, i.Verdict.Sub))
	case !i.Open():
		lasted := i.End.Sub(i.Start)
		summary = r.lang.T("chair.closed", place, r.lang.Moment(i.End, r.zone), r.lang.Duration(lasted), r.lang.Duration(r.inOffice(i)), cause)
		return capital(summary), r.lang.T("sms.closed", place, r.brief(i.End), r.lang.Duration(lasted), r.lang.Cause(i.Verdict.Cause, i.Verdict.Sub))
	}
	summary, short = r.trouble(i, place, start, brief)
	if why == whyOverrun {
		if end := r.announced(i); !end.IsZero() {
			summary = r.lang.T("chair.overrun", r.lang.Moment(end, r.zone), summary)
			short = r.lang.T("sms.overrun", r.brief(end), short)
		}
	}
	return r.lang.T("chair.dear", place, summary), short
}

// trouble is what is wrong at a site, at length and for an SMS.
func (r renderer) trouble(i thongsuot.Incident, place, start, brief string) (summary, short string) {
	v := i.Verdict
	site, _ := r.places().Site(i.Site)
	carrier, named := "", ""
	if site.Carrier() != "" {
		carrier, named = " "+r.lang.T("chair.carrier", site.Carrier()), " "+site.Carrier()
	}
	switch {
	case i.Regional(): // the one regional incident with a site: it comes and goes
		return r.lang.T("chair.flapping", place, len(i.Members), start), r.lang.T("sms.flapping", place, len(i.Members), brief)
	case v.State == thongsuot.StateDegraded:
		return r.lang.T("chair.slow", place, start), r.lang.T("sms.slow", place, brief)
	case v.State == thongsuot.StateAtRisk && v.Cause == thongsuot.CausePower && v.Sub != thongsuot.SubVoltage:
		left := r.runtime(v)
		return r.lang.T("chair.risk", start, left), r.lang.T("sms.risk", place, brief, left)
	case v.State != thongsuot.StateDown:
		return r.lang.T("chair.other", place, start, r.cause(v)), r.lang.T("sms.other", place, brief, r.lang.Cause(v.Cause, v.Sub))
	case v.Cause == thongsuot.CausePortal || i.Region.Kind == thongsuot.RegionPortal:
		service := r.lang.Probe("portal")
		if i.Region.Name != "" {
			service = r.lang.Probe(i.Region.Name)
		}
		return r.lang.T("chair.portal", capital(service), start), r.lang.T("sms.portal", place, service, brief)
	}
	switch v.Cause {
	case thongsuot.CausePower:
		utility := site.Utility
		if utility == "" {
			utility = r.lang.T("chair.utility")
		}
		return r.lang.T("chair.power", start, utility), r.lang.T("sms.power", place, brief)
	case thongsuot.CauseLAN:
		return r.lang.T("chair.lan", start), r.lang.T("sms.lan", place, brief)
	case thongsuot.CauseAccess:
		return r.lang.T("chair.access", start, carrier), r.lang.T("sms.access", place, brief, carrier)
	case thongsuot.CauseUpstream:
		return r.lang.T("chair.upstream", start, place, named), r.lang.T("sms.upstream", place, brief, named)
	default:
		return r.lang.T("chair.unknown", start), r.lang.T("sms.unknown", place, brief)
	}
}

// runtime is how long a battery is held to last, "" where nobody says.
func (r renderer) runtime(v thongsuot.Verdict) string {
	for _, e := range v.Evidence {
		if e.Code == thongsuot.EvidenceOnBattery && e.Value > 0 {
			return r.lang.T("chair.runtime", r.lang.Duration(time.Duration(e.Value*float64(time.Second))))
		}
	}
	return ""
}

// inOffice is how much of an incident fell into the office hours of its site.
func (r renderer) inOffice(i thongsuot.Incident) (sum time.Duration) {
	for day := i.Start.In(r.zone); day.Before(i.End.AddDate(0, 0, 1)); day = day.AddDate(0, 0, 1) {
		for _, s := range r.places().OfficeHours(i.Site, thongsuot.DayOf(day)) {
			start, end := later(s.Start, i.Start), s.End
			if end.After(i.End) {
				end = i.End
			}
			sum += max(0, end.Sub(start))
		}
	}
	return sum
}

// announced is the end of the last announced window that the incident began in.
func (r renderer) announced(i thongsuot.Incident) (end time.Time) {
	for _, w := range r.places().Windows(i.Site, i.Start, i.Start.Add(time.Second)) {
		end = w.End
	}
	return end
}

// brief is a moment for an SMS: "14:05 23/11".
func (r renderer) brief(t time.Time) string { return t.In(r.zone).Format("15:04 02/01") }

// summaryOf is the one message for several that the day had no room for.
func (r renderer) summaryOf(items []notice.Message, now time.Time) notice.Message {
	m := notice.Message{
		Incident: "summary/" + now.In(r.zone).Format(time.DateOnly), Revision: 1, Kind: thongsuot.ChangeOpened, Open: true, Rouse: true,
		Title: r.lang.T("alert.summary.day", r.lang.Date(now, r.zone)), Why: items[0].Why, Link: items[0].Link,
	}
	m.Summary, m.Site = m.Title, items[0].Site
	var shorts []string
	for _, item := range items {
		m.Lines = append(m.Lines, item.Summary)
		shorts = append(shorts, item.Short)
		m.MayExist = m.MayExist || item.MayExist
	}
	m.Short = strings.Join(shorts, " ")
	return m
}

func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
