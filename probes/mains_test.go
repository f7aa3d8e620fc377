package probes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thongsuot"
	"thongsuot/probes"
)

// supplies makes a class of power supplies: "AC type=Mains online=1".
func supplies(t *testing.T, lines ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, line := range lines {
		name, attributes, _ := strings.Cut(line, " ")
		for _, a := range strings.Split(attributes, ",") {
			k, v, _ := strings.Cut(a, "=")
			write(t, filepath.Join(root, name, k), v+"\n")
		}
	}
	return root
}

func mainsAt(root string) probes.MainsConfig {
	c := probes.DefaultMainsConfig()
	c.Name, c.Root = "mains", root
	return c
}

func TestMains(t *testing.T) {
	f := func(reason thongsuot.Reason, online float64, detail string, lines ...string) {
		t.Helper()
		r := ask(t, mainsAt(supplies(t, lines...)))
		want(t, r, reason)
		if !strings.HasPrefix(r.Detail, detail) {
			t.Errorf("detail is %q, want it to begin %q", r.Detail, detail)
		}
		if reason != thongsuot.ReasonOK {
			lacks(t, r, "online", "on_battery")
			return
		}
		if on, off := field(t, r, "online"), field(t, r, "on_battery"); on != online || off != 1-online {
			t.Errorf("%v: online %v, on battery %v; want %v, %v", lines, on, off, online, 1-online)
		}
	}
	const ok, none, blind = thongsuot.ReasonOK, thongsuot.ReasonNotPresent, thongsuot.ReasonNoData
	f(ok, 1, "AC=1 BAT0=Charging", "AC type=Mains,online=1", "BAT0 type=Battery,status=Charging,capacity=80")
	f(ok, 0, "AC=0 BAT0=Discharging", "AC type=Mains,online=0", "BAT0 type=Battery,status=Discharging")
	f(ok, 0, "", "AC type=Mains,online=0", "BAT0 type=Battery,status=Full") // the battery's word lags behind the plug
	f(ok, 1, "", "AC type=Mains,online=1", "BAT0 type=Battery,status=Discharging")
	f(ok, 1, "", "AC type=Mains,online=0", "USB0 type=USB,online=1")
	f(ok, 1, "", "AC type=Mains,online=2")
	f(ok, 0, "", "BAT0 type=Battery,status=Discharging")
	f(ok, 1, "", "BAT0 type=Battery,status=Full")
	f(ok, 1, "", "BAT0 type=Battery,status=Not charging")
	f(ok, 0, "", "UPS0 type=UPS,status=Discharging")
	f(blind, 0, "BAT0=Unknown", "BAT0 type=Battery,status=Unknown")
	f(blind, 0, "AC=", "AC type=Mains")
	f(none, 0, "USB0=0: none", "USB0 type=USB,online=0") // an empty socket of a desktop machine
	f(none, 0, "no power supply in")
	f(none, 0, "no power supply in", "mouse type=Battery,status=Discharging,scope=Device")
	want(t, ask(t, mainsAt(filepath.Join(t.TempDir(), "gone"))), none)

	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	want(t, ask(t, mainsAt(file)), thongsuot.ReasonError)
}

func TestMainsCharge(t *testing.T) {
	f := func(want float64, ok bool, lines ...string) {
		t.Helper()
		r := ask(t, mainsAt(supplies(t, lines...)))
		if got, has := r.Field("charge_ratio"); got != want || has != ok {
			t.Errorf("%v: charge is %v, %v; want %v, %v", lines, got, has, want, ok)
		}
	}
	f(0.8, true, "AC type=Mains,online=1", "BAT0 type=Battery,status=Charging,capacity=80")
	f(0.6, true, "BAT0 type=Battery,status=Full,capacity=100", "BAT1 type=Battery,status=Full,capacity=20")
	f(0, true, "BAT0 type=Battery,status=Unknown,capacity=0")
	f(0, false, "BAT0 type=Battery,status=Full,capacity=400")
	f(0, false, "BAT0 type=Battery,status=Full,capacity=x")
	f(0, false, "AC type=Mains,online=1,capacity=50")
}

func TestMainsWithoutRights(t *testing.T) {
	need(t, os.Getuid() == 0, "root, to drop a capability")
	root := supplies(t, "AC type=Mains,online=1")
	if err := os.Chmod(root, 0); err != nil {
		t.Fatal(err)
	}
	at := here.without("dac_override", "dac_read_search")
	want(t, at.ask(t, thongsuot.ProbeMains, mainsAt(root)), thongsuot.ReasonNoPermission)
}

// What a battery says of its end, in each way in which drivers tell it.
func TestBatteryTellsItsEnd(t *testing.T) {
	f := func(runtime, low float64, lines ...string) {
		t.Helper()
		r := ask(t, mainsAt(supplies(t, lines...)))
		want(t, r, thongsuot.ReasonOK)
		if runtime == 0 {
			lacks(t, r, "runtime_seconds")
		} else if v := field(t, r, "runtime_seconds"); v != runtime {
			t.Errorf("%v: runtime %v, want %v", lines, v, runtime)
		}
		if low < 0 {
			lacks(t, r, "low_battery")
		} else if v := field(t, r, "low_battery"); v != low {
			t.Errorf("%v: low %v, want %v", lines, v, low)
		}
	}
	f(7200, -1, "AC type=Mains,online=0", "BAT0 type=Battery,status=Discharging,energy_now=20000000,power_now=10000000")
	f(3600, -1, "AC type=Mains,online=0", "BAT0 type=Battery,status=Discharging,charge_now=2000000,current_now=2000000")
	f(900, 1, "AC type=Mains,online=0", "BAT0 type=Battery,status=Discharging,time_to_empty_now=900,capacity_level=Low")
	f(1800, 0, "AC type=Mains,online=0", "BAT0 type=Battery,time_to_empty_now=900,capacity_level=Normal", "BAT1 type=Battery,time_to_empty_now=900")
	f(0, 0, "AC type=Mains,online=1", "BAT0 type=Battery,status=Charging,energy_now=20000000,power_now=10000000,capacity_level=Low")
	f(0, -1, "AC type=Mains,online=0", "BAT0 type=Battery,status=Discharging,energy_now=20000000,power_now=0")
	f(0, -1, "AC type=Mains,online=0", "BAT0 type=Battery,status=Discharging,energy_now=x,power_now=-3")
}
