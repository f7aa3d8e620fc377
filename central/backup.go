package central

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"thongsuot/ledger"
)

// Names in a backup, and of what is made of it.
const (
	manifestName = "backup.json" // the last file: with it a backup is whole
	ledgerName   = "ledger.db"
	storeName    = "store"
	registryName = "registry"
	partial      = ".partial"
	stagingName  = "backup.tmp" // beside the store
)

// manifest says what a backup is.
type manifest struct {
	Format   int       `json:"format"`
	At       time.Time `json:"at"` // what was acknowledged before is in it
	Version  string    `json:"version"`
	Engine   string    `json:"engine"` // only the embedded one's samples are in it
	Registry []string  `json:"registry"`
}

const backupFormat = 1

// snapshotter is an engine whose samples lie in a folder of this centre.
type snapshotter interface {
	Snapshot(ctx context.Context, dir string) error
}

// backup makes a copy of what a centre knows while it goes on.
type backup struct {
	cfg     Config
	version string
	ledger  *ledger.Ledger
	store   samples

	made manifest
}

func (b *backup) staging() string {
	return filepath.Join(filepath.Dir(b.cfg.Store.Dir), stagingName)
}

// prepare makes the copy beside the store, where blocks of samples need no
// room since they are linked. The ledger comes first: a record that it calls
// stored is in the store already, and so in the copy.
func (b *backup) prepare(ctx context.Context) error {
	b.made = manifest{Format: backupFormat, At: time.Now().UTC(), Version: b.version, Engine: b.cfg.Engine, Registry: b.cfg.Registry}
	if err := os.RemoveAll(b.staging()); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := os.Mkdir(b.staging(), 0o700); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := b.copy(ctx); err != nil {
		return errors.Join(fmt.Errorf("backup: %w", err), os.RemoveAll(b.staging()))
	}
	return nil
}

func (b *backup) copy(ctx context.Context) error {
	if err := b.ledger.Copy(ctx, filepath.Join(b.staging(), ledgerName)); err != nil {
		return err
	}
	if s, ok := b.store.(snapshotter); ok {
		if err := s.Snapshot(ctx, filepath.Join(b.staging(), storeName)); err != nil {
			return err
		}
	}
	for i, dir := range b.cfg.Registry {
		if err := copyFiles(dir, filepath.Join(b.staging(), registryName, strconv.Itoa(i))); err != nil {
			return fmt.Errorf("registry: %w", err)
		}
	}
	return nil
}

// send writes what was prepared as a tar archive, and removes it.
func (b *backup) send(w io.Writer) (err error) {
	defer func() { err = errors.Join(err, os.RemoveAll(b.staging())) }()
	t := tar.NewWriter(w)
	if err := t.AddFS(os.DirFS(b.staging())); err != nil {
		return err
	}
	text, err := json.MarshalIndent(b.made, "", "  ")
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(text)), ModTime: b.made.At}); err != nil {
		return err
	}
	if _, err := t.Write(text); err != nil {
		return err
	}
	return t.Close()
}

// Backup puts a copy of the ledger, the registry and the samples of the
// embedded engine into the new folder out: of the centre that runs on the data
// folder, or of the folder itself when none runs. A backup that was cut short
// leaves no folder of that name.
func Backup(ctx context.Context, cfg Config, version, out string, log *slog.Logger) error {
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %s exists: name a new folder", out)
	}
	if _, err := os.Stat(cfg.DataDir); err != nil {
		return fmt.Errorf("backup: data_dir: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://centre/backup", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := askControl(cfg.DataDir).Do(req)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return backupStopped(ctx, cfg, version, out, log)
	case err != nil:
		return fmt.Errorf("backup: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096)) // the status says enough
		return fmt.Errorf("the centre answers: %s", strings.TrimSpace(string(text)))
	}
	return unpack(resp.Body, out)
}

// backupStopped is Backup where no centre runs.
func backupStopped(ctx context.Context, cfg Config, version, out string, log *slog.Logger) error {
	held, err := lock(cfg.DataDir)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer held.Close()
	l, err := ledger.Open(filepath.Join(cfg.DataDir, ledgerName))
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer l.Close()
	if cfg.Store.Dir == "" {
		cfg.Store.Dir = filepath.Join(cfg.DataDir, storeName)
	}
	st, err := openSamples(cfg, log, prometheus.NewRegistry())
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer st.Close()
	b := &backup{cfg: cfg, version: version, ledger: l, store: st}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(b.send(w)) }() // never fails
	return errors.Join(unpack(r, out), r.Close())
}

// unpack makes the folder out of an archive, whole or not at all.
func unpack(r io.Reader, out string) (err error) {
	tmp := out + partial
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("backup: %w", err), os.RemoveAll(tmp))
		}
	}()
	t := tar.NewReader(r)
	whole := false
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("%q leads out of the folder", h.Name)
		}
		if err := put(filepath.Join(tmp, h.Name), t); err != nil {
			return err
		}
		whole = h.Name == manifestName
	}
	if !whole {
		return errors.New("was cut short")
	}
	return os.Rename(tmp, out)
}

// put writes a new file and brings it to the device. It is for its owner alone:
// the ledger holds keys.
func put(name string, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, from); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

// copyFiles copies the files of a folder and of those below it.
func copyFiles(from, to string) error {
	return filepath.WalkDir(from, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if info, err := f.Stat(); err != nil || info.IsDir() { // of what a link leads to
			return err
		}
		return put(filepath.Join(to, rel), f)
	})
}
