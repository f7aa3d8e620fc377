package agent_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"thongsuot"
	"thongsuot/agent"
	"thongsuot/wire"
)

func TestStartsOnlyRise(t *testing.T) {
	path := filepath.Join(t.TempDir(), "start")
	first, err := agent.CountStart(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := agent.CountStart(path)
	if err != nil || second != first+1 {
		t.Errorf("%d, then %d, %v", first, second, err)
	}
	if err := os.WriteFile(path, []byte("torn\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	third, err := agent.CountStart(path)
	if err != nil || third < first {
		t.Errorf("after damage %d, at first %d, %v", third, first, err)
	}
}

func TestPauseFollowsTheCentreAndGrows(t *testing.T) {
	for range 100 {
		if p := agent.Pause(errors.New("no route"), 1, time.Minute); p < time.Second || p > 2*time.Second {
			t.Fatalf("first pause %s", p)
		}
		if p := agent.Pause(errors.New("no route"), 50, time.Minute); p < 30*time.Second || p > time.Minute {
			t.Fatalf("later pause %s", p)
		}
		if p := agent.Pause(&influxhttp.Error{StatusCode: 429, RetryAfter: 20}, 1, time.Minute); p < 20*time.Second || p > 30*time.Second {
			t.Fatalf("asked for 20 s, waits %s", p)
		}
	}
}

func TestPhasesAreSpreadAndStable(t *testing.T) {
	seen := map[time.Duration]bool{}
	for _, site := range []string{"25051", "24712", "24748", "may-nay"} {
		p := agent.Phase(site, "portal", time.Minute)
		if p < 0 || p >= time.Minute || p != agent.Phase(site, "portal", time.Minute) {
			t.Errorf("site %s: phase %s", site, p)
		}
		seen[p] = true
	}
	if len(seen) != 4 {
		t.Errorf("phases collide: %v", seen)
	}
}

func ups(fields ...thongsuot.Field) thongsuot.Result {
	return thongsuot.Result{Probe: "ups", Kind: thongsuot.ProbeUPS, Reason: thongsuot.ReasonOK, Fields: fields}
}

func TestPowerRidesInTheBeat(t *testing.T) {
	now := time.Hour
	p := agent.NewPowerState(func() time.Duration { return now })
	if flags, _ := p.Flags(); flags != 0 {
		t.Errorf("no sensor, but flags %b", flags)
	}
	on := ups(thongsuot.Field{Name: thongsuot.FieldOnline, Value: 1}, thongsuot.Field{Name: thongsuot.FieldOnBattery, Value: 0})
	if p.See(on, now) {
		t.Error("mains as ever is news")
	}
	if flags, _ := p.Flags(); flags != wire.FlagMainsPresent {
		t.Errorf("flags %b", flags)
	}
	off := ups(thongsuot.Field{Name: thongsuot.FieldOnBattery, Value: 1}, thongsuot.Field{Name: thongsuot.FieldLowBattery, Value: 1}, thongsuot.Field{Name: thongsuot.FieldRuntime, Value: 540})
	if !p.See(off, now) || p.See(off, now) {
		t.Error("the change is news once")
	}
	if flags, runtime := p.Flags(); flags != wire.FlagOnBattery|wire.FlagLowBattery || runtime != 9*time.Minute {
		t.Errorf("flags %b, runtime %s", flags, runtime)
	}
	stale := ups()
	stale.Reason = thongsuot.ReasonNoData
	if p.See(stale, now) {
		t.Error("a UPS that says nothing is news of power")
	}
	p.See(off, now)
	now += 20 * time.Second
	if flags, _ := p.Flags(); flags != wire.FlagOnBattery|wire.FlagLowBattery {
		t.Errorf("flags %b", flags)
	}
	now += 100 * time.Second
	if flags, _ := p.Flags(); flags != 0 {
		t.Errorf("a reading of two minutes ago still claims %b", flags)
	}
}

func canarySays(online float64) thongsuot.Result {
	return thongsuot.Result{Probe: "canary", Kind: thongsuot.ProbeCanary, Reason: thongsuot.ReasonOK, Fields: []thongsuot.Field{{Name: thongsuot.FieldOnline, Value: online}}}
}

// A canary counts where nothing measures, and says that it only concludes.
func TestCanaryCountsWhereNothingMeasures(t *testing.T) {
	now := time.Hour
	p := agent.NewPowerState(func() time.Duration { return now })
	if p.See(canarySays(1), now) || !p.See(canarySays(0), now) {
		t.Error("its death alone is news")
	}
	if flags, _ := p.Flags(); flags != wire.FlagOnBattery|wire.FlagCanary {
		t.Errorf("flags %b", flags)
	}
	if !p.See(ups(thongsuot.Field{Name: thongsuot.FieldOnBattery, Value: 0}), now) {
		t.Error("a UPS that sees mains is news against it")
	}
	if flags, _ := p.Flags(); flags != wire.FlagMainsPresent {
		t.Errorf("flags %b", flags)
	}
}

// A UPS that went silent on battery is taken for empty, as upsmon does.
func TestSilentUPSOnBatteryCountsAsLow(t *testing.T) {
	now := time.Hour
	p := agent.NewPowerState(func() time.Duration { return now })
	p.See(ups(thongsuot.Field{Name: thongsuot.FieldOnBattery, Value: 1}), now)
	if flags, _ := p.Flags(); flags != wire.FlagOnBattery {
		t.Errorf("flags %b", flags)
	}
	now += 16 * time.Second
	if flags, _ := p.Flags(); flags != wire.FlagOnBattery|wire.FlagLowBattery {
		t.Errorf("flags %b", flags)
	}
}

func TestSelfTestIsNoOutage(t *testing.T) {
	p := agent.NewPowerState(func() time.Duration { return 0 })
	// OB CAL: the probe says offline, but not on battery.
	if p.See(ups(thongsuot.Field{Name: thongsuot.FieldOnline, Value: 0}, thongsuot.Field{Name: thongsuot.FieldOnBattery, Value: 0}), 0) {
		t.Error("a self test is news of power")
	}
}
