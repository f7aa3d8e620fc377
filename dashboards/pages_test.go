package dashboards_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"thongsuot"
	"thongsuot/dashboards"
)

// serve makes the pages of f as an ordinary centre would.
func serve(t testing.TB, f *fake, change ...func(*dashboards.Options)) http.Handler {
	t.Helper()
	opts := dashboards.Options{
		Zone: zone, Place: "tỉnh Lâm Đồng", Version: "0.1.0",
		Now: func() time.Time { return now.Add(2 * time.Second) },
	}
	for _, c := range change {
		c(&opts)
	}
	h, err := dashboards.Handler(f, opts)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// get asks for a page; headers are name, value, name, value.
func get(t testing.TB, h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// parse reads a page and fails for what no page may have.
func parse(t testing.TB, w *httptest.ResponseRecorder) *html.Node {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch id := attr(n, "id"); {
		case id != "" && ids[id]:
			t.Errorf("id %q is used twice", id)
		case id == "" && n.Data == "details":
			t.Errorf("a <details> without id cannot stay open: %q", words(n))
		default:
			ids[id] = true
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(strings.TrimSpace(a.Val), "javascript:") {
				t.Errorf("inline style or script: <%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
		if n.Data == "style" || n.Data == "script" && (attr(n, "src") == "" || n.FirstChild != nil) {
			t.Errorf("inline <%s>", n.Data)
		}
	}
	if m := regexp.MustCompile(`⟦[^⟧]*⟧|%!|NaN|<no value>`).FindString(w.Body.String()); m != "" {
		t.Errorf("the page says %q", m)
	}
	return doc
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// words is the text below n with single spaces.
func words(n *html.Node) string {
	var text strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			text.WriteString(" " + c.Data)
		}
	}
	return strings.Join(strings.Fields(text.String()), " ")
}

// find are the elements below n for which yes holds.
func find(n *html.Node, yes func(*html.Node) bool) []*html.Node {
	var all []*html.Node
	for c := range n.Descendants() {
		if c.Type == html.ElementNode && yes(c) {
			all = append(all, c)
		}
	}
	return all
}

func byID(t testing.TB, doc *html.Node, id string) *html.Node {
	t.Helper()
	all := find(doc, func(n *html.Node) bool { return attr(n, "id") == id })
	if len(all) != 1 {
		t.Fatalf("%d elements with id %q", len(all), id)
	}
	return all[0]
}

var everyPage = []string{
	"/", "/site/25051", "/site/25051?span=24h", "/site/24712?span=7d", "/site/24748", "/site/24823", "/site/may-nay",
	"/incident/i-25051-1", "/incident/i-24712-1", "/incident/i-24748-1", "/nothing/here",
}

func TestEveryPageInBothLanguages(t *testing.T) {
	h := serve(t, province(t))
	for _, path := range everyPage {
		for _, l := range []string{"vi", "en"} {
			w := get(t, h, path, "Cookie", "lang="+l)
			doc := parse(t, w)
			root := find(doc, func(n *html.Node) bool { return n.Data == "html" })[0]
			if got := attr(root, "lang"); got != l {
				t.Errorf("%s in %s says it is in %q", path, l, got)
			}
			if h1 := find(doc, func(n *html.Node) bool { return n.Data == "h1" }); len(h1) != 1 {
				t.Errorf("%s in %s has %d headings of the first rank", path, l, len(h1))
			}
			want := http.StatusOK
			if strings.HasPrefix(path, "/nothing") {
				want = http.StatusNotFound
			}
			if w.Code != want {
				t.Errorf("%s in %s: status %d", path, l, w.Code)
			}
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	h := serve(t, province(t))
	for _, path := range append(everyPage, "/static/app.css", "/static/none") {
		got := get(t, h, path).Header()
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'",
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "no-referrer",
		} {
			if !strings.Contains(got.Get(name), want) {
				t.Errorf("%s: %s is %q", path, name, got.Get(name))
			}
		}
		if csp := got.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, csp)
		}
	}
}

// TestLinksLeadSomewhere: every link and every file of every page answers.
func TestLinksLeadSomewhere(t *testing.T) {
	h := serve(t, province(t))
	done := make(map[string]bool)
	for _, path := range everyPage {
		base, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		doc := parse(t, get(t, h, path))
		for n := range doc.Descendants() {
			for _, a := range n.Attr {
				if a.Key != "href" && a.Key != "src" && a.Key != "data-zoom" || strings.HasPrefix(a.Val, "#") {
					continue
				}
				to, err := base.Parse(a.Val)
				if err != nil || to.Host != "" {
					t.Fatalf("%s links to %q", path, a.Val)
				}
				if to := to.RequestURI(); !done[to] {
					done[to] = true
					if w := get(t, h, to); w.Code != http.StatusOK {
						t.Errorf("%s links to %s, which answers %d", path, to, w.Code)
					}
				}
			}
		}
	}
	if len(done) < 150 {
		t.Errorf("only %d links", len(done))
	}
}

// TestNamesCannotEscape: names and probe texts are texts, whatever they hold.
func TestNamesCannotEscape(t *testing.T) {
	f := province(t)
	evil := `<script>alert("1")</script> & 'B'Lao`
	code := `"><b>x`
	s := well(thongsuot.Site{Code: code, Kind: thongsuot.KindTest, Name: evil, Status: thongsuot.StatusActive})
	s.Probes[0].Reason, s.Probes[0].Detail, s.Probes[0].Target = thongsuot.ReasonError, evil, evil
	incident := history(s.Site, code, now.Add(-time.Hour), thongsuot.Verdict{
		State: thongsuot.StateDown, Cause: thongsuot.CauseUnknown, Sub: evil, Candidates: []string{evil, evil},
		Evidence: []thongsuot.Evidence{{Code: thongsuot.EvidenceTargetFails, Probe: evil, Target: evil, Detail: evil}},
	})
	incident.Deliveries[0].Error, incident.Deliveries[0].Receiver = evil, evil
	f.overview.Sites = append(f.overview.Sites, s)
	f.overview.Recent = append(f.overview.Recent, incident.Incident)
	v := view(f.overview.Centre, s, []dashboards.IncidentView{incident})
	v.Agent.Version, v.Agent.Boot = evil, evil
	f.sites[code] = v
	f.overview.Sites[3].Site.Name = evil
	h := serve(t, f)
	for _, path := range []string{"/", "/site/" + url.PathEscape(code), "/incident/" + url.PathEscape(code)} {
		for _, l := range []string{"vi", "en"} {
			w := get(t, h, path, "Cookie", "lang="+l)
			if w.Code != http.StatusOK {
				t.Fatalf("%s: status %d", path, w.Code)
			}
			doc := parse(t, w) // fails for a script that got through
			if strings.Contains(w.Body.String(), "<script>") || strings.Contains(w.Body.String(), "<b>x") {
				t.Errorf("%s: a name is markup", path)
			}
			if !strings.Contains(words(doc), `alert("1")`) {
				t.Errorf("%s: the name is not shown", path)
			}
		}
	}
}

func TestErrorPages(t *testing.T) {
	f := province(t)
	var log bytes.Buffer
	h := serve(t, f, func(o *dashboards.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	check := func(path, cookie string, code int, want string) {
		t.Helper()
		w := get(t, h, path, "Cookie", cookie)
		if got := words(parse(t, w)); w.Code != code || !strings.Contains(got, want) {
			t.Errorf("%s: %d %s", path, w.Code, got)
		}
	}
	check("/site/99999", "", http.StatusNotFound, "Không tìm thấy trang")
	check("/incident/none", "", http.StatusNotFound, "Không tìm thấy trang")
	check("/incident/none", "lang=en", http.StatusNotFound, "Page not found")
	check("/a/b/c", "", http.StatusNotFound, "Không tìm thấy trang")
	if log.Len() > 0 {
		t.Errorf("what is not there is not an error of ours: %s", log.String())
	}
	f.err = errors.New("disk on fire")
	check("/", "", http.StatusInternalServerError, "Trang chưa hiển thị được")
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "disk on fire") {
		t.Errorf("log: %s", got)
	}
	if w := get(t, h, "/"); strings.Contains(w.Body.String(), "disk on fire") {
		t.Error("the page tells strangers what is broken inside")
	}
	r := httptest.NewRequest(http.MethodPost, "/site/25051", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestLanguageIsRemembered(t *testing.T) {
	h := serve(t, province(t))
	w := get(t, h, "/?lang=en")
	if !strings.Contains(w.Body.String(), "Needs action now") {
		t.Error("?lang=en is not English")
	}
	cookie := w.Result().Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("cookie %v", cookie)
	}
	if w := get(t, h, "/", "Cookie", cookie.Name+"="+cookie.Value); !strings.Contains(w.Body.String(), "Needs action now") {
		t.Error("the language is forgotten")
	}
	if w := get(t, h, "/", "Accept-Language", "en-GB"); !strings.Contains(w.Body.String(), "Cần xử lý ngay") {
		t.Error("Vietnamese does not come first")
	}
}

// FuzzAddresses: no address breaks a page or gets into it as markup.
func FuzzAddresses(f *testing.F) {
	h := serve(f, province(f))
	for _, path := range everyPage {
		f.Add(path, "")
	}
	f.Add("/events", "page=%2Fsite%2F25051%3Fspan%3D%zz")
	f.Add("/site/25051/series.json", "probe=gateway&span=%3Cscript%3E")
	f.Fuzz(func(t *testing.T, path, query string) {
		if strings.HasPrefix(path, "/events") {
			return // a stream does not end by itself
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: path, RawQuery: query}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%q?%q: status %d", path, query, w.Code)
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") && w.Code != http.StatusMovedPermanently && w.Code != http.StatusTemporaryRedirect {
			parse(t, w)
		}
	})
}
