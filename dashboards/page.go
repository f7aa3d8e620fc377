package dashboards

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"thongsuot/lang"
)

// kind is a kind of page; it names its template too.
type kind string

const (
	kindOverview kind = "overview"
	kindSite     kind = "site"
	kindIncident kind = "incident"
	kindAccuracy kind = "accuracy"
	kindError    kind = "error"
)

// page is one page in one language: all that decides what is drawn beside the
// source. It is comparable, so that viewers of one page share its drawing.
type page struct {
	kind kind
	arg  string        // code of the site, ID of the incident, status of the error
	span time.Duration // of the charts of a site
	lang lang.Lang
}

// spans are the lengths of time that a site's charts can show, by their word
// in the address; the first is the default.
var spans = []struct {
	Word   string
	Length time.Duration
}{
	{"1h", time.Hour}, {"24h", 24 * time.Hour}, {"7d", 7 * 24 * time.Hour},
}

// parsePage is the page at an address.
func parsePage(path string, query url.Values) (page, bool) {
	if path == "/" {
		return page{kind: kindOverview}, true
	}
	if path == accuracyPath {
		return page{kind: kindAccuracy}, true
	}
	if code, ok := strings.CutPrefix(path, "/site/"); ok && single(code) {
		p := page{kind: kindSite, arg: code, span: spans[0].Length}
		for _, s := range spans {
			if s.Word == query.Get("span") {
				p.span = s.Length
			}
		}
		return p, true
	}
	if id, ok := strings.CutPrefix(path, "/incident/"); ok && single(id) {
		return page{kind: kindIncident, arg: id}, true
	}
	return page{}, false
}

func single(name string) bool { return name != "" && !strings.Contains(name, "/") }

// address is where the page is, without its language.
func (p page) address() string {
	switch p.kind {
	case kindSite:
		for _, s := range spans {
			if s.Length == p.span {
				return "/site/" + url.PathEscape(p.arg) + "?span=" + s.Word
			}
		}
		return "/site/" + url.PathEscape(p.arg)
	case kindIncident:
		return "/incident/" + url.PathEscape(p.arg)
	case kindAccuracy:
		return accuracyPath
	default:
		return "/"
	}
}

// fragment is a part of a page that is swapped as a whole when it changes.
type fragment struct {
	ID   string
	HTML template.HTML
	sum  string // digest of HTML
}

// content is what a page says.
type content struct {
	Title     string
	At        time.Time // that it is true for; zero for an error
	Fragments []fragment
}

// content asks the source for what the page says. Costly parts are left out
// unless full.
func (h *handler) content(ctx context.Context, p page, full bool) (content, error) {
	t := h.texts[p.lang]
	switch p.kind {
	case kindOverview:
		v, err := h.src.Overview(ctx)
		if err != nil {
			return content{}, fmt.Errorf("overview: %w", err)
		}
		m := t.overview(v, h.opts.Now())
		return t.content(h.opts.Place, v.At, m, "banner", "counts", "map", "action", "running", "tests", "week", "sites")
	case kindSite:
		span, ids := p.span, []string{"banner", "head", "truths", "probes", "agent", "incidents"}
		if !full {
			span = 0
		}
		v, err := h.src.Site(ctx, p.arg, span)
		if err != nil {
			return content{}, fmt.Errorf("site %q: %w", p.arg, err)
		}
		if full {
			ids = append(ids, "states", "charts")
		}
		m := t.site(v, p, full, h.opts.Now(), h.assets)
		return t.content(t.lang.Site(v.Site), v.At, m, ids...)
	case kindIncident:
		v, err := h.src.Incident(ctx, p.arg)
		if err != nil {
			return content{}, fmt.Errorf("incident %q: %w", p.arg, err)
		}
		m := t.incident(v, h.opts.Now())
		if h.opts.Correct != nil {
			m.Correct = h.correctionOf(v.Incident.ID)
		}
		return t.content(t.lang.T("page.incident.title", t.lang.Site(m.Site)), v.At, m, "banner", "verdict", "history", "deliveries", "correct")
	case kindAccuracy:
		m, err := h.accuracy(ctx, t)
		if err != nil {
			return content{}, fmt.Errorf("accuracy: %w", err)
		}
		return t.content(t.lang.T("page.accuracy"), h.opts.Now(), m, "accuracy")
	default:
		return t.content(t.lang.T("page.error."+p.arg), time.Time{}, errorModel{p.arg}, "error")
	}
}

// frame is what the template around all pages is given.
type frame struct {
	Kind      kind
	Title     string
	Place     string
	Version   string
	Simulated bool
	At        time.Time
	Lang      lang.Lang
	Other     lang.Lang
	Switch    string // address of the page in the other language
	Live      string // address of the stream; "" for a page that does not change
	State     string // what of the stream the page has seen
	Fragments map[string]template.HTML
	Assets    map[string]string
}

// draw draws a page whole.
func (h *handler) draw(ctx context.Context, p page) ([]byte, error) {
	c, err := h.content(ctx, p, true)
	if err != nil {
		return nil, err
	}
	f := frame{
		Kind: p.kind, Title: c.Title, Place: h.opts.Place, Version: h.opts.Version, Simulated: h.opts.Simulated, At: c.At,
		Lang: p.lang, Other: other(p.lang), Switch: p.switched(),
		Fragments: make(map[string]template.HTML, len(c.Fragments)), Assets: h.loaded(p.kind),
	}
	for _, part := range c.Fragments {
		f.Fragments[part.ID] = part.HTML
	}
	if p.kind != kindError && p.kind != kindAccuracy { // the last is read anew by who asks
		f.Live = "/events?" + url.Values{"page": {p.address()}, "lang": {string(p.lang)}}.Encode()
		f.State = seen(c.Fragments)
	}
	var out bytes.Buffer
	if err := h.texts[p.lang].templates.ExecuteTemplate(&out, "page", f); err != nil {
		return nil, fmt.Errorf("draw %s: %w", p.kind, err)
	}
	return out.Bytes(), nil
}

// switched is the address of the page in the other language.
func (p page) switched() string {
	joint := "?"
	if strings.Contains(p.address(), "?") {
		joint = "&"
	}
	return p.address() + joint + "lang=" + string(other(p.lang))
}

func other(l lang.Lang) lang.Lang {
	if l == lang.En {
		return lang.Vi
	}
	return lang.En
}

// loaded are the addresses of the files that a kind of page loads.
func (h *handler) loaded(k kind) map[string]string {
	files := map[string]string{
		"style": h.assets.address("app.css"), "icon": h.assets.address("icon.svg"), "live": h.assets.address("live.js"),
		"fonts": h.assets.address(fontSheet),
	}
	if k == kindSite && h.assets.has(plotCode) {
		files["zoom"] = h.assets.address("zoom.js")
		files["plot"] = h.assets.address(plotCode)
		files["plotStyle"] = h.assets.address(plotSheet)
	}
	return files
}

// errorModel is what the template of an error is given.
type errorModel struct{ Code string }
