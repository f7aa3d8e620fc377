package central_test

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"thongsuot/central"
	"thongsuot/wire"
)

// turn is a moment at which a site wants to write.
type turn struct {
	at   time.Time
	site int
	lane string
}

type turns []turn

func (t turns) Len() int           { return len(t) }
func (t turns) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t turns) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *turns) Push(x any)        { *t = append(*t, x.(turn)) }
func (t *turns) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

// mostAsked bounds an agent's wait.
const mostAsked = 15 * time.Minute

// herd is a province that comes back at once, in simulated time: each site has
// a backlog of so many points and writes a minute's live points each minute.
type herd struct {
	sites, backlog, size int // points of a backlog and of one of its writes
	slow                 int // every so many sites need ten seconds for a write

	left          []int
	ended         []time.Duration
	liveRefused   int
	asked, let    int // backlog writes
	halfLeast     float64
	halfMost      float64
	liveWrites    int
	begin         time.Time
	now           time.Time
	done          int
	halfMeasured  bool
	pointsWritten int
}

func (h *herd) run(t testing.TB, cfg central.IngestConfig) {
	t.Helper()
	h.begin = time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	h.now = h.begin
	rng := rand.New(rand.NewPCG(1, 2))
	a := central.NewAdmission(cfg, func() time.Time { return h.now })
	var q turns
	for i := range h.sites {
		h.left = append(h.left, h.backlog)
		q = append(q, turn{h.begin.Add(time.Duration(rng.Int64N(int64(time.Minute)))), i, wire.LaneLive})
		q = append(q, turn{h.begin.Add(time.Duration(rng.Int64N(int64(5 * time.Second)))), i, wire.LaneBacklog})
	}
	h.ended = make([]time.Duration, h.sites)
	heap.Init(&q)
	for h.done < h.sites {
		next := heap.Pop(&q).(turn)
		if h.now = next.at; h.now.Sub(h.begin) > 12*time.Hour {
			t.Fatalf("after 12 hours %d of %d sites still have a backlog", h.sites-h.done, h.sites)
		}
		if wait, more := h.write(a, next, rng); more {
			heap.Push(&q, turn{h.now.Add(wait), next.site, next.lane})
		}
		if !h.halfMeasured && h.pointsWritten > h.sites*h.backlog/2 {
			h.measureHalf()
		}
	}
}

// write lets a site try, and returns how long it waits then.
func (h *herd) write(a central.Admission, tn turn, rng *rand.Rand) (wait time.Duration, more bool) {
	leave, again := a.Enter(fmt.Sprint(tn.site), tn.lane)
	if tn.lane == wire.LaneLive {
		if h.liveWrites++; leave == nil {
			h.liveRefused++
			return again, true
		}
		leave(9)
		return time.Minute, true
	}
	if h.asked++; leave == nil {
		again = again.Truncate(time.Second) + time.Second // as Retry-After says it
		return min(again+time.Duration(rng.Int64N(int64(again)/2)), mostAsked), true
	}
	h.let++
	n := min(h.size, h.left[tn.site])
	again = leave(n)
	h.pointsWritten += n
	if h.left[tn.site] -= n; h.left[tn.site] == 0 {
		h.done++
		h.ended[tn.site] = h.now.Sub(h.begin)
		return 0, false
	}
	takes := 300 * time.Millisecond
	if h.slow > 0 && tn.site%h.slow == 0 {
		takes = 10 * time.Second
	}
	return max(min(again, mostAsked), takes), true
}

// measureHalf notes how far the sites are when half of all is written.
func (h *herd) measureHalf() {
	h.halfMeasured, h.halfLeast = true, 1
	for i, left := range h.left {
		if h.slow > 0 && i%h.slow == 0 {
			continue // its own line's fault
		}
		part := 1 - float64(left)/float64(h.backlog)
		h.halfLeast, h.halfMost = min(h.halfLeast, part), max(h.halfMost, part)
	}
}

// Three days of a province's minutes come back at once. What is live is never
// refused, nobody is starved, the rate is used, and few ask in vain.
func TestHerdIsServedFairly(t *testing.T) {
	f := func(name string, h herd) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := central.DefaultConfig().Ingest
			h.run(t, cfg)
			var last time.Duration
			for _, e := range h.ended {
				last = max(last, e)
			}
			ideal := time.Duration(float64(h.sites*h.backlog) / float64(cfg.BacklogPointsPerSecond) * float64(time.Second))
			t.Logf("drained in %s, at least %s; at half the sites have %.2f to %.2f; %d asked, %d let in; %d live writes", last, ideal, h.halfLeast, h.halfMost, h.asked, h.let, h.liveWrites)
			if h.liveRefused > 0 {
				t.Errorf("%d of %d live writes refused", h.liveRefused, h.liveWrites)
			}
			if h.halfLeast < 0.25 { // where all were alike they had 0.5
				t.Errorf("when half was written sites had %.2f to %.2f of theirs", h.halfLeast, h.halfMost)
			}
			if h.slow == 0 && float64(last) > 1.3*float64(ideal+2*time.Minute) {
				t.Errorf("drained after %s, possible are %s", last, ideal)
			}
			most := 1.3
			if h.size > 1000 {
				most = 1.7 // a turn takes ten minutes, in which much changes
			}
			if float64(h.asked) > most*float64(h.let) {
				t.Errorf("%d asked, %d were let in", h.asked, h.let)
			}
		})
	}
	const threeDays = 4320 * 9 // minutes, of nine probes
	f("124 sites", herd{sites: 124, backlog: threeDays, size: 500})
	f("124 sites, some on thin lines", herd{sites: 124, backlog: threeDays, size: 500, slow: 5})
	f("3321 sites", herd{sites: 3321, backlog: threeDays, size: 500})
	f("3321 sites, large writes", herd{sites: 3321, backlog: threeDays, size: 4000, slow: 10})
}
