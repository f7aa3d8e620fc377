package reports

import (
	"fmt"
	"slices"
	"time"
)

// Period is the period as people write it: its first and last day.
func (r *Report) Period() string {
	zone := r.In.Registry.Zone()
	return fmt.Sprintf("từ %s đến %s", vi.Date(r.In.From, zone), vi.Date(r.In.To.Add(-1), zone))
}

// Title heads the report.
func (r *Report) Title() string {
	return "Báo cáo giờ phục vụ và ưu tiên nâng cấp – " + r.In.Place
}

// Summary says in five sentences what a planner has to know.
func (r *Report) Summary() []string {
	var lost, office, seen time.Duration
	for _, a := range r.Accounts {
		lost, office, seen = lost+a.Lost(r.Config.DegradedWeight), office+a.Office, seen+a.OfficeSeen
	}
	totals := make([]float64, len(causeColumns))
	for _, a := range r.Accounts {
		for i, h := range r.LostHours(a) {
			totals[i] += h
		}
	}
	out := []string{
		fmt.Sprintf("Trong kỳ %s, %d đơn vị được theo dõi mất %s giờ phục vụ trong giờ hành chính; tỷ lệ dữ liệu thu được %s.", r.Period(), len(r.Accounts), vi.Number(hours(lost), 1), percent(ratio(seen, office))),
	}
	if i := slices.Index(totals, slices.Max(totals)); totals[i] > 0 {
		out = append(out, fmt.Sprintf("Nguyên nhân lớn nhất: %s, %s giờ (%s).", lower(causeColumns[i].title), vi.Number(totals[i], 1), percent(totals[i]/hours(lost))))
	} else {
		out = append(out, "Không ghi nhận giờ phục vụ nào bị mất trong thời gian theo dõi được.")
	}
	out = append(out, fmt.Sprintf("Chưa xác định được nguyên nhân của %s giờ, và không theo dõi được %s giờ hành chính.", vi.Number(totals[len(totals)-1], 1), vi.Number(hours(office-seen), 1)))
	if n := len(r.Ranking.Ranked); n > 0 {
		firm := 0
		for _, x := range r.Ranking.Ranked {
			if x.Place <= top && x.Firm() {
				firm++
			}
		}
		out = append(out, fmt.Sprintf("Đứng đầu danh sách ưu tiên là %s (khoảng thứ hạng %d – %d); %d trong %d đơn vị đầu giữ vị trí với hầu hết các cách tính.", r.Name(*r.Ranking.Ranked[0].Account), r.Ranking.Ranked[0].First, r.Ranking.Ranked[0].Last, firm, min(top, n)))
	} else {
		out = append(out, "Chưa xếp hạng được đơn vị nào: "+fmt.Sprintf("cần ít nhất %d ngày và %s dữ liệu.", r.Config.MinDays, percent(r.Config.MinCoverage)))
	}
	if n := len(r.Plan); n > 0 {
		out = append(out, fmt.Sprintf("Kế hoạch %d bước tránh được khoảng %s giờ mỗi năm với %s đồng mỗi năm, theo giá giả định.", n, vi.Number(r.Plan[n-1].TotalHours, 1), vi.Number(r.Plan[n-1].TotalCost, 0)))
	} else {
		out = append(out, "Chưa có sự cố đủ chắc chắn để tính hiệu quả của phương án nào.")
	}
	return out
}

// methodTable is the method with every choice, so that somebody else comes to
// the same figures.
func (r *Report) methodTable() Table {
	zone := r.In.Registry.Zone()
	t := Table{Name: "phuong-phap", Title: "Phương pháp và giả định", Columns: []Column{text("Mục", 2), text("Nội dung", 9)}}
	add := func(name, format string, args ...any) {
		t.Rows = append(t.Rows, []any{name, fmt.Sprintf(format, args...)})
	}
	add("Kỳ báo cáo", "%s, múi giờ %s", r.Period(), zone)
	add("Giờ phục vụ bị mất", "phần gián đoạn nằm trong giờ hành chính, cộng giờ suy giảm nhân hệ số %s; có nguy cơ và đã tắt không tính; mỗi thời điểm chỉ có một nguyên nhân", vi.Number(r.Config.DegradedWeight, 2))
	add("Giờ hành chính", "theo danh bạ (hours.csv, holidays.csv); ngày nghỉ không tính")
	for year := r.In.From.In(zone).Year(); year <= r.In.To.Add(-1).In(zone).Year(); year++ {
		if !r.In.Registry.HolidaysKnown(year) {
			add("Cảnh báo", "ngày nghỉ năm %d chưa đủ hoặc còn ngày chưa xác nhận: giờ hành chính có thể sai", year)
		}
	}
	add("Thời gian theo dõi được", "có mẫu do điểm đo ghi (kể cả gửi bù) trong từng 5 phút, hoặc nằm trong sự cố đã biết tình trạng; còn lại là chưa rõ, không nằm trong tử số lẫn mẫu số")
	add("Nguyên nhân", "theo bản sửa đổi mới nhất của từng sự cố; mức tin cậy cao từ 0,9, trung bình từ 0,6")
	add("Gián đoạn kéo dài", "trên 5 phút (IEEE 1366; Thông tư 05/2025/TT-BCT, Điều 15); gián đoạn thuộc ngày bắt đầu")
	add("Ngày sự kiện lớn", "phương pháp 2,5β, cần ít nhất %d ngày có gián đoạn", minMajorDays)
	add("Apdex", "cổng dịch vụ công trong giờ hành chính, ngưỡng hài lòng %s, chấp nhận gấp bốn lần; lần hỏng do chính nơi đo mất điện hoặc mất mạng không tính", vi.Duration(r.Config.Apdex))
	add("Mức sẵn sàng phải đạt", "%s (%s)", percent(r.Config.Availability), r.Config.AvailabilityLaw)
	add("Xếp hạng", "Poisson–Gamma, thời lượng co về trung bình tỉnh với trọng số %d sự cố; %d lần mô phỏng, hạt giống %d; cần tỷ lệ dữ liệu từ %s và %d ngày; cổng dịch vụ và thiết bị giám sát không tính cho đơn vị", steady, r.Config.Draws, r.Config.Seed, percent(r.Config.MinCoverage), r.Config.MinDays)
	add("Trọng số", "%s", map[Weight]string{WeightNone: "không dùng", WeightRegistry: "theo danh bạ", WeightPopulation: "dân số (nghìn người), nơi chưa có số liệu lấy trung vị"}[r.Config.Weight])
	add("Chi phí", "lãi suất %s mỗi năm, chi phí đầu tư chia đều theo hệ số thu hồi vốn", percent(r.Costs.Rate))
	for _, o := range r.Costs.Options {
		add("Giả định giá", "%s: đầu tư %s đồng, mỗi năm %s đồng, dùng %d năm, tránh được %s", o.Name, vi.Number(o.Capex, 0), vi.Number(o.Opex, 0), o.Years, percent(o.Share))
	}
	add("Phiên bản", "thongsuot %s", r.In.Version)
	add("Mã băm dữ liệu", "%s", r.Hash)
	return t
}
