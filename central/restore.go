package central

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Restored is what Restore did.
type Restored struct {
	At      time.Time // of the backup
	Samples bool      // whether samples were in it
	Kept    []string  // folders of the registry that were there already and stay as they are
}

// Restore makes the data folder of a backup. There must be no data yet, and no
// centre that runs. What came after the backup is missing, but for what agents
// still hold: they offer it again.
func Restore(cfg Config, from string) (Restored, error) {
	done, err := restore(cfg, from)
	if err != nil {
		return Restored{}, fmt.Errorf("restore: %w", err)
	}
	return done, nil
}

func restore(cfg Config, from string) (Restored, error) {
	m, err := readManifest(from)
	if err != nil {
		return Restored{}, err
	}
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		return Restored{}, fmt.Errorf("data_dir: %w", err)
	}
	held, err := lock(cfg.DataDir)
	if err != nil {
		return Restored{}, err
	}
	defer held.Close()
	samples := cfg.Store.Dir
	if samples == "" {
		samples = filepath.Join(cfg.DataDir, storeName)
	}
	book := filepath.Join(cfg.DataDir, ledgerName)
	for _, name := range []string{book, samples} {
		if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return Restored{}, fmt.Errorf("%s is there already: move it away first", name)
		}
	}
	done := Restored{At: m.At}
	if m.Engine == engineEmbedded {
		if err := copyTree(filepath.Join(from, storeName), samples); err != nil {
			return Restored{}, err
		}
		done.Samples = true
	}
	for i, dir := range cfg.Registry {
		src := filepath.Join(from, registryName, strconv.Itoa(i))
		if _, err := os.Stat(src); err != nil {
			continue // the configuration names more folders than it did
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			done.Kept = append(done.Kept, dir)
			continue
		}
		if err := copyTree(src, dir); err != nil {
			return Restored{}, err
		}
	}
	// Last, since a centre without it has nothing.
	f, err := os.Open(filepath.Join(from, ledgerName))
	if err != nil {
		return Restored{}, err
	}
	defer f.Close()
	if err := put(book+partial, f); err != nil {
		return Restored{}, err
	}
	return done, os.Rename(book+partial, book)
}

func readManifest(from string) (m manifest, err error) {
	text, err := os.ReadFile(filepath.Join(from, manifestName))
	if err != nil {
		return m, fmt.Errorf("%s is no whole backup: %w", from, err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s: %w", manifestName, err)
	}
	if m.Format != backupFormat {
		return m, fmt.Errorf("%s has format %d, this program reads %d: restore with the program that made it (%s)", from, m.Format, backupFormat, m.Version)
	}
	return m, nil
}

// copyTree copies a folder, whole or not at all.
func copyTree(from, to string) error {
	tmp := to + partial
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := copyFiles(from, tmp); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	return os.Rename(tmp, to)
}
