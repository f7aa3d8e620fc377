package slack_test

import (
	"strings"
	"testing"

	"thongsuot/alerting/notice"
)

// FuzzText: whatever stands in a name or an error, Slack takes the message.
func FuzzText(f *testing.F) {
	f.Add("xã Sơn Điền")
	f.Add("<!channel> & <@U1> *_~`|>")
	f.Add(strings.Repeat("&", 1000))
	f.Add(strings.Repeat("ệ", 4000))
	f.Add("\xff\x00\n")
	f.Fuzz(func(t *testing.T, text string) {
		d := newDesk(t)
		m := message(1)
		m.Title, m.Summary, m.Why, m.Lines, m.Evidence = text, text, text, []string{text, "a"}, []string{"Căn cứ:", text}
		m.Link = notice.Link{URL: "https://thongsuot.example/" + text, Text: "Xem"}
		d.send(t, m)
		for _, markup := range []string{"<!", "<@", "<#"} {
			if got := d.server.Messages(channel)[0]; strings.Contains(unquote(got.Blocks)+got.Text, markup) {
				t.Errorf("%q passes as markup: %s", markup, got.Blocks)
			}
		}
	})
}
