package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"thongsuot"
	"thongsuot/central"
	"thongsuot/cmd/internal/program"
	"thongsuot/ledger"
)

// truthFlags say what an incident was.
type truthFlags struct{ cause, note, who string }

func (t *truthFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&t.cause, "cause", "", "what it was")
	flags.StringVar(&t.note, "note", "", "how that is known")
	flags.StringVar(&t.who, "who", commandLine, "who says so: an office or an account")
}

// correct keeps what an incident was. A running centre tells it within seconds.
func correct(ctx context.Context, cfg central.Config, t truthFlags, args []string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		return program.Fail(stderr, program.ExitConfig, errors.New("correct: want the code of one incident, as its page and its messages have it"))
	}
	truth := thongsuot.Truth{Incident: args[0], Cause: thongsuot.Cause(t.cause), Who: t.who, How: thongsuot.HowCommand, At: time.Now(), Note: t.note}
	if err := truth.Validate(); err != nil {
		return program.Fail(stderr, program.ExitConfig, fmt.Errorf("correct: -%w", err))
	}
	entry := ledger.AuditEntry{At: truth.At, Who: t.who, What: "incident corrected", Detail: truth.Incident + " " + t.cause}
	if err := onLedger(ctx, cfg, entry, func(l *ledger.Ledger) error { return l.AddTruth(ctx, truth) }); err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	fmt.Fprintf(stdout, "kept: incident %s was %s; a running centre says so within seconds\n", truth.Incident, truth.Cause)
	return program.ExitOK
}

// matrixFlags say of which time.
type matrixFlags struct {
	days   int
	asJSON bool
}

func (m *matrixFlags) register(flags *flag.FlagSet) {
	flags.IntVar(&m.days, "days", 365, "of the last so many days")
	flags.BoolVar(&m.asJSON, "json", false, "as JSON")
}

// matrix prints how conclusions compare with what people said.
func matrix(ctx context.Context, cfg central.Config, m matrixFlags, stdout, stderr io.Writer) int {
	l, err := openLedger(cfg)
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	defer l.Close()
	now := time.Now()
	result, err := central.Accuracy(ctx, l, now.AddDate(0, 0, -m.days), now)
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	if m.asJSON {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(result)
	} else {
		err = printMatrix(stdout, result)
	}
	if err != nil {
		return program.Fail(stderr, program.ExitFailed, err)
	}
	return program.ExitOK
}

func printMatrix(w io.Writer, m thongsuot.Matrix) (err error) {
	p := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format, args...)
		}
	}
	p("%d incidents of which somebody said the cause\n", m.Judged)
	for _, c := range []struct {
		name string
		thongsuot.Comparison
	}{{"live", m.Live}, {"final", m.Final}} {
		p("\n%s: %d right, %d undecided, Brier %.3f\n%-10s %-10s %s\n", c.name, c.Right, c.Undecided, c.Brier, "truth", "concluded", "incidents")
		for _, cell := range c.Cells {
			p("%-10s %-10s %d\n", cell.Truth, cell.Concluded, cell.Count)
		}
		for _, l := range c.Levels {
			p("held with %s confidence: %d, right %d\n", l.Level, l.Count, l.Right)
		}
	}
	return err
}
