package reports

import (
	"math"
	"time"
)

// Format is how the values of a column are written.
type Format string

// The formats of columns.
const (
	FormatText    Format = "text"
	FormatCount   Format = "count"   // whole number
	FormatNumber  Format = "number"  // two decimals
	FormatHours   Format = "hours"   // two decimals
	FormatPercent Format = "percent" // a share of 1
	FormatMoney   Format = "money"   // đồng
	FormatTime    Format = "time"
)

// Column is a column of a table.
type Column struct {
	Title  string
	Format Format
	Wide   int  // relative width, 1 where it is 0
	Sum    bool // the table ends with its sum
}

// Table is one table of the report, the same in every format. A cell is a
// string, a float64 (NaN: there is none), an int or a time.Time.
type Table struct {
	Name    string // of the file or sheet: "xep-hang"
	Title   string
	Note    string // what a reader has to know
	Columns []Column
	Rows    [][]any
	Bars    int // column that a bar chart shows; 0 for none
	Total   int // column that is the sum of those of Parts, 0 for none
	Parts   [2]int
}

// Text is a cell as people read it.
func (c Column) Text(cell any, zone *time.Location) string {
	switch v := cell.(type) {
	case string:
		return v
	case int:
		return vi.Number(float64(v), 0)
	case time.Time:
		if v.IsZero() {
			return none
		}
		return v.In(zone).Format("02/01/2006 15:04")
	case float64:
		switch c.Format {
		case FormatPercent:
			if math.IsNaN(v) {
				return none
			}
			return vi.Percent(v, 1)
		case FormatCount, FormatMoney:
			return vi.Number(v, 0)
		case FormatNumber, FormatHours:
			return vi.Number(v, 2)
		}
		return vi.Number(v, 2)
	default:
		return none
	}
}

// Left reports whether the column is set flush left.
func (c Column) Left() bool { return c.Format == FormatText || c.Format == FormatTime }

// Sums are the sums of the columns that have one, nil for the others; ok is
// false for a table without any.
func (t Table) Sums() (out []any, ok bool) {
	out = make([]any, len(t.Columns))
	for i, c := range t.Columns {
		if !c.Sum {
			continue
		}
		ok = true
		sum := 0.
		for _, row := range t.Rows {
			switch v := row[i].(type) {
			case float64:
				if !math.IsNaN(v) {
					sum += v
				}
			case int:
				sum += float64(v)
			}
		}
		out[i] = sum
	}
	return out, ok
}

// none stands where there is nothing to say.
const none = "–"
