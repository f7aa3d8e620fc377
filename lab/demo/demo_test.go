package demo_test

import (
	"context"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/lab/demo"
	"thongsuot/lab/sim"
	"thongsuot/ledger"
	"thongsuot/store"
)

const units = `code,kind,unit,name,status,former_province,former_district
25051,commune,commune,Sơn Điền,not_installed,Lâm Đồng,Huyện Di Linh
24712,commune,commune,Quảng Phú,not_installed,Đắk Nông,Huyện Krông Nô
24717,commune,commune,Nam Đà,not_installed,Đắk Nông,Huyện Krông Nô
24748,commune,commune,Quảng Tân,not_installed,Đắk Nông,Huyện Tuy Đức
23272,commune,special_zone,Phú Quý,not_installed,Bình Thuận,Huyện Phú Quý
`

// small is a demo of five sites on ports of the kernel's choice.
func small(t *testing.T) demo.Config {
	t.Helper()
	cfg := demo.DefaultConfig()
	cfg.Units = t.TempDir()
	if err := os.WriteFile(filepath.Join(cfg.Units, "sites.csv"), []byte(units), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg.Centre.DataDir = filepath.Join(t.TempDir(), "demo")
	cfg.Centre.Pages.Listen, cfg.Centre.Ingest.Listen = "127.0.0.1:0", "127.0.0.1:0"
	return cfg
}

// history makes the past of a demo, and ends it before anything happens.
func history(t *testing.T, cfg demo.Config) (*store.Store, []thongsuot.Incident) {
	t.Helper()
	d, err := demo.New(t.Context(), cfg, "test")
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Run(ended); err != nil {
		t.Fatal(err)
	}
	samples := cfg.Centre.Store
	samples.Dir = filepath.Join(cfg.Centre.DataDir, "store")
	st, err := store.Open(samples, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st, incidents(t, cfg, "")
}

func incidents(t *testing.T, cfg demo.Config, site string) []thongsuot.Incident {
	t.Helper()
	l, err := ledger.Open(filepath.Join(cfg.Centre.DataDir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	list, err := l.Incidents(context.Background(), site, time.Time{}, time.Now(), math.MaxInt32)
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := l.Unrouted(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Now(); len(waiting) > 0 && waiting[0].At.Before(d.Add(-time.Hour)) {
		t.Errorf("a change of the past waits to be told: %s", waiting[0].Key())
	}
	return list
}

// No green line crosses an outage, and no outage is missing in the ledger:
// charts and incidents come of one model.
func TestHistoryAndIncidentsAgree(t *testing.T) {
	cfg := small(t)
	st, all := history(t, cfg)
	to := time.Now()
	from := to.Add(-cfg.History)
	line := func(site string) (points []store.Point) {
		selector := store.Selector("dns_ok", thongsuot.Label{Name: "site", Value: site})
		for day := from.Truncate(time.Minute); day.Before(to); day = day.Add(24 * time.Hour) {
			series, err := st.Range(t.Context(), selector, day, day.Add(24*time.Hour-time.Minute), time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range series {
				points = append(points, one.Points...)
			}
		}
		if len(points) < 1000 {
			t.Fatalf("%s has %d points in a month", site, len(points))
		}
		return points
	}
	causes := map[thongsuot.Cause]int{}
	for _, in := range all {
		if in.Open() {
			t.Errorf("incident %s of the past is open", in.ID)
		}
		causes[in.Verdict.Cause]++
	}
	if causes[thongsuot.CausePower] == 0 || causes[thongsuot.CauseAccess]+causes[thongsuot.CauseUpstream] == 0 {
		t.Errorf("a month without something: %v", causes)
	}
	down := outages(t, cfg, all)
	if len(down) == 0 {
		t.Error("no line was ever gone")
	}
	const blur = 3 * time.Minute // a minute of the grid, and the lookback of the store
	for _, site := range []string{"25051", "24712", "24717", "24748", "23272"} {
		for _, p := range line(site) {
			if p.Value == 1 && within(down, site, p.At, -blur) {
				t.Errorf("%s answers at %s, in an outage of its line", site, p.At)
			}
			if p.Value == 0 && !within(all, site, p.At, blur) {
				t.Errorf("%s fails at %s without an incident", site, p.At)
			}
		}
	}
}

// outages are the stretches of incidents in which the line was held to be gone.
func outages(t *testing.T, cfg demo.Config, all []thongsuot.Incident) (out []thongsuot.Incident) {
	t.Helper()
	l, err := ledger.Open(filepath.Join(cfg.Centre.DataDir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, in := range all {
		changes, err := l.Changes(t.Context(), in.ID)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range changes[:len(changes)-1] {
			cause := c.Incident.Verdict.Cause
			if c.Incident.Verdict.State == thongsuot.StateDown && (cause == thongsuot.CauseAccess || cause == thongsuot.CauseUpstream) {
				out = append(out, thongsuot.Incident{Site: in.Site, Start: c.At, End: changes[i+1].At})
			}
		}
	}
	return out
}

// within reports whether at lies in an incident of the site, widened by margin.
func within(all []thongsuot.Incident, site string, at time.Time, margin time.Duration) bool {
	for _, in := range all {
		if in.Site == site && at.After(in.Start.Add(-margin)) && at.Before(in.End.Add(margin)) {
			return true
		}
	}
	return false
}

func TestSameSeedSameHistory(t *testing.T) {
	cfg := small(t)
	cfg.History = 10 * 24 * time.Hour
	_, first := history(t, cfg)
	cfg.Centre.DataDir = filepath.Join(t.TempDir(), "again")
	_, second := history(t, cfg)
	names := func(list []thongsuot.Incident) string {
		var out []string
		for _, in := range list {
			out = append(out, in.ID+" "+string(in.Verdict.Cause))
		}
		return strings.Join(out, "\n")
	}
	if names(first) != names(second) || len(first) == 0 {
		t.Errorf("first\n%s\nsecond\n%s", names(first), names(second))
	}
}

// fast is a story of seconds with the centre's thresholds to match.
func fast(t *testing.T) demo.Config {
	cfg := small(t)
	cfg.History, cfg.Backlog, cfg.Boot = 2*time.Hour, 20*time.Second, 500*time.Millisecond
	cfg.Pace = sim.Pace{Beat: 200 * time.Millisecond, Round: 400 * time.Millisecond, Slow: 400 * time.Millisecond}
	in := &cfg.Centre.Incident
	in.Beat, in.Grace, in.HoldBattery, in.Settle = cfg.Pace.Beat, 200*time.Millisecond, 100*time.Millisecond, 500*time.Millisecond
	in.Calm = time.Second
	cfg.Story = demo.Story{Cycle: time.Hour, Until: time.Hour, Acts: []demo.Act{
		{Kind: sim.PowerCut, Sites: []string{"25051"}, From: 3 * time.Second, Lasts: 9 * time.Second, Battery: 3 * time.Second},
		{Kind: sim.LineCut, Sites: []string{"24712"}, From: 3 * time.Second, Lasts: 6 * time.Second},
		{Kind: sim.Overload, Sites: []string{"23272"}, From: 3 * time.Second, Lasts: 10 * time.Second},
	}}
	return cfg
}

// The simulated agents speak to the real centre, which finds out what the story is.
func TestStoryEndsInTheLedger(t *testing.T) {
	cfg := fast(t)
	d, err := demo.New(t.Context(), cfg, "test")
	if err != nil {
		t.Fatal(err)
	}
	pages := d.PagesAddr()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()

	want := map[string]thongsuot.Cause{"25051": thongsuot.CausePower, "24712": thongsuot.CauseAccess, "23272": thongsuot.CausePortal}
	look := time.NewTicker(300 * time.Millisecond)
	defer look.Stop()
	limit := time.After(time.Minute)
	for len(want) > 0 {
		select {
		case <-look.C:
			for site, cause := range want {
				for _, in := range incidents(t, cfg, site) {
					if !in.Open() && in.Worst == thongsuot.StateDown && in.Verdict.Cause == cause && in.Verdict.Confidence >= thongsuot.ConfidenceMedium {
						delete(want, site)
					}
				}
			}
		case err := <-ended:
			t.Fatalf("it ended by itself: %v", err)
		case <-limit:
			t.Errorf("not found out: %v; on record:", want)
			for _, in := range incidents(t, cfg, "") {
				t.Logf("%+v", in)
			}
			want = nil
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	ln, err := net.Listen("tcp", pages)
	if err != nil {
		t.Fatalf("the pages' port is not free after the end: %v", err)
	}
	_ = ln.Close()
}

func TestForeignFolderIsNotWiped(t *testing.T) {
	cfg := small(t)
	cfg.Centre.DataDir = t.TempDir()
	precious := filepath.Join(cfg.Centre.DataDir, "precious")
	if err := os.WriteFile(precious, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := demo.New(t.Context(), cfg, "test"); err == nil || !strings.Contains(err.Error(), "-dir") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestTakenPortIsSaidAtOnce(t *testing.T) {
	cfg := small(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	cfg.Centre.Pages.Listen = ln.Addr().String()
	if _, err := demo.New(t.Context(), cfg, "test"); err == nil || !strings.Contains(err.Error(), "-pages") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(cfg.Centre.DataDir); err == nil {
		t.Error("something was made before")
	}
}
