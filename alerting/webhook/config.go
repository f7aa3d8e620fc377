package webhook

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Config is a program that takes messages by HTTP POST: a gateway for SMS,
// Zalo, a modem on this machine, or any other. A preset fills in what its
// gateway wants; what is given here outweighs it.
type Config struct {
	Preset string `yaml:"preset"` // esms, speedsms, zalo, modem; empty: none
	Name   string `yaml:"name"`   // of the channel in the ledger and in metrics. Default sms, zalo, or webhook without preset
	URL    string `yaml:"url"`    // https, or http on this machine
	To     string `yaml:"to"`     // number of the team; of chairs the registry has it

	// Sender is the registered name that readers see in place of a number.
	Sender string `yaml:"sender"`
	// Accented sends SMS with accents, in more and shorter parts. Default false:
	// one part of plain letters.
	Accented bool `yaml:"accented"`
	// Templates are the identifiers of Zalo's approved texts: opened, closed and
	// corrected.
	Templates map[string]string `yaml:"templates"`

	// Text words the message in place of ours: a Go template over the fields of
	// Data. One that does not work is logged, and ours is sent.
	Text string `yaml:"text"`
	// Headers and Body are Go templates over the fields of Data; json quotes.
	Headers map[string]string `yaml:"headers"`
	Body    string            `yaml:"body"`
	// Secrets are files by the name under which templates have their content.
	Secrets map[string]string `yaml:"secrets"`

	// Success is where the answer says that it was taken, beside status 2xx.
	Success Rule `yaml:"success"`
	// Repeated, Permanent and Repair are values of Success.Field: taken before,
	// never to be taken, not before the operator repairs something.
	Repeated  []string `yaml:"repeated"`
	Permanent []string `yaml:"permanent"`
	Repair    []string `yaml:"repair"`

	Token TokenConfig `yaml:"token"`
}

// Rule is a field of a JSON answer, its path with dots, and what it holds when
// all is well. Without a field every answer of status 2xx is well.
type Rule struct {
	Field  string   `yaml:"field"`
	Values []string `yaml:"values"`
}

// TokenConfig is an access token that is renewed by another that changes each
// time (OAuth 2.0 refresh token, as Zalo has it).
type TokenConfig struct {
	URL   string `yaml:"url"`    // where tokens are renewed
	AppID string `yaml:"app_id"` // of the application
	// File holds both tokens as JSON and is written anew at each renewal; at
	// first {"refresh_token": "…"}.
	File string `yaml:"file"`
	// Expired are the values of Success.Field that call for a renewal.
	Expired []string `yaml:"expired"`
}

func (c Config) withPreset() Config {
	p := presets()[c.Preset]
	c.Name, c.URL, c.Body = cmp.Or(c.Name, p.Name), cmp.Or(c.URL, p.URL), cmp.Or(c.Body, p.Body)
	headers := maps.Clone(p.Headers)
	if headers == nil {
		headers = map[string]string{}
	}
	maps.Copy(headers, c.Headers)
	c.Headers = headers
	if c.Success.Field == "" {
		c.Success, c.Repeated, c.Permanent, c.Repair = p.Success, p.Repeated, p.Permanent, p.Repair
	}
	c.Token.URL = cmp.Or(c.Token.URL, p.Token.URL)
	if len(c.Token.Expired) == 0 {
		c.Token.Expired = p.Token.Expired
	}
	return c
}

// Channel is the name of the channel in the ledger and in metrics.
func (c Config) Channel() string { return c.withPreset().Name }

// plain reports whether messages go out as one SMS without accents.
func (c Config) plain() bool { return c.Preset != "" && c.Preset != presetZalo && !c.Accented }

var channelName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// Validate reports the first wrong field with its value.
func (c Config) Validate() error {
	if _, ok := presets()[c.Preset]; !ok {
		return fmt.Errorf("preset: want one of %q or none (got %q)", slices.Sorted(maps.Keys(presets()))[1:], c.Preset)
	}
	full := c.withPreset()
	if !channelName.MatchString(full.Name) || full.Name == "slack" || full.Name == "email" {
		return fmt.Errorf("name: want small letters, digits and dashes, and not slack or email (got %q)", full.Name)
	}
	if err := checkURL("url", full.URL); err != nil {
		return err
	}
	for _, name := range required()[c.Preset] {
		if c.Secrets[name] == "" {
			return fmt.Errorf("secrets.%s: must name the file with it, as preset %s needs it", name, c.Preset)
		}
	}
	if full.Success.Field != "" && len(full.Success.Values) == 0 {
		return errors.New("success.values: must hold what success.field says when all is well")
	}
	if c.Preset == presetZalo {
		for _, kind := range []string{kindOpened, kindClosed, kindCorrected} {
			if c.Templates[kind] == "" {
				return fmt.Errorf("templates.%s: must be the identifier of the text that Zalo approved", kind)
			}
		}
	}
	if c.Preset == presetZalo || c.Token.File != "" {
		if c.Token.File == "" || c.Token.AppID == "" {
			return fmt.Errorf("token.file, token.app_id: both are needed (got %q and %q)", c.Token.File, c.Token.AppID)
		}
		if err := checkURL("token.url", full.Token.URL); err != nil {
			return err
		}
	}
	_, err := full.compile(nil)
	return err
}

func checkURL(field, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%s: must be a URL (got %q)", field, text)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return fmt.Errorf("%s: must be https, as it carries secrets (got %q)", field, text)
	}
	return nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// secrets reads the files. Errors do not hold what they hold.
func (c Config) secrets() (map[string]string, error) {
	out := make(map[string]string, len(c.Secrets))
	for _, name := range slices.Sorted(maps.Keys(c.Secrets)) {
		data, err := os.ReadFile(c.Secrets[name])
		if err != nil {
			return nil, fmt.Errorf("secrets.%s: %w", name, err)
		}
		if out[name] = strings.TrimSpace(string(data)); out[name] == "" {
			return nil, fmt.Errorf("secrets.%s: %s is empty", name, c.Secrets[name])
		}
	}
	return out, nil
}
