package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"thongsuot/central"
	"thongsuot/cmd/internal/program"
	"thongsuot/reports"
	"thongsuot/reports/pdf"
	"thongsuot/reports/xlsx"
)

// reportFlags are the flags of the command report.
type reportFlags struct {
	from, to, out, format, costs string
}

func (f *reportFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.from, "from", "", "first day")
	flags.StringVar(&f.to, "to", "", "last day")
	flags.StringVar(&f.out, "out", ".", "folder for the files")
	flags.StringVar(&f.format, "format", strings.Join(formats(), ","), "formats")
	flags.StringVar(&f.costs, "costs", "", "file of prices")
}

// formats are the files that a report can be, by the word of the flag.
func formats() []string { return []string{"pdf", "xlsx", "csv", "html"} }

// report writes a planners' report on the data of a centre, running or not.
func report(ctx context.Context, cfg central.Config, f reportFlags, stdout, stderr io.Writer) int {
	from, to, want, err := f.read(cfg)
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	costs, err := readCosts(f.costs)
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	if err := cfg.Reports.Validate(); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	// Between any two parts of the work it can be ended.
	told := func(share float64) error { return ctx.Err() }
	in, err := central.ReportInput(ctx, cfg, cfg.Reports, from, to, version, program.Log(stderr), told)
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	r, err := reports.Make(in, cfg.Reports, costs, told)
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	files, err := writeReport(r, f.out, want, ctx.Err)
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, fmt.Errorf("report: %w", err))
	}
	for _, s := range r.Summary() {
		fmt.Fprintln(stdout, s)
	}
	for _, name := range files {
		fmt.Fprintln(stdout, name)
	}
	return program.ExitOK
}

// read makes of the flags a period, its last day included, and the formats.
func (f reportFlags) read(cfg central.Config) (from, to time.Time, want []string, err error) {
	zone, err := time.LoadLocation(cfg.Zone)
	if err != nil {
		return from, to, nil, fmt.Errorf("zone: %w", err)
	}
	day := func(name, value string) (time.Time, error) {
		t, err := time.ParseInLocation(time.DateOnly, value, zone)
		if err != nil {
			err = fmt.Errorf("-%s: want a day such as 2026-11-01 (got %q)", name, value)
		}
		return t, err
	}
	from, err1 := day("from", f.from)
	to, err2 := day("to", f.to)
	if err := errors.Join(err1, err2); err != nil {
		return from, to, nil, err
	}
	if to.Before(from) {
		return from, to, nil, fmt.Errorf("-to: must not be before -from %s (got %q)", f.from, f.to)
	}
	for _, word := range strings.Split(f.format, ",") {
		if !slices.Contains(formats(), word) {
			return from, to, nil, fmt.Errorf("-format: want some of %s (got %q)", strings.Join(formats(), ","), word)
		}
		want = append(want, word)
	}
	return from, to.AddDate(0, 0, 1), want, nil
}

// readCosts reads the table of prices; "" stands for the examples.
func readCosts(path string) (reports.Costs, error) {
	costs := reports.DefaultCosts()
	if path == "" {
		return costs, nil
	}
	costs = reports.Costs{}
	if err := program.Load(path, nil, "", &costs); err != nil {
		return costs, err
	}
	if err := costs.Validate(); err != nil {
		return costs, fmt.Errorf("%s: %w", path, err)
	}
	return costs, nil
}

// writeReport writes the files of a report into a folder and names them.
func writeReport(r *reports.Report, dir string, want []string, goesOn func() error) (names []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	write := func(name string, to func(io.Writer) error) {
		if err != nil {
			return
		}
		name = filepath.Join(dir, name)
		names = append(names, name)
		err = writeFile(name, to)
	}
	for _, format := range want {
		switch format {
		case "pdf":
			write("bao-cao.pdf", func(w io.Writer) error { return pdf.Write(w, r, goesOn) })
		case "xlsx":
			write("bao-cao.xlsx", func(w io.Writer) error { return xlsx.Write(w, r) })
		case "csv":
			for _, t := range r.Tables() {
				write(t.Name+".csv", func(w io.Writer) error { return t.CSV(w, r.In.Registry.Zone()) })
			}
		case "html":
			write("bao-cao.html", r.HTML)
		}
	}
	return names, err
}

func writeFile(name string, to func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(to(f), f.Close())
}
