package bench

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
)

// Report is what a run measured.
type Report struct {
	Machine Machine  `json:"machine"`
	Figures []Figure `json:"figures"`
	Left    []Left   `json:"left_out"`
}

// Figure is one number.
type Figure struct {
	Row   string   `json:"row"`
	What  string   `json:"what"`
	Of    string   `json:"of"` // "thongsuot", or the peer that did the same work
	Value float64  `json:"value"`
	Unit  string   `json:"unit"` // "MB" and "kB" are of 1000, as in the bars
	Bar   *float64 `json:"bar,omitempty"`
	More  bool     `json:"more_is_better,omitempty"`
	Ratio *float64 `json:"ratio,omitempty"` // ours: the share of the bar that it takes, over 1 misses it; a peer's: how many times ours
	Note  string   `json:"note,omitempty"`
}

// Left is something that was not measured.
type Left struct {
	Row  string `json:"row"`
	What string `json:"what"`
	Why  string `json:"why"`
}

// bar is a bar to hold.
func bar(v float64) *float64 { return &v }

// compare puts peers behind ours and fills in the ratios.
func (r *Report) compare() {
	place := map[string]int{}
	for i, f := range r.Figures {
		if _, known := place[f.What]; !known {
			place[f.What] = i
		}
	}
	slices.SortStableFunc(r.Figures, func(a, b Figure) int { return cmp.Compare(place[a.What], place[b.What]) })
	for i := range r.Figures {
		f := &r.Figures[i]
		if f.Of == ours {
			if f.Bar != nil {
				f.Ratio = share(f.Value, *f.Bar, f.More)
			}
			continue
		}
		own := slices.IndexFunc(r.Figures, func(o Figure) bool { return o.Of == ours && o.Row == f.Row && o.What == f.What })
		if own >= 0 {
			f.More = r.Figures[own].More
			f.Ratio = share(f.Value, r.Figures[own].Value, f.More)
		}
	}
}

// share is how value stands to base: more than 1 is worse, whichever way is
// better. There is none to nothing.
func share(value, base float64, more bool) *float64 {
	if more {
		value, base = base, value
	}
	if base == 0 || value == 0 && more {
		return nil
	}
	q := value / base
	return &q
}

// Missed are our figures that do not hold their bar.
func (r *Report) Missed() (out []Figure) {
	for _, f := range r.Figures {
		if f.Of == ours && f.missed() {
			out = append(out, f)
		}
	}
	return out
}

func (f Figure) missed() bool {
	if f.Of != ours || f.Bar == nil {
		return false
	}
	if f.More {
		return f.Value < *f.Bar
	}
	return f.Value > *f.Bar
}

func (f Figure) String() string {
	text := fmt.Sprintf("%s, %s: %s %s", f.What, f.Of, number(f.Value), f.Unit)
	if f.Note != "" {
		text += " (" + f.Note + ")"
	}
	return text
}

// Print writes the table for people.
func (r *Report) Print(out io.Writer) {
	fmt.Fprintln(out, r.Machine)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nwhat\tof\tfigure\tbar\tratio\t")
	before := ""
	for _, f := range r.Figures {
		what, bar, ratio := f.What, "", ""
		if what == before {
			what = ""
		}
		before = f.What
		if f.Bar != nil {
			sign := "≤"
			if f.More {
				sign = "≥"
			}
			bar = sign + " " + number(*f.Bar)
		}
		switch {
		case f.Ratio == nil:
		case f.Of == ours:
			ratio = fmt.Sprintf("%.2f of the bar", *f.Ratio)
		default:
			ratio = number(*f.Ratio) + " × ours"
		}
		mark := f.Note
		if f.missed() {
			mark = "MISSED  " + mark
		}
		fmt.Fprintf(w, "%s\t%s\t%s %s\t%s\t%s\t%s\n", what, f.Of, number(f.Value), f.Unit, bar, ratio, mark)
	}
	_ = w.Flush() // the reader went away
	if len(r.Left) > 0 {
		fmt.Fprintln(out, "\nleft out:")
	}
	for _, l := range r.Left {
		fmt.Fprintf(out, "  %s: %s\n", l.What, l.Why)
	}
}

// number prints with three significant digits, whole above a thousand.
func number(v float64) string {
	a := math.Abs(v)
	switch {
	case a == 0:
		return "0"
	case a >= 1e6:
		return strconv.FormatFloat(v/1e6, 'f', 2, 64) + " M"
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
}
