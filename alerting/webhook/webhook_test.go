package webhook_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"thongsuot"
	"thongsuot/alerting/notice"
	"thongsuot/alerting/webhook"
	"thongsuot/lang"
)

const phone = "+84 263 000 567"

// gateway is a program that takes messages, on a socket.
type gateway struct {
	*httptest.Server
	mu     sync.Mutex
	got    []taken
	answer func(taken) (status int, body string)
}

type taken struct {
	path   string
	header http.Header
	text   string
	body   map[string]any
}

func newGateway(t *testing.T, answer func(taken) (int, string)) *gateway {
	t.Helper()
	g := &gateway{answer: answer}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		call := taken{path: r.URL.Path, header: r.Header, text: string(raw)}
		_ = json.Unmarshal(raw, &call.body) // a renewal of a token is no JSON
		g.mu.Lock()
		g.got = append(g.got, call)
		status, body := g.answer(call)
		g.mu.Unlock()
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "42")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(g.Close)
	return g
}

func always(status int, body string) func(taken) (int, string) {
	return func(taken) (int, string) { return status, body }
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func notifier(t *testing.T, cfg webhook.Config) *webhook.Notifier {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	n, err := webhook.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func message() notice.Message {
	return notice.Message{
		To: phone, Incident: "i1", Revision: 1, Kind: thongsuot.ChangeOpened, State: thongsuot.StateDown, Open: true, Rouse: true,
		Site: "xã Sơn Điền", Title: "Xã Sơn Điền: gián đoạn", Summary: "Kính gửi \"đồng chí\"",
		Short: "xã Sơn Điền: TTPVHCC mất điện từ 14:05 23/11. " + strings.Repeat("Đề nghị liên hệ Điện lực. ", 8),
	}
}

func preview(t *testing.T, cfg webhook.Config, m notice.Message) string {
	t.Helper()
	text, err := cfg.Preview(m)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSMS(t *testing.T) {
	for preset, w := range map[string]struct {
		secrets       []string
		ok, bad       string
		number, text  string // fields of the body
		class         notice.Class
		authorization string
	}{
		"esms":     {[]string{"api_key", "secret_key"}, `{"CodeResult":"100","SMSID":"x"}`, `{"CodeResult":"103","ErrorMessage":"het tien"}`, "0263000567", "Content", notice.Configuration, ""},
		"speedsms": {[]string{"access_token"}, `{"status":"success","code":"00","data":{"tranId":1}}`, `{"status":"error","code":"105","message":"84263000567"}`, "84263000567", "content", notice.Permanent, "Basic YWNjZXNzX3Rva2VuLTEyMzp4"},
	} {
		g := newGateway(t, always(http.StatusOK, w.ok))
		cfg := webhook.Config{Preset: preset, URL: g.URL + "/send", Secrets: map[string]string{}}
		for _, name := range w.secrets {
			cfg.Secrets[name] = file(t, name+"-123\n")
		}
		n := notifier(t, cfg)
		m := message()
		ref, err := n.Send(t.Context(), m)
		if err != nil || ref == "" || n.Name() != "sms" {
			t.Fatalf("%s: %q, %v", preset, ref, err)
		}
		call := g.got[0]
		text, _ := call.body[w.text].(string)
		if lang.SegmentsSMS(text) != 1 || !strings.HasPrefix(text, "xa Son Dien: TTPVHCC mat dien tu 14:05 23/11.") || text != preview(t, cfg, m) {
			t.Errorf("%s: text %q", preset, text)
		}
		if !strings.Contains(call.text, `"`+w.number+`"`) || call.header.Get("Idempotency-Key") != ref || call.header.Get("Authorization") != w.authorization {
			t.Errorf("%s: %s, %v", preset, call.text, call.header)
		}
		// An error comes with status 200 too.
		g.answer = always(http.StatusOK, w.bad)
		_, err = n.Send(t.Context(), m)
		e := notice.Classify(err)
		if err == nil || e.Class != w.class || e.Uncertain || strings.Contains(e.Error(), "263000") {
			t.Errorf("%s: %+v", preset, e)
		}
		if g.got[1].header.Get("Idempotency-Key") != ref {
			t.Errorf("%s: another key at the second try", preset)
		}
	}
}

// A repetition that the gateway knows is as good as taken, but only where we
// have tried before.
func TestRepetition(t *testing.T) {
	g := newGateway(t, always(http.StatusOK, `{"CodeResult":"124"}`))
	n := notifier(t, webhook.Config{Preset: "esms", URL: g.URL, Secrets: map[string]string{"api_key": file(t, "a"), "secret_key": file(t, "b")}})
	m := message()
	if _, err := n.Send(t.Context(), m); err == nil {
		t.Error("taken, though never sent")
	}
	m.MayExist = true
	if ref, err := n.Send(t.Context(), m); err != nil || ref == "" {
		t.Errorf("%q, %v", ref, err)
	}
}

func TestAnswers(t *testing.T) {
	f := func(status int, body string, class notice.Class, uncertain bool, after int) {
		t.Helper()
		g := newGateway(t, always(status, body))
		n := notifier(t, webhook.Config{
			URL: g.URL, Name: "hook", Secrets: map[string]string{"key": file(t, "bí mật")}, Headers: map[string]string{"X-Key": "{{.Secret.key}}"},
			Success: webhook.Rule{Field: "result.ok", Values: []string{"true"}},
		})
		_, err := n.Send(t.Context(), message())
		e := notice.Classify(err)
		if err == nil || e.Class != class || e.Uncertain != uncertain || int(e.RetryAfter.Seconds()) != after {
			t.Errorf("status %d: %+v", status, e)
			return
		}
		if strings.Contains(e.Error(), "bí mật") || strings.Contains(e.Error(), phone) {
			t.Errorf("status %d: tells too much: %s", status, e)
		}
	}
	f(200, `{"result":{"ok":false}} bí mật `+phone, notice.Temporary, false, 0)
	f(200, `<html>`, notice.Temporary, true, 0)
	f(200, `{"result":[]}`, notice.Temporary, true, 0)
	f(302, "", notice.Configuration, false, 0)
	f(400, "bí mật "+phone, notice.Permanent, false, 0)
	f(401, "", notice.Configuration, false, 0)
	f(429, "", notice.Temporary, false, 42)
	f(502, "", notice.Temporary, true, 0)
	f(0, "", notice.Temporary, true, 0) // hung up

	g := newGateway(t, always(200, `{"result":{"ok":true}}`))
	n := notifier(t, webhook.Config{URL: g.URL, Success: webhook.Rule{Field: "result.ok", Values: []string{"true"}}})
	if _, err := n.Send(t.Context(), message()); err != nil {
		t.Error(err)
	}
	if text := g.got[0].body["text"]; text != message().Summary {
		t.Errorf("text %q", text)
	}
	g.Close()
	_, err := n.Send(t.Context(), message())
	if e := notice.Classify(err); err == nil || e.Uncertain {
		t.Errorf("nobody there: %+v", e)
	}
}

// What rouses nobody costs nothing.
func TestSilence(t *testing.T) {
	g := newGateway(t, always(200, ""))
	n := notifier(t, webhook.Config{Preset: "modem", URL: g.URL})
	end := message()
	end.EditOnly = true
	quiet := message()
	quiet.Ref, quiet.Rouse = "key", false
	for _, m := range []notice.Message{end, quiet} {
		if ref, err := n.Send(t.Context(), m); ref != "" || err != nil {
			t.Errorf("%q, %v", ref, err)
		}
	}
	if len(g.got) != 0 {
		t.Errorf("%d calls", len(g.got))
	}
}

// zalo speaks as ZNS does: errors with status 200, access tokens that end, and
// refresh tokens of which each is good once.
type zalo struct {
	refresh, access int
	fail            bool
}

func (z *zalo) answer(call taken) (int, string) {
	if strings.HasPrefix(call.path, "/oauth") {
		if z.fail || !strings.Contains(call.text, fmt.Sprintf("refresh_token=refresh-%d", z.refresh)) || call.header.Get("secret_key") != "app-secret" ||
			!strings.Contains(call.text, "app_id=4711") || !strings.Contains(call.text, "grant_type=refresh_token") {
			return 200, `{"error_name":"Invalid refresh token.","error":-14014}`
		}
		z.refresh++
		z.access++
		return 200, fmt.Sprintf(`{"access_token":"access-%d","refresh_token":"refresh-%d","expires_in":"90000"}`, z.access, z.refresh)
	}
	if call.header.Get("access_token") != fmt.Sprintf("access-%d", z.access) {
		return 200, `{"error":-124,"message":"Access token invalid"}`
	}
	if call.body["phone"] != "84263000567" {
		return 200, `{"error":-108,"message":"Phone number invalid"}`
	}
	return 200, `{"error":0,"message":"Success","data":{"msg_id":"x"}}`
}

func TestZalo(t *testing.T) {
	z := &zalo{refresh: 1}
	g := newGateway(t, z.answer)
	cfg := webhook.Config{
		Preset: "zalo", URL: g.URL + "/message/template", Secrets: map[string]string{"secret_key": file(t, "app-secret")},
		Templates: map[string]string{"opened": "101", "closed": "102", "corrected": "103"},
		Token:     webhook.TokenConfig{URL: g.URL + "/oauth", AppID: "4711", File: file(t, `{"refresh_token":"refresh-1"}`)},
	}
	n := notifier(t, cfg)
	send := func() *notice.Error {
		t.Helper()
		g.got = nil
		if _, err := n.Send(t.Context(), message()); err != nil {
			return notice.Classify(err)
		}
		return nil
	}
	if e := send(); e != nil || len(g.got) != 2 {
		t.Fatalf("%v, %d calls", e, len(g.got))
	}
	data, _ := g.got[1].body["template_data"].(map[string]any)
	if g.got[1].body["template_id"] != "101" || data["noi"] != "xã Sơn Điền" || data["noi_dung"] != message().Short || g.got[1].body["tracking_id"] == "" {
		t.Errorf("%s", g.got[1].text)
	}
	// Kept: a new program goes on with the same access token.
	n = notifier(t, cfg)
	if e := send(); e != nil || len(g.got) != 1 {
		t.Errorf("%v, %d calls", e, len(g.got))
	}
	// Ended early: refused, renewed, sent.
	z.access = 7
	if e := send(); e != nil || len(g.got) != 3 {
		t.Errorf("%v, %d calls", e, len(g.got))
	}
	if info, err := os.Stat(cfg.Token.File); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// Not to be renewed: the operator has to.
	z.access, z.fail = 9, true
	if e := send(); e == nil || e.Class != notice.Configuration || strings.Contains(e.Error(), "refresh-") || strings.Contains(e.Error(), "app-secret") {
		t.Errorf("%v", e)
	}
}

// A text that does not work gives way to the built-in one; a body that does not
// is refused.
func TestTemplates(t *testing.T) {
	g := newGateway(t, always(200, ""))
	f := func(text, want, logged string) {
		t.Helper()
		var log bytes.Buffer
		cfg := webhook.Config{URL: g.URL, Text: text}
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		if _, err := webhook.New(cfg, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Fatal(err)
		}
		if got := preview(t, cfg, message()); got != want || !strings.Contains(log.String(), logged) {
			t.Errorf("%s: %q, log %q", text, got, log.String())
		}
	}
	f("{{.Site}} ({{.Kind}})", "xã Sơn Điền (opened)", "")
	f("{{.Nơi}}", message().Summary, "does not work")
	f("{{.Site", message().Summary, "does not work")
}

func TestConfig(t *testing.T) {
	f := func(want string, change func(*webhook.Config)) {
		t.Helper()
		cfg := webhook.Config{URL: "https://hook.example/"}
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("preset", func(c *webhook.Config) { c.Preset = "viber" })
	f("name", func(c *webhook.Config) { c.Name = "slack" })
	f("url", func(c *webhook.Config) { c.URL = "http://hook.example/" })
	f("url", func(c *webhook.Config) { c.URL = "" })
	f("secrets.api_key", func(c *webhook.Config) { c.Preset = "esms" })
	f("success.values", func(c *webhook.Config) { c.Success.Field = "x" })
	f("templates.opened", func(c *webhook.Config) { c.Preset, c.Secrets = "zalo", map[string]string{"secret_key": "x"} })
	f("token.file", func(c *webhook.Config) { c.Token.File = "x" })
	f("body", func(c *webhook.Config) { c.Body = "{{.Nope}}" })
	f("body", func(c *webhook.Config) { c.Body = `{"text":"{{.Text}}",}` })
	f("headers.X", func(c *webhook.Config) { c.Headers = map[string]string{"X": "{{.Secret.none}}"} })
	for _, cfg := range []webhook.Config{
		{URL: "https://hook.example/", Secrets: map[string]string{"a": "none"}},
		{URL: "https://hook.example/", Token: webhook.TokenConfig{URL: "https://x.example/", AppID: "1", File: "none"}},
	} {
		if _, err := webhook.New(cfg, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%+v is taken", cfg)
		}
	}
}

// FuzzAnswer: whatever a gateway says is judged, and no secret comes out.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{`{"error":0}`, `{"error":"-124"}`, `[]`, `{"error":{}}`, "secret-123", phone} {
		f.Add(seed)
	}
	var answer string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
	f.Cleanup(server.Close)
	name := filepath.Join(f.TempDir(), "secret")
	if err := os.WriteFile(name, []byte("secret-123"), 0o600); err != nil {
		f.Fatal(err)
	}
	n, err := webhook.New(webhook.Config{URL: server.URL, Secrets: map[string]string{"key": name}, Success: webhook.Rule{Field: "error", Values: []string{"0"}}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		answer = text
		if _, err := n.Send(t.Context(), message()); err != nil && (strings.Contains(err.Error(), "secret-123") || strings.Contains(err.Error(), phone)) {
			t.Errorf("tells too much: %v", err)
		}
	})
}
