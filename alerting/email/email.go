// Package email tells people about incidents by e-mail: one thread for each
// incident, held together by References, each message in plain text and HTML.
//
// A message cannot be edited nor looked for, so one is sent only where people
// must be called or were told another cause. A message has the same Message-ID
// at each try, by which the readers' programs know a repetition.
package email

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"thongsuot/alerting/notice"
)

const (
	// timeout ends one call of the server.
	timeout = 15 * time.Second
	// together is how many connections are open at a time: servers refuse a
	// client with more than a few.
	together = 4
)

// Notifier sends through one server. It is safe for concurrent use.
type Notifier struct {
	cfg    Config
	client *mail.Client
	slots  chan struct{}
}

// New reads the password and the certificates; nothing is sent yet. The
// configuration must be valid.
func New(cfg Config) (*Notifier, error) {
	password, err := cfg.password()
	if err != nil {
		return nil, err
	}
	tlsConfig, err := cfg.tls()
	if err != nil {
		return nil, err
	}
	options := []mail.Option{mail.WithPort(cfg.port()), mail.WithTimeout(timeout), mail.WithTLSConfig(tlsConfig), mail.WithoutNoop(), mail.WithoutRset()}
	switch cfg.Security {
	case securityTLS:
		options = append(options, mail.WithSSL()) // by the library's own dialer, or it holds the line to be in clear
	case securityNone:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS), mail.WithDialContextFunc(dial))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory), mail.WithDialContextFunc(dial))
	}
	if cfg.Username != "" {
		auth := mail.SMTPAuthAutoDiscover
		if cfg.Security == securityNone {
			auth = mail.SMTPAuthPlainNoEnc // to this machine only
		}
		options = append(options, mail.WithSMTPAuth(auth), mail.WithUsername(cfg.Username), mail.WithPassword(password))
	}
	client, err := mail.NewClient(cfg.Host, options...)
	if err != nil {
		return nil, err
	}
	return &Notifier{cfg: cfg, client: client, slots: make(chan struct{}, together)}, nil
}

// Name is the name of the channel in the ledger and in metrics.
func (n *Notifier) Name() string { return "email" }

// Send sends a revision and returns the Message-ID of the first message of the
// incident's thread, or "" where nothing is to be said. Errors are of type
// *notice.Error.
func (n *Notifier) Send(ctx context.Context, m notice.Message) (ref string, err error) {
	if !m.Wanted() {
		return "", nil
	}
	msg, id, err := n.compose(m)
	if err != nil {
		return "", &notice.Error{Class: notice.Permanent, Err: n.masked(err, m)}
	}
	select {
	case n.slots <- struct{}{}:
		defer func() { <-n.slots }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if err := n.transmit(ctx, msg); err != nil {
		return "", n.classify(err, m)
	}
	if m.Ref != "" {
		return m.Ref, nil
	}
	return id, nil
}

// held is the key of a context's connection.
type held struct{}

// dial keeps the connection where transmit can end it: the library leaves open
// what fails on the way to a session.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, network, address)
	if keep, ok := ctx.Value(held{}).(*net.Conn); ok && err == nil {
		*keep = conn
	}
	return conn, err
}

func (n *Notifier) transmit(ctx context.Context, msg *mail.Msg) error {
	var conn net.Conn
	ctx = context.WithValue(ctx, held{}, &conn)
	defer func() {
		if conn != nil {
			_ = conn.Close() // closed already after a good end
		}
	}()
	client, err := n.client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	err = n.client.SendWithSMTPClient(client, msg)
	_ = n.client.CloseWithSMTPClient(client) // the server has taken the message, or has not
	if msg.IsDelivered() {
		return nil
	}
	return err
}

func (n *Notifier) compose(m notice.Message) (msg *mail.Msg, id string, err error) {
	msg = mail.NewMsg()
	to := n.cfg.To
	if m.To != "" {
		to = []string{m.To}
	}
	if err := msg.From(n.cfg.From); err != nil {
		return nil, "", fmt.Errorf("from: %w", err)
	}
	if err := msg.To(to...); err != nil {
		return nil, "", fmt.Errorf("to: %w", err)
	}
	id = n.id(m)
	msg.SetMessageIDWithValue(id)
	if m.Ref != "" {
		msg.SetGenHeader(mail.HeaderInReplyTo, "<"+m.Ref+">")
		msg.SetGenHeader(mail.HeaderReferences, "<"+m.Ref+">")
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no absence notes
	msg.SetDate()
	msg.Subject(m.Title)
	html, err := page(m)
	if err != nil {
		return nil, "", err
	}
	msg.SetBodyString(mail.TypeTextPlain, plain(m))
	msg.AddAlternativeString(mail.TypeTextHTML, html)
	return msg, id, nil
}

// id names a message: the same at each try, and another for each reader.
func (n *Notifier) id(m notice.Message) string {
	_, domain, _ := strings.Cut(strings.TrimRight(n.cfg.From, "> "), "@")
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s\x00%q", m.Incident, m.Revision, m.To, n.cfg.To))
	return hex.EncodeToString(sum[:12]) + "@" + domain
}

// classify says what to do about a failure. Its text holds no address.
func (n *Notifier) classify(err error, m notice.Message) error {
	e := &notice.Error{Err: n.masked(err, m)}
	if sent, ok := errors.AsType[*mail.SendError](err); ok {
		e.Err = n.masked(fmt.Errorf("%s (code %d %s)", sent.Reason, sent.ErrorCode(), sent.EnhancedStatusCode()), m)
		// Between the last byte and the answer nobody knows.
		e.Uncertain = sent.Reason == mail.ErrSMTPDataClose && sent.ErrorCode() == 0
		if sent.ErrorCode() >= 500 {
			e.Class = notice.Permanent
		}
	}
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		switch reply.Code {
		case 530, 534, 535, 538:
			e.Class, e.Hint = notice.Configuration, "check username and password_file of the mail server"
		}
	}
	unknown, bad, name := x509.UnknownAuthorityError{}, x509.CertificateInvalidError{}, x509.HostnameError{}
	if errors.As(err, &unknown) || errors.As(err, &bad) || errors.As(err, &name) {
		e.Class, e.Hint = notice.Configuration, "check host and ca_file: the server's certificate does not fit"
	}
	return e
}

// masked is an error without the addresses of its readers.
func (n *Notifier) masked(err error, m notice.Message) error {
	text := err.Error()
	for _, to := range append([]string{m.To}, n.cfg.To...) {
		if to != "" {
			text = strings.ReplaceAll(text, to, notice.Mask(to))
		}
	}
	return errors.New(text)
}
