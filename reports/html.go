package reports

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
)

//go:embed report.html
var page string

// HTML writes the report as one file without a script or anything to load; it
// prints on A4, one page a unit.
func (r *Report) HTML(w io.Writer) error {
	zone := r.In.Registry.Zone()
	t, err := template.New("report").Funcs(template.FuncMap{
		"cell": func(t Table, column int, cell any) string { return t.Columns[column].Text(cell, zone) },
		"bar": func(t Table, column int, cell any) template.HTML {
			if column != t.Bars || t.Bars == 0 {
				return ""
			}
			return bar(share(t, column, cell))
		},
		"length": bar,
		"side": func(t Table, column int) string {
			if t.Columns[column].Left() {
				return "l"
			}
			return "r"
		},
		"sums": func(t Table) []any {
			sums, ok := t.Sums()
			if !ok || len(t.Rows) == 0 {
				return nil
			}
			return sums
		},
		"strip": strip,
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		*Report
		Pages []Page
	}{r, r.Pages()})
}

// share is a value's part of the largest of its column.
func share(t Table, column int, cell any) float64 {
	most := 0.
	for _, row := range t.Rows {
		if v, ok := row[column].(float64); ok && !math.IsNaN(v) {
			most = max(most, v)
		}
	}
	v, _ := cell.(float64)
	if most == 0 || math.IsNaN(v) {
		return 0
	}
	return v / most
}

func bar(share float64) template.HTML {
	return template.HTML(`<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect width="` + strconv.FormatFloat(100*share, 'f', 1, 64) + `" height="6"/></svg>`)
}

func strip(marks []Mark) template.HTML {
	out := `<svg class="strip" viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label="Diễn biến trong kỳ"><rect class="up" width="1000" height="20"/>`
	for _, m := range marks {
		out += fmt.Sprintf(`<rect class="%s" x="%.1f" width="%.1f" height="20"/>`, m.State, 1000*m.From, max(1, 1000*(m.To-m.From)))
	}
	return template.HTML(out + "</svg>")
}
