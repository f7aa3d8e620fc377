package central_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/central"
	"thongsuot/ledger"
)

// What somebody says of an incident, in another process, is told by the running
// centre as a revision, and measures what was concluded.
func TestCorrectionReachesTheRecord(t *testing.T) {
	h := newHouse(t)
	l, err := ledger.Open(filepath.Join(h.cfg.DataDir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	in := thongsuot.Incident{ID: "25051-x", Site: "25051", Start: began, Worst: thongsuot.StateDown, Revision: 1,
		Verdict: thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CauseUnknown, Confidence: .3, Candidates: []string{"power", "access"}}}
	closed := in
	closed.End, closed.Revision, closed.Verdict = began.Add(time.Minute), 2, thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CausePower, Confidence: .7}
	if err := l.Record(t.Context(), []thongsuot.Change{{Kind: thongsuot.ChangeOpened, At: began, Incident: in}, {Kind: thongsuot.ChangeClosed, At: closed.End, Incident: closed}}); err != nil {
		t.Fatal(err)
	}
	if err := l.AddTruth(t.Context(), thongsuot.Truth{Incident: in.ID, Cause: thongsuot.CauseAccess, Who: "VNPT", How: thongsuot.HowCommand, At: time.Now(), Note: "đứt cáp"}); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var changes []thongsuot.Change
	for len(changes) < 3 {
		select {
		case <-t.Context().Done():
			t.Fatal("waited in vain for the revision")
		case <-tick.C:
		}
		if changes, err = l.Changes(t.Context(), in.ID); err != nil {
			t.Fatal(err)
		}
	}
	c := changes[2]
	if c.Kind != thongsuot.ChangeRevised || c.Incident.Verdict.Cause != thongsuot.CauseAccess || c.Incident.Truth == nil || c.Incident.Truth.Who != "VNPT" {
		t.Errorf("revision %+v", c)
	}
	m, err := central.Accuracy(t.Context(), l, began, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	want := []thongsuot.Cell{{Truth: thongsuot.CauseAccess, Concluded: thongsuot.CausePower, Count: 1}}
	if m.Judged != 1 || m.Live.Undecided != 1 || m.Final.Right != 0 || !slices.Equal(m.Final.Cells, want) {
		t.Errorf("matrix %+v", m)
	}
	h.stop() // all has settled: it is told once
	if changes, err = l.Changes(t.Context(), in.ID); err != nil || len(changes) != 3 {
		t.Errorf("%d changes, %v", len(changes), err)
	}
	if left, err := l.NewTruths(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("left %+v, %v", left, err)
	}
}
