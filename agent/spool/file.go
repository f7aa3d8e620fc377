package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Opener opens the folder at path for one spool alone, makes it if need be and
// lists what is in it; names that end in "/" are not plain files. When another
// spool holds the folder, the error is ErrLocked.
type Opener func(path string) (dir Dir, names []string, err error)

// Dir is an open folder.
type Dir interface {
	Open(name string, flag int) (File, error) // os.O_RDONLY, or os.O_RDWR with or without os.O_CREATE|os.O_EXCL
	Remove(name string) error
	Sync() error  // what was created and removed survives a power cut once it returns nil
	Close() error // lets go of the folder
}

// File is an open file of the folder.
type File interface {
	io.ReaderAt
	io.WriterAt
	Sync() error // what was written survives a power cut once it returns nil
	Close() error
}

// OpenDir is the Opener of the operating system. The folder is held with
// flock, which ends with the process however it ends.
func OpenDir(path string) (Dir, []string, error) {
	if err := makeDir(path); err != nil {
		return nil, nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	names, err := holdAndList(f)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return osDir{f, path}, names, nil
}

func holdAndList(f *os.File) ([]string, error) {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", f.Name(), ErrLocked)
		}
		return nil, &os.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if !e.Type().IsRegular() {
			name += "/"
		}
		names = append(names, name)
	}
	return names, nil
}

// makeDir makes the folder and those above it, each name synced: a folder that
// a power cut takes away takes every synced file in it along.
func makeDir(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

type osDir struct {
	held *os.File // carries the flock
	path string
}

func (d osDir) Open(name string, flag int) (File, error) {
	f, err := os.OpenFile(filepath.Join(d.path, name), flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d osDir) Remove(name string) error { return os.Remove(filepath.Join(d.path, name)) }
func (d osDir) Sync() error              { return d.held.Sync() }
func (d osDir) Close() error             { return d.held.Close() }

type osFile struct{ *os.File }

// Sync is fdatasync: data and size, but not the time of the last change, which
// would cost a commit of the file system's journal each time.
func (f osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EINTR):
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}

// hint tells the operator what to do about an error of the disk.
func hint(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free some space on its file system"
	case errors.Is(err, syscall.EROFS):
		return "its file system is read-only: see dmesg, the disk or card may be dying"
	case errors.Is(err, syscall.EIO):
		return "see dmesg, the disk or card may be dying: replace it"
	case errors.Is(err, fs.ErrPermission):
		return "give the agent's user write access to it"
	case errors.Is(err, ErrLocked):
		return "stop the other agent, or give each its own folder"
	}
	return "see dmesg, and the mount and rights of its folder"
}
