package agent

import (
	"sync"
	"time"

	"thongsuot"
	"thongsuot/wire"
)

// powerStale is the age at which a power reading is no reading any more: a
// beat must not claim mains from a sensor that has gone quiet.
const powerStale = 45 * time.Second

// powerState is what the power probes of this site say together: on battery if
// any of them says so. It rides in every beat.
type powerState struct {
	boottime func() time.Duration
	changed  chan struct{} // told when on battery or low battery changed

	mu      sync.Mutex
	sources map[string]powerReading // by probe
}

type powerReading struct {
	at        time.Duration
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
	before, known := p.sources[r.Probe]
	p.sources[r.Probe] = reading
	p.mu.Unlock()
	if before.onBattery == reading.onBattery && before.low == reading.low {
		return !known && reading.onBattery
	}
	select {
	case p.changed <- struct{}{}:
	default:
	}
	return true
}

func readPower(r thongsuot.Result, at time.Duration) (powerReading, bool) {
	if !r.OK() || r.Kind != thongsuot.ProbeUPS && r.Kind != thongsuot.ProbeMains {
		return powerReading{}, false
	}
	p := powerReading{at: at}
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
	now := p.boottime()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.sources {
		if now-r.at > powerStale {
			continue
		}
		if !r.onBattery {
			flags |= wire.FlagMainsPresent
			continue
		}
		flags |= wire.FlagOnBattery
		if r.low {
			flags |= wire.FlagLowBattery
		}
		if runtime == 0 || r.runtime > 0 && r.runtime < runtime {
			runtime = r.runtime
		}
	}
	if flags&wire.FlagOnBattery != 0 {
		flags &^= wire.FlagMainsPresent // one source on battery outweighs another that sees mains
	}
	return flags, runtime
}
