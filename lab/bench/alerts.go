package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"thongsuot/lab/real"
)

// Pace of the timed faults, in seconds. One line is cut at a time, since a centre
// that hears few of its sites doubts itself first, and at times that fall
// differently into the five seconds between beats. Each line is cut once: the
// centre is more patient with one that healed by itself of late. Half the
// sites later a site's UPS goes on battery.
const (
	maxRepeats = 12 // sites of a lab
	firstCut   = 15
	cutApart   = 30.7
	lasts      = 25
)

const (
	cutLine  = "line silent"
	whatCut  = "cut of a clean line to the alert"
	whatHeal = "heal to the all-clear"
)

// alerts times what the receiver of the province sees: a line that is cut
// without a word, its healing, and a UPS that goes on battery.
func alerts(ctx context.Context, b *run) error {
	var cut, heal, battery delays
	text := alertScript(b.cfg.Repeats)
	watch := &watcher{run: b, began: map[string][]time.Time{}, ended: map[string][]time.Time{}}
	defer watch.close()
	err := b.play(ctx, text, watch, func(sum real.Summary, events []real.Event) {
		for _, o := range sum.Outcomes {
			if strings.Contains(o.Fault, cutLine) {
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
	cut.report(b, ours, whatCut, bar(12), bar(17))
	heal.report(b, ours, whatHeal, bar(5), nil)
	battery.report(b, ours, "on battery to the alert", bar(4), nil)
	watch.report()
	return nil
}

// alertScript is a script with so many cuts, and as many power failures that a
// UPS bears between them.
func alertScript(repeats int) string {
	var out strings.Builder
	fmt.Fprintf(&out, "sites %[1]d\nisps %[1]d\nfeeders %[1]d\n", repeats)
	for i := range repeats {
		at := firstCut + cutApart*float64(i)
		fmt.Fprintf(&out, "at %.1fs site-%d %s for %ds label access\n", at, i+1, cutLine, lasts)
		fmt.Fprintf(&out, "at %.1fs site-%d ups battery for %ds label power\n", at+cutApart*float64(repeats)/2, i+1, lasts)
	}
	return out.String()
}

// play runs a script of the lab, with a watcher or without, and hands over what
// it saw.
func (b *run) play(ctx context.Context, text string, watch *watcher, then func(real.Summary, []real.Event)) error {
	script, err := real.Parse("bench", strings.NewReader(text))
	if err != nil {
		return err
	}
	cfg := real.Config{Script: script, Agent: b.cfg.Agent, Central: b.cfg.Central, Lab: b.cfg.Lab}
	if watch != nil {
		cfg.Beside = watch.start
	}
	var events []real.Event
	sum, err := real.Run(ctx, cfg, func(e real.Event) {
		events = append(events, e)
		watch.note(e)
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
func (d *delays) report(b *run, of, what string, median, worst *float64) {
	if d.never > 0 {
		b.leave(what+" of "+of, "%d of %d were never told", d.never, d.never+len(d.seconds))
	}
	if len(d.seconds) == 0 {
		return
	}
	slices.Sort(d.seconds)
	note := fmt.Sprintf("of %d", len(d.seconds))
	b.add(Figure{What: what + ", median", Of: of, Value: middle(d.seconds), Unit: "s", Bar: median, Note: note})
	b.add(Figure{What: what + ", worst", Of: of, Value: d.seconds[len(d.seconds)-1], Unit: "s", Bar: worst, Note: note})
}

// middle is the median of sorted numbers.
func middle[T cmp.Ordered](sorted []T) T { return sorted[len(sorted)/2] }

var errNoSamples = errors.New("the lab counted no results")
