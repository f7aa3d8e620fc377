package alerting

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"

	"thongsuot"
	"thongsuot/alerting/slack"
	"thongsuot/lang"
)

// Config says who is told, where and in which language.
type Config struct {
	Language  string     `yaml:"language"`  // "vi" or "en"; vi
	PageURL   string     `yaml:"page_url"`  // address of the pages as receivers reach them; empty: no links
	Receivers []Receiver `yaml:"receivers"` // empty: nobody is told
}

// Receiver is an operations team with its channel.
type Receiver struct {
	Name     string               `yaml:"name"`      // key in the ledger: renaming it makes another receiver
	Kinds    []thongsuot.SiteKind `yaml:"kinds"`     // kinds of site it hears of; empty: all
	MinState thongsuot.State      `yaml:"min_state"` // mildest state it hears of first; empty: all but up and off
	Slack    *slack.Config        `yaml:"slack"`
}

// DefaultConfig tells nobody.
func DefaultConfig() Config { return Config{Language: string(lang.Vi)} }

// Configured reports whether anybody is told.
func (c Config) Configured() bool { return len(c.Receivers) > 0 }

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
		if channels[r.Slack.Channel] {
			errs = append(errs, fmt.Errorf("%s.slack.channel: another receiver has it (got %q)", at, r.Slack.Channel))
		}
		names[r.Name], channels[r.Slack.Channel] = true, true
	}
	return errors.Join(errs...)
}

func (r Receiver) validate() error {
	if r.Name == "" {
		return fmt.Errorf("name: must not be empty (got %q)", r.Name)
	}
	for _, k := range r.Kinds {
		if !slices.Contains(thongsuot.SiteKinds(), k) {
			return fmt.Errorf("kinds: must be of %v (got %q)", thongsuot.SiteKinds(), k)
		}
	}
	if r.MinState != "" && !slices.Contains(toldStates(), r.MinState) {
		return fmt.Errorf("min_state: must be of %v (got %q)", toldStates(), r.MinState)
	}
	if r.Slack == nil {
		return errors.New("slack: is missing, and a receiver needs a channel")
	}
	if err := r.Slack.Validate(); err != nil {
		return fmt.Errorf("slack.%w", err)
	}
	return nil
}

// Notifiers opens the channels of every receiver, by the receiver's name. The
// configuration must be valid.
func (c Config) Notifiers(log *slog.Logger) (map[string][]Notifier, error) {
	out := make(map[string][]Notifier, len(c.Receivers))
	for i, r := range c.Receivers {
		n, err := slack.New(*r.Slack, log)
		if err != nil {
			return nil, fmt.Errorf("alerting.receivers[%d].slack.%w", i, err)
		}
		out[r.Name] = append(out[r.Name], n)
	}
	return out, nil
}
