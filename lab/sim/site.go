package sim

import (
	"fmt"
	"math"
	"time"

	"thongsuot"
	"thongsuot/wire"
)

// Zone is Vietnam's, without summer time since 1975.
var Zone = time.FixedZone("+07", 7*60*60)

// Site is one simulated site.
type Site struct {
	Code  string
	Seed  uint64
	RTT   time.Duration // to the province on a quiet line
	Noisy float64       // usual share of echoes lost in the evening
	UPS   bool
	Lasts time.Duration // of a full battery
	Boot  time.Duration // from mains to a running agent
	Born  time.Time     // start of the machine before all faults

	faults []Fault
}

// NewSite makes the site of a province: its line and its power are drawn from
// the seed and the code.
func NewSite(seed uint64, code string) Site {
	s := Site{Code: code, Seed: mix(seed ^ hash(code)), Boot: 40 * time.Second}
	s.RTT = time.Duration((9 + 16*s.draw(1)) * float64(time.Millisecond))
	s.Noisy = 0.004 * s.draw(2)
	s.UPS = s.draw(3) < 0.8
	s.Lasts = time.Duration(25+50*s.draw(4)) * time.Minute
	return s
}

// BootID names the boot with that number, as the kernel would.
func (s Site) BootID(n int) string {
	a, b := mix(s.Seed+uint64(n)+1), mix(s.Seed-uint64(n)-1)
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff)
}

// Flags are the power bits of a beat, and the predicted runtime on battery.
func (s Site) Flags(st State) (flags uint8, runtime time.Duration) {
	switch {
	case !s.UPS:
		return 0, 0
	case !st.Battery:
		return wire.FlagMainsPresent, 0
	}
	flags = wire.FlagOnBattery
	if st.Low {
		flags |= wire.FlagLowBattery
	}
	if st.Ending {
		flags |= wire.FlagShuttingDown
	}
	return flags, st.Runtime
}

// Results are the answers of all probes at t; none while the machine is off.
func (s Site) Results(t time.Time) []thongsuot.Result {
	return append(s.Often(t), s.Seldom(t)...)
}

// Often are gateway, reference host and resolver.
func (s Site) Often(t time.Time) []thongsuot.Result {
	st := s.At(t)
	if !st.On {
		return nil
	}
	return []thongsuot.Result{
		s.echo(t, thongsuot.NameGateway, "192.0.2.1", 11, s.office(t), 0, true),
		s.echo(t, "reference", "203.0.113.10", 12, s.delay(t, st), s.loss(t, st), st.Line),
		s.resolver(t, st),
	}
}

// Seldom are portal, power and boot.
func (s Site) Seldom(t time.Time) []thongsuot.Result {
	st := s.At(t)
	if !st.On {
		return nil
	}
	out := []thongsuot.Result{s.portal(t, st)}
	if s.UPS {
		out = append(out, s.Power(t))
	}
	return append(out, thongsuot.Result{
		Probe: "boot", Kind: thongsuot.ProbeBoot, At: t, Reason: thongsuot.ReasonOK, Detail: s.BootID(st.Boots),
		Fields: []thongsuot.Field{{Name: thongsuot.FieldUptime, Value: math.Round(t.Sub(st.Since).Seconds())}},
	})
}

// office is the delay to the gateway: more while people use the network.
func (s Site) office(t time.Time) time.Duration {
	return time.Duration((0.9 + 0.6*s.draw(7) + 1.2*bump(t, 9.5, 1.5) + bump(t, 15, 1.5) + 0.5*s.slowly(t, 22)) * float64(time.Millisecond))
}

// delay to the reference host: more in the evening, when homes share the line,
// and a little more in office hours.
func (s Site) delay(t time.Time, st State) time.Duration {
	busy := 0.9*bump(t, 20.5, 1.6) + 0.2*bump(t, 10, 2)
	wander := 0.25 * s.slowly(t, 21)
	return time.Duration(float64(s.RTT) * (1 + busy + wander + 9*st.Weak))
}

func (s Site) loss(t time.Time, st State) float64 {
	if st.Weak >= 1 {
		return 1
	}
	return min(s.Noisy*(0.2+4*bump(t, 20.5, 1.6))+0.55*st.Weak, 1)
}

// echoes is how many requests one run of a probe sends.
const echoes = 5

func (s Site) echo(t time.Time, name, target string, tag uint64, rtt time.Duration, loss float64, answers bool) thongsuot.Result {
	r := thongsuot.Result{Probe: name, Kind: thongsuot.ProbeICMP, Target: target, At: t, Reason: thongsuot.ReasonOK}
	received := 0
	var worst float64
	for i := range uint64(echoes) {
		if answers && s.noise(tag<<8|i, t) >= loss {
			received++
			worst = max(worst, s.noise(tag<<16|i, t))
		}
	}
	r.Fields = []thongsuot.Field{
		{Name: thongsuot.FieldSent, Value: echoes}, {Name: thongsuot.FieldReceived, Value: float64(received)},
		{Name: thongsuot.FieldLoss, Value: float64(echoes-received) / echoes},
	}
	if received == 0 {
		r.Reason = thongsuot.ReasonTimeout
		return r
	}
	base := rtt.Seconds()
	median := base * (1 + 0.08*s.noise(tag<<24, t))
	spike := math.Pow(worst, 24) * 2 // rare and long, as queues are
	r.Fields = append(r.Fields,
		thongsuot.Field{Name: thongsuot.FieldRTTMin, Value: median * (1 - 0.12*s.noise(tag<<24|1, t))},
		thongsuot.Field{Name: thongsuot.FieldRTTMedian, Value: median},
		thongsuot.Field{Name: thongsuot.FieldRTTP95, Value: median * (1.05 + 0.15*worst + spike)},
		thongsuot.Field{Name: thongsuot.FieldRTTMax, Value: median * (1.05 + 0.15*worst + spike)},
		thongsuot.Field{Name: thongsuot.FieldJitter, Value: median * 0.06 * s.noise(tag<<24|2, t)},
	)
	return r
}

func (s Site) resolver(t time.Time, st State) thongsuot.Result {
	r := thongsuot.Result{Probe: "resolver", Kind: thongsuot.ProbeDNS, Target: "198.51.100.53:53", At: t, Reason: thongsuot.ReasonOK}
	if !st.Line {
		r.Reason = thongsuot.ReasonDNSTimeout
		return r
	}
	took := s.delay(t, st).Seconds()*(1+0.2*s.noise(31, t)) + 0.002
	r.Fields = []thongsuot.Field{{Name: thongsuot.FieldQuery, Value: took}, {Name: thongsuot.FieldAnswers, Value: 2}}
	return r
}

func (s Site) portal(t time.Time, st State) thongsuot.Result {
	r := thongsuot.Result{Probe: "portal", Kind: thongsuot.ProbePortal, Target: "https://dichvucong.example/", At: t, Reason: thongsuot.ReasonOK}
	if !st.Line {
		r.Reason = thongsuot.ReasonDNSTimeout
		return r
	}
	way := s.delay(t, st).Seconds()
	morning := 0.0
	if day := t.In(Zone).Weekday(); day != time.Saturday && day != time.Sunday {
		morning = bump(t, 9.25, 0.8) // 08:00 to 10:30, when counters are busiest
	}
	dns, connect, tls := way*(0.5+0.4*s.noise(41, t)), way*(1+0.1*s.noise(42, t)), way*(2.1+0.3*s.noise(43, t))
	ttfb := way + 0.12 + 0.05*s.noise(44, t) + (0.9+0.6*s.noise(45, t))*morning + 3.5*st.Overload
	transfer := way * (1.5 + s.noise(46, t)) * (1 + morning)
	status := 200.0
	if st.Overload >= 1 {
		r.Reason, status, transfer = thongsuot.ReasonHTTP5xx, 503, way/2
		r.Detail = "503 Service Unavailable"
		ttfb = way + 0.4 + 0.3*s.noise(44, t)
	}
	r.Fields = []thongsuot.Field{
		{Name: thongsuot.FieldDNS, Value: dns}, {Name: thongsuot.FieldConnect, Value: connect}, {Name: thongsuot.FieldTLS, Value: tls},
		{Name: thongsuot.FieldTTFB, Value: ttfb}, {Name: thongsuot.FieldTransfer, Value: transfer},
		{Name: thongsuot.FieldTotal, Value: dns + connect + tls + ttfb + transfer}, {Name: thongsuot.FieldStatusCode, Value: status},
	}
	return r
}

// Power is what the UPS says at t.
func (s Site) Power(t time.Time) thongsuot.Result {
	st := s.At(t)
	volts, status := 226+5*s.slowly(t, 51)+2*s.noise(52, t)-9*bump(t, 19, 1.5), "OL"
	if st.Battery {
		volts, status = 0, "OB DISCHRG"
	}
	if st.Low {
		status += " LB"
	}
	return thongsuot.Result{
		Probe: "ups", Kind: thongsuot.ProbeUPS, Target: "ups@localhost", At: t, Reason: thongsuot.ReasonOK, Detail: status,
		Fields: []thongsuot.Field{
			{Name: thongsuot.FieldOnline, Value: truth(!st.Battery)}, {Name: thongsuot.FieldOnBattery, Value: truth(st.Battery)},
			{Name: thongsuot.FieldLowBattery, Value: truth(st.Low)}, {Name: thongsuot.FieldCharge, Value: math.Round(st.Charge*100) / 100},
			{Name: thongsuot.FieldRuntime, Value: st.Runtime.Seconds()}, {Name: thongsuot.FieldInputVolts, Value: math.Round(volts*10) / 10},
			{Name: thongsuot.FieldLoad, Value: math.Round(100*(0.22+0.1*bump(t, 10, 3)+0.02*s.noise(53, t))) / 100},
		},
	}
}
