package real

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"thongsuot"
)

// Outcome is what the province made of one fault at one site.
type Outcome struct {
	Fault    string   `json:"fault"`
	Line     int      `json:"line"` // of the script
	Site     string   `json:"site"`
	Label    string   `json:"label"`
	Incident string   `json:"incident,omitempty"`      // "" when none was seen
	Seen     *float64 `json:"seen_seconds,omitempty"`  // from the fault's beginning to the record
	Told     *float64 `json:"told_seconds,omitempty"`  // from the fault's beginning to the first message or edit
	Clear    *float64 `json:"clear_seconds,omitempty"` // from the fault's end to the record of the incident's
	Live     string   `json:"live,omitempty"`          // last verdict while it lasted
	LiveIs   Score    `json:"live_is"`
	Final    string   `json:"final,omitempty"` // verdict in the end
	FinalIs  Score    `json:"final_is"`
	// Messages are the new ones about the incident, replies aside, of each
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

// Tally counts scores.
type Tally map[Score]int

func (t Tally) String() string {
	var parts []string
	for _, s := range []Score{Right, Coarse, Candidate, Unknown, Wrong, Missed} {
		if t[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", t[s], s))
		}
	}
	return strings.Join(parts, ", ")
}

// Told counts what reached one receiver.
type Told struct {
	Receiver  string `json:"receiver"`
	Incidents int    `json:"incidents"` // that it was told of
	Messages  int    `json:"messages"`
	Replies   int    `json:"replies"`
	Edits     int    `json:"edits"`    // as far as the lab saw them between two looks
	Repeated  int    `json:"repeated"` // messages beyond one an incident
}

// Summary is the result of a run.
type Summary struct {
	Script      string    `json:"script"`
	Outcomes    []Outcome `json:"outcomes"`
	Live        Tally     `json:"live"`        // of the outcomes
	Final       Tally     `json:"final"`       // of the outcomes
	Unexplained []string  `json:"unexplained"` // incidents that no fault explains
	Told        []Told    `json:"told"`
	Kept        []Kept    `json:"results"`
}

func (p *province) summary(ctx context.Context, t *transcript) (sum Summary, err error) {
	sum = Summary{Script: p.script.Name, Outcomes: []Outcome{}, Unexplained: []string{}, Live: Tally{}, Final: Tally{}}
	explained := map[string]bool{}
	for _, f := range p.script.Faults {
		for _, site := range p.script.behind(f) {
			o := t.outcome(f, site)
			explained[o.Incident] = true
			for _, part := range t.parts(o.Incident) {
				explained[part] = true
			}
			sum.Outcomes = append(sum.Outcomes, o)
			sum.Live[o.LiveIs]++
			sum.Final[o.FinalIs]++
		}
	}
	last := map[string]seenChange{}
	var order []string
	for _, c := range t.changes {
		if _, known := last[c.Incident.ID]; !known {
			order = append(order, c.Incident.ID)
		}
		last[c.Incident.ID] = c
	}
	for _, id := range order {
		if !explained[id] {
			c := last[id]
			sum.Unexplained = append(sum.Unexplained, fmt.Sprintf("%s at %s: %s", id, t.places[c.Incident.Site], describe(c.Incident.Verdict)))
		}
	}
	for _, r := range receivers() {
		sum.Told = append(sum.Told, t.received(r.name))
	}
	sum.Kept, err = p.kept(ctx, t.began)
	return sum, err
}

// Slack around a fault: an incident begins with the last sign of life before
// it, and what is probed seldom is seen after it.
const (
	before = 10 * time.Second
	after  = 20 * time.Second
)

// outcome finds the incident of a fault: of those that changed for the worse
// in its time, the one that shares most of it.
func (t *transcript) outcome(f Fault, site string) Outcome {
	o := Outcome{Fault: f.String(), Line: f.Line, Site: site, Label: f.Label.String(), Messages: map[string]int{}}
	when := t.faults[f.Line]
	var best []seenChange
	var most time.Duration
	for _, story := range t.stories(site) {
		shared := overlap(story, when)
		if (relevant(story, when) || encloses(story, when)) && (best == nil || shared > most) && !t.othersDo(f, site, story) {
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
	about := append(t.parts(o.Incident), o.Incident)
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

// othersDo reports whether a fault of which nothing should come is not to be
// charged with an incident, since another one at the site explains it.
func (t *transcript) othersDo(f Fault, site string, story []seenChange) bool {
	if f.Label.Cause != thongsuot.CauseNone {
		return false
	}
	return slices.ContainsFunc(t.script.Faults, func(g Fault) bool {
		when := t.faults[g.Line]
		return g.Label.Cause != thongsuot.CauseNone && slices.Contains(t.script.behind(g), site) && (relevant(story, when) || encloses(story, when))
	})
}

func overlap(story []seenChange, when *played) time.Duration {
	last := story[len(story)-1].Incident
	from, to := last.Start, when.ends.Add(after)
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

func (t *transcript) received(receiver string) Told {
	told := Told{Receiver: receiver}
	messages := map[string]int{}
	for _, m := range t.posts {
		if m.receiver != receiver {
			continue
		}
		switch m.what {
		case EventMessage:
			told.Messages++
			messages[m.incident]++
		case EventReply:
			told.Replies++
		case EventEdit:
			told.Edits++
		}
	}
	told.Incidents = len(messages)
	told.Repeated = told.Messages - told.Incidents
	return told
}

// Print writes the summary for people.
func (s Summary) Print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nfault\tsite\tlabel\tseen\ttold\tclear\tlive\t\tfinal\t\tmessages\n")
	for _, o := range s.Outcomes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", o.Fault, o.Site, o.Label,
			delay(o.Seen), delay(o.Told), delay(o.Clear), cause(o.Live), o.LiveIs, cause(o.Final), o.FinalIs, each(o.Messages))
	}
	_ = w.Flush() // the reader went away
	fmt.Fprintf(out, "\nlive:  %s\nfinal: %s\n", s.Live, s.Final)
	for _, u := range s.Unexplained {
		fmt.Fprintf(out, "no fault explains %s\n", u)
	}
	fmt.Fprintln(out)
	for _, r := range s.Told {
		fmt.Fprintf(out, "told %s: %d messages of %d incidents (%d repeated), %d replies, %d edits\n", r.Receiver, r.Messages, r.Incidents, r.Repeated, r.Replies, r.Edits)
	}
	fmt.Fprintf(w, "\nresults of\tproduced\tstored\tlost\tunwritten at a kill\tstored twice\tgiven up\tdates off, 99 %%\tat worst\tstray dates\n")
	for _, k := range s.Kept {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%.3f s\t%.3f s\t%d\n", k.Site, k.Produced, k.Stored, k.Lost, k.Unwritten, k.Twice, k.GaveUp, k.Dated.P99, k.Dated.Worst, k.Dated.Stray)
	}
	_ = w.Flush()
}

// each lists numbers by receiver: "lanh-dao 1, van-hanh 1".
func each(n map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, n[name]))
	}
	return cmp.Or(strings.Join(parts, ", "), "-")
}

func delay(seconds *float64) string {
	if seconds == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f s", *seconds)
}

// cause is the verdict without its state.
func cause(verdict string) string {
	_, rest, found := strings.Cut(verdict, ", ")
	if !found {
		return "-"
	}
	return rest
}
