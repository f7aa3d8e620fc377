package grafana

import "thongsuot"

func at(v float64) *float64 { return &v }

// ofSite selects the chosen sites.
func ofSite(more ...match) []match {
	return append([]match{{label: thongsuot.LabelSite, value: chosen}}, more...)
}

func noProbe(name string) match { return match{label: thongsuot.LabelProbe, value: name, not: true} }

func boards() []board {
	return []board{overview(), commune(), power(), portal(), fleet(), centre()}
}

func inState(s thongsuot.State) query {
	return query{metric: thongsuot.MetricSiteState, over: "last", is: at(float64(s.Severity())), agg: "sum"}
}

func named(name string, q query) query {
	q.name = name
	return q
}

func overview() board {
	count := func(s thongsuot.State, title, about string) panel {
		p := panel{title: title, about: about, kind: "stat", unit: "short", width: 6, queries: []query{named(title, inState(s))}}
		if s == thongsuot.StateDown {
			p.worst = 1
		}
		return p
	}
	return board{
		name: "tong-quan", title: "Thông Suốt · Toàn tỉnh", about: "Tình trạng phục vụ của mọi điểm trong tỉnh: bao nhiêu điểm đang gặp sự cố, mạng và Cổng dịch vụ công nhìn từ các điểm ra sao.",
		panels: []panel{
			count(thongsuot.StateDown, "Không phục vụ được", "Số điểm mà quầy hiện không phục vụ được người dân."),
			count(thongsuot.StateDegraded, "Suy giảm", "Số điểm còn phục vụ nhưng chậm hoặc mất gói."),
			count(thongsuot.StateAtRisk, "Có nguy cơ", "Số điểm đang chạy bằng pin lưu điện, điện áp xấu hoặc mất một đường truyền."),
			count(thongsuot.StateUnknown, "Chưa rõ", "Số điểm mà trung tâm không nhìn thấy."),
			{title: "Số điểm theo tình trạng", about: "Mỗi phút trung tâm ghi lại tình trạng của từng điểm như nó thấy lúc đó; sự kiện được xem xét lại nằm trong sổ sự cố.",
				kind: "timeseries", unit: "short", width: 12, stack: true, min: at(0), queries: []query{
					named("Không phục vụ được", inState(thongsuot.StateDown)), named("Suy giảm", inState(thongsuot.StateDegraded)),
					named("Có nguy cơ", inState(thongsuot.StateAtRisk)), named("Chưa rõ", inState(thongsuot.StateUnknown)),
				}},
			{title: "Tỷ lệ truy cập được Cổng dịch vụ công", about: "Phần các lần thử từ mọi điểm nhận được trang của Cổng.",
				kind: "timeseries", unit: "percentunit", width: 12, min: at(0), max: at(1),
				queries: []query{{metric: "portal_ok", over: "mean", agg: "mean", name: "mọi điểm"}}},
			{title: "Độ trễ đường truyền", about: "Độ trễ trung vị tới các địa chỉ ngoài cơ quan: trung bình và mức mà 95 % số điểm không vượt quá.",
				kind: "timeseries", unit: "s", width: 12, min: at(0), queries: []query{
					{metric: "icmp_rtt_median_seconds", where: []match{noProbe("gateway.*")}, over: "mean", agg: "mean", name: "trung bình"},
					{metric: "icmp_rtt_median_seconds", where: []match{noProbe("gateway.*")}, over: "mean", agg: "p95", name: "95 %"},
				}},
			{title: "Điểm chạy bằng pin", about: "Số điểm mà bộ lưu điện báo đang dùng pin.", kind: "timeseries", unit: "short", width: 12, min: at(0),
				queries: []query{{metric: "ups_on_battery", over: "max", agg: "sum", name: "dùng pin"}}},
			{title: "Mất gói theo điểm", about: "Tỷ lệ gói bị mất trên đường truyền của từng điểm, trung bình trong khoảng đang xem.", kind: "bargauge", unit: "percentunit", width: 24,
				min: at(0), max: at(1), queries: []query{{metric: "icmp_loss_ratio", where: []match{noProbe("gateway.*")}, over: "mean", agg: "mean", by: []string{"site"}}}},
		},
	}
}

func commune() board {
	line := func(title, about, unit string, q query) panel {
		return panel{title: title, about: about, kind: "timeseries", unit: unit, width: 12, min: at(0), queries: []query{q}}
	}
	phase := func(field, name string) query {
		return query{metric: "portal_" + field, where: ofSite(), over: "mean", agg: "mean", name: name}
	}
	byProbe := []string{"probe"}
	return board{
		name: "xa-phuong", title: "Thông Suốt · Một điểm", about: "Mọi số đo của một điểm: đường truyền, tên miền, Cổng dịch vụ công, nguồn điện.", sites: "one",
		panels: []panel{
			{title: "Tình trạng", about: "Tình trạng phục vụ như trung tâm thấy từng phút.", kind: "state-timeline", unit: "none", width: 24, states: true,
				queries: []query{{metric: thongsuot.MetricSiteState, where: ofSite(), over: "last", agg: "max", by: []string{"site"}}}},
			line("Độ trễ", "Độ trễ trung vị của các gói thử tới từng đích.", "s", query{metric: "icmp_rtt_median_seconds", where: ofSite(), over: "mean", agg: "mean", by: byProbe}),
			line("Mất gói", "Phần gói thử không có trả lời.", "percentunit", query{metric: "icmp_loss_ratio", where: ofSite(), over: "mean", agg: "mean", by: byProbe}),
			line("Phân giải tên miền", "Thời gian máy chủ tên miền trả lời.", "s", query{metric: "dns_query_seconds", where: ofSite(), over: "mean", agg: "mean", by: byProbe}),
			{title: "Cổng dịch vụ công theo từng bước", about: "Thời gian của từng bước khi mở trang của Cổng.", kind: "timeseries", unit: "s", width: 12, stack: true, min: at(0), queries: []query{
				phase(thongsuot.FieldDNS, "tên miền"), phase(thongsuot.FieldConnect, "kết nối"), phase(thongsuot.FieldTLS, "mã hóa"),
				phase(thongsuot.FieldTTFB, "chờ trả lời"), phase(thongsuot.FieldTransfer, "tải về"),
			}},
			line("Truy cập được Cổng", "1 là mở được trang của Cổng.", "percentunit", query{metric: "portal_ok", where: ofSite(), over: "mean", agg: "mean", by: byProbe}),
			line("Mức pin", "Phần dung lượng pin còn lại của bộ lưu điện.", "percentunit", query{metric: "ups_charge_ratio", where: ofSite(), over: "min", agg: "min", by: byProbe}),
			line("Điện áp lưới", "Điện áp vào bộ lưu điện; 0 là mất điện.", "volt", query{metric: "ups_input_volts", where: ofSite(), over: "mean", agg: "mean", by: byProbe}),
			line("Bản ghi chờ gửi", "Số bản ghi còn nằm trên đĩa của điểm, chưa gửi được về trung tâm.", "short", query{metric: "agent_spool_records", where: ofSite(), over: "max", agg: "max", by: byProbe}),
		},
	}
}

func power() board {
	bySite := []string{"site"}
	return board{
		name: "nguon-dien", title: "Thông Suốt · Nguồn điện", about: "Nguồn điện tại các điểm, theo bộ lưu điện.", sites: "many",
		panels: []panel{
			{title: "Đang dùng pin", about: "Số điểm đang chạy bằng pin.", kind: "stat", unit: "short", width: 6, worst: 1, queries: []query{{metric: "ups_on_battery", where: ofSite(), over: "last", agg: "sum", name: "dùng pin"}}},
			{title: "Pin sắp hết", about: "Số điểm mà bộ lưu điện báo pin sắp hết.", kind: "stat", unit: "short", width: 6, worst: 1, queries: []query{{metric: "ups_low_battery", where: ofSite(), over: "last", agg: "sum", name: "pin sắp hết"}}},
			{title: "Thời gian dùng pin", about: "Phần thời gian mỗi điểm chạy bằng pin trong khoảng đang xem.", kind: "bargauge", unit: "percentunit", width: 12, min: at(0), max: at(1), queries: []query{{metric: "ups_on_battery", where: ofSite(), over: "mean", agg: "mean", by: bySite}}},
			{title: "Dùng pin theo điểm", about: "1 là đang dùng pin, 0 là có điện lưới.", kind: "timeseries", unit: "short", width: 12, min: at(0), max: at(1), queries: []query{{metric: "ups_on_battery", where: ofSite(), over: "max", agg: "max", by: bySite}}},
			{title: "Mức pin", about: "Phần dung lượng pin còn lại.", kind: "timeseries", unit: "percentunit", width: 12, min: at(0), max: at(1), queries: []query{{metric: "ups_charge_ratio", where: ofSite(), over: "min", agg: "min", by: bySite}}},
			{title: "Thời gian pin còn chịu được", about: "Ước tính của bộ lưu điện.", kind: "timeseries", unit: "s", width: 12, min: at(0), queries: []query{{metric: "ups_runtime_seconds", where: ofSite(), over: "min", agg: "min", by: bySite}}},
			{title: "Điện áp lưới", about: "Điện áp vào; định mức 220 V ±5 % theo quy định, ±10 % là giới hạn thiết bị chịu được.", kind: "timeseries", unit: "volt", width: 12, queries: []query{{metric: "ups_input_volts", where: ofSite(), over: "mean", agg: "mean", by: bySite}}},
			{title: "Tải của bộ lưu điện", about: "Phần công suất đang dùng.", kind: "timeseries", unit: "percentunit", width: 12, min: at(0), queries: []query{{metric: "ups_load_ratio", where: ofSite(), over: "mean", agg: "mean", by: bySite}}},
		},
	}
}

func portal() board {
	phase := func(field, name string) query {
		return query{metric: "portal_" + field, where: ofSite(), over: "mean", agg: "mean", name: name}
	}
	bySite := []string{"site"}
	return board{
		name: "cong-dich-vu-cong", title: "Thông Suốt · Cổng dịch vụ công", about: "Cổng dịch vụ công nhìn từ quầy của các điểm. Một điểm không truy cập được chưa nói lên điều gì về Cổng; nhiều điểm trên nhiều nhà mạng thì có.", sites: "many",
		panels: []panel{
			{title: "Tỷ lệ truy cập được", about: "Phần các lần thử nhận được trang của Cổng.", kind: "stat", unit: "percentunit", width: 6, queries: []query{{metric: "portal_ok", where: ofSite(), over: "mean", agg: "mean", name: "truy cập được"}}},
			{title: "Tỷ lệ truy cập được theo thời gian", about: "Phần các lần thử nhận được trang của Cổng, trung bình các điểm đã chọn.", kind: "timeseries", unit: "percentunit", width: 18, min: at(0), max: at(1), queries: []query{{metric: "portal_ok", where: ofSite(), over: "mean", agg: "mean", name: "truy cập được"}}},
			{title: "Thời gian mở trang", about: "Tổng thời gian mở trang: trung bình và mức mà 95 % số điểm không vượt quá.", kind: "timeseries", unit: "s", width: 12, min: at(0), queries: []query{
				{metric: "portal_total_seconds", where: ofSite(), over: "mean", agg: "mean", name: "trung bình"}, {metric: "portal_total_seconds", where: ofSite(), over: "mean", agg: "p95", name: "95 %"},
			}},
			{title: "Theo từng bước", about: "Bước nào làm chậm: tên miền, kết nối, mã hóa, chờ máy chủ trả lời hay tải về.", kind: "timeseries", unit: "s", width: 12, stack: true, min: at(0), queries: []query{
				phase(thongsuot.FieldDNS, "tên miền"), phase(thongsuot.FieldConnect, "kết nối"), phase(thongsuot.FieldTLS, "mã hóa"), phase(thongsuot.FieldTTFB, "chờ trả lời"), phase(thongsuot.FieldTransfer, "tải về"),
			}},
			{title: "Mã trả lời cao nhất", about: "Mã trạng thái HTTP cao nhất trong bước: 200 là bình thường, từ 500 là lỗi của máy chủ.", kind: "timeseries", unit: "none", width: 12, queries: []query{{metric: "portal_status_code", where: ofSite(), over: "max", agg: "max", name: "mã cao nhất"}}},
			{title: "Thời gian mở trang theo điểm", about: "Trung bình trong khoảng đang xem.", kind: "bargauge", unit: "s", width: 12, min: at(0), queries: []query{{metric: "portal_total_seconds", where: ofSite(), over: "mean", agg: "mean", by: bySite}}},
		},
	}
}

func fleet() board {
	bySite := []string{"site"}
	line := func(title, about, unit, metric, over string) panel {
		return panel{title: title, about: about, kind: "timeseries", unit: unit, width: 12, queries: []query{{metric: metric, where: ofSite(), over: over, agg: "max", by: bySite}}}
	}
	return board{
		name: "thiet-bi", title: "Thông Suốt · Thiết bị tại các điểm", about: "Máy đo tại các điểm: hàng đợi trên đĩa, đồng hồ, thời gian chạy, những gì bị bỏ.", sites: "many",
		panels: []panel{
			{title: "Máy đang gửi số liệu", about: "Số máy có số liệu tới trung tâm trong bước.", kind: "stat", unit: "short", width: 6, queries: []query{{metric: "agent_spool_records", where: ofSite(), over: "last", agg: "count", name: "máy"}}},
			{title: "Bản ghi chờ gửi, toàn tỉnh", about: "Tổng số bản ghi còn nằm trên đĩa của các điểm.", kind: "timeseries", unit: "short", width: 18, min: at(0), queries: []query{{metric: "agent_spool_records", where: ofSite(), over: "last", agg: "sum", name: "bản ghi"}}},
			line("Hàng đợi trên đĩa theo điểm", "Số byte chờ gửi; hàng đợi đầy dần khi đường truyền đứt.", "bytes", "agent_spool_bytes", "max"),
			line("Bản ghi đã bỏ", "Số bản ghi máy đã phải bỏ từ lúc khởi động; bình thường là 0.", "short", "agent_dropped_records", "max"),
			line("Độ trễ tín hiệu sống", "Thời gian đi và về của tín hiệu sống tới trung tâm.", "s", "agent_beat_rtt_seconds", "mean"),
			line("Lệch đồng hồ", "Đồng hồ của máy so với trung tâm; số đo đã được trung tâm hiệu chỉnh.", "s", "agent_clock_offset_seconds", "mean"),
			line("Thời gian chạy", "Thời gian từ lần khởi động máy gần nhất.", "s", "boot_uptime_seconds", "last"),
			line("Nhịp tín hiệu sống", "Khoảng cách giữa hai tín hiệu sống; dài hơn khi dùng pin hoặc khi trả tiền theo dung lượng.", "s", "agent_beat_every_seconds", "last"),
		},
	}
}

func centre() board {
	line := func(title, about, unit string, qs ...query) panel {
		return panel{title: title, about: about, kind: "timeseries", unit: unit, width: 12, min: at(0), queries: qs}
	}
	rate := func(metric string, by ...string) query {
		return query{metric: metric, over: "rate", agg: "sum", by: by, name: map[bool]string{true: "mỗi giây"}[len(by) == 0]}
	}
	own := func(p panel) panel {
		p.embedded = true
		return p
	}
	gauge := func(metric, name string) query { return query{metric: metric, over: "last", agg: "max", name: name} }
	return board{
		name: "trung-tam", title: "Thông Suốt · Trung tâm", about: "Chính trung tâm: tiếp nhận, lưu trữ, cảnh báo, tài nguyên. Trung tâm tự ghi các số này mỗi phút.",
		panels: []panel{
			line("Số mẫu tiếp nhận", "Số mẫu được lưu mỗi giây.", "short", rate("thongsuot_ingest_samples_total")),
			line("Lần ghi theo kết quả", "Số lần ghi mỗi giây; partial là có dòng bị từ chối, unavailable là không lưu được và điểm phải gửi lại.", "short", rate("thongsuot_ingest_writes_total", "lane", "outcome")),
			line("Bị từ chối", "Dòng, chữ, mẫu và chuỗi không được lưu mỗi giây; dòng bị từ chối nằm trong thư mục quarantine.", "short", rate("thongsuot_ingest_refused_total", "what")),
			line("Tín hiệu sống", "Số tín hiệu sống mỗi giây, theo kết quả.", "short", rate("thongsuot_beats_total", "outcome", "way")),
			own(line("Dung lượng lưu trữ", "Số byte trên đĩa của kho số liệu.", "bytes", gauge("thongsuot_store_disk_bytes", "kho số liệu"), gauge("thongsuot_store_late_log_bytes", "nhật ký mẫu đến muộn"))),
			own(line("Chuỗi trong bộ nhớ", "Số chuỗi số liệu đang nằm trong bộ nhớ.", "short", gauge("thongsuot_store_head_series", "chuỗi"))),
			line("Cảnh báo chờ gửi", "Số cảnh báo chưa gửi xong.", "short", gauge("thongsuot_alert_pending", "chờ gửi")),
			line("Tuổi cảnh báo chờ lâu nhất", "Cảnh báo lâu nhất đã chờ bao lâu.", "s", gauge("thongsuot_alert_oldest_pending_seconds", "lâu nhất")),
			line("Thay đổi chưa ghi sổ", "Số thay đổi của sự cố chưa ghi được vào sổ; khác 0 là sổ có vấn đề.", "short", gauge("thongsuot_incident_changes_unrecorded", "chưa ghi")),
			own(line("Truy vấn", "Số truy vấn mỗi giây qua giao diện truy vấn, theo kết quả.", "short", rate("thongsuot_query_requests_total", "answer"))),
			line("Bộ nhớ", "Bộ nhớ thường trú của trung tâm.", "bytes", gauge("process_resident_memory_bytes", "thường trú")),
			line("CPU", "Số nhân CPU trung tâm dùng.", "short", rate("process_cpu_seconds_total")),
		},
	}
}
