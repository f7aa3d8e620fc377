package agent

import (
	"sync"
	"time"

	"thongsuot"
	"thongsuot/wire"
)

const (
	// powerStale is the age at which a power reading is no reading any more: a
	// beat must not claim mains from a sensor that has gone quiet.
	powerStale = 45 * time.Second
	// upsDead is how long a UPS that was on battery may be silent before its
	// battery counts as low, as upsmon has it (its DEADTIME).
	upsDead = 15 * time.Second
)

// powerState is what the power probes of this site say together: on battery if
// any of them says so. A canary only concludes, so it counts where nothing
// measures. It rides in every beat.
type powerState struct {
	boottime func() time.Duration
	changed  chan struct{} // told by announce

	mu      sync.Mutex
	sources map[string]powerReading // by probe
	said    uint8                   // the bits of newsworthy as last seen
}

// newsworthy are the bits whose change does not wait for the next beat.
const newsworthy = wire.FlagOnBattery | wire.FlagLowBattery

type powerReading struct {
	at        time.Duration
	canary    bool
	onBattery bool
	low       bool
	runtime   time.Duration
}

func newPowerState(boottime func() time.Duration) *powerState {
	return &powerState{boottime: boottime, changed: make(chan struct{}, 1), sources: map[string]powerReading{}}
}

// see takes in a result and reports whether power itself changed.
func (p *powerState) see(r thongsuot.Result, at time.Duration) bool {
	reading, ok := readPower(r, at)
	if !ok {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sources[r.Probe] = reading
	flags, _ := p.sum(at)
	before := p.said
	p.said = flags & newsworthy
	return p.said != before
}

// announce wakes whoever tells the centre; to be called once the change is on disk.
func (p *powerState) announce() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

func ofMains(k thongsuot.ProbeKind) bool {
	return k == thongsuot.ProbeUPS || k == thongsuot.ProbeMains || k == thongsuot.ProbeCanary
}

func readPower(r thongsuot.Result, at time.Duration) (powerReading, bool) {
	if !r.OK() || !ofMains(r.Kind) {
		return powerReading{}, false
	}
	p := powerReading{at: at, canary: r.Kind == thongsuot.ProbeCanary}
	online, knowsOnline := r.Field(thongsuot.FieldOnline)
	battery, knowsBattery := r.Field(thongsuot.FieldOnBattery)
	if !knowsOnline && !knowsBattery {
		return powerReading{}, false
	}
	p.onBattery = battery == 1 || !knowsBattery && online == 0
	low, _ := r.Field(thongsuot.FieldLowBattery)
	p.low = low == 1
	if runtime, ok := r.Field(thongsuot.FieldRuntime); ok && runtime > 0 {
		p.runtime = time.Duration(runtime * float64(time.Second))
	}
	return p, true
}

// flags are the power bits of a beat, and the shortest predicted runtime.
func (p *powerState) flags() (flags uint8, runtime time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sum(p.boottime())
}

func (p *powerState) sum(now time.Duration) (flags uint8, runtime time.Duration) {
	var concluded uint8
	for _, r := range p.sources {
		switch {
		case now-r.at > powerStale:
		case r.canary && r.onBattery:
			concluded |= wire.FlagOnBattery | wire.FlagCanary
		case r.canary:
			concluded |= wire.FlagMainsPresent | wire.FlagCanary
		case !r.onBattery:
			flags |= wire.FlagMainsPresent
		default:
			flags |= wire.FlagOnBattery
			if r.low || now-r.at > upsDead {
				flags |= wire.FlagLowBattery
			}
			if runtime == 0 || r.runtime > 0 && r.runtime < runtime {
				runtime = r.runtime
			}
		}
	}
	if flags == 0 {
		flags = concluded
	}
	if flags&wire.FlagOnBattery != 0 {
		flags &^= wire.FlagMainsPresent // one source on battery outweighs another that sees mains
	}
	return flags, runtime
}
