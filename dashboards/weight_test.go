package dashboards_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"golang.org/x/net/html"

	"thongsuot/dashboards"
)

// The weights a page may have on a bad line, in bytes as sent.
const (
	wholeLimit = 70 << 10 // all that the overview loads
	firstLimit = 30 << 10 // what must be there for the first view: all but fonts
	siteLimit  = 40 << 10 // a site's page itself, with its charts
)

// TestWeightOfTheOverview measures what a phone loads to see all 124 units.
func TestWeightOfTheOverview(t *testing.T) {
	h := serve(t, province(t))
	load := func(path string) ([]byte, int) {
		w := get(t, h, path, "Accept-Encoding", "gzip")
		if w.Code != http.StatusOK {
			t.Fatalf("%s: status %d", path, w.Code)
		}
		sent := w.Body.Len()
		if w.Header().Get("Content-Encoding") != "gzip" {
			return w.Body.Bytes(), sent
		}
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return body, sent
	}
	page, first := load("/")
	t.Logf("%6d B  the page", first)
	whole := first
	for _, m := range regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllStringSubmatch(string(page), -1) {
		path := html.UnescapeString(m[1])
		body, sent := load(path)
		t.Logf("%6d B  %s", sent, path)
		first += sent
		whole += sent
		for _, font := range regexp.MustCompile(`url\(([^)]+)\)`).FindAllStringSubmatch(string(body), -1) {
			_, sent := load("/static/vendor/" + font[1])
			t.Logf("%6d B  %s", sent, font[1])
			whole += sent
		}
	}
	t.Logf("%6d B  first view, at most %d", first, firstLimit)
	t.Logf("%6d B  whole, at most %d", whole, wholeLimit)
	if first > firstLimit || whole > wholeLimit {
		t.Errorf("the overview weighs %d B, %d B with fonts", first, whole)
	}
	_, site := load("/site/25051?span=24h")
	t.Logf("%6d B  page of a site with a day of charts, at most %d", site, siteLimit)
	if site > siteLimit {
		t.Errorf("the page of a site weighs %d B", site)
	}
}

// TestScriptIsSmall holds the script of live pages to what it has to do.
func TestScriptIsSmall(t *testing.T) {
	body, err := os.ReadFile("static/live.js")
	if err != nil {
		t.Fatal(err)
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d B, %d B as sent", len(body), z.Len())
	if len(body) > 1536 {
		t.Errorf("live.js is %d B", len(body))
	}
}

func TestWhatABrowserHasIsNotSentAgain(t *testing.T) {
	h := serve(t, province(t))
	for _, path := range []string{"/", "/site/24712", "/static/app.css"} {
		w := get(t, h, path)
		etag := w.Header().Get("ETag")
		again := get(t, h, path, "If-None-Match", etag, "Accept-Encoding", "gzip")
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s: %d with %d bytes for what the browser has (%s)", path, again.Code, again.Body.Len(), etag)
		}
		if other := get(t, h, path, "If-None-Match", `W/"older"`); other.Code != http.StatusOK {
			t.Errorf("%s: %d for another version", path, other.Code)
		}
	}
	if got := get(t, h, "/").Header().Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("pages: %q", got)
	}
	page := get(t, h, "/").Body.String()
	css := html.UnescapeString(regexp.MustCompile(`/static/app\.css[^"]*`).FindString(page))
	if got := get(t, h, css).Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("%s: %q", css, got)
	}
}

// TestSeriesForZooming: values stand beside their times, and a gap is a gap.
func TestSeriesForZooming(t *testing.T) {
	h := serve(t, province(t))
	var got struct {
		Times []float64
		Names []string
		Lines [][]*float64
	}
	w := get(t, h, "/site/25051/series.json?span=24h&probe=gateway&lang=en")
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got.Names, " ") != "Lowest Median P95 Highest" || len(got.Lines) != 4 {
		t.Errorf("names %q, %d lines", got.Names, len(got.Lines))
	}
	gaps := 0
	for i := range got.Times {
		if i > 0 && got.Times[i] <= got.Times[i-1] {
			t.Fatalf("times do not rise at %d", i)
		}
		if got.Lines[1][i] == nil {
			gaps++
		}
	}
	if gaps != 1 {
		t.Errorf("%d gaps for one hole in the data", gaps)
	}
	for _, path := range []string{"/site/25051/series.json?probe=none", "/site/99999/series.json?probe=gateway"} {
		if w := get(t, h, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestMetricsNameEveryAnswer(t *testing.T) {
	reg := prometheus.NewRegistry()
	h := serve(t, province(t), func(o *dashboards.Options) { o.Registerer = reg })
	get(t, h, "/")
	get(t, h, "/site/99999")
	want := `
# HELP thongsuot_pages_requests_total Requests answered, by page and status code.
# TYPE thongsuot_pages_requests_total counter
thongsuot_pages_requests_total{code="200",page="overview"} 1
thongsuot_pages_requests_total{code="404",page="site"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "thongsuot_pages_requests_total"); err != nil {
		t.Error(err)
	}
	if _, err := dashboards.Handler(province(t), dashboards.Options{Registerer: reg}); err == nil {
		t.Error("registered twice without a word")
	}
}

// TestLockNamesNoRegistry: where packages come from is the builder's choice.
func TestLockNamesNoRegistry(t *testing.T) {
	lock, err := os.ReadFile("assets/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(lock), `"resolved"`) || !strings.Contains(string(lock), `"integrity"`) {
		t.Error("the lock must have digests and no addresses; see assets/.npmrc")
	}
}
