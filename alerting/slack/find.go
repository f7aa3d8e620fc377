package slack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"thongsuot/alerting/notice"
)

const (
	// clockSlack is how far our clock may be ahead of Slack's, which dates the
	// messages that are looked for.
	clockSlack = time.Hour
	// pageSize is how many messages are asked for at once; Slack recommends no
	// more than 200.
	pageSize = 200
)

// find looks in the channel for the message of the incident, and up to which
// revision it tells. The place is zero when there is none.
func (n *Notifier) find(ctx context.Context, m notice.Message) (parent place, told int, err error) {
	params := &slack.GetConversationHistoryParameters{
		ChannelID:          n.channel,
		Oldest:             fmt.Sprintf("%d.000000", max(0, m.Earliest.Add(-clockSlack).Unix())),
		Limit:              pageSize,
		IncludeAllMetadata: true,
	}
	for {
		page, err := n.client.GetConversationHistoryContext(ctx, params)
		if err != nil {
			return place{}, 0, n.unseen(err, m)
		}
		for _, msg := range page.Messages {
			told, ok := revision(msg, m.Incident)
			if reply := msg.ThreadTimestamp != "" && msg.ThreadTimestamp != msg.Timestamp; ok && !reply {
				return place{n.channel, msg.Timestamp}, told, nil
			}
		}
		params.Cursor = page.ResponseMetaData.NextCursor
		if params.Cursor == "" {
			return place{}, 0, nil
		}
	}
}

// replied looks in the thread of parent for the reply of this revision.
func (n *Notifier) replied(ctx context.Context, m notice.Message, parent place) (bool, error) {
	params := &slack.GetConversationRepliesParameters{
		ChannelID:          parent.channel,
		Timestamp:          parent.ts,
		Limit:              pageSize,
		IncludeAllMetadata: true,
	}
	for {
		messages, _, cursor, err := n.client.GetConversationRepliesContext(ctx, params)
		if err != nil {
			return false, n.unseen(err, m)
		}
		for _, msg := range messages {
			told, ok := revision(msg, m.Incident)
			if ok && msg.Timestamp != parent.ts && told == m.Revision {
				return true, nil
			}
		}
		if params.Cursor = cursor; cursor == "" {
			return false, nil
		}
	}
}

// unseen is what a failed look means for the delivery. A bot that may not read
// the channel goes on as if nothing were there: to be told twice is better
// than not at all.
func (n *Notifier) unseen(err error, m notice.Message) error {
	e, ok := errors.AsType[slack.SlackErrorResponse](err)
	if !ok || e.Err != "missing_scope" {
		return err
	}
	n.log.Warn("cannot look for an earlier message, may tell twice", "incident", m.Incident,
		"hint", "give the bot the scope channels:history, groups:history for a private channel")
	return nil
}
