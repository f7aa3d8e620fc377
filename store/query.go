package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"thongsuot"
)

// maxPoints bounds the points of one series in one answer, as Prometheus does:
// more than any screen shows.
const maxPoints = 11_000

// Series is one line of an answer. Labels are sorted by name; Metric is empty
// where the query computed something new.
type Series struct {
	Metric string
	Labels []thongsuot.Label
	Points []Point // by time
}

// Point is one value at one time.
type Point struct {
	At    time.Time
	Value float64
}

// Type is the kind of value that a query gives.
type Type string

// The kinds of value, in PromQL's words.
const (
	TypeMatrix Type = "matrix" // series of points
	TypeVector Type = "vector" // series of one point each
	TypeScalar Type = "scalar" // one series without labels, of one point
	TypeString Type = "string" // Text
)

// Answer is the value of a query.
type Answer struct {
	Type     Type
	Series   []Series
	Text     string    // of a string
	At       time.Time // of a string
	Warnings []string
}

// Class says why a query has no answer.
type Class string

// The classes of failure.
const (
	ClassBadQuery Class = "bad_query" // its text or its range cannot be right
	ClassTooMuch  Class = "too_much"  // it asks for more than one query may
	ClassTimeout  Class = "timeout"
	ClassCanceled Class = "canceled" // by who asked, or because the store closes
	ClassInternal Class = "internal" // the database
)

// QueryError is a query that has no answer.
type QueryError struct {
	Class Class
	Query string
	Err   error // in the words of the engine
}

func (e *QueryError) Error() string { return fmt.Sprintf("query %q: %v", e.Query, e.Err) }

func (e *QueryError) Unwrap() error { return e.Err }

// QueryRange evaluates a PromQL query at from, from+step, … up to to. At most
// 11,000 points a series can be asked for. Errors are a *QueryError or ErrClosed.
func (s *Store) QueryRange(ctx context.Context, query string, from, to time.Time, step time.Duration) (Answer, error) {
	bad := func(class Class, format string, args ...any) (Answer, error) {
		return Answer{}, &QueryError{Class: class, Query: query, Err: fmt.Errorf(format, args...)}
	}
	if step < time.Millisecond {
		return bad(ClassBadQuery, "step must be at least 1ms (got %s)", step)
	}
	if to.Before(from) {
		return bad(ClassBadQuery, "ends at %s, before it begins at %s", to, from)
	}
	if n := to.Sub(from)/step + 1; n > maxPoints {
		return bad(ClassTooMuch, "%d points a series are more than %d: take a longer step", n, maxPoints)
	}
	return s.run(ctx, query, evaluation{to.Sub(from), step}, func(ctx context.Context) (promql.Query, error) {
		return s.engine.NewRangeQuery(ctx, everywhere{s}, nil, query, from, to, step)
	})
}

// Query evaluates a PromQL query at one time. A query of the kind metric[15m]
// gives the samples as they were stored. Errors are a *QueryError or ErrClosed.
func (s *Store) Query(ctx context.Context, query string, at time.Time) (Answer, error) {
	return s.run(ctx, query, evaluation{step: time.Minute}, func(ctx context.Context) (promql.Query, error) {
		return s.engine.NewInstantQuery(ctx, everywhere{s}, nil, query, at)
	})
}

// Range is the series of QueryRange.
func (s *Store) Range(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]Series, error) {
	a, err := s.QueryRange(ctx, query, from, to, step)
	return a.Series, err
}

// Instant is the series of Query; it is an error if the query gives a text.
func (s *Store) Instant(ctx context.Context, query string, at time.Time) ([]Series, error) {
	a, err := s.Query(ctx, query, at)
	if err == nil && a.Type == TypeString {
		err = &QueryError{Class: ClassBadQuery, Query: query, Err: errors.New("gives no numbers")}
	}
	return a.Series, err
}

func (s *Store) run(ctx context.Context, text string, over evaluation, prepare func(context.Context) (promql.Query, error)) (Answer, error) {
	s.use.RLock()
	defer s.use.RUnlock()
	if s.closed {
		return Answer{}, ErrClosed
	}
	failed := func(class Class, err error) (Answer, error) {
		return Answer{}, &QueryError{Class: class, Query: text, Err: err}
	}
	if class, err := affordable(text, over); err != nil {
		return failed(class, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.closing, func() { cancel(ErrClosed) })()
	q, err := prepare(ctx)
	if err != nil {
		return failed(ClassBadQuery, err)
	}
	defer q.Close()
	result := q.Exec(ctx)
	if cause := context.Cause(ctx); cause != nil {
		return failed(classOf(cause), cause)
	}
	if result.Err != nil {
		return failed(classOf(result.Err), result.Err)
	}
	out, err := answer(result.Value)
	if err != nil {
		return failed(ClassInternal, err)
	}
	out.Warnings, _ = result.Warnings.AsStrings(text, 10, 0)
	return out, nil
}

func classOf(err error) Class {
	var slow promql.ErrQueryTimeout
	var canceled promql.ErrQueryCanceled
	var broken promql.ErrStorage
	switch {
	case errors.As(err, &slow), errors.Is(err, context.DeadlineExceeded):
		return ClassTimeout
	case errors.As(err, &canceled), errors.Is(err, context.Canceled), errors.Is(err, ErrClosed):
		return ClassCanceled
	case errors.As(err, &broken):
		return ClassInternal
	default: // too many samples, and what the engine cannot compute of these data
		return ClassTooMuch
	}
}

// answer copies a result, which is only lent by the engine.
func answer(value any) (Answer, error) {
	switch v := value.(type) {
	case promql.Matrix:
		out := make([]Series, 0, len(v))
		for _, one := range v {
			s := named(one.Metric)
			s.Points = make([]Point, 0, len(one.Floats))
			for _, p := range one.Floats {
				s.Points = append(s.Points, Point{At: instant(p.T), Value: p.F})
			}
			out = append(out, s)
		}
		return Answer{Type: TypeMatrix, Series: out}, nil
	case promql.Vector:
		out := make([]Series, 0, len(v))
		for _, one := range v {
			s := named(one.Metric)
			s.Points = []Point{{At: instant(one.T), Value: one.F}}
			out = append(out, s)
		}
		return Answer{Type: TypeVector, Series: out}, nil
	case promql.Scalar:
		return Answer{Type: TypeScalar, Series: []Series{{Points: []Point{{At: instant(v.T), Value: v.V}}}}}, nil
	case promql.String:
		return Answer{Type: TypeString, Text: v.V, At: instant(v.T)}, nil
	default:
		return Answer{}, fmt.Errorf("a value of type %T", value)
	}
}

func named(ls labels.Labels) Series {
	var s Series
	ls.Range(func(l labels.Label) {
		if l.Name == metricName {
			s.Metric = l.Value
			return
		}
		s.Labels = append(s.Labels, thongsuot.Label{Name: l.Name, Value: l.Value})
	})
	return s
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
