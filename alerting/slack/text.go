package slack

import (
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackutilsx"

	"thongsuot"
	"thongsuot/alerting/notice"
)

// maxSection is Slack's limit for the text of a section, in characters.
const maxSection = 3000

// content is the message of an incident: blocks, and the summary for where
// blocks are not shown.
func content(m notice.Message) []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(mrkdwn(mark(m)+" "+m.Summary), false),
		slack.MsgOptionBlocks(blocks(m)...),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl(),
		metadata(m),
	}
}

// reply is what calls people: the summary alone, as the message above it says
// the rest.
func reply(m notice.Message) []slack.MsgOption {
	return []slack.MsgOption{
		slack.MsgOptionText(mrkdwn(mark(m)+" "+m.Summary), false),
		slack.MsgOptionDisableLinkUnfurl(),
		metadata(m),
	}
}

// blocks never come near Slack's limit of 50: title, lines, evidence, foot.
func blocks(m notice.Message) []slack.Block {
	out := []slack.Block{section(mark(m) + " *" + m.Title + "*")}
	if len(m.Lines) > 0 {
		out = append(out, section(strings.Join(m.Lines, "\n")))
	}
	if len(m.Evidence) > 0 {
		out = append(out, section(m.Evidence[0]+bullets(m.Evidence[1:])))
	}
	var foot []slack.MixedElement
	if link := hyperlink(m.Link); link != "" {
		foot = append(foot, slack.NewTextBlockObject(slack.MarkdownType, link, false, false))
	}
	if m.Why != "" {
		foot = append(foot, slack.NewTextBlockObject(slack.MarkdownType, mrkdwn(m.Why), false, false))
	}
	if len(foot) > 0 {
		out = append(out, slack.NewContextBlock("", foot...))
	}
	return out
}

// hyperlink is the link as markup. Half of an address leads nowhere, so one
// that is too long is left out.
func hyperlink(l notice.Link) string {
	if l.URL == "" {
		return ""
	}
	// Escaped part by part: the angle brackets and the bar are markup.
	link := "<" + slackutilsx.EscapeMessage(strings.ReplaceAll(l.URL, "|", "%7C")) + "|" + slackutilsx.EscapeMessage(l.Text) + ">"
	if utf8.RuneCountInString(link) > maxSection {
		return ""
	}
	return link
}

func bullets(items []string) string {
	var b strings.Builder
	for _, item := range items {
		b.WriteString("\n• " + item)
	}
	return b.String()
}

func section(text string) slack.Block {
	return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, mrkdwn(text), false, false), nil, nil)
}

// mrkdwn escapes text and cuts it to what a section holds, between characters
// and never inside an escape.
func mrkdwn(text string) string {
	const ellipsis = "…"
	escaped := slackutilsx.EscapeMessage(text)
	if utf8.RuneCountInString(escaped) <= maxSection {
		return escaped
	}
	var b strings.Builder
	room := maxSection - utf8.RuneCountInString(ellipsis)
	for _, r := range text {
		escaped := slackutilsx.EscapeMessage(string(r))
		if room -= utf8.RuneCountInString(escaped); room < 0 {
			break
		}
		b.WriteString(escaped)
	}
	return b.String() + ellipsis
}

// mark shows the state at a glance in a list of channels, where words are cut.
func mark(m notice.Message) string {
	if !m.Open {
		return "🟢"
	}
	switch m.State {
	case thongsuot.StateDown:
		return "🔴"
	case thongsuot.StateDegraded:
		return "🟠"
	case thongsuot.StateAtRisk:
		return "🟡"
	default:
		return "⚪"
	}
}
