package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// ReadOnly is a view of a database as it was when it was opened. Another
// process may have the database open and write on; nothing of that is seen.
type ReadOnly struct {
	db      *tsdb.DBReadOnly
	querier storage.Querier
	engine  *promql.Engine
}

// OpenReadOnly opens a view of the database in cfg.Dir. Of a running centre it
// holds all that was acknowledged so far. Its folder must be writable: what is
// not in a block yet is linked into a folder inside, which Close removes.
func OpenReadOnly(cfg Config, log *slog.Logger) (*ReadOnly, error) {
	db, err := tsdb.OpenDBReadOnly(cfg.Dir, "", log)
	if err != nil {
		return nil, fmt.Errorf("open store %s for reading: %w", cfg.Dir, err)
	}
	querier, err := db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, fmt.Errorf("open store %s for reading: %w", cfg.Dir, errors.Join(err, db.Close()))
	}
	return &ReadOnly{db: db, querier: querier, engine: promql.NewEngine(promql.EngineOpts{
		Logger: log, MaxSamples: cfg.QueryMaxSamples, Timeout: cfg.QueryTimeout, LookbackDelta: cfg.Lookback, EnableAtModifier: true, EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return subqueryStep.Milliseconds() },
	})}, nil
}

// Read answers r. Errors are those of Validate or a *QueryError.
func (s *ReadOnly) Read(ctx context.Context, r Read) ([]Series, error) {
	return ReadBy(ctx, s, r, false)
}

// Query evaluates a PromQL query at one time.
func (s *ReadOnly) Query(ctx context.Context, query string, at time.Time) (Answer, error) {
	q, err := s.engine.NewInstantQuery(ctx, s, nil, query, at)
	return s.run(ctx, query, q, err)
}

// QueryRange evaluates a PromQL query at from, from+step, … up to to.
func (s *ReadOnly) QueryRange(ctx context.Context, query string, from, to time.Time, step time.Duration) (Answer, error) {
	q, err := s.engine.NewRangeQuery(ctx, s, nil, query, from, to, step)
	return s.run(ctx, query, q, err)
}

func (s *ReadOnly) run(ctx context.Context, text string, q promql.Query, err error) (Answer, error) {
	if err != nil {
		return Answer{}, &QueryError{Class: ClassBadQuery, Query: text, Err: err}
	}
	defer q.Close()
	result := q.Exec(ctx)
	if result.Err != nil {
		return Answer{}, &QueryError{Class: classOf(result.Err), Query: text, Err: result.Err}
	}
	out, err := answer(result.Value)
	if err != nil {
		return Answer{}, &QueryError{Class: ClassInternal, Query: text, Err: err}
	}
	return out, nil
}

// Querier is for the engine: all of its queries share one view, since making
// one reads the write-ahead log anew.
func (s *ReadOnly) Querier(int64, int64) (storage.Querier, error) { return shared{s.querier}, nil }

// shared is a querier that its user does not close.
type shared struct{ storage.Querier }

func (shared) Close() error { return nil }

// Close ends the use of the view.
func (s *ReadOnly) Close() error {
	return errors.Join(s.querier.Close(), s.db.Close())
}
