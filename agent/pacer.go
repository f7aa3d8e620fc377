package agent

import "time"

// What the backlog may take of the line.
const (
	leastRate = 16e3 / 8 // bytes a second, whatever was measured
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
type pacer struct {
	goodput float64 // bytes a second, 0 while not measured
	shrink  float64 // bytes on the wire for one in the spool, 0 while not measured
}

// saw learns from a post of sent bytes on the wire, made of spooled bytes,
// which took as long as took on a line with the round trip rtt.
func (p *pacer) saw(sent, spooled int, took, rtt time.Duration) {
	if sent <= 0 || spooled <= 0 {
		return
	}
	carried := max(took-rtt, time.Millisecond)
	p.goodput = follow(p.goodput, float64(sent)/carried.Seconds())
	p.shrink = follow(p.shrink, float64(sent)/float64(spooled))
}

func follow(held, seen float64) float64 {
	if held == 0 {
		return seen
	}
	return settled*held + (1-settled)*seen
}

// rate is the budget in bytes a second.
func (p *pacer) rate() float64 { return max(p.goodput/2, leastRate) }

// spooledBytes is how much of the spool goes into the next post.
func (p *pacer) spooledBytes() int {
	onWire := min(max(p.goodput*burstTime.Seconds(), leastPost), mostPost)
	shrink := p.shrink
	if shrink == 0 {
		shrink = 1
	}
	return int(onWire / min(max(shrink, 0.05), 2))
}

// rest is how long to wait after a post, so that all in all the budget holds.
func (p *pacer) rest(sent int, took time.Duration) time.Duration {
	whole := time.Duration(float64(sent) / p.rate() * float64(time.Second))
	return max(whole-took, 0)
}
