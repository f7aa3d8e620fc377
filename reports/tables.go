package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"thongsuot"
)

// Tables are all tables of the report, in the order in which they are printed.
func (r *Report) Tables() []Table {
	return []Table{r.indexTable(), r.unitTable(), r.causeTable(), r.rankTable(), r.unrankedTable(), r.offerTable(), r.planTable(), r.ownerTable(), r.eventTable(), r.methodTable()}
}

// columns of the causes in the table of units.
var causeColumns = []struct {
	title  string
	causes []thongsuot.Cause
}{
	{"Nguồn điện", []thongsuot.Cause{thongsuot.CausePower}},
	{"Mạng nội bộ", []thongsuot.Cause{thongsuot.CauseLAN}},
	{"Đường truyền", []thongsuot.Cause{thongsuot.CauseAccess}},
	{"Tuyến truyền dẫn", []thongsuot.Cause{thongsuot.CauseUpstream}},
	{"Cổng dịch vụ", []thongsuot.Cause{thongsuot.CausePortal}},
	{"Thiết bị giám sát", []thongsuot.Cause{thongsuot.CauseAgent, thongsuot.CauseHost, thongsuot.CauseCentral}},
	{"Chưa xác định", []thongsuot.Cause{thongsuot.CauseUnknown, thongsuot.CauseNone}},
}

// CauseTitles are the causes as tables group them, and Lost the hours of an
// account in the same order.
func CauseTitles() (out []string) {
	for _, c := range causeColumns {
		out = append(out, c.title)
	}
	return out
}

// LostHours are the lost service hours of an account, by CauseTitles.
func (r *Report) LostHours(a Account) (out []float64) {
	for _, c := range causeColumns {
		out = append(out, hours(a.LostTo(r.Config.DegradedWeight, func(l Loss) bool { return slices.Contains(c.causes, l.Cause) })))
	}
	return out
}

func text(title string, wide int) Column { return Column{Title: title, Format: FormatText, Wide: wide} }

func (r *Report) indexTable() Table {
	t := Table{
		Name: "chi-so", Title: "Chỉ số gián đoạn (IEEE 1366)",
		Note: fmt.Sprintf("Kéo dài: trên 5 phút. CEMI: từ %d lần trở lên. CELID: một lần từ %s trở lên. Dấu – : không xác định được. Cột \"chưa rõ\" là gián đoạn chưa biết do điện hay do đường truyền, không tính vào hai cột kia.",
			r.Config.CEMI, vi.Duration(r.Config.CELID)),
		Columns: []Column{text("Chỉ số", 5), {Title: "Nguồn điện", Format: FormatText, Wide: 2}, {Title: "Đường truyền", Format: FormatText, Wide: 2}, {Title: "Chưa rõ", Format: FormatText, Wide: 2}},
	}
	row := func(name string, format Format, decimals int, of func(Indices) float64) {
		cells := []any{name}
		for _, x := range []Indices{r.Power, r.Lines, r.Unclear} {
			v := of(x)
			switch {
			case math.IsNaN(v):
				cells = append(cells, none)
			case format == FormatPercent:
				cells = append(cells, vi.Percent(v, decimals))
			default:
				cells = append(cells, vi.Number(v, decimals))
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	row("Số đơn vị bình quân trong kỳ", FormatNumber, 1, func(x Indices) float64 { return x.Customers })
	row("Tỷ lệ dữ liệu thu được", FormatPercent, 1, func(x Indices) float64 { return x.Coverage })
	row("Số lần gián đoạn kéo dài", FormatCount, 0, func(x Indices) float64 { return float64(x.Sustained) })
	row("Số lần gián đoạn thoáng qua", FormatCount, 0, func(x Indices) float64 { return float64(x.Momentary) })
	row("SAIFI (lần/đơn vị)", FormatNumber, 4, func(x Indices) float64 { return x.SAIFI })
	row("SAIDI (phút/đơn vị)", FormatNumber, 2, func(x Indices) float64 { return x.SAIDI })
	row("SAIDI ước lượng nếu theo dõi đủ thời gian (phút/đơn vị)", FormatNumber, 2, func(x Indices) float64 { return x.SAIDIHat })
	row("CAIDI (phút/lần)", FormatNumber, 2, func(x Indices) float64 { return x.CAIDI })
	row("MAIFI (lần/đơn vị)", FormatNumber, 4, func(x Indices) float64 { return x.MAIFI })
	row("MAIFI_E (đợt/đơn vị)", FormatNumber, 4, func(x Indices) float64 { return x.MAIFIE })
	row("ASAI (trên thời gian theo dõi được)", FormatPercent, 3, func(x Indices) float64 { return x.ASAI })
	row(fmt.Sprintf("CEMI-%d", r.Config.CEMI), FormatPercent, 2, func(x Indices) float64 { return x.CEMI })
	row("CELID (một lần)", FormatPercent, 2, func(x Indices) float64 { return x.CELID })
	row("CELID (tổng cộng)", FormatPercent, 2, func(x Indices) float64 { return x.CELIDTotal })
	med := []any{"Ngày sự kiện lớn (2,5β)"}
	for i, x := range []Indices{r.Power, r.Lines, r.Unclear} {
		switch {
		case i == 2:
			med = append(med, none)
		case math.IsNaN(x.MED.Threshold):
			med = append(med, fmt.Sprintf("chưa đủ dữ liệu (%d/%d ngày)", x.MED.NonZero, minMajorDays))
		default:
			med = append(med, fmt.Sprintf("%d ngày trên %s phút", len(x.MED.Days), vi.Number(x.MED.Threshold, 2)))
		}
	}
	t.Rows = append(t.Rows, med)
	return t
}

func (r *Report) unitTable() Table {
	t := Table{
		Name: "don-vi", Title: "Giờ phục vụ bị mất theo đơn vị và nguyên nhân",
		Note:    fmt.Sprintf("Giờ trong giờ hành chính; giờ suy giảm tính hệ số %s. Tổng bằng đúng tổng các nguyên nhân. Thời gian không theo dõi được không tính là gián đoạn, cũng không tính là bình thường.", vi.Number(r.Config.DegradedWeight, 2)),
		Columns: []Column{text("Mã", 2), text("Đơn vị", 5), {Title: "Tỷ lệ dữ liệu", Format: FormatPercent, Wide: 2}, {Title: "Giờ chưa rõ", Format: FormatHours, Wide: 2, Sum: true}},
	}
	first := len(t.Columns)
	for _, title := range CauseTitles() {
		t.Columns = append(t.Columns, Column{Title: title, Format: FormatHours, Wide: 2, Sum: true})
	}
	t.Total, t.Parts = len(t.Columns), [2]int{first, len(t.Columns) - 1}
	t.Bars = t.Total
	t.Columns = append(t.Columns, Column{Title: "Tổng giờ mất", Format: FormatHours, Wide: 2, Sum: true},
		Column{Title: "Sẵn sàng 24 giờ", Format: FormatPercent, Wide: 2}, Column{Title: "Sẵn sàng giờ hành chính", Format: FormatPercent, Wide: 2},
		Column{Title: "Apdex cổng", Format: FormatNumber, Wide: 2})
	for _, a := range r.byName() {
		always, office := a.Availability()
		row := []any{a.Site.Code, r.Name(*a), a.Coverage(), hours(a.Office - a.OfficeSeen)}
		total := 0.
		for _, h := range r.LostHours(*a) {
			row = append(row, h)
			total += h
		}
		t.Rows = append(t.Rows, append(row, total, always, office, a.Portal.Score()))
	}
	return t
}

// Name is the unit's name, with those that were merged into it.
func (r *Report) Name(a Account) string {
	name := vi.Site(a.Site)
	if name == "" {
		name = a.Codes[0]
	}
	for _, code := range a.Codes {
		if old, ok := r.In.Registry.Site(code); ok && code != a.Site.Code {
			name += " (gồm " + vi.Site(old) + " đến " + vi.Date(old.ValidTo.In(time.UTC), time.UTC) + ")"
		}
	}
	return name
}

// byName are the accounts, those with the most lost hours first.
func (r *Report) byName() []*Account {
	var out []*Account
	for i := range r.Accounts {
		out = append(out, &r.Accounts[i])
	}
	w := r.Config.DegradedWeight
	slices.SortStableFunc(out, func(a, b *Account) int { return cmp.Compare(b.Lost(w), a.Lost(w)) })
	return out
}

func (r *Report) causeTable() Table {
	t := Table{
		Name: "nguyen-nhan", Title: "Giờ phục vụ bị mất theo nguyên nhân và mức tin cậy",
		Columns: []Column{text("Nguyên nhân", 4), text("Mức tin cậy", 2), {Title: "Gián đoạn (giờ)", Format: FormatHours, Wide: 2, Sum: true}, {Title: "Suy giảm (giờ)", Format: FormatHours, Wide: 2, Sum: true}, {Title: "Giờ mất", Format: FormatHours, Wide: 2, Sum: true}},
		Bars:    4,
	}
	var all Account
	for _, a := range r.Accounts {
		for _, l := range a.Losses {
			all.lose(l)
		}
	}
	for _, l := range all.Losses {
		t.Rows = append(t.Rows, []any{vi.Cause(l.Cause, ""), vi.Level(l.Level), hours(l.Down), hours(l.Degraded), hours(l.Time(r.Config.DegradedWeight))})
	}
	return t
}

func (r *Report) rankTable() Table {
	t := Table{
		Name: "xep-hang", Title: "Thứ tự ưu tiên nâng cấp",
		Note: "Giờ mất mỗi tháng đã co về mức chung của tỉnh; khoảng 90 %. Không dùng thứ hạng đơn lẻ: xem khoảng thứ hạng. \"Vững\": ở trong nhóm 10 với ít nhất 80 % các cách tính.",
		Columns: []Column{{Title: "Hạng", Format: FormatCount}, text("Mã", 2), text("Đơn vị", 5), {Title: "Giờ/tháng", Format: FormatNumber, Wide: 2}, text("Khoảng 90 %", 3),
			text("Khoảng thứ hạng", 2), {Title: "Xác suất nhóm 10", Format: FormatPercent, Wide: 2}, text("Vững", 1), {Title: "Số sự cố", Format: FormatCount, Wide: 1},
			text("Nguyên nhân chính", 3), text("Phương án đề xuất", 5), {Title: "Đồng/năm", Format: FormatMoney, Wide: 2}, {Title: "Đồng/giờ tránh được", Format: FormatMoney, Wide: 2}, {Title: "Tỷ lệ dữ liệu", Format: FormatPercent, Wide: 2}},
		Bars: 3,
	}
	for _, x := range r.Ranking.Ranked {
		advice, cost, value := r.Advice(x.Account)
		t.Rows = append(t.Rows, []any{x.Place, x.Account.Site.Code, r.Name(*x.Account), x.Hours, vi.Number(x.Low, 2) + " – " + vi.Number(x.High, 2),
			fmt.Sprintf("%d – %d", x.First, x.Last), x.Top, map[bool]string{true: "có", false: "không"}[x.Firm()], x.Events,
			r.MainCause(x.Account), advice, cost, value, x.Account.Coverage()})
	}
	return t
}

// MainCause is the cause that cost the unit most, of those that are its own.
func (r *Report) MainCause(a *Account) string {
	best, most := none, 0.
	for i, h := range r.LostHours(*a) {
		if h > most && own(causeColumns[i].causes[0]) {
			best, most = strings.ToLower(causeColumns[i].title), h
		}
	}
	return best
}

// sensorFirst is what a site without a mains sensor needs before anything that
// depends on knowing whether power was there.
const sensorFirst = "lắp cảm biến nguồn trước"

// Advice is the option of the best value at a unit, what it costs a year, and a
// lost hour that it saves.
func (r *Report) Advice(a *Account) (option string, cost, value float64) {
	offers := r.Offers[a.Site.Code]
	for _, o := range offers {
		if o.Sure > 0 {
			return o.Option.Name, o.Cost, o.PerHour()
		}
	}
	if slices.ContainsFunc(offers, func(o Offer) bool { return o.SensorLack }) {
		return sensorFirst, math.NaN(), math.NaN()
	}
	return none, math.NaN(), math.NaN()
}

func (r *Report) unrankedTable() Table {
	t := Table{Name: "chua-xep-hang", Title: "Đơn vị chưa xếp hạng", Columns: []Column{text("Mã", 1), text("Đơn vị", 4), {Title: "Tỷ lệ dữ liệu", Format: FormatPercent, Wide: 2}, {Title: "Số ngày", Format: FormatCount, Wide: 1}, text("Lý do", 7)}}
	for _, x := range r.Ranking.Unranked {
		t.Rows = append(t.Rows, []any{x.Account.Site.Code, r.Name(*x.Account), x.Account.Coverage(), x.Account.Days, x.Why})
	}
	return t
}

func (r *Report) offerTable() Table {
	t := Table{
		Name: "phuong-an", Title: "Nếu đã nâng cấp: giờ phục vụ tránh được mỗi năm",
		Note:    "Chắc chắn: sự cố có mức tin cậy cao. Có thể: gồm cả mức trung bình, thấp và chưa xác định. Giá và hiệu quả là giả định, sửa trong tệp giá.",
		Columns: []Column{text("Mã", 2), text("Đơn vị", 4), text("Phương án", 6), {Title: "Chắc chắn (giờ/năm)", Format: FormatNumber, Wide: 2}, {Title: "Có thể đến (giờ/năm)", Format: FormatNumber, Wide: 2}, {Title: "Đồng/năm", Format: FormatMoney, Wide: 2}, {Title: "Đồng/giờ", Format: FormatMoney, Wide: 2}, text("Ghi chú", 4)},
	}
	for i := range r.Accounts {
		a := &r.Accounts[i]
		for _, o := range r.Offers[a.Site.Code] {
			note := ""
			if o.SensorLack {
				note = sensorFirst
			}
			t.Rows = append(t.Rows, []any{a.Site.Code, r.Name(*a), o.Option.Name, o.Sure, o.Perhaps, o.Cost, o.PerHour(), note})
		}
	}
	return t
}

func (r *Report) planTable() Table {
	note := "Chọn phương án rẻ nhất cho mỗi giờ tránh được trước; mỗi đơn vị nhiều nhất một phương án nguồn điện và một phương án đường truyền."
	if r.Costs.Budget > 0 {
		note += " Ngân sách: " + vi.Number(r.Costs.Budget, 0) + " đồng/năm."
	}
	t := Table{
		Name: "ke-hoach", Title: "Kế hoạch theo ngân sách", Note: note,
		Columns: []Column{{Title: "Bước", Format: FormatCount}, text("Mã", 2), text("Đơn vị", 4), text("Phương án", 6), {Title: "Giờ/năm", Format: FormatNumber, Wide: 2, Sum: true}, {Title: "Đồng/năm", Format: FormatMoney, Wide: 2, Sum: true}, {Title: "Cộng dồn giờ", Format: FormatNumber, Wide: 2}, {Title: "Cộng dồn đồng", Format: FormatMoney, Wide: 2}, text("Trên đường Pareto", 2)},
	}
	for i, s := range r.Plan {
		front := slices.ContainsFunc(r.Pareto, func(o Offer) bool { return o.Account == s.Account && o.Option == s.Option })
		t.Rows = append(t.Rows, []any{i + 1, s.Account.Site.Code, r.Name(*s.Account), s.Option.Name, s.Sure, s.Cost, s.TotalHours, s.TotalCost, map[bool]string{true: "có", false: ""}[front]})
	}
	return t
}

// ownerTable is what each owner has to answer for.
func (r *Report) ownerTable() Table {
	t := Table{
		Name: "don-vi-xu-ly", Title: "Giờ mất theo đơn vị chịu trách nhiệm xử lý",
		Columns: []Column{text("Đơn vị xử lý", 5), {Title: "Số đơn vị bị ảnh hưởng", Format: FormatCount, Wide: 2}, {Title: "Số sự cố", Format: FormatCount, Wide: 2, Sum: true}, {Title: "Giờ mất", Format: FormatHours, Wide: 2, Sum: true}},
		Bars:    3,
	}
	type sum struct {
		units  map[string]bool
		events int
		lost   time.Duration
	}
	by := map[string]*sum{}
	for _, a := range r.Accounts {
		for _, e := range a.Events {
			lost := e.Down + time.Duration(r.Config.DegradedWeight*float64(e.Degraded))
			if lost == 0 {
				continue
			}
			who := owner(a.Site, e.Cause)
			if by[who] == nil {
				by[who] = &sum{units: map[string]bool{}}
			}
			by[who].units[a.Site.Code] = true
			by[who].events++
			by[who].lost += lost
		}
	}
	for who, s := range by {
		t.Rows = append(t.Rows, []any{who, len(s.units), s.events, hours(s.lost)})
	}
	slices.SortFunc(t.Rows, func(x, y []any) int {
		return cmp.Or(cmp.Compare(y[3].(float64), x[3].(float64)), cmp.Compare(x[0].(string), y[0].(string)))
	})
	return t
}

func owner(s thongsuot.Site, c thongsuot.Cause) string {
	named := func(kind, name string) string {
		if name == "" {
			return kind + " (chưa khai báo)"
		}
		return kind + " " + name
	}
	switch c {
	case thongsuot.CausePower:
		return named("Điện lực", s.Utility)
	case thongsuot.CauseAccess, thongsuot.CauseUpstream:
		return named("Nhà mạng", s.Carrier())
	case thongsuot.CausePortal:
		return "Đơn vị vận hành cổng dịch vụ công"
	case thongsuot.CauseLAN:
		return "UBND cấp xã (mạng nội bộ)"
	case thongsuot.CauseAgent, thongsuot.CauseHost, thongsuot.CauseCentral:
		return "Đơn vị vận hành hệ thống giám sát"
	default:
		return "Chưa xác định"
	}
}

func (r *Report) eventTable() Table {
	t := Table{
		Name: "su-co", Title: "Sự cố trong kỳ",
		Columns: []Column{text("Mã", 2), text("Đơn vị", 4), {Title: "Bắt đầu", Format: FormatTime, Wide: 3}, {Title: "Kết thúc", Format: FormatTime, Wide: 3}, text("Tình trạng", 2), text("Nguyên nhân", 4), text("Mức tin cậy", 2), {Title: "Gián đoạn (giờ HC)", Format: FormatHours, Wide: 2, Sum: true}, {Title: "Suy giảm (giờ HC)", Format: FormatHours, Wide: 2, Sum: true}, text("Ghi chú", 3), text("Mã sự cố", 5)},
	}
	for _, a := range r.Accounts {
		for _, e := range a.Events {
			var notes []string
			if e.Planned {
				notes = append(notes, "theo kế hoạch")
			}
			end := e.End
			if e.Open {
				notes, end = append(notes, "đang diễn ra"), time.Time{}
			}
			t.Rows = append(t.Rows, []any{a.Site.Code, vi.Site(a.Site), e.Start, end, vi.State(e.State), vi.Cause(e.Cause, e.Sub), vi.Level(e.Confidence.Level()), hours(e.Down), hours(e.Degraded), strings.Join(notes, ", "), e.Incident})
		}
	}
	return t
}
