package probes

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"thongsuot"
)

// CaptiveConfig asks, in clear, for a page that the operator's own centre
// answers with status 204 and nothing else. Whoever puts a page of his own
// there (a line whose fee was not paid, a login page) answers otherwise.
type CaptiveConfig struct {
	Name      string        `yaml:"name"`       // unique within the agent; default captive
	URL       string        `yaml:"url"`        // http, since nobody can step into https unseen
	Family    Family        `yaml:"family"`     // ip4 or ip6; default that of the address, ip4 for a name
	Line      Line          `yaml:"-"`          // bound to; default none
	Every     time.Duration `yaml:"every"`      // default 1m
	Timeout   time.Duration `yaml:"timeout"`    // default 80 % of every
	UserAgent string        `yaml:"user_agent"` // ASCII; default UserAgent("dev", "")
}

// DefaultCaptiveConfig is a probe without a page to ask for.
func DefaultCaptiveConfig() CaptiveConfig {
	return CaptiveConfig{Name: "captive", Every: time.Minute, UserAgent: UserAgent("dev", "")}
}

// Validate names every field that is wrong.
func (c CaptiveConfig) Validate() error {
	p := c.page()
	u, err := p.parse()
	return errors.Join(
		p.Validate(),
		must(err != nil || u.Scheme == "http", "url: must begin with http:// (got %q)", redact(c.URL)),
	)
}

// page is the question as one for a page: the centre is the operator's own.
func (c CaptiveConfig) page() PortalConfig {
	const enough = 512 // bytes of body: one is too many
	return PortalConfig{
		Name: c.Name, URL: c.URL, Family: c.Family, Line: c.Line, Every: c.Every, Timeout: c.Timeout, Own: true, Body: enough, UserAgent: c.UserAgent,
	}
}

// NewCaptive makes the probe. Redirects are not followed.
//
// Reasons: ok (204 and empty), captive (another page, a redirect, or 511 of
// RFC 6585), http_4xx and http_5xx (the centre's own refusal or failure), and
// those of [NewPortal] as far as a page without TLS and words can have them.
// Fields: those of a portal.
func NewCaptive(cfg CaptiveConfig) (Probe, error) {
	if err := cfg.Validate(); err != nil {
		return Probe{}, err
	}
	p, err := newPortal(cfg.page())
	if err != nil {
		return Probe{}, err
	}
	p.judge = judgeEmpty
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return newProbe(thongsuot.ProbeCaptive, p.cfg.schedule(), redact(cfg.URL), p.run), nil
}

// judgeEmpty tells the centre's empty page from one of somebody else.
func judgeEmpty(resp *http.Response, body []byte, ph phases, err error) thongsuot.Result {
	s := resp.StatusCode
	switch {
	case s == http.StatusNoContent && len(body) == 0:
		return thongsuot.Result{Reason: thongsuot.ReasonOK}
	case s == http.StatusNetworkAuthenticationRequired:
	case s >= 400 && s <= 499:
		return fail(thongsuot.ReasonHTTP4xx, errors.New(resp.Status))
	case s >= 500:
		return fail(thongsuot.ReasonHTTP5xx, errors.New(resp.Status))
	case err != nil:
		return fail(ph.reason(err), fmt.Errorf("body: %w", err))
	}
	if to := resp.Header.Get("Location"); to != "" {
		return fail(thongsuot.ReasonCaptive, fmt.Errorf("%d to %s", s, redact(to)))
	}
	return fail(thongsuot.ReasonCaptive, fmt.Errorf("%d with a page of its own in place of an empty 204", s))
}
