package store

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"thongsuot"
)

// maxPoints bounds the points of one series in one answer, as Prometheus does:
// more than any screen shows.
const maxPoints = 11_000

// maxSubquerySteps bounds the steps of a subquery, expr[range:step]. The engine
// reserves memory for all of them before it looks at any limit, so one short
// line of text could take all there is.
const maxSubquerySteps = 1_000_000

// subqueryStep is the step of a subquery that names none, the longest pace of a probe.
const subqueryStep = time.Minute

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

// Range evaluates a PromQL query at from, from+step, … up to to. At most 11,000
// points a series can be asked for.
func (s *Store) Range(ctx context.Context, query string, from, to time.Time, step time.Duration) ([]Series, error) {
	if step < time.Millisecond {
		return nil, fmt.Errorf("query: step must be at least 1ms (got %s)", step)
	}
	if to.Before(from) {
		return nil, fmt.Errorf("query: ends at %s, before it begins at %s", to, from)
	}
	if n := to.Sub(from)/step + 1; n > maxPoints {
		return nil, fmt.Errorf("query: %d points a series are more than %d: take a longer step", n, maxPoints)
	}
	return s.run(ctx, query, to.Sub(from), func(ctx context.Context) (promql.Query, error) {
		return s.engine.NewRangeQuery(ctx, s.db, nil, query, from, to, step)
	})
}

// Instant evaluates a PromQL query at one time. A query of the kind
// metric[15m] gives the samples as they were stored.
func (s *Store) Instant(ctx context.Context, query string, at time.Time) ([]Series, error) {
	return s.run(ctx, query, 0, func(ctx context.Context) (promql.Query, error) {
		return s.engine.NewInstantQuery(ctx, s.db, nil, query, at)
	})
}

func (s *Store) run(ctx context.Context, text string, span time.Duration, prepare func(context.Context) (promql.Query, error)) ([]Series, error) {
	s.use.RLock()
	defer s.use.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	if err := checkSubqueries(text, span); err != nil {
		return nil, fmt.Errorf("query %q: %w", text, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.closing, func() { cancel(ErrClosed) })()
	q, err := prepare(ctx)
	if err != nil {
		return nil, fmt.Errorf("query %q: %w", text, err)
	}
	defer q.Close()
	result := q.Exec(ctx)
	if cause := context.Cause(ctx); cause != nil {
		return nil, fmt.Errorf("query %q: %w", text, cause)
	}
	if result.Err != nil {
		return nil, fmt.Errorf("query %q: %w", text, result.Err)
	}
	if warnings, _ := result.Warnings.AsStrings(text, 3, 0); len(warnings) > 0 {
		s.log.Warn("query has warnings", "query", text, "warnings", warnings)
	}
	return answer(text, result.Value)
}

// checkSubqueries refuses a query that has a subquery of too many steps. span is
// the time over which the whole is evaluated.
func checkSubqueries(text string, span time.Duration) error {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return err
	}
	parser.Inspect(expr, func(node parser.Node, above []parser.Node) error {
		sub, ok := node.(*parser.SubqueryExpr)
		if !ok {
			return nil
		}
		all := span + sub.Range
		for _, n := range above {
			if outer, ok := n.(*parser.SubqueryExpr); ok {
				all += outer.Range
			}
		}
		step := sub.Step
		if step == 0 {
			step = subqueryStep
		}
		if n := all / step; n > maxSubquerySteps {
			err = fmt.Errorf("%d steps of %s are more than %d: take a longer step", n, sub, maxSubquerySteps)
		}
		return err
	})
	return err
}

// answer copies a result, which is only lent by the engine.
func answer(text string, value any) ([]Series, error) {
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
		return out, nil
	case promql.Vector:
		out := make([]Series, 0, len(v))
		for _, one := range v {
			s := named(one.Metric)
			s.Points = []Point{{At: instant(one.T), Value: one.F}}
			out = append(out, s)
		}
		return out, nil
	case promql.Scalar:
		return []Series{{Points: []Point{{At: instant(v.T), Value: v.V}}}}, nil
	default:
		return nil, fmt.Errorf("query %q: gives no numbers", text)
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
