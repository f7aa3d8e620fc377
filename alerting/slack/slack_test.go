package slack_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"thongsuot/alerting/slack/slacktest"
)

func TestOneMessagePerIncident(t *testing.T) {
	d := newDesk(t)
	ref := d.send(t, message(1))
	equal(t, "opened", d.shape(), "parent 1")

	worse := message(2)
	worse.Ref, worse.Title = ref, "xã Sơn Điền: nặng hơn"
	if got := d.send(t, worse); got != ref {
		t.Errorf("the edit moved the message from %s to %s", ref, got)
	}
	equal(t, "worse", d.shape(), "parent 2", "reply 2")

	better := message(3)
	better.Ref, better.Rouse = ref, false
	d.send(t, better)
	equal(t, "better", d.shape(), "parent 3", "reply 2")

	closed := message(4)
	closed.Ref, closed.Open, closed.EditOnly = ref, false, true
	d.send(t, closed)
	equal(t, "closed", d.shape(), "parent 4", "reply 2", "reply 4")
	equal(t, "calls", d.calls(), "chat.postMessage", "chat.postMessage", "chat.update", "chat.update",
		"chat.postMessage", "chat.update")
	if got := d.server.Messages(channel)[0]; !strings.HasPrefix(got.Text, "🟢") || got.Edits != 3 {
		t.Errorf("the message is %+v", got)
	}
}

// TestRepeatedAfterAnyCut: the line is cut at each call, before or after Slack
// did it, and the delivery is repeated until it goes through, again once more
// as after a crash. Nothing may be said twice.
func TestRepeatedAfterAnyCut(t *testing.T) {
	for _, cut := range []slacktest.Reply{{Drop: true}, {Status: http.StatusBadGateway}} {
		for _, method := range []string{"chat.postMessage", "chat.update", "conversations.history", "conversations.replies"} {
			for before := range 4 {
				d := newDesk(t)
				d.server.Script(method, append(slices.Repeat([]slacktest.Reply{{}}, before), cut)...)
				name := fmt.Sprintf("%s %d, %+v", method, before, cut)

				first := message(1)
				ref := d.insist(t, first)
				second := message(2)
				second.Ref = ref
				d.insist(t, second)
				lost := message(3) // the ledger lost the reference in a crash, too
				d.insist(t, lost)
				equal(t, name, d.shape(), "parent 3", "reply 2", "reply 3")
			}
		}
	}
}

func TestEditOnly(t *testing.T) {
	d := newDesk(t)
	m := message(2)
	m.EditOnly, m.Open = true, false
	if ref := d.send(t, m); ref != "" {
		t.Errorf("told at %s what was never told", ref)
	}
	m.MayExist = true
	if ref := d.send(t, m); ref != "" {
		t.Errorf("told at %s what was never told", ref)
	}
	equal(t, "channel", d.shape())

	d.send(t, message(1))
	if ref := d.send(t, m); ref == "" {
		t.Error("the all-clear was not told where the opening was")
	}
	equal(t, "channel", d.shape(), "parent 2", "reply 2")
}

func TestFoundAmongManyMessages(t *testing.T) {
	d := newDesk(t)
	ref := d.send(t, message(1))
	for i := range 450 {
		other := message(1)
		other.Incident = fmt.Sprint("other", i)
		d.send(t, other)
	}
	m := message(1)
	m.MayExist = true
	if got := d.send(t, m); got != ref {
		t.Errorf("found %s, want %s", got, ref)
	}
	m.Earliest = time.Now().Add(2 * time.Hour)
	if got := d.send(t, m); got == ref {
		t.Error("looked further back than need be")
	}
}

func TestFoundInALongThread(t *testing.T) {
	d := newDesk(t)
	ref := d.send(t, message(1))
	const last = 250
	for revision := 2; revision <= last; revision++ {
		m := message(revision)
		m.Ref = ref
		d.send(t, m)
	}
	m := message(last)
	m.Ref, m.MayExist = ref, true
	d.send(t, m)
	if got := len(d.server.Messages(channel)); got != last {
		t.Errorf("the channel has %d messages, want %d", got, last)
	}
}

// TestRemovedMessage: somebody deleted the message; the next revision makes a
// new one and calls once.
func TestRemovedMessage(t *testing.T) {
	for _, rouse := range []bool{true, false} {
		d := newDesk(t)
		ref := d.send(t, message(1))
		_, ts, _ := strings.Cut(ref, "/")
		d.server.Delete(channel, ts)
		m := message(2)
		m.Ref, m.Rouse, m.EditOnly = ref, rouse, true
		got := d.send(t, m)
		equal(t, "channel", d.shape(), "parent 2")
		m.MayExist = true
		if again := d.send(t, m); again != got {
			t.Errorf("sent again, the message is %s instead of %s", again, got)
		}
		equal(t, "sent again", d.shape(), "parent 2")
		if blocks := string(d.server.Messages(channel)[0].Blocks); !strings.Contains(blocks, "Căn cứ") {
			t.Errorf("the new message is not a whole one: %s", blocks)
		}
	}
}

// TestMovedChannel: a message is edited where it stands, whatever the
// configuration says now.
func TestMovedChannel(t *testing.T) {
	d := newDesk(t)
	ref := d.send(t, message(1))
	d.server.AddChannel("C0NEW", true)
	moved := open(t, d.server, "C0NEW", token, d.log)
	m := message(2)
	m.Ref = ref
	if _, err := moved.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	equal(t, "old channel", d.shape(), "parent 2", "reply 2")
	if got := d.server.Messages("C0NEW"); len(got) != 0 {
		t.Errorf("new channel: %+v", got)
	}
}

func TestTextIsEscapedAndCut(t *testing.T) {
	d := newDesk(t)
	m := message(1)
	m.Title = "<!channel> A&B"
	m.Lines = []string{strings.Repeat("Đ&", 3000)}
	m.Link.URL = "https://thongsuot.example/?a=1&b=x|y>"
	d.send(t, m)
	got := d.server.Messages(channel)[0]
	for _, want := range []string{
		`&lt;!channel&gt; A&amp;B`,
		`<https://thongsuot.example/?a=1&amp;b=x%7Cy&gt;|Xem chi tiết>`,
	} {
		if !strings.Contains(unquote(got.Blocks), want) {
			t.Errorf("%q is not in %s", want, got.Blocks)
		}
	}
	if !strings.Contains(unquote(got.Blocks), "&amp;Đ…") || !utf8.Valid(got.Blocks) {
		t.Errorf("not cut between characters: %.60s", got.Blocks)
	}
}
