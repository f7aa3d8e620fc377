package incident

import (
	"slices"
	"time"

	"thongsuot"
)

// place is what the registry says of a site; it is not part of its memory.
type place struct {
	Kind                      thongsuot.SiteKind
	Counted                   bool
	Carrier, Upstream, Feeder string
}

func placeOf(s thongsuot.Site) place {
	return place{s.Kind, s.Counted(), s.Carrier(), s.Upstream(), s.Feeder}
}

// site is the memory of one site. Its fields are exported for the snapshot.
type site struct {
	place  `json:"-"`
	wake   time.Time  // when time alone may change what is to be said of it next
	sorted []*target  // Targets by name; nil when it must be sorted anew
	replan time.Time  // when an announced window will have been overrun; zero for never
	view   PortalView // how it saw the portal when it was last judged
	shown  shown      // to the others

	number           int    // among all sites
	upstream, feeder *group // those that share its fate
	asks             asks   // what its verdict rests on
	stirred          bool   // it is judged anew at the next tick
	released         bool   // what it is part of lets go of it, which is news

	services serviceViews                 // how it saw each named service then
	served   map[string]thongsuot.Verdict // what is held of those that are down
	lines    map[string]thongsuot.Verdict // of its lines, those that are gone while another carries it

	Code    string             `json:"code"`
	Heard   time.Time          `json:"heard,omitzero"` // last sign of life, the centre's clock; zero: never
	Start   uint32             `json:"start,omitempty"`
	Boot    string             `json:"boot,omitempty"`
	Said    Beat               `json:"said"` // last beat
	Power   power              `json:"power"`
	Targets map[string]*target `json:"targets,omitempty"` // by name of the probe
	Nights  []night            `json:"nights,omitempty"`  // silences of the last evenings
	Begun   []time.Time        `json:"begun,omitempty"`   // of incidents within the last hour
	Reach   reach              `json:"reach,omitzero"`    // of its address, from the centre
	Healed  runs               `json:"healed,omitempty"`  // runs of unheard beats that ended by themselves

	Silent  *silence            `json:"silent,omitempty"` // while silence is told
	Gap     *gap                `json:"gap,omitempty"`    // last silence that ended
	Open    *thongsuot.Incident `json:"open,omitempty"`
	Verdict thongsuot.Verdict   `json:"verdict"` // held now
	Since   time.Time           `json:"since,omitzero"`

	Standing []Observation `json:"standing,omitempty"` // observations that go on

	LastStart time.Time `json:"last_start,omitzero"` // of the newest incident
	Again     int       `json:"again,omitempty"`     // how many began in that second
	Better    time.Time `json:"better,omitzero"`     // when the newest last became less bad
}

// measuredFor is how long a measured reading outweighs a canary's. A sensor that
// works speaks once a minute at least.
const measuredFor = 2 * time.Minute

// power is what the newest source said about mains at the site.
type power struct {
	At        time.Time     `json:"at,omitzero"`
	Known     bool          `json:"known,omitempty"` // a sensor works
	OnBattery bool          `json:"on_battery,omitempty"`
	Low       bool          `json:"low,omitempty"`
	Concluded bool          `json:"concluded,omitempty"` // from a canary, not measured
	Runtime   time.Duration `json:"runtime,omitempty"`
	Since     time.Time     `json:"since,omitzero"` // of OnBattery
}

// target is one thing that is probed.
type target struct {
	Last     thongsuot.Result `json:"last"`            // newest answer, skipped runs aside
	Bad      thongsuot.Result `json:"bad"`             // newest failure that says something about the world
	Fails    int              `json:"fails,omitempty"` // of these in a row
	Since    time.Time        `json:"since,omitzero"`  // first of these failures
	Answered bool             `json:"answered,omitempty"`
	BadRun   int              `json:"bad_run,omitempty"` // rounds in a row that failed or lost more than half
	Through  bool             `json:"through,omitempty"` // something came through in them
	Healed   runs             `json:"healed,omitempty"`  // such runs that ended by themselves
	Burst    time.Time        `json:"burst,omitzero"`    // end of the last such run of several rounds in which something came through
	Down     time.Time        `json:"down,omitzero"`     // first failure of the last time it was down
	Back     time.Time        `json:"back,omitzero"`     // first good answer after that
	Fresh    time.Time        `json:"fresh,omitzero"`    // of the newest answer that arrived while it was fresh: only such speak of now
	Quality  quality          `json:"quality"`
}

func newSite(code string) *site {
	return &site{Code: code, Targets: map[string]*target{}, Verdict: up().Verdict}
}

// observe takes in an observation and tells whether there is anything to judge:
// a beat like the one before it only says that all is as it was.
func (s *site) observe(o Observation, grace time.Time, cfg Config) (news bool) {
	news = len(o.Results) > 0 || len(o.Reached) > 0 || s.Silent != nil || s.shown.away || !s.Heard.After(grace) || o.Start != s.Start || o.Boot != "" && o.Boot != s.Boot
	if o.Start != 0 {
		s.hear(o, grace, cfg)
	}
	if len(o.Reached) > 0 {
		s.Reach.add(o.Reached, s.Silent == nil && s.unheard(o.At, grace, cfg) == 0)
		if s.Silent != nil {
			s.Silent.WAN = s.Reach.answer()
		}
	}
	return s.take(o, cfg) || news
}

// take folds in what an observation says, and tells whether that is news.
func (s *site) take(o Observation, cfg Config) (news bool) {
	if b := o.Beat; b != nil {
		was := s.Said
		was.Runtime = b.Runtime // it falls all the time
		news = *b != was
		s.Said = *b
		s.seePower(power{At: o.At, Known: b.OnBattery || b.MainsPresent, OnBattery: b.OnBattery, Low: b.LowBattery, Concluded: b.Canary, Runtime: b.Runtime})
	}
	for _, r := range inTime(o.Results) {
		if r.At.After(o.At.Add(time.Minute)) {
			continue // dated in the future: its clock is wrong, it must not hide what comes next
		}
		s.fold(r, o.At, cfg)
	}
	return news
}

// inTime are results in the order in which they were measured: a batch may
// hold them in any other.
func inTime(rs []thongsuot.Result) []thongsuot.Result {
	byTime := func(a, b thongsuot.Result) int { return a.At.Compare(b.At) }
	if slices.IsSortedFunc(rs, byTime) {
		return rs
	}
	rs = slices.Clone(rs)
	slices.SortStableFunc(rs, byTime)
	return rs
}

// hear notes a sign of life and ends a silence.
func (s *site) hear(o Observation, grace time.Time, cfg Config) {
	// A run that ended with another process of the agent, or after its goodbye,
	// did not heal by itself; and the centre must have been there to hear.
	if s.Heard.After(grace) && o.Start == s.Start && !s.Said.Stopping && !s.Said.ShuttingDown {
		if n := int(o.At.Sub(s.Heard)/s.Said.pace(cfg)) - 1; n > 0 && n < cfg.MaxBeats {
			s.Healed = s.Healed.add(healed{At: o.At, Beats: n})
		}
	}
	s.forget(o.At, cfg)
	if s.Silent != nil {
		s.keepNight(s.Silent, o.At)
		s.Gap = s.Silent.ended(o, s.Open)
		s.Silent = nil
	}
	if s.Gap != nil && o.Boot != "" && s.Gap.NewBoot == "" {
		s.Gap.NewBoot, s.Gap.Touched = o.Boot, o.At
	}
	s.Heard, s.Start = o.At, o.Start
	if o.Boot != "" {
		s.Boot = o.Boot
	}
}

// forget drops runs that healed too long ago.
func (s *site) forget(now time.Time, cfg Config) {
	s.Healed = s.Healed.since(now.Add(-cfg.HealMemory))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
