package alerting

import (
	"context"
	"time"

	"thongsuot"
	"thongsuot/alerting/notice"
)

// Forecast counts the calls and edits that each party would have got for the
// changes of a replay, in the order in which they came, each with the time at
// which it came. Holds, office hours and announced windows are those of the
// real rules; budgets of a day and failing channels are not in it.
func Forecast(cfg Config, places func() Places, zone *time.Location, told []Told) map[string]int {
	d := &Dispatcher{cfg: cfg, places: places, zone: zone, notifiers: map[string][]Notifier{}}
	if cfg.Chairs.Email != nil {
		d.notifiers[chairs] = []Notifier{paper{}}
	}
	f := forecast{d: d, stories: map[string][]Told{}, counts: map[string]int{}}
	var order []string
	for _, t := range told {
		id := t.Change.Incident.ID
		if f.stories[id] == nil {
			order = append(order, id)
		}
		f.stories[id] = append(f.stories[id], t)
	}
	for _, r := range cfg.Receivers {
		f.counts[r.Name] = 0
	}
	for _, id := range order {
		for _, p := range d.parties(f.stories[id][0].Change.Incident) {
			f.counts[p.name] += f.calls(p, f.stories[id])
		}
	}
	return f.counts
}

// Told is a change with the time at which the centre came to it.
type Told struct {
	Change thongsuot.Change
	At     time.Time
}

type forecast struct {
	d       *Dispatcher
	stories map[string][]Told
	counts  map[string]int
}

// calls counts what rouses a party in the story of one incident: what is held
// is sent only when it is still wanted when the hold is over.
func (f forecast) calls(p party, story []Told) (n int) {
	var changes []thongsuot.Change
	var sendAt time.Time // zero: nothing waits
	known := false
	for _, t := range story {
		if !sendAt.IsZero() && !sendAt.After(t.At) {
			n, known, sendAt = n+1, true, time.Time{}
		}
		changes = append(changes, t.Change)
		_, at, ok := f.d.due(p, changes, known, t.At, t.At)
		switch {
		case !ok:
			sendAt = time.Time{}
		case !known:
			sendAt = at
		case t.Change.Rouses():
			n++
		}
	}
	if !sendAt.IsZero() {
		n++
	}
	return n
}

// paper stands for the e-mail that a forecast does not send.
type paper struct{}

func (paper) Name() string { return "email" }

func (paper) Send(context.Context, notice.Message) (string, error) { return "", nil }
