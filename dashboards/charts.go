package dashboards

import (
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"thongsuot"
	"thongsuot/chart"
	"thongsuot/lang"
)

// drawing is one chart with what explains it and the same as a table.
type drawing struct {
	ID      string
	Title   string
	Target  string
	SVG     template.HTML
	Legend  []key
	Heads   []string
	Lines   [][]string
	Address string // of the series for zooming
}

// Names of quantiles that only charts know; centres may leave them out.
const (
	fieldP10 = "rtt_p10_seconds"
	fieldP25 = "rtt_p25_seconds"
	fieldP75 = "rtt_p75_seconds"
	fieldP90 = "rtt_p90_seconds"
)

// phases are the parts of an HTTP exchange, from the bottom of the stack.
var phases = []struct{ field, class, text string }{
	{thongsuot.FieldDNS, "p1", "page.phase.dns"},
	{thongsuot.FieldConnect, "p2", "page.phase.connect"},
	{thongsuot.FieldTLS, "p3", "page.phase.tls"},
	{thongsuot.FieldTTFB, "p4", "page.phase.ttfb"},
	{thongsuot.FieldTransfer, "p5", "page.phase.transfer"},
}

// charts draws every track of delays, and what supplies said.
func (t *renderer) charts(v SiteView, span time.Duration) []drawing {
	var all []drawing
	tracks := slices.Clone(v.Tracks)
	slices.SortStableFunc(tracks, func(a, b Track) int {
		return rank(thongsuot.Result{Probe: a.Probe, Kind: a.Kind}) - rank(thongsuot.Result{Probe: b.Probe, Kind: b.Kind})
	})
	for n, track := range tracks {
		d := drawing{
			ID: "c" + strconv.Itoa(n), Title: t.lang.Probe(track.Probe), Target: short(track.Target),
			Address: sitePath(v.Site.Code) + "/series.json?span=" + spanWord(span) + "&probe=" + template.URLQueryEscaper(track.Probe),
		}
		f := t.frame(v.At, span, d.ID+"-svg", d.Title)
		switch track.Kind {
		case thongsuot.ProbeICMP:
			t.delay(&d, f, track)
		case thongsuot.ProbeTCP:
			t.single(&d, f, track, thongsuot.FieldConnect)
		case thongsuot.ProbeDNS:
			t.single(&d, f, track, thongsuot.FieldQuery)
		case thongsuot.ProbePortal, thongsuot.ProbeService:
			t.stack(&d, f, track)
		case thongsuot.ProbeUPS:
			all = append(all, t.supply(d, f, track)...)
			continue
		default:
			continue
		}
		all = append(all, d)
	}
	return all
}

func spanWord(length time.Duration) string {
	for _, s := range spans {
		if s.Length == length {
			return s.Word
		}
	}
	return spans[0].Word
}

// frame is the time axis of all charts of a page. It moves on in steps, so that
// a chart without news is the same bytes for a while.
func (t *renderer) frame(at time.Time, span time.Duration, id, title string) chart.Frame {
	to := at.Truncate(chartPace)
	return chart.Frame{ID: id, Title: title, From: to.Add(-span), To: to, Zone: t.zone, Comma: t.lang == lang.Vi}
}

// gapAfter is how many usual distances may lie between neighbours that are
// joined: one missing value is bridged, two are a gap.
const gapAfter = 2.5

// gap is the length of time from which a series has a hole.
func gap(points []Point) time.Duration {
	return time.Duration(gapAfter * float64(spacing(points)))
}

// spacing is the median distance between neighbours.
func spacing(points []Point) time.Duration {
	var apart []time.Duration
	for i := 1; i < len(points); i++ {
		apart = append(apart, points[i].At.Sub(points[i-1].At))
	}
	if len(apart) == 0 {
		return 0
	}
	slices.Sort(apart)
	return apart[len(apart)/2]
}

// delay draws the round-trip times to one address.
func (t *renderer) delay(d *drawing, f chart.Frame, track Track) {
	data := chart.SmokeData{
		Median: plotted(track.points(thongsuot.FieldRTTMedian)), Loss: plotted(track.points(thongsuot.FieldLoss)),
	}
	d.Title = capital(t.lang.T("page.chart.delay", d.Title))
	d.Legend = []key{{"m", t.lang.T("page.chart.median")}}
	band := func(class, low, high, text string) {
		l, h := plotted(track.points(low)), plotted(track.points(high))
		if len(l) > 0 && len(h) > 0 {
			data.Bands = append(data.Bands, chart.Band{Class: class, Low: l, High: h})
			d.Legend = append(d.Legend, key{class, t.lang.T(text)})
		}
	}
	band("b1", fieldP10, fieldP90, "page.chart.p10_p90")
	band("b2", fieldP25, fieldP75, "page.chart.p25_p75")
	if len(data.Bands) == 0 {
		band("b1", thongsuot.FieldRTTMin, thongsuot.FieldRTTP95, "page.chart.min_p95")
	}
	for i, text := range []string{"5", "20", "99", "100"} {
		d.Legend = append(d.Legend, key{"loss" + strconv.Itoa(i+1), t.lang.T("page.chart.loss" + text)})
	}
	f.Title, f.Gap = d.Title, gap(track.points(thongsuot.FieldLoss))
	if f.Gap == 0 {
		f.Gap = gap(track.points(thongsuot.FieldRTTMedian))
	}
	f.Desc = t.summary(track.points(thongsuot.FieldRTTMedian), t.millis, "page.chart.desc")
	d.SVG = chart.Smoke(f, data)
	d.table(t, f,
		column{"page.chart.min", track.points(thongsuot.FieldRTTMin), smallest, t.millis},
		column{"page.chart.median", track.points(thongsuot.FieldRTTMedian), middle, t.millis},
		column{"page.chart.p95", track.points(thongsuot.FieldRTTP95), largest, t.millis},
		column{"page.chart.max", track.points(thongsuot.FieldRTTMax), largest, t.millis},
		column{"page.chart.loss", track.points(thongsuot.FieldLoss), mean, t.share},
	)
}

// single draws one duration over time, with failures under it.
func (t *renderer) single(d *drawing, f chart.Frame, track Track, field string) {
	points := track.points(field)
	d.Title = capital(t.lang.T("page.chart."+string(track.Kind), d.Title))
	d.Legend = []key{{"m", t.lang.T("page.chart.time")}, {"fail", t.lang.T("page.chart.failed")}}
	f.Title, f.Gap, f.Desc = d.Title, gap(ran(track, field)), t.summary(points, t.millis, "page.chart.desc")
	d.SVG = chart.Lines(f, []chart.Layer{{Class: "m", Points: plotted(points)}}, t.failures(track))
	d.table(t, f,
		column{"page.chart.median", points, middle, t.millis},
		column{"page.chart.max", points, largest, t.millis},
		column{"page.chart.failed", failed(track), mean, t.share},
	)
}

// stack draws the phases of an HTTP exchange, with failures under them.
func (t *renderer) stack(d *drawing, f chart.Frame, track Track) {
	d.Title = capital(t.lang.T("page.chart.portal", d.Title))
	var layers []chart.Layer
	var columns []column
	for _, p := range phases {
		points := track.points(p.field)
		layers = append(layers, chart.Layer{Class: p.class, Points: plotted(points)})
		columns = append(columns, column{p.text, points, middle, t.millis})
		d.Legend = append(d.Legend, key{p.class, capital(t.lang.T(p.text))})
	}
	total := track.points(thongsuot.FieldTotal)
	columns = append(columns,
		column{"page.chart.total", total, middle, t.millis},
		column{"page.chart.failed", failed(track), mean, t.share},
	)
	d.Legend = append(d.Legend, key{"fail", t.lang.T("page.chart.failed")})
	f.Title, f.Gap, f.Desc = d.Title, gap(ran(track, thongsuot.FieldTotal)), t.summary(total, t.millis, "page.chart.desc")
	d.SVG = chart.Stack(f, layers, t.failures(track))
	d.table(t, f, columns...)
}

// ran are the points of every run, good or not, if the track has them, and
// those of field otherwise: a failure is not a hole.
func ran(track Track, field string) []Point {
	if ok := track.points(thongsuot.FieldOK); len(ok) > 0 {
		return ok
	}
	return track.points(field)
}

// failed is the share of runs that failed.
func failed(track Track) []Point {
	var points []Point
	for _, p := range track.points(thongsuot.FieldOK) {
		points = append(points, Point{p.At, 1 - p.V})
	}
	return points
}

// failures are the stretches in which runs failed, with the reason where the
// track has it.
func (t *renderer) failures(track Track) []chart.Span {
	reasons := make(map[time.Time]thongsuot.Reason)
	for _, p := range track.points(thongsuot.FieldReasonCode) {
		if p.V == math.Trunc(p.V) { // a mean of several says nothing
			reasons[p.At.UTC()] = thongsuot.ReasonOf(int(p.V))
		}
	}
	points := failed(track)
	usual := spacing(points)
	var spans []chart.Span
	for i, p := range points {
		if !(p.V > 0) {
			continue
		}
		s := chart.Span{From: p.At, To: p.At.Add(usual), Class: "fail"}
		if i+1 < len(points) && points[i+1].At.Before(s.To) {
			s.To = points[i+1].At
		}
		if r, ok := reasons[p.At.UTC()]; ok && r != thongsuot.ReasonOK {
			s.Title = t.lang.Reason(r)
		}
		if n := len(spans); n > 0 && spans[n-1].Title == s.Title && !spans[n-1].To.Before(s.From) {
			spans[n-1].To = s.To
			continue
		}
		spans = append(spans, s)
	}
	return spans
}

// plotted are points in the words of package chart.
func plotted(points []Point) []chart.Point {
	out := make([]chart.Point, len(points))
	for i, p := range points {
		out[i] = chart.Point(p)
	}
	return out
}

// share is a ratio as a percentage.
func (t *renderer) share(v float64) string {
	if v > 0 && v < .1 {
		return t.lang.Percent(v, 1)
	}
	return t.lang.Percent(v, 0)
}

// summary says a chart in a sentence.
func (t *renderer) summary(points []Point, text func(float64) string, keyword string) string {
	low, ok := smallest(points)
	if !ok {
		return t.lang.T("page.chart.empty")
	}
	mid, _ := middle(points)
	high, _ := largest(points)
	return strings.TrimSpace(t.lang.T(keyword, text(mid), text(low), text(high)))
}
