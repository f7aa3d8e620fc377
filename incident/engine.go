// Package incident decides what is wrong at a site, since when, why, and how
// sure that is. It is a state machine in event time: no I/O, no clock of its
// own, no goroutine. The same observations and ticks give the same changes,
// live, in replay and in tests. An Engine is not safe for concurrent use.
//
// Three truths stay apart: power at the site, reachability of the site, and
// whether its counter can use the portal. Silence at the centre is only a
// suspicion; what the agent brings back afterwards is evidence, and may revise
// a closed incident.
package incident

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"thongsuot"
)

// Config holds the thresholds of detection. All durations are event time.
type Config struct {
	Beat     time.Duration `yaml:"beat"`      // interval at which agents beat. Default 5s
	Grace    time.Duration `yaml:"grace"`     // time for the tries within a beat before it counts as unheard. Default 2s
	MinBeats int           `yaml:"min_beats"` // unheard beats on a clean line before silence is told. Default 2
	MaxBeats int           `yaml:"max_beats"` // the same on the worst line. Default 12

	// HealMemory is how long a run of unheard beats that healed by itself
	// makes the site's silence be told later. Default 168h
	HealMemory time.Duration `yaml:"heal_memory"`

	FailRounds  int           `yaml:"fail_rounds"`  // failures in a row before a target is held to be down. Default 2
	HoldBattery time.Duration `yaml:"hold_battery"` // how long on battery before it is told; self tests and clicks are shorter. Default 2s
	Stale       time.Duration `yaml:"stale"`        // age at which a result is no evidence any more. Default 20m
	Late        time.Duration `yaml:"late"`         // age on arrival from which a result is evidence of its time alone. Default 3m
	Stall       time.Duration `yaml:"stall"`        // gap between ticks that shows the centre itself stood still. Default 5s
	Calm        time.Duration `yaml:"calm"`         // how long what was slow is watched before it counts as over. Default 5m
	Settle      time.Duration `yaml:"settle"`       // quiet time after late evidence before a closed incident is judged again. Default 15s
}

// DefaultConfig is what suits beats every five seconds.
func DefaultConfig() Config {
	return Config{
		Beat: 5 * time.Second, Grace: 2 * time.Second, MinBeats: 2, MaxBeats: 12,
		HealMemory: 7 * 24 * time.Hour, FailRounds: 2, HoldBattery: 2 * time.Second,
		Stale: 20 * time.Minute, Late: 3 * time.Minute, Stall: 5 * time.Second, Calm: 5 * time.Minute, Settle: 15 * time.Second,
	}
}

// Validate names the first field that cannot work, and its value.
func (c Config) Validate() error {
	durations := []struct {
		name  string
		value time.Duration
	}{
		{"beat", c.Beat}, {"grace", c.Grace}, {"heal_memory", c.HealMemory},
		{"hold_battery", c.HoldBattery}, {"stale", c.Stale}, {"late", c.Late}, {"stall", c.Stall}, {"calm", c.Calm}, {"settle", c.Settle},
	}
	for _, d := range durations {
		if d.value <= 0 {
			return fmt.Errorf("incident.%s: must be more than 0 (got %s)", d.name, d.value)
		}
	}
	if c.MinBeats < 1 || c.MaxBeats < c.MinBeats {
		return fmt.Errorf("incident.min_beats, incident.max_beats: want 1 <= min_beats <= max_beats (got %d and %d)", c.MinBeats, c.MaxBeats)
	}
	if c.FailRounds < 1 {
		return fmt.Errorf("incident.fail_rounds: must be at least 1 (got %d)", c.FailRounds)
	}
	return nil
}

// Observation is what the centre learned at one moment about one site.
type Observation struct {
	Site    string    // code
	At      time.Time // the centre's clock at arrival
	Start   uint32    // number of the agent's start; 0 when a foreign program speaks, which is no sign of life
	Boot    string    // boot id of the machine now, "" when not told
	Beat    *Beat     // nil when it is not a beat
	Results []thongsuot.Result
	Reached []bool // what the centre's own requests to the site's address came to, one after the other

	// Every and Until let one observation stand for many: the same again each
	// Every after At, until Until at the latest or until another one follows on
	// it. So a healthy month of a replay or a simulation is a handful of
	// observations. Only a beat and good answers may be repeated. Zero is once.
	Every time.Duration `json:",omitzero"`
	Until time.Time     `json:",omitzero"`
}

// Beat is what an agent says with a sign of life.
type Beat struct {
	OnBattery    bool          `json:"on_battery,omitempty"`
	LowBattery   bool          `json:"low_battery,omitempty"`
	MainsPresent bool          `json:"mains_present,omitempty"` // a sensor works and sees mains
	Canary       bool          `json:"canary,omitempty"`        // mains are concluded from a device of the office, not measured
	ShuttingDown bool          `json:"shutting_down,omitempty"` // the machine goes down
	Stopping     bool          `json:"stopping,omitempty"`      // the agent ends
	Runtime      time.Duration `json:"runtime,omitempty"`       // predicted time on battery, 0 when not told
	Every        time.Duration `json:"every,omitempty"`         // until the next beat, 0 for Config.Beat
	OverHTTP     bool          `json:"over_http,omitempty"`     // came over HTTP: datagrams are blocked on the way
}

// Engine holds what is known of every active site.
type Engine struct {
	cfg      Config
	sites    map[string]*site
	order    []string // codes, sorted, so that changes come in one order
	list     []*site  // in that order
	due      []int64  // when each of list must be judged again though nothing new comes of it, nanoseconds since 1970
	inOffice func(site string, t time.Time) bool
	plan     Plan

	regions []*region // incidents of many sites: those that go on, and those of the last day
	shows   shows     // what the sites show each other

	lastTick time.Time // of the centre's clock
	grace    time.Time // silence counts from here at the earliest: start or stall of the centre
	wake     time.Time // before it, time alone changes nothing
	stirred  bool      // all that are in trouble are judged anew at the next tick
}

// New makes an engine that knows no site yet. now is the centre's clock.
func New(cfg Config, now time.Time) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	always := func(string, time.Time) bool { return true }
	none := func(string, time.Time, time.Time) []thongsuot.Window { return nil }
	return &Engine{cfg: cfg, sites: map[string]*site{}, inOffice: always, plan: none, lastTick: now, grace: now}, nil
}

// SetSites says which sites take part: the active ones of the list, and when
// their offices are open. What is known of a site that stays is kept; a site
// that left is forgotten, and its open incident is closed at now.
func (e *Engine) SetSites(list []thongsuot.Site, inOffice func(site string, t time.Time) bool, now time.Time) []thongsuot.Change {
	e.inOffice = inOffice
	active := map[string]bool{}
	for _, s := range list {
		if s.Status != thongsuot.StatusActive {
			continue
		}
		active[s.Code] = true
		if e.sites[s.Code] == nil {
			e.sites[s.Code] = newSite(s.Code)
		}
		e.sites[s.Code].place = placeOf(s)
	}
	var changes []thongsuot.Change
	for _, code := range e.order {
		if s := e.sites[code]; !active[code] {
			was := s.Open
			closed := s.settle(up(), nil, now)
			e.follow(s, was, closed)
			changes = append(changes, closed...)
			delete(e.sites, code)
		}
	}
	e.sort(now)
	return append(changes, e.settleRegions(now, true)...)
}

// sort puts the sites into one order, and looks at all of them at the next tick.
func (e *Engine) sort(now time.Time) {
	e.order, e.list = slices.Sorted(maps.Keys(e.sites)), nil
	e.due = make([]int64, len(e.order))
	for i, code := range e.order {
		s := e.sites[code]
		s.number = i
		e.list = append(e.list, s)
	}
	e.shows = newShows(e.list)
	for _, s := range e.list {
		s.shown = shown{}
		e.show(s, now)
	}
	e.wake, e.stirred = time.Time{}, true
}

// Observe takes in one observation. An observation of a site that does not
// take part changes nothing.
func (e *Engine) Observe(o Observation) []thongsuot.Change {
	s := e.sites[o.Site]
	if s == nil {
		return nil
	}
	e.refresh(o.At)
	var changes []thongsuot.Change
	if s.advance(o.At, e.cfg); len(s.Standing) > 0 && e.due[s.number] <= o.At.UnixNano() {
		changes = e.step(s, o.At, o.At) // what standing observations brought by now comes first
	}
	wasSilent := s.Silent != nil
	news := s.observe(o, e.grace, e.cfg)
	s.stand(o)
	if !news {
		e.wakeFor(s)
		return changes
	}
	end := o.At
	if n := newest(o.Results); !wasSilent && !n.IsZero() && n.Before(end) {
		end = n // what the results show happened when they were measured
	}
	changes = append(changes, e.step(s, o.At, end)...)
	e.wakeFor(s)
	changes = append(changes, e.settleRegions(o.At, false)...)
	return changes
}

// Tick lets time pass to now: silence is noticed here, and closed incidents
// are judged again when their late evidence is in.
func (e *Engine) Tick(now time.Time) []thongsuot.Change {
	if now.Sub(e.lastTick) > e.cfg.Stall {
		// The centre stood still, so it heard nobody: that is no news of the sites.
		e.grace, e.shows.all = now, true
	}
	e.lastTick = now
	if now.Before(e.wake) && !e.stirred && !e.shows.moved {
		return nil
	}
	e.refresh(now)
	var changes []thongsuot.Change
	for i, s := range e.list {
		if e.due[i] <= now.UnixNano() {
			changes = append(changes, e.step(s, now, now)...)
		}
	}
	e.release(now)
	for _, s := range e.concerned() {
		changes = append(changes, e.step(s, now, now)...)
	}
	changes = append(changes, e.settleRegions(now, true)...)
	e.wake = earlier(e.nextRegion(now), e.nextDue())
	return changes
}

// step judges one site at now. at is the event time of what brought it about.
func (e *Engine) step(s *site, now, at time.Time) []thongsuot.Change {
	j := e.judge(s, now)
	was := s.Open
	j.Verdict = told(j.Verdict, s.truth())
	e.markNow(s, &j, now)
	r := e.joins(s, &j, now)
	e.markNow(s, &j, now) // a member of a region keeps what is held of it, but for the plan
	if !j.at.IsZero() && s.Open != nil && s.Open.Verdict.State == thongsuot.StateOff {
		at = j.at // it counts from when the office opened
	}
	changes := s.settle(j, r, at)
	e.follow(s, was, changes)
	changes = append(changes, e.review(s, now)...)
	e.show(s, now)
	s.wake = s.nextChange(now, e.cfg)
	e.due[s.number] = nanos(s.next(e))
	return changes
}

// nextDue is the first moment at which a site is due.
func (e *Engine) nextDue() time.Time {
	if len(e.due) == 0 {
		return e.lastTick.Add(idle)
	}
	return time.Unix(0, slices.Min(e.due))
}

// nanos since 1970; 0 for every time before.
func nanos(t time.Time) int64 {
	if t.Before(time.Unix(0, 0)) {
		return 0
	}
	return t.UnixNano()
}

// wakeFor lets the next tick come in time for the site.
func (e *Engine) wakeFor(s *site) {
	at := s.next(e)
	e.due[s.number] = nanos(at)
	e.wake = earlier(e.wake, at)
}

// Deaf says that the centre could not hear at now: until it can, and a while
// longer, nobody's silence counts.
func (e *Engine) Deaf(now time.Time) { e.grace, e.shows.all = later(e.grace, now), true }

func newest(rs []thongsuot.Result) (t time.Time) {
	for _, r := range rs {
		if r.At.After(t) {
			t = r.At
		}
	}
	return t
}
