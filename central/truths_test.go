package central_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
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

// The page of an incident takes a correction from its own form alone.
func TestCorrectionOnThePage(t *testing.T) {
	h := newHouse(t)
	l, err := ledger.Open(filepath.Join(h.cfg.DataDir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	began := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	in := thongsuot.Incident{ID: "25051-y", Site: "25051", Start: began, End: began.Add(time.Minute), Worst: thongsuot.StateDown, Revision: 1,
		Verdict: thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CausePower, Confidence: .7}}
	if err := l.Record(t.Context(), []thongsuot.Change{{Kind: thongsuot.ChangeOpened, At: began, Incident: in}}); err != nil {
		t.Fatal(err)
	}
	if page := h.get("incident/25051-y"); !strings.Contains(page, `action="/incident/25051-y/truth"`) || !strings.Contains(page, "Xác nhận nguyên nhân") {
		t.Error("the page has no form")
	}
	post := func(id, site string, form url.Values) int {
		t.Helper()
		req, err := http.NewRequest(http.MethodPost, "http://"+h.server.PagesAddr()+"/incident/"+id+"/truth", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", site)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	good := url.Values{"cause": {"lan"}, "who": {"Văn phòng UBND"}, "note": {"bộ chia mạng  hỏng"}}
	f := func(id, site string, form url.Values, want int) {
		t.Helper()
		if got := post(id, site, form); got != want {
			t.Errorf("post to %s from %s: %d, want %d", id, site, got, want)
		}
	}
	f("25051-y", "cross-site", good, http.StatusForbidden)
	f("25051-y", "same-origin", url.Values{"cause": {"lan"}}, http.StatusBadRequest)
	f("25051-y", "same-origin", url.Values{"cause": {"weather"}, "who": {"x"}}, http.StatusBadRequest)
	f("25051-nowhere", "same-origin", good, http.StatusNotFound)
	if none, err := l.TruthsOf(t.Context(), in.ID); err != nil || len(none) != 0 {
		t.Fatalf("kept %+v, %v", none, err)
	}
	f("25051-y", "same-origin", good, http.StatusSeeOther)
	kept, err := l.TruthsOf(t.Context(), in.ID)
	if err != nil || len(kept) != 1 || kept[0].Cause != thongsuot.CauseLAN || kept[0].How != thongsuot.HowPage || kept[0].Note != "bộ chia mạng hỏng" {
		t.Errorf("kept %+v, %v", kept, err)
	}
	if page := h.get("do-chinh-xac"); !strings.Contains(page, "1 sự cố trong một năm qua") || !strings.Contains(page, "<td>Mất điện</td>") {
		t.Errorf("the page of accuracy lacks what was said:\n%s", page)
	}
	if trail, err := l.AuditTrail(t.Context(), 1); err != nil || len(trail) != 1 || trail[0].What != "incident corrected" {
		t.Errorf("audit %+v, %v", trail, err)
	}
}
