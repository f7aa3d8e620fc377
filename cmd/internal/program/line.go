package program

import (
	"flag"
	"fmt"
	"io"
	"slices"
)

// Program is what a command line is read for.
type Program struct {
	Name     string
	Version  string
	Usage    string                                    // printed for help and for mistakes
	Commands []string                                  // beside version and help
	Flags    func(command string, flags *flag.FlagSet) // further flags of a command; nil for none
}

// Line is a command line.
type Line struct {
	Command string
	Config  string   // file, "" for none
	Args    []string // what is no flag
}

// Parse reads COMMAND [-config FILE] [flags] [args], flags before or behind the
// arguments. With ok false all has been
// said, and the program ends with code.
func (p Program) Parse(args []string, stdout, stderr io.Writer) (line Line, code int, ok bool) {
	if len(args) == 0 {
		fmt.Fprint(stderr, p.Usage)
		return Line{}, ExitConfig, false
	}
	switch line.Command = args[0]; {
	case line.Command == "version":
		fmt.Fprintln(stdout, p.Name, p.Version)
		return Line{}, ExitOK, false
	case slices.Contains([]string{"help", "-h", "-help", "--help"}, line.Command):
		fmt.Fprint(stdout, p.Usage)
		return Line{}, ExitOK, false
	case !slices.Contains(p.Commands, line.Command):
		fmt.Fprintf(stderr, "error: unknown command %q\n\n%s", line.Command, p.Usage)
		return Line{}, ExitConfig, false
	}
	flags := flag.NewFlagSet(line.Command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, p.Usage) }
	flags.StringVar(&line.Config, "config", "", "configuration file")
	if p.Flags != nil {
		p.Flags(line.Command, flags)
	}
	for rest := args[1:]; ; {
		if err := flags.Parse(rest); err != nil {
			return Line{}, ExitConfig, false
		}
		if flags.NArg() == 0 {
			return line, ExitOK, true
		}
		// package flag ends at the first word; people write flags behind it too.
		line.Args, rest = append(line.Args, flags.Arg(0)), flags.Args()[1:]
	}
}
