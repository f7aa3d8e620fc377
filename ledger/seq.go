package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"sync"
)

// MarkSeq is MarkSeqs of one range.
func (l *Ledger) MarkSeq(ctx context.Context, site, boot string, from, to uint64) error {
	return l.MarkSeqs(ctx, site, boot, [][2]uint64{{from, to}})
}

// MarkSeqs notes that the records of a site's boot with the numbers of the
// ranges arrived, all or none. Both ends of a range belong to it; ranges may
// come in any order and more than once. A number above 1<<63 - 1 is an error.
// Calls that come while another commits share the next transaction, and the
// sync of the disk that ends it; each returns after that.
func (l *Ledger) MarkSeqs(ctx context.Context, site, boot string, ranges [][2]uint64) error {
	err := checkRanges(ranges)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		// Others may share it: that this caller goes away must not undo theirs.
		err = l.marks.do(context.WithoutCancel(ctx), l, &arrival{site: site, boot: boot, ranges: ranges})
	}
	if err != nil {
		return fmt.Errorf("ledger: mark what arrived from site %s: %w", site, err)
	}
	return nil
}

// arrival is what one call marks.
type arrival struct {
	site, boot string
	ranges     [][2]uint64
	done       bool
	err        error
}

// arrivals gathers calls while a transaction is under way.
type arrivals struct {
	mu      sync.Mutex
	waiting []*arrival
	turn    sync.Mutex // held over a transaction; guards done and err
}

func (a *arrivals) do(ctx context.Context, l *Ledger, mine *arrival) error {
	a.mu.Lock()
	a.waiting = append(a.waiting, mine)
	a.mu.Unlock()
	a.turn.Lock()
	defer a.turn.Unlock()
	if mine.done {
		return mine.err
	}
	a.mu.Lock()
	all := a.waiting
	a.waiting = nil
	a.mu.Unlock()
	err := l.markAll(ctx, all)
	for _, one := range all {
		one.done, one.err = true, err
		if err != nil && len(all) > 1 { // what is wrong with one must not cost the others
			one.err = l.markAll(ctx, []*arrival{one})
		}
	}
	return mine.err
}

// markAll is one transaction.
func (l *Ledger) markAll(ctx context.Context, all []*arrival) error {
	return l.write(ctx, func(tx *sql.Tx) error {
		for _, one := range all {
			for _, r := range one.ranges {
				if err := mark(ctx, tx, one.site, one.boot, int64(r[0]), int64(r[1])); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// mark adds a range and joins it with those that it overlaps or touches. The
// ranges on record are apart from each other, so no more than one of those
// that begin before it can reach it.
func mark(ctx context.Context, tx *sql.Tx, site, boot string, from, to int64) error {
	before, after := max(from, 1)-1, min(to, math.MaxInt64-1)+1
	var first, last sql.NullInt64
	var met int
	err := tx.QueryRowContext(ctx, `SELECT min(first), max(last), count(*) FROM seq_ranges
		WHERE site = ?1 AND boot = ?2 AND first <= ?3 AND last >= ?4
		AND first >= coalesce((SELECT max(first) FROM seq_ranges WHERE site = ?1 AND boot = ?2 AND first <= ?4), ?4)`,
		site, boot, after, before).Scan(&first, &last, &met)
	if err != nil {
		return err
	}
	if met > 0 {
		if met == 1 && first.Int64 <= from && to <= last.Int64 {
			return nil // marked before: nothing to write
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM seq_ranges WHERE site = ? AND boot = ? AND first BETWEEN ? AND ?`,
			site, boot, first.Int64, last.Int64); err != nil {
			return err
		}
		from, to = min(from, first.Int64), max(to, last.Int64)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO seq_ranges (site, boot, first, last) VALUES (?, ?, ?, ?)`, site, boot, from, to)
	return err
}

// SeenSeq is SeenSeqs of one range.
func (l *Ledger) SeenSeq(ctx context.Context, site, boot string, from, to uint64) (bool, error) {
	return l.SeenSeqs(ctx, site, boot, [][2]uint64{{from, to}})
}

// SeenSeqs reports whether every number of every range was marked. Of no range
// it is false: who names nothing has not sent it before.
func (l *Ledger) SeenSeqs(ctx context.Context, site, boot string, ranges [][2]uint64) (bool, error) {
	err := checkRanges(ranges)
	seen := len(ranges) > 0
	for i := 0; err == nil && seen && i < len(ranges); i++ {
		var last int64
		err = l.reader.QueryRowContext(ctx, `SELECT last FROM seq_ranges
			WHERE site = ? AND boot = ? AND first <= ? ORDER BY first DESC LIMIT 1`,
			site, boot, int64(ranges[i][0])).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		seen = last >= int64(ranges[i][1])
	}
	if err != nil {
		return false, fmt.Errorf("ledger: look for what arrived from site %s: %w", site, explain(err))
	}
	return seen, nil
}

func checkRanges(ranges [][2]uint64) error {
	for _, r := range ranges {
		if r[0] > r[1] || r[1] > math.MaxInt64 {
			return fmt.Errorf("sequence %d to %d is no range of numbers up to 1<<63 - 1", r[0], r[1])
		}
	}
	return nil
}
