package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"thongsuot"
)

// everywhere looks into the samples and their roll-ups.
type everywhere struct{ s *Store }

func (e everywhere) Querier(from, to int64) (storage.Querier, error) {
	raw, err := e.s.db.Querier(from, to)
	if err != nil {
		return nil, err
	}
	all := []storage.Querier{raw}
	for _, l := range e.s.levels {
		q, err := l.querier(from, to)
		if err != nil {
			for _, open := range all {
				_ = open.Close() // the first error tells more
			}
			return nil, err
		}
		all = append(all, q)
	}
	return storage.NewMergeQuerier(all, nil, storage.ChainedSeriesMerge), nil
}

// rolled says from which figures a fold over windows of a step comes, and
// whether it is the same that the samples would give.
func (l *level) rolled(r Read) (figures []string, exact bool) {
	one := r.Step == l.Every
	switch r.Fold {
	case FoldMin:
		return []string{figureMin}, true
	case FoldMax:
		return []string{figureMax}, true
	case FoldLast:
		return []string{figureLast}, true
	case FoldCount:
		return []string{figureCount}, true
	case FoldMean, FoldSum:
		return []string{figureMean, figureCount}, true
	case FoldP50:
		return []string{figureP50, figureCount}, one
	case FoldP95:
		return []string{figureP95, figureCount}, one
	default:
		return nil, false
	}
}

// Read answers r. Windows over which roll-ups say the same as samples are read
// from them, and so are those whose samples are gone: there the quantiles of
// several windows are the mean of theirs, and those that no roll-up has are
// left out. Errors are those of Validate, a *QueryError or ErrClosed.
func (s *Store) Read(ctx context.Context, r Read) ([]Series, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	l, until := s.levelFor(r)
	if l == nil {
		return ReadBy(ctx, s, r, false)
	}
	figures, _ := l.rolled(r)
	old, err := s.readRolled(ctx, l, figures, r, until)
	if err != nil {
		return nil, err
	}
	r.From = until.Add(r.Step)
	if r.From.After(r.To) {
		return old, nil
	}
	fresh, err := ReadBy(ctx, s, r, false)
	return join(old, fresh), err
}

// levelFor is the coarsest level that answers the beginning of r, and the last
// step that it answers; nil for none.
func (s *Store) levelFor(r Read) (best *level, until time.Time) {
	gone := s.cfg.Now().Add(-s.cfg.Retention)
	for _, l := range s.levels {
		if r.Step < l.Every || r.Step%l.Every != 0 || r.From.UnixMilli()%l.Every.Milliseconds() != 0 {
			continue
		}
		figures, exact := l.rolled(r)
		end := time.UnixMilli(l.done.Load())
		if !exact && end.After(gone) {
			end = gone
		}
		if end.After(r.To) {
			end = r.To
		}
		if len(figures) == 0 || end.Before(r.From) || best != nil && best.Every > l.Every {
			continue
		}
		best, until = l, r.From.Add(end.Sub(r.From)/r.Step*r.Step)
	}
	return best, until
}

// readRolled folds figures into the steps of r up to until.
func (s *Store) readRolled(ctx context.Context, l *level, figures []string, r Read, until time.Time) ([]Series, error) {
	s.use.RLock()
	defer s.use.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.QueryTimeout)
	defer cancel()
	var found []map[string]Series
	for _, figure := range figures {
		one, err := l.read(ctx, figure, r, until)
		if err != nil {
			class := ClassInternal
			if ctx.Err() != nil {
				class = classOf(ctx.Err())
			}
			return nil, &QueryError{Class: class, Query: r.Metric, Err: err}
		}
		found = append(found, one)
	}
	out := []Series{}
	for _, key := range slices.Sorted(maps.Keys(found[0])) {
		series := found[0][key]
		var counts []Point
		if len(found) > 1 {
			counts = found[1][key].Points
		}
		series.Points = fold(r, series.Points, counts)
		out = append(out, series)
	}
	return out, nil
}

// read is one figure of each series that r means.
func (l *level) read(ctx context.Context, figure string, r Read, until time.Time) (map[string]Series, error) {
	from, to := r.From.Add(-r.Step).UnixMilli()+1, until.UnixMilli()
	q, err := l.querier(from, to)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	matchers := []*labels.Matcher{{Type: labels.MatchEqual, Name: metricName, Value: l.series(r.Metric, figure)}}
	for _, one := range r.Labels {
		matchers = append(matchers, &labels.Matcher{Type: labels.MatchEqual, Name: one.Name, Value: one.Value})
	}
	out := map[string]Series{}
	set := q.Select(ctx, false, &storage.SelectHints{Start: from, End: to}, matchers...)
	var it chunkenc.Iterator
	for set.Next() {
		series := named(set.At().Labels())
		series.Metric = r.Metric
		for it = set.At().Iterator(it); it.Next() == chunkenc.ValFloat; {
			at, v := it.At()
			series.Points = append(series.Points, Point{At: instant(at), Value: v})
		}
		if err := it.Err(); err != nil {
			return nil, err
		}
		out[labelKey(series.Labels)] = series
	}
	return out, set.Err()
}

// fold makes one point of the windows of each step; counts belong to windows
// one by one where the fold needs them.
func fold(r Read, windows, counts []Point) []Point {
	var out []Point
	for i := 0; i < len(windows); {
		end := r.From.Add((windows[i].At.Sub(r.From) + r.Step - 1) / r.Step * r.Step)
		v, n := 0.0, 0.0
		first := i
		for ; i < len(windows) && !windows[i].At.After(end); i++ {
			one := windows[i].Value
			switch r.Fold {
			case FoldMin:
				if i == first || one < v {
					v = one
				}
			case FoldMax:
				if i == first || one > v {
					v = one
				}
			case FoldLast:
				v = one
			case FoldCount:
				v += one
			default: // weighted by counts
				v += one * counts[i].Value
				n += counts[i].Value
			}
		}
		if n > 0 && r.Fold != FoldSum {
			v /= n
		}
		if n > 0 && i == first+1 && r.Fold != FoldSum {
			v = windows[first].Value
		}
		out = append(out, Point{At: end, Value: v})
	}
	return out
}

// join puts the points of fresh behind those of old.
func join(old, fresh []Series) []Series {
	at := map[string]int{}
	for i, s := range old {
		at[labelKey(s.Labels)] = i
	}
	for _, s := range fresh {
		if i, ok := at[labelKey(s.Labels)]; ok {
			old[i].Points = append(old[i].Points, s.Points...)
			continue
		}
		old = append(old, s)
	}
	return old
}

func labelKey(ls []thongsuot.Label) string {
	var key []byte
	for _, l := range ls {
		key = appendString(appendString(key, l.Name), l.Value)
	}
	return string(key)
}
