package central

import (
	"context"
	"math"
	"net/http"
	"sync"
	"time"

	"thongsuot/wire"
)

// Bounds of the work that is under way at one time. A write in work holds some
// 20 MB at worst, so that all together stay far below what a small machine has.
const (
	liveSlots    = 4                // writes in work of what is measured now
	backlogSlots = 2                // and of what was measured earlier
	siteWrites   = 4                // writes of one site in hand: both lanes, a repeat, a foreign client
	slotWait     = 10 * time.Second // an agent gives up after 20
	backlogWait  = 2 * time.Second
	burst        = time.Minute      // of a site's rate, that it may use at once
	passTime     = 15 * time.Second // a write out of turn comes at once or not
	firstSize    = 500              // points of a backlog's write, before one was seen
	sharers      = time.Minute      // a site counts as one with a backlog for as long after it wrote
)

// admission decides who may write now. What is measured now has slots and a
// rate of its own, so that no backlog, however many sites have one, delays it.
// The backlogs share one rate: each site is sure of an even part of it, and
// what nobody uses goes to who asks. A site pays after it was let in, so that
// nothing needs to be read to refuse it.
type admission struct {
	now           func() time.Time
	live, backlog chan struct{} // slots
	liveRate      float64       // points a second, of each site
	backlogRate   float64       // of all together

	mu      sync.Mutex
	sites   map[string]*siteRate
	spare   bucket    // of backlogRate
	first   bucket    // of backlogRate, promised to sites that come with a backlog
	size    float64   // points of a backlog's write, on average
	sharing int       // sites with a backlog, as of counted
	counted time.Time //
}

type siteRate struct {
	inHand        int
	live, backlog bucket
	asked         time.Time // for its backlog, last
	from          time.Time // when its backlog may begin
	pass          time.Time // until then it may write once out of turn
	promised      float64   // points that were set aside for that
}

// bucket holds points that may come. It may be overdrawn once.
type bucket struct {
	points float64
	at     time.Time
}

// fill lets time pass at a rate.
func (b *bucket) fill(now time.Time, rate, most float64) {
	if d := now.Sub(b.at).Seconds(); d > 0 {
		b.points = min(b.points+d*rate, most)
		b.at = now
	}
}

// after is how long it takes until something may come.
func (b *bucket) after(rate float64) time.Duration {
	return time.Duration(math.Ceil(max(-b.points, 0) / rate * float64(time.Second)))
}

func newAdmission(cfg IngestConfig, now func() time.Time) *admission {
	return &admission{
		now: now, live: make(chan struct{}, liveSlots), backlog: make(chan struct{}, backlogSlots),
		liveRate: float64(cfg.PointsPerSecond), backlogRate: float64(cfg.BacklogPointsPerSecond),
		sites: map[string]*siteRate{}, spare: bucket{points: float64(cfg.BacklogPointsPerSecond), at: now()},
		first: bucket{at: now()}, size: firstSize,
	}
}

// enter lets a write of a site in, or says when it may come again. Who was let
// in calls leave with the points that came.
func (a *admission) enter(site, lane string) (leave func(points int) (again time.Duration), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	s := a.sites[site]
	if s == nil {
		s = &siteRate{live: bucket{points: a.liveRate * burst.Seconds(), at: now}, backlog: bucket{at: now}}
		a.sites[site] = s
	}
	if s.inHand >= siteWrites {
		return nil, tooMany("busy", time.Second, "%d writes of this site are in hand; wait for their answers", s.inHand)
	}
	if wait := a.due(s, lane, now); wait > 0 {
		if lane == wire.LaneBacklog {
			return nil, tooMany("backlog", wait, "it is the turn of other sites; this one's is in %s", wait.Round(time.Millisecond))
		}
		return nil, tooMany("rate", wait, "more than %.0f points a second in the long run", a.liveRate)
	}
	s.inHand++
	return func(points int) time.Duration { return a.leave(s, lane, points) }, nil
}

// due is how long a site has to wait for its turn in a lane.
func (a *admission) due(s *siteRate, lane string, now time.Time) time.Duration {
	if lane != wire.LaneBacklog {
		s.live.fill(now, a.liveRate, a.liveRate*burst.Seconds())
		return s.live.after(a.liveRate)
	}
	if !s.shares(now) {
		a.begin(s, now)
	}
	s.asked = now
	if wait := s.from.Sub(now); wait > 0 {
		return wait
	}
	if s.promised > 0 && now.After(s.pass) {
		a.spare.points, s.promised = a.spare.points+s.promised, 0
	}
	share := a.share(now)
	s.backlog.fill(now, share, 0)
	a.spare.fill(now, a.backlogRate, a.backlogRate)
	// Shares change while a site waits for its turn: a little early is in time.
	if a.spare.points > 0 || s.backlog.points > -a.size/8 || now.Before(s.pass) {
		return 0
	}
	return s.backlog.after(share) // not that of what is spare: all would come for it at once
}

// shares reports whether a site has a backlog: it pays for what it wrote, waits
// for its turn or wrote shortly before.
func (s *siteRate) shares(now time.Time) bool {
	return s.backlog.points < 0 || now.Sub(s.asked) < sharers || now.Sub(s.from) < sharers
}

// begin gives a site that comes with a backlog the next time that is not yet
// promised to another, so that a province does not begin in one second.
func (a *admission) begin(s *siteRate, now time.Time) {
	a.first.fill(now, a.backlogRate, 0)
	s.from = now.Add(a.first.after(a.backlogRate))
	a.first.points -= a.size
}

// share is the part of the backlogs' rate that each site is sure of. Who waits
// for its turn shares too.
func (a *admission) share(now time.Time) float64 {
	share := a.backlogRate / float64(max(a.sharing, 1))
	if now.Sub(a.counted) < time.Second {
		return share
	}
	a.counted, a.sharing = now, 0
	for _, s := range a.sites {
		s.backlog.fill(now, share, 0)
		if s.shares(now) {
			a.sharing++
		}
	}
	return a.backlogRate / float64(max(a.sharing, 1))
}

func (a *admission) leave(s *siteRate, lane string, points int) (again time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.inHand--
	if lane != wire.LaneBacklog {
		s.live.points -= float64(points)
		return 0
	}
	a.size += (float64(points) - a.size) / 16
	s.backlog.points -= float64(points)
	a.spare.points -= float64(points) - s.promised
	s.promised, s.pass = 0, time.Time{}
	now := a.now()
	if a.spare.points > a.size {
		// What nobody uses is promised to who is here, and not to all who hear of it.
		s.pass, s.promised = now.Add(passTime), a.size
		a.spare.points -= a.size
	}
	return a.due(s, lane, now)
}

// slot waits for the right to work on a write.
func (a *admission) slot(ctx context.Context, lane string) (release func(), err error) {
	slots, wait := a.live, slotWait
	if lane == wire.LaneBacklog {
		slots, wait = a.backlog, backlogWait
	}
	limit := time.NewTimer(wait)
	defer limit.Stop()
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-limit.C:
		return nil, tooMany("busy", retryLater, "the centre is busy with other writes")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// tooMany asks a client to come again later.
func tooMany(outcome string, after time.Duration, format string, args ...any) *failure {
	f := refuse(http.StatusTooManyRequests, "too many requests", outcome, format, args...)
	f.after = after
	return f
}
