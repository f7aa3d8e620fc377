package slack_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/alerting/notice"
	"thongsuot/alerting/slack"
	"thongsuot/alerting/slack/slacktest"
)

const (
	token   = "xoxb-1234-very-secret"
	channel = "C0123456789"
)

// desk is a notifier and the Slack it writes to.
type desk struct {
	*slack.Notifier
	server *slacktest.Server
	log    *bytes.Buffer
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	server := slacktest.New(t, token, channel)
	log := new(bytes.Buffer)
	return &desk{Notifier: open(t, server, channel, token, log), server: server, log: log}
}

func open(t *testing.T, server *slacktest.Server, channel, token string, log *bytes.Buffer) *slack.Notifier {
	t.Helper()
	n, err := slack.New(slack.Config{Channel: channel, TokenFile: tokenFile(t, token+"\n"), APIURL: server.URL()},
		slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func tokenFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// send delivers and fails the test on an error.
func (d *desk) send(t *testing.T, m notice.Message) string {
	t.Helper()
	ref, err := d.Send(t.Context(), m)
	if err != nil {
		t.Fatalf("send revision %d: %v", m.Revision, err)
	}
	return ref
}

// calls is the names of the calls since the last time.
func (d *desk) calls() []string {
	var names []string
	for _, c := range d.server.Calls() {
		names = append(names, c.Method)
	}
	return names
}

// shape is what stands in the channel: "parent 2" for a message that tells of
// revision 2, "reply 2" for a reply that the channel sees.
func (d *desk) shape() []string {
	var out []string
	for _, m := range d.server.Messages(channel) {
		kind := "parent"
		if m.Reply() {
			kind = "reply"
			if m.Subtype != "thread_broadcast" {
				kind = "hidden reply"
			}
		}
		out = append(out, fmt.Sprintf("%s %v", kind, m.Metadata.EventPayload["revision"]))
	}
	return out
}

func message(revision int) notice.Message {
	m := notice.Message{
		Incident: "i1", Revision: revision, Kind: thongsuot.ChangeOpened, State: thongsuot.StateDown, Open: true,
		Rouse: true, Earliest: time.Now(),
		Site: "xã Sơn Điền", Title: "xã Sơn Điền: gián đoạn", Summary: "xã Sơn Điền – sự cố mới",
		Lines: []string{"Nguyên nhân: mất điện", "Bắt đầu: 14 giờ 05 phút"}, Evidence: []string{"Căn cứ:", "một", "hai"},
		Why: "Lý do gửi", Link: notice.Link{URL: "https://thongsuot.example/sites/25051", Text: "Xem chi tiết"},
	}
	if revision > 1 {
		m.Kind = thongsuot.ChangeWorse
	}
	return m
}

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// insist sends until it went through twice, as after a crash that came before
// the first success was written down.
func (d *desk) insist(t *testing.T, m notice.Message) (ref string) {
	t.Helper()
	m.MayExist = m.Ref == "" && m.Revision > 1
	for done := 0; done < 2; {
		got, err := d.Send(t.Context(), m)
		m.MayExist = true
		switch {
		case err != nil && notice.Classify(err).Class != notice.Temporary:
			t.Fatalf("a cut line is not a temporary failure: %v", err)
		case err != nil:
			continue // the script has one cut, so this ends
		case ref != "" && got != ref:
			t.Errorf("sent again, the message is %s instead of %s", got, ref)
		}
		ref, done = got, done+1
	}
	return ref
}

// unquote undoes what JSON escapes for the sake of HTML.
func unquote(blocks []byte) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(blocks))
}
