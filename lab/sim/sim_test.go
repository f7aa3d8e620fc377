package sim_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/lab/sim"
	"thongsuot/wire"
)

// t0 is a Monday, 08:00 in Vietnam.
var t0 = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)

func fault(kind sim.Kind, from, lasts time.Duration) sim.Fault {
	return sim.Fault{Kind: kind, Sites: []string{"25051"}, Start: t0.Add(from), End: t0.Add(from + lasts)}
}

// withUPS is a site whose battery lasts ten minutes.
func withUPS(faults ...sim.Fault) sim.Site {
	s := sim.NewSite(1, "25051")
	s.UPS, s.Lasts, s.Boot, s.Born = true, 10*time.Minute, 40*time.Second, t0.Add(-time.Hour)
	return s.With(faults)
}

func TestSameSeedSameResultsInAnyOrder(t *testing.T) {
	faults := []sim.Fault{fault(sim.WeakLine, time.Hour, time.Hour), fault(sim.PowerCut, 3*time.Hour, time.Hour)}
	a, b, other := withUPS(faults...), withUPS(faults...), sim.NewSite(2, "25051").With(faults)
	var forward, backward [][]thongsuot.Result
	differs := false
	for i := range 100 {
		at := t0.Add(time.Duration(i) * 5 * time.Minute)
		forward = append(forward, a.Results(at))
		differs = differs || !reflect.DeepEqual(a.Results(at), other.Results(at))
	}
	for i := 99; i >= 0; i-- {
		backward = append(backward, b.Results(t0.Add(time.Duration(i)*5*time.Minute)))
	}
	slices.Reverse(backward)
	if !reflect.DeepEqual(forward, backward) {
		t.Error("the same seed gives other results")
	}
	if !differs {
		t.Error("another seed gives the same results")
	}
}

func TestResultsCanCrossTheWire(t *testing.T) {
	s := withUPS(fault(sim.LineCut, time.Minute, time.Minute), fault(sim.Overload, 5*time.Minute, time.Hour))
	for at := t0; at.Before(t0.Add(2 * time.Hour)); at = at.Add(30 * time.Second) {
		results := s.Results(at)
		if _, err := wire.Encode(results); err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			loss, known := r.Field(thongsuot.FieldLoss)
			low, _ := r.Field(thongsuot.FieldRTTMin)
			mid, _ := r.Field(thongsuot.FieldRTTMedian)
			high, _ := r.Field(thongsuot.FieldRTTMax)
			if known && (loss < 0 || loss > 1) || low > mid || mid > high {
				t.Fatalf("%+v", r)
			}
		}
	}
}

func TestPowerCutWithUPS(t *testing.T) {
	s := withUPS(fault(sim.PowerCut, 0, time.Hour))
	f := func(after time.Duration, on bool, flags uint8, boots int) {
		t.Helper()
		st := s.At(t0.Add(after))
		got, runtime := s.Flags(st)
		if st.On != on || on && got != flags || st.Boots != boots {
			t.Errorf("after %s: %+v, flags %b", after, st, got)
		}
		if on && st.Battery && (runtime <= 0 || runtime > 10*time.Minute-after) {
			t.Errorf("after %s it says it lasts %s more", after, runtime)
		}
		if !on && len(s.Results(t0.Add(after))) > 0 {
			t.Errorf("after %s a dead machine measures", after)
		}
	}
	f(-time.Second, true, wire.FlagMainsPresent, 0)
	f(time.Minute, true, wire.FlagOnBattery, 0)
	f(8*time.Minute, true, wire.FlagOnBattery|wire.FlagLowBattery, 0)
	f(9*time.Minute+50*time.Second, true, wire.FlagOnBattery|wire.FlagLowBattery|wire.FlagShuttingDown, 0)
	f(10*time.Minute, false, 0, 0)
	f(time.Hour+39*time.Second, false, 0, 0)
	f(time.Hour+40*time.Second, true, wire.FlagMainsPresent, 1)
	if s.BootID(0) == s.BootID(1) {
		t.Error("a new boot has the id of the old one")
	}
	if short := withUPS(fault(sim.PowerCut, 0, 5*time.Minute)).At(t0.Add(6 * time.Minute)); short.Boots != 0 || short.Charge >= 1 {
		t.Errorf("a cut that the battery outlasts: %+v", short)
	}
}

func TestNoUPSNoLastWords(t *testing.T) {
	s := withUPS(fault(sim.PowerCut, 0, time.Minute))
	s.UPS = false
	if st := s.At(t0); st.On {
		t.Errorf("%+v", st)
	}
	if flags, _ := s.Flags(s.At(t0.Add(-time.Second))); flags != 0 {
		t.Errorf("a site without sensor says %b", flags)
	}
}

// answers are the reasons of a site's probes, by name.
func answers(s sim.Site, at time.Time) map[string]thongsuot.Reason {
	out := map[string]thongsuot.Reason{}
	for _, r := range s.Results(at) {
		out[r.Probe] = r.Reason
	}
	return out
}

func TestFaultsShowInTheirProbesAlone(t *testing.T) {
	f := func(kind sim.Kind, want map[string]thongsuot.Reason) {
		t.Helper()
		got := answers(withUPS(fault(kind, 0, time.Hour)), t0.Add(30*time.Minute))
		for probe, reason := range got {
			expected, ok := want[probe]
			if !ok {
				expected = thongsuot.ReasonOK
			}
			if reason != expected {
				t.Errorf("%s: %s says %s, want %s", kind, probe, reason, expected)
			}
		}
	}
	f(sim.LineCut, map[string]thongsuot.Reason{"reference": thongsuot.ReasonTimeout, "resolver": thongsuot.ReasonDNSTimeout, "portal": thongsuot.ReasonDNSTimeout})
	f(sim.WeakLine, map[string]thongsuot.Reason{"reference": thongsuot.ReasonTimeout})
	f(sim.Overload, map[string]thongsuot.Reason{"portal": thongsuot.ReasonHTTP5xx})
	f(sim.PowerCut, nil) // the machine is off
}

func total(s sim.Site, at time.Time) float64 {
	for _, r := range s.Results(at) {
		if r.Probe == "portal" {
			v, _ := r.Field(thongsuot.FieldTotal)
			return v
		}
	}
	return 0
}

func TestPortalIsSlowOnWorkingMornings(t *testing.T) {
	s := withUPS()
	monday := t0.Add(75 * time.Minute)
	if slow, sunday, night := total(s, monday), total(s, monday.Add(-24*time.Hour)), total(s, monday.Add(12*time.Hour)); slow < 2*sunday || slow < 2*night {
		t.Errorf("Monday 09:15 %.2f s, Sunday %.2f s, evening %.2f s", slow, sunday, night)
	}
}

func TestRoundsKeepTheirPace(t *testing.T) {
	cut := fault(sim.PowerCut, 10*time.Minute+3*time.Second, 2*time.Minute)
	r := sim.NewRounds(withUPS(cut), sim.RealPace())
	count := map[string]int{}
	edge := time.Time{}
	for at := t0; at.Before(t0.Add(20 * time.Minute)); at = at.Add(time.Second) {
		for _, x := range r.At(at) {
			count[x.Probe]++
			if v, _ := x.Field(thongsuot.FieldOnBattery); v == 1 && edge.IsZero() {
				edge = at
			}
		}
	}
	if count["gateway"] != 120 || count["portal"] != 20 && count["portal"] != 19 {
		t.Errorf("in 20 minutes: %v", count)
	}
	if !edge.Equal(cut.Start) {
		t.Errorf("the cut of %s is told at %s", cut.Start, edge)
	}
}
