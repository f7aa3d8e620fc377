package alerting

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"thongsuot"
	"thongsuot/alerting/email"
	"thongsuot/alerting/slack"
	"thongsuot/lang"
)

// Config says who is told, where and in which language.
type Config struct {
	Language  string     `yaml:"language"`  // "vi" or "en"; vi
	PageURL   string     `yaml:"page_url"`  // address of the pages as receivers reach them; empty: no links
	Receivers []Receiver `yaml:"receivers"` // empty: no operations team is told
	Chairs    Chairs     `yaml:"chairs"`    // how the chairs of contacts.csv are reached
}

// Chairs are the channels to the offices that the registry names as chairs, in
// the order in which they are tried.
type Chairs struct {
	Email  *email.Config `yaml:"email"`
	Budget int           `yaml:"budget"` // messages a day for each, then one summary at 17:00; 0 for no bound. Default 4
}

// Receiver is an operations team with its channels. It is told over each.
type Receiver struct {
	Name     string               `yaml:"name"`      // key in the ledger: renaming it makes another receiver
	Kinds    []thongsuot.SiteKind `yaml:"kinds"`     // kinds of site it hears of; empty: all
	MinState thongsuot.State      `yaml:"min_state"` // mildest state it hears of first; empty: all but up and off
	Budget   int                  `yaml:"budget"`    // messages a day, then one summary at 17:00; 0, the default, for no bound
	Slack    *slack.Config        `yaml:"slack"`
	Email    *email.Config        `yaml:"email"`
}

// DefaultConfig tells nobody.
func DefaultConfig() Config { return Config{Language: string(lang.Vi), Chairs: Chairs{Budget: 4}} }

// Configured reports whether anybody is told.
func (c Config) Configured() bool { return len(c.Receivers) > 0 || c.Chairs.Email != nil }

// Validate reports every wrong field with its value.
func (c Config) Validate() error {
	var errs []error
	if c.Language != string(lang.Vi) && c.Language != string(lang.En) {
		errs = append(errs, fmt.Errorf(`alerting.language: must be "vi" or "en" (got %q)`, c.Language))
	}
	if u, err := url.Parse(c.PageURL); c.PageURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		errs = append(errs, fmt.Errorf("alerting.page_url: must be an http or https URL (got %q)", c.PageURL))
	}
	names, channels := make(map[string]bool), make(map[string]bool)
	for i, r := range c.Receivers {
		at := fmt.Sprintf("alerting.receivers[%d]", i)
		if err := r.validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s.%w", at, err))
			continue
		}
		if names[r.Name] {
			errs = append(errs, fmt.Errorf("%s.name: is already taken (got %q)", at, r.Name))
		}
		if r.Slack != nil {
			if channels[r.Slack.Channel] {
				errs = append(errs, fmt.Errorf("%s.slack.channel: another receiver has it (got %q)", at, r.Slack.Channel))
			}
			channels[r.Slack.Channel] = true
		}
		names[r.Name] = true
	}
	errs = append(errs, c.Chairs.validate())
	return errors.Join(errs...)
}

func (r Receiver) validate() error {
	if r.Name == "" || r.Name == chairs || strings.Contains(r.Name, "/") {
		return fmt.Errorf("name: must not be empty, %q or hold a slash (got %q)", chairs, r.Name)
	}
	if r.Budget < 0 {
		return fmt.Errorf("budget: must not be below 0 (got %d)", r.Budget)
	}
	for _, k := range r.Kinds {
		if !slices.Contains(thongsuot.SiteKinds(), k) {
			return fmt.Errorf("kinds: must be of %v (got %q)", thongsuot.SiteKinds(), k)
		}
	}
	if r.MinState != "" && !slices.Contains(toldStates(), r.MinState) {
		return fmt.Errorf("min_state: must be of %v (got %q)", toldStates(), r.MinState)
	}
	if r.Slack == nil && r.Email == nil {
		return errors.New("slack, email: both are missing, and a receiver needs a channel")
	}
	if r.Slack != nil {
		if err := r.Slack.Validate(); err != nil {
			return fmt.Errorf("slack.%w", err)
		}
	}
	if r.Email != nil {
		if len(r.Email.To) == 0 {
			return errors.New("email.to: must name at least one address")
		}
		if err := r.Email.Validate(); err != nil {
			return fmt.Errorf("email.%w", err)
		}
	}
	return nil
}

func (c Chairs) validate() error {
	if c.Budget < 0 {
		return fmt.Errorf("alerting.chairs.budget: must not be below 0 (got %d)", c.Budget)
	}
	if c.Email == nil {
		return nil
	}
	if len(c.Email.To) > 0 {
		return errors.New("alerting.chairs.email.to: must be empty, the registry's contacts.csv has the addresses")
	}
	if err := c.Email.Validate(); err != nil {
		return fmt.Errorf("alerting.chairs.email.%w", err)
	}
	return nil
}

// Notifiers opens the channels of every receiver, by the receiver's name, and
// those of the chairs by "chair". The configuration must be valid.
func (c Config) Notifiers(log *slog.Logger) (map[string][]Notifier, error) {
	out := make(map[string][]Notifier, len(c.Receivers))
	for i, r := range c.Receivers {
		if r.Slack != nil {
			n, err := slack.New(*r.Slack, log)
			if err != nil {
				return nil, fmt.Errorf("alerting.receivers[%d].slack.%w", i, err)
			}
			out[r.Name] = append(out[r.Name], n)
		}
		if r.Email != nil {
			n, err := email.New(*r.Email)
			if err != nil {
				return nil, fmt.Errorf("alerting.receivers[%d].email.%w", i, err)
			}
			out[r.Name] = append(out[r.Name], n)
		}
	}
	if c.Chairs.Email != nil {
		n, err := email.New(*c.Chairs.Email)
		if err != nil {
			return nil, fmt.Errorf("alerting.chairs.email.%w", err)
		}
		out[chairs] = append(out[chairs], n)
	}
	return out, nil
}
