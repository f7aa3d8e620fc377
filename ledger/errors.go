package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// explain adds to an error of SQLite what the operator can do about it. A full
// disk is syscall.ENOSPC, as elsewhere.
func explain(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE {
		return full(err)
	}
	switch e.Code() & 0xff { // the primary code
	case sqlite3.SQLITE_FULL:
		return full(err)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("is not a database: name another file, or move this one away (%w)", err)
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("the file is damaged: stop every program that uses it and restore a copy (%w)", err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("the file or its folder cannot be written: let the user of this program write both (%w)", err)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("another process has held the ledger for more than %v: end it if it hangs (%w)", busyTimeout, err)
	}
	return err
}

func full(err error) error {
	return fmt.Errorf("%w: free some on the disk of the ledger (%w)", syscall.ENOSPC, err)
}

// reason is an error of the file without the path, which Open names itself.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: make its folder first", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w: let the user of this program write the file and its folder", err)
	}
	return err
}
