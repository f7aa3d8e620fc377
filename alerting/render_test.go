package alerting_test

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/alerting"
	"thongsuot/alerting/notice"
	"thongsuot/lang"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestWords: what receivers read, in both languages.
func TestWords(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 23, 14, minute, 7, 0, zone) }
	battery := thongsuot.Verdict{
		State: thongsuot.StateAtRisk, Cause: thongsuot.CausePower, Confidence: thongsuot.ConfidenceHigh, Planned: true,
		Evidence: []thongsuot.Evidence{{Code: thongsuot.EvidenceOnBattery, At: at(2), Value: 540}},
	}
	line := thongsuot.Verdict{
		State: thongsuot.StateDown, Cause: thongsuot.CauseAccess, Sub: "dns", Confidence: thongsuot.ConfidenceMedium,
		Candidates: []string{"access", "power"},
		Evidence: []thongsuot.Evidence{
			{Code: thongsuot.EvidenceTargetFails, Probe: "gateway", Target: "192.0.2.1", Reason: thongsuot.ReasonTimeout},
			{Code: thongsuot.EvidenceMainsPresent, At: at(6)},
		},
	}
	many := line
	for range 9 {
		many.Evidence = append(many.Evidence, thongsuot.Evidence{Code: thongsuot.EvidenceTargetAnswers, Target: "192.0.2.2"})
	}
	up := line
	up.State = thongsuot.StateUp
	elsewhere := change("unlisted", 1, thongsuot.ChangeOpened, silent)
	elsewhere.Incident.Site = "99999"

	for _, l := range []lang.Lang{lang.Vi, lang.En} {
		var got strings.Builder
		for _, m := range told(t, l,
			opened("silent"), change("battery", 1, thongsuot.ChangeOpened, battery), change("line", 1, thongsuot.ChangeOpened, line),
			change("line", 2, thongsuot.ChangeCause, many), change("line", 3, thongsuot.ChangeClosed, up),
			change("line", 4, thongsuot.ChangeRevised, battery), elsewhere,
		) {
			print(&got, m)
		}
		name := "testdata/words." + string(l) + ".golden"
		if *update {
			if err := os.WriteFile(name, []byte(got.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got.String() != string(want) {
			t.Errorf("%s differs (run with -update to accept):\n%s", name, got.String())
		}
		if strings.Contains(got.String(), "⟦") || strings.Contains(got.String(), "%!") {
			t.Errorf("%s: a text is missing or has wrong verbs", name)
		}
	}
}

// told is the messages that the changes make, one by one.
func told(t *testing.T, l lang.Lang, changes ...thongsuot.Change) (got []notice.Message) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ops, ledger := new(channel), newMemory()
		cfg := alerting.DefaultConfig()
		cfg.Language, cfg.PageURL = string(l), "https://thongsuot.example/tinh"
		cfg.Receivers = []alerting.Receiver{{Name: "ops"}}
		d := alerting.New(cfg, map[string][]alerting.Notifier{"ops": {ops}}, ledger, province, zone,
			slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		go d.Run(t.Context())
		for _, c := range changes {
			ledger.record(c)
			d.Wake()
			time.Sleep(2 * time.Second) // a supply's self-test is over
			synctest.Wait()
		}
		got = ops.messages()
	})
	return got
}

func print(b *strings.Builder, m notice.Message) {
	fmt.Fprintf(b, "== %s/%d %s\n%s\n%s\n", m.Incident, m.Revision, m.Kind, m.Title, m.Summary)
	for _, line := range append(m.Lines, m.Evidence...) {
		fmt.Fprintf(b, "  %s\n", line)
	}
	fmt.Fprintf(b, "[%s](%s) %s\n\n", m.Link.Text, m.Link.URL, m.Why)
}
