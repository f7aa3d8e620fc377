package real

import (
	"slices"
	"time"

	"thongsuot"
)

// Outcome is what the province made of one fault at one site.
type Outcome struct {
	Fault    string   `json:"fault"`
	Line     int      `json:"line"` // of the script
	Site     string   `json:"site"`
	Label    string   `json:"label"`
	Incident string   `json:"incident,omitempty"`      // that shares most of it; "" when none was seen
	Further  []string `json:"further,omitempty"`       // incidents of the same fault, which should be one
	Seen     *float64 `json:"seen_seconds,omitempty"`  // from the fault's beginning to the record
	Told     *float64 `json:"told_seconds,omitempty"`  // from the fault's beginning to the first message or edit
	Clear    *float64 `json:"clear_seconds,omitempty"` // from the fault's end to the record of the incident's
	Live     string   `json:"live,omitempty"`          // last verdict while it lasted
	LiveIs   Score    `json:"live_is"`
	Final    string   `json:"final,omitempty"` // verdict in the end
	FinalIs  Score    `json:"final_is"`
	// Messages are the new ones about its incidents, replies aside, of each
	// receiver that was told.
	Messages map[string]int `json:"messages"`
}

// Score compares a verdict with the label.
type Score string

// Scores, best first.
const (
	Right     Score = "right"     // the cause, and the finer one where the label has one
	Coarse    Score = "coarse"    // the cause, not the finer one
	Candidate Score = "candidate" // another cause, but the true one is named beside it
	Unknown   Score = "unknown"   // it says that it does not know
	Wrong     Score = "wrong"
	Missed    Score = "missed" // no incident though there was a fault
)

// Slack around a fault: an incident begins with the last sign of life before
// it, and what is probed seldom is seen after it.
const (
	before = 10 * time.Second
	after  = 20 * time.Second
)

// outcome finds the incidents of a fault: those that changed for the worse in
// its time. The one that shares most of it counts.
func (t *transcript) outcome(f Fault, site string) Outcome {
	o := Outcome{Fault: f.String(), Line: f.Line, Site: site, Label: f.Label.String(), Messages: map[string]int{}}
	when := t.faults[f.Line]
	var best []seenChange
	var most time.Duration
	var about []string
	for _, story := range t.stories(site) {
		if !relevant(story, when) && !encloses(story, when) || t.othersDo(f, site, story) {
			continue
		}
		about = append(about, story[0].Incident.ID)
		if shared := overlap(story, when, after); best == nil || shared > most {
			best, most = story, shared
		}
	}
	if best == nil {
		o.LiveIs, o.FinalIs = Missed, Missed
		if f.Label.Cause == thongsuot.CauseNone || f.Label.Cause == thongsuot.CauseCentral {
			o.LiveIs, o.FinalIs = Right, Right // the sites are not to be blamed
		}
		return o
	}
	o.Incident = best[0].Incident.ID
	o.Further = slices.DeleteFunc(slices.Clone(about), func(id string) bool { return id == o.Incident })
	live := best[0]
	for _, c := range best {
		if during(c, when) && o.Seen == nil {
			o.Seen = since(when.begins, c.seen)
			live = c
		}
		if c.seen.Before(when.ends) {
			live = c // what was held when the fault ended
		}
	}
	for _, c := range best {
		if c.Kind == thongsuot.ChangeClosed && c.seen.After(when.ends) && o.Clear == nil {
			o.Clear = since(when.ends, c.seen)
		}
	}
	final := best[len(best)-1].Incident.Verdict
	o.Live, o.LiveIs = describe(live.Incident.Verdict), score(f.Label, live.Incident.Verdict)
	o.Final, o.FinalIs = describe(final), score(f.Label, final)
	for _, id := range about {
		about = append(about, t.parts(id)...)
	}
	for _, m := range t.posts {
		if !slices.Contains(about, m.incident) {
			continue
		}
		if m.what == EventMessage {
			o.Messages[m.receiver]++
		}
		if o.Told == nil && m.at.After(when.begins) {
			o.Told = since(when.begins, m.at)
		}
	}
	return o
}

// parts are the regional incidents that an incident was part of: they tell of it.
func (t *transcript) parts(incident string) (out []string) {
	for _, c := range t.changes {
		if part := c.Incident.Part; c.Incident.ID == incident && part != "" && !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	return out
}

func since(from, to time.Time) *float64 {
	s := to.Sub(from).Round(time.Millisecond).Seconds()
	return &s
}

// stories are the changes of each incident of a site, in order.
func (t *transcript) stories(site string) (out [][]seenChange) {
	index := map[string]int{}
	for _, c := range t.changes {
		if t.places[c.Incident.Site] != site || c.Incident.Regional() {
			continue
		}
		i, known := index[c.Incident.ID]
		if !known {
			i = len(out)
			index[c.Incident.ID] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], c)
	}
	return out
}

// during reports whether a change says something of the fault while it lasts.
func during(c seenChange, when *played) bool {
	return c.Kind != thongsuot.ChangeClosed && c.Kind != thongsuot.ChangeRevised &&
		c.seen.After(when.begins) && !c.At.Before(when.begins.Add(-before)) && !c.At.After(when.ends.Add(after))
}

func relevant(story []seenChange, when *played) bool {
	return slices.ContainsFunc(story, func(c seenChange) bool { return during(c, when) })
}

// encloses reports whether an incident was there before the fault and after it.
func encloses(story []seenChange, when *played) bool {
	last := story[len(story)-1].Incident
	return last.Start.Before(when.begins) && (last.Open() || last.End.After(when.ends))
}

// othersDo reports whether a fault is not to be charged with an incident, since
// another one at the site explains it: nothing should come of this one, or the
// incident only falls into its slack and lasts through the other.
func (t *transcript) othersDo(f Fault, site string, story []seenChange) bool {
	if f.Label.Cause != thongsuot.CauseNone && overlap(story, t.faults[f.Line], 0) > 0 {
		return false
	}
	return slices.ContainsFunc(t.script.Faults, func(g Fault) bool {
		when := t.faults[g.Line]
		return g.Label.Cause != thongsuot.CauseNone && g.Line != f.Line && slices.Contains(t.script.behind(g), site) &&
			(relevant(story, when) || encloses(story, when)) && (f.Label.Cause == thongsuot.CauseNone || overlap(story, when, 0) > 0)
	})
}

// overlap is how long an incident and a fault last together, the fault taken
// so much longer; not above 0 when they do not.
func overlap(story []seenChange, when *played, longer time.Duration) time.Duration {
	last := story[len(story)-1].Incident
	from, to := last.Start, when.ends.Add(longer)
	if !last.Open() && last.End.Before(to) {
		to = last.End
	}
	if from.Before(when.begins) {
		from = when.begins
	}
	return to.Sub(from)
}

func score(label Label, v thongsuot.Verdict) Score {
	switch {
	case v.Cause == label.Cause && (label.Sub == "" || v.Sub == label.Sub):
		return Right
	case v.Cause == label.Cause:
		return Coarse
	case slices.Contains(v.Candidates, string(label.Cause)):
		return Candidate
	case v.Cause == thongsuot.CauseUnknown:
		return Unknown
	default:
		return Wrong
	}
}

// incidents is how many the fault became.
func (o Outcome) incidents() int {
	if o.Incident == "" {
		return 0
	}
	return 1 + len(o.Further)
}
