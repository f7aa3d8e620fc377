package incident

import (
	"time"

	"thongsuot"
)

// Thresholds of attribution. Sources: published work on correlating onsets and
// simulations of chance coincidence; each is to be checked against labelled
// events of the province.
const (
	peersAtLeast  = 3           // of one upstream: two coincide by chance several times a month
	feederAtLeast = 2           // of one feeder
	half          = 0.5         // share of the neighbours
	voteShare     = 0.3         // of the sites, for the portal to be blamed
	voteRoutes    = 2           // over at least so many routes
	slowFirstByte = 3.0         // times the usual time to the first byte
	slowConnect   = 2.0         // times the usual connect: from here on it is the line
	slowRTT       = 2.0         // times the usual round trip
	slowBulk      = 3.0         // times the usual handshake and transfer
	suspendShare  = 0.8         // of the gap
	gearLost      = time.Minute // network gear that dies within it of mains has no battery behind it
	nominalVolts  = 220.0
	voltsOff      = 0.10 // share off nominal that endangers machines
	certain       = thongsuot.Confidence(0.95)
	likely        = thongsuot.Confidence(0.7)
	possible      = thongsuot.Confidence(0.3)
)

// Attribute says what is wrong at a site, why, and how sure that is. It is a
// function of the facts alone. Rules are tried from the strongest evidence
// down; the first that fits holds. A planned window changes nothing but the
// flag.
func Attribute(f Facts) thongsuot.Verdict {
	v := attribute(f)
	v.Planned = f.Planned != "" && f.Planned == v.Cause
	return v
}

func attribute(f Facts) thongsuot.Verdict {
	switch {
	case f.After:
		return after(f)
	case f.Silent:
		return silent(f)
	default:
		return speaking(f)
	}
}

// verdict makes one; candidates are given where more than one cause fits.
func verdict(state thongsuot.State, cause thongsuot.Cause, sub string, c thongsuot.Confidence, candidates ...thongsuot.Cause) thongsuot.Verdict {
	v := thongsuot.Verdict{State: state, Cause: cause, Sub: sub, Confidence: c}
	for _, c := range candidates {
		v.Candidates = append(v.Candidates, string(c))
	}
	return v
}

// silent judges a site that is not heard, from its last words and from others.
func silent(f Facts) thongsuot.Verdict {
	const down, unknown = thongsuot.StateDown, thongsuot.StateUnknown
	power, access := thongsuot.CausePower, thongsuot.CauseAccess
	switch u := f.UPS; {
	case f.CentreSick:
		return verdict(unknown, thongsuot.CauseCentral, "", certain)
	case f.Words == WordsShutdownUser && !f.Office:
		return verdict(thongsuot.StateOff, thongsuot.CauseHost, "", certain)
	case f.Words == WordsShutdownUser:
		return verdict(unknown, thongsuot.CauseHost, "", certain)
	case f.Words == WordsShutdownPower, u.Known && u.OnBattery && u.Low:
		return verdict(down, power, "", certain)
	case u.Known && u.OnBattery && u.Runtime > 0 && u.Runtime <= lowRuntime:
		return verdict(down, power, "", thongsuot.ConfidenceHigh)
	case u.Known && u.OnBattery && u.Concluded: // a canary may also have been unplugged
		return verdict(down, power, "", likely, power, access)
	case u.Known && u.OnBattery:
		return verdict(down, power, thongsuot.SubNetworkGearUnpowered, likely, power, access)
	case f.Words == WordsAgentStop:
		return verdict(unknown, thongsuot.CauseAgent, "", certain)
	case f.Province && !f.feederTogether():
		return verdict(down, thongsuot.CauseUnknown, "", possible, power, thongsuot.CauseUpstream)
	case f.upstreamTogether() && !f.Province:
		return verdict(down, thongsuot.CauseUpstream, "", certain)
	case f.UpstreamDown >= peersAtLeast && !f.Province:
		return verdict(down, thongsuot.CauseUpstream, "", likely, thongsuot.CauseUpstream, access)
	case !u.Known && f.feederTogether():
		return verdict(down, power, "", likely, power, access)
	case f.WAN == Yes:
		return verdict(unknown, thongsuot.CauseUnknown, "", possible, thongsuot.CauseLAN, thongsuot.CauseAgent, thongsuot.CauseHost)
	case f.MainsSeen:
		return verdict(down, access, "", likely, access, power)
	case f.HabitOff && !u.Known:
		return verdict(thongsuot.StateOff, thongsuot.CauseHost, "", possible)
	default:
		return verdict(down, thongsuot.CauseUnknown, "", possible, power, access)
	}
}

// upstreamTogether reports whether enough of the upstream's sites fell silent
// with this one.
func (f Facts) upstreamTogether() bool {
	return f.UpstreamDown >= peersAtLeast && float64(f.UpstreamDown) >= half*float64(f.UpstreamPeers)
}

// feederTogether reports whether enough of the feeder's sites lost mains.
func (f Facts) feederTogether() bool {
	return f.FeederOnBattery >= feederAtLeast && float64(f.FeederOnBattery) >= half*float64(f.FeederPeers)
}

// beyondGone reports whether everything measured beyond the carrier's first
// hop is gone, and something was measured there.
func (f Facts) beyondGone() bool {
	any := false
	for _, r := range []Ratio{f.Reference, f.DNS, f.Portal} {
		if r.Measured && !r.gone() {
			return false
		}
		any = any || r.Measured
	}
	return any
}

// speaking judges a site that is heard.
func speaking(f Facts) thongsuot.Verdict {
	for _, rule := range []func(Facts) (thongsuot.Verdict, bool){line, lossyLine, names, portalGone, slow, weakPower} {
		if v, ok := rule(f); ok {
			return v
		}
	}
	return verdict(thongsuot.StateUp, thongsuot.CauseNone, "", 1)
}

// line: the way out of the office, step by step.
func line(f Facts) (thongsuot.Verdict, bool) {
	const down = thongsuot.StateDown
	lan, access, upstream, power := thongsuot.CauseLAN, thongsuot.CauseAccess, thongsuot.CauseUpstream, thongsuot.CausePower
	switch {
	case f.Captive:
		return verdict(down, access, thongsuot.SubCaptive, certain), true
	case !f.beyondGone():
		return thongsuot.Verdict{}, false
	case f.Gateway.gone() && f.batteryTookGear():
		return verdict(down, power, thongsuot.SubNetworkGearUnpowered, thongsuot.ConfidenceHigh), true
	case f.Gateway.gone():
		return verdict(down, lan, "", thongsuot.ConfidenceHigh), true
	case f.upstreamTogether():
		return verdict(down, upstream, "", certain), true
	case f.Hop.works():
		return verdict(down, upstream, "", likely, upstream, access), true
	case f.onBattery() && f.feederTogether():
		return verdict(down, power, thongsuot.SubISPNodeUnpowered, likely, power, access), true
	case f.onBattery():
		return verdict(down, access, "", likely, access, power), true
	case f.Gateway.works() && f.Hop.gone():
		return verdict(down, access, "", certain), true
	case f.Gateway.works():
		return verdict(down, access, "", likely, access, upstream), true
	default:
		return verdict(down, thongsuot.CauseUnknown, "", possible, access, lan), true
	}
}

func (f Facts) onBattery() bool { return f.UPS.Known && f.UPS.OnBattery || f.OnBatteryIn }

// batteryTookGear reports whether the loss of the line came so soon after the
// loss of mains that modem or switch cannot be behind the UPS.
func (f Facts) batteryTookGear() bool {
	return f.onBattery() && f.BatteryToLoss.Known && f.BatteryToLoss.D.Abs() <= gearLost
}

// names: something is reached by address, but no name is found.
func names(f Facts) (thongsuot.Verdict, bool) {
	reached := f.Reference.works() || f.Hop.works() || f.Gateway.works()
	switch {
	case f.DNS.gone() && (f.Portal.gone() || !f.Portal.Measured) && reached:
		return verdict(thongsuot.StateDown, thongsuot.CauseAccess, thongsuot.SubDNS, certain), true
	case f.DNSDiffers && f.Portal.gone():
		return verdict(thongsuot.StateDown, thongsuot.CauseAccess, thongsuot.SubDNS, thongsuot.ConfidenceHigh), true
	default:
		return thongsuot.Verdict{}, false
	}
}

// portalGone: the counter cannot use the portal though the line works. The
// portal is blamed by vote; one site alone can only say what it saw.
func portalGone(f Facts) (thongsuot.Verdict, bool) {
	const down = thongsuot.StateDown
	portal, upstream := thongsuot.CausePortal, thongsuot.CauseUpstream
	if !f.Portal.gone() {
		return thongsuot.Verdict{}, false
	}
	many := f.PortalFailShare >= voteShare
	elsewhere := f.ReferencePortal == PortalFails || f.ReferencePortal == PortalSlow
	var v thongsuot.Verdict
	switch {
	case many && f.PortalFailRoutes >= voteRoutes && elsewhere:
		v = verdict(down, portal, "", certain)
	case f.CarrierFailShare.Measured && f.CarrierFailShare.Value >= half && f.OthersFailShare.gone() && f.ReferencePortal == PortalOK,
		many && f.PortalFailRoutes < voteRoutes && f.ReferencePortal == PortalOK:
		v = verdict(down, upstream, "", likely, upstream, portal)
		v.Evidence = append(v.Evidence, thongsuot.Evidence{Code: thongsuot.EvidencePortalVote, Value: f.PortalFailShare})
	case f.PortalSaidSo, many && f.PortalFailRoutes >= voteRoutes:
		v = verdict(down, portal, "", likely, portal, upstream)
	default:
		v = verdict(down, thongsuot.CauseUnknown, "", possible, portal, upstream)
	}
	return v, true
}

// lossyLine: what fails beyond a line that loses so much fails because of it.
func lossyLine(f Facts) (thongsuot.Verdict, bool) {
	if f.Loss < lossHeavy || !f.DNS.gone() && !f.Portal.gone() {
		return thongsuot.Verdict{}, false
	}
	v, _ := slowWay(f)
	if !f.LossShort { // a burst passes
		v.State = thongsuot.StateDown
	}
	return v, true
}

// slow: served, but badly. The phase that grew tells the portal from the line.
func slow(f Facts) (thongsuot.Verdict, bool) {
	const degraded = thongsuot.StateDegraded
	portal, access, upstream := thongsuot.CausePortal, thongsuot.CauseAccess, thongsuot.CauseUpstream
	connectUp, firstByteUp := grew(f.Connect, f.UsualConnect, slowConnect), grew(f.FirstByte, f.UsualFirstByte, slowFirstByte)
	bulkUp := grew(f.Bulk, f.UsualBulk, slowBulk)
	many := f.PortalSlowShare >= voteShare && f.ReferencePortal != PortalOK && f.ReferencePortal != PortalNotSeen
	switch {
	case (firstByteUp || bulkUp) && !connectUp && f.Loss < lossTold && many:
		return verdict(degraded, portal, "", certain), true
	case firstByteUp && !connectUp && f.Loss < lossTold:
		return verdict(degraded, portal, "", likely, portal, upstream), true
	}
	if v, ok := slowWay(f); ok {
		return v, true
	}
	if bulkUp && !connectUp { // small packets pass as ever, large ones wait: the line is thin
		return verdict(degraded, access, "", likely, access, upstream, portal), true
	}
	return thongsuot.Verdict{}, false
}

// slowWay: packets take long or are lost; where most of that begins tells the
// part of the way.
func slowWay(f Facts) (thongsuot.Verdict, bool) {
	const degraded = thongsuot.StateDegraded
	lan, access, upstream := thongsuot.CauseLAN, thongsuot.CauseAccess, thongsuot.CauseUpstream
	rise, hopUsual := f.RTT-f.UsualRTT, f.UsualHopRTT
	if hopUsual == 0 {
		hopUsual = f.UsualRTT
	}
	rttUp := grew(f.RTT, f.UsualRTT, slowRTT)
	switch {
	case !rttUp && f.Loss < lossTold && !partly(f.Reference):
		return thongsuot.Verdict{}, false
	case f.GatewayLoss >= lossTold && f.GatewayLoss >= f.Loss/2, rttUp && 2*(f.GatewayRTT-f.UsualGatewayRTT) >= rise:
		return verdict(degraded, lan, "", likely, lan, access), true
	case f.HopLoss.Measured && f.Loss >= lossTold && f.HopLoss.Value >= f.Loss/2:
		return verdict(degraded, access, "", thongsuot.ConfidenceHigh), true
	case f.HopLoss.Measured && f.Loss >= lossTold:
		return verdict(degraded, upstream, "", likely, upstream, access), true
	case f.HopRTT == 0 && !partly(f.Hop):
		return verdict(degraded, access, "", likely, access, upstream), true
	case 2*(f.HopRTT-hopUsual) >= rise:
		return verdict(degraded, access, "", thongsuot.ConfidenceHigh), true
	default:
		return verdict(degraded, upstream, "", likely, upstream, access), true
	}
}

// grew reports whether a duration is so many times the usual.
func grew(now, usual time.Duration, factor float64) bool {
	return usual > 0 && float64(now) >= factor*float64(usual)
}

func partly(r Ratio) bool { return r.Measured && !r.gone() && !r.works() }

// weakPower: all is served, but for how long.
func weakPower(f Facts) (thongsuot.Verdict, bool) {
	switch {
	case f.UPS.Known && f.UPS.OnBattery && f.UPS.Low:
		return verdict(thongsuot.StateAtRisk, thongsuot.CausePower, thongsuot.SubLowBattery, certain), true
	case f.UPS.Known && f.UPS.OnBattery && f.UPS.Concluded:
		return verdict(thongsuot.StateAtRisk, thongsuot.CausePower, "", likely), true
	case f.UPS.Known && f.UPS.OnBattery:
		return verdict(thongsuot.StateAtRisk, thongsuot.CausePower, "", certain), true
	case f.InputVolts > nominalVolts/2 && (f.InputVolts < nominalVolts*(1-voltsOff) || f.InputVolts > nominalVolts*(1+voltsOff)):
		return verdict(thongsuot.StateAtRisk, thongsuot.CausePower, thongsuot.SubVoltage, thongsuot.ConfidenceHigh), true
	default:
		return thongsuot.Verdict{}, false
	}
}

// after judges a silence that is over, from what the site brought back.
func after(f Facts) thongsuot.Verdict {
	const unknown = thongsuot.StateUnknown
	if f.Boot == No {
		return afterBoot(f)
	}
	if v, ok := line(f); ok {
		return v
	}
	if v, ok := names(f); ok {
		return v
	}
	host, agent := thongsuot.CauseHost, thongsuot.CauseAgent
	switch {
	case f.Gap > 0 && float64(f.Suspended) >= suspendShare*float64(f.Gap):
		return verdict(unknown, host, thongsuot.SubSuspend, certain)
	case f.Boot == Yes && f.NewProcess:
		return verdict(unknown, agent, "", certain)
	case f.Boot == Yes && (f.Reference.works() || f.Portal.works()):
		return verdict(unknown, thongsuot.CauseCentral, thongsuot.SubCollectorPath, likely, thongsuot.CauseCentral, thongsuot.CauseUpstream)
	case f.Boot == Yes && (f.Reference.Measured || f.DNS.Measured || f.Portal.Measured):
		// It measured on, and part of it failed: the line, for a part of the time.
		return verdict(thongsuot.StateDown, thongsuot.CauseAccess, "", likely, thongsuot.CauseAccess, thongsuot.CauseUpstream)
	case f.Boot == Yes:
		return verdict(unknown, thongsuot.CauseUnknown, "", possible, host, agent)
	default:
		return verdict(thongsuot.StateDown, thongsuot.CauseUnknown, "", possible, thongsuot.CausePower, thongsuot.CauseAccess)
	}
}

// afterBoot: the machine started anew. That alone proves no power cut: a crash
// or a pulled plug looks the same.
func afterBoot(f Facts) thongsuot.Verdict {
	const down, unknown = thongsuot.StateDown, thongsuot.StateUnknown
	power, host := thongsuot.CausePower, thongsuot.CauseHost
	switch {
	case f.Words == WordsShutdownPower, f.OnBatteryIn:
		return verdict(down, power, "", certain)
	case f.Words == WordsShutdownUser && !f.Office:
		return verdict(thongsuot.StateOff, host, "", certain)
	case f.HabitOff && !f.UPS.Known && f.Clean != Yes && !f.feederTogether():
		return verdict(thongsuot.StateOff, host, "", possible)
	case f.Panic:
		return verdict(unknown, host, "", thongsuot.ConfidenceHigh)
	case f.Words == WordsShutdownUser, f.Words == WordsAgentStop, f.Clean == Yes: // a shutdown ends the agent too
		return verdict(unknown, host, "", certain)
	case f.feederTogether():
		return verdict(down, power, "", thongsuot.ConfidenceHigh)
	case f.UPS.Known && !f.UPS.OnBattery, f.MainsSeen:
		return verdict(unknown, host, "", likely, host, power)
	case f.ClockReset:
		return verdict(down, power, thongsuot.SubClockReset, likely, power, host)
	default:
		return verdict(down, power, "", likely, power, host)
	}
}
