package ledger

import (
	"context"
	"fmt"
	"time"
)

// AuditEntry says who did what.
type AuditEntry struct {
	At     time.Time
	Who    string // account, or the way in: "command line"
	What   string // "token made"
	Detail string // what it was done to, without secrets
}

// Audit adds an entry. The database itself refuses to change or delete one.
func (l *Ledger) Audit(ctx context.Context, e AuditEntry) error {
	if _, err := l.exec(ctx, `INSERT INTO audit (at, who, what, detail) VALUES (?, ?, ?, ?)`, e.At.UnixMilli(), e.Who, e.What, e.Detail); err != nil {
		return fmt.Errorf("ledger: audit %q: %w", e.What, err)
	}
	return nil
}

// AuditTrail is the newest entries, at most limit, newest first.
func (l *Ledger) AuditTrail(ctx context.Context, limit int) ([]AuditEntry, error) {
	out, err := query(ctx, l, func(scan func(...any) error) (e AuditEntry, err error) {
		var at int64
		err = scan(&at, &e.Who, &e.What, &e.Detail)
		e.At = instant(at)
		return e, err
	}, `SELECT at, who, what, detail FROM audit ORDER BY id DESC LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("ledger: read the audit: %w", err)
	}
	return out, nil
}
