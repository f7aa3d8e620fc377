package thongsuot

// Judged is an incident of which the truth is known, with what was concluded
// before anybody said it.
type Judged struct {
	Incident string  `json:"incident"`
	Truth    Cause   `json:"truth"`
	Live     Verdict `json:"live"`  // held last while it went on
	Final    Verdict `json:"final"` // held last of all
}

// Matrix is how conclusions compare with what people who know said. It speaks
// of the incidents that somebody judged, and these are no random sample: people
// correct what is wrong sooner than they confirm what is right.
type Matrix struct {
	Judged int        `json:"judged"`
	Live   Comparison `json:"live"`
	Final  Comparison `json:"final"`
}

// Comparison is that of the verdicts of one time.
type Comparison struct {
	Right     int           `json:"right"`
	Undecided int           `json:"undecided"` // concluded "unknown": neither right nor wrong
	Cells     []Cell        `json:"cells"`     // by the order of Causes, those that count something
	Levels    []Reliability `json:"levels"`    // of those decided, high first

	// Brier is the mean squared distance of the confidence from 1 where the
	// cause was right and from 0 where it was wrong, of those decided: 0 is
	// best, 0.25 what 0.5 for everything gives (G. W. Brier, 1950).
	Brier float64 `json:"brier"`
}

// Cell counts the incidents of one true cause that were concluded to have one
// cause.
type Cell struct {
	Truth     Cause `json:"truth"`
	Concluded Cause `json:"concluded"`
	Count     int   `json:"count"`
}

// Reliability is how often what was held at a level of confidence was right.
type Reliability struct {
	Level Level `json:"level"`
	Count int   `json:"count"`
	Right int   `json:"right"`
}

// Confusion compares conclusions with the truth.
func Confusion(all []Judged) Matrix {
	return Matrix{
		Judged: len(all),
		Live:   compare(all, func(j Judged) Verdict { return j.Live }),
		Final:  compare(all, func(j Judged) Verdict { return j.Final }),
	}
}

func compare(all []Judged, of func(Judged) Verdict) (c Comparison) {
	counts := map[[2]Cause]int{}
	levels := map[Level]*Reliability{}
	for _, l := range []Level{LevelHigh, LevelMedium, LevelLow} {
		levels[l] = &Reliability{Level: l}
	}
	decided := 0
	for _, j := range all {
		v := of(j)
		counts[[2]Cause{j.Truth, v.Cause}]++
		if v.Cause == CauseUnknown {
			c.Undecided++
			continue
		}
		right := 0
		if v.Cause == j.Truth {
			right = 1
		}
		decided++
		c.Right += right
		level := levels[v.Confidence.Level()]
		level.Count++
		level.Right += right
		miss := float64(v.Confidence) - float64(right)
		c.Brier += miss * miss
	}
	if decided > 0 {
		c.Brier /= float64(decided)
	}
	for _, l := range []Level{LevelHigh, LevelMedium, LevelLow} {
		c.Levels = append(c.Levels, *levels[l])
	}
	for _, truth := range Causes() {
		for _, concluded := range Causes() {
			if n := counts[[2]Cause{truth, concluded}]; n > 0 {
				c.Cells = append(c.Cells, Cell{truth, concluded, n})
			}
		}
	}
	return c
}
