package ledger_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/ledger"
)

var begin = time.Date(2026, 11, 23, 7, 0, 0, 123_000_000, time.UTC)

func open(t testing.TB, path string) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(path)
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

// fresh is a ledger, and the file's path.
func fresh(t testing.TB) (*ledger.Ledger, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	return open(t, path), path
}

// raw is the file as any program sees it.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func rawExec(t testing.TB, path, statements string) {
	t.Helper()
	_, err := raw(t, path).Exec(statements)
	must(t, err)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// change is a revision of an incident of site 24673 that began n minutes after
// begin.
func change(id string, revision, n int) thongsuot.Change {
	start := begin.Add(time.Duration(n) * time.Minute)
	return thongsuot.Change{
		Kind: thongsuot.ChangeOpened, At: start,
		Incident: thongsuot.Incident{
			ID: id, Site: "24673", Start: start, Worst: thongsuot.StateDown, Revision: revision,
			Verdict: thongsuot.Verdict{
				State: thongsuot.StateDown, Cause: thongsuot.CausePower, Confidence: 0.7,
				Candidates: []string{"power", "access"},
				Evidence:   []thongsuot.Evidence{{Code: thongsuot.EvidenceBeatsUnanswered, At: start, Value: 3, Detail: "mất điện"}},
			},
		},
	}
}

func ended(c thongsuot.Change, after time.Duration) thongsuot.Change {
	c.Kind, c.Incident.End = thongsuot.ChangeClosed, c.Incident.Start.Add(after)
	return c
}

func at(site string, c thongsuot.Change) thongsuot.Change {
	c.Incident.Site = site
	return c
}

func keys(cs []thongsuot.Change) (out []string) {
	for _, c := range cs {
		out = append(out, c.Key())
	}
	return out
}

// incidents is incidents as "id/revision".
func incidents(is []thongsuot.Incident) (out []string) {
	for _, i := range is {
		out = append(out, thongsuot.Change{Incident: i}.Key())
	}
	return out
}

func TestReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sổ cái? #1 100%.db")
	l, err := ledger.Open(path)
	must(t, err)
	must(t, l.Record(t.Context(), []thongsuot.Change{change("i1", 1, 0)}))
	must(t, l.Close())
	l = open(t, path)
	got, err := l.OpenIncidents(t.Context())
	must(t, err)
	equal(t, "after opening again", incidents(got), []string{"i1/1"})
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, want it for its owner alone", info.Mode())
	}
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	must(t, open(t, "ledger.db").SetFact(t.Context(), "epoch", []byte("1")))
	if _, err := os.Stat("ledger.db"); err != nil {
		t.Error(err)
	}
}

// The settings that durability rests on are those of the file or of every
// connection that writes.
func TestWriteAheadLog(t *testing.T) {
	l, path := fresh(t)
	must(t, l.SetFact(t.Context(), "epoch", []byte("1")))
	var mode string
	must(t, raw(t, path).QueryRow("PRAGMA journal_mode").Scan(&mode))
	if mode != "wal" {
		t.Errorf("journal mode %q, want wal", mode)
	}
}

func refused(t *testing.T, path, want string) {
	t.Helper()
	l, err := ledger.Open(path)
	if err == nil {
		l.Close()
		t.Fatalf("%s is opened, want an error with %q", path, want)
	}
	if !strings.Contains(err.Error(), want) || strings.Count(err.Error(), path) != 1 {
		t.Errorf("error %q, want %q in it and the path once", err, want)
	}
}

func TestEmptyFileIsMigrated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, open(t, path).Record(t.Context(), []thongsuot.Change{change("i1", 1, 0)}))
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.Open(path)
	must(t, err)
	must(t, l.Close())
	rawExec(t, path, "PRAGMA user_version = 99")
	refused(t, path, "has schema version 99, this program knows versions up to 4: use the newer program")
	var v int
	must(t, raw(t, path).QueryRow("PRAGMA user_version").Scan(&v))
	if v != 99 {
		t.Errorf("the refused ledger has version %d now", v)
	}
}

// A migration that fails leaves the file as it was.
func TestMigrationIsOneTransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.Open(path)
	must(t, err)
	must(t, l.Close())
	rawExec(t, path, "PRAGMA user_version = 0; DROP TABLE incidents")
	refused(t, path, "0001_initial.sql")
	var n int
	must(t, raw(t, path).QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'incidents'").Scan(&n))
	if n != 0 {
		t.Error("half of a migration was kept")
	}
}

func TestForeignFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.db")
	rawExec(t, other, "CREATE TABLE songs (name TEXT)")
	before, err := os.ReadFile(other)
	must(t, err)
	refused(t, other, "is a database of another program")
	text := filepath.Join(dir, "notes.txt")
	must(t, os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600))
	refused(t, text, "is not a database")
	refused(t, dir, "is a directory")
	refused(t, filepath.Join(dir, "missing", "ledger.db"), "make its folder first")
	if after, err := os.ReadFile(other); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the other program's file was touched (%v)", err)
	}
}

func TestDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l, err := ledger.Open(path)
	must(t, err)
	must(t, l.Close())
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt(make([]byte, 3000), 100) // the schema itself, from behind the header of the file
	must(t, err)
	must(t, f.Close())
	refused(t, path, "damaged")
}

// While one program writes, another reads, and a writer that may not wait
// longer says so and leaves the ledger usable.
func TestLockedByAnother(t *testing.T) {
	l, path := fresh(t)
	must(t, l.Record(t.Context(), []thongsuot.Change{change("i1", 1, 0)}))
	other, err := raw(t, path).Conn(t.Context())
	must(t, err)
	defer other.Close()
	_, err = other.ExecContext(t.Context(), "BEGIN IMMEDIATE; UPDATE incidents SET site = 'x'")
	must(t, err)
	got, err := l.OpenIncidents(t.Context())
	must(t, err)
	if len(got) != 1 || got[0].Site != "24673" {
		t.Errorf("read %+v", got)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := l.SetFact(short, "epoch", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that the time is over", err)
	}
	_, err = other.ExecContext(t.Context(), "ROLLBACK")
	must(t, err)
	must(t, l.SetFact(t.Context(), "epoch", nil))
}

func TestClosed(t *testing.T) {
	l, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	must(t, err)
	must(t, l.Close())
	if err := l.SetFact(t.Context(), "epoch", nil); err == nil {
		t.Error("a closed ledger takes a fact")
	}
	if _, err := l.OpenIncidents(t.Context()); err == nil {
		t.Error("a closed ledger is read")
	}
	must(t, l.Close())
}

// A program with a file that it may not write must say so at its start.
func TestUnwritable(t *testing.T) {
	dir := t.TempDir()
	if os.Getuid() == 0 { // rights do not bind root
		mountSmall(t, dir, "1m")
		must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	} else {
		must(t, os.Chmod(dir, 0o500))
	}
	refused(t, filepath.Join(dir, "ledger.db"), "let the user of this program write the file and its folder")
}

// TestManyAtOnce: everything at once, for the race detector.
func TestManyAtOnce(t *testing.T) {
	l, _ := fresh(t)
	const workers, rounds = 8, 10
	done := make(chan error, workers)
	for w := range workers {
		go func() {
			done <- func() error {
				for n := range rounds {
					c := change(fmt.Sprintf("i%d-%d", w, n), 1, n)
					err := errors.Join(
						l.Record(t.Context(), []thongsuot.Change{c}),
						l.Route(t.Context(), c, []thongsuot.Delivery{delivery(c, "ops")}),
						l.MarkSeq(t.Context(), "24673", "boot", uint64(w*rounds+n), uint64(w*rounds+n)),
						l.SetFact(t.Context(), "epoch", []byte{byte(n)}),
					)
					_, readErr := l.Due(t.Context(), begin, 1)
					if err := errors.Join(err, readErr); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range workers {
		must(t, <-done)
	}
	got, err := l.Due(t.Context(), begin, -1)
	must(t, err)
	seen, err := l.SeenSeq(t.Context(), "24673", "boot", 0, workers*rounds-1)
	must(t, err)
	if len(got) != workers*rounds || !seen {
		t.Errorf("%d deliveries, want %d; all marks seen: %v", len(got), workers*rounds, seen)
	}
}
