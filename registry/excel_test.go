package registry_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"thongsuot/registry"
)

// TestSpreadsheetVariants loads the shipped sites as spreadsheets save them:
// each must give the same registry.
func TestSpreadsheetVariants(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(lamDong, "sites.csv"))
	if err != nil {
		t.Fatal(err)
	}
	plain := string(raw)
	want := mustLoad(t, lamDong).Sites()
	f := func(name, text string) {
		t.Helper()
		if text == plain {
			t.Fatalf("%s: nothing was changed", name)
		}
		dir := t.TempDir()
		write(t, dir, "sites.csv", text)
		r, err := registry.Load(ict, dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if got := r.Sites(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: not the same sites", name)
		}
	}
	f("byte order mark", "\ufeff"+plain)
	f("CRLF", strings.ReplaceAll(plain, "\n", "\r\n"))
	f("no line end at the end", strings.TrimSuffix(plain, "\n"))
	f("decomposed letters", norm.NFD.String(plain))
	f("empty lines at the end", plain+strings.Repeat(",", 18)+"\n\n,,\n")
	f("trailing empty cells left out", strings.ReplaceAll(plain, ",2025-07-01,\n", ",2025-07-01\n"))
	f("a column added without a name", strings.ReplaceAll(plain, "\n", ",\n"))
	f("capitals and spaces in the header", strings.Replace(plain, "code,kind,unit,name", " Code , KIND,Unit,Name ", 1))
	f("spaces around and inside cells", strings.ReplaceAll(strings.ReplaceAll(plain, "Đà Lạt", "Đà\u00a0Lạt "), ",EVNSPC", ", EVNSPC"))
	f("days as Vietnamese Excel writes them", strings.ReplaceAll(plain, "2025-07-01", "01/07/2025"))
	f("semicolons", vietnameseExcel(t, plain, "."))
	f("semicolons and decimal commas, BOM, CRLF", "\ufeff"+strings.ReplaceAll(vietnameseExcel(t, plain, ","), "\n", "\r\n"))
}

// vietnameseExcel separates cells by semicolons, with another decimal mark.
func vietnameseExcel(t *testing.T, plain, mark string) string {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(plain)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma = ';'
	for _, record := range records[1:] {
		for _, column := range []int{7, 8, 9} { // lat, lon, area_km2
			record[column] = strings.Replace(record[column], ".", mark, 1)
		}
	}
	if err := w.WriteAll(records); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// FuzzSites feeds any bytes as sites.csv: they are refused with a bounded
// message in one line a fault, or give sites that keep every promise.
func FuzzSites(f *testing.F) {
	raw, err := os.ReadFile("testdata/good/sites.csv")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte("\ufeff" + strings.ReplaceAll(string(raw), ",", ";")))
	bad, err := filepath.Glob("testdata/bad/*/sites.csv")
	if err != nil || len(bad) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range bad {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, raw []byte) {
		write(t, dir, "sites.csv", string(raw))
		r, err := registry.Load(ict, dir)
		if err != nil {
			checkMessage(t, err)
			return
		}
		seen := map[string]bool{}
		for _, s := range r.Sites() {
			if s.Code == "" || s.Name == "" || seen[s.Code] || !utf8.ValidString(s.Name) || !norm.NFC.IsNormalString(s.Name) {
				t.Errorf("accepted %+v", s)
			}
			seen[s.Code] = true
			if p := s.Position; p != nil && !(p.Lat >= 6 && p.Lat <= 24 && p.Lon >= 102 && p.Lon <= 118) {
				t.Errorf("accepted the position %v", *p)
			}
			if s.AreaKm2 < 0 || s.Population < 0 || s.Weight < 0 || len(s.Lines) > 1 {
				t.Errorf("accepted %+v", s)
			}
			if at, ok := r.At(s.ValidFrom).Site(s.Code); !s.ValidFrom.IsZero() && (!ok || !reflect.DeepEqual(at, s)) {
				t.Errorf("%s is not there on its first day %s", s.Code, s.ValidFrom)
			}
		}
	})
}

// FuzzOthers does the same with the files that refer to sites.
func FuzzOthers(f *testing.F) {
	names := []string{"lines.csv", "contacts.csv", "hours.csv", "holidays.csv", "windows.csv"}
	for i, name := range names {
		paths, err := filepath.Glob("testdata/*/*/" + name)
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds of %s: %v", name, err)
		}
		for _, path := range append(paths, "testdata/good/"+name) {
			raw, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), raw)
		}
	}
	sites, err := os.ReadFile("testdata/good/sites.csv")
	if err != nil {
		f.Fatal(err)
	}
	dirs := make([]string, len(names))
	for i := range names {
		dirs[i] = f.TempDir()
		write(f, dirs[i], "sites.csv", string(sites))
	}
	f.Fuzz(func(t *testing.T, which uint8, raw []byte) {
		i := int(which) % len(names)
		write(t, dirs[i], names[i], string(raw))
		r, err := registry.Load(ict, dirs[i])
		if err != nil {
			checkMessage(t, err)
			return
		}
		for _, d := range []int{1, 2, 3, 4, 5, 6, 7} {
			sessions := r.OfficeHours("mot-cua", day(2026, 11, d))
			for _, s := range sessions {
				if !s.Start.Before(s.End) || !r.InOfficeHours("mot-cua", s.Start) || s.End.Sub(s.Start).Hours() >= 24 {
					t.Errorf("accepted the session %v", s)
				}
			}
		}
	})
}

// checkMessage holds the error of a refused registry to what a log can bear.
func checkMessage(t *testing.T, err error) {
	t.Helper()
	lines := strings.Split(err.Error(), "\n")
	if len(lines) > 21 || len(err.Error()) > 21*1000 || !utf8.ValidString(err.Error()) {
		t.Errorf("message of %d lines, %d bytes: %.500q", len(lines), len(err.Error()), err.Error())
	}
	for _, line := range lines {
		if !strings.Contains(line, ".csv") && !strings.HasSuffix(line, " more problems") {
			t.Errorf("a line without its file: %q", line)
		}
	}
}
