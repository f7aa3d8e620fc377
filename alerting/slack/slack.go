// Package slack tells a Slack channel about incidents: one message per
// incident, edited as the incident evolves, and a reply in its thread, shown
// in the channel too, where people must be called.
//
// Telling the same revision again changes nothing, so a delivery may be
// repeated after a crash at any point. Every message carries metadata: the
// incident, and the revision up to which all was said. The reply goes out
// before the edit, so that an edited message means that its reply is there
// too; what may have arrived is looked for by its metadata before anything is
// posted.
package slack

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"thongsuot/alerting/notice"
)

// callTimeout ends one call of the API: Slack answers within a second, and a
// line that takes longer is better tried again.
const callTimeout = 10 * time.Second

// Notifier writes into one channel. It is safe for concurrent use, but one
// incident must be told by one caller at a time.
type Notifier struct {
	channel string
	token   string // for redaction only
	client  *slack.Client
	log     *slog.Logger
}

// New reads the token and prepares the client; nothing is sent yet. The
// configuration must be valid.
func New(cfg Config, log *slog.Logger) (*Notifier, error) {
	token, err := readToken(cfg.TokenFile)
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Timeout: callTimeout,
		// The token travels in the body, which a redirect would take elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Notifier{
		channel: cfg.Channel,
		token:   token,
		client:  slack.New(token, slack.OptionAPIURL(cfg.apiURL()), slack.OptionHTTPClient(client)),
		log:     log,
	}, nil
}

// Name is the name of the channel in the ledger and in metrics.
func (n *Notifier) Name() string { return "slack" }

// Send tells a revision and returns what names the message: "channel/ts", or
// "" where m.EditOnly and the incident was not told. Errors are of type
// *notice.Error.
func (n *Notifier) Send(ctx context.Context, m notice.Message) (ref string, err error) {
	at, err := n.send(ctx, m)
	if err != nil {
		return "", n.classify(err)
	}
	return at.String(), nil
}

func (n *Notifier) send(ctx context.Context, m notice.Message) (place, error) {
	parent, ok := parsePlace(m.Ref)
	if !ok {
		return n.first(ctx, m)
	}
	at, err := n.further(ctx, m, parent)
	if !gone(err) {
		return at, err
	}
	// Somebody removed the message. Its receivers were told, so they are told
	// on, in a new one.
	m.EditOnly = false
	return n.first(ctx, m)
}

// first tells a revision where no message is known.
func (n *Notifier) first(ctx context.Context, m notice.Message) (place, error) {
	if m.MayExist {
		parent, told, err := n.find(ctx, m)
		switch {
		case err != nil:
			return place{}, err
		case parent != place{} && told >= m.Revision:
			return parent, nil
		case parent != place{}:
			return n.further(ctx, m, parent)
		}
	}
	if m.EditOnly {
		return place{}, nil
	}
	channel, ts, err := n.client.PostMessageContext(ctx, n.channel, content(m)...)
	return place{channel, ts}, err
}

// further tells a revision where the incident has its message at parent.
func (n *Notifier) further(ctx context.Context, m notice.Message, parent place) (place, error) {
	if m.Rouse {
		var err error
		if parent, err = n.call(ctx, m, parent); err != nil {
			return place{}, err
		}
	}
	_, _, _, err := n.client.UpdateMessageContext(ctx, parent.channel, parent.ts, content(m)...)
	return parent, err
}

// call makes people look: a reply in the thread of parent that the channel
// sees too. It returns where the message of the incident is: Slack posts a
// reply to a message that was removed outside of any thread, and that reply
// then becomes the message.
func (n *Notifier) call(ctx context.Context, m notice.Message, parent place) (place, error) {
	if m.MayExist {
		found, err := n.replied(ctx, m, parent)
		if found || err != nil {
			return parent, err
		}
	}
	options := append(reply(m), slack.MsgOptionTS(parent.ts), slack.MsgOptionBroadcast())
	channel, ts, posted, err := n.client.PostMessageWithResponseContext(ctx, parent.channel, options...)
	if err != nil {
		return place{}, err
	}
	if posted.ThreadTimestamp == "" {
		return place{channel, ts}, nil
	}
	return parent, nil
}

// gone reports whether the message to edit is no longer there or no longer
// ours to edit.
func gone(err error) bool {
	if e, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		switch e.Err {
		case "message_not_found", "thread_not_found", "cant_update_message", "edit_window_closed":
			return true
		}
	}
	return false
}

// place is where a message is. A message stays in the channel in which it was
// posted when the configuration names another one.
type place struct{ channel, ts string }

func (p place) String() string {
	if p == (place{}) {
		return ""
	}
	return p.channel + "/" + p.ts
}

func parsePlace(ref string) (place, bool) {
	channel, ts, ok := strings.Cut(ref, "/")
	return place{channel, ts}, ok
}

// eventType marks our messages.
const eventType = "thongsuot_incident"

// metadata is what a message carries for find and replied.
func metadata(m notice.Message) slack.MsgOption {
	return slack.MsgOptionMetadata(slack.SlackMetadata{
		EventType: eventType,
		EventPayload: map[string]any{
			"incident": m.Incident,
			"revision": strconv.Itoa(m.Revision),
		},
	})
}

// revision is up to where a message tells of the incident; ok is false for any
// other message.
func revision(msg slack.Message, incident string) (revision int, ok bool) {
	data := msg.Metadata
	if data.EventType != eventType || data.EventPayload["incident"] != incident {
		return 0, false
	}
	text, _ := data.EventPayload["revision"].(string)
	revision, err := strconv.Atoi(text)
	return revision, err == nil
}
