package agent_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"thongsuot"
	"thongsuot/agent"
	"thongsuot/probes"
)

// Every turn lies in the night of Vietnam, is later than now, comes once a
// night, and is spread over sites and nights.
func TestNightsAreSpread(t *testing.T) {
	zone := time.FixedZone("ICT", 7*60*60)
	hours := map[int]int{}
	for site := range 124 {
		code := fmt.Sprint(24000 + site)
		now := time.Date(2026, 11, 23, 9, 0, 0, 0, zone)
		for range 10 {
			turn := agent.NextNight(code, "fetch", now).In(zone)
			if !turn.After(now) || turn.Sub(now) > 31*time.Hour+time.Minute {
				t.Fatalf("%s: after %s comes %s", code, now, turn)
			}
			if h := turn.Hour(); h >= 5 && h < 22 {
				t.Fatalf("%s: %s is no night", code, turn)
			}
			hours[turn.Hour()]++
			if again := agent.NextNight(code, "fetch", turn.Add(-time.Second)); !again.Equal(turn) {
				t.Fatalf("%s: a second before its turn comes %s, not %s", code, again, turn)
			}
			now = turn
		}
	}
	for _, h := range []int{22, 23, 0, 1, 2, 3, 4} {
		if hours[h] < 50 { // of 1240, 177 an hour
			t.Errorf("%d turns in the hour from %d", hours[h], h)
		}
	}
}

// The wait for the night lasts as long as it should, night after night, also
// when the centre sets the clock right meanwhile; and it ends with the agent.
func TestNightlyWaitsForItsTurn(t *testing.T) {
	f := func(off time.Duration) { // of the machine's clock, until the centre is heard
		synctest.Test(t, func(t *testing.T) { nights(t, off) })
	}
	f(0)
	f(11 * time.Hour)
	f(3 * 365 * 24 * time.Hour)
	f(-30 * 365 * 24 * time.Hour)
}

func nights(t *testing.T, off time.Duration) {
	began := time.Now()
	clock := agent.NewClock("b", func() time.Duration { return time.Since(began) }, func() time.Time { return time.Now().Add(off) })
	ctx, cancel := context.WithCancel(t.Context())
	probe := probes.Probe{
		Name: "fetch", Kind: thongsuot.ProbeFetch, Timeout: time.Minute,
		Do: func(context.Context) thongsuot.Result {
			return thongsuot.Result{Reason: thongsuot.ReasonOK}
		},
	}
	runs := agent.Nightly(ctx, "24778", probe, clock)
	synctest.Wait()
	clock.Anchor(time.Now(), time.Since(began), time.Since(began)) // now it is right
	due := agent.NextNight("24778", "fetch", time.Now())
	for range 5 {
		m := <-runs
		if !m.OK() || !time.Now().Equal(due) || m.Began != due.Sub(began) {
			t.Errorf("ran at %s, due at %s: %+v", time.Now(), due, m)
		}
		due = agent.NextNight("24778", "fetch", due)
	}
	cancel()
	for range runs {
		t.Error("a run after the end")
	}
}
