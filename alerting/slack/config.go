package slack

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/slack-go/slack"
)

// Config is one Slack channel and the bot that writes into it. The bot needs
// the scopes chat:write and channels:history (groups:history for a private
// channel) and must be a member of the channel.
type Config struct {
	Channel   string `yaml:"channel"`    // ID of the channel, as in its link: C0123456789
	TokenFile string `yaml:"token_file"` // file with the bot's token
	APIURL    string `yaml:"api_url"`    // base of the web API; empty is Slack's own
}

// channelID is the form of an ID: a name would be accepted for posting but not
// for editing.
var channelID = regexp.MustCompile(`^[CGD][A-Z0-9]{2,}$`)

// Validate reports the first wrong field with its value.
func (c Config) Validate() error {
	if !channelID.MatchString(c.Channel) {
		return fmt.Errorf("channel: must be the ID of a channel like C0123456789, not its name (got %q)", c.Channel)
	}
	if c.TokenFile == "" {
		return fmt.Errorf("token_file: must name the file with the bot's token (got %q)", c.TokenFile)
	}
	if c.APIURL == "" {
		return nil
	}
	u, err := url.Parse(c.APIURL)
	if err != nil || u.Host == "" {
		return fmt.Errorf("api_url: must be a URL like %s (got %q)", slack.APIURL, c.APIURL)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return fmt.Errorf("api_url: must be https, as it carries the token (got %q)", c.APIURL)
	}
	return nil
}

// apiURL is the base to which the client appends the name of a method.
func (c Config) apiURL() string {
	return strings.TrimSuffix(cmp.Or(c.APIURL, slack.APIURL), "/") + "/"
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// readToken reads the token. Its errors do not hold it.
func readToken(name string) (string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("token_file: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if token == "" {
		return "", fmt.Errorf("token_file: %s is empty", name)
	}
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("token_file: %s holds more than a token", name)
	}
	return token, nil
}
