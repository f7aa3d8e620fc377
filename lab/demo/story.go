package demo

import (
	"time"

	"thongsuot"
	"thongsuot/lab/sim"
)

// Story is what happens while somebody looks: a round of faults that begins
// anew every Cycle. Offsets count from the begin of a round.
type Story struct {
	Cycle time.Duration
	Until time.Duration // no round begins later than this
	Acts  []Act
}

// Act is one fault of a story.
type Act struct {
	Kind    sim.Kind
	Sites   []string
	From    time.Duration
	Lasts   time.Duration
	Battery time.Duration // see sim.Fault
	Full    int           // the worst is reached in one round of so many, the first included; 0 is each
}

// story of the demo. Silences are longer than a minute, or the centre would
// take them for a line that heals by itself and wait longer each time.
func story(sites []thongsuot.Site) Story {
	var all, cut []string
	for _, s := range sites {
		all = append(all, s.Code)
	}
	for _, codes := range codesBy(sites, upstreamOf) {
		// The one next in size to eight sites; by name where two are.
		if cut == nil || distance(codes) < distance(cut) || distance(codes) == distance(cut) && codes[0] < cut[0] {
			cut = codes
		}
	}
	return Story{
		Cycle: 10 * time.Minute, Until: 7 * 24 * time.Hour,
		Acts: []Act{
			{Kind: sim.PowerCut, Sites: []string{sonDien}, From: 10 * time.Second, Lasts: 4 * time.Minute, Battery: 100 * time.Second},
			{Kind: sim.WeakLine, Sites: []string{quangPhu}, From: 30 * time.Second, Lasts: 5 * time.Minute},
			{Kind: sim.LineCut, Sites: cut, From: 3 * time.Minute, Lasts: 110 * time.Second},
			{Kind: sim.Overload, Sites: all, From: 4*time.Minute + 30*time.Second, Lasts: 5 * time.Minute, Full: 6},
		},
	}
}

func distance(codes []string) int {
	d := len(codes) - 8
	return max(d, -d)
}

// faults of the story that begins at start.
func (s Story) faults(start time.Time) (out []sim.Fault) {
	for n, begin := 0, start; begin.Sub(start) < s.Until; n, begin = n+1, begin.Add(s.Cycle) {
		for _, a := range s.Acts {
			from := begin.Add(a.From)
			out = append(out, sim.Fault{
				Kind: a.Kind, Sites: a.Sites, Start: from, End: from.Add(a.Lasts), Battery: a.Battery,
				Mild: a.Full > 0 && n%a.Full != 0,
			})
		}
	}
	return out
}
