package central

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"thongsuot/identity"
	"thongsuot/ledger"
)

// reloadTokens bounds how often an unknown token makes the list be read
// again, so that guessing costs the ledger nothing.
const reloadTokens = 2 * time.Second

// tokens is the list of site tokens, kept in memory for beats and writes. A
// token that is not in it makes it be read again: one made by a command of
// another process works within two seconds; so does its deletion.
type tokens struct {
	ledger *ledger.Ledger
	log    *slog.Logger
	now    func() time.Time

	mu     sync.Mutex
	fails  int // reads in a row
	byHash map[[32]byte]ledger.Token
	byID   map[[8]byte]ledger.Token
	read   time.Time
}

func (t *tokens) hash(ctx context.Context, h [32]byte) (ledger.Token, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refresh(ctx); err != nil {
		return ledger.Token{}, false, err
	}
	tok, ok := t.byHash[h]
	return tok, ok, nil
}

func (t *tokens) id(ctx context.Context, id [8]byte) (ledger.Token, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.refresh(ctx); err != nil {
		return ledger.Token{}, false, err
	}
	tok, ok := t.byID[id]
	return tok, ok, nil
}

func (t *tokens) refresh(ctx context.Context) error {
	now := t.now()
	if t.byHash != nil && now.Sub(t.read) < reloadTokens && now.After(t.read) {
		return nil
	}
	list, err := t.ledger.Tokens(ctx)
	if err != nil {
		if t.byHash == nil {
			return err
		}
		// A ledger that cannot be read must not make the centre deaf.
		t.read = now
		if t.fails++; t.fails&(t.fails-1) == 0 {
			t.log.Error("tokens not read; those known stay good", "err", err, "tries", t.fails)
		}
		return nil
	}
	t.fails = 0
	t.byHash, t.byID, t.read = map[[32]byte]ledger.Token{}, map[[8]byte]ledger.Token{}, now
	for _, tok := range list {
		t.byHash[tok.Hash] = tok
		t.byID[identity.BeatID(tok.Hash)] = tok
	}
	return nil
}

var errNoToken = errors.New("no site token: send Authorization: Token …")

// presented reads the token of a request, in each way that InfluxDB clients
// send one: Token, Bearer, or the password of basic authentication.
func presented(r *http.Request) (string, error) {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	rest = strings.TrimSpace(rest)
	switch {
	case rest == "":
		return "", errNoToken
	case strings.EqualFold(scheme, "Token"), strings.EqualFold(scheme, "Bearer"):
		return rest, nil
	case strings.EqualFold(scheme, "Basic"):
		plain, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return "", errNoToken
		}
		if _, password, ok := strings.Cut(string(plain), ":"); ok && password != "" {
			return password, nil
		}
	}
	return "", errNoToken
}
