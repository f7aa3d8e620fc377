package slacktest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// Who the bot is.
const (
	botUser = "U0BOT0001"
	botID   = "B0BOT0001"
)

// Limits of Slack's messages.
const (
	maxBlocks  = 50
	maxSection = 3000  // characters of the text of a section
	maxText    = 40000 // characters of the text of a message
)

// Message is a message as the server keeps it.
type Message struct {
	Type     string          `json:"type"`
	Subtype  string          `json:"subtype,omitempty"` // "thread_broadcast" for a reply that is also in the channel
	User     string          `json:"user"`
	BotID    string          `json:"bot_id"`
	Text     string          `json:"text"`
	TS       string          `json:"ts"`
	ThreadTS string          `json:"thread_ts,omitempty"` // of the message replied to; its own when it has replies
	Blocks   json.RawMessage `json:"blocks,omitempty"`
	Metadata *Metadata       `json:"metadata,omitempty"`
	Edited   *Edited         `json:"edited,omitempty"`
	Edits    int             `json:"-"`
}

// Metadata is what an app attached to its message for itself.
type Metadata struct {
	EventType    string         `json:"event_type"`
	EventPayload map[string]any `json:"event_payload"`
}

// Edited says who edited a message last, and when.
type Edited struct {
	User string `json:"user"`
	TS   string `json:"ts"`
}

// Reply reports whether the message answers another one in a thread.
func (m Message) Reply() bool { return m.ThreadTS != "" && m.ThreadTS != m.TS }

func (s *Server) post(args url.Values) any {
	c, code := s.channel(args.Get("channel"))
	if code != "" {
		return refusal(code)
	}
	m := Message{Type: "message", User: botUser, BotID: botID}
	if code := m.fill(args); code != "" {
		return refusal(code)
	}
	if m.Text == "" && m.Blocks == nil {
		return refusal("no_text")
	}
	m.TS = s.timestamp()
	// A reply to a message that is gone is posted outside of any thread.
	if parent := c.find(args.Get("thread_ts")); parent != nil {
		parent.ThreadTS = cmp.Or(parent.ThreadTS, parent.TS)
		m.ThreadTS = parent.ThreadTS
		if truth(args.Get("reply_broadcast")) {
			m.Subtype = "thread_broadcast"
		}
	}
	c.messages = append(c.messages, m)
	return map[string]any{"ok": true, "channel": args.Get("channel"), "ts": m.TS, "message": m}
}

func (s *Server) update(args url.Values) any {
	c, code := s.channel(args.Get("channel"))
	if code != "" {
		return refusal(code)
	}
	m := c.find(args.Get("ts"))
	if m == nil {
		return refusal("message_not_found")
	}
	changed := *m
	if args.Has("text") {
		changed.Blocks = nil // a new text without blocks replaces them
	}
	if code := changed.fill(args); code != "" {
		return refusal(code)
	}
	changed.Edited = &Edited{User: botUser, TS: s.timestamp()}
	changed.Edits++
	*m = changed
	return map[string]any{"ok": true, "channel": args.Get("channel"), "ts": m.TS, "text": m.Text, "message": *m}
}

// fill sets the content that args give; what they leave out stays. It returns
// the error code of bad content.
func (m *Message) fill(args url.Values) (code string) {
	if args.Has("text") {
		m.Text = args.Get("text")
	}
	if utf8.RuneCountInString(m.Text) > maxText {
		return "msg_too_long"
	}
	if blocks := args.Get("blocks"); blocks != "" {
		if code := checkBlocks(blocks); code != "" {
			return code
		}
		m.Blocks = json.RawMessage(blocks)
	}
	if metadata := args.Get("metadata"); metadata != "" {
		m.Metadata = new(Metadata)
		if err := json.Unmarshal([]byte(metadata), m.Metadata); err != nil || m.Metadata.EventType == "" {
			return "invalid_metadata_format"
		}
	}
	return ""
}

func checkBlocks(text string) (code string) {
	type object struct {
		Text string `json:"text"`
	}
	var blocks []struct {
		Type     string   `json:"type"`
		Text     *object  `json:"text"`
		Elements []object `json:"elements"`
	}
	if err := json.Unmarshal([]byte(text), &blocks); err != nil {
		return "invalid_blocks_format"
	}
	if len(blocks) > maxBlocks {
		return "invalid_blocks"
	}
	for _, b := range blocks {
		texts := b.Elements
		if b.Text != nil {
			texts = append(texts, *b.Text)
		}
		for _, t := range texts {
			if n := utf8.RuneCountInString(t.Text); n == 0 || n > maxSection {
				return "invalid_blocks"
			}
		}
	}
	return ""
}

// history is the messages of a channel, newest first: those outside threads,
// and the replies that were broadcast.
func (s *Server) history(args url.Values) any {
	c, code := s.channel(args.Get("channel"))
	if code != "" {
		return refusal(code)
	}
	var found []Message
	for _, m := range slices.Backward(c.messages) {
		if !m.Reply() || m.Subtype == "thread_broadcast" {
			found = append(found, m)
		}
	}
	return page(found, args)
}

// replies is a thread: the message that began it, then the replies in order.
func (s *Server) replies(args url.Values) any {
	c, code := s.channel(args.Get("channel"))
	if code != "" {
		return refusal(code)
	}
	parent := c.find(args.Get("ts"))
	if parent == nil {
		return refusal("thread_not_found")
	}
	found := []Message{*parent}
	for _, m := range c.messages {
		if m.Reply() && m.ThreadTS == parent.TS {
			found = append(found, m)
		}
	}
	return page(found, args)
}

// page is one page of the found messages, as limit, cursor, oldest and latest
// ask for it.
func page(found []Message, args url.Values) any {
	inclusive := truth(args.Get("inclusive"))
	oldest, latest := args.Get("oldest"), args.Get("latest")
	found = slices.DeleteFunc(found, func(m Message) bool {
		if oldest != "" && (m.TS < oldest || m.TS == oldest && !inclusive) {
			return true
		}
		return latest != "" && (m.TS > latest || m.TS == latest && !inclusive)
	})
	first, err := strconv.Atoi(cmp.Or(args.Get("cursor"), "0"))
	if err != nil || first < 0 || first > len(found) {
		return refusal("invalid_cursor")
	}
	limit, err := strconv.Atoi(cmp.Or(args.Get("limit"), "100"))
	if err != nil || limit < 1 || limit > 999 {
		return refusal("invalid_limit")
	}
	end := min(first+limit, len(found))
	shown := slices.Clone(found[first:end])
	if !truth(args.Get("include_all_metadata")) {
		for i := range shown {
			shown[i].Metadata = nil
		}
	}
	reply := map[string]any{"ok": true, "messages": shown, "has_more": end < len(found)}
	if end < len(found) {
		reply["response_metadata"] = map[string]any{"next_cursor": strconv.Itoa(end)}
	}
	return reply
}

// channel finds a channel in which the bot may act.
func (s *Server) channel(id string) (*channel, string) {
	c := s.channels[id]
	switch {
	case c == nil:
		return nil, "channel_not_found"
	case !c.member:
		return nil, "not_in_channel"
	default:
		return c, ""
	}
}

func (c *channel) find(ts string) *Message {
	for i := range c.messages {
		if c.messages[i].TS == ts {
			return &c.messages[i]
		}
	}
	return nil
}

// timestamp is the present as seconds.microseconds, unique and rising.
func (s *Server) timestamp() string {
	s.last = max(s.last+1, time.Now().UnixMicro())
	return fmt.Sprintf("%d.%06d", s.last/1e6, s.last%1e6)
}

func truth(arg string) bool { return arg == "true" || arg == "1" }
