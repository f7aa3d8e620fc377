package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"thongsuot/cmd/internal/program"
	lab "thongsuot/lab/real"
)

const realUsage = `usage: thongsuot-lab real [-script NAME|FILE] [-json] [-logs DIR] [-agent FILE] [-central FILE]

plays a province with the real programs in network namespaces of this machine,
breaks things as the script says, and prints what truly happened beside what
was recorded and told. Needs root. Scripts that come with it: `

// real exits 1 only when the lab itself failed: what the province got wrong is
// the result, not an error.
func real(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("real", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, realUsage+strings.Join(lab.Samples(), ", "))
		flags.PrintDefaults()
	}
	script := flags.String("script", "short", "name of a script that comes with the program, or a file")
	asJSON := flags.Bool("json", false, "one JSON object a line: the events, then the summary")
	var cfg lab.Config
	flags.StringVar(&cfg.Logs, "logs", "", "folder for the programs' logs")
	flags.StringVar(&cfg.Agent, "agent", beside("thongsuot-agent"), "the agent's program")
	flags.StringVar(&cfg.Central, "central", beside("thongsuot-central"), "the centre's program")
	cfg.Lab = beside("thongsuot-lab")
	if self, err := os.Executable(); err == nil {
		cfg.Lab = self
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return program.ExitOK
	} else if err != nil {
		return program.ExitConfig
	}
	if flags.NArg() > 0 {
		return program.Fail(stderr, program.ExitConfig, fmt.Errorf("real: takes flags only (got %q); a script is named with -script", flags.Arg(0)))
	}
	var err error
	if cfg.Script, err = readScript(*script); err == nil {
		err = errors.Join(usable(cfg.Agent), usable(cfg.Central), makeFolder(cfg.Logs))
	}
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	lines := json.NewEncoder(stdout)
	say := func(e lab.Event) { e.Print(stdout) }
	if *asJSON {
		say = func(e lab.Event) { _ = lines.Encode(e) } // the reader went away
	}
	sum, err := lab.Run(ctx, cfg, say)
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	if *asJSON {
		_ = lines.Encode(map[string]lab.Summary{"summary": sum})
	} else {
		sum.Print(stdout)
	}
	return program.ExitOK
}

// beside is a program in the folder of this one.
func beside(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}

func usable(file string) error {
	info, err := os.Stat(file)
	if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is no program; build it with make build, or name it with -agent and -central", file)
	}
	return nil
}

func makeFolder(dir string) error {
	if dir == "" {
		return nil
	}
	return os.MkdirAll(dir, 0o755)
}

// readScript takes a name for a script that comes along; anything with a dot or
// a slash is a file.
func readScript(name string) (lab.Script, error) {
	if !strings.ContainsAny(name, "./") {
		return lab.Sample(name)
	}
	f, err := os.Open(name)
	if err != nil {
		return lab.Script{}, fmt.Errorf("script: %w", err)
	}
	defer f.Close()
	return lab.Parse(filepath.Base(name), f)
}
