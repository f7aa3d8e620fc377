package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// settle appends those late samples whose time is free in their series. The
// TSDB itself would keep a second value beside the first.
func (b *batch) settle(ctx context.Context) error {
	if len(b.late) == 0 {
		return nil
	}
	bySeries := map[*series][]point{}
	taken := map[*series]map[int64]float64{}
	for _, p := range b.late {
		bySeries[p.series] = append(bySeries[p.series], p)
		taken[p.series] = map[int64]float64{}
	}
	for _, p := range b.fresh {
		if known, ok := taken[p.series]; ok {
			known[p.at] = p.value
		}
	}
	from, to := span(b.late)
	q, err := b.store.db.Querier(from, to)
	if err != nil {
		return err
	}
	defer q.Close()
	for s, points := range bySeries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := read(ctx, q, s.labels, points, taken[s]); err != nil {
			return err
		}
		for _, p := range points {
			if err := b.place(p, taken[s]); err != nil {
				return err
			}
		}
	}
	return nil
}

// place appends p unless its time is taken.
func (b *batch) place(p point, taken map[int64]float64) error {
	switch value, ok := taken[p.at]; {
	case !ok:
		taken[p.at] = p.value
		return b.append(p)
	case value == p.value:
		b.tally.duplicate++
	default:
		b.tally.refuse(reasonConflict)
	}
	return nil
}

// read adds to into what the series holds within the times of points.
func read(ctx context.Context, q storage.Querier, of labels.Labels, points []point, into map[int64]float64) error {
	from, to := span(points)
	matchers := make([]*labels.Matcher, 0, of.Len())
	of.Range(func(l labels.Label) {
		matchers = append(matchers, &labels.Matcher{Type: labels.MatchEqual, Name: l.Name, Value: l.Value})
	})
	set := q.Select(ctx, false, &storage.SelectHints{Start: from, End: to}, matchers...)
	var it chunkenc.Iterator
	for set.Next() {
		one := set.At()
		if !labels.Equal(one.Labels(), of) {
			continue // it has further labels
		}
		for it = one.Iterator(it); it.Next() == chunkenc.ValFloat; {
			at, value := it.At()
			into[at] = value
		}
		if err := it.Err(); err != nil {
			return err
		}
	}
	return set.Err()
}

// span is the first and the last time of points, of which there is at least one.
func span(points []point) (from, to int64) {
	byTime := func(a, b point) int { return cmp.Compare(a.at, b.at) }
	return slices.MinFunc(points, byTime).at, slices.MaxFunc(points, byTime).at
}

// horizon is the time after which the TSDB holds no sample, unix ms.
func (s *Store) horizon() int64 {
	newest := max(s.db.Head().MaxTime(), s.db.Head().MaxOOOTime())
	for _, b := range s.db.Blocks() {
		newest = max(newest, b.MaxTime()-1) // blocks are half-open
	}
	return newest
}
