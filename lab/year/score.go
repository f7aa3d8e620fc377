package year

import (
	"cmp"
	"slices"
	"time"

	"thongsuot"
)

// slack is how far beside a fault an incident may begin or end and still be of
// it: beats and rounds are seconds apart, and so are those of its end.
const slack = 60

// label is what truly happened at one site.
type label struct {
	f     *fault
	site  int
	clear int64 // when nothing was wrong at the site any more
}

// told is one incident as people learned of it.
type told struct {
	site        int
	start, end  int64 // event time
	first       int64 // when it was told
	closed      int64 // when its end was told
	live, final thongsuot.Verdict
	down        bool // told as down while it was open
	rousing     int
}

type scorer struct {
	*province
	labels    [][]label // of each site, by begin
	incidents [][]*told // of each site, by begin
	called    int       // how often people were called to what many sites share
}

func (s *scorer) seconds(t time.Time) int64 { return int64(t.Sub(s.origin) / time.Second) }

// lay sorts labels and incidents by site.
func (s *scorer) lay() {
	s.labels = make([][]label, len(s.agents))
	for i := range s.faults {
		f := &s.faults[i]
		for _, n := range f.sites {
			s.labels[n] = append(s.labels[n], label{f, n, s.agents[n].clearAfter(f.to, s.end)})
		}
	}
	for n, a := range s.agents {
		for _, b := range a.burst {
			s.labels[n] = append(s.labels[n], label{&fault{kind: LineBurst, from: b.from, to: b.to}, n, b.to})
		}
		slices.SortStableFunc(s.labels[n], func(x, y label) int { return cmp.Compare(x.f.from, y.f.from) })
	}
	number := map[string]int{}
	for i, a := range s.agents {
		number[a.Code] = i
	}
	s.incidents = make([][]*told, len(s.agents))
	byID := map[string]*told{}
	for _, c := range s.changes {
		in := c.Change.Incident
		if in.Regional() {
			s.called += boolInt(c.Change.Rouses())
			continue // its members are scored
		}
		t := byID[in.ID]
		if t == nil {
			t = &told{site: number[in.Site], start: s.seconds(in.Start), end: s.end, first: s.seconds(c.At)}
			byID[in.ID] = t
			s.incidents[t.site] = append(s.incidents[t.site], t)
		}
		t.final = in.Verdict
		if c.Change.Rouses() {
			t.rousing++
		}
		switch c.Change.Kind {
		case thongsuot.ChangeRevised:
		case thongsuot.ChangeClosed:
			t.end, t.closed = s.seconds(in.End), s.seconds(c.At)
			t.live = in.Verdict
		default:
			t.live = in.Verdict
			t.down = t.down || in.Verdict.State == thongsuot.StateDown
		}
	}
}

// clearAfter is when nothing was wrong any more after t.
func (a *agent) clearAfter(t, end int64) int64 {
	i, _ := slices.BinarySearchFunc(a.healthy, t, func(h span, t int64) int { return cmp.Compare(h.to, t+1) })
	if i == len(a.healthy) {
		return end
	}
	return max(a.healthy[i].from, t)
}

// wellUntil reports whether the site was well until just before t.
func (a *agent) wellUntil(t int64) bool {
	_, found := slices.BinarySearchFunc(a.healthy, t, func(h span, t int64) int { return cmp.Compare(h.to, t) })
	return found
}

// of lists the labels that could explain an incident.
func (s *scorer) of(in *told) (out []label) {
	for _, l := range s.labels[in.site] {
		if l.f.from > in.end+slack {
			break
		}
		if l.clear+slack >= in.start {
			out = append(out, l)
		}
	}
	return out
}

// main is the label whose begin is nearest to the incident's, if any.
func main(in *told, labels []label) (label, bool) {
	if len(labels) == 0 {
		return label{}, false
	}
	return slices.MinFunc(labels, func(a, b label) int { return cmp.Compare(away(a, in), away(b, in)) }), true
}

func away(l label, in *told) int64 {
	d := in.start - l.f.from
	if d < 0 {
		return -d
	}
	return d
}

// explains reports whether a label is a right answer to an incident: it began
// with it, ran through half of it, or ended with it; an incident may span
// several faults, and its last answer is of the last of them.
func (l label) explains(in *told) bool {
	overlap := min(in.end, l.clear) - max(in.start, l.f.from)
	return away(l, in) <= slack || 2*overlap >= in.end-in.start || l.clear >= in.end-slack && l.f.from < in.end
}

// shown reports whether anything could have shown what happened: a sensor of
// mains, what was measured on, last words, or neighbours.
func (s *scorer) shown(l label) bool {
	if s.agents[l.site].sensor != noSensor {
		return true
	}
	switch l.f.kind {
	case PowerFeeder:
		onBattery, peers := 0, 0
		for _, a := range s.agents {
			if a.number == l.site || a.Feeder != s.agents[l.site].Feeder {
				continue
			}
			peers++
			if a.sensor != noSensor && slices.Contains(l.f.sites, a.number) {
				onBattery++
			}
		}
		return onBattery >= 2 && 2*onBattery >= peers
	case PowerSite, HostCrash, HostPlug, HostOffStrip:
		return false
	default:
		return true
	}
}

// right judges an answer: the cause of a fault that explains the incident; and
// where nothing could have shown it, an honest unknown as well, and no certainty.
func (s *scorer) right(v thongsuot.Verdict, in *told, labels []label, m label) (right, evident bool) {
	evident = s.shown(m)
	if !evident && v.Cause == thongsuot.CauseUnknown {
		return true, false
	}
	for _, l := range labels {
		if (l == m || l.explains(in)) && l.f.kind.Cause() == v.Cause && (s.shown(l) || v.Confidence.Level() != thongsuot.LevelHigh) {
			return true, evident
		}
	}
	return false, evident
}
