package central_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/central"
	"thongsuot/ledger"
	"thongsuot/reports"
)

// A report reads the data of a running centre, and the same of a stopped one.
func TestReport(t *testing.T) {
	h := newHouseWith(t, func(c *central.Config) {
		hours := "site,days,hours\n,mon-sun,00:00-23:59\n"
		if err := os.WriteFile(filepath.Join(c.Registry[0], "hours.csv"), []byte(hours), 0o644); err != nil {
			t.Fatal(err)
		}
	})
	end := time.Now().Truncate(24 * time.Hour).Add(-12 * time.Hour) // 19:00 in Việt Nam
	begin := end.Add(-2 * time.Hour)
	var lines strings.Builder
	for at := begin.Add(time.Minute); !at.After(end); at = at.Add(time.Minute) {
		fmt.Fprintf(&lines, "agent,probe=agent ok=1 %d\n", at.UnixMilli())
		if at.After(begin.Add(time.Hour)) {
			fmt.Fprintf(&lines, "ups,probe=ups ok=1 %d\n", at.UnixMilli())
		}
		switch minute := at.Sub(begin) / time.Minute; {
		case minute%4 == 0:
			fmt.Fprintf(&lines, "portal,probe=portal ok=0 %d\n", at.UnixMilli())
		case minute%4 == 1:
			fmt.Fprintf(&lines, "portal,probe=portal ok=1,total_seconds=3 %d\n", at.UnixMilli())
		default:
			fmt.Fprintf(&lines, "portal,probe=portal ok=1,total_seconds=1 %d\n", at.UnixMilli())
		}
	}
	if status, _, text := h.post("25051", []byte(lines.String()), nil); status != 204 {
		t.Fatalf("%d %s", status, text)
	}
	l, err := ledger.Open(filepath.Join(h.cfg.DataDir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	in := thongsuot.Incident{ID: "x", Site: "25051", Start: begin.Add(-time.Hour), End: begin.Add(-30 * time.Minute), Revision: 1,
		Verdict: thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CausePower, Confidence: .95}}
	if err := l.Record(t.Context(), []thongsuot.Change{{Kind: thongsuot.ChangeClosed, At: in.End, Incident: in}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	input := func() reports.Input {
		t.Helper()
		read, err := central.ReportInput(t.Context(), h.cfg, reports.DefaultConfig(), begin.Add(-2*time.Hour), end, "test", slog.New(slog.DiscardHandler), nil)
		if err != nil {
			t.Fatal(err)
		}
		return read
	}
	check := func(in reports.Input) *reports.Report {
		t.Helper()
		r, err := reports.Make(in, reports.DefaultConfig(), reports.DefaultCosts(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range r.Accounts {
			want := 0. // nobody ever saw the other site
			if a.Site.Code == "25051" {
				want = 2.5 / 4 // two hours by samples, half an hour by an incident
				if got := a.Portal.Score(); got != (60+.5*30)/120 {
					t.Errorf("Apdex %g of %+v", got, a.Portal)
				}
				if a.MainsSeen != 90*time.Minute || !a.MainsSensor {
					t.Errorf("mains known for %s", a.MainsSeen)
				}
			}
			if got := float64(a.Seen) / float64(a.Due); got != want {
				t.Errorf("%s: coverage %g, want %g", a.Site.Code, got, want)
			}
		}
		return r
	}
	running := check(input())
	h.stop()
	if stopped := check(input()); stopped.Hash != running.Hash {
		t.Error("the same data have two hashes, of a running and of a stopped centre")
	}

	_, err = central.ReportInput(t.Context(), h.cfg, reports.DefaultConfig(), begin, end, "test", slog.New(slog.DiscardHandler), func(float64) error { return errStop })
	if !errors.Is(err, errStop) {
		t.Errorf("told to stop: %v", err)
	}
	h.cfg.DataDir = t.TempDir()
	if _, err := central.ReportInput(t.Context(), h.cfg, reports.DefaultConfig(), begin, end, "test", slog.New(slog.DiscardHandler), nil); err == nil {
		t.Error("a report of nothing")
	}
	if left, err := os.ReadDir(h.cfg.DataDir); err != nil || len(left) != 0 {
		t.Errorf("a report left %v, %v", left, err)
	}
}

var errStop = errors.New("stop")
