package probes_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

// What typical devices tell through their drivers. Variables differ by maker;
// every one but the status may be missing.
var devices = map[string]struct {
	dump string
	want map[string]float64 // fields; what is not named must be missing
}{
	"apc": { // usbhid-ups, Back-UPS
		"battery.charge: 100\nbattery.charge.low: 10\nbattery.charge.warning: 50\nbattery.date: 2001/09/25\nbattery.mfr.date: 2024/03/11\n" +
			"battery.runtime: 1830\nbattery.runtime.low: 120\nbattery.type: PbAc\nbattery.voltage: 13.5\nbattery.voltage.nominal: 12.0\n" +
			"device.mfr: American Power Conversion\ndevice.model: Back-UPS 650\ndriver.name: usbhid-ups\ninput.sensitivity: medium\n" +
			"input.transfer.high: 266\ninput.transfer.low: 180\ninput.transfer.reason: input voltage out of range\ninput.voltage: 222.0\n" +
			"input.voltage.nominal: 230\nups.beeper.status: enabled\nups.delay.shutdown: 20\nups.load: 21\nups.realpower.nominal: 400\n" +
			"ups.status: OL\nups.test.result: No test initiated\nups.vendorid: 051d\n",
		map[string]float64{"online": 1, "on_battery": 0, "low_battery": 0, "charge_ratio": 1, "runtime_seconds": 1830, "input_volts": 222, "load_ratio": 0.21, "nominal_volts": 230, "nominal_watts": 400},
	},
	"eaton": { // usbhid-ups, 5E and 5P: no input voltage on the small ones, an alarm for the battery
		"battery.charge: 93\nbattery.charge.low: 20\nbattery.runtime: 612\nbattery.type: PbAc\ndevice.mfr: EATON\ndevice.model: 5E 850i\n" +
			"driver.name: usbhid-ups\ninput.transfer.high: 264\ninput.transfer.low: 184\noutlet.1.status: on\noutput.frequency.nominal: 50\n" +
			"output.voltage: 230.0\noutput.voltage.nominal: 230\nups.alarm: Replace battery!\nups.load: 8\nups.power.nominal: 850\n" +
			"ups.status: ALARM OL CHRG RB\nups.vendorid: 0463\n",
		map[string]float64{"online": 1, "on_battery": 0, "low_battery": 0, "charge_ratio": 0.93, "runtime_seconds": 612, "load_ratio": 0.08, "replace_battery": 1},
	},
	"cyberpower": { // usbhid-ups, CP and BR: fractions where others have none
		"battery.charge: 57\nbattery.charge.low: 10\nbattery.charge.warning: 20\nbattery.runtime: 300\nbattery.runtime.low: 300\n" +
			"battery.voltage: 24.0\ndevice.mfr: CPS\ndevice.model: BR1000ELCD\ndriver.name: usbhid-ups\ninput.voltage: 0.0\n" +
			"input.voltage.nominal: 230\noutput.voltage: 220.0\nups.load: 34\nups.status: OB DISCHRG\nups.timer.shutdown: -60\nups.vendorid: 0764\n",
		map[string]float64{"online": 0, "on_battery": 1, "low_battery": 0, "charge_ratio": 0.57, "runtime_seconds": 300, "input_volts": 0, "load_ratio": 0.34, "nominal_volts": 230},
	},
	"santak": { // blazer_usb, Megatec protocol: no charge and no runtime until the driver is told the battery's
		"battery.voltage: 13.60\nbattery.voltage.nominal: 12.0\nbeeper.status: enabled\ndevice.type: ups\ndriver.name: blazer_usb\n" +
			"input.current.nominal: 2.0\ninput.frequency: 50.1\ninput.frequency.nominal: 50\ninput.voltage: 187.4\ninput.voltage.fault: 187.4\n" +
			"input.voltage.nominal: 220\noutput.voltage: 214.1\nups.delay.start: 180\nups.load: 12\nups.productid: 5161\n" +
			"ups.status: OL BOOST\nups.temperature: 25.0\nups.type: offline / line interactive\n",
		map[string]float64{"online": 1, "on_battery": 0, "low_battery": 0, "input_volts": 187.4, "load_ratio": 0.12, "nominal_volts": 220},
	},
	"bypassed": { // an online UPS that was switched aside for maintenance
		"ups.status: OL BYPASS\ninput.voltage: 219\n",
		map[string]float64{"online": 1, "on_battery": 0, "low_battery": 0, "input_volts": 219, "unprotected": 1},
	},
}

// Several supplies behind one upsd, of several makers, each by a probe of its
// own; they are found by asking for the list.
func TestDevicesOfSeveralMakers(t *testing.T) {
	files := map[string]string{}
	var names []string
	for name, d := range devices {
		files[name+".dev"] = d.dump
		names = append(names, name)
	}
	slices.Sort(names)
	n := startNUTOf(t, files)
	each(t, "upsd lists all of them", func() bool {
		found, err := probes.UPSDevices(t.Context(), probes.Line{}, n.addr)
		return err == nil && slices.Equal(found, names)
	})
	for _, name := range names {
		cfg := asksUPS(n.addr)
		cfg.UPS = name
		p := must(probes.NewUPS(cfg))
		var r thongsuot.Result
		each(t, name+" is read", func() bool { r = probes.Run(t.Context(), p); return r.OK() })
		for field, value := range devices[name].want {
			if v, ok := r.Field(field); !ok || v != value {
				t.Errorf("%s: %s is %v, %v; want %v", name, field, v, ok, value)
			}
		}
		for _, f := range r.Fields {
			if _, wanted := devices[name].want[f.Name]; !wanted {
				t.Errorf("%s tells %s = %v", name, f.Name, f.Value)
			}
		}
	}
	n.upsd.Process.Kill()
	each(t, "upsd is gone", func() bool { _, err := probes.UPSDevices(t.Context(), probes.Line{}, n.addr); return err != nil })
}

// A sequence that NUT plays itself: a self test that is no outage, then a cut
// down to the shutdown that upsd announces.
func TestSequenceOfASelfTestAndACut(t *testing.T) {
	const step = "TIMER 1\n"
	n := startNUTOf(t, map[string]string{"office.seq": "ups.status: OL\nbattery.charge: 100\nbattery.runtime: 900\n" + step +
		"ups.status: OB CAL DISCHRG\nbattery.charge: 97\n" + step +
		"ups.status: OL CHRG\n" + step +
		"ups.status: OB DISCHRG\nbattery.charge: 60\nbattery.runtime: 400\n" + step +
		"ups.status: OB DISCHRG LB\nbattery.runtime: 90\n" + step +
		"ups.status: FSD OB LB\n" + step})
	cfg := asksUPS(n.addr)
	cfg.UPS, cfg.Every, cfg.Timeout = "office", time.Second, 0
	p := must(probes.NewUPS(cfg))
	saw := map[string]string{} // status to "online on_battery low_battery"
	each(t, "the whole sequence", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if r := probes.Run(ctx, p); r.OK() {
			say := func(name string) string {
				v, ok := r.Field(name)
				if !ok {
					return "?"
				}
				return fmt.Sprint(v)
			}
			saw[r.Detail] = say("online") + " " + say("on_battery") + " " + say("low_battery")
		}
		return len(saw) == 6
	})
	for status, want := range map[string]string{
		"OL": "1 0 0", "OB CAL DISCHRG": "? 0 0", "OL CHRG": "1 0 0", "OB DISCHRG": "0 1 0", "OB DISCHRG LB": "0 1 1", "FSD OB LB": "0 1 1",
	} {
		if saw[status] != want {
			t.Errorf("%s: %q, want %q", status, saw[status], want)
		}
	}
}
