package dashboards

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"thongsuot"
	"thongsuot/chart"
	"thongsuot/lang"
)

//go:embed templates
var templates embed.FS

// renderer puts views into words and shapes, in one language.
type renderer struct {
	lang      lang.Lang
	zone      *time.Location
	templates *template.Template
}

func parseTemplates(zone *time.Location) (map[lang.Lang]*renderer, error) {
	all := make(map[lang.Lang]*renderer)
	for _, l := range []lang.Lang{lang.Vi, lang.En} {
		t := &renderer{lang: l, zone: zone}
		parsed, err := template.New("").Funcs(t.funcs()).ParseFS(templates, "templates/*.html")
		if err != nil {
			return nil, fmt.Errorf("parse templates: %w", err)
		}
		t.templates, all[l] = parsed, t
	}
	return all, nil
}

// funcs are the words that templates ask for.
func (t *renderer) funcs() template.FuncMap {
	return template.FuncMap{
		"t": t.lang.T, "cap": capital, "site": t.lang.Site, "kind": t.lang.SiteKind,
		"cause": t.lang.Cause, "level": t.lang.Level, "change": t.lang.Change,
		"candidates": t.lang.Candidates, "look": t.look, "number": t.number,
		"evidence": func(e thongsuot.Evidence) string { return t.lang.Evidence(e, t.zone) },
		"moment":   t.moment, "clock": func(at time.Time) string { return t.lang.Clock(at, t.zone) },
		"lasted": t.lasted, "instant": t.instant,
	}
}

// content draws the fragments ids of model; each has a template of its name.
func (t *renderer) content(title string, at time.Time, model any, ids ...string) (content, error) {
	c := content{Title: capital(title), At: at}
	for _, id := range ids {
		var out bytes.Buffer
		if err := t.templates.ExecuteTemplate(&out, "#"+id, model); err != nil {
			return content{}, fmt.Errorf("draw %s: %w", id, err)
		}
		c.Fragments = append(c.Fragments, fragment{ID: id, HTML: template.HTML(out.String()), sum: digest(out.Bytes())})
	}
	return c, nil
}

// look is how a state is shown: a colour, a shape and a word.
type look struct {
	Class string
	Mark  chart.Mark
	Word  string
}

// Icon is the shape, to stand before the word.
func (l look) Icon() template.HTML { return chart.Icon(l.Mark, l.Class) }

// marks are the shapes of states.
var marks = map[thongsuot.State]chart.Mark{
	thongsuot.StateUp: chart.MarkCheck, thongsuot.StateAtRisk: chart.MarkBolt, thongsuot.StateDegraded: chart.MarkTriangle,
	thongsuot.StateDown: chart.MarkCross, thongsuot.StateOff: chart.MarkRing, thongsuot.StateUnknown: chart.MarkQuestion,
}

// look is how state s is shown; one that this version does not know is unknown.
func (t *renderer) look(s thongsuot.State) look {
	if _, ok := marks[s]; !ok {
		s = thongsuot.StateUnknown
	}
	return look{"s-" + string(s), marks[s], t.lang.T("page.state." + string(s))}
}

// called is the look of state s with another word for it.
func (t *renderer) called(s thongsuot.State, key string, args ...any) look {
	l := t.look(s)
	l.Word = t.lang.T(key, args...)
	return l
}

// absent is the look of a site that is not installed yet.
func (t *renderer) absent() look {
	return look{"s-none", chart.MarkDash, t.lang.T("page.state.not_installed")}
}

// standing is how a site stands now.
func (t *renderer) standing(s Status) look {
	if s.Site.Status == thongsuot.StatusNotInstalled {
		return t.absent()
	}
	return t.look(s.Verdict.State)
}

// capital is text with its first letter large.
func capital(text string) string {
	r, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[size:]
}

// moment is a date and a time to the minute: "13:42, 23/11/2026".
func (t *renderer) moment(at time.Time) string {
	if at.IsZero() {
		return "–"
	}
	return at.In(t.zone).Format("15:04") + ", " + t.lang.Date(at, t.zone)
}

// lasted is a length of time to the minute, so that what is shown does not
// change every second.
func (t *renderer) lasted(d time.Duration) string {
	if d < time.Minute {
		return t.lang.T("page.under_a_minute")
	}
	return t.lang.Duration(d.Truncate(time.Minute))
}

// millis is a duration in seconds as milliseconds; beyond ten seconds, as seconds.
func (t *renderer) millis(seconds float64) string {
	switch ms := seconds * 1000; {
	case math.IsNaN(ms) || math.IsInf(ms, 0):
		return "–"
	case ms < 10:
		return t.lang.Number(ms, 1) + " ms"
	case ms < 10_000:
		return t.lang.Number(ms, 0) + " ms"
	default:
		return t.lang.Number(seconds, 1) + " s"
	}
}

func (t *renderer) number(v any) string {
	switch n := v.(type) {
	case int:
		return t.lang.Number(float64(n), 0)
	case int64:
		return t.lang.Number(float64(n), 0)
	default:
		return fmt.Sprint(v)
	}
}

// bytes is an amount of data in a unit that suits it.
func (t *renderer) bytes(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	v, i := float64(n), 0
	for ; v >= 1000 && i+1 < len(units); i++ {
		v /= 1000
	}
	return t.lang.Number(v, min(i, 1)) + " " + units[i]
}

// sentence joins parts that are there by middle dots.
func sentence(parts ...string) string {
	var there []string
	for _, p := range parts {
		if p != "" {
			there = append(there, p)
		}
	}
	return strings.Join(there, " · ")
}
