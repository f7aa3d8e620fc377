package dashboards_test

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"thongsuot/dashboards"
)

// Nobody may take made-up data for real ones, wherever they come in.
func TestSimulatedDataAreCalledSoOnEveryPage(t *testing.T) {
	f := province(t)
	told := func(h http.Handler, path string) (text, title string) {
		doc := parse(t, get(t, h, path))
		if n := find(doc, func(n *html.Node) bool { return attr(n, "class") == "simulated" }); n != nil {
			text = words(n[0])
		}
		if n := find(doc, func(n *html.Node) bool { return n.Data == "title" }); n != nil {
			title = words(n[0])
		}
		return text, title
	}
	simulated := serve(t, f, func(o *dashboards.Options) { o.Simulated = true })
	real := serve(t, f)
	for _, path := range []string{"/", "/site/25051", "/incident/i-25051-1", "/nowhere"} {
		if text, title := told(simulated, path); !strings.HasPrefix(text, "SỐ LIỆU MÔ PHỎNG") || !strings.HasPrefix(title, "[mô phỏng]") {
			t.Errorf("%s: %q, title %q", path, text, title)
		}
		if text, title := told(simulated, path+"?lang=en"); !strings.HasPrefix(text, "SIMULATED DATA") || !strings.HasPrefix(title, "[simulated]") {
			t.Errorf("%s in English: %q, title %q", path, text, title)
		}
		if text, title := told(real, path); text != "" || strings.Contains(title, "mô phỏng") {
			t.Errorf("%s of a real centre: %q, title %q", path, text, title)
		}
	}
}
