// Package ledger keeps the facts of a centre that are not samples: incidents
// and their changes, who was told of them, which records of agents arrived,
// tokens of sites, and the audit. It is one SQLite file.
//
// Durability: what a method returned nil for is on the disk and survives a
// kill and a power cut (write-ahead log, synchronous=FULL). After an error it
// may or may not have happened; every write can be repeated and does no harm
// twice, but for Audit, which then holds the entry twice.
//
// Order: changes come out of the outbox as they were recorded.
//
// Concurrency: all methods may be called at once, by several processes on the
// same file. Writers wait for each other, up to ten seconds between processes;
// readers wait for nobody and see every write that has returned.
//
// Times are kept to the millisecond, rounded down, and come back in UTC; those
// inside a change are kept as they are.
package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

const (
	// busyTimeout is how long a writer waits for another process. Transactions
	// take milliseconds, so who waits longer waits for something that hangs.
	busyTimeout = 10 * time.Second
	// maxReaders bounds the connections that read: pages and the dispatcher.
	maxReaders = 4
)

// Ledger is an open ledger.
type Ledger struct {
	writer *sql.DB // one connection, every transaction locks at its begin
	reader *sql.DB
	marks  arrivals
	file   string
}

// Open opens the ledger at path, which it makes if there is none, and brings
// its schema up to date. The file is for its owner alone: it holds the keys of
// beats. A ledger of a newer program is refused and left as it is.
func Open(path string) (*Ledger, error) {
	l, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("ledger %s: %w", path, explain(err))
	}
	return l, nil
}

func open(path string) (_ *Ledger, err error) {
	// SQLite would make the file readable for all, and call every failure
	// "unable to open".
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, reason(err)
	}
	if err := f.Close(); err != nil {
		return nil, reason(err)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	l := &Ledger{file: full}
	defer func() {
		if err != nil {
			_ = l.Close() // the first error tells more
		}
	}()
	if l.writer, err = connect(full, 1, "_txlock=immediate", "_foreign_keys=1", "_synchronous=FULL"); err != nil {
		return nil, err
	}
	if err := migrate(context.Background(), l.writer); err != nil {
		return nil, err
	}
	if l.reader, err = connect(full, maxReaders, "_query_only=1"); err != nil {
		return nil, err
	}
	return l, nil
}

// OpenReadOnly opens the ledger at path for reading alone, while a centre may
// have it open. It makes none, and refuses one whose schema is not of this
// program: start the centre once, which brings it up to date.
func OpenReadOnly(path string) (*Ledger, error) {
	l, err := openReadOnly(path)
	if err != nil {
		return nil, fmt.Errorf("ledger %s: %w", path, explain(err))
	}
	return l, nil
}

func openReadOnly(path string) (_ *Ledger, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, reason(err)
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	l := &Ledger{}
	defer func() {
		if err != nil {
			_ = l.Close() // the first error tells more
		}
	}()
	if l.reader, err = connect(full, maxReaders, "_query_only=1"); err != nil {
		return nil, err
	}
	if l.writer, err = connect(full, 1, "_query_only=1"); err != nil {
		return nil, err
	}
	return l, current(context.Background(), l.reader)
}

// connect opens a pool of at most n connections to the file.
func connect(file string, n int, options ...string) (*sql.DB, error) {
	// mode=rw: a file that was taken away is an error, not an empty ledger.
	query := "mode=rw&_dqs=0&_error_rc=1&_busy_timeout=" + strconv.FormatInt(busyTimeout.Milliseconds(), 10)
	for _, o := range options {
		query += "&" + o
	}
	name := url.URL{Scheme: "file", Path: file, RawQuery: query}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// Copy writes the ledger as it is at one moment into a new file. Writers go on
// meanwhile.
func (l *Ledger) Copy(ctx context.Context, file string) error {
	db, err := connect(l.file, 1)
	if err != nil {
		return fmt.Errorf("copy the ledger: %w", err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", file); err != nil {
		return fmt.Errorf("copy the ledger to %s: %w", file, explain(err))
	}
	return nil
}

// Close ends the use of the ledger. What was written stays.
func (l *Ledger) Close() error {
	for _, db := range []*sql.DB{l.reader, l.writer} {
		if db == nil {
			continue
		}
		if err := db.Close(); err != nil {
			return fmt.Errorf("ledger: close: %w", explain(err))
		}
	}
	return nil
}

// write does one transaction. It holds the ledger's lock from begin to end, so
// do must not wait for anything.
func (l *Ledger) write(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := l.writer.BeginTx(ctx, nil)
	if err != nil {
		return explain(err)
	}
	defer func() { _ = tx.Rollback() }() // nothing to do after a commit
	if err := do(tx); err != nil {
		return explain(err)
	}
	return explain(tx.Commit())
}

// exec is a transaction of one statement; it tells how many rows it met.
func (l *Ledger) exec(ctx context.Context, statement string, args ...any) (rows int64, err error) {
	err = l.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, statement, args...)
		if err != nil {
			return err
		}
		rows, err = res.RowsAffected()
		return err
	})
	return rows, err
}

// query reads all rows of a query; scan makes one row of what it is given.
func query[T any](ctx context.Context, l *Ledger, scan func(scan func(...any) error) (T, error), q string, args ...any) (out []T, err error) {
	rows, err := l.reader.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, explain(err)
	}
	defer rows.Close()
	for rows.Next() {
		one, err := scan(rows.Scan)
		if err != nil {
			return nil, explain(err)
		}
		out = append(out, one)
	}
	return out, explain(rows.Err())
}

// instant is a time as it was stored.
func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
