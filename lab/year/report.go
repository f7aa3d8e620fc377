package year

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"thongsuot"
)

// Report is how right a year was.
type Report struct {
	Sites     int    `json:"sites"`
	Days      int    `json:"days"`
	Seed      uint64 `json:"seed"`
	Lossy     int    `json:"lossy_sites"`
	Incidents int    `json:"incidents"`
	Rousing   int    `json:"changes_that_rouse"`

	Live  Matrix `json:"live"`  // truth by answer while it lasted
	Final Matrix `json:"final"` // truth by answer after all came back

	Right      Share `json:"right"`                 // final, of all incidents
	RightLive  Share `json:"right_live"`            // of all incidents, while they lasted
	RightShown Share `json:"right_where_evidence"`  // final, where a sensor, the spool or neighbours could show it
	WrongHigh  Share `json:"wrong_high_confidence"` // final, of all incidents

	FalseDownClean Monthly `json:"false_down_clean"`
	FalseDownLossy Monthly `json:"false_down_lossy"`

	Missed []Missed `json:"missed"` // faults of five minutes and more without any incident
	Delays []Delay  `json:"delays"`
	Wrong  []Wrong  `json:"wrong"` // kinds of wrong final answers, most frequent first
}

// Matrix counts incidents by what truly happened and by answer.
type Matrix map[Kind]map[thongsuot.Cause]int

// Share is a part of a number.
type Share struct {
	Count int `json:"count"`
	Of    int `json:"of"`
}

// Ratio is the share as a number; 1 of nothing is 0.
func (s Share) Ratio() float64 { return float64(s.Count) / float64(max(s.Of, 1)) }

// Monthly is a count with its rate per 30 days of 124 sites.
type Monthly struct {
	Count int     `json:"count"`
	Per30 float64 `json:"per_30_days_of_124_sites"`
}

// Missed counts faults of a kind that lasted and had no incident.
type Missed struct {
	Kind Kind `json:"kind"`
	Share
}

// Delay is how long it took to tell of faults of a kind that began at a
// healthy site, in seconds.
type Delay struct {
	Kind   Kind  `json:"kind"`
	Lossy  bool  `json:"lossy"`
	Told   int   `json:"told"`
	Median int64 `json:"median_s"`
	P95    int64 `json:"p95_s"`
	Worst  int64 `json:"worst_s"`
}

// Wrong is one kind of wrong final answer.
type Wrong struct {
	Kind   Kind   `json:"kind"`
	Answer string `json:"answer"` // state, cause and level
	Count  int    `json:"count"`
	First  string `json:"first"` // an example
}

// noFault is the row of incidents without a label.
const noFault Kind = "(nothing)"

// Report scores the year.
func (r *Result) Report() Report {
	s := r.score
	s.lay()
	rep := Report{Sites: r.Config.Sites, Days: r.Config.Days, Seed: r.Config.Seed, Live: Matrix{}, Final: Matrix{}}
	for _, a := range s.agents {
		rep.Lossy += boolInt(a.lossy)
	}
	wrong := map[[2]string]*Wrong{}
	for _, list := range s.incidents {
		for _, in := range list {
			rep.take(s, in, wrong)
		}
	}
	rep.Rousing += s.called
	for _, w := range wrong {
		rep.Wrong = append(rep.Wrong, *w)
	}
	slices.SortFunc(rep.Wrong, func(a, b Wrong) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Answer, b.Answer))
	})
	scale := 30.0 / float64(rep.Days) * 124 / float64(rep.Sites)
	rep.FalseDownClean.Per30 = float64(rep.FalseDownClean.Count) * scale
	rep.FalseDownLossy.Per30 = float64(rep.FalseDownLossy.Count) * scale
	rep.faults(s)
	return rep
}

func (rep *Report) take(s *scorer, in *told, wrong map[[2]string]*Wrong) {
	rep.Incidents++
	rep.Rousing += in.rousing
	labels := s.of(in)
	m, known := main(in, labels)
	kind := noFault
	if known {
		kind = m.f.kind
	}
	rep.Live.add(kind, in.live.Cause)
	rep.Final.add(kind, in.final.Cause)
	rightLive, right, evident := false, false, true
	if known {
		rightLive, _ = s.right(in.live, in, labels, m)
		right, evident = s.right(in.final, in, labels, m)
	}
	rep.RightLive.count(rightLive)
	rep.Right.count(right)
	if evident {
		rep.RightShown.count(right)
	}
	rep.WrongHigh.count(!right && in.final.Confidence.Level() == thongsuot.LevelHigh)
	if in.down && !slices.ContainsFunc(labels, func(l label) bool { return l.f.kind.excuses() }) {
		if s.agents[in.site].lossy {
			rep.FalseDownLossy.Count++
		} else {
			rep.FalseDownClean.Count++
		}
	}
	if right {
		return
	}
	v := in.final
	answer := fmt.Sprintf("%s %s %s", v.State, v.Cause, v.Confidence.Level())
	key := [2]string{string(kind), answer}
	if wrong[key] == nil {
		wrong[key] = &Wrong{Kind: kind, Answer: answer, First: s.example(in)}
	}
	wrong[key].Count++
}

func (s *Share) count(yes bool) {
	s.Of++
	s.Count += boolInt(yes)
}

func (m Matrix) add(k Kind, c thongsuot.Cause) {
	if m[k] == nil {
		m[k] = map[thongsuot.Cause]int{}
	}
	m[k][c]++
}

// example says where to look for a mistake.
func (s *scorer) example(in *told) string {
	a := s.agents[in.site]
	out := fmt.Sprintf("site %s from %s for %d s", a.Code, a.time(in.start).Format("2006-01-02T15:04:05Z"), in.end-in.start)
	for _, l := range s.of(in) {
		out += fmt.Sprintf("; %s %+d s for %d s", l.f.kind, l.f.from-in.start, l.f.to-l.f.from)
	}
	return out
}

// faults looks from the labels: what was missed, and how soon it was told.
func (rep *Report) faults(s *scorer) {
	missed := map[Kind]*Missed{}
	delays := map[Kind]map[bool][]int64{}
	for site, labels := range s.labels {
		a := s.agents[site]
		incidents := s.incidents[site]
		for _, l := range labels {
			if l.clear >= s.end {
				continue // it may be told yet
			}
			i, _ := slices.BinarySearchFunc(incidents, l.f.from-slack, func(in *told, t int64) int { return cmp.Compare(in.end, t) })
			overlaps := i < len(incidents) && incidents[i].start <= l.f.to
			if l.f.kind.mustShow() && l.f.to-l.f.from >= 300 {
				if missed[l.f.kind] == nil {
					missed[l.f.kind] = &Missed{Kind: l.f.kind}
				}
				missed[l.f.kind].count(!overlaps)
			}
			if overlaps && a.wellUntil(l.f.from) && incidents[i].first >= l.f.from {
				if delays[l.f.kind] == nil {
					delays[l.f.kind] = map[bool][]int64{}
				}
				delays[l.f.kind][a.lossy] = append(delays[l.f.kind][a.lossy], incidents[i].first-l.f.from)
			}
		}
	}
	for _, k := range Kinds() {
		if missed[k] != nil {
			rep.Missed = append(rep.Missed, *missed[k])
		}
		for _, lossy := range []bool{false, true} {
			if d := delays[k][lossy]; len(d) > 0 {
				slices.Sort(d)
				rep.Delays = append(rep.Delays, Delay{k, lossy, len(d), d[len(d)/2], d[len(d)*95/100], d[len(d)-1]})
			}
		}
	}
}

// JSON writes the report as one object.
func (rep Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(rep)
}

// Print writes the report for people.
func (rep Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%d sites (%d on lossy lines), %d days, seed %d: %d incidents, %d changes that rouse\n\n", rep.Sites, rep.Lossy, rep.Days, rep.Seed, rep.Incidents, rep.Rousing)
	rep.Live.print(w, "truth by cause, while it lasted")
	rep.Final.print(w, "truth by cause, after all came back")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, s Share) {
		fmt.Fprintf(t, "%s\t%d of %d\t%.2f %%\t\n", name, s.Count, s.Of, 100*s.Ratio())
	}
	line("right while it lasted", rep.RightLive)
	line("right in the end", rep.Right)
	line("right in the end, where evidence exists", rep.RightShown)
	line("wrong with high confidence", rep.WrongHigh)
	fmt.Fprintf(t, "false down, clean lines\t%d\t%.2f per 30 days of 124 sites\t\n", rep.FalseDownClean.Count, rep.FalseDownClean.Per30)
	fmt.Fprintf(t, "false down, lossy lines\t%d\t%.2f per 30 days of 124 sites\t\n", rep.FalseDownLossy.Count, rep.FalseDownLossy.Per30)
	_ = t.Flush() // the output went away
	fmt.Fprintln(w, "\nmissed, of faults of 5 minutes and more")
	for _, m := range rep.Missed {
		fmt.Fprintf(t, "%s\t%d of %d\t\n", m.Kind, m.Count, m.Of)
	}
	_ = t.Flush()
	fmt.Fprintln(w, "\nseconds from a fault at a healthy site to the word of it")
	fmt.Fprint(t, "\tline\ttold\tmedian\tp95\tworst\t\n")
	for _, d := range rep.Delays {
		line := "clean"
		if d.Lossy {
			line = "lossy"
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t\n", d.Kind, line, d.Told, d.Median, d.P95, d.Worst)
	}
	_ = t.Flush()
	if len(rep.Wrong) > 0 {
		fmt.Fprintln(w, "\nwrong in the end, by kind, with an example")
	}
	for i, r := range rep.Wrong {
		if i == mostWrong {
			fmt.Fprintf(w, "and %d kinds more\n", len(rep.Wrong)-i)
			break
		}
		fmt.Fprintf(w, "%6d  %s told as %s\n        %s\n", r.Count, r.Kind, r.Answer, r.First)
	}
}

// mostWrong is how many kinds of mistakes are printed for people.
const mostWrong = 25

func (m Matrix) print(w io.Writer, title string) {
	fmt.Fprintln(w, title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	var causes []thongsuot.Cause
	for _, c := range thongsuot.Causes() {
		for _, row := range m {
			if row[c] > 0 {
				causes = append(causes, c)
				break
			}
		}
	}
	for _, c := range causes {
		fmt.Fprintf(t, "\t%s", c)
	}
	fmt.Fprintln(t, "\t")
	for _, k := range append(Kinds(), noFault) {
		if m[k] == nil {
			continue
		}
		fmt.Fprintf(t, "%s", k)
		for _, c := range causes {
			fmt.Fprintf(t, "\t%d", m[k][c])
		}
		fmt.Fprintln(t, "\t")
	}
	_ = t.Flush()
	fmt.Fprintln(w)
}
