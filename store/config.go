package store

import (
	"errors"
	"fmt"
	"time"
)

// spoolSpan is the longest time an agent keeps what it could not deliver. A
// window shorter than that would refuse what arrives after a long outage.
const spoolSpan = 35 * 24 * time.Hour

// Config says where samples are kept and for how long.
type Config struct {
	// Dir is the folder of the database; it is made when missing. Defaults to "data/store".
	Dir string `yaml:"dir"`
	// Retention is how long samples are kept. Defaults to 400 days, so that a
	// month can be compared with the same month of the year before.
	Retention time.Duration `yaml:"retention"`
	// RetentionBytes bounds the size of what is kept on disk, oldest dropped
	// first. Defaults to 0, no bound.
	RetentionBytes int64 `yaml:"retention_bytes"`
	// Rollups are kept beside the samples, and when those are gone. They are made
	// of each window once no sample can come late for it. Defaults to windows of
	// an hour for 10 years; windows of a minute take as much room as the samples.
	Rollups []Rollup `yaml:"rollups"`
	// OutOfOrderWindow is how late a sample may arrive. Defaults to 40 days; at
	// least 35, the span of the agents' spools.
	OutOfOrderWindow time.Duration `yaml:"out_of_order_window"`
	// MinFreeBytes is the free disk space below which no batch is taken. It
	// leaves room to compact and to stop cleanly. Defaults to 512 MiB.
	MinFreeBytes int64 `yaml:"min_free_bytes"`
	// Unsynced lets Append return before the batch is on the device: a power cut
	// loses the newest seconds of what was acknowledged. For simulations.
	// Defaults to false.
	Unsynced bool `yaml:"unsynced"`
	// QueryTimeout ends a query that takes longer. It is looked at between
	// steps, so a function over a very long range can overrun it. Defaults to 30 s.
	QueryTimeout time.Duration `yaml:"query_timeout"`
	// QueryMaxSamples is the most samples one query may hold in memory, at 16
	// bytes each. Defaults to 20 million.
	QueryMaxSamples int `yaml:"query_max_samples"`
	// Lookback is how old the newest sample of a series may be and still count
	// as its value. Defaults to 2 min 30 s.
	Lookback time.Duration `yaml:"lookback"`

	// Now is the clock that tells the future from the past. Defaults to time.Now.
	Now func() time.Time `yaml:"-"`
}

// DefaultConfig is the configuration of a centre of one province.
func DefaultConfig() Config {
	return Config{
		Dir:              "data/store",
		Retention:        400 * 24 * time.Hour,
		Rollups:          []Rollup{{Every: time.Hour, Keep: 10 * 365 * 24 * time.Hour}},
		OutOfOrderWindow: 40 * 24 * time.Hour,
		MinFreeBytes:     512 << 20,
		QueryTimeout:     30 * time.Second,
		QueryMaxSamples:  20_000_000,
		Lookback:         150 * time.Second,
		Now:              time.Now,
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
	check(c.Dir != "", "dir: must name a folder")
	check(c.OutOfOrderWindow >= spoolSpan, "out_of_order_window: must be at least %s, the span of the agents' spools (got %s)", spoolSpan, c.OutOfOrderWindow)
	check(c.Retention >= c.OutOfOrderWindow, "retention: must not be shorter than out_of_order_window, %s (got %s)", c.OutOfOrderWindow, c.Retention)
	check(c.RetentionBytes >= 0, "retention_bytes: must not be negative (got %d)", c.RetentionBytes)
	check(c.MinFreeBytes >= 0, "min_free_bytes: must not be negative (got %d)", c.MinFreeBytes)
	check(c.QueryTimeout > 0, "query_timeout: must be positive (got %s)", c.QueryTimeout)
	check(c.QueryMaxSamples > 0, "query_max_samples: must be positive (got %d)", c.QueryMaxSamples)
	check(c.Lookback >= 10*time.Second && c.Lookback <= time.Hour, "lookback: must be between 10s and 1h (got %s)", c.Lookback)
	for i, r := range c.Rollups {
		check(r.Every >= time.Minute && r.Every%time.Minute == 0 && rollupDay%r.Every == 0, "rollups[%d].every: want minutes or hours that make a day, such as 1h (got %s)", i, r.Every)
		check(r.Keep >= c.OutOfOrderWindow+rollupDay, "rollups[%d].keep: must be longer than out_of_order_window, %s (got %s)", i, c.OutOfOrderWindow, r.Keep)
		for _, other := range c.Rollups[:i] {
			check(other.Every != r.Every, "rollups[%d].every: %s is there twice", i, r.Every)
		}
	}
	check(len(c.Rollups) == 0 || c.Retention < c.OutOfOrderWindow || c.Retention >= c.OutOfOrderWindow+2*rollupDay, "retention: must be two days longer than out_of_order_window, %s, for roll-ups (got %s)", c.OutOfOrderWindow, c.Retention)
	return errors.Join(errs...)
}
