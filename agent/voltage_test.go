package agent_test

import (
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/agent"
)

// play lets a UPS measure volts once a second through windows of ten minutes,
// and returns what each window says, as "mean min max normal limit band".
func play(t *testing.T, reading func(second int) thongsuot.Result, minutes int) (out []thongsuot.Result) {
	t.Helper()
	v := agent.NewVoltage()
	for s := range minutes*60 + 1 {
		at := time.Duration(s) * time.Second
		w, ends, ok := v.See(reading(s), at)
		if !ok {
			continue
		}
		if ends != at.Truncate(10*time.Minute) || w.Kind != thongsuot.ProbeVoltage || w.Probe != "voltage" || w.Target != "ups" {
			t.Errorf("at %s a window that ends at %s: %+v", at, ends, w)
		}
		out = append(out, w)
	}
	return out
}

func measures(volts float64) thongsuot.Result {
	return ups(thongsuot.Field{Name: thongsuot.FieldOnline, Value: 1}, thongsuot.Field{Name: thongsuot.FieldOnBattery, Value: 0}, thongsuot.Field{Name: thongsuot.FieldInputVolts, Value: volts})
}

func TestVoltageInMeansOfTenMinutes(t *testing.T) {
	f := func(name string, reading func(second int) thongsuot.Result, minutes int, want ...[6]float64) {
		t.Helper()
		got := play(t, reading, minutes)
		if len(got) != len(want) {
			t.Fatalf("%s: %d windows, want %d: %+v", name, len(got), len(want), got)
		}
		for i, w := range got {
			for n, field := range []string{
				thongsuot.FieldMeanVolts, thongsuot.FieldMinVolts, thongsuot.FieldMaxVolts,
				thongsuot.FieldVoltsNormal, thongsuot.FieldVoltsLimit, thongsuot.FieldVoltsBand,
			} {
				if v, _ := w.Field(field); v != want[i][n] {
					t.Errorf("%s, window %d: %s is %v, want %v", name, i, field, v, want[i][n])
				}
			}
			if band, _ := w.Field(thongsuot.FieldVoltsBand); (band > 0) != strings.Contains(w.Detail, "Thông tư") {
				t.Errorf("%s, window %d: band %v, detail %q", name, i, band, w.Detail)
			}
		}
	}
	constant := func(volts float64) func(int) thongsuot.Result {
		return func(int) thongsuot.Result { return measures(volts) }
	}
	f("normal", constant(221), 20, [6]float64{221, 221, 221, 1, 1, 0}, [6]float64{221, 221, 221, 1, 1, 0})
	f("5 % exactly", constant(209), 10, [6]float64{209, 209, 209, 1, 1, 0})
	f("off normal for half an hour", constant(205), 40, [6]float64{205, 205, 205, 0, 1, 0}, [6]float64{205, 205, 205, 0, 1, 0},
		[6]float64{205, 205, 205, 0, 1, 1}, [6]float64{205, 205, 205, 0, 1, 1})
	f("beyond the limit", constant(190), 10, [6]float64{190, 190, 190, 0, 0, 2})
	f("too high", constant(245), 10, [6]float64{245, 245, 245, 0, 0, 2})
	f("a dip alone", func(s int) thongsuot.Result {
		if s == 100 {
			return measures(150)
		}
		return measures(220)
	}, 10, [6]float64{219.9, 150, 220, 1, 1, 0})
	f("half and half", func(s int) thongsuot.Result {
		if s < 300 {
			return measures(180)
		}
		return measures(220)
	}, 10, [6]float64{200, 180, 220, 0, 1, 0})
	// A cut is no undervoltage, and too short a rest tells nothing.
	cut := ups(thongsuot.Field{Name: thongsuot.FieldOnline, Value: 0}, thongsuot.Field{Name: thongsuot.FieldOnBattery, Value: 1}, thongsuot.Field{Name: thongsuot.FieldInputVolts, Value: 0})
	f("two minutes of a cut", func(s int) thongsuot.Result {
		if s >= 100 && s < 220 {
			return cut
		}
		return measures(220)
	}, 10, [6]float64{220, 220, 220, 1, 1, 0})
	f("six minutes of a cut", func(s int) thongsuot.Result {
		if s >= 100 && s < 460 {
			return cut
		}
		return measures(190)
	}, 10)
	gone := ups()
	gone.Reason = thongsuot.ReasonNoData
	f("a sensor that is away", func(s int) thongsuot.Result {
		if s >= 100 && s < 460 {
			return gone
		}
		return measures(190)
	}, 10)
	f("no voltage told", func(int) thongsuot.Result { return ups(thongsuot.Field{Name: thongsuot.FieldOnline, Value: 1}) }, 30)
}
