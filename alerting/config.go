package alerting

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"thongsuot"
	"thongsuot/alerting/email"
	"thongsuot/alerting/slack"
	"thongsuot/alerting/webhook"
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
	Webhooks []webhook.Config `yaml:"webhooks"` // by the phone numbers
	Email    *email.Config    `yaml:"email"`
	Order    []string         `yaml:"order"`  // names of the channels, first the one that is tried first. Default the webhooks, then e-mail
	Budget   int              `yaml:"budget"` // messages a day for each, then one summary at 17:00; 0 for no bound. Default 4
}

// Receiver is an operations team with its channels. It is told over each.
type Receiver struct {
	Name     string               `yaml:"name"`      // key in the ledger: renaming it makes another receiver
	Kinds    []thongsuot.SiteKind `yaml:"kinds"`     // kinds of site it hears of; empty: all
	MinState thongsuot.State      `yaml:"min_state"` // mildest state it hears of first; empty: all but up and off
	Budget   int                  `yaml:"budget"`    // messages a day, then one summary at 17:00; 0, the default, for no bound
	Slack    *slack.Config        `yaml:"slack"`
	Email    *email.Config        `yaml:"email"`
	Webhook  *webhook.Config      `yaml:"webhook"`
	Fallback string               `yaml:"fallback"` // another receiver, told only what a channel of this one fails to say three times
}

// DefaultConfig tells nobody.
func DefaultConfig() Config { return Config{Language: string(lang.Vi), Chairs: Chairs{Budget: 4}} }

// Configured reports whether anybody is told.
func (c Config) Configured() bool { return len(c.Receivers) > 0 || c.Chairs.configured() }

func (c Chairs) configured() bool { return c.Email != nil || len(c.Webhooks) > 0 }

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
	for i, r := range c.Receivers {
		if r.Fallback != "" && (!names[r.Fallback] || r.Fallback == r.Name) {
			errs = append(errs, fmt.Errorf("alerting.receivers[%d].fallback: must name another receiver (got %q)", i, r.Fallback))
		}
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
	if r.Slack == nil && r.Email == nil && r.Webhook == nil {
		return errors.New("slack, email, webhook: all are missing, and a receiver needs a channel")
	}
	if r.Webhook != nil {
		if err := r.Webhook.Validate(); err != nil {
			return fmt.Errorf("webhook.%w", err)
		}
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
	names := map[string]bool{"email": c.Email != nil}
	for i, w := range c.Webhooks {
		if err := w.Validate(); err != nil {
			return fmt.Errorf("alerting.chairs.webhooks[%d].%w", i, err)
		}
		if w.To != "" {
			return fmt.Errorf("alerting.chairs.webhooks[%d].to: must be empty, the registry's contacts.csv has the numbers", i)
		}
		if names[w.Channel()] {
			return fmt.Errorf("alerting.chairs.webhooks[%d].name: is already taken (got %q)", i, w.Channel())
		}
		names[w.Channel()] = true
	}
	for i, name := range c.Order {
		if !names[name] {
			return fmt.Errorf("alerting.chairs.order[%d]: is no channel of the chairs (got %q)", i, name)
		}
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

// rank is the place of a channel in the order in which they are tried.
func (c Chairs) rank(n Notifier) int {
	if i := slices.Index(c.Order, n.Name()); i >= 0 {
		return i
	}
	return len(c.Order)
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
		if r.Webhook != nil {
			n, err := webhook.New(*r.Webhook, log)
			if err != nil {
				return nil, fmt.Errorf("alerting.receivers[%d].webhook.%w", i, err)
			}
			out[r.Name] = append(out[r.Name], n)
		}
	}
	for i, w := range c.Chairs.Webhooks {
		n, err := webhook.New(w, log)
		if err != nil {
			return nil, fmt.Errorf("alerting.chairs.webhooks[%d].%w", i, err)
		}
		out[chairs] = append(out[chairs], n)
	}
	if c.Chairs.Email != nil {
		n, err := email.New(*c.Chairs.Email)
		if err != nil {
			return nil, fmt.Errorf("alerting.chairs.email.%w", err)
		}
		out[chairs] = append(out[chairs], n)
	}
	slices.SortStableFunc(out[chairs], func(a, b Notifier) int { return cmp.Compare(c.Chairs.rank(a), c.Chairs.rank(b)) })
	return out, nil
}
