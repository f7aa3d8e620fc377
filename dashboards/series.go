package dashboards

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/lang"
)

// zoomed is what a script needs to draw a chart that can be zoomed. Lines are
// in milliseconds and have one value for each time, null where there is none.
type zoomed struct {
	Title  string       `json:"title"`
	Close  string       `json:"close"` // word for closing it
	Time   string       `json:"time"`  // word for the time axis
	Unit   string       `json:"unit"`
	Offset int          `json:"offset"` // of the province from UTC, in seconds
	Times  []float64    `json:"times"`  // seconds since 1970
	Names  []string     `json:"names"`
	Lines  [][]*float64 `json:"lines"`
}

// serveSeries answers with the series of one probe of a site.
func (h *handler) serveSeries(w http.ResponseWriter, r *http.Request) {
	p, ok := parsePage("/site/"+r.PathValue("code"), r.URL.Query())
	if !ok {
		h.serveError(w, r, http.StatusNotFound)
		return
	}
	p.lang = lang.Parse(r.URL.Query().Get("lang"))
	v, err := h.src.Site(r.Context(), p.arg, p.span)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	name := r.URL.Query().Get("probe")
	i := slices.IndexFunc(v.Tracks, func(t Track) bool { return t.Probe == name })
	if i < 0 {
		h.serveError(w, r, http.StatusNotFound)
		return
	}
	body, err := json.Marshal(h.texts[p.lang].zoomed(v.Tracks[i], v.At))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	reply(w, r, http.StatusOK, "application/json", body)
}

// zoomed puts the durations of a track beside each other.
func (t *renderer) zoomed(track Track, at time.Time) zoomed {
	_, offset := at.In(t.zone).Zone()
	z := zoomed{
		Title: sentence(capital(t.lang.Probe(track.Probe)), short(track.Target)), Unit: "ms", Offset: offset,
		Close: t.lang.T("page.close"), Time: t.lang.T("page.rows.at"), Times: []float64{},
	}
	var lines [][]Point
	for _, c := range durations(track) {
		if len(c.points) > 0 {
			lines = append(lines, c.points)
			z.Names = append(z.Names, capital(t.lang.T(c.head)))
		}
	}
	index := make(map[int64]int)
	for i, at := range instants(lines) {
		index[at] = i
		z.Times = append(z.Times, float64(at)/1000)
	}
	for _, points := range lines {
		line := make([]*float64, len(z.Times))
		for _, p := range points {
			if !math.IsNaN(p.V) && !math.IsInf(p.V, 0) {
				ms := math.Round(p.V*1e6) / 1e3
				line[index[p.At.UnixMilli()]] = &ms
			}
		}
		z.Lines = append(z.Lines, line)
	}
	return z
}

// durations are the series of a track that are lengths of time.
func durations(track Track) []column {
	var all []column
	add := func(field, head string) { all = append(all, column{head: head, points: track.points(field)}) }
	switch track.Kind {
	case thongsuot.ProbeICMP:
		add(thongsuot.FieldRTTMin, "page.chart.min")
		add(thongsuot.FieldRTTMedian, "page.chart.median")
		add(thongsuot.FieldRTTP95, "page.chart.p95")
		add(thongsuot.FieldRTTMax, "page.chart.max")
	case thongsuot.ProbeTCP:
		add(thongsuot.FieldConnect, "page.chart.time")
	case thongsuot.ProbeDNS:
		add(thongsuot.FieldQuery, "page.chart.time")
	case thongsuot.ProbePortal, thongsuot.ProbeService:
		for _, p := range phases {
			add(p.field, p.text)
		}
		add(thongsuot.FieldTotal, "page.chart.total")
	}
	return all
}

// instants are those of all lines, in milliseconds since 1970, with one more
// in each gap: there no line has a value, so that none crosses it.
func instants(lines [][]Point) []int64 {
	var all []int64
	reach := int64(0)
	for _, points := range lines {
		for _, p := range points {
			all = append(all, p.At.UnixMilli())
		}
		if g := gap(points).Milliseconds(); reach == 0 || g > 0 && g < reach {
			reach = g
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for i := len(all) - 1; i > 0; i-- {
		if reach > 0 && all[i]-all[i-1] > reach {
			all = slices.Insert(all, i, all[i-1]+1)
		}
	}
	return all
}
