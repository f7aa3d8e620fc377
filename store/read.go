package store

import (
	"context"
	"fmt"
	"time"

	"thongsuot"
)

// Fold says how the samples of one step become one value.
type Fold string

// The folds that every engine knows.
const (
	FoldLast  Fold = "last"
	FoldMean  Fold = "mean"
	FoldMin   Fold = "min"
	FoldMax   Fold = "max"
	FoldSum   Fold = "sum"
	FoldCount Fold = "count"
	FoldP10   Fold = "p10" // quantiles interpolate between the two nearest samples
	FoldP25   Fold = "p25"
	FoldP50   Fold = "p50"
	FoldP75   Fold = "p75"
	FoldP90   Fold = "p90"
	FoldP95   Fold = "p95"
)

// Folds lists every fold.
func Folds() []Fold {
	return []Fold{FoldLast, FoldMean, FoldMin, FoldMax, FoldSum, FoldCount, FoldP10, FoldP25, FoldP50, FoldP75, FoldP90, FoldP95}
}

// Read asks for the samples of the series of a metric that carry all the
// labels; an empty value asks for series without that label. It is what pages
// and reports ask, and every engine answers it, whatever language it speaks.
//
// With a Step, the answer has a point at From, From+Step, … up to To, folded
// over the samples in (t-Step, t]; where there are none there is no point.
// Without, it has the samples in (From, To] as they are stored.
type Read struct {
	Metric   string
	Labels   []thongsuot.Label
	From, To time.Time
	Step     time.Duration
	Fold     Fold
}

// Validate says what of a Read cannot be answered.
func (r Read) Validate() error {
	switch {
	case !validName(r.Metric):
		return fmt.Errorf("%q is not the name of a metric", r.Metric)
	case r.To.Before(r.From):
		return fmt.Errorf("ends at %s, before it begins at %s", r.To, r.From)
	case r.Step < 0 || r.Step > 0 && r.Step < time.Second:
		return fmt.Errorf("step must be 0 or at least 1s (got %s)", r.Step)
	case r.Step > 0 && r.To.Sub(r.From)/r.Step >= maxPoints:
		return fmt.Errorf("%d points a series are more than %d: take a longer step", r.To.Sub(r.From)/r.Step+1, maxPoints)
	}
	if _, known := promFolds[r.Fold]; r.Step > 0 && !known {
		return fmt.Errorf("there is no fold %q", r.Fold)
	}
	return nil
}

var promFolds = map[Fold]string{
	FoldLast: "last_over_time(", FoldMean: "avg_over_time(", FoldMin: "min_over_time(", FoldMax: "max_over_time(",
	FoldSum: "sum_over_time(", FoldCount: "count_over_time(",
	FoldP10: "quantile_over_time(0.1,", FoldP25: "quantile_over_time(0.25,", FoldP50: "quantile_over_time(0.5,",
	FoldP75: "quantile_over_time(0.75,", FoldP90: "quantile_over_time(0.9,", FoldP95: "quantile_over_time(0.95,",
}

// promQL is the query that answers r: at each step when there is one, else at To.
func (r Read) promQL(closed bool) string {
	selector, window := Selector(r.Metric, r.Labels...), r.Step
	if r.Step == 0 {
		window = r.To.Sub(r.From)
	}
	if closed {
		window -= time.Millisecond // the finest time there is
	}
	selector = fmt.Sprintf("%s[%dms]", selector, max(1, window.Milliseconds()))
	if r.Step == 0 {
		return selector
	}
	return promFolds[r.Fold] + selector + ")"
}

// PromQuerier evaluates PromQL; Store does, and engines beyond it.
type PromQuerier interface {
	Query(ctx context.Context, query string, at time.Time) (Answer, error)
	QueryRange(ctx context.Context, query string, from, to time.Time, step time.Duration) (Answer, error)
}

// ReadBy answers r through PromQL. closed is set for an engine whose windows,
// metric[d], have their beginning in them.
func ReadBy(ctx context.Context, q PromQuerier, r Read, closed bool) ([]Series, error) {
	if err := r.Validate(); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if r.Step == 0 {
		a, err := q.Query(ctx, r.promQL(closed), r.To)
		return a.Series, err
	}
	a, err := q.QueryRange(ctx, r.promQL(closed), r.From, r.To, r.Step)
	for i := range a.Series {
		a.Series[i].Metric = r.Metric // PromQL forgets it where it computes
	}
	return a.Series, err
}
