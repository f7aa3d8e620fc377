package promapi

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"thongsuot/store"
)

// The times beyond which a TSDB has no words; a client that gives none means all.
var (
	minTime = time.Unix(math.MinInt64/1000+62135596801, 0).UTC()
	maxTime = time.Unix(math.MaxInt64/1000-62135596801, 999999999).UTC()
)

// parseTime reads seconds since 1970 or RFC 3339.
func parseTime(text string) (time.Time, error) {
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		if math.IsNaN(s) || s < float64(minTime.Unix()) || s > float64(maxTime.Unix()) {
			return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", text)
		}
		whole, part := math.Modf(s)
		return time.Unix(int64(whole), int64(math.Round(part*1000))*int64(time.Millisecond)).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UTC(), nil
	}
	switch text { // what Prometheus' own client sends for "all"
	case minTime.Format(time.RFC3339Nano):
		return minTime, nil
	case maxTime.Format(time.RFC3339Nano):
		return maxTime, nil
	}
	return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", text)
}

// parseDuration reads seconds or a duration as PromQL writes one.
func parseDuration(text string) (time.Duration, error) {
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		if ns := s * float64(time.Second); !(math.Abs(ns) <= math.MaxInt64) {
			return 0, fmt.Errorf("cannot parse %q to a valid duration. It overflows int64", text)
		} else {
			return time.Duration(ns), nil
		}
	}
	d, err := model.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("cannot parse %q to a valid duration", text)
	}
	return time.Duration(d), nil
}

func timeOr(r *http.Request, name string, otherwise time.Time) (time.Time, error) {
	text := r.Form.Get(name)
	if text == "" {
		return otherwise, nil
	}
	t, err := parseTime(text)
	if err != nil {
		return t, badParam(name, fmt.Errorf("invalid time value for '%s': %w", name, err))
	}
	return t, nil
}

func limitOf(r *http.Request) (int, error) {
	text := r.Form.Get("limit")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, badParam("limit", fmt.Errorf("cannot parse %q to a valid limit", text))
	}
	if n < 0 {
		return 0, badParam("limit", errors.New("limit must be non-negative"))
	}
	return n, nil
}

// match reads match[], start, end and limit. One more than the limit is asked
// for, so that it shows when there was more.
func (h *handler) match(r *http.Request) (m store.Match, err error) {
	m.Selectors = r.Form["match[]"]
	if m.From, err = timeOr(r, "start", minTime); err != nil {
		return m, err
	}
	if m.To, err = timeOr(r, "end", maxTime); err != nil {
		return m, err
	}
	if m.To.Before(m.From) {
		return m, badParam("end", errors.New("end timestamp must not be before start time"))
	}
	m.Limit, err = limitOf(r)
	if m.Limit > 0 {
		m.Limit++
	}
	return m, err
}

// cut keeps as many as were asked for and warns when there was more.
func cut[T any](all []T, limit int) ([]T, []string) {
	if limit > 0 && len(all) >= limit { // limit is one more, see match
		return all[:limit-1], []string{"results truncated due to limit"}
	}
	return all, nil
}
