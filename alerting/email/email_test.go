package email_test

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"thongsuot"
	"thongsuot/alerting/email"
	"thongsuot/alerting/notice"
)

const (
	user     = "giam-sat"
	password = "mật khẩu 1"
	reader   = "vanphong@sondien.example"
)

// server is a mail server on a socket, with STARTTLS and AUTH PLAIN.
type server struct {
	port int
	ca   string // file

	mu    sync.Mutex
	got   []letter
	rcpt  error // answer to RCPT TO
	data  error // answer after DATA
	auths int
}

type letter struct {
	from string
	to   []string
	*mail.Message
	text, html string
}

func newServer(t *testing.T, implicit bool) *server {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	s := &server{ca: filepath.Join(t.TempDir(), "ca.pem")}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	if err := os.WriteFile(s.ca, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: c}, nil }))
	srv.Domain = "localhost"
	srv.TLSConfig = &tls.Config{Certificates: web.TLS.Certificates}
	srv.ErrorLog = quiet{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = ln.Addr().(*net.TCPAddr).Port
	if implicit {
		ln = tls.NewListener(ln, srv.TLSConfig)
	}
	done := make(chan struct{})
	go func() { _ = srv.Serve(ln); close(done) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return s
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

type session struct {
	*server
	conn   *smtp.Conn
	authed bool
	letter letter
}

func (s *session) AuthMechanisms() []string {
	if _, secure := s.conn.TLSConnectionState(); !secure {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, name, pass string) error {
		s.mu.Lock()
		s.auths++
		s.mu.Unlock()
		if name != user || pass != password {
			return smtp.ErrAuthFailed
		}
		s.authed = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.authed {
		return smtp.ErrAuthRequired
	}
	s.letter = letter{from: from}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letter.to = append(s.letter.to, to)
	return s.rcpt
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data != nil {
		if errors.Is(s.data, errHangUp) {
			_ = s.conn.Conn().Close()
		}
		return s.data
	}
	if s.letter.Message, err = mail.ReadMessage(bytes.NewReader(raw)); err != nil {
		return err
	}
	_, params, err := mime.ParseMediaType(s.letter.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	for parts := multipart.NewReader(s.letter.Body, params["boundary"]); ; {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return err
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			s.letter.html = string(body)
		} else {
			s.letter.text = string(body)
		}
	}
	s.got = append(s.got, s.letter)
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

var errHangUp = errors.New("hang up")

func (s *server) letters() []letter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

func (s *server) config(t *testing.T, pass string) email.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(pass+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return email.Config{
		Host: "127.0.0.1", Port: s.port, CAFile: s.ca, Username: user, PasswordFile: file,
		From: "Giám sát <giam-sat@tinh.example>",
	}
}

func notifier(t *testing.T, cfg email.Config) *email.Notifier {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	n, err := email.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func message(revision int, kind thongsuot.ChangeKind) notice.Message {
	return notice.Message{
		To: reader, Incident: "i1", Revision: revision, Kind: kind, Open: kind != thongsuot.ChangeClosed, Rouse: true,
		Title: "Xã Sơn Điền: gián đoạn", Summary: "Kính gửi đồng chí <Chủ tịch> & Văn phòng", Lines: []string{"Nguyên nhân: mất điện"},
		Evidence: []string{"Căn cứ:", "điện lưới không còn"}, Why: "Lý do gửi", Link: notice.Link{URL: "https://x.example/?a=1&b=2", Text: "Xem"},
	}
}

func send(t *testing.T, n *email.Notifier, m notice.Message) string {
	t.Helper()
	ref, err := n.Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// One incident is one thread, each message in text and HTML, over TLS begun
// either way.
func TestThread(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		s := newServer(t, implicit)
		cfg := s.config(t, password)
		if implicit {
			cfg.Security = "tls"
		}
		n := notifier(t, cfg)
		ref := send(t, n, message(1, thongsuot.ChangeOpened))
		end := message(4, thongsuot.ChangeClosed)
		end.Ref, end.EditOnly = ref, true
		if again := send(t, n, end); again != ref {
			t.Errorf("the thread is %q, then %q", ref, again)
		}
		got := s.letters()
		if len(got) != 2 {
			t.Fatalf("%d letters", len(got))
		}
		first, last := got[0], got[1]
		if id := first.Header.Get("Message-Id"); id != "<"+ref+">" || last.Header.Get("References") != id || last.Header.Get("In-Reply-To") != id || last.Header.Get("Message-Id") == id {
			t.Errorf("first %v, last %v", first.Header, last.Header)
		}
		if subject, _ := new(mime.WordDecoder).DecodeHeader(first.Header.Get("Subject")); subject != "Xã Sơn Điền: gián đoạn" {
			t.Errorf("subject %q", subject)
		}
		if first.from != "giam-sat@tinh.example" || len(first.to) != 1 || first.to[0] != reader || first.Header.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("from %s to %v, %v", first.from, first.to, first.Header)
		}
		if !strings.Contains(first.text, "<Chủ tịch> & Văn phòng") || !strings.Contains(first.text, "- điện lưới không còn") {
			t.Errorf("text: %s", first.text)
		}
		if !strings.Contains(first.html, "&lt;Chủ tịch&gt; &amp; Văn phòng") || !strings.Contains(first.html, `href="https://x.example/?a=1&amp;b=2"`) {
			t.Errorf("html: %s", first.html)
		}
	}
}

// What rouses nobody is not sent, nor the end of what was not told; what may
// have arrived is ended.
func TestSaysNoMoreThanNeeded(t *testing.T) {
	s := newServer(t, false)
	n := notifier(t, s.config(t, password))
	quiet := message(2, thongsuot.ChangeMembers)
	quiet.Ref, quiet.Rouse = "first@tinh.example", false
	unknown := message(3, thongsuot.ChangeClosed)
	unknown.EditOnly = true
	for _, m := range []notice.Message{quiet, unknown} {
		if ref := send(t, n, m); ref != "" {
			t.Errorf("%s: sent as %q", m.Kind, ref)
		}
	}
	maybe := unknown
	maybe.Uncertain = true
	corrected := quiet
	corrected.Kind, corrected.Corrects = thongsuot.ChangeRevised, true
	send(t, n, maybe)
	send(t, n, corrected)
	if got := s.letters(); len(got) != 2 {
		t.Errorf("%d letters", len(got))
	}
	// The same message has the same name at each try, another for each reader.
	other := maybe
	other.To = "khac@xa.example"
	send(t, n, maybe)
	send(t, n, other)
	id := func(i int) string { return s.letters()[i].Header.Get("Message-Id") }
	if id(0) != id(2) || id(0) == id(3) {
		t.Errorf("named %s, again %s, for another %s", id(0), id(2), id(3))
	}
}

func TestFailures(t *testing.T) {
	s := newServer(t, false)
	good := s.config(t, password)
	f := func(name string, cfg email.Config, class notice.Class, uncertain, hinted bool) {
		t.Helper()
		_, err := notifier(t, cfg).Send(t.Context(), message(1, thongsuot.ChangeOpened))
		e := notice.Classify(err)
		if err == nil || e.Class != class || e.Uncertain != uncertain || (e.Hint != "") != hinted {
			t.Errorf("%s: %+v", name, e)
			return
		}
		if text := e.Error(); strings.Contains(text, "vanphong") || strings.Contains(text, password) {
			t.Errorf("%s: tells too much: %s", name, text)
		}
	}
	f("wrong password", s.config(t, "khác"), notice.Configuration, false, true)
	strangers := good
	strangers.CAFile = ""
	f("unknown issuer", strangers, notice.Configuration, false, true)
	gone := good
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Port = ln.Addr().(*net.TCPAddr).Port
	ln.Close()
	f("nobody listens", gone, notice.Temporary, false, false)

	answer := func(rcpt, data error) {
		s.mu.Lock()
		s.rcpt, s.data = rcpt, data
		s.mu.Unlock()
	}
	answer(&smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user <" + reader + ">"}, nil)
	f("no such reader", good, notice.Permanent, false, false)
	answer(&smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted, " + reader}, nil)
	f("greylisted", good, notice.Temporary, false, false)
	answer(nil, &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "full"})
	f("full", good, notice.Temporary, false, false)
	answer(nil, errHangUp)
	f("hangs up before it answers", good, notice.Temporary, true, false)
}

// A server without STARTTLS is not told the password.
func TestNeverInClear(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		_, _ = io.WriteString(conn, "220 old\r\n")
		buf := make([]byte, 1024)
		var all strings.Builder
		for {
			n, err := conn.Read(buf)
			if err != nil {
				break
			}
			all.Write(buf[:n])
			_, _ = io.WriteString(conn, "250-old\r\n250 AUTH PLAIN\r\n")
		}
		said <- all.String()
	}()
	s := newServer(t, false)
	cfg := s.config(t, password)
	cfg.Port, _ = strconv.Atoi(strings.TrimPrefix(ln.Addr().String(), "127.0.0.1:"))
	if _, err := notifier(t, cfg).Send(t.Context(), message(1, thongsuot.ChangeOpened)); err == nil {
		t.Error("sent in clear")
	}
	ln.Close()
	if got := <-said; strings.Contains(got, "AUTH") || strings.Contains(got, "MAIL") {
		t.Errorf("said in clear: %q", got)
	}
}

func TestConfig(t *testing.T) {
	f := func(want string, change func(*email.Config)) {
		t.Helper()
		cfg := email.Config{Host: "mail.example", From: "a@b.example"}
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("host", func(c *email.Config) { c.Host = "" })
	f("port", func(c *email.Config) { c.Port = 70000 })
	f("security", func(c *email.Config) { c.Security = "ssl" })
	f("security", func(c *email.Config) { c.Security = "none" })
	f("username, password_file", func(c *email.Config) { c.Username = "a" })
	f("from", func(c *email.Config) { c.From = "giám sát" })
	f("to[0]", func(c *email.Config) { c.To = []string{"b"} })
	for _, cfg := range []email.Config{{CAFile: "none"}, {Username: "a", PasswordFile: "none"}} {
		cfg.Host, cfg.From = "mail.example", "a@b.example"
		if _, err := email.New(cfg); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}
