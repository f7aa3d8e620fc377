package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"thongsuot/central"
	"thongsuot/cmd/internal/program"
	"thongsuot/identity"
	"thongsuot/ledger"
)

// newSecret makes a token, and keeps it in the file out unless that is "".
// First the file: a token that nobody holds must not open anything.
func newSecret(out string) (string, error) {
	secret := identity.NewToken()
	if out == "" {
		return secret, nil
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o700); err != nil {
		return "", err
	}
	return secret, os.WriteFile(out, []byte(secret+"\n"), 0o600)
}

// makeReader makes a token for a program that reads the query API, in place of
// the one that it had. A running centre knows it within seconds.
func makeReader(ctx context.Context, cfg central.Config, args []string, out string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		return program.Fail(stderr, program.ExitConfig, errors.New("reader: want one name, such as grafana"))
	}
	secret, err := newSecret(out)
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, fmt.Errorf("reader: %w", err))
	}
	now := time.Now()
	err = onLedger(ctx, cfg, ledger.AuditEntry{At: now, Who: "command line", What: "reader made", Detail: args[0]}, func(l *ledger.Ledger) error {
		return l.PutReader(ctx, ledger.Reader{Name: args[0], Hash: identity.Hash(secret), Created: now})
	})
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	if out == "" {
		fmt.Fprintln(stdout, secret)
	}
	return program.ExitOK
}

// revokeReader makes the token of a reader worthless.
func revokeReader(ctx context.Context, cfg central.Config, name string, stdout, stderr io.Writer) int {
	entry := ledger.AuditEntry{At: time.Now(), Who: "command line", What: "reader revoked", Detail: name}
	err := onLedger(ctx, cfg, entry, func(l *ledger.Ledger) error {
		there, err := l.DeleteReader(ctx, name)
		if err == nil && !there {
			err = fmt.Errorf("revoke: there is no reader %q", name)
		}
		return err
	})
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	fmt.Fprintf(stdout, "the token of reader %s no longer reads anything\n", name)
	return program.ExitOK
}

// onLedger does something to the ledger, and if it went well notes who did it.
func onLedger(ctx context.Context, cfg central.Config, entry ledger.AuditEntry, do func(*ledger.Ledger) error) error {
	l, err := openLedger(cfg)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := do(l); err != nil {
		return err
	}
	return l.Audit(ctx, entry)
}

// openLedger opens the ledger of the centre, which may be running.
func openLedger(cfg central.Config) (*ledger.Ledger, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o750); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	return ledger.Open(filepath.Join(cfg.DataDir, "ledger.db"))
}
