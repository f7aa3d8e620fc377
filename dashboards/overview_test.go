package dashboards_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"thongsuot"
	"thongsuot/dashboards"
)

// TestOverviewCountsWhatCounts: a site not installed and a test machine are
// shown, and are in no number.
func TestOverviewCountsWhatCounts(t *testing.T) {
	doc := parse(t, get(t, serve(t, province(t)), "/"))
	want := map[string]string{
		"Bình thường": "114", "Có nguy cơ": "0", "Suy giảm": "1", "Gián đoạn": "2", "Chưa rõ": "1", "Đã tắt": "0",
	}
	for _, li := range find(byID(t, doc, "counts"), func(n *html.Node) bool { return n.Data == "li" }) {
		n, word, _ := strings.Cut(words(li), " ")
		if want[word] != n {
			t.Errorf("%s: %s, want %q", word, n, want[word])
		}
		delete(want, word)
	}
	if len(want) > 0 {
		t.Errorf("not counted: %v", want)
	}
	if got := words(byID(t, doc, "counts")); !strings.Contains(got, "118 nơi đang được giám sát · 6 nơi chưa lắp đặt") {
		t.Errorf("who is not counted is not told: %s", got)
	}
	tiles := find(byID(t, doc, "map"), func(n *html.Node) bool { return n.Data == "a" && strings.HasPrefix(attr(n, "href"), "/site/") })
	if len(tiles) != 124 {
		t.Errorf("%d tiles for 124 units", len(tiles))
	}
	for _, tile := range tiles {
		if strings.Contains(words(tile), "máy này") || strings.Contains(words(tile), "Máy này") {
			t.Error("the test machine poses as a unit on the map")
		}
	}
	if got := words(byID(t, doc, "tests")); !strings.Contains(got, "Máy thử nghiệm: Máy này") ||
		!strings.Contains(got, "Không phải đơn vị hành chính") {
		t.Errorf("the test machine is not told apart: %s", got)
	}
}

// TestOverviewIsCompleteWithoutScript: the drawn page alone says everything.
func TestOverviewIsCompleteWithoutScript(t *testing.T) {
	f := province(t)
	doc := parse(t, get(t, serve(t, f), "/"))
	action := words(byID(t, doc, "action"))
	order := []string{
		"Xã Sơn Điền gián đoạn", "Phường 1 Bảo Lộc gián đoạn", "Xã Quảng Phú suy giảm", "Xã Quảng Tân chưa rõ", "nghi ngờ mất liên lạc",
	}
	last := -1
	for _, want := range order {
		at := strings.Index(action, want)
		if at < last || at < 0 {
			t.Errorf("%q is not in its place in %s", want, action)
		}
		last = at
	}
	running := words(byID(t, doc, "running"))
	for _, want := range []string{
		"Nguyên nhân: mất điện · mức tin cậy: cao", "UPS chạy bằng ắc quy từ 13:34:07, còn khoảng 7 phút",
		"Khả năng: mất điện hoặc đường truyền", "mức tin cậy: thấp", "chứng thư số ngoài thời hạn hiệu lực",
	} {
		if !strings.Contains(running, want) {
			t.Errorf("%q is not in %s", want, running)
		}
	}
	sites := words(byID(t, doc, "sites"))
	for _, s := range f.overview.Sites {
		if s.Site.Kind != thongsuot.KindTest && !strings.Contains(sites, s.Site.Name) {
			t.Errorf("%s is missing in the list of all", s.Site.Name)
		}
	}
	if n := len(find(byID(t, doc, "week"), func(n *html.Node) bool { return attr(n, "class") == "strip" })); n != 12 {
		t.Errorf("%d strips of the week", n)
	}
	if find(doc, func(n *html.Node) bool { return n.Data == "noscript" }) == nil {
		t.Error("without scripts the page does not reload")
	}
}

func TestBanners(t *testing.T) {
	f := province(t)
	clock := now
	h := serve(t, f, func(o *dashboards.Options) { o.Now = func() time.Time { return clock } })
	check := func(name, want string, pages ...string) {
		t.Helper()
		for _, path := range pages {
			got := words(byID(t, parse(t, get(t, h, path)), "banner"))
			if want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("%s on %s: banner %q, want %q", name, path, got, want)
			}
		}
	}
	all := []string{"/", "/site/25051", "/incident/i-25051-1"}
	check("all is well", "", all...)
	clock = now.Add(31 * time.Second)
	check("old figures", "Số liệu trên trang dừng lại từ 14:05:07, 23/11/2026", all...)
	clock = now
	alter := func(how func(*dashboards.Centre)) {
		f.change(func() {
			how(&f.overview.Centre)
			for code, v := range f.sites {
				v.Centre = f.overview.Centre
				f.sites[code] = v
			}
		})
	}
	alter(func(c *dashboards.Centre) { c.Blind = now.Add(-time.Hour) })
	check("blind centre", "Trung tâm giám sát không đánh giá được các nơi từ 13:05, 23/11/2026", all...)
	alter(func(c *dashboards.Centre) { c.Blind, c.Channels = time.Time{}, nil })
	check("nobody is told", "Chưa cấu hình kênh báo", all...)
	if lost := byID(t, parse(t, get(t, h, "/")), "lost"); !slices.ContainsFunc(lost.Attr, func(a html.Attribute) bool { return a.Key == "hidden" }) {
		t.Error("a page that was just drawn says that it lost its stream")
	}
}
