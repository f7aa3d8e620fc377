package influx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/api/query"

	"thongsuot"
	"thongsuot/store"
)

// pushed are the folds that InfluxDB makes as every other engine does. Its
// quantiles do not interpolate, so those are made here.
var pushed = map[store.Fold]string{
	store.FoldLast: "last", store.FoldMean: "mean", store.FoldMin: "min", store.FoldMax: "max", store.FoldSum: "sum", store.FoldCount: "count",
}

var quantiles = map[store.Fold]float64{
	store.FoldP10: 0.1, store.FoldP25: 0.25, store.FoldP50: 0.5, store.FoldP75: 0.75, store.FoldP90: 0.9, store.FoldP95: 0.95,
}

// Read answers r. Errors are those of Validate, a *store.QueryError or store.ErrClosed.
func (s *Store) Read(ctx context.Context, r store.Read) ([]store.Series, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	ctx, done := s.use(ctx)
	defer done()
	text := s.flux(r)
	found, err := s.ask(ctx, text, r)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		if errors.Is(err, store.ErrClosed) {
			return nil, err
		}
		return nil, &store.QueryError{Class: classOf(err), Query: text, Err: err}
	}
	if q, ok := quantiles[r.Fold]; ok && r.Step > 0 {
		for i := range found {
			found[i].Points = fold(r, q, found[i].Points)
		}
	}
	return found, nil
}

func classOf(err error) store.Class {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return store.ClassTimeout
	case errors.Is(err, context.Canceled):
		return store.ClassCanceled
	default:
		return store.ClassInternal
	}
}

// flux is the query for r. A window of ours ends in its last moment, one of
// Flux before it: samples are taken back by the finest time there is.
func (s *Store) flux(r store.Read) string {
	from, to := r.From, r.To
	if r.Step > 0 {
		from, to = r.From.Add(-r.Step), r.From.Add(r.To.Sub(r.From)/r.Step*r.Step)
	}
	conds := []string{"r._measurement == " + text(r.Metric), `r._field == "` + field + `"`}
	for _, l := range r.Labels {
		if l.Value == "" {
			conds = append(conds, fmt.Sprintf("not exists r[%s]", text(l.Name)))
			continue
		}
		conds = append(conds, fmt.Sprintf("r[%s] == %s", text(l.Name), text(tag(l.Value))))
	}
	lines := []string{
		fmt.Sprintf("from(bucket: %s)", text(s.cfg.Bucket)),
		fmt.Sprintf("range(start: %s, stop: %s)", instant(from.Add(time.Millisecond)), instant(to.Add(time.Millisecond))),
		"filter(fn: (r) => " + strings.Join(conds, " and ") + ")",
	}
	if name, ok := pushed[r.Fold]; ok && r.Step > 0 {
		lines = append(lines, "timeShift(duration: -1ms)",
			fmt.Sprintf("window(every: %dms, offset: %dms)", r.Step.Milliseconds(), from.UnixMilli()%r.Step.Milliseconds()), name+"()")
	}
	return strings.Join(lines, " |> ")
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// text quotes s for Flux, where $ could begin an interpolation.
func text(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `${`, `\${`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + `"`
}

// ask reads the answer into series, by their labels.
func (s *Store) ask(ctx context.Context, text string, r store.Read) ([]store.Series, error) {
	answer, err := s.read.Query(ctx, text)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	index, out := map[string]int{}, []store.Series{}
	for answer.Next() {
		record := answer.Record()
		p, err := pointOf(record, pushed[r.Fold] != "" && r.Step > 0)
		if err != nil {
			return nil, err
		}
		labels := labelsOf(record)
		key := fmt.Sprint(labels)
		i, known := index[key]
		if !known {
			i = len(out)
			index[key] = i
			out = append(out, store.Series{Metric: r.Metric, Labels: labels})
		}
		out[i].Points = append(out[i].Points, p)
	}
	if err := answer.Err(); err != nil {
		return nil, err
	}
	for _, one := range out {
		slices.SortFunc(one.Points, func(a, b store.Point) int { return a.At.Compare(b.At) })
	}
	return out, nil
}

func pointOf(record *query.FluxRecord, windowed bool) (p store.Point, err error) {
	switch v := record.Value().(type) {
	case float64:
		p.Value = v
	case int64:
		p.Value = float64(v)
	case string:
		if p.Value, err = strconv.ParseFloat(v, 64); err != nil {
			return p, err
		}
	default:
		return p, fmt.Errorf("a value of type %T", v)
	}
	if windowed {
		p.At = record.Stop().UTC()
		return p, nil
	}
	p.At = record.Time().UTC()
	return p, nil
}

// labelsOf are the tags of a record, sorted.
func labelsOf(record *query.FluxRecord) []thongsuot.Label {
	var out []thongsuot.Label
	for name, v := range record.Values() {
		value, isText := v.(string)
		if strings.HasPrefix(name, "_") || name == "result" || name == "table" || !isText || value == "" {
			continue
		}
		out = append(out, thongsuot.Label{Name: name, Value: untag(value)})
	}
	slices.SortFunc(out, func(a, b thongsuot.Label) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// fold makes a quantile of the samples of each step, between the two nearest.
func fold(r store.Read, q float64, points []store.Point) []store.Point {
	var out []store.Point
	for i := 0; i < len(points); {
		end := r.From.Add((points[i].At.Sub(r.From) + r.Step - 1) / r.Step * r.Step)
		var window []float64
		for ; i < len(points) && !points[i].At.After(end); i++ {
			window = append(window, points[i].Value)
		}
		slices.Sort(window)
		rank := q * float64(len(window)-1)
		low := int(rank)
		high, weight := min(low+1, len(window)-1), rank-float64(low)
		out = append(out, store.Point{At: end.UTC(), Value: window[low]*(1-weight) + window[high]*weight})
	}
	return out
}
