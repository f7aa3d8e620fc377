package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"thongsuot"
	"thongsuot/central"
	"thongsuot/cmd/internal/program"
	"thongsuot/identity"
	"thongsuot/ledger"
	"thongsuot/registry"
)

// gcPercent lets the heap grow to three times what lives in it: a tenth less CPU
// for each sample, measured by central's BenchmarkIngest. GOGC outweighs it.
const gcPercent = 200

func serve(ctx context.Context, cfg central.Config, stderr io.Writer) int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	log := program.Log(stderr)
	s, err := central.New(cfg, version, log)
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-again:
				// A registry that cannot be taken is reported where it is read; the last good one stays.
				if err := s.Reload(ctx); err == nil {
					log.Info("registry read again")
				}
			}
		}
	}()
	if err := s.Run(ctx); err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	return program.ExitOK
}

func check(cfg central.Config, stdout, stderr io.Writer) int {
	r, err := loadRegistry(cfg)
	if err := errors.Join(cfg.Validate(), cfg.CheckFiles(program.Log(stderr)), err); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	active := 0
	for _, s := range r.Sites() {
		if s.Status == thongsuot.StatusActive {
			active++
		}
	}
	fmt.Fprintf(stdout, "the configuration can work; the registry holds %d sites, %d of them active\n", len(r.Sites()), active)
	return program.ExitOK
}

func loadRegistry(cfg central.Config) (*registry.Registry, error) {
	zone, err := time.LoadLocation(cfg.Zone)
	if err != nil {
		return nil, fmt.Errorf("zone: %w", err)
	}
	return registry.Load(zone, cfg.Registry...)
}

// token makes a token for one site of the registry. A running centre knows it
// within seconds.
func token(ctx context.Context, cfg central.Config, args []string, out string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		return program.Fail(stderr, program.ExitConfig, errors.New("token: want the code of one site"))
	}
	r, err := loadRegistry(cfg)
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	site, ok := r.Site(args[0])
	if !ok {
		return program.Fail(stderr, program.ExitConfig, fmt.Errorf("token: the registry has no site with code %q", args[0]))
	}
	if site.Status != thongsuot.StatusActive {
		fmt.Fprintf(stderr, "note: site %s is not marked active in the registry; until it is, its data are stored but never judged\n", site.Code)
	}
	secret, err := newSecret(out)
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, fmt.Errorf("token: %w", err))
	}
	if err := keep(ctx, cfg, site.Code, secret); err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	if out == "" {
		fmt.Fprintln(stdout, secret)
	}
	return program.ExitOK
}

// revoke deletes every token of a site, also of one that has left the
// registry. A running centre refuses them within seconds.
func revoke(ctx context.Context, cfg central.Config, args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		return program.Fail(stderr, program.ExitConfig, errors.New("revoke: want the code of one site"))
	}
	l, err := ledger.Open(filepath.Join(cfg.DataDir, "ledger.db"))
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	defer l.Close()
	tokens, err := l.TokensBySite(ctx, args[0])
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	if len(tokens) == 0 {
		return program.Fail(stderr, program.ExitFailed, fmt.Errorf("revoke: site %q has no token", args[0]))
	}
	for _, t := range tokens {
		if err := l.DeleteToken(ctx, t.Hash); err != nil {
			return program.Fail(stderr, program.ExitFailed, err)
		}
	}
	entry := ledger.AuditEntry{At: time.Now(), Who: "command line", What: "tokens revoked", Detail: "site " + args[0]}
	if err := l.Audit(ctx, entry); err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	fmt.Fprintf(stdout, "%d tokens of site %s no longer open anything\n", len(tokens), args[0])
	return program.ExitOK
}

func keep(ctx context.Context, cfg central.Config, site, secret string) error {
	key, err := identity.BeatKey(secret)
	if err != nil {
		return err
	}
	now := time.Now()
	entry := ledger.AuditEntry{At: now, Who: "command line", What: "token made", Detail: "site " + site}
	return onLedger(ctx, cfg, entry, func(l *ledger.Ledger) error {
		return l.PutToken(ctx, ledger.Token{Hash: identity.Hash(secret), Site: site, BeatKey: key, Note: "made by command", Created: now})
	})
}
