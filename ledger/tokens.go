package ledger

import (
	"context"
	"fmt"
	"time"
)

// Token is what is kept of a site's token: never the token itself.
type Token struct {
	Hash    [32]byte // of the token; the key
	Site    string   // code of the one site that it opens
	BeatKey [32]byte // authenticates the site's beats; secret
	Note    string   // for people
	Created time.Time
}

// PutToken keeps a token, in place of one with the same hash.
func (l *Ledger) PutToken(ctx context.Context, t Token) error {
	_, err := l.exec(ctx, `INSERT INTO tokens (hash, site, beat_key, note, created) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (hash) DO UPDATE SET site = excluded.site, beat_key = excluded.beat_key, note = excluded.note, created = excluded.created`,
		t.Hash[:], t.Site, t.BeatKey[:], t.Note, t.Created.UnixMilli())
	if err != nil {
		return fmt.Errorf("ledger: keep a token of site %s: %w", t.Site, err)
	}
	return nil
}

// DeleteToken forgets a token; it is no error if there is none.
func (l *Ledger) DeleteToken(ctx context.Context, hash [32]byte) error {
	if _, err := l.exec(ctx, `DELETE FROM tokens WHERE hash = ?`, hash[:]); err != nil {
		return fmt.Errorf("ledger: delete a token: %w", err)
	}
	return nil
}

// TokenByHash finds a token by the hash of what was presented.
func (l *Ledger) TokenByHash(ctx context.Context, hash [32]byte) (Token, bool, error) {
	ts, err := l.tokens(ctx, `WHERE hash = ?`, hash[:])
	if err != nil || len(ts) == 0 {
		return Token{}, false, err
	}
	return ts[0], true, nil
}

// TokensBySite are the tokens of one site, oldest first.
func (l *Ledger) TokensBySite(ctx context.Context, site string) ([]Token, error) {
	return l.tokens(ctx, `WHERE site = ? ORDER BY created, hash`, site)
}

// Tokens are all tokens, by site, oldest first.
func (l *Ledger) Tokens(ctx context.Context) ([]Token, error) {
	return l.tokens(ctx, `ORDER BY site, created, hash`)
}

func (l *Ledger) tokens(ctx context.Context, which string, args ...any) ([]Token, error) {
	ts, err := query(ctx, l, scanToken, `SELECT hash, site, beat_key, note, created FROM tokens `+which, args...)
	if err != nil {
		return nil, fmt.Errorf("ledger: read tokens: %w", err)
	}
	return ts, nil
}

func scanToken(scan func(...any) error) (t Token, err error) {
	var hash, key []byte
	var created int64
	if err := scan(&hash, &t.Site, &key, &t.Note, &created); err != nil {
		return t, err
	}
	if len(hash) != len(t.Hash) || len(key) != len(t.BeatKey) {
		return t, fmt.Errorf("token of site %s on record: hash of %d bytes, key of %d", t.Site, len(hash), len(key))
	}
	copy(t.Hash[:], hash)
	copy(t.BeatKey[:], key)
	t.Created = instant(created)
	return t, nil
}
