package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/ledger"
)

func TestTruths(t *testing.T) {
	l, path := fresh(t)
	must(t, l.Record(t.Context(), []thongsuot.Change{change("i1", 1, 0), change("i2", 1, 60)}))
	truth := func(incident string, cause thongsuot.Cause) thongsuot.Truth {
		return thongsuot.Truth{Incident: incident, Cause: cause, Who: "Văn phòng UBND", How: thongsuot.HowCommand, At: begin.Truncate(time.Millisecond), Note: "cột điện đổ"}
	}
	first, second, other := truth("i1", thongsuot.CausePower), truth("i1", thongsuot.CauseAccess), truth("i2", thongsuot.CauseNone)
	for _, one := range []thongsuot.Truth{first, second, other} {
		must(t, l.AddTruth(t.Context(), one))
	}
	of, err := l.TruthsOf(t.Context(), "i1")
	must(t, err)
	equal(t, "of one incident", of, []ledger.KeptTruth{{ID: 1, Truth: first}, {ID: 2, Truth: second}})
	all, err := l.Truths(t.Context(), begin, begin.Add(time.Hour))
	must(t, err)
	equal(t, "of all", all, []ledger.KeptTruth{{ID: 1, Truth: first}, {ID: 2, Truth: second}, {ID: 3, Truth: other}})
	none, err := l.Truths(t.Context(), begin.Add(24*time.Hour), begin.Add(48*time.Hour))
	must(t, err)
	equal(t, "of another day", none, nil)

	must(t, l.TruthTold(t.Context(), 1))
	must(t, l.TruthTold(t.Context(), 1))
	waiting, err := l.NewTruths(t.Context())
	must(t, err)
	equal(t, "not told yet", waiting, []ledger.KeptTruth{{ID: 2, Truth: second}, {ID: 3, Truth: other}})

	if err := l.AddTruth(t.Context(), truth("i9", thongsuot.CausePower)); !errors.Is(err, ledger.ErrNoIncident) {
		t.Errorf("truth about no incident: %v", err)
	}
	for _, bad := range []thongsuot.Truth{truth("", thongsuot.CausePower), truth("i1", thongsuot.CauseUnknown), truth("i1", "weather"), {Incident: "i1", Cause: thongsuot.CausePower, How: "page", At: begin}} {
		if err := l.AddTruth(t.Context(), bad); err == nil {
			t.Errorf("kept %+v", bad)
		}
	}
	db := raw(t, path)
	for _, change := range []string{"DELETE FROM truths", "UPDATE truths SET cause = 'lan'"} {
		if _, err := db.Exec(change); err == nil || !strings.Contains(err.Error(), "only added to") {
			t.Errorf("%s: %v", change, err)
		}
	}
}
