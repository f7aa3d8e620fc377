// Package bench measures what this machine can of the figures that the project
// holds itself to, and prints each beside its bar. Where a peer is installed it
// gets the same work in the same run, so that the ratio means something on a
// noisy machine too.
//
// Nothing leaves the machine: servers and load live in network namespaces of
// the run or on loopback, and what a run starts or makes is gone when it ends.
// A figure that cannot be measured is not guessed: the report says what was
// left out and why.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Config says what is measured, with what, and how long.
type Config struct {
	Agent   string // path of thongsuot-agent
	Central string // path of thongsuot-central
	Lab     string // path of thongsuot-lab, for what needs a process of its own
	Source  string // folder of the module, for builds and the registry. Default "."
	Rows    []string
	Version string

	Minutes int           // of a quiet site. Default 5
	Repeats int           // sites whose line is cut once and whose UPS is, timed. Default 12
	Outage  time.Duration // of the centre. Default 5 minutes
	Sites   int           // whose samples are stored and asked for. Default 124
	Hours   int           // of samples of each site. Default 24
}

// DefaultConfig is the whole bench, some forty minutes.
func DefaultConfig() Config {
	return Config{Source: ".", Minutes: 5, Repeats: 12, Outage: 5 * time.Minute, Sites: 124, Hours: 24}
}

// Validate names every field that cannot work.
func (c Config) Validate() error {
	var errs []error
	within := func(name string, n, least, most int) {
		if n < least || n > most {
			errs = append(errs, fmt.Errorf("%s: want %d to %d (got %d)", name, least, most, n))
		}
	}
	within("minutes", c.Minutes, 1, 120)
	within("repeats", c.Repeats, 1, maxRepeats)
	within("sites", c.Sites, 1, 5000)
	within("hours", c.Hours, 1, 48)
	if c.Outage < 30*time.Second || c.Outage > time.Hour {
		errs = append(errs, fmt.Errorf("outage: want 30s to 1h (got %s)", c.Outage))
	}
	for _, name := range c.Rows {
		if !slices.ContainsFunc(rows(), func(r row) bool { return r.name == name }) {
			errs = append(errs, fmt.Errorf("rows: there is none called %q; there are %s", name, strings.Join(RowNames(), ", ")))
		}
	}
	return errors.Join(errs...)
}

// row is one thing that is measured, giving one figure or several.
type row struct {
	name    string
	about   string
	measure func(context.Context, *run) error
}

// rows are measured in this order. A new one is a file with its function, and a
// line here.
func rows() []row {
	return []row{
		{"size", "the agent's binary, built for each platform", size},
		{"agent", "memory, CPU, bytes on the line and on the disk of an agent at the standard job", agentAtWork},
		{"alerts", "how long a cut, its end and a power cut take to be told", alerts},
		{"outage", "samples lost while the centre is away and the agent is killed", outage},
		{"store", "what it costs to take samples in, to keep them and to ask for them", storing},
		{"year", "what a simulated year costs, and how right its answers are", aYear},
		{"report", "how long the planners' report on a year takes", planners},
		{"page", "weight of the overview page", page},
	}
}

// RowNames are the names of all rows.
func RowNames() (names []string) {
	for _, r := range rows() {
		names = append(names, r.name)
	}
	return names
}

// Describe tells what each row measures.
func Describe() string {
	var b strings.Builder
	for _, r := range rows() {
		fmt.Fprintf(&b, "  %-8s %s\n", r.name, r.about)
	}
	return b.String()
}

// run is one run of the bench.
type run struct {
	cfg    Config
	dir    string // of this run, for all that it makes
	row    string // that is measured now
	report *Report
	say    func(string)
}

// Run measures the rows. A row that fails is left out of the report with the
// reason; only the end of ctx ends the run. say is told how it goes on.
func Run(ctx context.Context, cfg Config, say func(string)) (Report, error) {
	report := Report{Machine: thisMachine(cfg.Version)}
	if err := cfg.Validate(); err != nil {
		return report, err
	}
	dir, err := os.MkdirTemp("", "thongsuot-bench-")
	if err != nil {
		return report, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &run{cfg: cfg, dir: dir, report: &report, say: say}
	for _, r := range rows() {
		if len(cfg.Rows) > 0 && !slices.Contains(cfg.Rows, r.name) {
			continue
		}
		say(r.name + ": " + r.about)
		b.row = r.name
		begin := time.Now()
		if err := r.measure(ctx, b); err != nil {
			if ctx.Err() != nil {
				return report, ctx.Err()
			}
			b.leave(r.about, "%v", err)
		}
		say(fmt.Sprintf("%s: done in %s", r.name, time.Since(begin).Round(time.Second)))
	}
	report.compare()
	return report, nil
}

// ours is the name under which our own figures stand.
const ours = "thongsuot"

// add takes down a figure of ours.
func (b *run) add(f Figure) {
	f.Row = b.row
	if f.Of == "" {
		f.Of = ours
	}
	b.report.Figures = append(b.report.Figures, f)
	b.say("  " + f.String())
}

// leave says what was not measured, and why.
func (b *run) leave(what, format string, args ...any) {
	l := Left{Row: b.row, What: what, Why: strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")}
	b.report.Left = append(b.report.Left, l)
	b.say("  left out: " + l.What + ": " + l.Why)
}
