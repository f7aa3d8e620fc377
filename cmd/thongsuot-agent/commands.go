package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"thongsuot"
	"thongsuot/agent"
	"thongsuot/cmd/internal/program"
	"thongsuot/identity"
	"thongsuot/probes"
)

func measure(ctx context.Context, cfg agent.Config, load func() (agent.Config, error), stderr io.Writer) int {
	// The agent allocates little and its machine has little memory: a heap that
	// is cleared twice as often costs no CPU that can be measured and saves 1.5 MB.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	log := program.Log(stderr)
	a, err := agent.New(cfg, version, log)
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
			}
			cfg, err := load()
			if err == nil {
				err = a.Reload(cfg)
			}
			if err != nil {
				log.Error("configuration not taken; the running one stays", "err", err)
			}
		}
	}()
	if err := a.Run(ctx); err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	return program.ExitOK
}

// check makes everything that a run would make, but opens nothing for writing.
func check(cfg agent.Config, stdout, stderr io.Writer) int {
	err := cfg.Validate()
	if _, terr := identity.ReadTokenFile(cfg.Centre.TokenFile); err == nil && terr != nil {
		err = fmt.Errorf("centre.token_file: %w", terr)
	}
	targets, terr := agent.Targets(cfg, version, program.Log(stderr))
	if err := errors.Join(err, terr); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	fmt.Fprintln(stdout, "the configuration can work; it measures:")
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, p := range targets {
		fmt.Fprintf(w, "  %s\t%s\t%s\tevery %s\n", p.Name, p.Kind, p.Target, p.Every)
	}
	_ = w.Flush() // the output went away
	return program.ExitOK
}

// once runs one probe; or says what the machine offers and what would be asked
// of others, and with ask it does ask.
func once(ctx context.Context, cfg agent.Config, names []string, ask bool, stdout, stderr io.Writer) int {
	if len(names) != 1 {
		return program.Fail(stderr, program.ExitConfig, errors.New("once: want the name of one probe, or all"))
	}
	all := names[0] == "all"
	if all && !ask {
		cfg = agent.OnlyHere(cfg)
	}
	targets, err := agent.Targets(cfg, version, program.Log(stderr))
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	if all {
		machine(ctx, cfg, stdout)
	}
	var known, others []string
	ran, failed := false, false
	for _, p := range targets {
		known = append(known, p.Name)
		if !all && names[0] != p.Name {
			continue
		}
		if all && !ask && !agent.AsksHere(p) {
			others = append(others, strings.TrimSpace(p.Name+" "+p.Target))
			continue
		}
		r := probes.Run(ctx, p)
		print(stdout, r)
		ran, failed = true, failed || !r.OK()
	}
	if len(others) > 0 {
		fmt.Fprintf(stdout, "\nnot asked, since others would notice; once all -ask asks:\n  %s\n", strings.Join(others, "\n  "))
	}
	switch {
	case !ran && !all:
		slices.Sort(known)
		return program.Fail(stderr, program.ExitConfig, fmt.Errorf("once: no probe is called %q; there are %s", names[0], strings.Join(known, ", ")))
	case failed:
		return program.ExitFailed
	default:
		return program.ExitOK
	}
}

// machine prints what this machine offers, and what to do where it lacks something.
func machine(ctx context.Context, cfg agent.Config, stdout io.Writer) {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for _, f := range agent.Machine(ctx, cfg) {
		fmt.Fprintf(w, "%s\t%s\n", f.What, f.Is)
		if f.Hint != "" {
			fmt.Fprintf(w, "\t→ %s\n", f.Hint)
		}
	}
	_ = w.Flush() // the output went away
	fmt.Fprintln(stdout)
}

func print(w io.Writer, r thongsuot.Result) {
	fmt.Fprintf(w, "%s %s %s: %s", r.Probe, r.Kind, r.Target, r.Reason)
	if r.Detail != "" {
		fmt.Fprintf(w, " (%s)", r.Detail)
	}
	fmt.Fprintln(w)
	for _, f := range r.Fields {
		fmt.Fprintf(w, "  %s %v\n", f.Name, f.Value)
	}
}

// status asks the running agent through its local address.
func status(ctx context.Context, cfg agent.Config, stdout, stderr io.Writer) int {
	if _, _, err := net.SplitHostPort(cfg.Listen); err != nil {
		return program.Fail(stderr, program.ExitConfig, fmt.Errorf("listen: the agent serves no status there (got %q)", cfg.Listen))
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+cfg.Listen+"/status", nil)
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, fmt.Errorf("no agent answers at %s: %w", cfg.Listen, err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return program.Fail(stderr, program.ExitFailed, fmt.Errorf("what answers at %s is no agent: status %d", cfg.Listen, resp.StatusCode))
	}
	if _, err := io.Copy(stdout, resp.Body); err != nil {
		return program.Fail(stderr, program.ExitFailed, fmt.Errorf("status: %w", err))
	}
	return program.ExitOK
}
