package incident_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

// A restart of the centre neither repeats nor forgets.
func TestRestart(t *testing.T) {
	s := newScene(t).run(time.Minute).write(0, healthy()...)
	s.mute = true
	s.run(time.Minute).want("opened down unknown low")
	st, _ := s.e.Status("25051", s.now)

	snap, err := s.e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	open := []thongsuot.Incident{{ID: st.Incident, Site: "25051", Start: st.Since, Verdict: st.Verdict, Worst: st.Verdict.State, Revision: 1}}
	restarted := newScene(t)
	restarted.now, restarted.mute = s.now.Add(time.Minute), true
	if err := restarted.e.Restore(snap, open, restarted.now); err != nil {
		t.Fatal(err)
	}
	restarted.run(time.Minute).want()
	restarted.mute, restarted.start = false, 2
	restarted.run(5 * time.Second).want("closed down unknown low")
	restarted.write(0, healthy()...).run(time.Minute).want("revised unknown agent high")
}

// The ledger overrules an older snapshot in both directions.
func TestRestoreFollowsTheRecord(t *testing.T) {
	s := newScene(t).run(time.Minute)
	healthySnap, _ := s.e.Snapshot()
	s.mute = true
	s.run(time.Minute)
	silentSnap, _ := s.e.Snapshot()
	in := s.changes[0].Incident

	r := newScene(t)
	r.now = s.now
	if err := r.e.Restore(healthySnap, []thongsuot.Incident{in}, r.now); err != nil {
		t.Fatal(err)
	}
	r.run(5 * time.Second).want("closed down unknown low")

	r = newScene(t)
	r.now = s.now
	if err := r.e.Restore(silentSnap, nil, r.now); err != nil {
		t.Fatal(err)
	}
	r.run(time.Minute).want()

	if err := r.e.Restore([]byte(`{"version":99}`), nil, r.now); err == nil {
		t.Error("a snapshot of another version was taken")
	}
}

// Reading the spool twice changes nothing, and neither does the order of a batch.
func TestRepeatedAndReorderedBatches(t *testing.T) {
	play := func(order func([]thongsuot.Result)) string {
		s := newScene(t).run(time.Minute).write(0, healthy()...)
		s.mute = true
		s.run(5 * time.Minute)
		s.mute = false
		s.run(5*time.Second).write(0, healthy()...)
		var batch []thongsuot.Result
		for ago := 10 * time.Second; ago < 5*time.Minute; ago += 10 * time.Second {
			for _, r := range []thongsuot.Result{ok("gateway", thongsuot.ProbeICMP), result("centre", thongsuot.ProbeTCP, thongsuot.ReasonTimeout)} {
				r.At = s.now.Add(-ago)
				batch = append(batch, r)
			}
		}
		order(batch)
		for range 2 {
			s.add(s.e.Observe(incident.Observation{Site: s.site, At: s.now, Start: 1, Boot: s.boot, Results: batch}))
		}
		s.run(time.Minute)
		b, err := json.Marshal(s.changes)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	forward := play(func([]thongsuot.Result) {})
	if backward := play(slices.Reverse[[]thongsuot.Result]); forward != backward {
		t.Errorf("order matters:\n%s\n%s", forward, backward)
	}
}

func TestShiftOfAllClocksChangesOnlyTimes(t *testing.T) {
	play := func(shift time.Duration) (kinds []string) {
		e, err := incident.New(incident.DefaultConfig(), t0.Add(shift))
		if err != nil {
			t.Fatal(err)
		}
		e.SetSites([]thongsuot.Site{{Code: "x", Status: thongsuot.StatusActive}}, always, t0.Add(shift))
		for i := range 300 {
			now := t0.Add(shift + time.Duration(i)*time.Second)
			if i%5 == 0 && (i < 100 || i > 200) {
				for _, c := range e.Observe(incident.Observation{Site: "x", At: now, Start: 1, Beat: &incident.Beat{}}) {
					kinds = append(kinds, fmt.Sprint(c.Kind, c.At.Sub(t0.Add(shift))))
				}
			}
			for _, c := range e.Tick(now) {
				kinds = append(kinds, fmt.Sprint(c.Kind, c.At.Sub(t0.Add(shift))))
			}
		}
		return kinds
	}
	a, b := play(0), play(-1000*time.Hour)
	if len(a) != 2 || !slices.Equal(a, b) {
		t.Errorf("%v\n%v", a, b)
	}
}

// What the version before this one kept is taken up: its newest answers count,
// and so does the patience that it learned.
func TestOlderSnapshotIsTakenUp(t *testing.T) {
	snap, err := os.ReadFile("testdata/snapshot-2.json")
	if err != nil {
		t.Fatal(err)
	}
	s := newScene(t)
	s.now = t0.Add(4 * time.Minute)
	if err := s.e.Restore(snap, nil, s.now); err != nil {
		t.Fatal(err)
	}
	s.run(10 * time.Second)
	if st, _ := s.e.Status("25051", s.now); len(st.Results) != 4 {
		t.Errorf("status %+v", st)
	}
	s.mute = true
	s.run(20 * time.Second).want()
	s.run(15 * time.Second).want("opened down unknown low")
}
