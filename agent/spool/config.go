package spool

import "fmt"

// Config is the spool's section of the agent's configuration.
type Config struct {
	// Dir is the folder, used by this spool alone. Made if need be.
	Dir string `yaml:"dir"`
	// MaxBytes is what the segments and the cursor may take on disk. Past it
	// the oldest samples are thinned, then dropped. Default 128 MiB: 35 days of
	// 8,640 records of 200 bytes take 88 MiB when the agent restarts ten times
	// a day, each time leaving a segment half empty.
	MaxBytes int64 `yaml:"max_bytes"`
	// MemoryBytes bounds the records kept in memory while the disk does not
	// take them. Default 4 MiB, a day and a half of the same.
	MemoryBytes int `yaml:"memory_bytes"`
}

// DefaultConfig returns the configuration that is used where a file says nothing.
func DefaultConfig() Config {
	return Config{
		Dir:         "/var/lib/thongsuot-agent/spool",
		MaxBytes:    128 << 20,
		MemoryBytes: 4 << 20,
	}
}

// Smallest limits that leave room for rewriting, and for the largest record.
const (
	minMaxBytes    = 1 << 20
	minMemoryBytes = 64 << 10
)

// Validate names the first field that cannot be used, and its value.
func (c Config) Validate() error {
	switch {
	case c.Dir == "":
		return fmt.Errorf("spool.dir: must name a folder (got %q)", c.Dir)
	case c.MaxBytes < minMaxBytes:
		return fmt.Errorf("spool.max_bytes: must be at least %d (got %d)", minMaxBytes, c.MaxBytes)
	case c.MemoryBytes < minMemoryBytes:
		return fmt.Errorf("spool.memory_bytes: must be at least %d (got %d)", minMemoryBytes, c.MemoryBytes)
	}
	return nil
}
