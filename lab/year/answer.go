package year

import (
	"fmt"
	"math"

	"thongsuot"
	"thongsuot/incident"
)

// The usual delays of a site's probes, seconds.
const (
	lanDelay     = 0.001
	queryDelay   = 0.004
	usualTTFB    = 0.25
	echoes       = 5
	failsAfter   = 8 // seconds after its begin a round without answers is over
	portalPatien = 10
)

// Addresses set aside for documentation (RFC 5737, RFC 2606).
const (
	gatewayAddr   = "192.0.2.1"
	hopAddr       = "203.0.113.1"
	referenceAddr = "198.51.100.10"
	resolverAddr  = "198.51.100.53:53"
	centreAddr    = "203.0.113.10:8086"
	portalURL     = "https://dichvucong.example/"
)

func (a *agent) bootID() string {
	if a.named != a.is.boot {
		a.named, a.name = a.is.boot, fmt.Sprintf("%s-boot-%d", a.Code, a.is.boot)
	}
	return a.name
}

func ratio(name string, v float64) thongsuot.Field { return thongsuot.Field{Name: name, Value: v} }

// words are what the agent says of itself; stopping is 1 in its last.
func (a *agent) words(t int64, stopping float64) thongsuot.Result {
	return thongsuot.Result{
		Probe: "agent", Kind: thongsuot.ProbeAgent, At: a.time(t), Reason: thongsuot.ReasonOK, Detail: "simulated",
		Fields: []thongsuot.Field{ratio(thongsuot.FieldStopping, stopping)},
	}
}

// lastEnd is what a start of the agent finds of how the run before ended.
func (a *agent) lastEnd(t int64) thongsuot.Result {
	is := func(yes bool) float64 { return float64(boolInt(yes)) }
	return thongsuot.Result{
		Probe: "last-end", Kind: thongsuot.ProbeBoot, At: a.time(t), Reason: thongsuot.ReasonOK, Detail: "simulated",
		Fields: []thongsuot.Field{
			ratio(thongsuot.FieldClean, is(a.past.goodbye || a.past.stopping)), ratio(thongsuot.FieldShutdown, is(a.past.goodbye)),
			ratio(thongsuot.FieldSameBoot, is(a.past.boot == a.is.boot)), ratio(thongsuot.FieldOnBattery, is(a.past.battery)), ratio(thongsuot.FieldPanic, 0),
		},
	}
}

func (a *agent) bootRecord(t int64) thongsuot.Result {
	return thongsuot.Result{Probe: "boot", Kind: thongsuot.ProbeBoot, Target: "/proc", At: a.time(t), Reason: thongsuot.ReasonOK, Detail: a.bootID(),
		Fields: []thongsuot.Field{ratio(thongsuot.FieldSuspended, float64(a.slept))}}
}

// round measures the way out; where all is well and little is lost, all rounds
// until one fails.
func (a *agent) round(t int64) {
	rs := a.roundResults(t)
	good := true
	for _, r := range rs {
		good = good && r.OK()
	}
	switch {
	case !good:
		// What does not answer is waited for.
		a.next[rounds] = t + roundEvery
		a.wait = append(a.wait, delayed{at: t + failsAfter, results: true, o: incident.Observation{Site: a.Code, Results: rs}})
	case a.is.loss > soonLost || a.is.delay != 1:
		a.say(rounds, t, 0, incident.Observation{Boot: a.bootID(), Results: rs})
	default:
		// The resolver, asked twice at most, is the first to fail.
		far := max(a.distance(math.Pow(roundTrip(a.is.loss), 2)), 1)
		a.say(rounds, t, a.until(t, roundEvery, far), incident.Observation{Boot: a.bootID(), Results: rs})
		if a.next[rounds] < a.turns {
			a.failNext()
		}
	}
}

// failNext makes the resolver's next answer fail.
func (a *agent) failNext() {
	t := a.next[rounds]
	rs := a.roundResults(t)
	for i := range rs {
		if rs[i].Kind == thongsuot.ProbeDNS {
			rs[i].Reason, rs[i].Fields = thongsuot.ReasonDNSTimeout, nil
		}
	}
	a.next[rounds] = t + roundEvery
	a.wait = append(a.wait, delayed{at: t + failsAfter, results: true, o: incident.Observation{Site: a.Code, Results: rs}})
}

// roundTrip is the loss of a question or its answer.
func roundTrip(p float64) float64 { return 1 - (1-p)*(1-p) }

// fails reports whether all of so many tries get lost.
func (a *agent) fails(tries int) bool {
	if a.is.loss <= soonLost {
		return false
	}
	return a.lost(math.Pow(roundTrip(a.is.loss), float64(tries)))
}

// roundResults are the answers of one round.
func (a *agent) roundResults(t int64) []thongsuot.Result {
	at := a.time(t)
	is := a.is
	gateway := thongsuot.Result{Probe: thongsuot.NameGateway, Kind: thongsuot.ProbeICMP, Target: gatewayAddr, At: at, Reason: thongsuot.ReasonOK}
	reference := thongsuot.Result{Probe: "reference", Kind: thongsuot.ProbeICMP, Target: referenceAddr, At: at, Reason: thongsuot.ReasonOK}
	resolver := thongsuot.Result{Probe: "resolver", Kind: thongsuot.ProbeDNS, Target: resolverAddr, At: at, Reason: thongsuot.ReasonOK}
	centre := thongsuot.Result{Probe: thongsuot.NameCentre, Kind: thongsuot.ProbeTCP, Target: centreAddr, At: at, Reason: thongsuot.ReasonOK}
	way := a.way()
	if is.gateway {
		echo(&gateway, echoes, lanDelay)
	} else {
		echo(&gateway, 0, 0)
	}
	hop := thongsuot.Result{Probe: thongsuot.NameHop, Kind: thongsuot.ProbeICMP, Target: hopAddr, At: at, Reason: thongsuot.ReasonOK}
	if is.hop {
		echo(&hop, echoes, a.rtt/3)
	} else {
		echo(&hop, 0, 0)
	}
	if !is.main {
		echo(&reference, 0, 0)
		resolver.Reason, centre.Reason = thongsuot.ReasonDNSTimeout, thongsuot.ReasonTimeout
		return []thongsuot.Result{gateway, hop, reference, resolver, centre}
	}
	back := echoes
	if is.loss > soonLost {
		for range echoes {
			if a.lost(roundTrip(is.loss)) {
				back--
			}
		}
	}
	if is.hop { // what is lost and late is on the line to the carrier
		echo(&hop, back, way-a.rtt*2/3)
	}
	echo(&reference, back, way)
	if a.fails(2) {
		resolver.Reason = thongsuot.ReasonDNSTimeout
	} else {
		resolver.Fields = []thongsuot.Field{ratio(thongsuot.FieldQuery, queryDelay+way), ratio(thongsuot.FieldAnswers, 2)}
	}
	if a.fails(beatTries) { // as often as the kernel asks within the probe's time
		centre.Reason = thongsuot.ReasonTimeout
	} else {
		centre.Fields = []thongsuot.Field{ratio(thongsuot.FieldConnect, way)}
	}
	return []thongsuot.Result{gateway, hop, reference, resolver, centre}
}

// way is the round trip to the province now: always the same on a good day, so
// that one answer may stand for many.
func (a *agent) way() float64 {
	if a.is.delay == 1 {
		return a.rtt
	}
	return a.rtt * a.is.delay * (0.8 + 0.4*a.r.Float64())
}

func echo(r *thongsuot.Result, back int, rtt float64) {
	r.Fields = append(make([]thongsuot.Field, 0, 8),
		ratio(thongsuot.FieldSent, echoes), ratio(thongsuot.FieldReceived, float64(back)), ratio(thongsuot.FieldLoss, float64(echoes-back)/echoes))
	if back == 0 {
		r.Reason = thongsuot.ReasonTimeout
		return
	}
	r.Fields = append(r.Fields, ratio(thongsuot.FieldRTTMin, rtt*0.97), ratio(thongsuot.FieldRTTMedian, rtt), ratio(thongsuot.FieldRTTP95, rtt*1.1),
		ratio(thongsuot.FieldRTTMax, rtt*1.1), ratio(thongsuot.FieldJitter, rtt*0.03))
}

// portalRound asks the portal, or leaves it in peace.
func (a *agent) portalRound(t int64) {
	r := a.portalResult(t)
	if !r.OK() {
		a.next[portals] = t + minuteEvery
		if r.Reason == thongsuot.ReasonSkipped {
			a.send(t, r)
			return
		}
		a.wait = append(a.wait, delayed{at: t + portalPatien, results: true, o: incident.Observation{Site: a.Code, Results: []thongsuot.Result{r}}})
		return
	}
	until := int64(0)
	if a.is.loss <= soonLost && a.is.delay == 1 && a.is.slow == 1 {
		until = a.until(t, minuteEvery, math.MaxInt32)
	}
	a.say(portals, t, until, incident.Observation{Boot: a.bootID(), Results: []thongsuot.Result{r}})
}

// portalResult is the answer of the portal at t. What does not answer in time
// is asked ever more seldom.
func (a *agent) portalResult(t int64) thongsuot.Result {
	is := a.is
	r := thongsuot.Result{Probe: "portal", Kind: thongsuot.ProbePortal, Target: portalURL, At: a.time(t), Reason: thongsuot.ReasonOK}
	if t < a.asked {
		r.Reason = thongsuot.ReasonSkipped
		return r
	}
	switch {
	case !is.main || a.fails(2):
		r.Reason = thongsuot.ReasonDNSTimeout
	case is.portal == portalBlocked || a.fails(beatTries):
		r.Reason = thongsuot.ReasonConnectTimeout
	case is.portal == portalSilent:
		r.Reason = thongsuot.ReasonHTTPTimeout
	case is.portal == portalRefuses:
		r.Reason = thongsuot.ReasonHTTP5xx
		r.Fields = []thongsuot.Field{ratio(thongsuot.FieldStatusCode, 503)}
	}
	pace := a.pace
	if r.OK() {
		a.pace, a.asked = minuteEvery, 0
		way := a.way()
		ttfb := way + usualTTFB
		if is.slow != 1 {
			ttfb = way + usualTTFB*is.slow*(0.8+0.4*a.r.Float64())
		}
		r.Fields = []thongsuot.Field{
			ratio(thongsuot.FieldDNS, queryDelay+way), ratio(thongsuot.FieldConnect, way), ratio(thongsuot.FieldTLS, 2*way), ratio(thongsuot.FieldTTFB, ttfb),
			ratio(thongsuot.FieldTransfer, 2*way), ratio(thongsuot.FieldTotal, queryDelay+6*way+ttfb), ratio(thongsuot.FieldStatusCode, 200),
		}
		return r
	}
	a.pace, a.asked = minuteEvery, 0
	if r.Reason == thongsuot.ReasonHTTPTimeout || r.Reason == thongsuot.ReasonHTTP5xx {
		a.pace = min(2*pace, longestPace)
		a.asked = t + a.pace - 6
	}
	return r
}

// powerRound reads the sensor: each minute when nothing changes.
func (a *agent) powerRound(t int64) {
	if a.sensor == noSensor {
		a.next[power] = a.turns + minuteEvery
		return
	}
	until := int64(0)
	if !a.is.battery {
		until = a.until(t, minuteEvery, math.MaxInt32)
	}
	a.say(power, t, until, incident.Observation{Boot: a.bootID(), Results: []thongsuot.Result{a.powerResult(t)}})
}

func (a *agent) powerResult(t int64) thongsuot.Result {
	r := thongsuot.Result{Probe: "mains", Kind: thongsuot.ProbeMains, At: a.time(t), Reason: thongsuot.ReasonOK}
	r.Fields = []thongsuot.Field{ratio(thongsuot.FieldOnline, float64(boolInt(!a.is.battery))), ratio(thongsuot.FieldOnBattery, float64(boolInt(a.is.battery)))}
	if a.sensor == withUPS {
		r.Probe, r.Kind, r.Target = "ups", thongsuot.ProbeUPS, "ups@localhost"
		r.Fields = append(r.Fields, ratio(thongsuot.FieldLowBattery, float64(boolInt(a.is.low))), ratio(thongsuot.FieldCharge, a.chargeNow(t)),
			ratio(thongsuot.FieldRuntime, a.left(t)))
	}
	return r
}
