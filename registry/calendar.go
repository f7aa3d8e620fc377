package registry

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/emersion/go-ical"
)

// calendarExt ends the names of iCalendar files (RFC 5545).
const calendarExt = ".ics"

// Bounds of what one recurring event may become.
const (
	recurFor  = 2 * 366 * 24 * time.Hour
	recurMost = 1000
)

// calendarWords says which property stands for which column of windows.csv.
var calendarWords = map[string]string{
	"sites": ical.PropLocation, "cause": ical.PropCategories, "start": ical.PropDateTimeStart, "end": ical.PropDateTimeEnd,
	"source": ical.PropOrganizer, "reason": ical.PropSummary,
}

// calendar reads an iCalendar file: each event is an announced window, with
// its sites in LOCATION, its cause in CATEGORIES, its reason in SUMMARY and who
// announced it in ORGANIZER, else the name of the file. Cancelled events are
// left out.
func (l *loader) calendar(path string) {
	fault := func(line int, property, value, text string) {
		l.faults.add(Problem{File: path, Line: line, Column: property, Value: value, Text: text})
	}
	defer func() { // the library indexes beyond the end of some broken lines
		if recover() != nil {
			fault(0, "", "", "is no iCalendar file: a line ends in its middle; export the calendar again")
		}
	}()
	raw, err := os.ReadFile(path)
	if err != nil {
		fault(0, "", "", withoutPath(err).Error())
		return
	}
	if at, ok := notUTF8(raw); ok {
		fault(1+bytes.Count(raw[:at], []byte("\n")), "", "", fmt.Sprintf("byte 0x%02x is not UTF-8; export the calendar again", raw[at]))
		return
	}
	places := eventLines(raw)
	events := 0
	for d := ical.NewDecoder(bytes.NewReader(raw)); ; {
		cal, err := d.Decode()
		if err == io.EOF {
			break
		}
		if err != nil {
			fault(0, "", "", fmt.Sprintf("is no iCalendar file: %s", strings.TrimPrefix(err.Error(), "ical: ")))
			return
		}
		for _, c := range cal.Children {
			if c.Name != ical.CompEvent {
				continue
			}
			lines := map[string]int{}
			if events < len(places) {
				lines = places[events]
			}
			events++
			l.event(path, ical.Event{Component: c}, lines)
		}
	}
	if events == 0 {
		fault(0, "", "", "holds no event; move it away or export the calendar again")
	}
}

// eventLines finds, for each event of a file, the lines of its properties; ""
// is that on which it begins.
func eventLines(raw []byte) (events []map[string]int) {
	var in map[string]int
	depth := 0 // of components within the event, such as alarms
	for i, line := range strings.Split(string(raw), "\n") {
		line = strings.ToUpper(strings.TrimRight(line, "\r"))
		switch {
		case line == "BEGIN:"+ical.CompEvent:
			in, depth = map[string]int{"": i + 1}, 0
			events = append(events, in)
		case line == "END:"+ical.CompEvent:
			in = nil
		case strings.HasPrefix(line, "BEGIN:"):
			depth++
		case strings.HasPrefix(line, "END:"):
			depth--
		case in != nil && depth == 0:
			if end := strings.IndexAny(line, ":;"); end > 0 && in[line[:end]] == 0 {
				in[line[:end]] = i + 1
			}
		}
	}
	return events
}

// event makes windows of one event. It becomes a row first, so that the rules
// of windows.csv hold.
func (l *loader) event(path string, ev ical.Event, lines map[string]int) {
	if strings.EqualFold(textOf(ev, ical.PropStatus), string(ical.EventCancelled)) {
		return
	}
	r := row{file: path, line: lines[""], faults: &l.faults, lines: lines, names: calendarWords, cells: map[string]string{}}
	for column, property := range calendarWords {
		if p := ev.Props.Get(property); p != nil {
			r.cells[column] = clean(textOf(ev, property))
		}
	}
	r.cells["cause"] = strings.ToLower(r.cells["cause"])
	r.cells["source"] = organizer(ev, path)
	start, okStart := l.eventTime(r, "start", ev.Props.Get(ical.PropDateTimeStart))
	end, okEnd := l.eventTime(r, "end", ev.Props.Get(ical.PropDateTimeEnd))
	if d := ev.Props.Get(ical.PropDuration); d != nil && ev.Props.Get(ical.PropDateTimeEnd) == nil && okStart {
		length, err := d.Duration()
		if end, okEnd = start.Add(length), err == nil; err != nil {
			r.faults.add(Problem{File: path, Line: lines[ical.PropDuration], Column: ical.PropDuration, Value: d.Value, Text: "must be a length such as PT3H30M"})
			return
		}
	} else if !okEnd && okStart && ev.Props.Get(ical.PropDateTimeEnd) == nil {
		r.fault("end", "an event without DTEND or DURATION has no end; give it one")
		return
	}
	if !okStart || !okEnd {
		return
	}
	sites := r.need("sites")
	for _, at := range l.occurrences(r, ev, start) {
		l.announce(r, sites, at, at.Add(end.Sub(start)))
	}
}

// eventTime is the instant of a property; a bare date is the begin of that day.
func (l *loader) eventTime(r row, column string, p *ical.Prop) (time.Time, bool) {
	if p == nil {
		if column == "start" {
			r.fault(column, "must not be empty")
		}
		return time.Time{}, false
	}
	if p.Params.Get(ical.ParamTimezoneID) == "SE Asia Standard Time" { // Windows' name for Việt Nam's
		p.Params.Del(ical.ParamTimezoneID)
	}
	at, err := p.DateTime(l.reg.zone)
	if err != nil || !plausible(at) {
		r.fault(column, "must be a time such as 20261125T073000, in a time zone by its IANA name or none")
		return time.Time{}, false
	}
	return at.In(l.reg.zone), true
}

// occurrences are the starts of an event, one unless it recurs.
func (l *loader) occurrences(r row, ev ical.Event, start time.Time) (starts []time.Time) {
	set, err := ev.RecurrenceSet(l.reg.zone)
	rule := ev.Props.Get(ical.PropRecurrenceRule)
	switch {
	case err != nil, rule != nil && tooOften(rule.Value):
		value := ""
		if rule != nil {
			value = rule.Value
		}
		r.faults.add(Problem{File: r.file, Line: r.lines[ical.PropRecurrenceRule], Column: ical.PropRecurrenceRule, Value: value, Text: "must be a rule of RFC 5545 that recurs daily at most"})
		return nil
	case set == nil:
		return []time.Time{start}
	}
	for next := set.Iterator(); len(starts) < recurMost; {
		at, ok := next()
		if !ok || at.Sub(start) > recurFor {
			break
		}
		starts = append(starts, at.In(l.reg.zone))
	}
	return starts
}

func tooOften(rule string) bool {
	for _, freq := range []string{"SECONDLY", "MINUTELY", "HOURLY"} {
		if strings.Contains(strings.ToUpper(rule), freq) {
			return true
		}
	}
	return false
}

func textOf(ev ical.Event, property string) string {
	p := ev.Props.Get(property)
	if p == nil {
		return ""
	}
	if text, err := p.Text(); err == nil {
		return text
	}
	return p.Value
}

// organizer is who announced an event: the name that the calendar gives, its
// address, or the name of the file.
func organizer(ev ical.Event, path string) string {
	if p := ev.Props.Get(ical.PropOrganizer); p != nil {
		if name := clean(p.Params.Get(ical.ParamCommonName)); name != "" {
			return name
		}
		if _, address, ok := strings.Cut(p.Value, ":"); ok && address != "" {
			return clean(address)
		}
	}
	return strings.TrimSuffix(path[strings.LastIndexByte(path, '/')+1:], calendarExt)
}
