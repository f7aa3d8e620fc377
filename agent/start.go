package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// countStart adds one to the durable number of starts in path and returns it.
// The centre believes beats only of rising starts; where the file is gone or
// unreadable, seconds since 2020 are a number higher than any count so far. With
// a clock that is wrong too it is not, and the first write sets that right. The
// number returned beside an error can be used, it is only not on disk.
func countStart(path string) (uint32, error) {
	start := uint32(max(time.Since(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))/time.Second, 1))
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return start, fmt.Errorf("start counter: %w", err)
	}
	if n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32); err == nil {
		start = uint32(n) + 1
	}
	if err := writeDurably(path, strconv.FormatUint(uint64(start), 10)+"\n"); err != nil {
		return start, fmt.Errorf("start counter: %w", err)
	}
	return start, nil
}

// writeDurably replaces the file at path so that a power cut leaves the old
// content or the new, never half of it.
func writeDurably(path, content string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("keep %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) // gone already when the rename worked
	_, err = tmp.WriteString(content)
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("keep %s: %w", path, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
