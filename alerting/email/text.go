package email

import (
	"html/template"
	"strings"

	"thongsuot/alerting/notice"
)

// plain is the message as text.
func plain(m notice.Message) string {
	var b strings.Builder
	b.WriteString(m.Summary + "\n")
	if len(m.Lines) > 0 {
		b.WriteString("\n" + strings.Join(m.Lines, "\n") + "\n")
	}
	if len(m.Evidence) > 0 {
		b.WriteString("\n" + m.Evidence[0] + "\n")
		for _, e := range m.Evidence[1:] {
			b.WriteString("- " + e + "\n")
		}
	}
	if m.Link.URL != "" {
		b.WriteString("\n" + m.Link.Text + ": " + m.Link.URL + "\n")
	}
	if m.Why != "" {
		b.WriteString("\n-- \n" + m.Why + "\n")
	}
	return b.String()
}

// page is the message as HTML, without pictures, scripts or styles from
// elsewhere.
func page(m notice.Message) (string, error) {
	t, err := template.New("mail").Parse(layout)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, m); err != nil {
		return "", err
	}
	return b.String(), nil
}

const layout = `<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{{.Title}}</title></head>
<body style="font-family:sans-serif;font-size:16px;line-height:1.5;color:#1a1a1a;max-width:40em">
<p>{{.Summary}}</p>
{{if .Lines}}<p>{{range $n, $line := .Lines}}{{if $n}}<br>{{end}}{{$line}}{{end}}</p>
{{end}}{{if .Evidence}}<p>{{index .Evidence 0}}</p>
<ul>{{range $n, $e := .Evidence}}{{if $n}}<li>{{$e}}</li>{{end}}{{end}}</ul>
{{end}}{{if .Link.URL}}<p><a href="{{.Link.URL}}">{{.Link.Text}}</a></p>
{{end}}{{if .Why}}<p style="color:#666;font-size:13px">{{.Why}}</p>
{{end}}</body></html>
`
