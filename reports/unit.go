package reports

import (
	"fmt"
	"math"
	"slices"
	"time"

	"thongsuot"
)

// Page is what the report says of one unit on a page of its own.
type Page struct {
	Code, Title string
	Facts       [][2]string
	Causes      []Bar // lost hours
	Lengths     []Bar // incidents by how long they lasted
	Timeline    []Mark
	Events      Table // the ones that cost most
	Offers      Table
}

// Bar is one bar of a chart; Share is its part of the longest.
type Bar struct {
	Name  string
	Value float64
	Text  string
	Share float64
}

// Mark is an incident on the timeline of the period; both ends are shares of it.
type Mark struct {
	From, To float64
	State    thongsuot.State
}

// pageEvents is how many incidents a page lists: what fits on it.
const pageEvents = 18

// Pages are the pages of all units, in the order of their names.
func (r *Report) Pages() []Page {
	out := make([]Page, 0, len(r.Accounts))
	events, offers := r.eventTable(), r.offerTable()
	place := map[*Account]Ranked{}
	for _, x := range r.Ranking.Ranked {
		place[x.Account] = x
	}
	for i := range r.Accounts {
		a := &r.Accounts[i]
		p := Page{Code: a.Site.Code, Title: r.Name(*a), Causes: r.causeBars(*a), Lengths: lengthBars(*a), Timeline: r.timeline(*a)}
		p.Facts = r.facts(a, place)
		p.Events = only(events, a.Site.Code, 2)
		slices.SortStableFunc(p.Events.Rows, func(x, y []any) int { // what cost most
			return compareFloat(y[5].(float64)+y[6].(float64), x[5].(float64)+x[6].(float64))
		})
		all := len(p.Events.Rows)
		p.Events.Rows = p.Events.Rows[:min(all, pageEvents)]
		p.Events.Title = "Sự cố mất nhiều giờ nhất"
		if all > pageEvents {
			p.Events.Note = fmt.Sprintf("%d trong %d sự cố; đủ ở tệp su-co.", pageEvents, all)
		}
		p.Events.Columns, p.Events.Rows = cut(p.Events, 8)
		p.Offers = only(offers, a.Site.Code, 2)
		p.Offers.Note = ""
		out = append(out, p)
	}
	return out
}

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// only keeps the rows of one unit and leaves out the columns that name it.
func only(t Table, code string, named int) Table {
	rows := [][]any{}
	for _, row := range t.Rows {
		if row[0] == code {
			rows = append(rows, row[named:])
		}
	}
	t.Rows, t.Columns, t.Bars = rows, t.Columns[named:], 0
	return t
}

func cut(t Table, columns int) ([]Column, [][]any) {
	rows := make([][]any, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = row[:columns]
	}
	return t.Columns[:columns], rows
}

func (r *Report) facts(a *Account, place map[*Account]Ranked) [][2]string {
	always, office := a.Availability()
	yes := func(ok bool, yes, no string) string {
		if ok {
			return yes
		}
		return no
	}
	met := "chưa đủ dữ liệu"
	if !math.IsNaN(office) && a.Coverage() >= r.Config.MinCoverage {
		met = yes(office >= r.Config.Availability, "đạt", "không đạt") + " mức " + percent(r.Config.Availability)
	}
	out := [][2]string{
		{"Giờ phục vụ bị mất", vi.Number(hours(a.Lost(r.Config.DegradedWeight)), 2) + " giờ"},
		{"Tỷ lệ dữ liệu thu được", number(a.Coverage()) + fmt.Sprintf(" (chưa rõ %s giờ hành chính)", vi.Number(hours(a.Office-a.OfficeSeen), 1))},
		{"Sẵn sàng trong giờ hành chính", number(office) + ", " + met},
		{"Sẵn sàng 24 giờ", number(always)},
		{"Gián đoạn kéo dài", fmt.Sprintf("%d lần do điện, %d lần do đường truyền, %d lần chưa rõ", sustained(a.Power), sustained(a.Lines), sustained(a.Unclear))},
		{"Cảm biến nguồn", yes(a.MainsSensor, "có", "không có: "+sensorFirst)},
	}
	if n := a.Portal.Visits(); n > 0 {
		out = append(out, [2]string{"Apdex cổng dịch vụ công", fmt.Sprintf("%s (%s lần đo)", vi.Number(a.Portal.Score(), 2), vi.Number(float64(n), 0))})
	}
	if x, ok := place[a]; ok {
		out = append(out, [2]string{"Khoảng thứ hạng ưu tiên", fmt.Sprintf("%d – %d; %s giờ mất mỗi tháng (%s – %s)", x.First, x.Last, vi.Number(x.Hours, 2), vi.Number(x.Low, 2), vi.Number(x.High, 2))})
	} else {
		out = append(out, [2]string{"Khoảng thứ hạng ưu tiên", notRanked(a, r.Config)})
	}
	if a.Site.Population > 0 {
		out = append(out, [2]string{"Dân số", vi.Number(float64(a.Site.Population), 0)})
	} else {
		out = append(out, [2]string{"Dân số", "chưa có số liệu"})
	}
	return out
}

func number(share float64) string {
	if math.IsNaN(share) {
		return none
	}
	return percent(share)
}

func sustained(all []Interruption) (n int) {
	for _, i := range all {
		if i.Sustained() {
			n++
		}
	}
	return n
}

func (r *Report) causeBars(a Account) (out []Bar) {
	for i, h := range r.LostHours(a) {
		if h > 0 {
			out = append(out, Bar{Name: causeColumns[i].title, Value: h, Text: vi.Number(h, 2) + " giờ"})
		}
	}
	return scaled(out)
}

func lengthBars(a Account) []Bar {
	bounds := []struct {
		name string
		upTo time.Duration
	}{{"đến 5 phút", 5 * time.Minute}, {"5–30 phút", 30 * time.Minute}, {"30 phút–2 giờ", 2 * time.Hour}, {"2–8 giờ", 8 * time.Hour}, {"trên 8 giờ", math.MaxInt64}}
	out := make([]Bar, len(bounds))
	for _, e := range a.Events {
		if e.Down+e.Degraded == 0 {
			continue
		}
		i := slices.IndexFunc(bounds, func(b struct {
			name string
			upTo time.Duration
		}) bool {
			return e.End.Sub(e.Start) <= b.upTo
		})
		out[i].Value++
	}
	for i, b := range bounds {
		out[i].Name, out[i].Text = b.name, vi.Number(out[i].Value, 0)
	}
	return scaled(out)
}

func scaled(bars []Bar) []Bar {
	longest := 0.
	for _, b := range bars {
		longest = max(longest, b.Value)
	}
	for i := range bars {
		if longest > 0 {
			bars[i].Share = bars[i].Value / longest
		}
	}
	return bars
}

func (r *Report) timeline(a Account) (out []Mark) {
	period := float64(r.In.To.Sub(r.In.From))
	share := func(t time.Time) float64 { return min(1, max(0, float64(t.Sub(r.In.From))/period)) }
	for _, e := range a.Events {
		for _, s := range e.Segments {
			out = append(out, Mark{share(s.From), share(s.To), s.State})
		}
	}
	return out
}
