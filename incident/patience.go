package incident

import (
	"math/bits"
	"time"

	"thongsuot"
)

// healed is a run of something bad that ended by itself.
type healed struct {
	At    time.Time `json:"at"`
	Beats int       `json:"beats"`           // or rounds
	Count int       `json:"count,omitempty"` // of runs that it stands for: itself, and earlier ones that were no longer
}

// runs are those by time that may be the longest now or later.
type runs []healed

// add leaves out those that are over earlier and no longer than h.
func (r runs) add(h healed) runs {
	h.Count = max(h.Count, 1)
	for len(r) > 0 && r[len(r)-1].Beats <= h.Beats {
		h.Count += r[len(r)-1].Count
		r = r[:len(r)-1]
	}
	return append(r, h)
}

// patience is how long a run must be to be news: longer than the longest that
// healed by itself of late. Where such runs are frequent, the next longest is
// bound to come within the week, so there it must be longer by up to three.
func (r runs) patience() int {
	count := 0
	for _, h := range r {
		count += h.Count
	}
	return 1 + r.longest() + min(max(bits.Len(uint(count))-1, 0), 3)
}

func (r runs) since(t time.Time) runs {
	for len(r) > 0 && r[0].At.Before(t) {
		r = r[1:]
	}
	return r
}

// longest is 0 for none.
func (r runs) longest() int {
	if len(r) == 0 {
		return 0
	}
	return r[0].Beats
}

// learnPatience notes runs of bad rounds that ended by themselves: in a burst of
// loss most rounds get one answer through or none, as chance has it.
func (t *target) learnPatience(r thongsuot.Result, cfg Config) {
	lost, _ := r.Field(thongsuot.FieldLoss)
	if !r.OK() || lost > half {
		if t.Answered && (r.OK() || r.Reason.Evidence()) {
			t.BadRun += r.Runs()
			t.Through = t.Through || r.OK()
		}
		return
	}
	if t.Through && t.BadRun > 1 {
		t.Burst = r.At
	}
	t.Through = false
	t.Healed = t.Healed.since(r.At.Add(-cfg.HealMemory))
	if t.BadRun > 0 && t.BadRun < cfg.MaxBeats {
		t.Healed = t.Healed.add(healed{At: r.At, Beats: t.BadRun})
	}
	t.BadRun = 0
}
