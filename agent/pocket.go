package agent

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// pocket keeps the rounds that wait for the disk in a file in memory, where a
// kill of the agent leaves them for its next start. A power cut does not, which
// is why only rounds wait that nobody would miss, see collector.write. The zero
// pocket has no file and keeps nothing.
type pocket struct {
	file *os.File
}

// openPocket opens the pocket of the agent whose data are in dataDir, and
// returns what was left in it, oldest first. Folder must lie in memory: on a
// disk it would be written as often as what it spares.
func openPocket(folder, dataDir string) (p pocket, left [][]byte, err error) {
	full, err := filepath.Abs(dataDir)
	if err != nil {
		return p, nil, err
	}
	there := folder // as far as it exists
	var fs unix.Statfs_t
	for err = unix.Statfs(there, &fs); errors.Is(err, unix.ENOENT) && there != filepath.Dir(there); err = unix.Statfs(there, &fs) {
		there = filepath.Dir(there)
	}
	if err != nil {
		return p, nil, fmt.Errorf("statfs %s: %w", there, err)
	}
	if t := uint32(fs.Type); t != unix.TMPFS_MAGIC && t != unix.RAMFS_MAGIC {
		return p, nil, fmt.Errorf("%s is not in memory (tmpfs)", folder)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return p, nil, err
	}
	sum := sha256.Sum256([]byte(full)) // several agents may share a machine
	name := filepath.Join(folder, hex.EncodeToString(sum[:8])+".rounds")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return p, nil, err
	}
	b, err := os.ReadFile(name)
	if err != nil {
		_ = f.Close()
		return p, nil, err
	}
	return pocket{f}, split(b), nil
}

// split parts what keep wrote; a tail that a kill cut short is left out.
func split(b []byte) (out [][]byte) {
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			break
		}
		out = append(out, b[size:size+int(n)])
		b = b[size+int(n):]
	}
	return out
}

// keep adds a round; it reports whether a kill would spare it now.
func (p pocket) keep(payload []byte) bool {
	if p.file == nil {
		return false
	}
	_, err := p.file.Write(append(binary.AppendUvarint(nil, uint64(len(payload))), payload...))
	return err == nil
}

// empty forgets all; what it held is on the disk.
func (p pocket) empty() error {
	if p.file == nil {
		return nil
	}
	if err := p.file.Truncate(0); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("empty %s: %w", p.file.Name(), err)
	}
	return nil
}

func (p pocket) close() {
	if p.file != nil {
		_ = p.file.Close() // in memory: nothing is lost
	}
}
