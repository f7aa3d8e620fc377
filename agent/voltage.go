package agent

import (
	"fmt"
	"math"
	"time"

	"thongsuot"
)

// VoltageConfig says which mains voltage is normal. The defaults are those of
// the rules on distribution grids of Việt Nam; Legal names them, and is told
// with every finding. A UPS measures to 2 or 3 %: what it says is a hint, and no
// proof in law.
type VoltageConfig struct {
	Nominal float64 `yaml:"nominal"` // volts. Default 220
	Normal  float64 `yaml:"normal"`  // share off nominal that is normal. Default 0.05
	Limit   float64 `yaml:"limit"`   // share off nominal that machines bear, as EN 50160 has it too. Default 0.10
	Legal   string  `yaml:"legal"`   // where that is written
}

func defaultVoltage() VoltageConfig {
	return VoltageConfig{Nominal: 220, Normal: 0.05, Limit: 0.10, Legal: "Thông tư 05/2025/TT-BCT"}
}

func (c VoltageConfig) validate() error {
	if !(c.Nominal >= 50 && c.Nominal <= 500) {
		return fmt.Errorf("probes.voltage.nominal: want 50 to 500 volts (got %g)", c.Nominal)
	}
	if !(c.Normal > 0 && c.Normal < c.Limit && c.Limit < 0.5) {
		return fmt.Errorf("probes.voltage.normal, probes.voltage.limit: want 0 < normal < limit < 0.5 (got %g and %g)", c.Normal, c.Limit)
	}
	if len(c.Legal) > 60 {
		return fmt.Errorf("probes.voltage.legal: at most 60 bytes (got %d)", len(c.Legal))
	}
	return nil
}

const (
	// voltageWindow is the time of one mean, as in EN 50160.
	voltageWindow = 10 * time.Minute
	// voltageWarn is how many means in a row off normal are worth a warning:
	// half an hour.
	voltageWarn = 3
	// voltageEnough is the part of a window that must have been measured.
	voltageEnough = voltageWindow / 2
)

// Bands of voltage, as FieldVoltsBand holds them.
const (
	bandNormal = iota
	bandWarn
	bandLimit
)

// voltage makes means of ten minutes of what one UPS measures at its input.
// Only time on mains counts: a cut is no undervoltage.
type voltage struct {
	cfg    VoltageConfig
	name   string // of its results
	target string

	from, last time.Duration // first and newest reading of the window
	sum, time  float64       // volt seconds, seconds
	volts      float64       // newest reading
	low, high  float64
	off        int // means in a row off normal
}

// see takes in one answer of the UPS; with ok a window has ended.
func (v *voltage) see(m measured) (window measured, ok bool) {
	volts, told := m.Field(thongsuot.FieldInputVolts)
	battery, _ := m.Field(thongsuot.FieldOnBattery)
	online, knows := m.Field(thongsuot.FieldOnline)
	if m.began/voltageWindow != v.from/voltageWindow && v.time > 0 {
		window, ok = v.end()
		*v = voltage{cfg: v.cfg, name: v.name, target: v.target, off: v.off}
	}
	if !m.OK() || !told || battery == 1 || knows && online == 0 {
		v.last = 0 // what comes next follows on nothing
		return window, ok
	}
	if v.time == 0 && v.last == 0 {
		v.from, v.low, v.high = m.began, volts, volts
	}
	if v.last > 0 {
		span := min(m.began-v.last, time.Minute).Seconds() // a longer gap was not measured
		v.sum += v.volts * span
		v.time += span
	}
	v.last, v.volts, v.low, v.high = m.began, volts, min(v.low, volts), max(v.high, volts)
	return window, ok
}

// end makes the result of the window that is over; ok is false when too little
// of it was measured.
func (v *voltage) end() (measured, bool) {
	if v.time < voltageEnough.Seconds() {
		v.off = 0
		return measured{}, false
	}
	mean := v.sum / v.time
	share := math.Abs(mean-v.cfg.Nominal) / v.cfg.Nominal
	band := bandNormal
	if v.off++; share <= v.cfg.Normal {
		v.off = 0
	}
	switch {
	case share > v.cfg.Limit:
		band = bandLimit
	case v.off >= voltageWarn:
		band = bandWarn
	}
	r := thongsuot.Result{
		Probe: v.name, Kind: thongsuot.ProbeVoltage, Target: v.target, Reason: thongsuot.ReasonOK,
		Fields: []thongsuot.Field{
			{Name: thongsuot.FieldMeanVolts, Value: tenth(mean)}, {Name: thongsuot.FieldMinVolts, Value: tenth(v.low)},
			{Name: thongsuot.FieldMaxVolts, Value: tenth(v.high)}, {Name: thongsuot.FieldVoltsNormal, Value: truth(share <= v.cfg.Normal)},
			{Name: thongsuot.FieldVoltsLimit, Value: truth(share <= v.cfg.Limit)}, {Name: thongsuot.FieldVoltsBand, Value: float64(band)},
		},
	}
	if band != bandNormal {
		r.Detail = "tham khảo; " + v.cfg.Legal
	}
	return measured{Result: r, began: (v.from/voltageWindow + 1) * voltageWindow}, true
}

func tenth(v float64) float64 { return math.Round(v*10) / 10 }
