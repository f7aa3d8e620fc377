package spool

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Config is the spool's section of the agent's configuration.
type Config struct {
	// Dir is the folder, used by this spool alone. Made if need be.
	Dir string `yaml:"dir"`
	// MaxBytes is what the segments and the cursor may take on disk. Past it
	// the oldest samples are thinned, then dropped; at most half of what the
	// disk has free at the start, see Fitted. Default 128 MiB: 35 days of
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

// Fitted is c with the cap lowered to half of what the disk of Dir has left for
// the spool: free space and what the spool holds already. Below the smallest
// cap it does not go; a full disk is dealt with as one.
func (c Config) Fitted() Config {
	dir := c.Dir
	var fs unix.Statfs_t
	for unix.Statfs(dir, &fs) != nil {
		up := filepath.Dir(dir)
		if up == dir {
			return c // nothing to go by
		}
		dir = up
	}
	room := int64(fs.Bavail) * int64(fs.Bsize) // Bsize is 32 bits wide on some boxes
	if entries, err := os.ReadDir(c.Dir); err == nil {
		for _, e := range entries {
			if _, ours := segmentNumber(e.Name()); ours {
				room += SegmentBytes
			}
		}
	}
	c.MaxBytes = min(c.MaxBytes, max(room/2, minMaxBytes))
	return c
}
