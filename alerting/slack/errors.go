package slack

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/slack-go/slack"

	"thongsuot/alerting/notice"
)

// Hints for the operator.
const (
	hintToken   = "check the bot's token in token_file: install the app into the workspace and copy its bot token (xoxb-…)"
	hintChannel = "check the channel's ID in channel, and invite the bot there: /invite @bot"
	hintScope   = "give the bot the scopes chat:write and channels:history (groups:history for a private channel), then install the app again"
)

// configuration is the errors that last until the operator repairs something.
var configuration = map[string]string{
	"not_authed":                          hintToken,
	"invalid_auth":                        hintToken,
	"account_inactive":                    hintToken,
	"token_revoked":                       hintToken,
	"token_expired":                       hintToken,
	"not_allowed_token_type":              hintToken,
	"org_login_required":                  hintToken,
	"team_access_not_granted":             hintToken,
	"access_denied":                       hintToken,
	"no_permission":                       hintScope,
	"missing_scope":                       hintScope,
	"channel_not_found":                   hintChannel,
	"not_in_channel":                      hintChannel,
	"is_archived":                         hintChannel,
	"restricted_action":                   hintChannel,
	"restricted_action_read_only_channel": hintChannel,
	"ekm_access_denied":                   hintChannel,
}

// permanent is the errors for which the same message will always be refused.
var permanent = map[string]bool{
	"msg_too_long":            true,
	"msg_blocks_too_long":     true,
	"no_text":                 true,
	"invalid_blocks":          true,
	"invalid_blocks_format":   true,
	"invalid_metadata_format": true,
	"invalid_metadata_schema": true,
	"metadata_too_large":      true,
	"invalid_arguments":       true,
	"invalid_form_data":       true,
	"messages_tab_disabled":   true,
}

// classify is err as the dispatcher wants it, without the token. An error that
// Slack may invent tomorrow is temporary: the dispatcher gives up in the end.
func (n *Notifier) classify(err error) *notice.Error {
	out := &notice.Error{Class: notice.Temporary}
	if limited, ok := errors.AsType[*slack.RateLimitedError](err); ok {
		out.RetryAfter = limited.RetryAfter
	}
	if refused, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		out.Hint = configuration[refused.Err]
		switch {
		case out.Hint != "":
			out.Class = notice.Configuration
		case permanent[refused.Err]:
			out.Class = notice.Permanent
		}
		if len(refused.ResponseMetadata.Messages) > 0 {
			err = fmt.Errorf("%w: %s", err, strings.Join(refused.ResponseMetadata.Messages, "; "))
		}
	}
	if status, ok := errors.AsType[slack.StatusCodeError](err); ok {
		out.Class, out.Hint = ofStatus(status.Code)
	}
	out.Err = errors.New("slack: " + strings.ReplaceAll(err.Error(), n.token, "[token]"))
	return out
}

// ofStatus is the class of an answer that is not Slack's usual 200.
func ofStatus(code int) (notice.Class, string) {
	switch {
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return notice.Temporary, ""
	default:
		return notice.Configuration, "check api_url: this does not answer like Slack's web API"
	}
}
