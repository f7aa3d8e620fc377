package year

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/lab/sim"
)

// Kind is what truly goes wrong.
type Kind string

// The kinds of fault.
const (
	PowerFeeder   Kind = "power_feeder"
	PowerSite     Kind = "power_site"
	LineCut       Kind = "line_cut"
	LineLoss      Kind = "line_loss"
	LineDelay     Kind = "line_delay"
	UpstreamCut   Kind = "upstream_cut"
	LANFault      Kind = "lan"
	CarrierPortal Kind = "carrier_portal"
	PortalSlow    Kind = "portal_slow"
	PortalDown    Kind = "portal_down"
	HostCrash     Kind = "host_crash"
	HostPlug      Kind = "host_plug"
	HostReboot    Kind = "host_reboot"
	HostSuspend   Kind = "host_suspend"
	HostOff       Kind = "host_off"       // in the evening, cleanly
	HostOffStrip  Kind = "host_off_strip" // in the evening, at the strip
	AgentRestart  Kind = "agent_restart"
	CentreFault   Kind = "centre"
	LineBurst     Kind = "line_burst" // of loss on a lossy line: what such a line always does
)

// Kinds lists every kind in the order of reports.
func Kinds() []Kind {
	return []Kind{
		PowerFeeder, PowerSite, LineCut, LineLoss, LineDelay, UpstreamCut, LANFault, CarrierPortal, PortalSlow, PortalDown,
		HostCrash, HostPlug, HostReboot, HostSuspend, HostOff, HostOffStrip, AgentRestart, CentreFault, LineBurst,
	}
}

// Cause is the right answer to a fault.
func (k Kind) Cause() thongsuot.Cause {
	switch k {
	case PowerFeeder, PowerSite:
		return thongsuot.CausePower
	case LineCut, LineLoss, LineDelay, LineBurst:
		return thongsuot.CauseAccess
	case UpstreamCut, CarrierPortal:
		return thongsuot.CauseUpstream
	case LANFault:
		return thongsuot.CauseLAN
	case PortalSlow, PortalDown:
		return thongsuot.CausePortal
	case AgentRestart:
		return thongsuot.CauseAgent
	case CentreFault:
		return thongsuot.CauseCentral
	default:
		return thongsuot.CauseHost
	}
}

// excuses reports whether it is right to tell a site as down while a fault of
// this kind runs there.
func (k Kind) excuses() bool {
	return k != AgentRestart && k != CentreFault && k != PortalSlow && k != LineBurst
}

// mustShow reports whether a fault of this kind that lasts must not be missed.
func (k Kind) mustShow() bool {
	switch k {
	case PowerFeeder, PowerSite, LineCut, LineLoss, LineDelay, UpstreamCut, LANFault:
		return true
	default:
		return false
	}
}

// fault is one thing that goes wrong at some sites. Times are seconds since
// the begin of the year.
type fault struct {
	kind     Kind
	from, to int64
	sites    []int
	factor   float64 // of loss, delay or slowness
	deaf     bool    // centre: it runs but cannot hear; else it stands still
	refused  bool    // portal down: it answers 503; else nothing
}

const month = 365.25 / 12 * 24 * 60 * 60 // seconds

// drawer draws all faults of a year.
type drawer struct {
	a      Assumptions
	seed   uint64
	end    int64
	sites  []*place
	storms []storm
	out    []fault
}

// storm multiplies rates in a part of the province.
type storm struct {
	from, to int64
	sites    map[int]int64 // from when, by number
}

// faults draws what goes wrong, sorted by time.
func faults(sites []*place, a Assumptions, seed uint64, origin time.Time, end int64) []fault {
	d := &drawer{a: a, seed: seed, end: end, sites: sites}
	d.weather()
	d.shared()
	for _, p := range sites {
		d.site(p)
		d.evenings(p, origin)
	}
	d.portal(origin)
	slices.SortStableFunc(d.out, func(x, y fault) int { return cmp.Compare(x.from, y.from) })
	return d.out
}

// times draws moments at a monthly rate.
func (d *drawer) times(name string, monthly float64) []int64 {
	r := stream(d.seed, "times/"+name)
	var out []int64
	if monthly <= 0 {
		return nil
	}
	for t := r.ExpFloat64() * month / monthly; int64(t) < d.end; t += r.ExpFloat64() * month / monthly {
		out = append(out, int64(t))
	}
	return out
}

// stormy are moments at a monthly rate that storms multiply at a site.
func (d *drawer) stormy(name string, monthly float64, site int) []int64 {
	out := d.times(name, monthly)
	for i, s := range d.storms {
		from, hit := s.sites[site]
		if !hit {
			continue
		}
		for _, t := range d.times(fmt.Sprintf("%s/storm-%d", name, i), monthly*(d.a.Storms.Times-1)) {
			if t >= from && t < from+s.to-s.from {
				out = append(out, t)
			}
		}
	}
	slices.Sort(out)
	return out
}

// weather draws the storms: neighbours in the order of upstreams are hit.
func (d *drawer) weather() {
	r := stream(d.seed, "storms")
	byRoute := slices.Clone(d.sites)
	slices.SortStableFunc(byRoute, func(x, y *place) int { return cmp.Compare(x.Upstream(), y.Upstream()) })
	for _, t := range d.times("storms", d.a.Storms.Yearly/12) {
		s := storm{from: t, to: t + int64(d.a.Storms.Length.Seconds()), sites: map[int]int64{}}
		n := int(d.a.Storms.Share * float64(len(byRoute)))
		first := r.IntN(len(byRoute))
		for i := range n {
			s.sites[byRoute[(first+i)%len(byRoute)].number] = t + int64(r.Float64()*d.a.Storms.Spread.Seconds())
		}
		d.storms = append(d.storms, s)
	}
}

func (d *drawer) add(f fault) {
	f.to = min(f.to, d.end)
	d.out = append(d.out, f)
}

// groups are the sites that share a name, by it, with the names sorted.
func (d *drawer) groups(name func(*place) string) (names []string, of map[string][]int) {
	of = map[string][]int{}
	for _, p := range d.sites {
		if p.Kind == thongsuot.KindReference {
			continue
		}
		n := name(p)
		if of[n] == nil {
			names = append(names, n)
		}
		of[n] = append(of[n], p.number)
	}
	slices.Sort(names)
	return names, of
}

// shared draws what strikes several sites at once.
func (d *drawer) shared() {
	feeders, of := d.groups(func(p *place) string { return p.Feeder })
	for _, name := range feeders {
		r := stream(d.seed, "feeder/"+name)
		for _, t := range d.stormy("feeder/"+name, d.a.Power.FeederMonthly, of[name][0]) {
			sites := slices.Clone(of[name])
			r.Shuffle(len(sites), func(i, j int) { sites[i], sites[j] = sites[j], sites[i] })
			half := (len(sites) + 1) / 2
			d.add(fault{kind: PowerFeeder, from: t, to: t + d.a.Power.Cut.draw(r), sites: sites[:half+r.IntN(len(sites)-half+1)]})
		}
	}
	routes, of := d.groups(func(p *place) string { return p.Upstream() })
	for _, name := range routes {
		r := stream(d.seed, "upstream/"+name)
		for _, t := range d.times("upstream/"+name, d.a.Line.UpstreamMonthly) {
			d.add(fault{kind: UpstreamCut, from: t, to: t + d.a.Line.UpstreamCut.draw(r), sites: of[name]})
		}
	}
	carriers, of := d.groups(func(p *place) string { return p.Carrier() })
	for _, name := range carriers {
		r := stream(d.seed, "carrier/"+name)
		for _, t := range d.times("carrier/"+name, d.a.Portal.CarrierMonthly) {
			d.add(fault{kind: CarrierPortal, from: t, to: t + d.a.Portal.Carrier.draw(r), sites: of[name]})
		}
	}
	r := stream(d.seed, "centre")
	for _, t := range d.times("centre", d.a.Centre.FaultMonthly) {
		d.add(fault{kind: CentreFault, from: t, to: t + int64(d.a.Centre.Fault.Seconds()), sites: d.all(), deaf: r.IntN(2) == 0})
	}
	for _, p := range d.sites {
		if p.Kind == thongsuot.KindReference {
			for _, t := range d.times("reference", d.a.Centre.ReferenceMonthly) {
				d.add(fault{kind: HostCrash, from: t, to: t + int64(d.a.Centre.Reference.Seconds()), sites: []int{p.number}})
			}
		}
	}
}

func (d *drawer) all() (out []int) {
	for _, p := range d.sites {
		out = append(out, p.number)
	}
	return out
}

// site draws what strikes one site.
func (d *drawer) site(p *place) {
	if p.Kind == thongsuot.KindReference {
		return
	}
	f := func(kind Kind, monthly float64, weather bool, length Spread, factor [2]float64) {
		r := stream(d.seed, "site/"+p.Code+"/"+string(kind))
		at := d.times(p.Code+"/"+string(kind), monthly)
		if weather {
			at = d.stormy(p.Code+"/"+string(kind), monthly, p.number)
		}
		for _, t := range at {
			d.add(fault{kind: kind, from: t, to: t + length.draw(r), sites: []int{p.number}, factor: factor[0] + (factor[1]-factor[0])*r.Float64()})
		}
	}
	none := [2]float64{}
	a := d.a
	if p.badPower {
		f(PowerSite, a.Power.BadDaily*month/(24*60*60), true, a.Power.BadCut, none)
	} else {
		f(PowerSite, a.Power.SiteMonthly, true, a.Power.Cut, none)
	}
	times := 1.0
	if p.badLine {
		times = a.Line.BadTimes
	}
	f(LineCut, a.Line.CutMonthly*times, true, a.Line.Cut, none)
	f(LineLoss, a.Line.DegradedMonthly*times/2, true, a.Line.Degraded, a.Line.Loss)
	f(LineDelay, a.Line.DegradedMonthly*times/2, true, a.Line.Degraded, a.Line.Delay)
	f(LANFault, a.Line.LANMonthly, false, a.Line.LAN, none)
	f(HostCrash, a.Host.CrashMonthly, false, a.Host.Down, none)
	f(HostPlug, a.Host.PlugMonthly, false, a.Host.Down, none)
	f(HostReboot, a.Host.RebootMonthly, false, a.Host.Boot, none)
	f(HostSuspend, a.Host.SuspendMonthly, false, a.Host.Suspend, none)
	f(AgentRestart, a.Host.RestartMonthly, false, Spread{10 * time.Second, 0.3}, none)
}

// workday reports whether offices open on the day.
func workday(t time.Time) bool { return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday }

// evenings draws when the box of an office is switched off.
func (d *drawer) evenings(p *place, origin time.Time) {
	if !p.evening || p.Kind == thongsuot.KindReference {
		return
	}
	kind := HostOff
	if p.strip {
		kind = HostOffStrip
	}
	r := stream(d.seed, "evening/"+p.Code)
	for day := int64(0); day*86400 < d.end; day++ {
		off, on := day*86400+17*3600+30*60+r.Int64N(3600), int64(7*3600+r.Int64N(1800))
		if !workday(origin.Add(time.Duration(off) * time.Second).In(sim.Zone)) {
			continue
		}
		next := day + 1
		for !workday(origin.Add(time.Duration(next*86400+on) * time.Second).In(sim.Zone)) {
			next++
		}
		if off < d.end {
			d.add(fault{kind: kind, from: off, to: next*86400 + on, sites: []int{p.number}})
		}
	}
}

// portal draws what is wrong with the portal, for all.
func (d *drawer) portal(origin time.Time) {
	r := stream(d.seed, "portal")
	for _, t := range d.times("portal/down", d.a.Portal.DownMonthly) {
		d.add(fault{kind: PortalDown, from: t, to: t + d.a.Portal.Down.draw(r), sites: d.all(), refused: r.IntN(2) == 0})
	}
	// Spells per month fall on its working days, one a morning at most.
	const workdays = month / 86400 * 5 / 7
	for day := int64(0); day*86400 < d.end; day++ {
		if !workday(origin.Add(time.Duration(day) * 24 * time.Hour).In(sim.Zone)) {
			continue
		}
		if r.Float64() >= d.a.Portal.SlowMonthly/workdays {
			continue
		}
		open, close := day*86400+8*3600, day*86400+10*3600+30*60
		from := open + r.Int64N(close-open-1800)
		to := min(from+Spread{time.Hour, 0.5}.draw(r), close)
		d.add(fault{kind: PortalSlow, from: from, to: to, sites: d.all(), factor: d.a.Portal.Slow[0] + (d.a.Portal.Slow[1]-d.a.Portal.Slow[0])*r.Float64()})
	}
}

// bursts are the times in which a lossy line loses most, found as time goes on.
type bursts struct {
	r        *rand.Rand
	a        LossAssumptions
	from, to int64
}

func newBursts(code string, a LossAssumptions, seed uint64) *bursts {
	b := &bursts{r: stream(seed, "bursts/"+code), a: a}
	b.draw(0)
	return b
}

// draw finds the first burst after t.
func (b *bursts) draw(t int64) {
	b.from = t + 1 + int64(b.r.ExpFloat64()*(b.a.BurstEvery-b.a.BurstMean).Seconds())
	b.to = b.from + 1 + int64(b.r.ExpFloat64()*b.a.BurstMean.Seconds())
}
