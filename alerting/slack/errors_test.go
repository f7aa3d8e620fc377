package slack_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"thongsuot/alerting/notice"
	"thongsuot/alerting/slack"
	"thongsuot/alerting/slack/slacktest"
)

func TestClasses(t *testing.T) {
	f := func(reply slacktest.Reply, want notice.Class, retryAfter time.Duration, hint string) {
		t.Helper()
		d := newDesk(t)
		d.server.Script("chat.postMessage", reply)
		_, err := d.Send(t.Context(), message(1))
		e, ok := errors.AsType[*notice.Error](err)
		if !ok {
			t.Fatalf("%+v: error is %v", reply, err)
		}
		if e.Class != want || e.RetryAfter != retryAfter || !strings.Contains(e.Hint, hint) || (hint == "") != (e.Hint == "") {
			t.Errorf("%+v: got class %d, retry after %v, hint %q", reply, e.Class, e.RetryAfter, e.Hint)
		}
	}
	f(slacktest.Reply{Status: 429, RetryAfter: 30 * time.Second}, notice.Temporary, 30*time.Second, "")
	f(slacktest.Reply{Status: 429}, notice.Temporary, 0, "")
	f(slacktest.Reply{Status: 500}, notice.Temporary, 0, "")
	f(slacktest.Reply{Status: 503}, notice.Temporary, 0, "")
	f(slacktest.Reply{Status: 404}, notice.Configuration, 0, "api_url")
	f(slacktest.Reply{Status: 302}, notice.Configuration, 0, "api_url")
	f(slacktest.Reply{Drop: true}, notice.Temporary, 0, "")
	f(slacktest.Reply{Code: "ratelimited"}, notice.Temporary, 0, "")
	f(slacktest.Reply{Code: "internal_error"}, notice.Temporary, 0, "")
	f(slacktest.Reply{Code: "invented_tomorrow"}, notice.Temporary, 0, "")
	f(slacktest.Reply{Code: "channel_not_found"}, notice.Configuration, 0, "/invite")
	f(slacktest.Reply{Code: "not_in_channel"}, notice.Configuration, 0, "/invite")
	f(slacktest.Reply{Code: "is_archived"}, notice.Configuration, 0, "/invite")
	f(slacktest.Reply{Code: "invalid_auth"}, notice.Configuration, 0, "token_file")
	f(slacktest.Reply{Code: "token_revoked"}, notice.Configuration, 0, "token_file")
	f(slacktest.Reply{Code: "missing_scope"}, notice.Configuration, 0, "chat:write")
	f(slacktest.Reply{Code: "msg_too_long"}, notice.Permanent, 0, "")
	f(slacktest.Reply{Code: "invalid_blocks"}, notice.Permanent, 0, "")
}

// TestWrongSetUp: the same classes from the server's own rules.
func TestWrongSetUp(t *testing.T) {
	f := func(channel, token, want string) {
		t.Helper()
		server := slacktest.New(t, "xoxb-right", "C0RIGHT")
		server.AddChannel("C0OTHER", false)
		_, err := open(t, server, channel, token, new(bytes.Buffer)).Send(t.Context(), message(1))
		if e := notice.Classify(err); e.Class != notice.Configuration || e.Err.Error() != "slack: "+want || e.Hint == "" {
			t.Errorf("got %+v, want %q", e, want)
		}
	}
	f("C0RIGHT", "xoxb-wrong", "invalid_auth")
	f("C0NONE", "xoxb-right", "channel_not_found")
	f("C0OTHER", "xoxb-right", "not_in_channel")
}

func TestTokenIsNeverShown(t *testing.T) {
	d := newDesk(t)
	d.server.Script("chat.postMessage", slacktest.Reply{Code: "refused_" + token})
	_, err := d.Send(t.Context(), message(1))
	if err == nil || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "[token]") {
		t.Errorf("error is %v", err)
	}
	d.server.Close()
	_, err = d.Send(t.Context(), message(1))
	if err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("error is %v", err)
	}
}

// TestRedirectIsNotFollowed: the token would go along.
func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere := slacktest.New(t, token, channel)
	redirect := http.Server{Handler: http.RedirectHandler(elsewhere.URL()+"chat.postMessage", http.StatusTemporaryRedirect)}
	listener := listen(t)
	go redirect.Serve(listener)
	t.Cleanup(func() { redirect.Close() })
	n, err := slack.New(slack.Config{Channel: channel, TokenFile: tokenFile(t, token), APIURL: "http://" + listener.Addr().String()},
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Send(t.Context(), message(1)); notice.Classify(err).Class != notice.Configuration {
		t.Errorf("error is %v", err)
	}
	if got := elsewhere.Calls(); len(got) != 0 {
		t.Errorf("the token went to %+v", got)
	}
}

// TestBlindBotStillTells: without the scope to look, twice is better than not.
func TestBlindBotStillTells(t *testing.T) {
	d := newDesk(t)
	d.server.Script("conversations.history", slacktest.Reply{Code: "missing_scope"})
	m := message(1)
	m.MayExist = true
	d.send(t, m)
	equal(t, "channel", d.shape(), "parent 1")
	if !strings.Contains(d.log.String(), "channels:history") {
		t.Errorf("no hint in the log: %s", d.log)
	}
}
