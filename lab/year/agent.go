package year

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

// Paces of the real agent, in seconds.
const (
	beatEvery   = 5
	roundEvery  = 10
	minuteEvery = 60
	beatTries   = 4 // a second apart
	longestPace = 15 * 60
)

// soonLost is the loss of a datagram from which on every beat and round is
// drawn by itself; below it what fails is rare, and drawn by its distance.
const soonLost = 0.011

// stream numbers of an agent.
const (
	beats = iota
	rounds
	portals
	power
	minutes
	streams
)

// agent says what the agent of one site would say.
type agent struct {
	*body
	r      *rand.Rand
	origin time.Time
	emit   func(incident.Observation)

	is    condition
	named int // the boot whose id name is
	name  string
	since int64          // of is
	turns int64          // when the body changes next
	next  [streams]int64 // of each stream
	pace  int64          // of the portal, doubled out of politeness
	asked int64          // when the portal is asked again

	spool   []stretch          // measured out of reach, oldest first
	loose   []thongsuot.Result // single results that wait: edges of power, first and last words
	wait    []delayed          // on their way
	past    condition          // last of the run before, as the agent's own file tells its next start
	healthy []span             // for the score: when nothing was wrong
}

// stretch is a time in which the agent measured out of reach of the centre.
type stretch struct {
	from, to int64
	is       condition
	phase    [streams]int64
	portal   []thongsuot.Result // what the portal answered, which decides when it is asked again
}

type delayed struct {
	at      int64
	o       incident.Observation
	results bool
}

// span is a stretch of time.
type span struct{ from, to int64 }

func newAgent(b *body, seed uint64, origin time.Time, emit func(incident.Observation)) *agent {
	a := &agent{body: b, r: stream(seed, "agent/"+b.Code), origin: origin, emit: emit, since: 1}
	a.is = b.now()
	a.turns = b.next()
	a.begin(1)
	a.healthy = append(a.healthy, span{1, math.MaxInt64})
	return a
}

func (a *agent) time(t int64) time.Time { return a.origin.Add(time.Duration(t) * time.Second) }

// begin spreads the streams of an agent that starts at t.
func (a *agent) begin(t int64) {
	a.next[beats] = t + a.r.Int64N(beatEvery)
	a.next[rounds] = t + 3 + a.r.Int64N(3)
	a.next[portals] = t + 4 + a.r.Int64N(3)
	a.next[power] = t + 2
	a.next[minutes] = t + 2
	a.pace, a.asked = minuteEvery, 0
	a.loose = append(a.loose, a.words(t, 0))
	if a.is.start > 1 {
		a.loose = append(a.loose, a.lastEnd(t))
	}
}

// due is when the agent has something to do next.
func (a *agent) due() int64 {
	at := a.turns
	if a.is.agent && a.is.heard {
		for _, n := range a.next {
			at = min(at, n)
		}
	}
	for _, w := range a.wait {
		at = min(at, w.at)
	}
	return at
}

// act does what is due at t.
func (a *agent) act(t int64) {
	if a.turns <= t {
		a.turn(t)
	}
	a.arrive(t)
	if !a.is.agent || !a.is.heard {
		return
	}
	for s := range a.next {
		if a.next[s] <= t {
			a.speak(s, t)
		}
	}
}

// arrive hands over what was on its way.
func (a *agent) arrive(t int64) {
	for i := 0; i < len(a.wait); {
		w := a.wait[i]
		if w.at > t {
			i++
			continue
		}
		a.wait = slices.Delete(a.wait, i, i+1)
		switch {
		case !w.results && !a.is.heard: // the way closed before it was tried again
		case !w.results:
			a.emit(w.o)
			a.clear(t)
		case a.is.agent && a.is.heard:
			w.o.At, w.o.Start, w.o.Boot = a.time(t), a.is.start, a.bootID()
			a.emit(w.o)
		default:
			a.loose = append(a.loose, w.o.Results...)
		}
	}
}

// turn lets the site change at t.
func (a *agent) turn(t int64) {
	was := a.is
	if was.agent && !was.heard {
		s := stretch{from: a.since, to: t, is: was, phase: a.next}
		for at := onGrid(a.next[portals], minuteEvery, s.from); at < t; at += minuteEvery {
			s.portal = append(s.portal, a.portalResult(at))
		}
		a.spool = append(a.spool, s)
		for s := range a.next {
			a.next[s] = onGrid(a.next[s], every(s), t)
		}
	}
	a.body.turn(t)
	a.is, a.turns = a.body.now(), a.body.next()
	is := a.is
	a.note(was, is, t)
	if was.agent && !is.agent {
		a.past = was
		a.past.goodbye, a.past.stopping = is.goodbye, is.stopping
	}
	switch {
	case is.goodbye || is.stopping:
		a.farewell(was, t)
	case !was.agent && is.agent && is.start != was.start:
		a.begin(t)
	case !was.agent && is.agent: // it slept
		for s := range a.next {
			a.next[s] = onGrid(a.next[s], every(s), t)
		}
	}
	if is.agent && was.agent && (is.battery != was.battery || is.low != was.low) {
		a.powerEdge(t)
	}
	a.since = t
}

func every(s int) int64 {
	switch s {
	case beats:
		return beatEvery
	case rounds:
		return roundEvery
	default:
		return minuteEvery
	}
}

// onGrid is the first time not before t that is steps away from next.
func onGrid(next, step, t int64) int64 {
	if next >= t {
		return next
	}
	return next + (t-next+step-1)/step*step
}

func (a *agent) note(was, is condition, t int64) {
	last := &a.healthy[len(a.healthy)-1]
	switch {
	case was.well() && !is.well():
		last.to = t
	case !was.well() && is.well():
		a.healthy = append(a.healthy, span{t, math.MaxInt64})
	}
}

// lost reports whether one datagram is.
func (a *agent) lost(p float64) bool { return a.r.Float64() < p }

// distance is how many tries pass before one that fails with probability p.
func (a *agent) distance(p float64) int64 {
	if p <= 0 {
		return math.MaxInt32
	}
	return int64(min(a.r.ExpFloat64()/-math.Log1p(-p), math.MaxInt32))
}

// until is the last second of a stretch that steps through its stream until
// the site changes, or until the try that is so far away.
func (a *agent) until(t, step, far int64) int64 { return min(a.turns-1, t+(far-1)*step) }

// say emits an observation that may stand for many, and moves its stream on.
func (a *agent) say(s int, t, until int64, o incident.Observation) {
	step := every(s)
	o.Site, o.At, o.Start = a.Code, a.time(t), a.is.start
	a.next[s] = t + step
	if until >= t+step {
		o.Every, o.Until = time.Duration(step)*time.Second, a.time(until)
		a.next[s] = t + ((until-t)/step+1)*step
	}
	a.emit(o)
}

func (a *agent) speak(s int, t int64) {
	switch s {
	case beats:
		a.beat(t)
	case rounds:
		a.round(t)
	case portals:
		a.portalRound(t)
	case power:
		a.powerRound(t)
	default:
		a.say(minutes, t, a.until(t, minuteEvery, math.MaxInt32), incident.Observation{
			Boot: a.bootID(), Results: []thongsuot.Result{a.words(t, 0), a.bootRecord(t)},
		})
	}
}

func (a *agent) message(t int64) *incident.Beat {
	b := &incident.Beat{
		OnBattery: a.is.battery, LowBattery: a.is.low, MainsPresent: a.sensor != noSensor && !a.is.battery,
		ShuttingDown: a.is.goodbye, Stopping: a.is.stopping,
	}
	if a.sensor == withUPS {
		b.Runtime = time.Duration(a.left(t)) * time.Second
	}
	return b
}

// beat is one sign of life, tried again within itself; or, on a good line and
// with nothing new to say, all of them until one gets lost.
func (a *agent) beat(t int64) {
	p := a.is.loss
	if p <= soonLost && !a.is.battery {
		far := a.distance(math.Pow(p, beatTries))
		if far == 0 {
			a.next[beats] = t + beatEvery
			return
		}
		a.say(beats, t, a.until(t, beatEvery, far), incident.Observation{Beat: a.message(t)})
		a.clear(t)
		return
	}
	a.next[beats] = t + beatEvery
	a.tryBeat(t, a.message(t))
}

func (a *agent) tryBeat(t int64, m *incident.Beat) {
	for try := range int64(beatTries) {
		if a.lost(a.is.loss) {
			continue
		}
		o := incident.Observation{Site: a.Code, At: a.time(t + try), Start: a.is.start, Beat: m}
		if try > 0 {
			a.wait = append(a.wait, delayed{at: t + try, o: o})
			return
		}
		a.emit(o)
		a.clear(t)
		return
	}
}

// farewell is the last that an agent says, if a way is open.
func (a *agent) farewell(was condition, t int64) {
	a.loose = append(a.loose, a.words(t, 1))
	if !was.heard || !a.is.heard {
		return
	}
	a.tryBeat(t, a.message(t))
	a.send(t, a.loose...)
	a.loose = nil
}

// powerEdge is told at once: by a beat, and by a result as an event.
func (a *agent) powerEdge(t int64) {
	if a.is.heard {
		a.tryBeat(t, a.message(t))
		a.send(t, a.powerResult(t))
	} else {
		a.loose = append(a.loose, a.powerResult(t))
	}
	a.next[power] = t + minuteEvery
}

// send posts results at once.
func (a *agent) send(t int64, rs ...thongsuot.Result) {
	a.emit(incident.Observation{Site: a.Code, At: a.time(t), Start: a.is.start, Boot: a.bootID(), Results: rs})
}

// clear sends what waited, once the centre is heard again: single events
// first, then the spool from its newest hour back.
func (a *agent) clear(t int64) {
	if !a.is.agent || !a.is.heard {
		return
	}
	if len(a.loose) > 0 {
		a.send(t, a.loose...)
		a.loose = nil
	}
	if len(a.spool) == 0 {
		return
	}
	at := t + 1
	for _, s := range slices.Backward(a.spool) {
		batch := int64(a.a.Backlog * roundEvery)
		for to := s.to; to > s.from; to -= batch {
			part := s
			part.from, part.to = max(s.from, to-batch), to
			a.wait = append(a.wait, delayed{at: at, results: true, o: incident.Observation{Site: a.Code, Results: a.expand(part)}})
			at++
		}
	}
	a.spool = nil
}

// expand is what was measured in a stretch out of reach.
func (a *agent) expand(s stretch) (out []thongsuot.Result) {
	was := a.is
	a.is = s.is
	defer func() { a.is = was }()
	out = make([]thongsuot.Result, 0, (s.to-s.from)/roundEvery*5+(s.to-s.from)/minuteEvery+10)
	// Clocks drift between the centre's answers.
	for t := onGrid(s.phase[rounds], roundEvery, s.from); t < s.to; t += roundEvery {
		out = append(out, a.roundResults(t)...)
	}
	for _, r := range s.portal {
		if !r.At.Before(a.time(s.from)) && r.At.Before(a.time(s.to)) {
			out = append(out, r)
		}
	}
	if a.sensor != noSensor {
		for t := onGrid(s.phase[power], minuteEvery, s.from); t < s.to; t += minuteEvery {
			out = append(out, a.powerResult(t))
		}
	}
	off := time.Duration(a.drift * float64(time.Duration(s.to-s.from)*time.Second))
	for i := range out {
		out[i].At = out[i].At.Add(off)
	}
	return out
}
