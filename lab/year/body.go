package year

import (
	"math/rand/v2"
	"slices"

	"thongsuot"
)

// condition is all that an agent could notice at its site.
type condition struct {
	agent    bool // it runs and is awake
	start    uint32
	boot     int
	gateway  bool    // answers
	hop      bool    // the carrier's first router answers
	main     bool    // the main line leads out
	heard    bool    // a way to the centre is open, and the centre hears
	loss     float64 // of a datagram, each way
	delay    float64 // times the usual
	portal   portal
	slow     float64 // times the usual time to the first byte
	battery  bool
	low      bool
	goodbye  bool // the machine goes down with the agent's knowledge
	stopping bool // the agent ends
}

// well reports whether nothing at all is wrong.
func (c condition) well() bool {
	return c.agent && c.heard && c.main && c.gateway && c.delay == 1 && c.portal == portalFine && c.slow == 1 && !c.battery
}

// portal is what asking the portal leads to.
type portal int

const (
	portalFine portal = iota
	portalRefuses
	portalSilent
	portalBlocked // by the carrier
)

// edge is a moment at which something changes at a site.
type edge struct {
	at   int64
	kind edgeKind
	on   bool
	f    *fault
	gen  int // of what it was planned for; an older one means nothing any more
}

type edgeKind int

const (
	edgeFault edgeKind = iota
	edgeHostUp
	edgeGearUp
	edgeAgentUp
	edgeLow
	edgeShutdown
	edgeEmpty
)

// body is what truly happens at one site: machine, power, line.
type body struct {
	*place
	a      Assumptions
	r      *rand.Rand
	fixed  []edge // sorted
	dyn    []edge
	bursts *bursts // nil on a clean line
	burst  []span  // that came
	slept  int64   // seconds asleep since the boot

	dark, cut, upstream, lan, suspended, deaf, blocked int // faults of a kind that run now
	portalDown                                         []*fault
	spells                                             []*fault // loss, delay, slowness

	host      bool
	hostGen   int
	backAt    int64 // when the machine starts again; 0: with mains
	agent     bool
	gear      bool
	gearGen   int
	charge    float64 // at chargeAt
	chargeAt  int64
	draining  bool
	low       bool
	batteryGn int

	boot    int
	start   uint32
	goodbye bool
	stopped bool
}

const (
	chargeTime    = 4 * 3600 // of an empty battery, seconds
	shutdownAfter = 30       // seconds from the word of a low battery to the clean shutdown
)

func newBody(p *place, a Assumptions, seed uint64) *body {
	b := &body{place: p, a: a, r: stream(seed, "body/"+p.Code), host: true, agent: true, gear: true, charge: 1, boot: 1, start: 1}
	if p.lossy {
		b.bursts = newBursts(p.Code, a.Loss, seed)
	}
	return b
}

func (b *body) strike(f *fault) {
	b.fixed = append(b.fixed, edge{at: f.from, on: true, f: f}, edge{at: f.to, f: f})
}

// ready sorts what will happen; an end comes before a begin at the same time.
func (b *body) ready() {
	slices.SortStableFunc(b.fixed, func(x, y edge) int {
		if x.at != y.at {
			return int(x.at - y.at)
		}
		return boolInt(x.on) - boolInt(y.on)
	})
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// next is when something changes.
func (b *body) next() int64 {
	at := int64(1) << 31 // later than every year that is played
	if len(b.fixed) > 0 {
		at = b.fixed[0].at
	}
	for _, e := range b.dyn {
		at = min(at, e.at)
	}
	if b.bursts != nil {
		if b.bursts.from > 0 {
			at = min(at, b.bursts.from)
		} else {
			at = min(at, b.bursts.to)
		}
	}
	return at
}

// turn applies all that changes at t.
func (b *body) turn(t int64) {
	b.goodbye, b.stopped = false, false
	if s := b.bursts; s != nil {
		if s.from > 0 && s.from <= t {
			b.burst = append(b.burst, span{t, s.to})
			s.from = 0
		}
		if s.from == 0 && s.to <= t {
			s.draw(t)
		}
	}
	for {
		i := slices.IndexFunc(b.dyn, func(e edge) bool { return e.at <= t })
		if i < 0 {
			break
		}
		e := b.dyn[i]
		b.dyn = slices.Delete(b.dyn, i, i+1)
		b.happen(e, t)
	}
	for len(b.fixed) > 0 && b.fixed[0].at <= t {
		e := b.fixed[0]
		b.fixed = b.fixed[1:]
		b.happen(e, t)
	}
}

func (b *body) plan(e edge) { b.dyn = append(b.dyn, e) }

func (b *body) happen(e edge, t int64) {
	switch e.kind {
	case edgeFault:
		b.fault(e, t)
	case edgeHostUp:
		if e.gen != b.hostGen {
			return
		}
		b.backAt = 0
		if b.dark > 0 {
			return // it starts with mains
		}
		b.host, b.agent, b.slept = true, true, 0
		b.boot++
		b.start++
	case edgeAgentUp:
		if e.gen == b.hostGen && b.host {
			b.agent = true
			b.start++
		}
	case edgeGearUp:
		if e.gen == b.gearGen {
			b.gear = true
		}
	case edgeLow:
		if e.gen == b.batteryGn {
			b.low = true
			b.plan(edge{at: t + shutdownAfter, kind: edgeShutdown, gen: b.batteryGn})
		}
	case edgeShutdown:
		if e.gen == b.batteryGn && b.host {
			b.goodbye = b.agent && b.suspended == 0
			b.off(0, t)
		}
	case edgeEmpty:
		if e.gen == b.batteryGn {
			b.off(b.backAt, t) // a laptop, or a box that a UPS fed to its end
			b.gear = b.gear && b.sensor == withLaptop
			b.gearGen++
		}
	}
}

func (b *body) fault(e edge, t int64) {
	d := -1
	if e.on {
		d = 1
	}
	switch e.f.kind {
	case PowerFeeder, PowerSite:
		b.dark += d
		if e.on && b.dark == 1 {
			b.lights(t)
		} else if !e.on && b.dark == 0 {
			b.light(t)
		}
	case LineCut:
		b.cut += d
	case UpstreamCut:
		b.upstream += d
	case LANFault:
		b.lan += d
	case CarrierPortal:
		b.blocked += d
	case CentreFault:
		b.deaf += d
	case HostSuspend:
		b.suspended += d
		if !e.on && b.host {
			b.slept += e.f.to - e.f.from
		}
	case PortalDown:
		b.portalDown = running(b.portalDown, e)
	case LineLoss, LineDelay, PortalSlow:
		b.spells = running(b.spells, e)
	case HostCrash, HostPlug, HostOffStrip:
		if e.on {
			b.off(e.f.to, t)
		}
	case HostReboot, HostOff:
		if e.on {
			b.goodbye = b.host && b.agent && b.suspended == 0
			b.off(e.f.to, t)
		}
	case AgentRestart:
		if e.on && b.host && b.agent {
			b.stopped = b.suspended == 0
			b.agent = false
			b.plan(edge{at: e.f.to, kind: edgeAgentUp, gen: b.hostGen})
		}
	}
}

func running(list []*fault, e edge) []*fault {
	if e.on {
		return append(list, e.f)
	}
	return slices.DeleteFunc(list, func(f *fault) bool { return f == e.f })
}

// off ends the machine; back is when it starts again, 0 with mains. A later
// start outweighs an earlier one: who switched it off at night does not start
// it at midnight.
func (b *body) off(back, t int64) {
	b.host, b.agent = false, false
	b.hostGen++
	b.backAt = max(b.backAt, back)
	if b.backAt > t {
		b.plan(edge{at: b.backAt, kind: edgeHostUp, gen: b.hostGen})
	}
}

// lights go out.
func (b *body) lights(t int64) {
	if b.sensor == noSensor {
		if b.host || b.backAt == 0 {
			b.off(b.backAt, t)
		}
		b.gear = false
		b.gearGen++
		return
	}
	b.charge, b.chargeAt, b.draining = b.chargeNow(t), t, true
	b.batteryGn++
	lasts := float64(b.runtime) * b.charge
	b.plan(edge{at: t + max(int64(lasts), 1), kind: edgeEmpty, gen: b.batteryGn})
	if b.sensor == withUPS {
		low := max(int64(float64(b.runtime)*(b.charge-b.a.Power.LowAt)), 1)
		b.plan(edge{at: t + low, kind: edgeLow, gen: b.batteryGn})
	}
	if b.sensor == withLaptop || !b.gearOnUPS {
		b.gear = false
		b.gearGen++
	}
}

// light is back.
func (b *body) light(t int64) {
	if b.sensor != noSensor {
		b.charge, b.chargeAt, b.draining, b.low = b.chargeNow(t), t, false, false
		b.batteryGn++
	}
	if !b.gear {
		b.plan(edge{at: t + b.a.Host.GearBoot.draw(b.r), kind: edgeGearUp, gen: b.gearGen})
	}
	if !b.host && b.backAt == 0 {
		b.plan(edge{at: t + b.a.Host.Boot.draw(b.r), kind: edgeHostUp, gen: b.hostGen})
	}
}

func (b *body) chargeNow(t int64) float64 {
	if b.draining {
		return max(b.charge-float64(t-b.chargeAt)/float64(b.runtime), 0)
	}
	return min(b.charge+float64(t-b.chargeAt)/chargeTime, 1)
}

// left is the time on battery that the sensor predicts.
func (b *body) left(t int64) float64 { return b.chargeNow(t) * float64(b.runtime) }

// now is what an agent could notice.
func (b *body) now() condition {
	lineOut := b.gear && b.lan == 0
	c := condition{
		agent: b.host && b.agent && b.suspended == 0, start: b.start, boot: b.boot,
		gateway: lineOut, hop: lineOut && b.cut == 0, main: lineOut && b.cut == 0 && b.upstream == 0,
		loss: b.a.Loss.Clean, delay: 1, slow: 1,
		battery: b.dark > 0 && b.sensor != noSensor, low: b.dark > 0 && b.low, goodbye: b.goodbye, stopping: b.stopped,
	}
	c.heard = b.deaf == 0 && (c.main || lineOut && b.backup)
	if b.Kind == thongsuot.KindReference {
		c.loss = 0
	}
	if b.lossy {
		c.loss = b.a.Loss.Outside
		if b.bursts.from == 0 {
			c.loss = b.a.Loss.Burst
		}
	}
	for _, f := range b.spells {
		switch f.kind {
		case LineLoss:
			c.loss = max(c.loss, f.factor)
		case LineDelay:
			c.delay = max(c.delay, f.factor)
		case PortalSlow:
			c.slow = max(c.slow, f.factor)
		}
	}
	switch {
	case len(b.portalDown) > 0 && b.portalDown[0].refused:
		c.portal = portalRefuses
	case len(b.portalDown) > 0:
		c.portal = portalSilent
	case b.blocked > 0:
		c.portal = portalBlocked
	}
	return c
}
