package cmd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What an operator gets wrong is told with file, line, field and value, and
// ends with exit code 2.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	registry := filepath.Dir(write(t, dir, "registry/sites.csv", "code,kind,unit,name,status\n25051,commune,commune,Sơn Điền,active\n"))
	twice := filepath.Dir(write(t, dir, "twice/sites.csv", "code,kind,unit,name,status\n25051,commune,commune,Sơn Điền,active\n25051,commune,commune,Sơn Điền,active\n"))
	token := write(t, dir, "token", strings.Repeat("t", 40)+"\n")
	central := func(lines string) string {
		return "data_dir: " + dir + "/central\nregistry: [" + registry + "]\n" + lines
	}
	agent := func(lines string) string {
		return "data_dir: " + dir + "/agent\ncentre: {url: \"http://127.0.0.1:1\", token_file: " + token + "}\n" + lines
	}
	n := 0
	f := func(name, program, config string, want ...string) {
		t.Run(name, func(t *testing.T) {
			n++
			path := write(t, dir, fmt.Sprintf("config-%d.yaml", n), config)
			code, out := answer(t, program, "check-config", "-config", path)
			if code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			for _, w := range want {
				if !strings.Contains(out, w) {
					t.Errorf("the answer lacks %q:\n%s", w, out)
				}
			}
		})
	}
	const c, a = "thongsuot-central", "thongsuot-agent"
	f("unknown key", c, central("pages: {lisen: x}\n"), "config-1.yaml", "[3:9]", `"lisen"`)
	f("wrong unit", c, central("incident:\n  beat: 5\n"), "[4:9]", "with its unit")
	f("duplicate site", c, "registry: ["+twice+"]\n", "sites.csv", "3", "25051")
	f("no registry", c, "registry: [/nowhere/registry]\n", "/nowhere/registry")
	f("pages for all", c, central("pages: {listen: \"0.0.0.0:80\"}\n"), "pages.listen", "0.0.0.0:80")
	f("not yaml", c, "a: [b\n", "config-6.yaml")
	f("unknown key of the agent", a, agent("probes:\n  gatway: auto\n"), "[4:3]", `"gatway"`)
	f("missing token file", a, "centre: {url: \"http://127.0.0.1:1\", token_file: /nowhere/token}\n", "/nowhere/token", "thongsuot-central token")
	f("impolite portal", a, agent("probes:\n  portals: [{url: \"https://portal.example/\", every: 10s}]\n"), "probes.portals[0].every", "10s")
	f("two probes of one name", a, agent("probes:\n  icmp: [{name: x, host: 127.0.0.1}, {name: x, host: 127.0.0.2}]\n"), "probes.icmp[1].name", `"x"`)

	// A good one is told as well, with what it would do.
	good := write(t, dir, "good.yaml", agent(""))
	if code, out := answer(t, a, "check-config", "-config", good); code != 0 || !strings.Contains(out, "https://dichvucong.gov.vn/") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

func TestCommandLine(t *testing.T) {
	f := func(wantCode int, want, program string, args ...string) {
		t.Helper()
		code, out := answer(t, program, args...)
		if code != wantCode || !strings.Contains(out, want) {
			t.Errorf("%s %q: exit code %d:\n%s", program, args, code, out)
		}
	}
	for _, p := range []string{"thongsuot-agent", "thongsuot-central"} {
		f(0, p, p, "version")
		f(0, "usage: "+p, p, "help")
		f(2, "usage: "+p, p)
		f(2, `unknown command "fly"`, p, "fly")
		f(2, "/nowhere.yaml", p, "check-config", "-config", "/nowhere.yaml")
	}
	f(0, "uptime_seconds", "thongsuot-agent", "once", "boot")
	f(2, `no probe is called "x"`, "thongsuot-agent", "once", "x")
	f(2, "want the name of one probe", "thongsuot-agent", "once")
	f(2, "want the code of one site", "thongsuot-central", "token")
	f(2, `-from: want a day such as 2026-11-01 (got "")`, "thongsuot-central", "report", "-to", "2026-11-30")
	f(2, `-to: must not be before -from 2026-11-30`, "thongsuot-central", "report", "-from", "2026-11-30", "-to", "2026-11-01")
	f(2, `-format: want some of pdf,xlsx,csv,html (got "doc")`, "thongsuot-central", "report", "-from", "2026-11-01", "-to", "2026-11-30", "-format", "doc")
	f(2, "/nowhere.yaml", "thongsuot-central", "report", "-from", "2026-11-01", "-to", "2026-11-30", "-costs", "/nowhere.yaml")
}

func TestUnwritableFolderAndUnknownSite(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "registry/sites.csv", "code,kind,unit,name,status\n25051,commune,commune,Sơn Điền,not_installed\n")
	file := write(t, dir, "file", "")
	config := write(t, dir, "central.yaml", "data_dir: "+file+"/below\nregistry: ["+dir+"/registry]\n")
	if code, out := answer(t, "thongsuot-central", "run", "-config", config); code != 2 || !strings.Contains(out, "data_dir") {
		t.Errorf("unwritable folder: exit code %d:\n%s", code, out)
	}
	config = write(t, dir, "good.yaml", "data_dir: "+dir+"/data\nregistry: ["+dir+"/registry]\n")
	if code, out := answer(t, "thongsuot-central", "token", "-config", config, "99999"); code != 2 || !strings.Contains(out, "99999") {
		t.Errorf("unknown site: exit code %d:\n%s", code, out)
	}
	code, out := answer(t, "thongsuot-central", "token", "25051", "-config", config, "-out", dir+"/t/token")
	if code != 0 || !strings.Contains(out, "not marked active") {
		t.Errorf("site that is not installed: exit code %d:\n%s", code, out)
	}
	if code, out := answer(t, "thongsuot-central", "token", "-config", config, "-out", file+"/token", "25051"); code != 1 || !strings.Contains(out, file) {
		t.Errorf("token file that cannot be written: exit code %d:\n%s", code, out)
	}
	info, err := os.Stat(dir + "/t/token")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("token file: %v %v", info, err)
	}
}

func TestEnvironmentOutweighsTheFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "registry/sites.csv", "code,kind,unit,name,status\n")
	config := write(t, dir, "central.yaml", "data_dir: "+dir+"\nregistry: ["+dir+"/registry]\n")
	f := func(env, want string, wantCode int) {
		t.Helper()
		code, out := answerWith(t, []string{env}, "thongsuot-central", "check-config", "-config", config)
		if code != wantCode || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d:\n%s", env, code, out)
		}
	}
	f("THONGSUOT_CENTRAL_PAGES_LISTEN=0.0.0.0:1", "0.0.0.0:1", 2)
	f("THONGSUOT_CENTRAL_PAGES_LISTN=x", "THONGSUOT_CENTRAL_PAGES_LISTN", 2)
	f("THONGSUOT_CENTRAL_INCIDENT_BEAT=fast", `"fast"`, 2)
	f("THONGSUOT_CENTRAL_INCIDENT_BEAT=10s", "can work", 0)
	f("THONGSUOT_CENTRAL_REGISTRY=["+dir+"/registry]", "can work", 0)
	f("THONGSUOT_AGENT_ROUND=nonsense", "can work", 0)
}
