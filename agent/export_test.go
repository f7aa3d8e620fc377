package agent

import (
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"

	"thongsuot"
)

// What tests of the package's inside need, for tests alone.

type Measured struct {
	thongsuot.Result
	Began time.Duration
}

func MarshalRound(s Stamp, ms []Measured) []byte {
	r := round{stamp: s}
	for _, m := range ms {
		r.results = append(r.results, measured{m.Result, m.Began})
	}
	return r.marshal()
}

func UnmarshalRound(b []byte) (Stamp, []Measured, error) {
	r, err := unmarshalRound(b)
	var out []Measured
	for _, m := range r.results {
		out = append(out, Measured{m.Result, m.began})
	}
	return r.stamp, out, err
}

var (
	CountStart = countStart
	Pause      = pause
	Phase      = phase
)

type PowerState struct{ p *powerState }

func NewPowerState(boottime func() time.Duration) PowerState {
	return PowerState{newPowerState(boottime)}
}

func (p PowerState) See(r thongsuot.Result, at time.Duration) bool { return p.p.see(r, at) }
func (p PowerState) Flags() (uint8, time.Duration)                 { return p.p.flags() }

// Metrics gathers the agent's counters as text.
func (a *Agent) Metrics() (string, error) {
	families, err := a.metrics.Gather()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

// Voltage makes means of ten minutes under the default limits.
type Voltage struct{ v *voltage }

func NewVoltage() Voltage {
	return Voltage{&voltage{cfg: defaultVoltage(), name: "voltage", target: "ups"}}
}

func (v Voltage) See(r thongsuot.Result, at time.Duration) (thongsuot.Result, time.Duration, bool) {
	w, ok := v.v.see(measured{r, at})
	return w.Result, w.began, ok
}
