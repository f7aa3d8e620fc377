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
			for _, id := range append(o.Further, o.Incident) {
				explained[id] = true
				for _, part := range t.parts(id) {
					explained[part] = true
				}
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
	fmt.Fprintf(w, "\nfault\tsite\tlabel\tseen\ttold\tclear\tlive\t\tfinal\t\tincidents\tmessages\n")
	for _, o := range s.Outcomes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", o.Fault, o.Site, o.Label,
			delay(o.Seen), delay(o.Told), delay(o.Clear), cause(o.Live), o.LiveIs, cause(o.Final), o.FinalIs, o.incidents(), each(o.Messages))
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
