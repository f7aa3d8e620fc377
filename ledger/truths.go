package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"thongsuot"
)

// ErrNoIncident is the error of a truth about an incident that is not on record.
var ErrNoIncident = errors.New("there is no such incident on record")

// KeptTruth is a truth as it is kept.
type KeptTruth struct {
	ID int64
	thongsuot.Truth
}

// AddTruth keeps what somebody says that an incident was, beside what was said
// before. A running centre takes it up within seconds. The error is that of
// Truth.Validate or ErrNoIncident, among others.
func (l *Ledger) AddTruth(ctx context.Context, t thongsuot.Truth) error {
	err := t.Validate()
	if err == nil {
		err = l.write(ctx, func(tx *sql.Tx) error {
			var there bool
			if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM incidents WHERE id = ?)`, t.Incident).Scan(&there); err != nil {
				return err
			}
			if !there {
				return ErrNoIncident
			}
			_, err := tx.ExecContext(ctx, `INSERT INTO truths (incident, cause, who, how, at, note) VALUES (?, ?, ?, ?, ?, ?)`,
				t.Incident, string(t.Cause), t.Who, t.How, t.At.UnixMilli(), t.Note)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("ledger: keep the truth about incident %q: %w", t.Incident, err)
	}
	return nil
}

// Truths are those about incidents that began in [from, to], in the order in
// which they came.
func (l *Ledger) Truths(ctx context.Context, from, to time.Time) ([]KeptTruth, error) {
	return l.truths(ctx, `JOIN incidents i ON i.id = t.incident WHERE i.starts >= ? AND i.starts <= ?`, from.UnixMilli(), to.UnixMilli())
}

// TruthsOf are those about one incident, in the order in which they came.
func (l *Ledger) TruthsOf(ctx context.Context, incident string) ([]KeptTruth, error) {
	return l.truths(ctx, `WHERE t.incident = ?`, incident)
}

// NewTruths are those that no record of an incident tells yet.
func (l *Ledger) NewTruths(ctx context.Context) ([]KeptTruth, error) {
	return l.truths(ctx, `WHERE t.applied = 0`)
}

// TruthTold notes that the record of the incident tells the truth with that ID.
func (l *Ledger) TruthTold(ctx context.Context, id int64) error {
	if _, err := l.exec(ctx, `UPDATE truths SET applied = 1 WHERE id = ?`, id); err != nil {
		return fmt.Errorf("ledger: mark truth %d as told: %w", id, err)
	}
	return nil
}

func (l *Ledger) truths(ctx context.Context, which string, args ...any) ([]KeptTruth, error) {
	out, err := query(ctx, l, func(scan func(...any) error) (t KeptTruth, err error) {
		var at int64
		err = scan(&t.ID, &t.Incident, &t.Cause, &t.Who, &t.How, &at, &t.Note)
		t.At = instant(at)
		return t, err
	}, `SELECT t.id, t.incident, t.cause, t.who, t.how, t.at, t.note FROM truths t `+which+` ORDER BY t.id`, args...)
	if err != nil {
		return nil, fmt.Errorf("ledger: read truths: %w", err)
	}
	return out, nil
}
