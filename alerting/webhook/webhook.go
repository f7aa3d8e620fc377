// Package webhook tells people about incidents through a program that takes
// messages by HTTP: gateways for SMS, Zalo ZNS, a modem on this machine.
//
// A message cannot be edited nor looked for, so one is sent only where people
// must be called or were told another cause. Each has a key that is the same at
// each try (the header Idempotency-Key, and the gateway's own field where it
// has one), by which a gateway knows a repetition.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"thongsuot/alerting/notice"
)

const (
	timeout   = 15 * time.Second
	maxAnswer = 64 << 10
	maxShown  = 200 // of what the gateway says, in errors
)

// Notifier sends through one gateway. It is safe for concurrent use.
type Notifier struct {
	cfg    Config
	words  *words
	secret map[string]string
	token  *token // nil for none
	client *http.Client
}

// New reads the secrets and tries the templates; nothing is sent yet. The
// configuration must be valid.
func New(cfg Config, log *slog.Logger) (*Notifier, error) {
	cfg = cfg.withPreset()
	n := &Notifier{cfg: cfg, client: &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // secrets stay with the gateway
	}}
	var err error
	if n.secret, err = cfg.secrets(); err != nil {
		return nil, err
	}
	if n.words, err = cfg.compile(log); err != nil {
		return nil, err
	}
	if cfg.Token.File != "" {
		n.token = &token{cfg: cfg.Token, secret: n.secret["secret_key"], client: n.client}
		if _, err := n.token.read(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// Name is the name of the channel in the ledger and in metrics.
func (n *Notifier) Name() string { return n.cfg.Name }

// Send sends a revision and returns the key of the message, or "" where nothing
// is to be said. Errors are of type *notice.Error.
func (n *Notifier) Send(ctx context.Context, m notice.Message) (ref string, err error) {
	if !m.Wanted() {
		return "", nil
	}
	d := n.cfg.data(m)
	d.Secret = n.secret
	n.cfg.wording(n.words, &d)
	for renewed := false; ; renewed = true {
		if n.token != nil {
			if d.Token, err = n.token.access(ctx, d.Token); err != nil {
				return "", n.failure(err, d)
			}
		}
		code, err := n.post(ctx, d)
		if n.token != nil && !renewed && slices.Contains(n.cfg.Token.Expired, code) {
			continue
		}
		if err != nil {
			return "", n.failure(err, d)
		}
		return d.Key, nil
	}
}

// post sends one request; code is what the answer says in success.field.
func (n *Notifier) post(ctx context.Context, d Data) (code string, err error) {
	body, header, err := n.words.request(d)
	if err != nil {
		return "", &notice.Error{Class: notice.Permanent, Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.cfg.URL, strings.NewReader(body))
	if err != nil {
		return "", &notice.Error{Class: notice.Permanent, Err: err}
	}
	req.Header = header
	res, err := n.client.Do(req)
	if err != nil {
		return "", unanswered(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return "", &notice.Error{Uncertain: true, Err: fmt.Errorf("read the answer: %w", err)}
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return "", refused(res, answer)
	}
	return n.judge(answer, d)
}

// unanswered is a request that got no answer: whether it arrived nobody knows,
// unless there was no connection.
func unanswered(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err // without the address, which may hold a secret
	}
	op, ok := errors.AsType[*net.OpError](err)
	return &notice.Error{Uncertain: !ok || op.Op != "dial", Err: err}
}

// refused is an answer of another status than 2xx.
func refused(res *http.Response, answer []byte) error {
	e := &notice.Error{Err: fmt.Errorf("status %d: %s", res.StatusCode, shown(answer))}
	switch {
	case res.StatusCode == http.StatusTooManyRequests:
		if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
			e.RetryAfter = min(time.Duration(s)*time.Second, time.Hour)
		}
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden, res.StatusCode == http.StatusNotFound, res.StatusCode < 400:
		e.Class, e.Hint = notice.Configuration, "check url and secrets of the gateway"
	case res.StatusCode >= 500:
		e.Uncertain = true
	case res.StatusCode != http.StatusRequestTimeout:
		e.Class = notice.Permanent
	}
	return e
}

// judge reads an answer of status 2xx, which may hold an error all the same.
func (n *Notifier) judge(answer []byte, d Data) (code string, err error) {
	if n.cfg.Success.Field == "" {
		return "", nil
	}
	code, ok := field(answer, n.cfg.Success.Field)
	switch {
	case ok && slices.Contains(n.cfg.Success.Values, code), ok && d.MayExist && slices.Contains(n.cfg.Repeated, code):
		return code, nil
	case !ok: // taken or not: it does not say
		return "", &notice.Error{Uncertain: true, Err: fmt.Errorf("the answer has no field %s: %s", n.cfg.Success.Field, shown(answer))}
	}
	e := &notice.Error{Err: fmt.Errorf("%s is %s: %s", n.cfg.Success.Field, code, shown(answer))}
	switch {
	case slices.Contains(n.cfg.Permanent, code):
		e.Class = notice.Permanent
	case slices.Contains(n.cfg.Repair, code):
		e.Class, e.Hint = notice.Configuration, "see what the gateway says of this code: credit, sender, template or key"
	}
	return code, e
}

// field is the value at a path of a JSON answer, as text.
func field(answer []byte, path string) (string, bool) {
	var v any
	dec := json.NewDecoder(strings.NewReader(string(answer)))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return "", false
	}
	for _, key := range strings.Split(path, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return "", false
		}
		if v, ok = object[key]; !ok {
			return "", false
		}
	}
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	default:
		return "", false
	}
}

func shown(answer []byte) string {
	text := strings.Join(strings.Fields(string(answer)), " ")
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return text
}

// failure is an error without secrets and without the number of the receiver.
func (n *Notifier) failure(err error, d Data) error {
	e := *notice.Classify(err)
	text := e.Err.Error()
	hidden := []string{d.Token}
	for _, s := range n.secret {
		hidden = append(hidden, s)
	}
	for _, s := range hidden {
		if s != "" {
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	for _, number := range []string{d.To, d.International, d.Number} {
		if number != "" {
			text = strings.ReplaceAll(text, number, notice.Mask(number))
		}
	}
	e.Err = errors.New(text)
	return &e
}
