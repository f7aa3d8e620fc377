package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/incident"
	"thongsuot/lab/sim"
	"thongsuot/registry"
	"thongsuot/wire"
)

const (
	// around is how long before and after a fault its sites are looked at closely.
	around = 4 * time.Minute
	// calm is how long what was slow or lossy is watched before it counts as over.
	calm = 12 * time.Minute
	// longest is how much longer what is not over then is watched.
	longest = 45 * time.Minute
	// witnesses is the share of the other sites that are asked too, one in so
	// many: the engine compares sites.
	witnesses = 12
)

// window is a stretch of time in which sites are worth looking at closely.
type window struct {
	from, to time.Time
	codes    []string
}

func closely(f sim.Fault) window {
	const boot = time.Minute
	end := f.End.Add(boot + around)
	if f.Kind == sim.WeakLine || f.Kind == sim.Overload {
		end = end.Add(calm)
	}
	return window{f.Start.Add(-around).Truncate(time.Minute), end.Truncate(time.Minute), f.Sites}
}

// windows of the faults that begin before end; those that meet are joined.
// The faults come by their start.
func windows(faults []sim.Fault, end time.Time) (out []window) {
	for _, f := range faults {
		if !f.Start.Before(end) {
			break
		}
		w := closely(f)
		n := len(out)
		if n == 0 || w.from.After(out[n-1].to) {
			out = append(out, w)
			continue
		}
		last := &out[n-1]
		if w.to.After(last.to) {
			last.to = w.to
		}
		last.codes = slices.Concat(last.codes, w.codes)
	}
	return out
}

// replay is what the centre would have found out about the faults: its own
// engine, told what the agents of the sites would have said. simulated are the
// sites of reg with their faults.
func replay(ctx context.Context, cfg incident.Config, reg *registry.Registry, simulated []sim.Site, faults []sim.Fault, now time.Time) ([]thongsuot.Change, error) {
	var changes []thongsuot.Change
	for all := windows(faults, now); len(all) > 0; {
		p := player{reg: reg, simulated: simulated, open: map[string]bool{}}
		var err error
		if p.engine, err = incident.New(cfg, all[0].from); err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
		t := all[0].from
		for len(all) > 0 {
			p.join(all[0], t)
			end := all[0].to
			all = all[1:]
			until := end.Add(longest) // what is not over is watched on, up to the next window or the present
			if len(all) > 0 && all[0].from.Before(until) {
				until = all[0].from
			}
			if now.Before(until) {
				until = now
			}
			for ; t.Before(end) || len(p.open) > 0 && t.Before(until); t = t.Add(sim.RealPace().Beat) {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				p.step(t)
			}
			if len(p.open) == 0 || len(all) == 0 || t.Before(all[0].from) {
				break
			}
		}
		if t.Before(now) { // what would be open for ever is left out
			p.changes = slices.DeleteFunc(p.changes, func(c thongsuot.Change) bool { return p.open[c.Incident.ID] || p.open[c.Incident.Part] })
		}
		changes = append(changes, p.changes...)
	}
	return changes, nil
}

// player is an engine that is told of one window, and of those that follow
// while something of it goes on.
type player struct {
	reg       *registry.Registry
	simulated []sim.Site
	engine    *incident.Engine
	codes     []string
	agents    []*replayed
	changes   []thongsuot.Change
	open      map[string]bool // incidents that go on
}

// join has the sites of a window watched too, from t on.
func (p *player) join(w window, t time.Time) {
	p.codes = slices.Concat(p.codes, w.codes)
	sites := concerned(p.reg.Sites(), p.codes)
	p.note(p.engine.SetSites(sites, p.reg.InOfficeHours, t))
	for _, s := range p.simulated {
		watched := slices.ContainsFunc(p.agents, func(a *replayed) bool { return a.site.Code == s.Code })
		if !watched && slices.ContainsFunc(sites, func(site thongsuot.Site) bool { return site.Code == s.Code }) {
			p.agents = append(p.agents, &replayed{site: s, rounds: sim.NewRounds(s, sim.RealPace())})
		}
	}
}

func (p *player) step(t time.Time) {
	for _, a := range p.agents {
		for _, o := range a.says(t) {
			p.note(p.engine.Observe(o))
		}
	}
	p.note(p.engine.Tick(t))
}

func (p *player) note(changes []thongsuot.Change) {
	p.changes = append(p.changes, changes...)
	for _, c := range changes {
		if c.Incident.Open() {
			p.open[c.Incident.ID] = true
		} else {
			delete(p.open, c.Incident.ID)
		}
	}
}

// concerned are the sites of codes, those that share a feeder or an upstream
// with one of them, and some others.
func concerned(sites []thongsuot.Site, codes []string) (out []thongsuot.Site) {
	shared := map[string]bool{}
	for _, s := range sites {
		if slices.Contains(codes, s.Code) {
			shared["f"+s.Feeder], shared["u"+s.Upstream()] = true, true
		}
	}
	for i, s := range sites {
		if shared["f"+s.Feeder] || shared["u"+s.Upstream()] || i%witnesses == 0 {
			out = append(out, s)
		}
	}
	return out
}

// replayed is the agent of a site at work in the past.
type replayed struct {
	site   sim.Site
	rounds *sim.Rounds
	spool  []thongsuot.Result
}

// says is what reaches the centre at t, one beat after the other.
func (r *replayed) says(t time.Time) (out []incident.Observation) {
	st := r.site.At(t)
	r.spool = append(r.spool, r.rounds.At(t)...)
	if !st.On || !st.Line {
		return nil
	}
	start := uint32(st.Boots + 1)
	out = []incident.Observation{{Site: r.site.Code, At: t, Start: start, Beat: beat(r.site, st)}}
	if len(r.spool) > 0 {
		out = append(out, incident.Observation{Site: r.site.Code, At: t, Start: start, Boot: r.site.BootID(st.Boots), Results: r.spool})
		r.spool = nil
	}
	return out
}

func beat(s sim.Site, st sim.State) *incident.Beat {
	flags, runtime := s.Flags(st)
	return &incident.Beat{
		OnBattery: flags&wire.FlagOnBattery != 0, LowBattery: flags&wire.FlagLowBattery != 0,
		MainsPresent: flags&wire.FlagMainsPresent != 0, ShuttingDown: flags&wire.FlagShuttingDown != 0, Runtime: runtime,
	}
}
