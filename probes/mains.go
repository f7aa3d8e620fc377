package probes

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"thongsuot"
)

// MainsConfig asks the machine's own power supplies whether the mains are
// there. It needs a machine that outlives the mains: a laptop, or a small
// computer with a battery.
type MainsConfig struct {
	Name    string        `yaml:"name"`    // unique within the agent
	Root    string        `yaml:"root"`    // the kernel's class of power supplies; default /sys/class/power_supply
	Every   time.Duration `yaml:"every"`   // default 1s
	Timeout time.Duration `yaml:"timeout"` // default 80 % of every
}

// DefaultMainsConfig is a probe of this machine without a name.
func DefaultMainsConfig() MainsConfig {
	return MainsConfig{Root: "/sys/class/power_supply", Every: time.Second}
}

// Validate names every field that is wrong.
func (c MainsConfig) Validate() error {
	return errors.Join(
		c.schedule().validate(),
		must(filepath.IsAbs(c.Root), "root: must be an absolute path (got %q)", c.Root),
	)
}

func (c MainsConfig) schedule() schedule {
	return schedule{name: c.Name, every: c.Every, timeout: c.Timeout}
}

// NewMains makes the probe. Detail names the supplies and what each says.
//
// Reasons: ok, not_present (nothing here can tell), no_data (it can, but does
// not now), no_permission, error. Fields: online, on_battery, and where a
// battery tells it charge_ratio (the mean of several) and low_battery; off the
// mains also runtime_seconds (the sum of several).
func NewMains(cfg MainsConfig) (Probe, error) {
	if err := cfg.Validate(); err != nil {
		return Probe{}, err
	}
	return newProbe(thongsuot.ProbeMains, cfg.schedule(), cfg.Root, cfg.read), nil
}

func (c MainsConfig) read(context.Context) thongsuot.Result {
	supplies, err := PowerSupplies(c.Root)
	if err != nil {
		return fail(fileReason(err), err)
	}
	r := thongsuot.Result{Detail: describe(supplies)}
	online, known := mains(supplies)
	switch {
	case known:
		r.Reason = thongsuot.ReasonOK
		r.Fields = append(r.Fields,
			thongsuot.Field{Name: thongsuot.FieldOnline, Value: truth(online)},
			thongsuot.Field{Name: thongsuot.FieldOnBattery, Value: truth(!online)})
	case sensor(supplies):
		r.Reason = thongsuot.ReasonNoData
	default:
		r.Reason = thongsuot.ReasonNotPresent
		r.Detail += ": none of these tells of the mains, use a UPS with NUT"
	}
	if ratio, ok := charge(supplies); ok {
		r.Fields = append(r.Fields, thongsuot.Field{Name: thongsuot.FieldCharge, Value: ratio})
	}
	if known {
		r.Fields = append(r.Fields, batteries(supplies, online)...)
	}
	return r
}

// batteries is what they say of their end.
func batteries(supplies []PowerSupply, online bool) (fields []thongsuot.Field) {
	told, low, left := false, false, time.Duration(0)
	for _, s := range supplies {
		if !s.battery() {
			continue
		}
		told = told || s.Level != ""
		low = low || !online && (s.Level == "Critical" || s.Level == "Low")
		left += s.Left
	}
	if told {
		fields = append(fields, thongsuot.Field{Name: thongsuot.FieldLowBattery, Value: truth(low)})
	}
	if !online && left > 0 {
		fields = append(fields, thongsuot.Field{Name: thongsuot.FieldRuntime, Value: left.Seconds()})
	}
	return fields
}

// mains weighs the supplies. An adapter that is online is proof. One that is
// not is proof only if it is the mains adapter: desktop machines list empty USB
// sockets as supplies that are offline. What the battery does comes last.
func mains(supplies []PowerSupply) (online, known bool) {
	lost, charging, discharging := false, false, false
	for _, s := range supplies {
		switch {
		case s.adapter() && s.Online == "1", s.adapter() && s.Online == "2": // 2: online with a choice of voltage
			return true, true
		case s.Type == "Mains" && s.Online == "0":
			lost = true
		case s.battery():
			discharging = discharging || s.Status == "Discharging"
			charging = charging || s.Status == "Charging" || s.Status == "Full" || s.Status == "Not charging"
		}
	}
	switch {
	case lost, discharging:
		return false, true
	default:
		return charging, charging
	}
}

// sensor reports whether any of the supplies could tell about the mains.
func sensor(supplies []PowerSupply) bool {
	for _, s := range supplies {
		if s.Type == "Mains" || s.battery() {
			return true
		}
	}
	return false
}

// charge is the mean charge of the batteries that tell it.
func charge(supplies []PowerSupply) (ratio float64, ok bool) {
	sum, n := 0.0, 0.0
	for _, s := range supplies {
		if s.battery() && s.Percent >= 0 && s.Percent <= 100 {
			sum += float64(s.Percent)
			n++
		}
	}
	if n == 0 {
		return 0, false
	}
	return sum / n / 100, true
}
