// Command thongsuot-agent measures the links, the power and the portal at one
// site and brings what it measured to the centre.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	_ "time/tzdata" // boxes without zone data

	"thongsuot/agent"
	"thongsuot/cmd/internal/program"
)

// version is set by the build.
var version = "dev"

const envPrefix = "THONGSUOT_AGENT_"

const usage = `thongsuot-agent measures links, power and the portal at one site.

usage: thongsuot-agent COMMAND [-config FILE]

  run            measure and send until told to stop
  check-config   say whether the configuration can work, and what it measures
  once PROBE     run one probe now and print what it found ("all" runs each)
  status         how the agent that runs here is doing
  version        print the version

Without -config, defaults and THONGSUOT_AGENT_… variables hold.
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
	if err := flags.Parse(args[1:]); err != nil {
		return program.ExitConfig
	}
	switch command {
	case "version":
		fmt.Fprintln(stdout, "thongsuot-agent", version)
		return program.ExitOK
	case "help", "-h", "--help":
		fmt.Fprint(stdout, usage)
		return program.ExitOK
	case "run", "check-config", "once", "status":
	default:
		fmt.Fprintf(stderr, "error: unknown command %q\n\n%s", command, usage)
		return program.ExitConfig
	}
	cfg := agent.DefaultConfig()
	if err := program.Load(*file, os.Environ(), envPrefix, &cfg); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	switch command {
	case "run":
		return measure(ctx, cfg, stderr)
	case "check-config":
		return check(cfg, stdout, stderr)
	case "once":
		return once(ctx, cfg, flags.Args(), stdout, stderr)
	default:
		return status(ctx, cfg, stdout, stderr)
	}
}
