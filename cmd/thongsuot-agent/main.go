// Command thongsuot-agent measures the links, the power and the portal at one
// site and brings what it measured to the centre.
package main

import (
	"context"
	"flag"
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

  run            measure and send until told to stop; SIGHUP reads probes and metered again
  check-config   say whether the configuration can work, and what it measures
  once PROBE     run one probe now and print what it found
  once all       say what this machine offers and lacks, and what would be asked
                 of others; with -ask do ask it
  status         how the agent that runs here is doing
  version        print the version

Without -config, defaults and THONGSUOT_AGENT_… variables hold.
`

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ask := false
	p := program.Program{
		Name: "thongsuot-agent", Version: version, Usage: usage,
		Commands: []string{"run", "check-config", "once", "status"},
		Flags: func(command string, flags *flag.FlagSet) {
			if command == "once" {
				flags.BoolVar(&ask, "ask", false, "with all: ask what lies beyond this machine, too")
			}
		},
	}
	line, code, ok := p.Parse(args, stdout, stderr)
	if !ok {
		return code
	}
	load := func() (agent.Config, error) {
		cfg := agent.DefaultConfig()
		err := program.Load(line.Config, os.Environ(), envPrefix, &cfg)
		return cfg, err
	}
	cfg, err := load()
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	switch line.Command {
	case "run":
		return measure(ctx, cfg, load, stderr)
	case "check-config":
		return check(cfg, stdout, stderr)
	case "once":
		return once(ctx, cfg, line.Args, ask, stdout, stderr)
	default:
		return status(ctx, cfg, stdout, stderr)
	}
}
