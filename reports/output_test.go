package reports_test

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"testing"

	"thongsuot"
	"thongsuot/reports"
)

// What CSV says is what the report says, and a spreadsheet computes nothing.
func TestCSV(t *testing.T) {
	h, _ := province(t, "2026-03-01", "2026-04-01", 12, 2)
	r := h.report()
	for _, table := range r.Tables() {
		var b bytes.Buffer
		if err := table.CSV(&b, h.zone); err != nil {
			t.Fatal(err)
		}
		rest, ok := strings.CutPrefix(b.String(), "\ufeff")
		if !ok {
			t.Errorf("%s: no byte order mark", table.Name)
		}
		rows, err := csv.NewReader(strings.NewReader(rest)).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", table.Name, err)
		}
		if len(rows) != len(table.Rows)+1 {
			t.Errorf("%s: %d rows, want %d", table.Name, len(rows), len(table.Rows)+1)
		}
		if table.Name != "don-vi" {
			continue
		}
		sum := 0.
		for _, row := range rows[1:] {
			v, err := strconv.ParseFloat(row[table.Total], 64)
			if err != nil {
				t.Fatal(err)
			}
			sum += v
		}
		lost := 0.
		for _, a := range r.Accounts {
			lost += a.Lost(.5).Hours()
		}
		if sum < lost-1e-3 || sum > lost+1e-3 || lost == 0 {
			t.Errorf("the file holds %g lost hours, the report %g", sum, lost)
		}
	}
	evil := reports.Table{Columns: []reports.Column{{Title: "=1+1"}}, Rows: [][]any{{`=HYPERLINK("http://x")`}, {"+84"}, {"-1"}, {"@SUM(A1)"}, {"\tx"}, {-1.5}}}
	var b bytes.Buffer
	if err := evil.CSV(&b, h.zone); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.String(), "\ufeff"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if first := row[0][0]; first != '\'' && i != len(rows)-1 {
			t.Errorf("%q would be computed", row[0])
		}
	}
	if rows[len(rows)-1][0] != "-1.5" {
		t.Errorf("a number became %q", rows[len(rows)-1][0])
	}
}

func TestHTML(t *testing.T) {
	h := newHouse(t, "2026-03-01", "2026-04-01", "25051", "24712").out("25051", "2026-03-03 08:00", "2026-03-03 10:00", down(thongsuot.CausePower))
	var one, two bytes.Buffer
	if err := h.report().HTML(&one); err != nil {
		t.Fatal(err)
	}
	if err := h.report().HTML(&two); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two reports of one input differ")
	}
	for _, want := range []string{`id="xa-25051"`, `id="xa-24712"`, "xã Sơn Điền 25051", "100,0", "SAIDI", "mã băm dữ liệu", "Phương pháp và giả định", "2,00 giờ", "break-before: page"} {
		if !strings.Contains(one.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, never := range []string{"<script", "http://", "https://", "%!", "NaN"} {
		if strings.Contains(one.String(), never) {
			t.Errorf("the page has %q", never)
		}
	}
	if other := newHouse(t, "2026-03-01", "2026-04-01", "25051", "24712").report(); other.Hash == h.report().Hash {
		t.Error("another input has the same hash")
	}
}
