package ledger

import (
	"context"
	"fmt"
	"time"
)

// Reader is a program that may read every stored series. Never the token
// itself is kept.
type Reader struct {
	Name    string // the key
	Hash    [32]byte
	Created time.Time
}

// PutReader keeps a reader, in place of one with the same name.
func (l *Ledger) PutReader(ctx context.Context, r Reader) error {
	_, err := l.exec(ctx, `INSERT INTO readers (name, hash, created) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, created = excluded.created`, r.Name, r.Hash[:], r.Created.UnixMilli())
	if err != nil {
		return fmt.Errorf("ledger: keep reader %q: %w", r.Name, err)
	}
	return nil
}

// DeleteReader forgets a reader and reports whether there was one.
func (l *Ledger) DeleteReader(ctx context.Context, name string) (bool, error) {
	n, err := l.exec(ctx, `DELETE FROM readers WHERE name = ?`, name)
	if err != nil {
		return false, fmt.Errorf("ledger: delete reader %q: %w", name, err)
	}
	return n > 0, nil
}

// Readers are all readers, by name.
func (l *Ledger) Readers(ctx context.Context) ([]Reader, error) {
	rs, err := query(ctx, l, scanReader, `SELECT name, hash, created FROM readers ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("ledger: read readers: %w", err)
	}
	return rs, nil
}

func scanReader(scan func(...any) error) (r Reader, err error) {
	var hash []byte
	var created int64
	if err := scan(&r.Name, &hash, &created); err != nil {
		return r, err
	}
	if len(hash) != len(r.Hash) {
		return r, fmt.Errorf("reader %q on record: hash of %d bytes", r.Name, len(hash))
	}
	copy(r.Hash[:], hash)
	r.Created = instant(created)
	return r, nil
}
