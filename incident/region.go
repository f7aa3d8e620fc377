package incident

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"thongsuot"
)

// Thresholds of what many sites share.
const (
	provinceShare = 0.6             // of the sites that were heard within a day
	provinceSites = 10              // of those at least
	provinceOver  = 2               // carriers
	linger        = 5 * time.Minute // after the last recovery those that remain are part no longer, once half are back
	flapStarts    = 3               // incidents of one site that begin within an hour are one that goes and comes
	flapWithin    = time.Hour
	flapQuiet     = 15 * time.Minute // after the last of them it is over
	regionMemory  = 24 * time.Hour   // how long a regional incident may be corrected by its members
)

// region is an incident of many sites.
type region struct {
	Incident thongsuot.Incident `json:"incident"`
	Eased    time.Time          `json:"eased,omitzero"` // when a member last recovered
	dirty    bool               // its members changed since it was last settled
}

func (r *region) part() (string, thongsuot.Region) {
	if r == nil {
		return "", thongsuot.Region{}
	}
	return r.Incident.ID, r.Incident.Region
}

// region is what a site's verdict says that it shares with others; zero for
// nothing.
func (e *Engine) region(s *site, f Facts, v thongsuot.Verdict, now time.Time) thongsuot.Region {
	switch {
	case f.CentreSick || f.Province:
		return thongsuot.Region{Kind: thongsuot.RegionProvince}
	case v.Cause == thongsuot.CauseUpstream && f.UpstreamDown >= peersAtLeast:
		if e.carrierWide(s) {
			return thongsuot.Region{Kind: thongsuot.RegionCarrier, Name: s.Carrier}
		}
		return thongsuot.Region{Kind: thongsuot.RegionUpstream, Name: s.Upstream}
	case v.Cause == thongsuot.CauseUpstream && f.PortalFailShare >= voteShare && s.Carrier != "":
		return thongsuot.Region{Kind: thongsuot.RegionCarrier, Name: s.Carrier}
	case v.Cause == thongsuot.CausePower && f.feederTogether():
		return thongsuot.Region{Kind: thongsuot.RegionFeeder, Name: s.Feeder}
	case v.Cause == thongsuot.CausePortal && max(f.PortalFailShare, f.PortalSlowShare) >= voteShare:
		return thongsuot.Region{Kind: thongsuot.RegionPortal, Name: namePortal}
	default:
		return thongsuot.Region{}
	}
}

// namePortal is the name of the probe that asks the national portal.
const namePortal = "portal"

// province reports whether most sites are silent at once over several
// carriers, and whether that is the centre's own fault: then the reference
// probes beside it are silent too.
func (e *Engine) province() (wide, sick bool) {
	count, silent, over := 0, 0, 0
	for name, t := range e.shows.carriers {
		count, silent, over = count+t.sites, silent+t.away, over+one(t.away > 0 && name != "")
	}
	if count < provinceSites || float64(silent) < provinceShare*float64(count) {
		return false, false
	}
	r := &e.shows.references
	sick = r.sites > 0 && r.away == r.sites
	return over >= provinceOver && !sick, sick
}

// carrierWide reports whether several routes of the site's carrier are gone
// with it, and half of its sites.
func (e *Engine) carrierWide(s *site) bool {
	s.asks.carrier = true
	if !s.shown.gone || s.Carrier == "" {
		return false
	}
	count, gone := 0, 0
	routes := map[string]bool{}
	for _, o := range e.list {
		if o.Carrier != s.Carrier || !o.Counted || !o.shown.takesPart {
			continue
		}
		count++
		if o.shown.gone && o.shown.goneSince.Sub(s.shown.goneSince).Abs() <= onsetsWithin {
			gone++
			routes[o.Upstream] = true
		}
	}
	delete(routes, "")
	return len(routes) > 1 && gone >= peersAtLeast && float64(gone) >= half*float64(count)
}

// joins finds the regional incident that a verdict belongs to, or opens it. A
// member stays one while nothing surer is known of it, until the others are
// long back: that a vote falls below its threshold because most have recovered
// says nothing new of the rest.
func (e *Engine) joins(s *site, j *judged, now time.Time) *region {
	if j.hold {
		return nil
	}
	var held *region
	if s.Open != nil && s.Open.Part != "" {
		held = e.open(func(r *region) bool { return r.Incident.ID == s.Open.Part })
	}
	switch {
	case j.State == thongsuot.StateUp:
		return nil
	case held != nil && (j.region == held.Incident.Region || !surer(j.Verdict, s.Open.Verdict) || e.lastOfPortal(held, s, j.region)):
		if j.region != held.Incident.Region {
			j.Verdict, j.region = s.Open.Verdict, held.Incident.Region
		}
		return held
	case j.region.Kind == "" && s.Open == nil && s.flapping(*j):
		j.region = thongsuot.Region{Kind: thongsuot.RegionFlapping, Name: s.Code}
	case j.region.Kind == "":
		return nil
	}
	if r := e.open(func(r *region) bool { return r.Incident.Region == j.region }); r != nil {
		return r
	}
	r := &region{Incident: thongsuot.Incident{Region: j.region, Start: j.since, Verdict: j.Verdict, Worst: j.State}}
	if j.region.Kind == thongsuot.RegionFlapping {
		r.Incident.Site = s.Code
	}
	r.Incident.ID = e.regionID(r.Incident)
	e.regions = append(e.regions, r)
	return r
}

// flaps reports whether a state counts among those that come and go.
func flaps(s thongsuot.State) bool { return s.Severity() >= thongsuot.StateAtRisk.Severity() }

// flapping reports whether what begins now is one of several within an hour.
func (s *site) flapping(j judged) bool {
	s.Begun = slices.DeleteFunc(s.Begun, func(t time.Time) bool { return j.since.Sub(t) > flapWithin })
	return flaps(j.State) && len(s.Begun)+1 >= flapStarts
}

// lastOfPortal reports whether what now looks like the fault of the site's carrier
// is the rest of the portal's: sites of other carriers were hit with it, and are
// back.
func (e *Engine) lastOfPortal(held *region, s *site, now thongsuot.Region) bool {
	return held.Incident.Region.Kind == thongsuot.RegionPortal && now.Kind == thongsuot.RegionCarrier &&
		slices.ContainsFunc(held.Incident.Members, func(m thongsuot.Member) bool {
			o := e.sites[m.Site]
			return o != nil && o.Counted && o.Carrier != s.Carrier
		})
}

// surer reports whether a new verdict on a member tells more than that of its
// region: another state of its own, or a known cause held at least as surely.
func surer(v, held thongsuot.Verdict) bool {
	return v.State != held.State || v.Cause != thongsuot.CauseUnknown && v.Cause != held.Cause && v.Confidence.Level() != thongsuot.LevelLow && v.Confidence >= held.Confidence
}

func (e *Engine) open(is func(*region) bool) *region {
	for _, r := range e.regions {
		if r.Incident.Open() && is(r) {
			return r
		}
	}
	return nil
}

// regionID names a regional incident by what is shared and its start, so that
// a replay of the same history gives the same names.
func (e *Engine) regionID(in thongsuot.Incident) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(in.Region.Name)) // cannot fail
	id := fmt.Sprintf("%s-%08x-%s", in.Region.Kind, h.Sum32(), in.Start.UTC().Format("20060102T150405Z"))
	for n, free := 2, id; ; n++ {
		if !slices.ContainsFunc(e.regions, func(r *region) bool { return r.Incident.ID == free }) {
			return free
		}
		free = fmt.Sprintf("%s-%d", id, n)
	}
}

// follow keeps the members of regional incidents by what changed at a site.
func (e *Engine) follow(s *site, was *thongsuot.Incident, changes []thongsuot.Change) {
	for _, c := range changes {
		in := c.Incident
		for _, r := range e.regions {
			i := slices.IndexFunc(r.Incident.Members, func(m thongsuot.Member) bool { return m.Site == s.Code && m.To.IsZero() })
			switch {
			case in.Part == r.Incident.ID && in.Open():
				r.join(i, in)
			case i >= 0:
				m := &r.Incident.Members[i]
				m.To = later(c.At, m.From)
				r.Eased, r.dirty = later(r.Eased, m.To), true
			}
		}
	}
}

// join takes in what is held of a member now; i is its place, -1 for none.
func (r *region) join(i int, in thongsuot.Incident) {
	m := thongsuot.Member{Site: in.Site, Incident: in.ID, From: in.Start, State: in.Verdict.State, Cause: in.Verdict.Cause, Confidence: in.Verdict.Confidence, Planned: in.Verdict.Planned}
	r.takePlan(in.Verdict)
	if i >= 0 {
		m.From = r.Incident.Members[i].From
		r.dirty = r.dirty || m != r.Incident.Members[i]
		r.Incident.Members[i] = m
		return
	}
	r.Incident.Members = append(r.Incident.Members, m)
	slices.SortFunc(r.Incident.Members, func(a, b thongsuot.Member) int {
		return cmp.Or(cmp.Compare(a.Site, b.Site), a.From.Compare(b.From))
	})
	r.dirty = true
}

// revised takes in what a member's own record says after its return.
func (e *Engine) revised(in thongsuot.Incident) {
	for _, r := range e.regions {
		for i := range r.Incident.Members {
			if m := &r.Incident.Members[i]; m.Incident == in.ID && r.Incident.ID == in.Part {
				m.State, m.Cause, m.Confidence, m.Planned = in.Verdict.State, in.Verdict.Cause, in.Verdict.Confidence, in.Verdict.Planned
				r.takePlan(in.Verdict)
				r.dirty = true
			}
		}
	}
}

// release lets go of members that stay behind long after the others: theirs is
// a fault of its own.
func (e *Engine) release(now time.Time) {
	for _, r := range e.regions {
		if !r.spent(now) {
			continue
		}
		for _, m := range r.Incident.Members {
			if s := e.sites[m.Site]; m.To.IsZero() && s != nil && s.Open != nil {
				s.Open.Part, s.Open.Region = "", thongsuot.Region{}
				if s.Silent != nil {
					s.Silent.Alone = true
				}
				s.released, s.stirred, e.shows.moved = true, true, true
			}
		}
	}
}

func (r *region) spent(now time.Time) bool {
	members, still := r.Incident.Hit()
	return r.Incident.Open() && !r.flaps() && still > 0 && 2*still <= members && now.Sub(r.Eased) > linger
}

func (r *region) flaps() bool { return r.Incident.Region.Kind == thongsuot.RegionFlapping }

// calm reports whether a site that went and came has been well for a while.
func (r *region) calm(now time.Time) bool {
	_, still := r.Incident.Hit()
	return r.flaps() && r.Incident.Open() && still == 0 && now.Sub(r.Eased) >= flapQuiet
}

// nextRegion is when a region may be spent or calm, at the latest after an
// idle time.
func (e *Engine) nextRegion(now time.Time) time.Time {
	at := now.Add(idle)
	for _, r := range e.regions {
		if r.flaps() && r.Incident.Open() {
			at = earlier(at, later(now.Add(1), r.Eased.Add(flapQuiet)))
		}
		if members, still := r.Incident.Hit(); still > 0 && 2*still <= members {
			at = earlier(at, r.Eased.Add(linger+1))
		}
	}
	return at
}

// settleRegions makes the changes of regional incidents whose members changed.
// Between ticks only what begins is told, so that members who come one after
// the other make one revision.
func (e *Engine) settleRegions(now time.Time, all bool) (changes []thongsuot.Change) {
	for _, r := range e.regions {
		switch {
		case r.dirty && (all || r.Incident.Revision == 0), all && r.calm(now):
			r.dirty = false
			changes = append(changes, r.settle(now)...)
		case r.dirty:
			e.wake = time.Time{} // at the next tick
		}
	}
	e.regions = slices.DeleteFunc(e.regions, func(r *region) bool {
		return !r.Incident.Open() && now.Sub(r.Incident.End) > regionMemory
	})
	return changes
}

func (r *region) settle(now time.Time) []thongsuot.Change {
	in := &r.Incident
	was := *in
	_, still := in.Hit()
	if in.Open() {
		in.Verdict = r.verdict(still > 0)
		if r.flaps() && still == 0 && !r.calm(now) {
			in.Verdict.State = thongsuot.StateAtRisk // it works, until the next time
		}
	} else if v := r.verdict(false); in.Truth == nil && (v.Cause != in.Verdict.Cause || v.Confidence.Level() != in.Verdict.Confidence.Level()) {
		in.Verdict.Cause, in.Verdict.Confidence, in.Verdict.Candidates = v.Cause, v.Confidence, v.Candidates
	} else {
		return nil
	}
	in.Verdict = told(in.Verdict, in.Truth)
	for _, m := range in.Members {
		in.Start = earlier(in.Start, m.From)
	}
	if in.Verdict.State.Severity() > in.Worst.Severity() {
		in.Worst = in.Verdict.State
	}
	in.Revision++
	c := thongsuot.Change{Kind: thongsuot.ChangeMembers, Because: newIn(in.Verdict.Evidence, was.Verdict.Evidence)}
	switch w, is := was.Verdict.State.Severity(), in.Verdict.State.Severity(); {
	case in.Revision == 1:
		c.Kind, c.At, c.Because = thongsuot.ChangeOpened, in.Start, nil
	case !was.Open():
		c.Kind, c.At = thongsuot.ChangeRevised, in.End
	case still == 0 && (!r.flaps() || r.calm(now)):
		in.End = later(r.Eased, in.Start)
		c.Kind, c.At = thongsuot.ChangeClosed, in.End
	case r.flaps(): // that it goes and comes is told already
	case overran(was.Verdict, in.Verdict):
		c.Kind, c.Because = thongsuot.ChangeOverrun, slices.DeleteFunc(slices.Clone(in.Verdict.Evidence), func(e thongsuot.Evidence) bool { return e.Code != thongsuot.EvidenceOverrun })
	case is > w:
		c.Kind = thongsuot.ChangeWorse
	case is < w:
		c.Kind = thongsuot.ChangeBetter
	case in.Verdict.Cause != was.Verdict.Cause:
		c.Kind = thongsuot.ChangeCause
	}
	if c.At.IsZero() {
		c.At = r.newest()
	}
	c.Incident = *in
	c.Incident.Members = slices.Clone(in.Members)
	return []thongsuot.Change{c}
}

// ofOneSite reports whether evidence says nothing of the others.
func ofOneSite(e thongsuot.Evidence) bool {
	switch e.Code {
	case thongsuot.EvidencePeersSilent, thongsuot.EvidencePeersOnBattery, thongsuot.EvidencePortalVote:
		return false
	case thongsuot.EvidencePlanned, thongsuot.EvidenceOverrun, thongsuot.EvidenceTruth:
		return false
	case thongsuot.EvidenceTargetFails, thongsuot.EvidenceTargetSlow:
		return e.Probe != namePortal
	default:
		return true
	}
}

// newest is when a member last joined or recovered.
func (r *region) newest() (at time.Time) {
	for _, m := range r.Incident.Members {
		at = later(at, later(m.From, m.To))
	}
	return at
}

// verdict is that of the members: the worst state of those that are part still
// (of all, when the question is what it was), and the cause that most of them
// have, as surely as the surest.
func (r *region) verdict(nowOnly bool) thongsuot.Verdict {
	v := thongsuot.Verdict{State: thongsuot.StateUp}
	votes, sure := map[thongsuot.Cause]int{}, map[thongsuot.Cause]thongsuot.Confidence{}
	count, planned := 0, 0
	for _, m := range r.Incident.Members {
		if nowOnly && !m.To.IsZero() {
			continue
		}
		if m.State.Severity() > v.State.Severity() {
			v.State = m.State
		}
		count, planned = count+1, planned+one(m.Planned)
		votes[m.Cause]++
		sure[m.Cause] = max(sure[m.Cause], m.Confidence)
	}
	for _, c := range slices.Sorted(maps.Keys(votes)) {
		known := c != thongsuot.CauseUnknown
		if v.Cause == "" || votes[c] > votes[v.Cause] || votes[c] == votes[v.Cause] && known {
			v.Cause, v.Confidence = c, sure[c]
		}
	}
	if v.Cause == r.Incident.Verdict.Cause && v.Confidence.Level() == r.Incident.Verdict.Confidence.Level() {
		v.Candidates, v.Sub = r.Incident.Verdict.Candidates, r.Incident.Verdict.Sub
	}
	v.Planned = count > 0 && planned == count
	v.Evidence = slices.DeleteFunc(slices.Clone(r.Incident.Verdict.Evidence), ofOneSite)
	return v
}
