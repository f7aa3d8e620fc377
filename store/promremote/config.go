package promremote

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Config says where the engine is.
type Config struct {
	// WriteURL takes remote write: http://host:8428/api/v1/write for
	// VictoriaMetrics, …/api/v1/push for Mimir, …/api/v1/receive for Thanos.
	WriteURL string `yaml:"write_url"`
	// QueryURL is the address below which /api/v1/query lies.
	QueryURL string `yaml:"query_url"`
	// TokenFile holds a bearer token, if the engine wants one.
	TokenFile string `yaml:"token_file"`
	// CAFile holds the authority that signed the engine's certificate, PEM;
	// empty for those of the system.
	CAFile string `yaml:"ca_file"`
	// Headers are sent with every request, such as X-Scope-OrgID for Mimir.
	Headers map[string]string `yaml:"headers"`
	// Window is how late a sample may arrive. The engine must be set up to take
	// it: storage.tsdb.out_of_order_time_window of Prometheus, the retention of
	// VictoriaMetrics. Defaults to 40 days; at least 35, the span of the agents' spools.
	Window time.Duration `yaml:"window"`
	// Timeout ends a request. Defaults to 30 s.
	Timeout time.Duration `yaml:"timeout"`
	// Remember is how long what the engine acknowledged may be offered again.
	// Defaults to 2 minutes; 0 for an engine that is durable before it answers.
	Remember time.Duration `yaml:"remember"`
	// Again offers everything once more after that time, for engines of several
	// nodes behind a queue such as vmagent: there the restart of a node, which
	// may have forgotten its last seconds, does not show here. Longer than the
	// nodes take to make durable what they acknowledged, shorter than Remember.
	// Defaults to 0, never.
	Again time.Duration `yaml:"again"`
	// Concurrent is how many writes are under way at once. Defaults to 4.
	Concurrent int `yaml:"concurrent"`

	// Now is the clock that tells the future from the past. Defaults to time.Now.
	Now func() time.Time `yaml:"-"`
}

// spoolSpan is the longest time an agent keeps what it could not deliver.
const spoolSpan = 35 * 24 * time.Hour

// DefaultConfig lacks only the addresses.
func DefaultConfig() Config {
	return Config{Window: 40 * 24 * time.Hour, Timeout: 30 * time.Second, Remember: 2 * time.Minute, Concurrent: 4, Now: time.Now}
}

// Validate reports every value that cannot work, by the name of its key.
func (c Config) Validate() error {
	var errs []error
	address := func(key, text string) {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			errs = append(errs, fmt.Errorf("%s: want http://… or https://… (got %q)", key, text))
		} else if u.User != nil {
			errs = append(errs, fmt.Errorf("%s: no password in the address, use token_file", key))
		}
	}
	address("write_url", c.WriteURL)
	address("query_url", c.QueryURL)
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.Window >= spoolSpan, "window: must be at least %s, the span of the agents' spools (got %s)", spoolSpan, c.Window)
	check(c.Timeout > 0, "timeout: must be positive (got %s)", c.Timeout)
	check(c.Remember >= 0, "remember: must not be negative (got %s)", c.Remember)
	check(c.Again >= 0 && (c.Again == 0 || c.Again < c.Remember), "again: must be shorter than remember, %s (got %s)", c.Remember, c.Again)
	check(c.Concurrent > 0, "concurrent: must be at least 1 (got %d)", c.Concurrent)
	return errors.Join(errs...)
}
