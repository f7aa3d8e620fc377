package slacktest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"thongsuot/alerting/slack/slacktest"
)

const (
	token   = "xoxb-1"
	channel = "C0123456789"
)

// reply is what the tests look at in an answer.
type reply struct {
	OK       bool   `json:"ok"`
	Error    string `json:"error"`
	TS       string `json:"ts"`
	Messages []slacktest.Message
	HasMore  bool `json:"has_more"`
	Meta     struct {
		Cursor string `json:"next_cursor"`
	} `json:"response_metadata"`
}

// form calls a method with a form that holds the token.
func form(t *testing.T, s *slacktest.Server, method string, args ...string) reply {
	t.Helper()
	values := url.Values{"token": {token}, "channel": {channel}}
	for i := 0; i < len(args); i += 2 {
		values.Set(args[i], args[i+1])
	}
	res, err := http.PostForm(s.URL()+method, values)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, res)
}

// object calls a method with JSON and the token in the header.
func object(t *testing.T, s *slacktest.Server, method, authorization, body string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+method, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Authorization", authorization)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, res)
}

func decode(t *testing.T, res *http.Response) (r reply) {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", res.StatusCode, err)
	}
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return r
}

func TestRefusals(t *testing.T) {
	s := slacktest.New(t, token, channel)
	s.AddChannel("C0OTHER", false)
	f := func(want, method string, args ...string) {
		t.Helper()
		if got := form(t, s, method, args...); got.OK || got.Error != want {
			t.Errorf("%s %q: got %+v, want %s", method, args, got, want)
		}
	}
	long := strings.Repeat("ệ", 3001)
	f("not_authed", "auth.test", "token", "")
	f("invalid_auth", "auth.test", "token", "xoxb-2")
	f("unknown_method", "chat.sing")
	f("channel_not_found", "chat.postMessage", "channel", "C0NONE", "text", "a")
	f("not_in_channel", "chat.postMessage", "channel", "C0OTHER", "text", "a")
	f("no_text", "chat.postMessage")
	f("msg_too_long", "chat.postMessage", "text", strings.Repeat(long, 14))
	f("invalid_blocks_format", "chat.postMessage", "blocks", "{")
	f("invalid_blocks", "chat.postMessage", "blocks", `[{"type":"section","text":{"type":"mrkdwn","text":"`+long+`"}}]`)
	f("invalid_blocks", "chat.postMessage", "blocks", `[{"type":"section","text":{"type":"mrkdwn","text":""}}]`)
	f("invalid_blocks", "chat.postMessage", "blocks", "["+strings.TrimSuffix(strings.Repeat(`{"type":"divider"},`, 51), ",")+"]")
	f("invalid_metadata_format", "chat.postMessage", "text", "a", "metadata", `{}`)
	f("message_not_found", "chat.update", "ts", "1.000001", "text", "a")
	f("thread_not_found", "conversations.replies", "ts", "1.000001")
	f("invalid_cursor", "conversations.history", "cursor", "x")
	f("invalid_limit", "conversations.history", "limit", "1000")
	if got := s.Messages(channel); len(got) != 0 {
		t.Errorf("refused, and yet there is %+v", got)
	}
}

func TestJSON(t *testing.T) {
	s := slacktest.New(t, token, channel)
	body := `{"channel":"` + channel + `","text":"a","metadata":{"event_type":"e","event_payload":{"k":"v"}},"token":"` + token + `"}`
	if got := object(t, s, "chat.postMessage", "", body); got.Error != "not_authed" {
		t.Errorf("a token in JSON counts: %+v", got)
	}
	if got := object(t, s, "chat.postMessage", "Bearer "+token, body); !got.OK || got.TS == "" {
		t.Errorf("got %+v", got)
	}
	if got := s.Messages(channel); len(got) != 1 || got[0].Metadata.EventPayload["k"] != "v" {
		t.Errorf("messages: %+v", got)
	}
	if got := object(t, s, "chat.postMessage", "Bearer "+token, "{"); got.OK {
		t.Errorf("got %+v", got)
	}
}

func TestThreads(t *testing.T) {
	s := slacktest.New(t, token, channel)
	metadata := `{"event_type":"e","event_payload":{}}`
	parent := form(t, s, "chat.postMessage", "text", "parent", "metadata", metadata).TS
	form(t, s, "chat.postMessage", "text", "quiet", "thread_ts", parent)
	form(t, s, "chat.postMessage", "text", "loud", "thread_ts", parent, "reply_broadcast", "true")
	form(t, s, "chat.postMessage", "text", "other")

	f := func(method string, want string, args ...string) {
		t.Helper()
		var got []string
		for _, m := range form(t, s, method, args...).Messages {
			got = append(got, m.Text)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s %q: got %q, want %q", method, args, got, want)
		}
	}
	f("conversations.history", "other loud parent")
	f("conversations.replies", "parent quiet loud", "ts", parent)
	f("conversations.history", "other loud", "oldest", parent)
	f("conversations.history", "other loud parent", "oldest", parent, "inclusive", "1")
	f("conversations.history", "parent", "latest", parent, "inclusive", "1")
	f("conversations.history", "loud", "limit", "1", "cursor", form(t, s, "conversations.history", "limit", "1").Meta.Cursor)

	if m := form(t, s, "conversations.replies", "ts", parent).Messages[0]; m.Metadata != nil {
		t.Error("metadata is shown unasked")
	}
	if m := form(t, s, "conversations.replies", "ts", parent, "include_all_metadata", "1").Messages[0]; m.Metadata == nil {
		t.Error("metadata is not shown")
	}
	s.Delete(channel, parent)
	form(t, s, "chat.postMessage", "text", "late", "thread_ts", parent)
	if got := s.Messages(channel); got[len(got)-1].ThreadTS != "" {
		t.Error("a reply to what is gone has a thread")
	}
}

func TestUpdate(t *testing.T) {
	s := slacktest.New(t, token, channel)
	block := `[{"type":"section","text":{"type":"mrkdwn","text":"b"}}]`
	ts := form(t, s, "chat.postMessage", "text", "a", "blocks", block).TS
	form(t, s, "chat.update", "ts", ts, "blocks", block)
	if m := s.Messages(channel)[0]; m.Text != "a" || m.Blocks == nil || m.Edits != 1 || m.TS != ts {
		t.Errorf("message: %+v", m)
	}
	form(t, s, "chat.update", "ts", ts, "text", "c")
	if m := s.Messages(channel)[0]; m.Text != "c" || m.Blocks != nil || m.Edits != 2 {
		t.Errorf("message: %+v", m)
	}
}

func TestScript(t *testing.T) {
	s := slacktest.New(t, token, channel)
	s.Script("chat.postMessage", slacktest.Reply{Status: 429, RetryAfter: 7 * time.Second}, slacktest.Reply{Drop: true})
	values := url.Values{"token": {token}, "channel": {channel}, "text": {"a"}}
	res, err := http.PostForm(s.URL()+"chat.postMessage", values)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 429 || res.Header.Get("Retry-After") != "7" || len(s.Messages(channel)) != 0 {
		t.Errorf("limited: %d, %v", res.StatusCode, res.Header)
	}
	if res, err := http.PostForm(s.URL()+"chat.postMessage", values); err == nil {
		res.Body.Close()
		t.Error("dropped, and yet answered")
	}
	if len(s.Messages(channel)) != 1 {
		t.Error("dropped before it was done")
	}
	first, second := form(t, s, "chat.postMessage", "text", "b"), form(t, s, "chat.postMessage", "text", "c")
	if first.TS >= second.TS {
		t.Errorf("timestamps %s, %s do not rise", first.TS, second.TS)
	}
	if calls := s.Calls(); len(calls) != 4 || calls[0].Args.Has("token") {
		t.Errorf("calls: %+v", calls)
	}
}
