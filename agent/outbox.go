package agent

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"thongsuot/agent/spool"
	"thongsuot/wire"
)

const (
	// liveAge is how long a round belongs to the live lane. An older one is
	// backlog, so that a line that comes back carries the newest values first.
	liveAge = 90 * time.Second
	// liveMost bounds the rounds of the live lane; one a second while power flickers.
	liveMost = 120
	// holdFor is how long a round stays in the spool after the centre has
	// acknowledged it. A centre whose machine loses power forgets what its disk
	// had not taken yet, which is within this time on any usual file system.
	holdFor = 2 * time.Minute
)

// outbox knows of each spooled round where it is on its way: fresh and for the
// live lane, backlog, or delivered and held in case the centre forgets it.
// It may be used from several goroutines.
type outbox struct {
	spool    *spool.Spool
	boottime func() time.Duration
	minutes  func() int64  // how many cross in one post
	wake     chan struct{} // told when the live lane is not to wait for its minute

	mu    sync.Mutex
	last  uint64          // newest round that was put in; a newer one in the spool is about to be
	live  []entry         // oldest first
	held  []held          // oldest first
	again map[uint64]bool // acknowledged by a centre that may have forgotten them since
	epoch string          // of the centre; "" before it is known
	marks marks
}

// marks remember when some of the spooled rounds were written, by rising
// number: enough to tell about how old the oldest is.
type marks []mark

type mark struct {
	seq   uint64
	stamp Stamp
}

// marksApart is how many rounds lie between two marks: about ten minutes.
const marksApart = 64

func (m *marks) note(seq uint64, s Stamp) {
	if n := len(*m); n > 0 && seq < (*m)[n-1].seq+marksApart && (*m)[n-1].stamp.Boot == s.Boot {
		return
	}
	*m = append(*m, mark{seq, s})
}

// oldest is about when the oldest round that waits was written; ok is false
// when none waits.
func (o *outbox) oldest() (s Stamp, ok bool) {
	live, behind, _ := o.counts()
	first := o.spool.Stats().Oldest
	o.mu.Lock()
	defer o.mu.Unlock()
	i := 0
	for i+1 < len(o.marks) && o.marks[i+1].seq <= first {
		i++
	}
	o.marks = o.marks[min(i, len(o.marks)):] // what lies before is delivered
	if live+behind == 0 || len(o.marks) == 0 {
		return Stamp{}, false
	}
	return o.marks[0].stamp, true
}

// entry is a round that this process has spooled.
type entry struct {
	seq uint64
	round
}

// held are rounds that one post delivered.
type held struct {
	ranges []spool.Range
	at     time.Duration
	epoch  string
}

func newOutbox(sp *spool.Spool, boottime func() time.Duration) *outbox {
	return &outbox{
		spool: sp, boottime: boottime, minutes: oneMinute, wake: make(chan struct{}, 1),
		last: sp.Stats().Next - 1, again: map[uint64]bool{},
	}
}

// put enters a round that was just spooled.
func (o *outbox) put(seq uint64, r round) {
	o.mu.Lock()
	o.live = append(o.live, entry{seq, r})
	o.last = seq
	o.marks.note(seq, r.stamp)
	o.expire()
	o.mu.Unlock()
	if r.quiet {
		return
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// expire turns what has become old, or is too much, into backlog.
func (o *outbox) expire() {
	now := o.boottime()
	n := max(len(o.live)-liveMost, 0)
	for n < len(o.live) && now-o.live[n].stamp.Boottime > liveAge+time.Duration(o.minutes()-1)*time.Minute {
		n++
	}
	o.live = o.live[n:]
}

// fresh is what the live lane is to send now, oldest first.
func (o *outbox) fresh() []entry {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.expire()
	return slices.Clone(o.live)
}

// backlog reads what the live lane does not carry, and tells whether any of it
// was acknowledged before, and how many rounds wait beside it.
func (o *outbox) backlog(most, bytes int) (records []spool.Record, again bool, more int, err error) {
	o.mu.Lock()
	skip := append(o.elsewhere(), spool.Range{From: o.last + 1, To: math.MaxUint64})
	o.mu.Unlock()
	records, err = o.spool.Read(most, bytes, skip)
	_, behind, _ := o.counts()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range records {
		again = again || o.again[r.Seq]
	}
	return records, again, behind - len(records), err
}

// elsewhere are the rounds that are not backlog.
func (o *outbox) elsewhere() []spool.Range {
	var out []spool.Range
	for _, h := range o.held {
		out = append(out, h.ranges...)
	}
	for _, e := range o.live {
		out = append(out, spool.Range{From: e.seq, To: e.seq})
	}
	return out
}

// delivered notes that the centre, in the given epoch, has taken rounds.
func (o *outbox) delivered(rs []spool.Range, epoch string) {
	o.mu.Lock()
	o.leave(rs)
	o.held = append(o.held, held{rs, o.boottime(), epoch})
	o.mu.Unlock()
	o.settle()
}

// givenUp takes rounds off the queue that will never be delivered.
func (o *outbox) givenUp(rs ...spool.Range) {
	o.mu.Lock()
	o.leave(rs)
	o.mu.Unlock()
	_ = o.spool.Ack(rs...) // fails only when the spool is closed, and they are given up again at the next start
}

func (o *outbox) leave(rs []spool.Range) {
	in := func(seq uint64) bool {
		return slices.ContainsFunc(rs, func(r spool.Range) bool { return r.From <= seq && seq <= r.To })
	}
	o.live = slices.DeleteFunc(o.live, func(e entry) bool { return in(e.seq) })
	maps.DeleteFunc(o.again, func(seq uint64, _ bool) bool { return in(seq) })
}

// hears learns the centre's epoch. After a restart of the centre, what the one
// before acknowledged and may not have kept is backlog again.
func (o *outbox) hears(epoch string) (offered int) {
	if epoch == "" {
		return 0 // a plain InfluxDB has none
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if epoch == o.epoch {
		return 0
	}
	o.epoch = epoch
	o.held = slices.DeleteFunc(o.held, func(h held) bool {
		if h.epoch == epoch || o.boottime()-h.at > holdFor {
			return false
		}
		for _, r := range h.ranges {
			for seq := r.From; seq <= r.To; seq++ {
				o.again[seq] = true
			}
		}
		offered += count(h.ranges)
		return true
	})
	return offered
}

// settle takes off the spool what was held for long enough.
func (o *outbox) settle() {
	o.mu.Lock()
	now, n := o.boottime(), 0
	var done []spool.Range
	for n < len(o.held) && now-o.held[n].at > holdFor {
		done = append(done, o.held[n].ranges...)
		n++
	}
	o.held = o.held[n:]
	o.mu.Unlock()
	if len(done) > 0 {
		_ = o.spool.Ack(done...) // fails only when the spool is closed; they are sent once more then
	}
}

// counts tells how many rounds each lane has to carry and how many are held.
func (o *outbox) counts() (live, backlog, held int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, h := range o.held {
		held += count(h.ranges)
	}
	return len(o.live), max(o.spool.Stats().Records-held-len(o.live), 0), held
}

func count(rs []spool.Range) (n int) {
	for _, r := range rs {
		n += int(r.To - r.From + 1)
	}
	return n
}

// rangesOf makes runs of numbers, which may come in any order.
func rangesOf(seqs []uint64) (out []spool.Range) {
	slices.Sort(seqs)
	for _, s := range slices.Compact(seqs) {
		if n := len(out); n > 0 && out[n-1].To+1 == s {
			out[n-1].To = s
			continue
		}
		out = append(out, spool.Range{From: s, To: s})
	}
	return out
}

func wireRanges(rs []spool.Range) (out []wire.SeqRange) {
	for _, r := range rs {
		out = append(out, wire.SeqRange(r))
	}
	return out
}
