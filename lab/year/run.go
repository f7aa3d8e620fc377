package year

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/incident"
	"thongsuot/lab/sim"
	"thongsuot/registry"
)

// Config says which year is played.
type Config struct {
	Assumptions Assumptions     `yaml:"assumptions"`
	Incident    incident.Config `yaml:"incident"`
	Registry    string          `yaml:"registry"` // folder whose communes are simulated and whose hours hold. Default deploy/registry
	Sites       int             `yaml:"sites"`    // how many of them. Default 124
	Days        int             `yaml:"days"`     // Default 365
	Seed        uint64          `yaml:"seed"`     // Default 1

	// Each feeds every beat and round by itself. It changes nothing but the time it takes. Default false
	Each bool `yaml:"each"`
}

// DefaultConfig is the year that figures are given for.
func DefaultConfig() Config {
	return Config{
		Assumptions: DefaultAssumptions(), Incident: incident.DefaultConfig(),
		Registry: "deploy/registry", Sites: 124, Days: 365, Seed: 1,
	}
}

// Validate names the first field that cannot be played, and its value.
func (c Config) Validate() error {
	switch {
	case c.Sites < 1:
		return fmt.Errorf("sites: must be at least 1 (got %d)", c.Sites)
	case c.Days < 1 || c.Days > 3660:
		return fmt.Errorf("days: want 1 to 3660 (got %d)", c.Days)
	}
	if err := c.Assumptions.Validate(); err != nil {
		return fmt.Errorf("assumptions.%w", err)
	}
	return c.Incident.Validate()
}

// begin is a Monday, the first of a year of the registry, at midnight in Vietnam.
func begin() time.Time { return time.Date(2026, 1, 5, 0, 0, 0, 0, sim.Zone).UTC() }

// Told is one change with the moment at which the centre made it.
type Told struct {
	At     time.Time        `json:"at"`
	Change thongsuot.Change `json:"change"`
}

// Result is a year that was played.
type Result struct {
	Config  Config
	Changes []Told
	score   *scorer
}

// Run plays a year and gives every change that the engine made.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p, err := newProvince(cfg)
	if err != nil {
		return nil, err
	}
	const look = 1 << 14 // seconds between looks at ctx
	for t := int64(1); t <= p.end; t++ {
		if t%look == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p.second(t)
	}
	return &Result{Config: cfg, Changes: p.changes, score: &scorer{province: p}}, nil
}

// province is all that plays.
type province struct {
	cfg     Config
	origin  time.Time
	end     int64
	faults  []fault
	agents  []*agent
	queue   queue
	engine  *incident.Engine
	now     time.Time
	changes []Told
	centre  []span // faults of the centre, and whether it is deaf in them
	deaf    []bool
	going   []incident.Observation // with Each: what repeats
}

// reference is the probe at the province.
const reference = "ref-1"

func newProvince(cfg Config) (*province, error) {
	reg, err := registry.Load(sim.Zone, cfg.Registry)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	var units []thongsuot.Site
	for _, s := range reg.Sites() {
		if s.Kind == thongsuot.KindCommune {
			units = append(units, s)
		}
	}
	if len(units) < cfg.Sites {
		return nil, fmt.Errorf("sites: %s has only %d communes (got %d)", cfg.Registry, len(units), cfg.Sites)
	}
	p := &province{cfg: cfg, origin: begin(), end: int64(cfg.Days) * 86400}
	all := places(units[:cfg.Sites], cfg.Assumptions, cfg.Seed)
	all = append(all, &place{
		Site:   thongsuot.Site{Code: reference, Kind: thongsuot.KindReference, Status: thongsuot.StatusActive},
		number: len(all), rtt: 0.004,
	})
	p.faults = faults(all, cfg.Assumptions, cfg.Seed, p.origin, p.end)
	var sites []thongsuot.Site
	for _, x := range all {
		sites = append(sites, x.Site)
		p.agents = append(p.agents, newAgent(newBody(x, cfg.Assumptions, cfg.Seed), cfg.Seed, p.origin, p.observe))
	}
	for i := range p.faults {
		f := &p.faults[i]
		for _, n := range f.sites {
			p.agents[n].strike(f)
		}
		if f.kind == CentreFault {
			p.centre, p.deaf = append(p.centre, span{f.from, f.to}), append(p.deaf, f.deaf)
		}
	}
	if p.engine, err = incident.New(cfg.Incident, p.origin); err != nil {
		return nil, err
	}
	p.engine.SetSites(sites, reg.InOfficeHours, p.origin)
	for i, a := range p.agents {
		a.ready()
		a.turns = a.body.next()
		p.queue = append(p.queue, entry{a.due(), i})
	}
	heap.Init(&p.queue)
	return p, nil
}

// second plays one second of the province.
func (p *province) second(t int64) {
	p.now = p.origin.Add(time.Duration(t) * time.Second)
	p.repeat()
	var due []int
	for len(p.queue) > 0 && p.queue[0].at <= t {
		due = append(due, heap.Pop(&p.queue).(entry).agent)
	}
	slices.Sort(due)
	for _, i := range due {
		p.agents[i].act(t)
		heap.Push(&p.queue, entry{max(p.agents[i].due(), t+1), i})
	}
	for i, c := range p.centre {
		if t < c.from || t >= c.to {
			continue
		}
		if !p.deaf[i] {
			return // it stands still
		}
		p.engine.Deaf(p.now) // as each beat that it cannot take in says
	}
	p.tell(p.engine.Tick(p.now))
}

func (p *province) observe(o incident.Observation) {
	if p.cfg.Each && o.Every > 0 {
		p.follow(o)
		return
	}
	p.tell(p.engine.Observe(o))
}

func (p *province) tell(changes []thongsuot.Change) {
	for _, c := range changes {
		p.changes = append(p.changes, Told{p.now, c})
	}
}

// follow plays what repeats one by one.
func (p *province) follow(o incident.Observation) {
	o.Results = slices.Clone(o.Results)
	p.going = append(p.going, o)
	p.repeat()
}

func (p *province) repeat() {
	p.going = slices.DeleteFunc(p.going, func(o incident.Observation) bool { return o.At.After(o.Until) })
	for i := range p.going {
		o := &p.going[i]
		if !o.At.Equal(p.now) {
			continue
		}
		once := *o
		once.Every, once.Until, once.Results = 0, time.Time{}, slices.Clone(o.Results)
		p.tell(p.engine.Observe(once))
		o.At = o.At.Add(o.Every)
		for k := range o.Results {
			o.Results[k].At = o.Results[k].At.Add(o.Every)
		}
	}
}

// queue is the agents by when they act next, then by number.
type queue []entry

type entry struct {
	at    int64
	agent int
}

// Len is part of heap.Interface.
func (q queue) Len() int { return len(q) }

// Less is part of heap.Interface.
func (q queue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[i].at, q[j].at), cmp.Compare(q[i].agent, q[j].agent)) < 0
}

// Swap is part of heap.Interface.
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push is part of heap.Interface.
func (q *queue) Push(x any) { *q = append(*q, x.(entry)) }

// Pop is part of heap.Interface.
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
