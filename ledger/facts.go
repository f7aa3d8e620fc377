package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// SetFact keeps a small value by name, in place of the one before.
func (l *Ledger) SetFact(ctx context.Context, name string, value []byte) error {
	if value == nil {
		value = []byte{} // not NULL
	}
	_, err := l.exec(ctx, `INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	if err != nil {
		return fmt.Errorf("ledger: keep fact %s: %w", name, err)
	}
	return nil
}

// Fact is the value that was last set by that name.
func (l *Ledger) Fact(ctx context.Context, name string) (value []byte, ok bool, err error) {
	err = l.reader.QueryRowContext(ctx, `SELECT value FROM facts WHERE name = ?`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("ledger: read fact %s: %w", name, explain(err))
	}
	return value, true, nil
}
