package ledger_test

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"thongsuot"
)

func TestRecordTwiceIsOnce(t *testing.T) {
	l, _ := fresh(t)
	first := change("i1", 1, 0)
	again := first
	again.Incident.Worst = thongsuot.StateDegraded
	must(t, l.Record(t.Context(), []thongsuot.Change{first, first}))
	must(t, l.Record(t.Context(), []thongsuot.Change{again, change("i1", 2, 0)}))
	got, err := l.Changes(t.Context(), "i1")
	must(t, err)
	if len(got) != 2 || !reflect.DeepEqual(got[0], first) {
		t.Errorf("on record: %+v\nwant first: %+v", got, first)
	}
	must(t, l.Route(t.Context(), first, nil))
	must(t, l.Record(t.Context(), []thongsuot.Change{first}))
	out, err := l.Unrouted(t.Context(), 10)
	must(t, err)
	equal(t, "outbox after routing and recording again", keys(out), []string{"i1/2"})
}

// An older revision that comes late belongs to the history and does not turn
// back what is shown.
func TestOlderRevisionComesLate(t *testing.T) {
	l, _ := fresh(t)
	must(t, l.Record(t.Context(), []thongsuot.Change{change("i1", 1, 0), ended(change("i1", 3, 0), time.Hour)}))
	must(t, l.Record(t.Context(), []thongsuot.Change{change("i1", 2, 0)}))
	all, err := l.Incidents(t.Context(), "", begin, begin, 10)
	must(t, err)
	equal(t, "newest", incidents(all), []string{"i1/3"})
	open, err := l.OpenIncidents(t.Context())
	must(t, err)
	equal(t, "open", incidents(open), nil)
	got, err := l.Changes(t.Context(), "i1")
	must(t, err)
	equal(t, "history", keys(got), []string{"i1/1", "i1/2", "i1/3"})
}

// A correction may move start, end and site, or open the incident again.
func TestNewestRevisionCounts(t *testing.T) {
	l, _ := fresh(t)
	must(t, l.Record(t.Context(), []thongsuot.Change{ended(change("i1", 1, 0), time.Minute), at("24676", change("i1", 2, 30))}))
	f := func(site string, from, to time.Duration, want ...string) {
		t.Helper()
		got, err := l.Incidents(t.Context(), site, begin.Add(from), begin.Add(to), 10)
		must(t, err)
		equal(t, site, incidents(got), want)
	}
	f("24673", 0, time.Hour)
	f("24676", 0, time.Hour, "i1/2")
	f("24676", 0, 29*time.Minute)
}

func TestIncidentsOverlap(t *testing.T) {
	l, _ := fresh(t)
	must(t, l.Record(t.Context(), []thongsuot.Change{
		ended(change("a", 1, 0), 10*time.Minute),
		ended(change("b", 1, 20), 10*time.Minute),
		at("24676", ended(change("c", 1, 20), 40*time.Minute)),
		change("d", 1, 50),
	}))
	f := func(site string, from, to time.Duration, limit int, want ...string) {
		t.Helper()
		got, err := l.Incidents(t.Context(), site, begin.Add(from), begin.Add(to), limit)
		must(t, err)
		var ids []string
		for _, i := range got {
			ids = append(ids, i.ID)
		}
		equal(t, site+" "+from.String()+" to "+to.String(), ids, want)
	}
	f("", 0, time.Hour, 10, "d", "c", "b", "a")
	f("", 0, time.Hour, 3, "d", "c", "b")
	f("", 0, time.Hour, 0)
	f("", 0, time.Hour, -1, "d", "c", "b", "a")
	f("24673", 0, time.Hour, 10, "d", "b", "a")
	f("24676", 0, time.Hour, 10, "c")
	f("25051", 0, time.Hour, 10)
	f("", 11*time.Minute, 19*time.Minute, 10)                // between
	f("", 10*time.Minute, 20*time.Minute, 10, "c", "b", "a") // both ends belong
	f("", 22*time.Minute, 23*time.Minute, 10, "c", "b")      // within
	f("", 31*time.Minute, 49*time.Minute, 10, "c")
	f("", 24*365*time.Hour, 24*366*time.Hour, 10, "d") // goes on
	f("", -time.Hour, -time.Minute, 10)
	f("", time.Hour, 0, 10) // no time at all
}

func TestOpenIncidentsOldestFirst(t *testing.T) {
	l, _ := fresh(t)
	must(t, l.Record(t.Context(), []thongsuot.Change{
		change("late", 1, 9), change("early", 1, 1), ended(change("over", 1, 0), time.Minute), change("late", 2, 9),
	}))
	got, err := l.OpenIncidents(t.Context())
	must(t, err)
	equal(t, "open", incidents(got), []string{"early/1", "late/2"})
	if !reflect.DeepEqual(got[0], change("early", 1, 1).Incident) {
		t.Errorf("read %+v", got[0])
	}
}

func TestRecordIsAllOrNothing(t *testing.T) {
	l, path := fresh(t)
	rawExec(t, path, `CREATE TRIGGER refuse BEFORE INSERT ON changes WHEN new.incident = 'bad' BEGIN SELECT RAISE(ABORT, 'refused'); END`)
	f := func(bad thongsuot.Change) {
		t.Helper()
		if err := l.Record(t.Context(), []thongsuot.Change{change("good", 1, 0), bad}); err == nil {
			t.Fatalf("%+v is recorded", bad)
		}
		changes, err := l.Changes(t.Context(), "good")
		must(t, err)
		open, err := l.OpenIncidents(t.Context())
		must(t, err)
		out, err := l.Unrouted(t.Context(), 10)
		must(t, err)
		if len(changes)+len(open)+len(out) != 0 {
			t.Errorf("half is recorded: %d changes, %d incidents, %d in the outbox", len(changes), len(open), len(out))
		}
	}
	f(change("bad", 1, 0))
	f(change("", 1, 0))
	f(change("i1", 0, 0))
	f(at("", change("i1", 1, 0)))
	unsayable := change("i1", 1, 0)
	unsayable.Incident.Verdict.Confidence = thongsuot.Confidence(math.NaN())
	f(unsayable)
	must(t, l.Record(t.Context(), nil))
}

func TestUnroutedInOrderOfRecording(t *testing.T) {
	l, _ := fresh(t)
	var want []string
	for n := range 30 {
		c := change([]string{"z", "a", "m"}[n%3], n/3+1, -n) // neither name nor time gives the order
		must(t, l.Record(t.Context(), []thongsuot.Change{c}))
		want = append(want, c.Key())
	}
	got, err := l.Unrouted(t.Context(), 100)
	must(t, err)
	equal(t, "outbox", keys(got), want)
	for _, i := range []int{7, 0, 20} {
		must(t, l.Route(t.Context(), got[i], nil))
	}
	want = slices.Concat(want[1:7], want[8:12])
	got, err = l.Unrouted(t.Context(), 10)
	must(t, err)
	equal(t, "first ten that are left", keys(got), want)
}

func TestNoSuchIncident(t *testing.T) {
	l, _ := fresh(t)
	cs, err := l.Changes(t.Context(), "i1")
	must(t, err)
	ds, err := l.Deliveries(t.Context(), "i1")
	must(t, err)
	if len(cs)+len(ds) != 0 {
		t.Errorf("read %v, %v", cs, ds)
	}
}

// A regional incident has no site; it is found with those of all sites alone.
func TestRegionalIncidentIsKept(t *testing.T) {
	l, _ := fresh(t)
	c := thongsuot.Change{Kind: thongsuot.ChangeOpened, At: begin, Incident: thongsuot.Incident{
		ID: "upstream-1", Start: begin, Revision: 1, Region: thongsuot.Region{Kind: thongsuot.RegionUpstream, Name: "Di Linh"},
		Members: []thongsuot.Member{{Site: "25051", Incident: "a", From: begin}},
	}}
	if err := l.Record(t.Context(), []thongsuot.Change{c}); err != nil {
		t.Fatal(err)
	}
	all, err := l.OpenIncidents(t.Context())
	if err != nil || len(all) != 1 || !reflect.DeepEqual(all[0], c.Incident) {
		t.Errorf("%+v, %v", all, err)
	}
	own, err := l.Incidents(t.Context(), "25051", begin, begin, 10)
	if err != nil || len(own) != 0 {
		t.Errorf("%+v, %v", own, err)
	}
}
