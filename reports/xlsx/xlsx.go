// Package xlsx writes a report as a workbook: a sheet for each table, with
// frozen heads, sums as formulas, and native charts.
package xlsx

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"thongsuot/reports"
)

// charted is how many rows a chart shows: the ones that lead.
const charted = 20

// Write writes the workbook. The same report gives the same bytes.
func Write(w io.Writer, r *reports.Report) (err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	b := &book{File: f, zone: r.In.Registry.Zone()}
	if err := b.styles(); err != nil {
		return err
	}
	tables := r.Tables()
	if err := b.summary(r); err != nil {
		return err
	}
	for _, t := range tables {
		if err := b.table(t); err != nil {
			return fmt.Errorf("sheet %s: %w", t.Name, err)
		}
	}
	row := len(r.Summary()) + 6
	for _, t := range tables {
		if t.Bars == 0 || len(t.Rows) == 0 {
			continue
		}
		if err := b.chart(t, row); err != nil {
			return fmt.Errorf("chart of %s: %w", t.Name, err)
		}
		row += 22
	}
	made := r.In.To.UTC().Format(time.RFC3339)
	if err := f.SetDocProps(&excelize.DocProperties{Title: r.Title(), Creator: "thongsuot " + r.In.Version, Description: r.Hash, Language: "vi-VN", Created: made, Modified: made}); err != nil {
		return err
	}
	f.SetActiveSheet(0)
	whole, err := f.WriteToBuffer()
	if err != nil {
		return err
	}
	return inOrder(w, whole.Bytes())
}

// first is the sheet that opens.
const first = "tom-tat"

type book struct {
	*excelize.File
	zone   *time.Location
	format map[reports.Format]int
	sums   map[reports.Format]int
	head   int
	wrap   int
	bold   int
}

func (b *book) styles() (err error) {
	b.format, b.sums = map[reports.Format]int{}, map[reports.Format]int{}
	style := func(s excelize.Style) int {
		id, failed := b.NewStyle(&s)
		err = errors.Join(err, failed)
		return id
	}
	b.head = style(excelize.Style{
		Font: &excelize.Font{Bold: true}, Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"},
		Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E3ECE6"}}, Border: []excelize.Border{{Type: "bottom", Color: "1C2733", Style: 1}},
	})
	b.wrap = style(excelize.Style{Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}})
	b.bold = style(excelize.Style{Font: &excelize.Font{Bold: true, Size: 14}})
	for _, f := range []struct {
		format reports.Format
		code   string
	}{
		{reports.FormatText, "@"}, {reports.FormatCount, "0"}, {reports.FormatNumber, "#,##0.00"}, {reports.FormatHours, "#,##0.00"},
		{reports.FormatPercent, "0.0%"}, {reports.FormatMoney, "#,##0"}, {reports.FormatTime, "dd/mm/yyyy hh:mm"},
	} {
		b.format[f.format] = style(excelize.Style{CustomNumFmt: &f.code})
		b.sums[f.format] = style(excelize.Style{CustomNumFmt: &f.code, Font: &excelize.Font{Bold: true}, Border: []excelize.Border{{Type: "top", Color: "1C2733", Style: 1}}})
	}
	return err
}

func (b *book) summary(r *reports.Report) error {
	if err := b.SetSheetName("Sheet1", first); err != nil {
		return err
	}
	lines := append([]string{r.Title(), "Kỳ " + r.Period()}, r.Summary()...)
	for i, line := range append(lines, "Mã băm dữ liệu: "+r.Hash) {
		at := fmt.Sprintf("A%d", i+1)
		if err := errors.Join(b.SetCellStr(first, at, line), b.SetCellStyle(first, at, at, b.wrap)); err != nil {
			return err
		}
	}
	return errors.Join(b.SetColWidth(first, "A", "A", 120), b.SetCellStyle(first, "A1", "A1", b.bold))
}

func (b *book) table(t reports.Table) error {
	if _, err := b.NewSheet(t.Name); err != nil {
		return err
	}
	w, err := b.NewStreamWriter(t.Name)
	if err != nil {
		return err
	}
	head := make([]any, len(t.Columns))
	for i, c := range t.Columns {
		if err := w.SetColWidth(i+1, i+1, 6+5*float64(max(1, c.Wide))); err != nil {
			return err
		}
		head[i] = excelize.Cell{StyleID: b.head, Value: c.Title}
	}
	if err := w.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	if err := w.SetRow("A1", head); err != nil {
		return err
	}
	for i, row := range t.Rows {
		if err := w.SetRow(fmt.Sprintf("A%d", i+2), b.row(t, i, row)); err != nil {
			return err
		}
	}
	next := len(t.Rows) + 2
	if sums, ok := t.Sums(); ok && len(t.Rows) > 0 {
		cells := make([]any, len(sums))
		for i, sum := range sums {
			cells[i] = excelize.Cell{StyleID: b.sums[t.Columns[i].Format]}
			if sum != nil {
				cells[i] = excelize.Cell{StyleID: b.sums[t.Columns[i].Format], Value: sum, Formula: fmt.Sprintf("SUM(%s2:%s%d)", column(i), column(i), next-1)}
			}
		}
		if sums[0] == nil {
			cells[0] = excelize.Cell{StyleID: b.sums[reports.FormatText], Value: "Tổng"}
		}
		if err := w.SetRow(fmt.Sprintf("A%d", next), cells); err != nil {
			return err
		}
		next++
	}
	if t.Note != "" {
		if err := w.SetRow(fmt.Sprintf("A%d", next+1), []any{t.Note}); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (b *book) row(t reports.Table, i int, row []any) []any {
	cells := make([]any, len(row))
	for j, v := range row {
		c := excelize.Cell{StyleID: b.format[t.Columns[j].Format], Value: v}
		switch v := v.(type) {
		case float64:
			if math.IsNaN(v) {
				c.Value = nil
			}
		case time.Time:
			// A sheet knows no zones: it shows the province's clock.
			c.Value = nil
			if v = v.In(b.zone); !v.IsZero() {
				c.Value = time.Date(v.Year(), v.Month(), v.Day(), v.Hour(), v.Minute(), v.Second(), 0, time.UTC)
			}
		}
		if t.Total > 0 && j == t.Total {
			c.Formula = fmt.Sprintf("SUM(%s%d:%s%d)", column(t.Parts[0]), i+2, column(t.Parts[1]), i+2)
		}
		cells[j] = c
	}
	return cells
}

// chart draws the leading rows of a table below the summary; causes are
// stacked.
func (b *book) chart(t reports.Table, row int) error {
	last := min(len(t.Rows), charted) + 1
	name := 0
	for i, c := range t.Columns { // the unit's name rather than its code
		if c.Title == "Đơn vị" {
			name = i
		}
	}
	columns := []int{t.Bars}
	kind, legend := excelize.Bar, "none"
	if t.Total > 0 {
		kind, legend, columns = excelize.BarStacked, "bottom", nil
		for i := t.Parts[0]; i <= t.Parts[1]; i++ {
			columns = append(columns, i)
		}
	}
	c := &excelize.Chart{
		Type: kind, Title: excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: t.Title}}}, Legend: excelize.ChartLegend{Position: legend}, VaryColors: new(bool),
		Dimension: excelize.ChartDimension{Width: 860, Height: 420}, YAxis: excelize.ChartAxis{}, XAxis: excelize.ChartAxis{ReverseOrder: true},
	}
	for _, i := range columns {
		c.Series = append(c.Series, excelize.ChartSeries{
			Name:       fmt.Sprintf("'%s'!$%s$1", t.Name, column(i)),
			Categories: fmt.Sprintf("'%s'!$%s$2:$%s$%d", t.Name, column(name), column(name), last),
			Values:     fmt.Sprintf("'%s'!$%s$2:$%s$%d", t.Name, column(i), column(i), last),
		})
	}
	return b.AddChart(first, fmt.Sprintf("A%d", row), c)
}

// column is the letter of a column, from 0.
func column(i int) string {
	name, err := excelize.ColumnNumberToName(i + 1)
	if err != nil {
		return strings.Repeat("A", 4) // beyond what a sheet can have; refused where it is used
	}
	return name
}
