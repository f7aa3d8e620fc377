package thongsuot_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// allowed says which packages of the module each folder may import, beside
// those below itself. A new folder is a decision, to be written here and in
// ARCHITECTURE.md. "*" is everything.
var allowed = map[string][]string{
	".":          {},
	"registry":   {"."},
	"wire":       {"."},
	"identity":   {"."},
	"chart":      {},
	"lang":       {"."},
	"probes":     {"."},
	"agent":      {".", "probes", "wire", "identity"},
	"incident":   {".", "registry"},
	"store":      {"."},
	"ledger":     {"."},
	"alerting":   {".", "registry", "lang", "chart"},
	"reports":    {".", "registry", "lang", "chart"},
	"dashboards": {".", "registry", "chart", "lang", "identity"},
	"central":    {".", "registry", "wire", "identity", "chart", "lang", "incident", "store", "ledger", "alerting", "reports", "dashboards"},
	"lab":        {"*"}, // but programs
	"cmd":        {"*"},
}

// vendors says which folders alone may speak to a library that stands for one
// outside system, so that changing the system changes one folder.
var vendors = map[string][]string{
	"github.com/prometheus-community/pro-bing":    {"probes"},
	"github.com/influxdata/influxdb-client-go/v2": {"agent", "store/influx"},
	"github.com/influxdata/line-protocol/v2":      {"wire"},
	"github.com/slack-go/slack":                   {"alerting/slack"},
	"github.com/wneessen/go-mail":                 {"alerting/email"},
	"github.com/prometheus/prometheus":            {"store"},
	"modernc.org/sqlite":                          {"ledger"},
	"github.com/goccy/go-yaml":                    {"cmd"},
	"github.com/emersion/go-ical":                 {"registry"},
	"golang.org/x/net":                            {"probes"},
	"github.com/xuri/excelize/v2":                 {"reports/xlsx"},
	"codeberg.org/go-pdf/fpdf":                    {"reports/pdf"},
}

type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestLayers(t *testing.T) {
	for _, p := range list(t) {
		folder := relative(p.ImportPath)
		may, known := allowed[top(folder)]
		if !known {
			t.Errorf("%s: a new folder; add it to the layers and to ARCHITECTURE.md, or move it", folder)
			continue
		}
		for _, imp := range p.Imports {
			switch to := relative(imp); {
			case strings.HasPrefix(imp, "thongsuot/") || imp == "thongsuot":
				if top(to) != top(folder) && !slices.Contains(may, top(to)) && !slices.Contains(may, "*") {
					t.Errorf("%s imports %s, which its layer may not", folder, to)
				}
				if top(to) == "cmd" && top(folder) != "cmd" {
					t.Errorf("%s imports a program", folder)
				}
			default:
				vendor(t, folder, imp)
			}
		}
	}
}

// Tests may know more than the code: the system that they play, but no program.
func TestVendorsInTests(t *testing.T) {
	for _, p := range list(t) {
		for _, imp := range slices.Concat(p.TestImports, p.XTestImports) {
			if strings.HasPrefix(imp, "thongsuot/cmd/thongsuot") {
				t.Errorf("a test of %s imports a program", p.ImportPath)
			}
		}
	}
}

func vendor(t *testing.T, folder, imp string) {
	t.Helper()
	for module, folders := range vendors {
		if imp != module && !strings.HasPrefix(imp, module+"/") {
			continue
		}
		if !slices.ContainsFunc(folders, func(f string) bool { return folder == f || strings.HasPrefix(folder, f+"/") }) {
			t.Errorf("%s imports %s, which only %v may", folder, imp, folders)
		}
	}
}

func list(t *testing.T) (out []listed) {
	t.Helper()
	raw, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	for dec := json.NewDecoder(bytes.NewReader(raw)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
}

func relative(importPath string) string {
	if rel := strings.TrimPrefix(importPath, "thongsuot"); rel != "" {
		return path.Clean(strings.TrimPrefix(rel, "/"))
	}
	return "."
}

func top(folder string) string {
	first, _, _ := strings.Cut(folder, "/")
	return first
}
