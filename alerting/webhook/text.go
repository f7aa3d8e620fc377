package webhook

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/template"

	"thongsuot"
	"thongsuot/alerting/notice"
	"thongsuot/lang"
)

// Kinds of message for which Zalo approves a text each.
const (
	kindOpened    = "opened"
	kindClosed    = "closed"
	kindCorrected = "corrected"
)

// Data is what templates are made of.
type Data struct {
	notice.Message
	Text          string // the message as the channel sends it
	Key           string // the same at each try of one message to one receiver, and for no other
	Number        string // digits, as they are dialled in the country: 0263…
	International string // 84263…
	Sender        string
	Accented      bool
	Template      string // identifier of the text that Zalo approved
	Token         string // access token
	Secret        map[string]string
}

// words are the templates of a configuration.
type words struct {
	body, text *template.Template
	headers    map[string]*template.Template
}

// compile reads the templates and tries them on a sample. A text that does not
// work is left out, and log, where there is one, says so.
func (c Config) compile(log *slog.Logger) (*words, error) {
	w := &words{headers: make(map[string]*template.Template, len(c.Headers))}
	sample := c.data(notice.Message{
		To: "0263000567", Incident: "i1", Revision: 1, Kind: thongsuot.ChangeOpened, State: thongsuot.StateDown, Open: true,
		Site: "xã Sơn Điền", Title: "xã Sơn Điền: gián đoạn", Summary: "…", Short: "…", Why: "…", Link: notice.Link{URL: "https://x.example/", Text: "…"},
	})
	sample.Secret = maps.Clone(c.Secrets)
	var err error
	if w.body, err = try("body", c.Body, sample); err != nil {
		return nil, err
	}
	if strings.HasPrefix(c.Headers["Content-Type"], "application/json") {
		if text, _ := render(w.body, sample); !json.Valid([]byte(text)) {
			return nil, fmt.Errorf("body: is no JSON when filled in; use {{json .Text}} where a text goes")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		if w.headers[name], err = try("headers."+name, c.Headers[name], sample); err != nil {
			return nil, err
		}
	}
	if c.Text != "" {
		if w.text, err = try("text", c.Text, sample); err != nil && log != nil {
			log.Warn("text of an alert channel does not work, the built-in one is sent", "channel", c.Name, "error", err)
		}
	}
	return w, nil
}

func try(field, text string, sample Data) (*template.Template, error) {
	t, err := template.New(field).Option("missingkey=error").Funcs(template.FuncMap{
		"json":   quote,
		"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	}).Parse(text)
	if err == nil {
		_, err = render(t, sample)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return t, nil
}

func quote(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}

func render(t *template.Template, d Data) (string, error) {
	var b strings.Builder
	err := t.Execute(&b, d)
	return b.String(), err
}

// data is a message as templates see it.
func (c Config) data(m notice.Message) Data {
	if m.To == "" {
		m.To = c.To
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s\x00%s", m.Incident, m.Revision, c.Name, m.To))
	d := Data{
		Message: m, Key: hex.EncodeToString(sum[:16]), Sender: c.Sender, Accented: c.Accented,
		Number: digits(m.To), International: international(m.To), Template: c.Templates[kindOf(m)],
	}
	d.Text = m.Short
	if c.Preset == "" {
		d.Text = m.Summary
	}
	return d
}

// wording puts the text of a message in place.
func (c Config) wording(w *words, d *Data) {
	if w.text != nil {
		if text, err := render(w.text, *d); err == nil && strings.TrimSpace(text) != "" {
			d.Text = text
		}
	}
	if c.plain() {
		d.Text = lang.CutSMS(lang.FoldSMS(d.Text))
	}
}

// Preview is the text that the channel would send, without sending it.
func (c Config) Preview(m notice.Message) (string, error) {
	c = c.withPreset()
	w, err := c.compile(nil)
	if err != nil {
		return "", err
	}
	d := c.data(m)
	c.wording(w, &d)
	return d.Text, nil
}

func kindOf(m notice.Message) string {
	switch {
	case m.Kind == thongsuot.ChangeRevised:
		return kindCorrected
	case !m.Open:
		return kindClosed
	default:
		return kindOpened
	}
}

// digits is a number as it is dialled in the country.
func digits(number string) string {
	out := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
	if strings.HasPrefix(strings.TrimLeft(number, " ("), "+84") || strings.HasPrefix(out, "84") && len(out) > 10 {
		return "0" + strings.TrimPrefix(out, "84")
	}
	return out
}

func international(number string) string {
	local := digits(number)
	if strings.HasPrefix(local, "0") {
		return "84" + local[1:]
	}
	return local
}

// request fills in the templates.
func (w *words) request(d Data) (body string, header http.Header, err error) {
	if body, err = render(w.body, d); err != nil {
		return "", nil, err
	}
	header = http.Header{"Idempotency-Key": {d.Key}}
	for name, t := range w.headers {
		value, err := render(t, d)
		if err != nil {
			return "", nil, err
		}
		header.Set(name, value)
	}
	return body, header, nil
}
