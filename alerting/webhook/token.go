package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"thongsuot/alerting/notice"
)

// renewBefore is how long before its end an access token is renewed.
const renewBefore = 10 * time.Minute

// token is an access token and what renews it. Each renewal makes the token by
// which it was done worthless, so the new one is on disk before it is used.
type token struct {
	cfg    TokenConfig
	secret string
	client *http.Client

	mu sync.Mutex // guards the file
}

// kept is the file.
type kept struct {
	Access  string    `json:"access_token"`
	Refresh string    `json:"refresh_token"`
	Expires time.Time `json:"expires,omitzero"`
}

func (t *token) read() (k kept, err error) {
	data, err := os.ReadFile(t.cfg.File)
	if err != nil {
		return k, fmt.Errorf("token.file: %w", err)
	}
	if json.Unmarshal(data, &k) != nil || k.Refresh == "" {
		return k, fmt.Errorf(`token.file: %s must hold {"refresh_token": "…"}`, t.cfg.File)
	}
	return k, nil
}

// access is a token that holds; stale is one that was refused, "" for none.
func (t *token) access(ctx context.Context, stale string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k, err := t.read()
	if err != nil {
		return "", repair(err)
	}
	if k.Access != "" && k.Access != stale && time.Until(k.Expires) > renewBefore {
		return k.Access, nil
	}
	if k, err = t.renew(ctx, k.Refresh); err != nil {
		return "", err
	}
	if err := t.write(k); err != nil {
		return "", repair(fmt.Errorf("token.file: the new token cannot be kept: %w", err))
	}
	return k.Access, nil
}

func (t *token) renew(ctx context.Context, refresh string) (k kept, err error) {
	form := url.Values{"refresh_token": {refresh}, "app_id": {t.cfg.AppID}, "grant_type": {"refresh_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.cfg.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return k, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("secret_key", t.secret)
	res, err := t.client.Do(req)
	if err != nil {
		e := notice.Classify(unanswered(err))
		return k, &notice.Error{Err: fmt.Errorf("renew the access token: %w", e.Err)} // no message was sent
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return k, fmt.Errorf("renew the access token: %w", err)
	}
	if res.StatusCode >= 500 {
		return k, fmt.Errorf("renew the access token: status %d", res.StatusCode)
	}
	k.Access, _ = field(answer, "access_token")
	k.Refresh, _ = field(answer, "refresh_token")
	if k.Access == "" || k.Refresh == "" {
		code, _ := field(answer, "error")
		return k, repair(fmt.Errorf("renew the access token: refused (status %d, error %q)", res.StatusCode, code))
	}
	life := time.Hour
	if text, ok := field(answer, "expires_in"); ok {
		if s, err := strconv.Atoi(text); err == nil {
			life = time.Duration(s) * time.Second
		}
	}
	k.Expires = time.Now().Add(life)
	return k, nil
}

// write puts the file in place of the old one, on the disk.
func (t *token) write(k kept) (err error) {
	data, err := json.Marshal(k)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(t.cfg.File), ".token-*") // for its owner alone
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone after a good end
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), t.cfg.File); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(t.cfg.File))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func repair(err error) error {
	return &notice.Error{
		Class: notice.Configuration, Err: err,
		Hint: `take a new refresh token from the application's page and put {"refresh_token": "…"} into token.file, which the centre must be able to write`,
	}
}
