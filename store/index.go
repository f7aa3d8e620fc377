package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"
)

// Match says which series are meant: those that any of the selectors selects
// and that have samples between From and To; all without a selector.
type Match struct {
	Selectors []string // PromQL
	From, To  time.Time
	Limit     int // most entries of the answer; 0 for no limit
}

// SeriesNames are the names and labels of the series, sorted. Errors are a
// *QueryError or ErrClosed.
func (s *Store) SeriesNames(ctx context.Context, m Match) ([]Series, error) {
	found := map[string]Series{}
	err := s.look(ctx, m, func(q storage.Querier, ms []*labels.Matcher) (annotations.Annotations, error) {
		hints := &storage.SelectHints{Start: m.From.UnixMilli(), End: m.To.UnixMilli(), Func: "series", Limit: m.Limit}
		set := q.Select(ctx, true, hints, ms...)
		for set.Next() && (m.Limit == 0 || len(found) < m.Limit) {
			ls := set.At().Labels()
			found[ls.String()] = named(ls)
		}
		return set.Warnings(), set.Err()
	})
	keys := slices.Sorted(maps.Keys(found))
	out := make([]Series, 0, len(keys))
	for _, k := range keys {
		out = append(out, found[k])
	}
	return out, err
}

// LabelNames are the names of the labels of the series, sorted.
func (s *Store) LabelNames(ctx context.Context, m Match) ([]string, error) {
	return s.texts(ctx, m, func(q storage.Querier, hints *storage.LabelHints, ms []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelNames(ctx, hints, ms...)
	})
}

// LabelValues are the values that the label has in the series, sorted.
func (s *Store) LabelValues(ctx context.Context, name string, m Match) ([]string, error) {
	return s.texts(ctx, m, func(q storage.Querier, hints *storage.LabelHints, ms []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelValues(ctx, name, hints, ms...)
	})
}

func (s *Store) texts(ctx context.Context, m Match, ask func(storage.Querier, *storage.LabelHints, []*labels.Matcher) ([]string, annotations.Annotations, error)) ([]string, error) {
	found := map[string]bool{}
	err := s.look(ctx, m, func(q storage.Querier, ms []*labels.Matcher) (annotations.Annotations, error) {
		texts, warnings, err := ask(q, &storage.LabelHints{Limit: m.Limit}, ms)
		for _, t := range texts {
			found[strings.Clone(t)] = true // it may lie in a block that is closed soon
		}
		return warnings, err
	})
	out := slices.Sorted(maps.Keys(found))
	if m.Limit > 0 && len(out) > m.Limit {
		out = out[:m.Limit]
	}
	return out, err
}

// look asks once for each selector.
func (s *Store) look(ctx context.Context, m Match, ask func(storage.Querier, []*labels.Matcher) (annotations.Annotations, error)) error {
	s.use.RLock()
	defer s.use.RUnlock()
	if s.closed {
		return ErrClosed
	}
	selectors, err := matchers(m.Selectors)
	if err != nil {
		return err
	}
	q, err := everywhere{s}.Querier(m.From.UnixMilli(), m.To.UnixMilli())
	if err != nil {
		return &QueryError{Class: ClassInternal, Err: err}
	}
	for _, ms := range selectors {
		if _, err = ask(q, ms); err != nil {
			class := ClassInternal
			if ctx.Err() != nil {
				class = classOf(ctx.Err())
			}
			err = &QueryError{Class: class, Query: strings.Join(m.Selectors, " "), Err: err}
			break
		}
	}
	return errors.Join(err, q.Close())
}

func matchers(selectors []string) ([][]*labels.Matcher, error) {
	if len(selectors) == 0 {
		return [][]*labels.Matcher{nil}, nil
	}
	var out [][]*labels.Matcher
	for _, text := range selectors {
		ms, err := parser.NewParser(parser.Options{}).ParseMetricSelector(text)
		if err != nil {
			return nil, &QueryError{Class: ClassBadQuery, Query: text, Err: err}
		}
		out = append(out, ms)
	}
	return out, nil
}
