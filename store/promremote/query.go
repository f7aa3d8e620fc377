package promremote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"thongsuot"
	"thongsuot/store"
)

// Query evaluates a PromQL query at one time.
func (s *Store) Query(ctx context.Context, query string, at time.Time) (store.Answer, error) {
	value, warnings, _, err := s.read.Query(ctx, query, at)
	return convert(ctx, query, value, warnings, err)
}

// QueryRange evaluates a PromQL query at from, from+step, … up to to.
func (s *Store) QueryRange(ctx context.Context, query string, from, to time.Time, step time.Duration) (store.Answer, error) {
	if to.Before(from) || step <= 0 { // some engines answer this, each in its way
		err := fmt.Errorf("wants a positive step and an end after its beginning (got %s, %s, %s)", from, to, step)
		return store.Answer{}, &store.QueryError{Class: store.ClassBadQuery, Query: query, Err: err}
	}
	value, warnings, _, err := s.read.QueryRange(ctx, query, v1.Range{Start: from, End: to, Step: step})
	return convert(ctx, query, value, warnings, err)
}

// Read answers r through PromQL.
func (s *Store) Read(ctx context.Context, r store.Read) ([]store.Series, error) {
	closed, err := s.closedWindows(ctx)
	if err != nil {
		return nil, err
	}
	return store.ReadBy(ctx, s, r, closed)
}

// closedWindows reports whether a window metric[d] of the engine has its
// beginning in it too, as that of Prometheus before 3.0 has: then it counts a
// sample that lies there in two steps. The engine is asked once; versions are
// no help, since engines pretend to be others.
func (s *Store) closedWindows(ctx context.Context) (bool, error) {
	if known := s.windows.Load(); known != nil {
		return *known, nil
	}
	a, err := s.Query(ctx, "count_over_time(vector(1)[2s:1s])", s.cfg.Now().Truncate(time.Second))
	if err != nil {
		return false, err
	}
	closed := len(a.Series) == 1 && a.Series[0].Points[0].Value == 3
	s.windows.Store(&closed)
	return closed, nil
}

// SeriesNames are the names and labels of the series, sorted.
func (s *Store) SeriesNames(ctx context.Context, m store.Match) ([]store.Series, error) {
	selectors := m.Selectors
	if len(selectors) == 0 {
		selectors = []string{`{__name__=~".+"}`}
	}
	sets, _, _, err := s.read.Series(ctx, selectors, m.From, m.To, limit(m)...)
	if err != nil {
		return nil, failure(ctx, strings.Join(m.Selectors, " "), err)
	}
	var out []store.Series
	for _, set := range sets {
		out = append(out, named(model.Metric(set)))
	}
	slices.SortFunc(out, func(a, b store.Series) int {
		if c := strings.Compare(a.Metric, b.Metric); c != 0 {
			return c
		}
		return slices.CompareFunc(a.Labels, b.Labels, func(x, y thongsuot.Label) int {
			if c := strings.Compare(x.Name, y.Name); c != 0 {
				return c
			}
			return strings.Compare(x.Value, y.Value)
		})
	})
	return out, nil
}

// LabelNames are the names of the labels of the series, sorted.
func (s *Store) LabelNames(ctx context.Context, m store.Match) ([]string, error) {
	names, _, _, err := s.read.LabelNames(ctx, m.Selectors, m.From, m.To, limit(m)...)
	return texts(names), failure(ctx, strings.Join(m.Selectors, " "), err)
}

// LabelValues are the values that the label has in the series, sorted.
func (s *Store) LabelValues(ctx context.Context, name string, m store.Match) ([]string, error) {
	values, _, _, err := s.read.LabelValues(ctx, name, m.Selectors, m.From, m.To, limit(m)...)
	return texts(values), failure(ctx, strings.Join(m.Selectors, " "), err)
}

func limit(m store.Match) []v1.Option {
	if m.Limit == 0 {
		return nil
	}
	return []v1.Option{v1.WithLimit(uint64(m.Limit))}
}

func texts[T ~string](in []T) (out []string) {
	for _, t := range in {
		out = append(out, string(t))
	}
	slices.Sort(out)
	return out
}

func convert(ctx context.Context, query string, value model.Value, warnings v1.Warnings, err error) (store.Answer, error) {
	if err != nil {
		return store.Answer{}, failure(ctx, query, err)
	}
	out := store.Answer{Warnings: warnings}
	switch v := value.(type) {
	case model.Matrix:
		out.Type = store.TypeMatrix
		for _, one := range v {
			s := named(one.Metric)
			for _, p := range one.Values {
				s.Points = append(s.Points, point(p.Timestamp, p.Value))
			}
			out.Series = append(out.Series, s)
		}
	case model.Vector:
		out.Type = store.TypeVector
		for _, one := range v {
			s := named(one.Metric)
			s.Points = []store.Point{point(one.Timestamp, one.Value)}
			out.Series = append(out.Series, s)
		}
	case *model.Scalar:
		out.Type = store.TypeScalar
		out.Series = []store.Series{{Points: []store.Point{point(v.Timestamp, v.Value)}}}
	case *model.String:
		out.Type, out.Text, out.At = store.TypeString, v.Value, v.Timestamp.Time().UTC()
	default:
		return store.Answer{}, &store.QueryError{Class: store.ClassInternal, Query: query, Err: fmt.Errorf("the engine gives a value of type %T", value)}
	}
	return out, nil
}

func point(t model.Time, v model.SampleValue) store.Point {
	return store.Point{At: t.Time().UTC(), Value: float64(v)}
}

func named(m model.Metric) store.Series {
	s := store.Series{Metric: string(m[model.MetricNameLabel])}
	for name, value := range m {
		if name != model.MetricNameLabel {
			s.Labels = append(s.Labels, thongsuot.Label{Name: string(name), Value: string(value)})
		}
	}
	slices.SortFunc(s.Labels, func(a, b thongsuot.Label) int { return strings.Compare(a.Name, b.Name) })
	return s
}

// failure says in the words of package store why the engine gave no answer.
func failure(ctx context.Context, query string, err error) error {
	if err == nil {
		return nil
	}
	class := store.ClassInternal
	var told *v1.Error
	switch {
	case ctx.Err() != nil:
		class, err = store.ClassCanceled, ctx.Err()
		if errors.Is(err, context.DeadlineExceeded) {
			class = store.ClassTimeout
		}
	case errors.As(err, &told):
		class, err = classes[told.Type], errors.New(told.Msg)
		if class == "" {
			class = store.ClassInternal
		}
	}
	return &store.QueryError{Class: class, Query: query, Err: err}
}

var classes = map[v1.ErrorType]store.Class{
	v1.ErrBadData: store.ClassBadQuery, v1.ErrExec: store.ClassTooMuch, v1.ErrTimeout: store.ClassTimeout, v1.ErrCanceled: store.ClassCanceled,
	"422": store.ClassTooMuch, // VictoriaMetrics gives the status instead of a word
}
