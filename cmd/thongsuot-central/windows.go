package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"thongsuot"
	"thongsuot/central"
	"thongsuot/cmd/internal/program"
	"thongsuot/ledger"
	"thongsuot/registry"
)

// windowFlags say what is announced.
type windowFlags struct{ sites, cause, start, end, source, reason, who string }

func (w *windowFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&w.sites, "sites", "", "codes, or all")
	flags.StringVar(&w.cause, "cause", "", "power, access, portal or host")
	flags.StringVar(&w.start, "start", "", "day and time")
	flags.StringVar(&w.end, "end", "", "day and time")
	flags.StringVar(&w.source, "source", "", "who announced it")
	flags.StringVar(&w.reason, "reason", "", "why")
	flags.StringVar(&w.who, "who", commandLine, "who does this")
}

// commandLine is who does what is done by command, as far as the program knows.
const commandLine = "command line"

// windowTimes are the ways to write a day and a time.
var windowTimes = []string{"2006-01-02 15:04", "02/01/2006 15:04", "2006-01-02T15:04"}

func (w *windowFlags) window(zone *time.Location) (thongsuot.Window, error) {
	moment := func(name, text string) (time.Time, error) {
		for _, layout := range windowTimes {
			if t, err := time.ParseInLocation(layout, text, zone); err == nil {
				return t, nil
			}
		}
		return time.Time{}, fmt.Errorf("window: -%s: want a day and a time such as \"2026-11-25 07:30\" (got %q)", name, text)
	}
	start, err := moment("start", w.start)
	if err != nil {
		return thongsuot.Window{}, err
	}
	end, err := moment("end", w.end)
	return thongsuot.Window{
		Sites: strings.FieldsFunc(w.sites, func(c rune) bool { return c == ' ' || c == ',' }),
		Cause: thongsuot.Cause(w.cause), Start: start, End: end, Source: w.source, Reason: w.reason,
	}, err
}

// windows announces, lists or takes back a window. A running centre takes it up
// within seconds.
func windows(ctx context.Context, cfg central.Config, w windowFlags, args []string, stdout, stderr io.Writer) int {
	err := cfg.Validate()
	zone, zoneErr := time.LoadLocation(cfg.Zone)
	switch err := errors.Join(err, zoneErr); {
	case err != nil:
		return program.Fail(stderr, program.ExitConfig, err)
	case len(args) == 1 && args[0] == "add":
		return addWindow(ctx, cfg, zone, w, stdout, stderr)
	case len(args) == 1 && args[0] == "list":
		return listWindows(cfg, zone, stdout, stderr)
	case len(args) == 2 && args[0] == "remove":
		return removeWindow(ctx, cfg, zone, w, args[1], stdout, stderr)
	default:
		return program.Fail(stderr, program.ExitConfig, errors.New("window: want add, list or remove ID"))
	}
}

func addWindow(ctx context.Context, cfg central.Config, zone *time.Location, w windowFlags, stdout, stderr io.Writer) int {
	window, err := w.window(zone)
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	var added registry.Announced
	entry := ledger.AuditEntry{At: time.Now(), Who: w.who, What: "window announced", Detail: fmt.Sprintf("%s %s %s..%s by %s", w.sites, w.cause, w.start, w.end, w.source)}
	err = onLedger(ctx, cfg, entry, func(*ledger.Ledger) (err error) {
		added, err = registry.AddWindow(zone, cfg.Registry, cfg.Registry[0], window, time.Now())
		return err
	})
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	fmt.Fprintf(stdout, "%s announced in %s\n", added.ID, added.File)
	return program.ExitOK
}

func listWindows(cfg central.Config, zone *time.Location, stdout, stderr io.Writer) int {
	r, err := registry.Load(zone, cfg.Registry...)
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	out := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tCAUSE\tSTART\tEND\tSITES\tSOURCE\tREASON\tFILE")
	for _, w := range r.Announced(time.Now()) {
		sites := strings.Join(w.Sites, " ")
		if len(w.Sites) > 5 {
			sites = fmt.Sprintf("%s … (%d)", strings.Join(w.Sites[:5], " "), len(w.Sites))
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s:%d\n", w.ID, w.Cause, w.Start.Format(windowTimes[0]), w.End.Format(windowTimes[0]), sites, w.Source, w.Reason, w.File, w.Line)
	}
	if err := out.Flush(); err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	return program.ExitOK
}

func removeWindow(ctx context.Context, cfg central.Config, zone *time.Location, w windowFlags, id string, stdout, stderr io.Writer) int {
	entry := ledger.AuditEntry{At: time.Now(), Who: w.who, What: "window taken back", Detail: id}
	var gone registry.Announced
	err := onLedger(ctx, cfg, entry, func(*ledger.Ledger) (err error) {
		gone, err = registry.RemoveWindow(zone, cfg.Registry, id)
		return err
	})
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	fmt.Fprintf(stdout, "%s taken out of %s\n", id, gone.File)
	return program.ExitOK
}
