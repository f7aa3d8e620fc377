package influx

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Config says where InfluxDB is.
type Config struct {
	URL    string `yaml:"url"`    // such as http://127.0.0.1:8086
	Org    string `yaml:"org"`    // whose the bucket is
	Bucket string `yaml:"bucket"` // for the samples alone
	// TokenFile holds a token that reads and writes the bucket, and may make it
	// if it is not there yet.
	TokenFile string `yaml:"token_file"`
	// CAFile holds the authority that signed InfluxDB's certificate, PEM; empty
	// for those of the system.
	CAFile string `yaml:"ca_file"`
	// Retention is how long the bucket keeps samples: it is made with it when it
	// is missing, and set right when it differs. Defaults to 400 days; 0 leaves
	// buckets alone, as InfluxDB 1.8 needs, which has no API for them.
	Retention time.Duration `yaml:"retention"`
	// Window is how late a sample may arrive. Defaults to 40 days; at least 35,
	// the span of the agents' spools.
	Window time.Duration `yaml:"window"`
	// Timeout ends a request. Defaults to 30 s.
	Timeout time.Duration `yaml:"timeout"`
	// Concurrent is how many writes are under way at once. Defaults to 4.
	Concurrent int `yaml:"concurrent"`

	// Now is the clock that tells the future from the past. Defaults to time.Now.
	Now func() time.Time `yaml:"-"`
}

// spoolSpan is the longest time an agent keeps what it could not deliver.
const spoolSpan = 35 * 24 * time.Hour

// DefaultConfig lacks only address and token.
func DefaultConfig() Config {
	return Config{
		Org: "thongsuot", Bucket: "thongsuot", Retention: 400 * 24 * time.Hour, Window: 40 * 24 * time.Hour,
		Timeout: 30 * time.Second, Concurrent: 4, Now: time.Now,
	}
}

// Validate reports every value that cannot work, by the name of its key.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	u, err := url.Parse(c.URL)
	known := err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
	check(known, "url: want http://… or https://… (got %q)", c.URL)
	check(!known || u.User == nil, "url: no password in the address, use token_file")
	check(c.Org != "", "org: must name the organisation of the bucket")
	check(c.Bucket != "", "bucket: must name a bucket")
	check(c.TokenFile != "", "token_file: must name a file")
	check(c.Window >= spoolSpan, "window: must be at least %s, the span of the agents' spools (got %s)", spoolSpan, c.Window)
	check(c.Retention == 0 || c.Retention >= c.Window, "retention: must be 0 or at least window, %s (got %s)", c.Window, c.Retention)
	check(c.Timeout > 0, "timeout: must be positive (got %s)", c.Timeout)
	check(c.Concurrent > 0, "concurrent: must be at least 1 (got %d)", c.Concurrent)
	return errors.Join(errs...)
}
