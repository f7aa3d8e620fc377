package agent

import "time"

// What the backlog may take of the line.
const (
	leastRate = 16e3 / 8 // bytes a second, whatever was measured
	// share of what the line seems to carry. What its buffers swallow at once makes
	// it look a quarter better than it is; the aim is half.
	share     = 0.4
	burstTime = 500 * time.Millisecond
	leastPost = 2 << 10  // bytes on the wire
	mostPost  = 48 << 10 // of these; its rounds are some 400 kB as text
	// settled is the share of the past in what is held of the line.
	settled = 0.7
)

// pacer gives the backlog half of what the line was seen to carry. A post is
// as large as the line takes in half a second, so that what is fresh never
// stands long behind one, and a rest follows that is as long as the post.
// Its zero value knows nothing of the line.
//
// What a line carries is by how much longer a larger post takes: what stands
// in the way of any post (round trip, the centre's work) and what the line's
// buffers swallow at once says nothing of it. So sizes are made to differ, and
// the slope is found by least squares that forget.
type pacer struct {
	goodput float64 // bytes a second, 0 while not measured
	shrink  float64 // bytes on the wire for one in the spool, 0 while not measured
	posts   int

	weight, size, time, sizes, both float64 // sums over posts, of size, seconds, size squared, size times seconds
}

const (
	remembers = 0.9 // share of the past in the sums
	learning  = 8   // posts before the slope means anything
)

// saw learns from a post of sent bytes on the wire, made of spooled bytes,
// which took as long as took on a line with the round trip rtt.
func (p *pacer) saw(sent, spooled int, took, rtt time.Duration) {
	if sent <= 0 || spooled <= 0 {
		return
	}
	p.posts++
	p.shrink = follow(p.shrink, float64(sent)/float64(spooled))
	n, t := float64(sent), took.Seconds()
	for sum, add := range map[*float64]float64{&p.weight: 1, &p.size: n, &p.time: t, &p.sizes: n * n, &p.both: n * t} {
		*sum = remembers**sum + add
	}
	mean := p.size / p.weight
	spread := p.sizes/p.weight - mean*mean
	slope := (p.both/p.weight - mean*p.time/p.weight) / spread
	seen := n / max(took-rtt, time.Millisecond).Seconds()
	if spread > mean*mean/100 && slope > 0 {
		seen = min(seen, 1/slope)
	}
	if p.posts <= learning {
		p.goodput = seen
		return
	}
	p.goodput = follow(p.goodput, seen)
}

func follow(held, seen float64) float64 {
	if held == 0 {
		return seen
	}
	return settled*held + (1-settled)*seen
}

// rate is the budget in bytes a second: the least until the line is known.
func (p *pacer) rate() float64 {
	if p.posts < learning {
		return leastRate
	}
	return max(p.goodput*share, leastRate)
}

// spooledBytes is how much of the spool goes into the next post.
func (p *pacer) spooledBytes() int {
	onWire := float64(leastPost)
	if p.posts >= learning {
		onWire = min(max(p.goodput*burstTime.Seconds(), leastPost), mostPost)
	}
	onWire *= []float64{0.6, 1.4}[p.posts%2]
	shrink := p.shrink
	if shrink == 0 {
		shrink = 1
	}
	return int(onWire / min(max(shrink, 0.01), 2))
}

// rest is how long to wait after a post, so that all in all the budget holds.
func (p *pacer) rest(sent int, took time.Duration) time.Duration {
	whole := time.Duration(float64(sent) / p.rate() * float64(time.Second))
	return max(whole-took, 0)
}
