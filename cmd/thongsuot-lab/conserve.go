package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"thongsuot/cmd/internal/program"
	"thongsuot/lab/conserve"
)

const conserveUsage = `usage: thongsuot-lab conserve [-fault NAME,…] [-kills N] [-json] [-agent FILE] [-central FILE]

breaks one thing after another while the real programs work, and accounts for
every result: produced, stored, stored twice, dropped and counted, lost. Ends
with 1 unless nothing is lost or doubled. Needs root. The faults:

`

// keep accounts for every result under faults.
func keep(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg := conserve.DefaultConfig()
	flags := flag.NewFlagSet("conserve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, conserveUsage)
		for _, f := range conserve.Faults() {
			fmt.Fprintf(stderr, "  %-14s %s\n", f[0], f[1])
		}
		fmt.Fprintln(stderr)
		flags.PrintDefaults()
	}
	names := flags.String("fault", "", "names of faults, with commas between; nothing: all")
	asJSON := flags.Bool("json", false, "one JSON object a line")
	flags.IntVar(&cfg.Kills, "kills", cfg.Kills, "of each kind of kill -9; of power cuts a quarter of it")
	flags.IntVar(&cfg.Parallel, "parallel", cfg.Parallel, "faults at a time")
	flags.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "of all that is left to chance")
	flags.StringVar(&cfg.Agent, "agent", beside("thongsuot-agent"), "the agent's program")
	flags.StringVar(&cfg.Central, "central", beside("thongsuot-central"), "the centre's program")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return program.ExitOK
	} else if err != nil {
		return program.ExitConfig
	}
	if flags.NArg() > 0 {
		return program.Fail(stderr, program.ExitConfig, fmt.Errorf("conserve: takes flags only (got %q)", flags.Arg(0)))
	}
	if *names != "" {
		cfg.Faults = strings.Split(*names, ",")
	}
	if err := errors.Join(cfg.Validate(), usable(cfg.Agent), usable(cfg.Central)); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	lines, good := json.NewEncoder(stdout), true
	if !*asJSON {
		conserve.Heading(stdout)
	}
	err := conserve.Run(ctx, cfg, func(r conserve.Row) {
		good = good && r.OK()
		if *asJSON {
			_ = lines.Encode(r) // the reader went away
			return
		}
		r.Print(stdout)
	})
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	if !good {
		return program.ExitFailed
	}
	return program.ExitOK
}
