// Command thongsuot-lab is a province to try things on: simulated, or made of
// network namespaces on one machine.
package main

import (
	"context"
	"fmt"
	"io"
	_ "time/tzdata" // machines without zone data

	"thongsuot/cmd/internal/program"
)

// version is set by the build.
var version = "dev"

const usage = `thongsuot-lab is a province to try things on.

usage: thongsuot-lab COMMAND [flags]

  demo            the centre and a simulated province in a browser
  conserve        kills, power cuts, full disks: every result accounted for, as root
  real            real network faults between real programs, as root
  bench           measure this machine against the bars, beside peers
  scenarios FILE  judge labelled evidence and compare
  year            a simulated year against the incident engine, scored
  agent, sweep    parts of real, which starts them itself
  version         print the version

thongsuot-lab COMMAND -h lists the flags of a command.
`

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return program.ExitConfig
	}
	switch command := args[0]; command {
	case "demo":
		return runDemo(ctx, args[1:], stdout, stderr)
	case "conserve":
		return keep(ctx, args[1:], stdout, stderr)
	case "real":
		return real(ctx, args[1:], stdout, stderr)
	case "year":
		return playYear(ctx, args[1:], stdout, stderr)
	case "agent":
		return runAgent(ctx, args[1:], stderr)
	case "sweep":
		return sweep(ctx, args[1:], stderr)
	case "bench":
		return runBench(ctx, args[1:], stdout, stderr)
	case "scenarios":
		return judge(args[1:], stdout, stderr)
	case "version":
		fmt.Fprintln(stdout, "thongsuot-lab", version)
		return program.ExitOK
	case "help", "-h", "--help":
		fmt.Fprint(stdout, usage)
		return program.ExitOK
	default:
		fmt.Fprintf(stderr, "error: unknown command %q\n\n%s", command, usage)
		return program.ExitConfig
	}
}
