package main

import (
	"context"
	"errors"
	"flag"
	"io"

	"thongsuot/agent"
	"thongsuot/cmd/internal/program"
	lab "thongsuot/lab/real"
)

// runAgent is the agent on a machine of the lab whose clock is the script's.
// The lab itself starts it.
func runAgent(ctx context.Context, args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("agent", flag.ContinueOnError)
	flags.SetOutput(stderr)
	config := flags.String("config", "", "the agent's configuration file")
	clock := flags.String("clock", "", "file that says by how many nanoseconds the machine's clock is off")
	booted := flags.Duration("booted", 0, "CLOCK_BOOTTIME at which the machine started")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return program.ExitOK
	case err != nil || flags.NArg() > 0:
		return program.ExitConfig
	}
	cfg := agent.DefaultConfig()
	if err := program.Load(*config, nil, "", &cfg); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	boottime, wall := lab.MachineClock(*clock, *booted)
	a, err := agent.NewWithClock(cfg, version, boottime, wall, program.Log(stderr))
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	if err := a.Run(ctx); err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	return program.ExitOK
}
