package xlsx_test

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"thongsuot/reports"
	"thongsuot/reports/reportstest"
	"thongsuot/reports/xlsx"
)

func report(t *testing.T) *reports.Report {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Ho_Chi_Minh")
	if err != nil {
		t.Fatal(err)
	}
	in, err := reportstest.Province(t.TempDir(), 12, time.Date(2026, 1, 1, 0, 0, 0, 0, zone), time.Date(2026, 4, 1, 0, 0, 0, 0, zone))
	if err != nil {
		t.Fatal(err)
	}
	r, err := reports.Make(in, reports.DefaultConfig(), reports.DefaultCosts(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The workbook is read back: what formulas compute is what the report says.
func TestFormulas(t *testing.T) {
	r := report(t)
	var b bytes.Buffer
	if err := xlsx.Write(&b, r); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	lost := 0.
	for _, table := range r.Tables() {
		panes, err := f.GetPanes(table.Name)
		if err != nil || !panes.Freeze || panes.YSplit != 1 {
			t.Errorf("%s: the head is not frozen: %+v, %v", table.Name, panes, err)
		}
		sums, ok := table.Sums()
		if !ok || len(table.Rows) == 0 {
			continue
		}
		for i, sum := range sums {
			if sum == nil {
				continue
			}
			column, _ := excelize.ColumnNumberToName(i + 1)
			at := fmt.Sprintf("%s%d", column, len(table.Rows)+2)
			formula, err := f.GetCellFormula(table.Name, at)
			if err != nil || !strings.HasPrefix(formula, "SUM(") {
				t.Errorf("%s!%s: no sum but %q, %v", table.Name, at, formula, err)
			}
			text, err := f.CalcCellValue(table.Name, at, excelize.Options{RawCellValue: true})
			got, perr := strconv.ParseFloat(text, 64)
			if err := errors.Join(err, perr); err != nil || math.Abs(got-sum.(float64)) > 1e-6*max(1, sum.(float64)) {
				t.Errorf("%s!%s computes %q, want %v (%v)", table.Name, at, text, sum, err)
			}
		}
		if table.Total > 0 {
			lost = sums[table.Total].(float64)
		}
	}
	want := 0.
	for _, a := range r.Accounts {
		want += a.Lost(.5).Hours()
	}
	if math.Abs(lost-want) > 1e-6 || want == 0 {
		t.Errorf("the sheet sums %g lost hours, the report %g", lost, want)
	}
}

// Every part is well-formed, and the charts point at sheets that are there.
func TestParts(t *testing.T) {
	var one, two bytes.Buffer
	if err := errors.Join(xlsx.Write(&one, report(t)), xlsx.Write(&two, report(t))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two workbooks of one report differ")
	}
	z, err := zip.NewReader(bytes.NewReader(one.Bytes()), int64(one.Len()))
	if err != nil {
		t.Fatal(err)
	}
	charts := 0
	for _, file := range z.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		dec := xml.NewDecoder(r)
		for {
			token, err := dec.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file.Name, err)
			}
			if s, ok := token.(xml.StartElement); ok && s.Name.Local == "barChart" {
				charts++
			}
		}
	}
	if charts != 4 {
		t.Errorf("%d charts, want those of units, causes, ranking and owners", charts)
	}
}
