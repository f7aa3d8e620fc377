// Package pdf writes a report as a document on A4: its tables, then a page for
// each unit. Charts are vectors. The font is embedded: Liberation Sans, which has
// every letter of Vietnamese.
package pdf

import (
	"fmt"
	"io"
	"math"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"github.com/go-fonts/liberation/liberationsansbold"
	"github.com/go-fonts/liberation/liberationsansregular"

	"thongsuot"
	"thongsuot/reports"
)

// Millimetres of a page, and points of its letters.
const (
	width, height = 297., 210.
	margin        = 12.
	foot          = 14.
	inner         = width - 2*margin
	small, normal = 7.5, 9.
	line          = 3.6 // of small letters
	pad           = .8
	family        = "sans"
)

// left out of the document, as they have a row for each incident or offer: the
// units' pages show the foremost, sheets and CSV all.
func long(t reports.Table) bool { return t.Name == "su-co" || t.Name == "phuong-an" }

// Write writes the document. The same report gives the same bytes. Each page of
// a unit asks goesOn first, nil for never, and ends with its error.
func Write(w io.Writer, r *reports.Report, goesOn func() error) error {
	d := &document{Fpdf: fpdf.New("L", "mm", "A4", ""), zone: r.In.Registry.Zone()}
	d.begin(r)
	d.AddPage()
	d.heading(r.Title(), 16)
	d.text("Kỳ "+r.Period(), normal)
	for _, s := range r.Summary() {
		d.text(s, normal)
	}
	for _, t := range r.Tables() {
		if !long(t) {
			d.section(t.Title)
			d.table(t)
		}
	}
	for _, p := range r.Pages() {
		if goesOn != nil {
			if err := goesOn(); err != nil {
				return err
			}
		}
		d.unit(p)
	}
	return d.Output(w)
}

type document struct {
	*fpdf.Fpdf
	zone *time.Location
}

func (d *document) begin(r *reports.Report) {
	d.AddUTF8FontFromBytes(family, "", liberationsansregular.TTF)
	d.AddUTF8FontFromBytes(family, "B", liberationsansbold.TTF)
	d.SetMargins(margin, margin, margin)
	d.SetAutoPageBreak(false, 0)
	d.SetCatalogSort(true)
	d.SetCreationDate(r.In.To.UTC())
	d.SetModificationDate(r.In.To.UTC())
	d.SetTitle(r.Title(), true)
	d.SetAuthor(r.In.Place, true)
	d.SetCreator("thongsuot "+r.In.Version, true)
	d.SetKeywords(r.Hash, true)
	d.SetLang("vi")
	d.AliasNbPages("")
	d.SetFooterFunc(func() {
		d.SetFont(family, "", small)
		d.SetTextColor(85, 96, 108)
		d.SetXY(margin, height-foot+4)
		d.CellFormat(inner/2, line, fmt.Sprintf("thongsuot %s · %s", r.In.Version, r.Hash[:16]), "", 0, "L", false, 0, "")
		d.CellFormat(inner/2, line, fmt.Sprintf("%d/{nb}", d.PageNo()), "", 0, "R", false, 0, "")
		d.SetTextColor(28, 39, 51)
	})
	d.SetTextColor(28, 39, 51)
}

func (d *document) heading(text string, size float64) {
	d.SetFont(family, "B", size)
	d.SetX(margin)
	d.MultiCell(inner, size*.5, text, "", "L", false)
	d.Ln(1)
}

func (d *document) text(s string, size float64) {
	d.SetFont(family, "", size)
	d.SetX(margin)
	d.MultiCell(inner, size*.5, s, "", "L", false)
}

// room begins a new page unless so much is left on this one.
func (d *document) room(h float64) {
	if d.GetY()+h > height-foot {
		d.AddPage()
	}
}

func (d *document) section(title string) {
	d.room(40)
	d.Ln(4)
	d.heading(title, 12)
	d.Bookmark(title, 0, -1)
}

// table sets a table over as many pages as it takes, its head on each.
func (d *document) table(t reports.Table) {
	if len(t.Rows) == 0 {
		d.text("Không có.", small)
		d.note(t)
		return
	}
	widths := widths(t)
	head := func() {
		cells := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			cells[i] = c.Title
		}
		d.row(t, widths, cells, nil, "B")
		d.SetDrawColor(28, 39, 51)
		d.SetLineWidth(.3)
		d.Line(margin, d.GetY(), margin+inner, d.GetY())
	}
	head()
	most := largest(t)
	for _, row := range t.Rows {
		cells := d.cells(t, row)
		if d.GetY()+d.tall(widths, cells, "") > height-foot {
			d.AddPage()
			head()
		}
		var bar *float64
		if v, ok := row[t.Bars].(float64); ok && t.Bars > 0 && most > 0 {
			share := max(0, v/most)
			bar = &share
		}
		d.row(t, widths, cells, bar, "")
		d.SetDrawColor(221, 226, 231)
		d.SetLineWidth(.15)
		d.Line(margin, d.GetY(), margin+inner, d.GetY())
	}
	if sums, ok := t.Sums(); ok {
		cells := d.cells(t, sums)
		for i, v := range sums {
			if v == nil {
				cells[i] = ""
			}
		}
		if sums[0] == nil {
			cells[0] = "Tổng"
		}
		d.room(d.tall(widths, cells, "B"))
		d.row(t, widths, cells, nil, "B")
	}
	d.note(t)
}

func (d *document) note(t reports.Table) {
	if t.Note == "" {
		return
	}
	d.room(3 * line)
	d.Ln(1)
	d.SetTextColor(85, 96, 108)
	d.text(t.Note, small)
	d.SetTextColor(28, 39, 51)
}

func (d *document) cells(t reports.Table, row []any) []string {
	out := make([]string, len(row))
	for i, v := range row {
		out[i] = t.Columns[i].Text(v, d.zone)
	}
	return out
}

func widths(t reports.Table) []float64 {
	all := 0.
	for _, c := range t.Columns {
		all += float64(max(1, c.Wide))
	}
	out := make([]float64, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = inner * float64(max(1, c.Wide)) / all
	}
	return out
}

func largest(t reports.Table) (most float64) {
	for _, row := range t.Rows {
		if v, ok := row[t.Bars].(float64); ok && !math.IsNaN(v) {
			most = max(most, v)
		}
	}
	return most
}

func (d *document) tall(widths []float64, cells []string, style string) float64 {
	d.SetFont(family, style, small)
	lines := 1
	for i, c := range cells {
		lines = max(lines, len(d.lines(c, widths[i])))
	}
	return float64(lines)*line + 2*pad
}

// lines breaks a text to a width. Most texts fit, and need no search.
func (d *document) lines(s string, width float64) []string {
	if d.GetStringWidth(s) <= width-2*d.GetCellMargin() {
		return []string{s}
	}
	return d.SplitText(s, width)
}

func (d *document) row(t reports.Table, widths []float64, cells []string, bar *float64, style string) {
	h := d.tall(widths, cells, style)
	x, y := margin, d.GetY()
	for i, c := range cells {
		align := "R"
		if t.Columns[i].Left() {
			align = "L"
		}
		for n, s := range d.lines(c, widths[i]) {
			d.SetXY(x, y+pad+float64(n)*line)
			d.CellFormat(widths[i], line, s, "", 0, align, false, 0, "")
		}
		if bar != nil && i == t.Bars {
			d.SetFillColor(31, 111, 139)
			d.Rect(x+1, y+h-pad, *bar*(widths[i]-2), pad*.8, "F")
		}
		x += widths[i]
	}
	d.SetXY(margin, y+h)
}

// unit is the page of one unit.
func (d *document) unit(p reports.Page) {
	d.AddPage()
	d.Bookmark(p.Title, 0, -1)
	d.heading(p.Title+" – mã "+p.Code, 14)
	top := d.GetY()
	for _, f := range p.Facts {
		d.SetFont(family, "", small)
		d.SetX(margin)
		d.CellFormat(48, line+.6, f[0], "", 0, "L", false, 0, "")
		d.SetFont(family, "B", small)
		d.CellFormat(85, line+.6, f[1], "", 1, "L", false, 0, "")
	}
	bottom := d.GetY()
	d.bars("Giờ mất theo nguyên nhân", p.Causes, margin+140, top, 66)
	d.bars("Số sự cố theo thời lượng", p.Lengths, margin+210, top, 63)
	d.SetXY(margin, max(bottom, top+30))
	d.Ln(2)
	d.heading("Diễn biến trong kỳ", 9)
	d.strip(p.Timeline)
	d.heading(p.Events.Title, 9)
	d.table(p.Events)
	d.Ln(2)
	d.room(20)
	d.heading("Nếu đã nâng cấp", 9)
	d.table(p.Offers)
}

func (d *document) bars(title string, bars []reports.Bar, x, y, w float64) {
	d.SetXY(x, y)
	d.SetFont(family, "B", small)
	d.CellFormat(w, line, title, "", 0, "L", false, 0, "")
	d.SetFont(family, "", small)
	y += line + 1
	if len(bars) == 0 {
		d.SetXY(x, y)
		d.CellFormat(w, line, "không mất giờ nào đã biết", "", 0, "L", false, 0, "")
	}
	for _, b := range bars {
		d.SetXY(x, y)
		d.CellFormat(w*.42, line, b.Name, "", 0, "L", false, 0, "")
		d.SetFillColor(31, 111, 139)
		d.Rect(x+w*.44, y+.6, b.Share*w*.3, line-1.2, "F")
		d.SetXY(x+w*.74, y)
		d.CellFormat(w*.26, line, b.Text, "", 0, "R", false, 0, "")
		y += line + .4
	}
}

// strip is the period from left to right.
func (d *document) strip(marks []reports.Mark) {
	const tall = 5
	y := d.GetY()
	d.SetFillColor(227, 236, 230)
	d.Rect(margin, y, inner, tall, "F")
	for _, m := range marks {
		switch m.State {
		case thongsuot.StateDown:
			d.SetFillColor(179, 38, 30)
		case thongsuot.StateDegraded:
			d.SetFillColor(217, 138, 0)
		case thongsuot.StateAtRisk:
			d.SetFillColor(232, 197, 71)
		default:
			d.SetFillColor(154, 163, 173)
		}
		d.Rect(margin+m.From*inner, y, max(.15, (m.To-m.From)*inner), tall, "F")
	}
	d.SetXY(margin, y+tall+1)
	d.SetFont(family, "", small)
	d.SetTextColor(85, 96, 108)
	d.CellFormat(inner, line, "đỏ: gián đoạn · cam: suy giảm · vàng: có nguy cơ · xám: chưa rõ hoặc đã tắt", "", 1, "L", false, 0, "")
	d.SetTextColor(28, 39, 51)
	d.Ln(1)
}
