package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"thongsuot/lab/real"
)

// Pace of the timed faults, in seconds. Sites break one after the other, so
// that no fault is taken for one of their common upstream, and at times that
// fall differently into the five seconds between beats.
const (
	alertSites = 6
	firstCut   = 15
	cutApart   = 11.3
	cutLasts   = 45
	again      = 240.0 // until the same site is cut again: what came late is judged by then
)

// alerts times what the receiver of the province sees: a line that is cut
// without a word, its healing, and a UPS that goes on battery.
func alerts(ctx context.Context, b *run) error {
	var cut, heal, battery delays
	text, cuts := alertScript(b.cfg.Repeats)
	err := b.play(ctx, text, func(sum real.Summary, events []real.Event) {
		for i, o := range sum.Outcomes {
			if i < cuts {
				cut.add(o.Told)
				heal.add(allClear(o, events))
			} else {
				battery.add(o.Told)
			}
		}
	})
	if err != nil {
		return err
	}
	cut.report(b, "cut of a clean line to the alert", bar(12), bar(17))
	heal.report(b, "heal to the all-clear", bar(5), nil)
	battery.report(b, "on battery to the alert", bar(4), nil)
	b.leave("a peer's time to the alert", "no peer is set up for it; the figures in docs/bench.md say how they were measured")
	return nil
}

// alertScript is a script with so many cuts, then as many power failures that
// a UPS bears.
func alertScript(repeats int) (text string, cuts int) {
	var out strings.Builder
	sites := min(repeats, alertSites)
	fmt.Fprintf(&out, "sites %[1]d\nisps %[1]d\n", sites)
	end := 0.0
	put := func(from float64, fault, label string) {
		for i := range repeats {
			at := from + again*float64(i/sites) + cutApart*float64(i%sites)
			fmt.Fprintf(&out, "at %.1fs site-%d %s for %ds label %s\n", at, i%sites+1, fault, cutLasts, label)
			end = max(end, at+cutLasts)
		}
	}
	put(firstCut, "line silent", "access")
	put(end+60, "ups battery", "power")
	return out.String(), repeats
}

// play runs a script of the lab and hands over what it saw.
func (b *run) play(ctx context.Context, text string, then func(real.Summary, []real.Event)) error {
	script, err := real.Parse("bench", strings.NewReader(text))
	if err != nil {
		return err
	}
	var events []real.Event
	sum, err := real.Run(ctx, real.Config{Script: script, Agent: b.cfg.Agent, Central: b.cfg.Central, Lab: b.cfg.Lab}, func(e real.Event) {
		events = append(events, e)
		if e.What == real.EventFault || e.What == real.EventNote {
			b.say(fmt.Sprintf("  %.0f s: %s %s", e.At, e.Place, e.Text))
		}
	})
	if err != nil {
		return err
	}
	then(sum, events)
	return nil
}

// allClear is the time from a fault's end to the first word to the receiver
// that the incident is over: what is said of it after its closing was recorded.
// The record is looked for ten times a second, so the word may seem earlier by
// that.
func allClear(o real.Outcome, events []real.Event) *float64 {
	const look = 0.2
	ended, closed := -1.0, -1.0
	for _, e := range events {
		switch {
		case e.What == real.EventFault && e.Kind == "ends" && e.Line == o.Line:
			ended = e.At
		case ended >= 0 && closed < 0 && e.Incident == o.Incident && e.Kind == "closed":
			closed = e.At
		}
	}
	if ended < 0 || closed < 0 {
		return nil
	}
	var best *float64
	for _, e := range events {
		said := e.What == real.EventMessage || e.What == real.EventEdit || e.What == real.EventReply
		if d := e.At - ended; said && e.Incident == o.Incident && e.At > closed-look && (best == nil || d < *best) {
			best = &d
		}
	}
	return best
}

// delays are the times of one kind, in seconds.
type delays struct {
	seconds []float64
	never   int
}

func (d *delays) add(seconds *float64) {
	if seconds == nil {
		d.never++
		return
	}
	d.seconds = append(d.seconds, *seconds)
}

// report gives median and worst, each with its bar or none.
func (d *delays) report(b *run, what string, median, worst *float64) {
	if d.never > 0 {
		b.leave(what, "%d of %d were never told", d.never, d.never+len(d.seconds))
	}
	if len(d.seconds) == 0 {
		return
	}
	slices.Sort(d.seconds)
	note := fmt.Sprintf("of %d", len(d.seconds))
	b.add(Figure{What: what + ", median", Value: middle(d.seconds), Unit: "s", Bar: median, Note: note})
	b.add(Figure{What: what + ", worst", Value: d.seconds[len(d.seconds)-1], Unit: "s", Bar: worst, Note: note})
}

// middle is the median of sorted numbers.
func middle[T cmp.Ordered](sorted []T) T { return sorted[len(sorted)/2] }

var errNoSamples = errors.New("the lab counted no results")
