package year_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"thongsuot/lab/year"
)

func config(sites, days int) year.Config {
	c := year.DefaultConfig()
	c.Registry = "../../deploy/registry"
	c.Sites, c.Days = sites, days
	return c
}

func play(t *testing.T, c year.Config) *year.Result {
	t.Helper()
	r, err := year.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(t *testing.T, r *year.Result) string {
	t.Helper()
	var b bytes.Buffer
	rep := r.Report()
	rep.Print(&b)
	if err := rep.JSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSameSeedSameBytes(t *testing.T) {
	c := config(12, 10)
	first := text(t, play(t, c))
	if again := text(t, play(t, c)); first != again {
		t.Errorf("the same seed prints\n%s\nand then\n%s", first, again)
	}
	c.Seed = 2
	if other := text(t, play(t, c)); first == other {
		t.Error("another seed prints the same")
	}
}

// Healthy stretches enter as one observation each; with every beat and every
// round of seven days the engine makes the very same changes.
func TestSevenDaysAtFullBeats(t *testing.T) {
	c := config(10, 7)
	steady := play(t, c)
	c.Each = true
	full := play(t, c)
	if len(full.Changes) < 100 {
		t.Fatalf("%d changes are too few to compare", len(full.Changes))
	}
	for i := range min(len(full.Changes), len(steady.Changes)) {
		if !reflect.DeepEqual(full.Changes[i], steady.Changes[i]) {
			t.Fatalf("change %d:\n full   %+v\n steady %+v", i, full.Changes[i], steady.Changes[i])
		}
	}
	if len(full.Changes) != len(steady.Changes) {
		t.Errorf("%d changes at full beats, %d with steady stretches", len(full.Changes), len(steady.Changes))
	}
}

// Where nothing goes wrong, nothing is told.
func TestQuietYear(t *testing.T) {
	c := config(12, 20)
	a := &c.Assumptions
	a.Power.FeederMonthly, a.Power.SiteMonthly, a.Power.BadShare = 0, 0, 0
	a.Line.CutMonthly, a.Line.DegradedMonthly, a.Line.UpstreamMonthly, a.Line.LANMonthly = 0, 0, 0, 0
	a.Portal.SlowMonthly, a.Portal.DownMonthly, a.Portal.CarrierMonthly = 0, 0, 0
	a.Host.CrashMonthly, a.Host.PlugMonthly, a.Host.RebootMonthly, a.Host.RestartMonthly, a.Host.SuspendMonthly = 0, 0, 0, 0, 0
	a.Centre.FaultMonthly, a.Centre.ReferenceMonthly, a.Places.EveningShare, a.Loss.LossyShare = 0, 0, 0, 0
	for _, x := range play(t, c).Changes {
		t.Errorf("%s %+v", x.At, x.Change)
	}
}

// Faults of the line alone are told at each site that has one, and nothing else is.
func TestLabelsMeetAnswers(t *testing.T) {
	c := config(12, 20)
	a := &c.Assumptions
	a.Power.FeederMonthly, a.Power.SiteMonthly, a.Power.BadShare = 0, 0, 0
	a.Line.CutMonthly, a.Line.DegradedMonthly, a.Line.UpstreamMonthly, a.Line.LANMonthly = 6, 0, 0, 0
	a.Portal.SlowMonthly, a.Portal.DownMonthly, a.Portal.CarrierMonthly = 0, 0, 0
	a.Host.CrashMonthly, a.Host.PlugMonthly, a.Host.RebootMonthly, a.Host.RestartMonthly, a.Host.SuspendMonthly = 0, 0, 0, 0, 0
	a.Centre.FaultMonthly, a.Centre.ReferenceMonthly, a.Places.EveningShare, a.Loss.LossyShare, a.Storms.Yearly = 0, 0, 0, 0, 0
	rep := play(t, c).Report()
	cuts := 0
	for _, m := range rep.Missed {
		if m.Kind != year.LineCut || m.Count > 0 {
			t.Errorf("missed %+v", m)
		}
		cuts = m.Of
	}
	if cuts < 20 {
		t.Errorf("%d cuts of 5 minutes and more are too few", cuts)
	}
	if len(rep.Final) != 1 {
		t.Errorf("rows %+v", rep.Final)
	}
}

func TestAssumptionsAreChecked(t *testing.T) {
	f := func(change func(*year.Config), want string) {
		t.Helper()
		c := config(1, 1)
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(func(c *year.Config) { c.Sites = 0 }, "sites: must be at least 1 (got 0)")
	f(func(c *year.Config) { c.Days = -1 }, "days: want 1 to 3660 (got -1)")
	f(func(c *year.Config) { c.Assumptions.Loss.Clean = 2 }, "assumptions.loss.clean: want a share from 0 to 1 (got 2)")
	f(func(c *year.Config) { c.Assumptions.Places.FeederMost = 1 }, "assumptions.places.feeder_least, places.feeder_most")
	f(func(c *year.Config) { c.Assumptions.Backlog = 0 }, "assumptions.backlog: must be at least 1 (got 0)")
	f(func(c *year.Config) { c.Incident.Beat = 0 }, "incident.beat")
	c := config(125, 1)
	if _, err := year.Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "has only 124 communes (got 125)") {
		t.Errorf("got %v", err)
	}
}
