package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"thongsuot/cmd/internal/program"
	"thongsuot/lab/bench"
)

const benchUsage = `usage: thongsuot-lab bench [-json] [-rows NAME,NAME] [flags]

measures on this machine what the project holds itself to and prints it beside
its bar, with the peers that are installed at the same work. Some rows need
root, for network namespaces. The table goes to standard output, how it goes on
to standard error. Rows:

`

// runBench ends with 0 whatever the figures are: they are the result.
func runBench(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, benchUsage+bench.Describe())
		flags.PrintDefaults()
	}
	cfg := bench.DefaultConfig()
	cfg.Version = version
	cfg.Lab = beside("thongsuot-lab")
	if self, err := os.Executable(); err == nil {
		cfg.Lab = self
	}
	asJSON := flags.Bool("json", false, "one JSON object in place of the table")
	only := flags.String("rows", "", "names of rows, with commas; all when empty")
	flags.StringVar(&cfg.Agent, "agent", beside("thongsuot-agent"), "the agent's program")
	flags.StringVar(&cfg.Central, "central", beside("thongsuot-central"), "the centre's program")
	flags.StringVar(&cfg.Source, "source", cfg.Source, "folder of the module, for builds and the registry")
	flags.IntVar(&cfg.Minutes, "minutes", cfg.Minutes, "of a quiet site that are measured")
	flags.IntVar(&cfg.Repeats, "repeats", cfg.Repeats, "sites whose line is cut, and whose UPS goes on battery; 12 at most")
	flags.DurationVar(&cfg.Outage, "outage", cfg.Outage, "how long the centre is away")
	flags.IntVar(&cfg.Sites, "sites", cfg.Sites, "whose samples are stored and asked for")
	flags.IntVar(&cfg.Hours, "hours", cfg.Hours, "of samples of each site")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return program.ExitOK
	case err != nil:
		return program.ExitConfig
	case flags.NArg() > 0:
		return program.Fail(stderr, program.ExitConfig, fmt.Errorf("bench: takes flags only (got %q); rows are named with -rows", flags.Arg(0)))
	}
	if *only != "" {
		cfg.Rows = strings.Split(*only, ",")
	}
	if err := errors.Join(cfg.Validate(), usable(cfg.Agent), usable(cfg.Central)); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	report, err := bench.Run(ctx, cfg, func(text string) { fmt.Fprintln(stderr, text) })
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	if *asJSON {
		err = json.NewEncoder(stdout).Encode(report)
	} else {
		report.Print(stdout)
	}
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	return program.ExitOK
}
