package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"thongsuot/central"
	"thongsuot/cmd/internal/program"
)

// backtestFlags say what is replayed, and with which rules.
type backtestFlags struct {
	from, to, rules, data string
	asJSON                bool
}

func (b *backtestFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&b.from, "from", "", "day or day and time; 7 days ago")
	flags.StringVar(&b.to, "to", "", "day or day and time; now")
	flags.StringVar(&b.rules, "rules", "", "file with the fields of incident: that are other")
	flags.StringVar(&b.data, "data", "", "data folder, such as that of a restored backup")
	flags.BoolVar(&b.asJSON, "json", false, "as JSON")
}

func (b *backtestFlags) span(zone *time.Location, now time.Time) (from, to time.Time, err error) {
	moment := func(name, text string, otherwise time.Time) (time.Time, error) {
		if text == "" {
			return otherwise, nil
		}
		for _, layout := range append([]string{time.DateOnly, "02/01/2006", time.RFC3339}, windowTimes...) {
			if t, err := time.ParseInLocation(layout, text, zone); err == nil {
				return t, nil
			}
		}
		return time.Time{}, fmt.Errorf("backtest: -%s: want a day such as 2026-11-25, or one with its time (got %q)", name, text)
	}
	var errs [2]error
	from, errs[0] = moment("from", b.from, now.AddDate(0, 0, -7))
	to, errs[1] = moment("to", b.to, now)
	return from, to, errors.Join(errs[:]...)
}

// backtest prints what other rules would have made of the history.
func backtest(ctx context.Context, cfg central.Config, b backtestFlags, stdout, stderr io.Writer) int {
	zone, err := time.LoadLocation(cfg.Zone)
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, fmt.Errorf("zone: %w", err))
	}
	from, to, err := b.span(zone, time.Now().In(zone).Truncate(time.Minute))
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	rules := cfg.Incident
	if err := program.Load(b.rules, nil, envPrefix, &rules); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	if err := errors.Join(cfg.Incident.Validate(), rules.Validate()); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	if b.data != "" {
		cfg.DataDir, cfg.Store.Dir = b.data, ""
	}
	result, err := central.RunBacktest(ctx, cfg, rules, from, to, program.Log(stderr))
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	if b.asJSON {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(result)
	} else {
		err = printBacktest(stdout, result, zone)
	}
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	return program.ExitOK
}

func printBacktest(w io.Writer, b central.Backtest, zone *time.Location) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	at := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.In(zone).Format(time.DateTime)
	}
	where := func(f central.Found) string {
		if f.Region.Kind != "" {
			return string(f.Region.Kind) + " " + f.Region.Name
		}
		return f.Site
	}
	fmt.Fprintf(out, "%s to %s, %d sites with history\n", at(b.From), at(b.To), b.Sites)
	fmt.Fprintf(out, "incidents: %d with the present rules, %d with the others: %d added, %d removed, %d changed\n", b.Base, b.Other, len(b.Added), len(b.Removed), len(b.Changed))
	fmt.Fprintf(out, "the record of that time holds %d; %d of them the present rules do not find in this history\n", b.OnRecord, b.Unmatched)
	list := func(title string, all []central.Found) {
		if len(all) == 0 {
			return
		}
		fmt.Fprintf(out, "\n%s\nWHERE\tSTART\tEND\tTOLD\tSTATE\tCAUSE\n", title)
		for _, f := range all {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", where(f), at(f.Start), at(f.End), at(f.Told), f.State, f.Cause)
		}
	}
	list("added", b.Added)
	list("removed", b.Removed)
	if len(b.Changed) > 0 {
		fmt.Fprint(out, "\nchanged\nWHERE\tSTART\tTOLD LATER BY\tCAUSE NOW\tCAUSE THEN\n")
		for _, c := range b.Changed {
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", where(c.Base), at(c.Base.Start), time.Duration(c.Delay)*time.Second, c.Base.Cause, c.Other.Cause)
		}
	}
	if len(b.Messages) > 0 {
		fmt.Fprint(out, "\nmessages\nRECEIVER\tPRESENT RULES\tOTHER RULES\n")
		for _, m := range b.Messages {
			fmt.Fprintf(out, "%s\t%d\t%d\n", m.Receiver, m.Base, m.Other)
		}
	}
	fmt.Fprintln(out, "\nwhat this history cannot show")
	for _, n := range b.Notes {
		fmt.Fprintln(out, "- "+n)
	}
	return out.Flush()
}
