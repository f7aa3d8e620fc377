// Command thongsuot-central is the centre of a province: it takes in what
// agents measure, stores it, decides what is wrong, tells people and shows
// pages.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	_ "time/tzdata" // machines without zone data

	"thongsuot/central"
	"thongsuot/cmd/internal/program"
)

// version is set by the build.
var version = "dev"

const envPrefix = "THONGSUOT_CENTRAL_"

const usage = `thongsuot-central is the centre of a province.

usage: thongsuot-central COMMAND [-config FILE]

  run            take in, store, decide, tell and show until told to stop
  check-config   say whether the configuration and the registry can work
  token SITE     make a token that opens the data of one site; -out FILE
                 writes it there instead of printing it
  version        print the version

Without -config, defaults and THONGSUOT_CENTRAL_… variables hold.
SIGHUP makes a running centre read its registry again.
`

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return program.ExitConfig
	}
	command := args[0]
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	file := flags.String("config", "", "configuration file")
	out := ""
	if command == "token" {
		flags.StringVar(&out, "out", "", "file for the token")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return program.ExitConfig
	}
	switch command {
	case "version":
		fmt.Fprintln(stdout, "thongsuot-central", version)
		return program.ExitOK
	case "help", "-h", "--help":
		fmt.Fprint(stdout, usage)
		return program.ExitOK
	case "run", "check-config", "token":
	default:
		fmt.Fprintf(stderr, "error: unknown command %q\n\n%s", command, usage)
		return program.ExitConfig
	}
	cfg := central.DefaultConfig()
	if err := program.Load(*file, os.Environ(), envPrefix, &cfg); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	switch command {
	case "run":
		return serve(ctx, cfg, stderr)
	case "check-config":
		return check(cfg, stdout, stderr)
	default:
		return token(ctx, cfg, flags.Args(), out, stdout, stderr)
	}
}
