package agent

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"thongsuot/probes"
)

// reloadable are the fields of Config that a running agent takes up anew. The
// others rest on open files, sockets and the token.
var reloadable = []string{"Probes", "Metered", "Slow", "Allow"}

// plan is what is measured, and how.
type plan struct {
	cfg    Config
	probes []probes.Probe
}

// Reload takes up what cfg says of probes and of the line, while everything
// else goes on: spool, beats, sequence. A configuration that cannot work, or
// that changes what takes a new start, is an error that names the field, and the
// running one stays. It is to be called while Run runs.
func (a *Agent) Reload(cfg Config) error {
	p, err := a.plan(cfg)
	if err != nil {
		a.reloads.WithLabelValues("refused").Inc()
		return err
	}
	select {
	case a.replan <- p:
		a.reloads.WithLabelValues("taken").Inc()
		return nil
	case <-a.parted:
		return fmt.Errorf("the agent has ended")
	}
}

func (a *Agent) plan(cfg Config) (plan, error) {
	if err := cfg.Validate(); err != nil {
		return plan{}, err
	}
	var fixed []string
	running, asked := reflect.ValueOf(a.cfg), reflect.ValueOf(cfg)
	for i := range running.NumField() {
		field := running.Type().Field(i)
		if !slices.Contains(reloadable, field.Name) && !reflect.DeepEqual(running.Field(i).Interface(), asked.Field(i).Interface()) {
			fixed = append(fixed, field.Tag.Get("yaml"))
		}
	}
	if len(fixed) > 0 {
		return plan{}, fmt.Errorf("%s: changes only with a new start of the agent; the running configuration stays", strings.Join(fixed, ", "))
	}
	k := a.known()
	k.gate = cfg.gate() // the file is the operator's own
	ps, err := targets(cfg, a.version, k, a.log)
	return plan{cfg, ps}, err
}

// known is what probes rest on that the agent has learned.
func (a *Agent) known() known {
	return known{elsewhere: a.names.elsewhere, path: a.path, lines: a.ways, clock: a.clock, gate: a.cfg.gate(), teach: true}
}

// measure runs the probes of the plan, and those of each later one, until ctx ends.
func (a *Agent) measure(ctx context.Context, p plan) {
	for again := false; ; again = true {
		turn, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			schedule(turn, a.cfg.Site, p.probes, again, a.clock, a.collect, &a.manners)
		}()
		select {
		case <-ctx.Done():
			cancel()
			<-ended
			return
		case next := <-a.replan:
			cancel()
			<-ended
			a.forget(p.probes, next.probes)
			a.behave(next.cfg)
			a.collect.legal.Store(&next.cfg.Probes.Voltage)
			p = next
			a.log.Info("configuration read again", "probes", len(p.probes))
		}
	}
}

// forget drops what is held of probes that are no more, so that neither beats
// nor metrics repeat their last word.
func (a *Agent) forget(before, after []probes.Probe) {
	for _, p := range after {
		a.collect.expect(p.Name)
	}
	for _, p := range before {
		if !slices.ContainsFunc(after, func(q probes.Probe) bool { return q.Name == p.Name && q.Kind == p.Kind && q.Target == p.Target }) {
			a.collect.forget(p.Name)
			if ofMains(p.Kind) {
				a.beat.power.forget(p.Name)
			}
		}
	}
}

// forget drops the newest answer of a probe, and of answers that are still on
// their way it keeps only what goes to the centre.
func (c *collector) forget(probe string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone[probe] = true
	delete(c.latest, probe)
}

// expect takes answers of a probe for news again.
func (c *collector) expect(probe string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.gone, probe)
}

// forget drops what a probe said of power.
func (p *powerState) forget(probe string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.sources, probe)
}

// firstRun is when a probe is asked first. Portals are public: reading a
// configuration again and again must not make their pace any faster.
func firstRun(site string, p probes.Probe, again bool) time.Duration {
	first := phase(site, p.Name, min(p.Every, soon))
	if again && p.Public {
		first = p.Every
	}
	return first
}
