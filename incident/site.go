package incident

import (
	"fmt"
	"math/bits"
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

// healed is a run of something bad that ended by itself.
type healed struct {
	At    time.Time `json:"at"`
	Beats int       `json:"beats"`           // or rounds
	Count int       `json:"count,omitempty"` // of runs that it stands for: itself, and earlier ones that were no longer
}

// runs are those by time that may be the longest now or later.
type runs []healed

// add leaves out those that are over earlier and no longer than h.
func (r runs) add(h healed) runs {
	h.Count = max(h.Count, 1)
	for len(r) > 0 && r[len(r)-1].Beats <= h.Beats {
		h.Count += r[len(r)-1].Count
		r = r[:len(r)-1]
	}
	return append(r, h)
}

// patience is how long a run must be to be news: longer than the longest that
// healed by itself of late. Where such runs are frequent, the next longest is
// bound to come within the week, so there it must be longer by up to three.
func (r runs) patience() int {
	count := 0
	for _, h := range r {
		count += h.Count
	}
	return 1 + r.longest() + min(max(bits.Len(uint(count))-1, 0), 3)
}

func (r runs) since(t time.Time) runs {
	for len(r) > 0 && r[0].At.Before(t) {
		r = r[1:]
	}
	return r
}

// longest is 0 for none.
func (r runs) longest() int {
	if len(r) == 0 {
		return 0
	}
	return r[0].Beats
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

// fold takes in one result that arrived at arrival. Results may come late and
// in any order: only a newer one changes what is held now, an older one is
// evidence about its time.
func (s *site) fold(r thongsuot.Result, arrival time.Time, cfg Config) {
	if s.Gap != nil {
		s.Gap.fold(r, arrival)
		if r.Kind == thongsuot.ProbeBoot && s.Targets[r.Probe] != nil {
			s.Gap.slept(s.Targets[r.Probe].Last, r, arrival)
		}
	}
	switch r.Kind {
	case thongsuot.ProbeUPS, thongsuot.ProbeMains, thongsuot.ProbeCanary:
		s.foldPower(r)
	case thongsuot.ProbeICMP, thongsuot.ProbeTCP, thongsuot.ProbeDNS, thongsuot.ProbePortal, thongsuot.ProbeService, thongsuot.ProbeCaptive:
		s.foldTarget(r, arrival, cfg)
	default:
		s.keep(r)
	}
}

// keep holds the newest result of a probe and tells whether r is it.
func (s *site) keep(r thongsuot.Result) (*target, bool) {
	t := s.Targets[r.Probe]
	if t == nil || t.Last.Target != r.Target || t.Last.Kind != r.Kind {
		if t != nil && !r.At.After(t.Last.At) {
			return nil, false
		}
		t = &target{}
		s.Targets[r.Probe], s.sorted = t, nil
	}
	if !r.At.After(t.Last.At) {
		return nil, false
	}
	if r.Reason == thongsuot.ReasonSkipped && t.Last.Reason != "" {
		return nil, false // not asked out of politeness: what it answered last still holds
	}
	t.Last = r.Recall(t.Last)
	return t, true
}

// foldTarget takes in an answer of a target. One that comes late shows what was
// then; neither it nor one from within a silence says how things are now.
func (s *site) foldTarget(r thongsuot.Result, arrival time.Time, cfg Config) {
	t, isNew := s.keep(r)
	if !isNew || arrival.Sub(r.At) > cfg.Late {
		return
	}
	t.Fresh = r.At
	switch {
	case r.OK():
		if t.Fails >= cfg.FailRounds {
			t.Quality.Loss.forget(t.Fails)
			t.Down, t.Back = t.Since, r.At
		}
		t.Fails, t.Since, t.Answered = 0, time.Time{}, true
	case r.Reason.Evidence():
		if t.Fails == 0 {
			t.Since = r.At
		}
		t.Fails += r.Runs()
		t.Bad = r
	}
	t.learnPatience(r, cfg)
	if !s.duringSilence(r.At) {
		t.Quality.measure(r, cfg)
	}
}

// learnPatience notes runs of bad rounds that ended by themselves: in a burst of
// loss most rounds get one answer through or none, as chance has it.
func (t *target) learnPatience(r thongsuot.Result, cfg Config) {
	lost, _ := r.Field(thongsuot.FieldLoss)
	if !r.OK() || lost > half {
		if t.Answered && (r.OK() || r.Reason.Evidence()) {
			t.BadRun += r.Runs()
			t.Through = t.Through || r.OK()
		}
		return
	}
	if t.Through && t.BadRun > 1 {
		t.Burst = r.At
	}
	t.Through = false
	t.Healed = t.Healed.since(r.At.Add(-cfg.HealMemory))
	if t.BadRun > 0 && t.BadRun < cfg.MaxBeats {
		t.Healed = t.Healed.add(healed{At: r.At, Beats: t.BadRun})
	}
	t.BadRun = 0
}

// down reports whether the target is held to be gone. What is asked every few
// seconds is given one failure more than the longest run that ended by itself
// of late, as beats are; what is asked seldom is not.
func (t *target) down(cfg Config) bool {
	patience := cfg.FailRounds
	switch t.Last.Kind {
	case thongsuot.ProbeICMP, thongsuot.ProbeTCP, thongsuot.ProbeDNS:
		patience = min(max(t.Healed.patience(), cfg.FailRounds), max(cfg.MaxBeats, cfg.FailRounds))
	}
	return t.Fails >= patience
}

func (s *site) foldPower(r thongsuot.Result) {
	if _, isNew := s.keep(r); !isNew || !r.OK() {
		return
	}
	p := power{At: r.At, Known: true, Concluded: r.Kind == thongsuot.ProbeCanary}
	if p.Concluded && s.Power.Known && !s.Power.Concluded && p.At.Sub(s.Power.At) < measuredFor {
		return // what measures outweighs what concludes
	}
	if v, ok := r.Field(thongsuot.FieldOnBattery); ok {
		p.OnBattery = v == 1
	} else if v, ok := r.Field(thongsuot.FieldOnline); ok {
		p.OnBattery = v == 0
	} else {
		return
	}
	if v, ok := r.Field(thongsuot.FieldLowBattery); ok {
		p.Low = v == 1
	}
	if v, ok := r.Field(thongsuot.FieldRuntime); ok && v > 0 {
		p.Runtime = time.Duration(v * float64(time.Second))
	}
	s.seePower(p)
}

func (s *site) seePower(p power) {
	if !p.At.After(s.Power.At) || !p.Known && !s.Power.Known {
		return
	}
	if p.OnBattery {
		p.Since = p.At
		if s.Power.OnBattery {
			p.Since = s.Power.Since
		}
	}
	s.Power = p
}

// settle makes the change, if any, from what was held to what is judged now.
// at is the event time of what brought it about.
func (s *site) settle(j judged, r *region, at time.Time) []thongsuot.Change {
	if j.hold {
		return nil
	}
	v := j.Verdict
	if !v.Same(s.Verdict) {
		s.Verdict, s.Since = v, j.since
		if s.Since.IsZero() {
			s.Since = at
		}
	}
	switch {
	case s.Open == nil && v.State == thongsuot.StateUp:
		return nil
	case s.Open == nil:
		s.Open = &thongsuot.Incident{ID: s.newID(j.since), Site: s.Code, Start: j.since, Verdict: v, Worst: v.State, Revision: 1}
		s.Open.Part, s.Open.Region = r.part()
		if flaps(v.State) {
			s.Begun = append(s.Begun, j.since)
		}
		return []thongsuot.Change{{Kind: thongsuot.ChangeOpened, At: j.since, Incident: *s.Open}}
	case v.State == thongsuot.StateUp:
		closed := *s.Open
		closed.End = later(s.ended(at), closed.Start)
		closed.Revision++
		because := s.ending(closed)
		s.Open, s.released = nil, false
		if s.Gap != nil && s.Gap.ID == closed.ID && !closed.End.After(s.Gap.End) {
			s.Gap.Incident = &closed // it ended with the silence, so what comes back explains it
		}
		return []thongsuot.Change{{Kind: thongsuot.ChangeClosed, At: closed.End, Incident: closed, Because: because}}
	}
	part, region := r.part()
	if !v.Same(s.Open.Verdict) || part != s.Open.Part || s.released {
		s.released = false
		s.Open.Part, s.Open.Region = part, region
		return []thongsuot.Change{s.revise(v, at)}
	}
	return nil
}

// ending is what shows that an incident is over.
func (s *site) ending(closed thongsuot.Incident) (out []thongsuot.Evidence) {
	if s.Gap != nil && s.Gap.ID == closed.ID && !closed.End.After(s.Gap.End) {
		return []thongsuot.Evidence{{Code: thongsuot.EvidenceHeardAgain, At: s.Gap.End}}
	}
	if closed.Verdict.Cause == thongsuot.CausePower && s.Power.Known && !s.Power.OnBattery {
		return []thongsuot.Evidence{{Code: thongsuot.EvidenceMainsPresent, At: s.Power.At}}
	}
	for _, e := range closed.Verdict.Evidence {
		if t := s.Targets[e.Probe]; t != nil && t.Fails == 0 && e.Code != thongsuot.EvidenceTargetAnswers {
			out = append(out, evidenceOf(t))
		}
	}
	return out
}

// newIn are the pieces of evidence of a kind and target that were not held
// before: what brought a change about.
func newIn(is, was []thongsuot.Evidence) (out []thongsuot.Evidence) {
	for _, e := range is {
		known := slices.ContainsFunc(was, func(o thongsuot.Evidence) bool {
			return o.Code == e.Code && o.Probe == e.Probe && o.Target == e.Target
		})
		if !known {
			out = append(out, e)
		}
	}
	return out
}

// ended is when the incident that closes at at ended: what was slow or lossy is
// watched for a while before it counts as over.
func (s *site) ended(at time.Time) time.Time {
	if s.Open.Verdict.State != thongsuot.StateDegraded {
		return at
	}
	var eased time.Time
	for _, t := range s.targets() {
		eased = later(eased, t.Quality.eased())
	}
	eased = later(eased, s.Better) // until then it was worse than slow
	if eased.After(s.Open.Start) && eased.Before(at) {
		return eased
	}
	return at
}

func (s *site) revise(v thongsuot.Verdict, at time.Time) thongsuot.Change {
	kind := thongsuot.ChangeCause
	switch was, is := s.Open.Verdict.State.Severity(), v.State.Severity(); {
	case is > was:
		kind = thongsuot.ChangeWorse
	case is < was:
		kind, s.Better = thongsuot.ChangeBetter, at
	}
	if overran(s.Open.Verdict, v) {
		kind = thongsuot.ChangeOverrun
	}
	because := newIn(v.Evidence, s.Open.Verdict.Evidence)
	s.Open.Verdict = v
	s.Open.Revision++
	if v.State.Severity() > s.Open.Worst.Severity() {
		s.Open.Worst = v.State
	}
	return thongsuot.Change{Kind: kind, At: later(at, s.Open.Start), Incident: *s.Open, Because: because}
}

// newID names an incident by its site and start, so that a replay of the same
// history gives the same names.
func (s *site) newID(start time.Time) string {
	start = start.UTC().Truncate(time.Second)
	id := s.Code + "-" + start.Format("20060102T150405Z")
	if !start.Equal(s.LastStart) {
		s.LastStart, s.Again = start, 1
		return id
	}
	s.Again++
	return fmt.Sprintf("%s-%d", id, s.Again)
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
