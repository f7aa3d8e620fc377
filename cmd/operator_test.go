package cmd_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"thongsuot"
)

// What is announced by command is in a dated file of the registry, listed, and
// taken back; what is wrong is told with field and value.
func TestWindowsByCommand(t *testing.T) {
	dir := t.TempDir()
	registry := filepath.Dir(write(t, dir, "registry/sites.csv", "code,kind,unit,name,status\n25051,commune,commune,Sơn Điền,active\n"))
	config := write(t, dir, "central.yaml", "data_dir: "+dir+"/central\nregistry: ["+registry+"]\n")
	run := func(wantCode int, want string, args ...string) string {
		t.Helper()
		code, out := answer(t, "thongsuot-central", append([]string{"window", "-config", config}, args...)...)
		if code != wantCode || !strings.Contains(out, want) {
			t.Errorf("%q: exit code %d, want %d and %q:\n%s", args, code, wantCode, want, out)
		}
		return out
	}
	good := []string{"add", "-sites", "25051", "-cause", "power", "-start", "2199-11-25 07:30", "-end", "25/11/2199 11:00", "-source", "Điện lực Di Linh", "-reason", "bảo trì"}
	id, _, _ := strings.Cut(run(0, "announced in", good...), " ")
	if files, err := filepath.Glob(filepath.Join(registry, "windows-20??-??-??.csv")); err != nil || len(files) != 1 {
		t.Errorf("dated files: %v, %v", files, err)
	}
	run(0, "Điện lực Di Linh", "list")
	run(1, "announced already", good...)
	run(1, "no such site in sites.csv: 99999", "add", "-sites", "99999", "-cause", "power", "-start", "2199-11-25 07:30", "-end", "2199-11-25 08:30", "-source", "x")
	run(1, `cause: must be one of power, access, portal, host (got "lan")`, "add", "-sites", "all", "-cause", "lan", "-start", "2199-11-25 07:30", "-end", "2199-11-25 08:30", "-source", "x")
	run(2, `-start: want a day and a time such as "2026-11-25 07:30" (got "soon")`, "add", "-sites", "all", "-cause", "power", "-start", "soon")
	run(2, "want add, list or remove ID", "drop")
	run(1, `no announced window has the ID "0"`, "remove", "0")
	run(0, "taken out of", "remove", id)
	if out := run(0, "ID", "list"); strings.Contains(out, id) {
		t.Errorf("listed though taken back:\n%s", out)
	}
	if err := os.WriteFile(filepath.Join(registry, "evn.ics"), []byte("no calendar"), 0o644); err != nil {
		t.Fatal(err)
	}
	run(2, "evn.ics: is no iCalendar file", "list")
}

func TestCorrectionsByCommand(t *testing.T) {
	dir := t.TempDir()
	config := write(t, dir, "central.yaml", "data_dir: "+dir+"/central\n")
	f := func(wantCode int, want string, args ...string) string {
		t.Helper()
		code, out := answer(t, "thongsuot-central", append(args, "-config", config)...)
		if code != wantCode || !strings.Contains(out, want) {
			t.Errorf("%q: exit code %d, want %d and %q:\n%s", args, code, wantCode, want, out)
		}
		return out
	}
	f(2, "want the code of one incident", "correct", "-cause", "power")
	f(2, `-cause: must be one of none, power`, "correct", "25051-x", "-cause", "weather")
	f(1, "there is no such incident on record", "correct", "25051-x", "-cause", "power")
	f(0, "0 incidents of which somebody said the cause", "matrix")
	var m thongsuot.Matrix
	if err := json.Unmarshal([]byte(f(0, "{", "matrix", "-json")), &m); err != nil || m.Judged != 0 {
		t.Errorf("matrix %+v, %v", m, err)
	}
}

func TestBacktestByCommand(t *testing.T) {
	dir := t.TempDir()
	registry := filepath.Dir(write(t, dir, "registry/sites.csv", "code,kind,unit,name,status\n25051,commune,commune,Sơn Điền,active\n"))
	config := write(t, dir, "central.yaml", "data_dir: "+dir+"/central\nregistry: ["+registry+"]\n")
	rules := write(t, dir, "rules.yaml", "min_beats: 6\n")
	f := func(wantCode int, want string, args ...string) string {
		t.Helper()
		code, out := answer(t, "thongsuot-central", append([]string{"backtest", "-config", config}, args...)...)
		if code != wantCode || !strings.Contains(out, want) {
			t.Errorf("%q: exit code %d, want %d and %q:\n%s", args, code, wantCode, want, out)
		}
		return out
	}
	f(0, "incidents: 0 with the present rules, 0 with the others", "-rules", rules)
	f(0, `"base": 0`, "-from", "2026-11-20", "-to", "2026-11-21 07:30", "-json")
	f(2, `-from: want a day such as 2026-11-25`, "-from", "soon")
	f(1, "not before it ends", "-from", "2026-11-21", "-to", "2026-11-20")
	f(2, "min_bats", "-rules", write(t, dir, "bad.yaml", "min_bats: 6\n"))
	f(2, "incident.min_beats", "-rules", write(t, dir, "wrong.yaml", "min_beats: 60\n"))
}
