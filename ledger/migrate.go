package ledger

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

// migrations bring the schema from one version to the next, in the order of
// their names: the n-th makes version n. One that was released never changes.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks a database as a ledger ("tslg").
const applicationID = 0x74736c67

var errForeign = errors.New("is a database of another program: name another file, or move this one away")

// migrate makes a new ledger of an empty file and a current one of an older
// one. All of it happens or nothing.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	v, err := version(ctx, db, len(files))
	if err != nil {
		return err
	}
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("stays in journal mode %q, write-ahead logging is needed: put it on a local disk", mode)
	}
	if v == len(files) {
		return nil // nobody is kept waiting
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()  // nothing to do after a commit
	v, err = version(ctx, tx, len(files)) // another process may have been faster
	if err != nil {
		return err
	}
	for _, name := range files[v:] {
		statements, err := migrations.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, string(statements)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(files))); err != nil {
		return err
	}
	return tx.Commit()
}

// current is an error unless the schema is the one of this program.
func current(ctx context.Context, db *sql.DB) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	v, err := version(ctx, db, len(files))
	if err == nil && v != len(files) {
		err = fmt.Errorf("has schema version %d, this program reads version %d: start the centre once, which brings it up to date", v, len(files))
	}
	return err
}

// version is that of the schema, 0 for an empty file. It is an error if this
// program, which knows the versions up to known, must not touch the file.
func version(ctx context.Context, db interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, known int) (int, error) {
	var id, v, tables int
	err := db.QueryRowContext(ctx, `SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id a, pragma_user_version v`).Scan(&id, &v, &tables)
	switch {
	case err != nil:
		return 0, err
	case id != applicationID && (id != 0 || v != 0 || tables != 0):
		return 0, errForeign
	case v > known:
		return 0, fmt.Errorf("has schema version %d, this program knows versions up to %d: use the newer program that wrote it, or restore the copy from before the upgrade", v, known)
	}
	return v, nil
}
