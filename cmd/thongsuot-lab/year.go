package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/goccy/go-yaml"

	"thongsuot/cmd/internal/program"
	"thongsuot/lab/year"
)

const yearUsage = `usage: thongsuot-lab year [-sites N] [-days D] [-seed S] [-json] [-config FILE]

plays a year of a province in virtual time against the incident engine and
prints how right it was. The same seed and configuration print the same bytes;
time and memory go to standard error.
`

// playYear exits 1 only when the year could not be played: what the engine got
// wrong is the result, not an error.
func playYear(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg := year.DefaultConfig()
	flags := flag.NewFlagSet("year", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, yearUsage)
		flags.PrintDefaults()
	}
	file := flags.String("config", "", "YAML file of assumptions, thresholds and size; -show prints the defaults. Flags outweigh it")
	sites := flags.Int("sites", cfg.Sites, "communes of the registry")
	days := flags.Int("days", cfg.Days, "length")
	seed := flags.Uint64("seed", cfg.Seed, "of all that is drawn")
	folder := flags.String("registry", cfg.Registry, "folder of the registry")
	each := flags.Bool("each", cfg.Each, "feed every beat and round by itself; it gives the same and takes long")
	asJSON := flags.Bool("json", false, "one JSON object")
	log := flags.String("changes", "", "file for every change of the engine, one JSON object a line")
	show := flags.Bool("show", false, "print the configuration in use and end")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return program.ExitOK
	case err != nil:
		return program.ExitConfig
	case flags.NArg() > 0:
		return program.Fail(stderr, program.ExitConfig, fmt.Errorf("year: takes flags only (got %q)", flags.Arg(0)))
	}
	if *file != "" {
		text, err := os.ReadFile(*file)
		if err == nil {
			err = yaml.UnmarshalWithOptions(text, &cfg, yaml.Strict())
		}
		if err != nil {
			return program.Fail(stderr, program.ExitConfig, fmt.Errorf("%s: %w", *file, err))
		}
	}
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "sites":
			cfg.Sites = *sites
		case "days":
			cfg.Days = *days
		case "seed":
			cfg.Seed = *seed
		case "registry":
			cfg.Registry = *folder
		case "each":
			cfg.Each = *each
		}
	})
	if err := cfg.Validate(); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	if *show {
		text, err := yaml.Marshal(cfg)
		if err != nil {
			return program.Fail(stderr, program.ExitFailed, err)
		}
		_, _ = stdout.Write(text) // the output went away
		return program.ExitOK
	}
	defer debug.SetGCPercent(debug.SetGCPercent(fewerCollections))
	begin := time.Now()
	result, err := year.Run(ctx, cfg)
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	if *log != "" {
		if err := writeChanges(*log, result.Changes); err != nil {
			return program.Fail(stderr, program.ExitFailed, err)
		}
	}
	report := result.Report()
	if *asJSON {
		err = report.JSON(stdout)
	} else {
		report.Print(stdout)
	}
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(stderr, "%.1f s, %d MB of memory\n", time.Since(begin).Seconds(), m.Sys>>20)
	return program.ExitOK
}

// fewerCollections lets the heap grow further between collections, percent: what
// lives is small beside what is made and dropped.
const fewerCollections = 300

func writeChanges(file string, changes []year.Told) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	e := json.NewEncoder(w)
	for _, c := range changes {
		if err := e.Encode(c); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(w.Flush(), f.Close())
}
