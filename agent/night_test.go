package agent_test

import (
	"fmt"
	"testing"
	"time"

	"thongsuot/agent"
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
