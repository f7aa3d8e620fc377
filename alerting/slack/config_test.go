package slack_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"

	"thongsuot/alerting/slack"
)

func TestValidate(t *testing.T) {
	f := func(c slack.Config, want string) {
		t.Helper()
		err := c.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: got %v, want %q", c, err, want)
		}
	}
	f(slack.Config{Channel: "C0123456789", TokenFile: "t"}, "")
	f(slack.Config{Channel: "C0123456789", TokenFile: "t", APIURL: "https://slack-gov.com/api/"}, "")
	f(slack.Config{Channel: "C0123456789", TokenFile: "t", APIURL: "http://127.0.0.1:8080/api"}, "")
	f(slack.Config{Channel: "C0123456789", TokenFile: "t", APIURL: "http://[::1]:8080/api"}, "")
	f(slack.Config{Channel: "C0123456789", TokenFile: "t", APIURL: "http://localhost:8080/api"}, "")
	f(slack.Config{Channel: "#ops", TokenFile: "t"}, `channel: must be the ID of a channel like C0123456789, not its name (got "#ops")`)
	f(slack.Config{Channel: "C0123456789"}, `token_file: must name`)
	f(slack.Config{Channel: "C0123456789", TokenFile: "t", APIURL: "http://slack.com/api/"}, `api_url: must be https, as it carries the token (got "http://slack.com/api/")`)
	f(slack.Config{Channel: "C0123456789", TokenFile: "t", APIURL: "http://127.0.0.1.example/"}, `api_url: must be https`)
	f(slack.Config{Channel: "C0123456789", TokenFile: "t", APIURL: "ftp://127.0.0.1/"}, `api_url: must be https`)
	f(slack.Config{Channel: "C0123456789", TokenFile: "t", APIURL: "slack.com"}, `api_url: must be a URL`)
}

func TestTokenFile(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		_, err := slack.New(slack.Config{Channel: channel, TokenFile: name}, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "xoxb") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f("/nonexistent/token", "token_file: open /nonexistent/token")
	f(tokenFile(t, " \n"), "is empty")
	f(tokenFile(t, "xoxb-1\nxoxb-2\n"), "holds more than a token")
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
