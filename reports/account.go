package reports

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/registry"
)

// Input is what a report is made of.
type Input struct {
	From, To  time.Time // the period; To is the first instant after it
	Now       time.Time // nothing is known of what comes after
	Registry  *registry.Registry
	Histories [][]thongsuot.Change // of each incident that touches the period, by revision
	Watch     map[string]Watch     // by code of the site
	Place     string               // "tỉnh Lâm Đồng"
	Version   string               // of the program
}

// Watch is when a site was observed, and what it saw of the portal in office
// hours.
type Watch struct {
	Alive  Spans // its agent left samples
	Mains  Spans // something told whether mains was there
	Portal Apdex // visits that were answered
	Failed []time.Time
}

// Loss is office time lost to one cause at one confidence.
type Loss struct {
	Cause          thongsuot.Cause
	Level          thongsuot.Level
	Down, Degraded time.Duration
}

// Event is one incident at a site, as far as it cost office time or power.
type Event struct {
	Incident, Site string
	Start, End     time.Time
	Open, Planned  bool
	State          thongsuot.State // worst
	Cause          thongsuot.Cause
	Sub            string
	Confidence     thongsuot.Confidence
	Down, Degraded time.Duration // in office hours
	Segments       []Segment     // within the period
}

// Account is what one unit's site went through.
type Account struct {
	Site   thongsuot.Site // as the registry has it last
	Codes  []string       // whose time is in it: its own, and those merged into it
	Days   int            // on which it was to be observed
	Due    time.Duration  // time on those days
	Office time.Duration  // office time on those days

	Seen, OfficeSeen time.Duration // of them, observed
	MainsSeen        time.Duration // with mains known
	MainsSensor      bool
	Off              time.Duration // switched off as expected
	Down, DownOffice time.Duration
	Losses           []Loss // by cause and confidence
	Events           []Event
	Portal           Apdex

	Power, Lines, Unclear []Interruption // that began in the period

	due, office Spans
}

// Coverage is the share of office time that was observed, NaN without any.
func (a Account) Coverage() float64 { return ratio(a.OfficeSeen, a.Office) }

// Lost is the lost service time, degraded time weighed.
func (a Account) Lost(weight float64) (sum time.Duration) {
	for _, l := range a.Losses {
		sum += l.Time(weight)
	}
	return sum
}

// Time is the lost service time, degraded time weighed.
func (l Loss) Time(weight float64) time.Duration {
	return l.Down + time.Duration(weight*float64(l.Degraded))
}

// LostTo is the part of Lost that goes to one cause.
func (a Account) LostTo(weight float64, is func(Loss) bool) (sum time.Duration) {
	for _, l := range a.Losses {
		if is(l) {
			sum += l.Time(weight)
		}
	}
	return sum
}

// Availability is the share of observed time in which the counter was not
// down, over all hours and in office hours.
func (a Account) Availability() (always, office float64) {
	return 1 - ratio(a.Down, a.Seen-a.Off), 1 - ratio(a.DownOffice, a.OfficeSeen)
}

// Accounts does the accounting, by code of the unit.
func Accounts(in Input) []Account {
	in.To = earlier(in.To, in.Now)
	segments := map[string][]Segment{}
	for _, h := range in.Histories {
		for _, s := range Segments(h, in.Now) {
			code := h[len(h)-1].Incident.Site
			segments[code] = append(segments[code], s)
		}
	}
	latest := in.Registry.At(thongsuot.Day{})
	byUnit := map[string]*Account{}
	due := stretches(in)
	for _, code := range slices.Sorted(maps.Keys(due)) {
		unit := heir(latest, code)
		a := byUnit[unit]
		if a == nil {
			site, _ := latest.Site(unit)
			a = &Account{Site: site}
			byUnit[unit] = a
		}
		a.add(code, due[code], officeTime(in.Registry, code, due[code]), oneAtATime(segments[code]), in.Watch[code])
	}
	var out []Account
	for _, code := range slices.Sorted(maps.Keys(byUnit)) {
		out = append(out, *byUnit[code])
	}
	return out
}

// heir is the unit that a code counts for today.
func heir(r *registry.Registry, code string) string {
	for range 10 { // no chain is longer; a ring ends here
		site, ok := r.Site(code)
		if !ok || site.Successor == "" {
			return code
		}
		code = site.Successor
	}
	return code
}

// stretches are the days on which each site is to be observed.
func stretches(in Input) map[string]Spans {
	zone := in.Registry.Zone()
	period := Span{in.From, in.To}
	days := map[string][]Span{}
	for day := thongsuot.DayOf(in.From.In(zone)); day.In(zone).Before(in.To); {
		next := thongsuot.DayOf(day.In(time.UTC).AddDate(0, 0, 1))
		whole := Span{day.In(zone), next.In(zone)}.clip(period)
		for _, s := range in.Registry.At(day).Sites() {
			if s.Counted() {
				days[s.Code] = append(days[s.Code], whole)
			}
		}
		day = next
	}
	out := make(map[string]Spans, len(days))
	for code, d := range days {
		out[code] = Join(d...)
	}
	return out
}

// officeTime is when a site is open to the public within spans.
func officeTime(r *registry.Registry, code string, due Spans) Spans {
	zone := r.Zone()
	var open []Span
	for _, s := range due {
		for day := thongsuot.DayOf(s.From.In(zone)); day.In(zone).Before(s.To); day = thongsuot.DayOf(day.In(time.UTC).AddDate(0, 0, 1)) {
			for _, session := range r.OfficeHours(code, day) {
				open = append(open, Span{session.Start, session.End}.clip(s))
			}
		}
	}
	return Join(open...)
}

func (a *Account) add(code string, due, office Spans, segments []Segment, watch Watch) {
	a.Codes = append(a.Codes, code)
	known, mains := slices.Clone(watch.Alive), slices.Clone(watch.Mains)
	for _, s := range segments {
		if s.State != thongsuot.StateUnknown {
			known = append(known, s.Span)
		}
		if s.Cause == thongsuot.CausePower {
			mains = append(mains, s.Span)
		}
	}
	seen := Join(known...).And(due)
	a.due, a.office = Join(append(a.due, due...)...), Join(append(a.office, office...)...)
	a.Days += days(due)
	a.Due += due.Total()
	a.Office += office.Total()
	a.Seen += seen.Total()
	a.OfficeSeen += seen.And(office).Total()
	a.MainsSeen += Join(mains...).And(due).Total()
	a.MainsSensor = a.MainsSensor || len(watch.Mains) > 0
	a.events(code, due, office, segments)
	a.Portal = a.Portal.Plus(watch.Portal)
	a.Portal.failures(watch.Failed, segments)
	a.Power = append(a.Power, interruptions(code, due, segments, mainsGone)...)
	a.Lines = append(a.Lines, interruptions(code, due, segments, lineGone)...)
	a.Unclear = append(a.Unclear, interruptions(code, due, segments, goneSomehow)...)
}

func days(due Spans) int { return int((due.Total() + 12*time.Hour) / (24 * time.Hour)) }

func (a *Account) events(code string, due, office Spans, segments []Segment) {
	index := map[string]int{}
	for _, s := range segments {
		within := due.And(Spans{s.Span})
		if len(within) == 0 {
			continue
		}
		i, known := index[s.Incident]
		if !known {
			i = len(a.Events)
			index[s.Incident] = i
			a.Events = append(a.Events, Event{
				Incident: s.Incident, Site: code, Start: s.From, Open: s.Open, Planned: s.Planned,
				State: s.State, Cause: s.Cause, Sub: s.Sub, Confidence: s.Confidence,
			})
		}
		e := &a.Events[i]
		e.End = s.To
		if s.State.Severity() > e.State.Severity() {
			e.State = s.State
		}
		open := time.Duration(0)
		for _, w := range within {
			part := s
			part.Span = w
			e.Segments = append(e.Segments, part)
			open += office.Within(w)
		}
		switch s.State {
		case thongsuot.StateDown:
			a.Down += within.Total()
			a.DownOffice += open
			e.Down += open
			a.lose(Loss{Cause: s.Cause, Level: s.Confidence.Level(), Down: open})
		case thongsuot.StateDegraded:
			e.Degraded += open
			a.lose(Loss{Cause: s.Cause, Level: s.Confidence.Level(), Degraded: open})
		case thongsuot.StateOff:
			a.Off += within.Total()
		}
	}
}

func (a *Account) lose(l Loss) {
	if l.Down+l.Degraded == 0 {
		return
	}
	i, found := slices.BinarySearchFunc(a.Losses, l, func(x, y Loss) int {
		return cmp.Or(cmp.Compare(precedence(x.Cause), precedence(y.Cause)), cmp.Compare(levelOrder(x.Level), levelOrder(y.Level)))
	})
	if !found {
		a.Losses = slices.Insert(a.Losses, i, l)
		return
	}
	a.Losses[i].Down += l.Down
	a.Losses[i].Degraded += l.Degraded
}

// levelOrder puts what is surest first.
func levelOrder(l thongsuot.Level) int {
	return slices.Index([]thongsuot.Level{thongsuot.LevelHigh, thongsuot.LevelMedium, thongsuot.LevelLow}, l)
}

// ratio is NaN where there is nothing to compare with.
func ratio(a, b time.Duration) float64 { return float64(a) / zeroIsNaN(float64(b)) }
