package real

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"thongsuot/alerting/slack/slacktest"
)

// Config says what is played and with which programs.
type Config struct {
	Script  Script
	Agent   string // path of thongsuot-agent
	Central string // path of thongsuot-central
	Lab     string // path of thongsuot-lab, for what needs a process of its own
	Logs    string // folder for the logs of all programs; "" keeps none

	// Standard gives every agent the standard job (see standardJob) in place of
	// the lab's own probes.
	Standard bool
	// Disks is a folder in which the sites keep their data, in place of a small
	// disk in memory for each.
	Disks string
	// Beside is called when the province is in working order, before the
	// script begins. Nil does nothing.
	Beside func(context.Context, Visitor) error
}

// warmUp is what the province is given until every probe has answered once.
const warmUp = 90 * time.Second

// province is everything that a run makes.
type province struct {
	cfg      Config
	script   Script
	dir      string
	launcher *launcher
	capital  space
	isps     []*isp
	sites    []*site
	portal   *portal
	names    *resolver // the province's own
	slack    *slacktest.Server
	idle     []net.Listener // of the reference host, in the standard job
	centre   *centre
	counts   *counts
	logs     []io.Closer
}

func (p *province) file(name string) string { return filepath.Join(p.dir, name) }

// Run plays the script and tells what happened through say, which is called by
// one goroutine at a time. An error means that the lab itself failed or that ctx
// ended; what the province got wrong is in the summary. Namespaces, processes
// and mounts are gone when it returns, and soon after when the process dies
// before. A process plays one province at a time.
func Run(ctx context.Context, cfg Config, say func(Event)) (sum Summary, err error) {
	err = with(ctx, cfg, func(p *province) error {
		if cfg.Beside != nil {
			if err := cfg.Beside(ctx, Visitor{p}); err != nil {
				return err
			}
		}
		sum, err = p.play(ctx, say)
		return err
	})
	return sum, err
}

// with does something in a province in working order, and takes it down.
func with(ctx context.Context, cfg Config, do func(*province) error) (err error) {
	if err := Needs(); err != nil {
		return err
	}
	if err := sweep(dead); err != nil {
		return fmt.Errorf("remove what an earlier run left: %w", err)
	}
	guard, err := newCaretaker(cfg.Lab)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, guard.close()) }()
	p := &province{cfg: cfg, script: cfg.Script, launcher: newLauncher(), counts: &counts{}}
	p.dir = filepath.Join(os.TempDir(), fmt.Sprintf("thongsuot-lab-%d", os.Getpid()))
	defer func() { err = errors.Join(err, p.dismantle()) }()
	if err := p.build(ctx); err != nil {
		return fmt.Errorf("build the province: %w", err)
	}
	return do(p)
}

func (p *province) build(ctx context.Context) (err error) {
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return err
	}
	if err := p.newCapital(ctx); err != nil {
		return err
	}
	if p.cfg.Standard {
		if err := p.openReference(); err != nil {
			return err
		}
	}
	for n := range p.script.ISPs {
		i, err := p.newISP(ctx, n+1)
		if err != nil {
			return err
		}
		p.isps = append(p.isps, i)
	}
	if p.centre, err = p.newCentre(); err != nil {
		return err
	}
	for n := range p.script.Sites {
		s, err := p.newSite(ctx, n+1)
		if err != nil {
			return err
		}
		p.sites = append(p.sites, s)
		if err := p.centre.token(ctx, p, s); err != nil {
			return err
		}
	}
	if err := p.centre.start(ctx, p); err != nil {
		return err
	}
	if err := together(p.sites, func(s *site) error { return s.boot(ctx, p) }); err != nil {
		return err
	}
	return together(p.sites, func(s *site) error {
		err := until(ctx, warmUp, s.name+" in working order", func() error { return s.ready(ctx, p) })
		if err != nil {
			return fmt.Errorf("%w: its log ends:\n%s", err, s.agent.log)
		}
		return nil
	})
}

// dismantle removes everything, however far the run came.
func (p *province) dismantle() error {
	if p.portal != nil {
		p.portal.close()
	}
	if p.slack != nil {
		p.slack.Close()
	}
	for _, ln := range p.idle {
		_ = ln.Close()
	}
	if p.names != nil {
		p.names.close()
	}
	for _, i := range p.isps {
		if i.resolver != nil {
			i.resolver.close()
		}
	}
	for _, s := range p.sites {
		if s.relay != nil {
			s.relay.close()
		}
		s.captive.close()
		s.witness.close()
		s.local.CloseIdleConnections()
		if s.agent != nil {
			s.agent.kill()
		}
		s.ups.off()
	}
	if p.centre != nil && p.centre.program != nil {
		p.centre.program.kill()
	}
	p.launcher.close()
	var errs []error
	for _, c := range p.logs {
		errs = append(errs, c.Close())
	}
	return errors.Join(append(errs, sweep(dead))...)
}

// journal makes the journals of one program's runs, which share a file.
func (p *province) journal(name string) func() *journal {
	var whole io.Writer
	if p.cfg.Logs != "" {
		if f, err := os.Create(filepath.Join(p.cfg.Logs, name+".log")); err == nil {
			whole, p.logs = f, append(p.logs, f)
		}
	}
	return func() *journal { return newJournal(whole) }
}

func (p *province) hasUPS(site string) bool { return !slices.Contains(p.script.WithoutUPS, site) }

func (p *province) site(f Fault) *site {
	return p.sites[slices.IndexFunc(p.sites, func(s *site) bool { return s.name == f.Target })]
}

// behind are the sites that a fault touches.
func (p *province) behind(f Fault) (sites []*site) {
	names := p.script.behind(f)
	for _, s := range p.sites {
		if slices.Contains(names, s.name) {
			sites = append(sites, s)
		}
	}
	return sites
}

// together does something at several sites at once.
func together(sites []*site, do func(*site) error) error {
	errs := make([]error, len(sites))
	var work sync.WaitGroup
	for i, s := range sites {
		work.Go(func() { errs[i] = do(s) })
	}
	work.Wait()
	return errors.Join(errs...)
}

func (p *province) isp(f Fault) *isp {
	return p.isps[slices.IndexFunc(p.isps, func(i *isp) bool { return f.Target == fmt.Sprintf("isp-%d", i.n) })]
}

// where is the namespace in which a fault's rules stand.
func (p *province) where(f Fault) space {
	if kindOf(f).on == "isp" {
		return p.isp(f).space
	}
	return p.site(f).gateway
}
