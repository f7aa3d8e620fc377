package promapi

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"thongsuot/store"
)

// writer makes JSON as it goes: an answer of millions of points is never in
// memory twice. Errors are those of a client that went away.
type writer struct {
	out io.Writer
	buf []byte
	sep bool // a comma is due before the next field
}

const flushAt = 32 << 10

func (w *writer) raw(s string) {
	w.buf = append(w.buf, s...)
	if len(w.buf) >= flushAt {
		w.flush()
	}
}

func (w *writer) flush() {
	_, _ = w.out.Write(w.buf)
	w.buf = w.buf[:0]
}

func (w *writer) text(s string) {
	b, _ := json.Marshal(s) // a string always can
	w.raw(string(b))
}

func (w *writer) key(name string) {
	if w.sep {
		w.raw(",")
	}
	w.text(name)
	w.raw(":")
	w.sep = true
}

func (w *writer) field(name, value string) {
	w.key(name)
	w.text(value)
}

func (w *writer) object(fill func()) {
	outer := w.sep
	w.sep = false
	w.raw("{")
	fill()
	w.raw("}")
	w.sep = outer
}

func (w *writer) array(n int, each func(i int)) {
	w.raw("[")
	for i := range n {
		if i > 0 {
			w.raw(",")
		}
		each(i)
	}
	w.raw("]")
}

func (w *writer) strings(all []string) { w.array(len(all), func(i int) { w.text(all[i]) }) }

// metric is the identity of a series.
func (w *writer) metric(s store.Series) {
	w.object(func() {
		if s.Metric != "" {
			w.field("__name__", s.Metric)
		}
		for _, l := range s.Labels {
			w.field(l.Name, l.Value)
		}
	})
}

// value is the data of a query.
func (w *writer) value(a store.Answer) {
	w.object(func() {
		w.field("resultType", string(a.Type))
		w.key("result")
		switch a.Type {
		case store.TypeScalar:
			w.point(a.Series[0].Points[0])
		case store.TypeString:
			w.raw("[" + seconds(a.At) + ",")
			w.text(a.Text)
			w.raw("]")
		default:
			w.array(len(a.Series), func(i int) { w.series(a.Type, a.Series[i]) })
		}
	})
}

func (w *writer) series(t store.Type, s store.Series) {
	w.object(func() {
		w.key("metric")
		w.metric(s)
		if t == store.TypeVector {
			w.key("value")
			w.point(s.Points[0])
			return
		}
		w.key("values")
		w.array(len(s.Points), func(i int) { w.point(s.Points[i]) })
	})
}

func (w *writer) point(p store.Point) {
	w.raw("[" + seconds(p.At) + `,"` + number(p.Value) + `"]`)
}

// seconds since 1970 with as many decimals as needed, at most three.
func seconds(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64)
}

func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	case v != 0 && (math.Abs(v) < 1e-6 || math.Abs(v) >= 1e21):
		return strconv.FormatFloat(v, 'e', -1, 64)
	default:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
}

func writeAnswer(w http.ResponseWriter, r *http.Request, a answer) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Encoding")
	var out io.Writer = w
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		defer func() { _ = z.Close() }()
		out = z
	}
	j := &writer{out: out}
	defer j.flush()
	j.object(func() {
		j.field("status", "success")
		j.key("data")
		a.data(j)
		if len(a.warnings) > 0 {
			j.key("warnings")
			j.strings(a.warnings)
		}
	})
}

func writeError(w http.ResponseWriter, e *apiError) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	j := &writer{out: w}
	defer j.flush()
	j.object(func() {
		j.field("status", "error")
		j.field("errorType", e.word)
		j.field("error", e.Error())
	})
}
