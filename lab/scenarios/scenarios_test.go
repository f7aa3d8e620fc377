package scenarios_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"thongsuot/lab/scenarios"
)

func corpus(t *testing.T) scenarios.File {
	t.Helper()
	f, err := scenarios.Read(bytes.NewReader(scenarios.Corpus()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCorpus(t *testing.T) {
	rs, err := scenarios.Run(corpus(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(rs) < 50 {
		t.Fatalf("%d judgements", len(rs))
	}
	for _, r := range rs {
		if !r.Right {
			t.Errorf("%s %s: want %s, got %s", r.ID, r.Phase, r.Expected, r.Given)
		}
	}
}

func TestBadFilesAreNamed(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		file, err := scenarios.Read(strings.NewReader(text))
		if err == nil {
			_, err = scenarios.Run(file)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("{", "read scenarios")
	f(`{"defaults":{},"szenarios":[]}`, "szenarios")
	f(`{"defaults":{"ups":"none"},"scenarios":[{"id":"X1","live":{"evidence":{"upz":"OL"}}}]}`, "scenario X1, live: field upz")
	f(`{"defaults":{"ups":"none"},"scenarios":[{"id":"X1","after":{"evidence":{"ups":7}}}]}`, "field ups: cannot be 7")
}

// each plays a change on every judgement of the corpus and gives both answers.
func each(t *testing.T, change func(evidence map[string]any), check func(id string, before, after scenarios.Answer)) {
	t.Helper()
	plain, err := scenarios.Run(corpus(t))
	if err != nil {
		t.Fatal(err)
	}
	f := corpus(t)
	for _, s := range f.Scenarios {
		for _, j := range []*scenarios.Judgement{s.Live, s.After} {
			if j != nil {
				change(j.Evidence)
			}
		}
	}
	changed, err := scenarios.Run(f)
	if err != nil {
		t.Fatal(err)
	}
	for i := range plain {
		check(plain[i].ID, plain[i].Given, changed[i].Given)
	}
}

// A planned window changes the flag and who is told, never the verdict.
func TestPlannedWindowChangesNoCause(t *testing.T) {
	for _, planned := range []any{"power", "access", "portal", "host", nil} {
		each(t, func(e map[string]any) { e["planned"] = planned }, func(id string, before, after scenarios.Answer) {
			if before.State != after.State || before.Cause != after.Cause || before.Conf != after.Conf {
				t.Errorf("%s, planned %v: %s became %s", id, planned, before, after)
			}
		})
	}
}

func TestNoChairOutOfHours(t *testing.T) {
	each(t, func(e map[string]any) { e["office"] = false }, func(id string, _, after scenarios.Answer) {
		if strings.Contains(strings.Join(after.Notify, " "), "chair") {
			t.Errorf("%s: %s", id, after)
		}
	})
}

// A stale UPS is no UPS.
func TestStaleIsNone(t *testing.T) {
	var stale []scenarios.Answer
	each(t, func(e map[string]any) { e["ups"] = "stale" }, func(_ string, _, after scenarios.Answer) { stale = append(stale, after) })
	i := 0
	each(t, func(e map[string]any) { e["ups"] = "none" }, func(id string, _, after scenarios.Answer) {
		if after.String() != stale[i].String() {
			t.Errorf("%s: stale %s, none %s", id, stale[i], after)
		}
		i++
	})
}

func TestSickCentreAccusesNobody(t *testing.T) {
	each(t, func(e map[string]any) { e["ingest_ok"] = false; e["hb_age_s"] = 300.0; e["backup_hb"] = "none" }, func(id string, _, after scenarios.Answer) {
		if after.Cause == "central" && (after.State != "unknown" || strings.Join(after.Notify, "") != "ops") {
			t.Errorf("%s: %s", id, after)
		}
	})
}

// Taking evidence away never makes the same cause surer. A site on battery
// speaks against its line, so that is no support to be taken from it.
func TestLessEvidenceIsNeverSurer(t *testing.T) {
	rank := map[string]int{"low": 0, "medium": 1, "high": 2}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		each(t, func(e map[string]any) {
			keys := make([]string, 0, len(e))
			for k := range e {
				if k != "hb_age_s" && k != "boot" && k != "backup_hb" && k != "onbatt_in_gap" {
					keys = append(keys, k)
				}
			}
			if len(keys) > 0 {
				delete(e, keys[rng.IntN(len(keys))])
			}
		}, func(id string, before, after scenarios.Answer) {
			if before.Cause == after.Cause && before.State == after.State && rank[string(after.Conf)] > rank[string(before.Conf)] {
				t.Errorf("%s: %s became %s", id, before, after)
			}
		})
		if t.Failed() {
			return
		}
	}
}

func TestResultsAreJSON(t *testing.T) {
	rs, err := scenarios.Run(corpus(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(rs[0])
	if err != nil || !strings.Contains(string(b), `"expected":{"state":`) || !strings.Contains(string(b), `"phase":"live"`) {
		t.Errorf("%s %v", b, err)
	}
}

// What is misspelt is said, not judged as unknown.
func TestMisspeltEvidence(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		file, err := scenarios.Read(strings.NewReader(text))
		if err == nil {
			_, err = scenarios.Run(file)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want %q", text, err, want)
		}
	}
	one := func(evidence string) string {
		return `{"defaults": {"boot": null, "ups": "OL"}, "scenarios": [{"id": "K1", "after": {"evidence": ` + evidence + `, "expect": {}}}]}`
	}
	f(`{}`, "there are none")
	f(one(`{}`)+` x`, "something follows")
	f(one(`{"boot": "chagned"}`), `scenario K1, after: field boot: cannot be "chagned" (want one of same, changed)`)
	f(one(`{"ups": "ONBATT"}`), `field ups: cannot be "ONBATT"`)
	f(one(`{"wind": 3}`), "field wind: is not among the defaults")
}
