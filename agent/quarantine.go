package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// quarantineBytes bounds the file; when it is full it becomes the old one.
const quarantineBytes = 1 << 20

// quarantine keeps what the centre will never take, for a person to look at:
// one JSON object a line, the newest megabyte or two.
type quarantine struct{ path string }

// set is one entry of the file.
type quarantined struct {
	At     time.Time `json:"at"` // of the wall clock
	Boot   string    `json:"boot"`
	Seqs   []uint64  `json:"records"`
	Reason string    `json:"reason"`
	Lines  []string  `json:"lines"`
}

func newQuarantine(dir string) quarantine {
	return quarantine{filepath.Join(dir, "quarantine.jsonl")}
}

// keep appends q. It is not synced: what is in it is lost to the centre anyway.
func (f quarantine) keep(q quarantined) error {
	line, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	if info, err := os.Stat(f.path); err == nil && info.Size()+int64(len(line)) > quarantineBytes {
		if err := os.Rename(f.path, f.path+".old"); err != nil {
			return fmt.Errorf("quarantine: %w", err)
		}
	}
	out, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	_, err = out.Write(append(line, '\n'))
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	return nil
}
