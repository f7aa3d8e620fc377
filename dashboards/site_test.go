package dashboards_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"thongsuot"
	"thongsuot/dashboards"
)

// TestEveryDrawingHasATable: what a chart shows is also there as text.
func TestEveryDrawingHasATable(t *testing.T) {
	h := serve(t, province(t))
	for span, rows := range map[string]int{"1h": 12, "24h": 24, "7d": 28} {
		doc := parse(t, get(t, h, "/site/25051?span="+span))
		charts := find(byID(t, doc, "charts"), func(n *html.Node) bool { return n.Data == "section" })
		if len(charts) != 7 {
			t.Errorf("%s: %d charts of 5 tracks and the two of a UPS", span, len(charts))
		}
		for _, c := range charts {
			svg := find(c, func(n *html.Node) bool { return n.Data == "svg" && attr(n, "role") == "img" })
			lines := find(c, func(n *html.Node) bool { return n.Data == "tr" })
			if len(svg) != 1 || len(lines) != rows+1 {
				t.Errorf("%s: %d drawings, %d rows for %s", span, len(svg), len(lines), words(c)[:40])
			}
		}
		if got := words(byID(t, doc, "states")); !strings.Contains(got, "Gián đoạn") {
			t.Errorf("%s: no states in %s", span, got)
		}
	}
}

// TestSupplyIsDrawn: charge and voltage with the time on battery, as a chart in
// their own units and as a table.
func TestSupplyIsDrawn(t *testing.T) {
	doc := parse(t, get(t, serve(t, province(t)), "/site/25051?span=24h"))
	charts := find(byID(t, doc, "charts"), func(n *html.Node) bool { return n.Data == "section" })
	f := func(i int, title, unit string, wants ...string) {
		t.Helper()
		text := words(charts[i])
		for _, want := range append(wants, title, "chạy bằng pin", "có", "không") {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in %s", want, text)
			}
		}
		if u := find(charts[i], func(n *html.Node) bool { return n.Data == "text" && attr(n, "class") == "u" }); len(u) != 1 || words(u[0]) != unit {
			t.Errorf("%s: unit is not %s", title, unit)
		}
		if bars := find(charts[i], func(n *html.Node) bool { return n.Data == "rect" && attr(n, "class") == "fail" }); len(bars) != 1 {
			t.Errorf("%s: %d stretches on battery, want one", title, len(bars))
		}
		if zoom := find(charts[i], func(n *html.Node) bool { return n.Data == "button" }); len(zoom) != 0 {
			t.Errorf("%s: zooming knows lengths of time alone", title)
		}
	}
	f(0, "Mức pin: bộ lưu điện", "%", "57 %", "100 %")
	f(1, "Điện áp lưới: bộ lưu điện", "V", "224 V", "0 V")
}

// TestThreeTruths: power, link and portal are told apart, from the same facts.
func TestThreeTruths(t *testing.T) {
	h := serve(t, province(t))
	f := func(code string, wants ...string) {
		t.Helper()
		got := words(byID(t, parse(t, get(t, h, "/site/"+code)), "truths"))
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in %q", code, want, got)
			}
		}
	}
	f("24712", "Nguồn điện có điện lưới", "Đường truyền chậm hoặc mất gói", "Cổng Dịch vụ công dùng được")
	f("24823", "Nguồn điện có điện lưới", "Đường truyền thông suốt", "Cổng Dịch vụ công không dùng được Lỗi ở bước bảo mật (TLS)")
	f("25051", "Nguồn điện mất điện mức tin cậy: cao", "Đường truyền mất liên lạc", "Cổng Dịch vụ công chưa rõ")
	f("24748", "Nguồn điện chưa rõ", "Đường truyền mất liên lạc", "Cổng Dịch vụ công chưa rõ")
}

// TestToldSilenceIsShownAtOnce: a site whose silence is told is cut off on its
// page too, though its last sign of life is only seconds old.
func TestToldSilenceIsShownAtOnce(t *testing.T) {
	f := province(t)
	h := serve(t, f)
	site := f.overview.Sites[5].Site
	heard := f.overview.At.Add(-15 * time.Second)
	v := dashboards.SiteView{Centre: f.overview.Centre, Status: dashboards.Status{
		Site: site, LastHeard: heard,
		Verdict: thongsuot.Verdict{
			State: thongsuot.StateDown, Cause: thongsuot.CausePower, Confidence: 0.95,
			Evidence: []thongsuot.Evidence{{Code: thongsuot.EvidenceBeatsUnanswered, At: heard, Value: 2}},
		},
		Probes: []thongsuot.Result{{Probe: "portal", Kind: thongsuot.ProbePortal, Target: "https://dichvucong.gov.vn/", At: heard, Reason: thongsuot.ReasonOK}},
	}}
	truths := func() string {
		f.change(func() { f.sites[site.Code] = v })
		return words(byID(t, parse(t, get(t, h, "/site/"+site.Code)), "truths"))
	}
	if got := truths(); !strings.Contains(got, "Đường truyền mất liên lạc") || !strings.Contains(got, "Cổng Dịch vụ công chưa rõ") {
		t.Errorf("silent: %s", got)
	}
	v.LastHeard = heard.Add(10 * time.Second)
	if got := truths(); strings.Contains(got, "Đường truyền mất liên lạc") || !strings.Contains(got, "Đường truyền thông suốt Cổng Dịch vụ công dùng được") {
		t.Errorf("heard again: %s", got)
	}
}

// TestLikelyLinkIsShownAsWeak: a site that is served badly for a reason not
// established, most likely its line, has no line that is well.
func TestLikelyLinkIsShownAsWeak(t *testing.T) {
	f := province(t)
	site := f.overview.Sites[5].Site
	f.sites[site.Code] = dashboards.SiteView{Centre: f.overview.Centre, Status: dashboards.Status{
		Site: site, LastHeard: f.overview.At.Add(-2 * time.Second),
		Verdict: thongsuot.Verdict{
			State: thongsuot.StateDegraded, Cause: thongsuot.CauseUnknown, Confidence: thongsuot.ConfidenceLow,
			Candidates: []string{string(thongsuot.CauseAccess), string(thongsuot.CauseUpstream)},
		},
	}}
	if got := words(byID(t, parse(t, get(t, serve(t, f), "/site/"+site.Code)), "truths")); !strings.Contains(got, "Đường truyền chậm hoặc mất gói chưa xác định") {
		t.Error(got)
	}
}

// TestPortalRowNamesTheStep: a portal that cannot be reached says where it
// stopped, and never is an empty row.
func TestPortalRowNamesTheStep(t *testing.T) {
	f := province(t)
	h := serve(t, f)
	for reason, want := range map[thongsuot.Reason]string{
		thongsuot.ReasonDNSNXDomain:    "lỗi ở bước tên miền (DNS)",
		thongsuot.ReasonConnectRefused: "lỗi ở bước kết nối (TCP)",
		thongsuot.ReasonTLSName:        "lỗi ở bước bảo mật (TLS)",
		thongsuot.ReasonHTTP5xx:        "lỗi ở bước trang web (HTTP)",
		thongsuot.ReasonBodyMismatch:   "lỗi ở bước trang web (HTTP)",
		thongsuot.ReasonSkipped:        "tạm bỏ qua lượt đo",
		thongsuot.ReasonPanic:          "phép đo gặp lỗi chương trình",
	} {
		f.change(func() { f.overview.Sites[124].Probes[3].Reason = reason })
		rows := find(byID(t, parse(t, get(t, h, "/")), "tests"), func(n *html.Node) bool { return n.Data == "tr" })
		got := words(rows[len(rows)-1])
		for _, part := range []string{"Cổng Dịch vụ công quốc gia dichvucong.gov.vn", want, "14:05:00"} {
			if !strings.Contains(got, part) {
				t.Errorf("%s: %q is not in the row %q", reason, part, got)
			}
		}
	}
}

// TestNothingIsClaimedWithoutData: a site of which nothing was heard has no
// green stretch, no figures of its agent and no state but unknown.
func TestNothingIsClaimedWithoutData(t *testing.T) {
	f := province(t)
	site := f.overview.Sites[5].Site
	fresh := dashboards.Status{Site: site, Verdict: thongsuot.Verdict{State: thongsuot.StateUnknown, Cause: thongsuot.CauseNone}}
	f.sites[site.Code] = dashboards.SiteView{Centre: f.overview.Centre, Status: fresh}
	doc := parse(t, get(t, serve(t, f), "/site/"+site.Code))
	if got := words(byID(t, doc, "truths")); !strings.Contains(got, "chưa từng nhận được tín hiệu") {
		t.Errorf("truths: %s", got)
	}
	for id, want := range map[string]string{"agent": "chưa từng nhận được tín hiệu", "charts": "Chưa có số liệu", "probes": "Chưa có phép đo nào"} {
		if got := words(byID(t, doc, id)); !strings.Contains(got, want) {
			t.Errorf("%s: %s", id, got)
		}
	}
	if green := find(byID(t, doc, "states"), func(n *html.Node) bool { return n.Data == "rect" && attr(n, "class") == "s-up" }); len(green) > 0 {
		t.Error("a stretch of time without any figure is shown as good")
	}
}

// TestPowerWithoutAReadableUPS: a canary is a sensor too, voltage is told in
// words, and the agent's card says how beats come.
func TestPowerWithoutAReadableUPS(t *testing.T) {
	f := province(t)
	h := serve(t, f)
	site := f.overview.Sites[5].Site
	at := f.overview.At
	show := func(part string, online, mean, band float64, heard time.Time) string {
		field := func(name string, v float64) thongsuot.Field { return thongsuot.Field{Name: name, Value: v} }
		v := dashboards.SiteView{Centre: f.overview.Centre, Status: dashboards.Status{
			Site: site, LastHeard: heard, Verdict: thongsuot.Verdict{State: thongsuot.StateUp, Cause: thongsuot.CauseNone, Confidence: 1},
			BeatEvery: 30 * time.Second, OverHTTP: true,
			Probes: []thongsuot.Result{
				{Probe: "canary", Kind: thongsuot.ProbeCanary, Target: "192.168.1.64", At: at, Reason: thongsuot.ReasonOK, Fields: []thongsuot.Field{field(thongsuot.FieldOnline, online)}},
				{Probe: "voltage", Kind: thongsuot.ProbeVoltage, Target: "ups@127.0.0.1:3493", At: at, Reason: thongsuot.ReasonOK, Fields: []thongsuot.Field{
					field(thongsuot.FieldMeanVolts, mean), field(thongsuot.FieldMinVolts, 150), field(thongsuot.FieldMaxVolts, 223), field(thongsuot.FieldVoltsBand, band),
				}},
			},
		}}
		f.change(func() { f.sites[site.Code] = v })
		return words(byID(t, parse(t, get(t, h, "/site/"+site.Code)), part))
	}
	f2 := func(got, want string) {
		t.Helper()
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	f2(show("truths", 1, 221, 0, at), "Nguồn điện có điện lưới")
	f2(show("truths", 0, 221, 0, at), "Nguồn điện mất điện lưới")
	f2(show("probes", 1, 221, 0, at), "221 V (từ 150 đến 223 V)")
	f2(show("probes", 1, 205, 1, at), "lệch khỏi mức bình thường")
	f2(show("probes", 1, 190, 2, at), "vượt ngưỡng an toàn cho máy")
	f2(show("agent", 1, 221, 0, at), "mỗi 30 giây, qua HTTPS vì gói UDP bị chặn trên đường")
	// Three minutes without a word are no loss of contact at this pace.
	f2(show("truths", 1, 221, 0, at.Add(-3*time.Minute)), "Nguồn điện có điện lưới")
}
