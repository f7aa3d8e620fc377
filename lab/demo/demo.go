// Package demo shows the whole centre with a simulated province: the units of
// the registry with made-up feeders and lines, a month of history, and agents
// that speak the real protocol over sockets of this machine. One model (package
// sim) gives the history, the incidents in it, and what happens now, so they
// agree. Nothing real is probed, nobody is told anything, and every page says
// that the data are simulated.
//
// Its folder is wiped at each start; nothing in it is worth keeping.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"thongsuot"
	"thongsuot/central"
	"thongsuot/identity"
	"thongsuot/lab/sim"
	"thongsuot/ledger"
	"thongsuot/registry"
)

// Config says what is simulated. The zero Story is that of the demo.
type Config struct {
	Centre  central.Config // data_dir is wiped
	Units   string         // folder of the registry whose units are simulated
	Seed    uint64
	History time.Duration // before now, for the store and the ledger
	Backlog time.Duration // its end, which comes through the agents
	Pace    sim.Pace
	Boot    time.Duration // of a site's machine; 0 is the model's own
	Story   Story
}

// DefaultConfig is the demo of the province.
func DefaultConfig() Config {
	c := central.DefaultConfig()
	c.DataDir, c.Registry, c.Simulated = filepath.Join("data", "demo"), nil, true
	c.Store.Unsynced = true // wiped at each start
	return Config{
		Centre: c, Units: filepath.Join("deploy", "registry"), Seed: 1,
		History: 30 * 24 * time.Hour, Backlog: time.Hour, Pace: sim.RealPace(),
	}
}

// Demo is a centre with its history, ready to run.
type Demo struct {
	cfg     Config
	log     *slog.Logger
	logFile *os.File
	server  *central.Server
	agents  []*agent
	begin   time.Time // of the agents' backlog
	Loaded  int       // samples of the history
}

// New makes the registry, the history and the centre. It takes most of a minute.
// Run must follow, as it closes what New opened.
func New(ctx context.Context, cfg Config, version string) (_ *Demo, err error) {
	if err := free(cfg.Centre); err != nil {
		return nil, err
	}
	if err := wipe(cfg.Centre.DataDir); err != nil {
		return nil, err
	}
	d := &Demo{cfg: cfg}
	if d.logFile, err = os.Create(filepath.Join(cfg.Centre.DataDir, "demo.log")); err != nil {
		return nil, err
	}
	d.log = slog.New(slog.NewTextHandler(d.logFile, nil))
	defer func() {
		if err != nil {
			_ = d.logFile.Close() // the first error tells more
		}
	}()
	if err := d.prepare(ctx); err != nil {
		return nil, err
	}
	if d.server, err = central.New(d.cfg.Centre, version, d.log); err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: len(d.agents)}
	gate := make(chan struct{}, 1)
	for _, a := range d.agents {
		a.url, a.addr = "http://"+d.server.WriteAddr(), d.server.BeatAddr()
		a.http, a.gate, a.log, a.pace = &http.Client{Transport: transport}, gate, d.log, cfg.Pace
	}
	return d, nil
}

// PagesAddr is where people look.
func (d *Demo) PagesAddr() string { return d.server.PagesAddr() }

// LogFile is where the centre and the agents log.
func (d *Demo) LogFile() string { return d.logFile.Name() }

// Run plays the province until ctx ends: the agents end first, then the centre.
func (d *Demo) Run(ctx context.Context) error {
	central, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	playing, end := context.WithCancel(ctx)
	defer end()
	var wg sync.WaitGroup
	for _, a := range d.agents {
		wg.Go(func() { a.run(playing, d.begin) })
	}
	ended := make(chan error, 1)
	go func() {
		ended <- d.server.Run(central)
		end() // a centre that failed ends its agents
	}()
	wg.Wait()
	stop()
	return errors.Join(<-ended, d.logFile.Close())
}

// prepare writes everything that the centre finds when it starts.
func (d *Demo) prepare(ctx context.Context) error {
	cfg := &d.cfg
	now := time.Now().Truncate(time.Second)
	d.begin = now.Add(-cfg.Backlog)
	sites, err := world(cfg.Units, cfg.Seed)
	if err != nil {
		return err
	}
	folder := filepath.Join(cfg.Centre.DataDir, "registry")
	if err := writeRegistry(folder, cfg.Units, sites); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	cfg.Centre.Registry = []string{folder}
	reg, err := registry.Load(sim.Zone, folder)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	from := now.Add(-cfg.History)
	past := month(sites, cfg.Seed, from, d.begin.Add(-2*around))
	simulated := simulate(sites, cfg.Seed, now)
	if cfg.Story.Cycle == 0 {
		cfg.Story = story(sites)
	}
	// The story begins when the history is there; until then the model knows the past alone.
	for i := range simulated {
		if cfg.Boot > 0 {
			simulated[i].Boot = cfg.Boot
		}
		simulated[i] = simulated[i].With(past)
	}
	if err := d.fill(ctx, reg, simulated, past, from, now); err != nil {
		return err
	}
	all := slices.Concat(past, cfg.Story.faults(time.Now().Truncate(time.Second)))
	for i, a := range d.agents {
		a.site = simulated[i].With(all)
	}
	return nil
}

// fill writes the samples and, beside it, the incidents and tokens.
func (d *Demo) fill(ctx context.Context, reg *registry.Registry, sites []sim.Site, past []sim.Fault, from, now time.Time) error {
	samples := d.cfg.Centre.Store
	if samples.Dir == "" {
		samples.Dir = filepath.Join(d.cfg.Centre.DataDir, "store")
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	book := make(chan error, 1)
	go func() {
		err := d.book(ctx, reg, sites, past, now)
		if err != nil {
			stop()
		}
		book <- err
	}()
	var err error
	if d.Loaded, err = load(ctx, samples, d.log, sites, from, d.begin); err != nil {
		stop()
	}
	if berr := <-book; berr != nil {
		return berr
	}
	return err
}

// book writes past incidents and a token for each site into the ledger.
func (d *Demo) book(ctx context.Context, reg *registry.Registry, sites []sim.Site, past []sim.Fault, now time.Time) (err error) {
	l, err := ledger.Open(filepath.Join(d.cfg.Centre.DataDir, "ledger.db"))
	if err != nil {
		return err
	}
	defer func() {
		if cerr := l.Close(); err == nil {
			err = cerr
		}
	}()
	for _, s := range sites {
		a := &agent{token: identity.NewToken(), wake: make(chan struct{}, 1)}
		if a.key, err = identity.BeatKey(a.token); err != nil {
			return err
		}
		d.agents = append(d.agents, a)
		t := ledger.Token{Hash: identity.Hash(a.token), Site: s.Code, BeatKey: a.key, Note: "demo", Created: now}
		if err := l.PutToken(ctx, t); err != nil {
			return err
		}
	}
	changes, err := replay(ctx, d.cfg.Centre.Incident, reg, sites, past, d.begin)
	if err != nil {
		return err
	}
	if err := l.Record(ctx, changes); err != nil {
		return err
	}
	for _, c := range changes { // nobody was told
		if err := l.Route(ctx, c, []thongsuot.Delivery(nil)); err != nil {
			return err
		}
	}
	return nil
}

// free says at once when a port is taken, not after the history was made.
func free(cfg central.Config) error {
	var errs []error
	for _, port := range []struct{ flag, addr string }{{"pages", cfg.Pages.Listen}, {"ingest", cfg.Ingest.Listen}} {
		ln, err := net.Listen("tcp", port.addr)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w (free the port or choose another with -%s)", port.flag, err, port.flag))
			continue
		}
		errs = append(errs, ln.Close())
	}
	return errors.Join(errs...)
}

// marker is in every folder that the demo made, so that it wipes no other.
const marker = "SIMULATED"

// wipe empties the folder of an earlier demo and makes a new one.
func wipe(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, marker)); len(entries) > 0 && err != nil {
		return fmt.Errorf("%s: was not made by the demo, which would wipe it: name another folder with -dir", dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, marker), []byte("Simulated data of thongsuot-lab demo; wiped at each start.\n"), 0o644)
}
