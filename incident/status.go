package incident

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"thongsuot"
)

// Status is what is held of one site, for pages.
type Status struct {
	Site     string
	Verdict  thongsuot.Verdict
	Since    time.Time // of the verdict; zero while the site was never anything else
	Heard    time.Time // last sign of life; zero: never heard
	Unheard  int       // beats in a row that did not come
	Suspect  bool      // enough of them to doubt, too few to tell
	Silent   bool      // enough to tell
	Boot     string
	Incident string             // id of the open incident, "" for none
	Results  []thongsuot.Result // newest of each probe, by name
	Power    Power
	Said     Beat // the last beat

	Services map[string]thongsuot.Verdict // named services that are down there, by name of the probe
	Lines    map[string]thongsuot.Verdict // lines that are gone while another carries the site, by name
}

// Power is what is known of mains at a site.
type Power struct {
	Known     bool
	OnBattery bool
	Low       bool
	Since     time.Time // of OnBattery
	Runtime   time.Duration
}

// Status tells what is held of one site at now; ok is false for a site that
// does not take part.
func (e *Engine) Status(code string, now time.Time) (st Status, ok bool) {
	s := e.sites[code]
	if s == nil {
		return Status{}, false
	}
	s.advance(now, e.cfg)
	st = Status{
		Site: code, Verdict: s.Verdict, Since: s.Since, Heard: s.Heard, Boot: s.Boot,
		Said: s.Said, Services: s.served, Lines: s.lines, Power: Power{s.Power.Known, s.Power.OnBattery, s.Power.Low, s.Power.Since, s.Power.Runtime},
	}
	if s.Heard.IsZero() {
		st.Verdict = thongsuot.Verdict{State: thongsuot.StateUnknown, Cause: thongsuot.CauseNone}
	} else {
		st.Unheard = s.unheard(now, e.grace, e.cfg)
		st.Silent = s.Silent != nil
		st.Suspect = s.Silent == nil && st.Unheard >= e.cfg.MinBeats
	}
	if s.Open != nil {
		st.Incident = s.Open.ID
	}
	for _, t := range s.targets() {
		st.Results = append(st.Results, t.Last)
	}
	return st, true
}

// Codes lists the sites that take part, sorted.
func (e *Engine) Codes() []string { return append([]string(nil), e.order...) }

// snapshotVersion changes when the memory of a site changes its meaning.
const snapshotVersion = 3

// oldestSnapshot is the oldest version that this program reads.
const oldestSnapshot = 2

// fromVersion2 fills in what version 2 did not tell: every newest answer was
// taken for fresh, and runs that healed stood one by one.
func (s *site) fromVersion2() {
	for _, t := range s.Targets {
		t.Fresh = t.Last.At
	}
	var kept runs
	for _, h := range s.Healed {
		kept = kept.add(h)
	}
	s.Healed = kept
}

type snapshot struct {
	Version int       `json:"version"`
	Sites   []*site   `json:"sites"`
	Regions []*region `json:"regions,omitempty"`
}

// Snapshot is the whole memory of the engine, to be restored after a restart.
func (e *Engine) Snapshot() ([]byte, error) {
	snap := snapshot{Version: snapshotVersion, Regions: e.regions}
	for _, code := range e.order {
		snap.Sites = append(snap.Sites, e.sites[code])
	}
	b, err := json.Marshal(snap)
	if err != nil {
		return nil, fmt.Errorf("snapshot of the incident engine: %w", err)
	}
	return b, nil
}

// Restore takes up a snapshot, for the sites that take part, at now. open are
// the incidents that are open on record: the record is written before anyone
// is told, so it overrules a snapshot that is a little older. An empty
// snapshot leaves only those.
func (e *Engine) Restore(b []byte, open []thongsuot.Incident, now time.Time) error {
	if len(b) > 0 {
		var snap snapshot
		if err := json.Unmarshal(b, &snap); err != nil {
			return fmt.Errorf("restore the incident engine: %w", err)
		}
		if snap.Version < oldestSnapshot || snap.Version > snapshotVersion {
			return fmt.Errorf("restore the incident engine: snapshot of version %d, this program reads %d to %d", snap.Version, oldestSnapshot, snapshotVersion)
		}
		e.regions = slices.DeleteFunc(snap.Regions, func(r *region) bool { return r.Incident.Open() }) // those on record follow
		for _, s := range snap.Sites {
			if e.sites[s.Code] != nil {
				if s.Targets == nil {
					s.Targets = map[string]*target{}
				}
				if snap.Version == 2 {
					s.fromVersion2()
				}
				s.Open = nil
				s.place = e.sites[s.Code].place
				e.sites[s.Code] = s
			}
		}
	}
	for _, in := range open {
		if in.Regional() {
			e.regions = append(e.regions, &region{Incident: in, Eased: in.Start})
		} else if s := e.sites[in.Site]; s != nil {
			s.adopt(in)
		}
	}
	e.reconcile(open)
	for _, code := range e.order {
		if s := e.sites[code]; s.Open == nil && s.Verdict.State != thongsuot.StateUp {
			s.Verdict, s.Silent = up().Verdict, nil // its end was recorded after the snapshot
		}
	}
	e.grace, e.lastTick = now, now
	e.sort(now)
	return nil
}

// reconcile ends the membership of sites whose own record is no open part of
// the regional incident: the two were not written at the same instant.
func (e *Engine) reconcile(open []thongsuot.Incident) {
	for _, r := range e.regions {
		if !r.Incident.Open() {
			continue
		}
		for i := range r.Incident.Members {
			m := &r.Incident.Members[i]
			part := slices.ContainsFunc(open, func(in thongsuot.Incident) bool { return in.ID == m.Incident && in.Part == r.Incident.ID })
			if m.To.IsZero() && !part {
				m.To, r.dirty = later(e.lastTick, m.From), true
			}
			r.Eased = later(r.Eased, m.To)
		}
	}
}

// adopt makes in the site's open incident.
func (s *site) adopt(in thongsuot.Incident) {
	s.Open = &in
	s.Verdict = in.Verdict
	if s.Since.IsZero() {
		s.Since = in.Start
	}
	if s.Heard.IsZero() {
		s.Heard = in.Start // known to have been heard once, or it could not have had an incident
	}
}
