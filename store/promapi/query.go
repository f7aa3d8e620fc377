package promapi

import (
	"cmp"
	"errors"
	"net/http"
	"regexp"

	"thongsuot/store"
)

func (h *handler) query(r *http.Request) (answer, error) {
	limit, err := limitOf(r)
	if err != nil {
		return answer{}, err
	}
	at, err := timeOr(r, "time", h.opt.Now())
	if err != nil {
		return answer{}, err
	}
	got, err := h.db.Query(r.Context(), r.Form.Get("query"), at)
	return result(got, limit, err)
}

// maxPoints bounds the points of a series, as Prometheus does.
const maxPoints = 11_000

func (h *handler) queryRange(r *http.Request) (answer, error) {
	limit, err := limitOf(r)
	if err != nil {
		return answer{}, err
	}
	from, err := parseTime(r.Form.Get("start"))
	if err != nil {
		return answer{}, badParam("start", err)
	}
	to, err := parseTime(r.Form.Get("end"))
	if err != nil {
		return answer{}, badParam("end", err)
	}
	if to.Before(from) {
		return answer{}, badParam("end", errors.New("end timestamp must not be before start time"))
	}
	step, err := parseDuration(r.Form.Get("step"))
	if err != nil {
		return answer{}, badParam("step", err)
	}
	if step <= 0 {
		return answer{}, badParam("step", errors.New("zero or negative query resolution step widths are not accepted. Try a positive integer"))
	}
	if to.Sub(from)/step >= maxPoints {
		return answer{}, &apiError{badData, errors.New("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")}
	}
	got, err := h.db.QueryRange(r.Context(), r.Form.Get("query"), from, to, step)
	return result(got, limit, err)
}

func result(got store.Answer, limit int, err error) (answer, error) {
	var q *store.QueryError
	if errors.As(err, &q) && q.Class == store.ClassBadQuery {
		return answer{}, badParam("query", q.Err)
	}
	if err != nil {
		return answer{}, err
	}
	if limit > 0 && len(got.Series) > limit {
		got.Series = got.Series[:limit]
		got.Warnings = append(got.Warnings, "results truncated due to limit")
	}
	return answer{data: func(w *writer) { w.value(got) }, warnings: got.Warnings}, nil
}

func (h *handler) series(r *http.Request) (answer, error) {
	m, err := h.match(r)
	if err != nil {
		return answer{}, err
	}
	if len(m.Selectors) == 0 {
		return answer{}, &apiError{badData, errors.New("no match[] parameter provided")}
	}
	all, err := h.db.SeriesNames(r.Context(), m)
	if err != nil {
		return answer{}, err
	}
	all, warnings := cut(all, m.Limit)
	return answer{warnings: warnings, data: func(w *writer) {
		w.array(len(all), func(i int) { w.metric(all[i]) })
	}}, nil
}

func (h *handler) labels(r *http.Request) (answer, error) {
	m, err := h.match(r)
	if err != nil {
		return answer{}, err
	}
	names, err := h.db.LabelNames(r.Context(), m)
	return texts(names, m.Limit, err)
}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func (h *handler) labelValues(r *http.Request) (answer, error) {
	name := r.PathValue("name")
	if !labelName.MatchString(name) {
		return answer{}, &apiError{badData, errors.New(`invalid label name: ` + cmp.Or(name, `""`))}
	}
	m, err := h.match(r)
	if err != nil {
		return answer{}, err
	}
	values, err := h.db.LabelValues(r.Context(), name, m)
	return texts(values, m.Limit, err)
}

func texts(all []string, limit int, err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	all, warnings := cut(all, limit)
	return answer{warnings: warnings, data: func(w *writer) { w.strings(all) }}, nil
}
