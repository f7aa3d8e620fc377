package thongsuot

import (
	"fmt"
	"time"
)

// State is what can be said of a site's service to citizens.
type State string

// The states of a site. Unknown is blind time: the service may be fine.
const (
	StateUp       State = "up"
	StateAtRisk   State = "at_risk"  // served, but on battery, on bad voltage or without one of its lines
	StateDegraded State = "degraded" // served, but slow or lossy
	StateDown     State = "down"
	StateOff      State = "off"     // switched off as expected
	StateUnknown  State = "unknown" // the monitor is blind
)

// States lists every state, worst first: the order of "needs action now".
func States() []State {
	return []State{StateDown, StateDegraded, StateAtRisk, StateUnknown, StateOff, StateUp}
}

// Severity orders states: 0 for up, rising as more service is lost.
func (s State) Severity() int {
	switch s {
	case StateDown:
		return 5
	case StateDegraded:
		return 4
	case StateAtRisk:
		return 3
	case StateUnknown:
		return 2
	case StateOff:
		return 1
	default:
		return 0
	}
}

// Cause names what failed.
type Cause string

// The causes. CauseNone belongs to a site that is up.
const (
	CauseNone     Cause = "none"
	CausePower    Cause = "power"    // mains at the site
	CauseLAN      Cause = "lan"      // inside the office
	CauseAccess   Cause = "access"   // the line from the office to the carrier
	CauseUpstream Cause = "upstream" // the carrier's aggregation route
	CausePortal   Cause = "portal"   // the national portal or another named service
	CauseAgent    Cause = "agent"    // our own program
	CauseHost     Cause = "host"     // the machine it runs on
	CauseCentral  Cause = "central"  // our own centre
	CauseUnknown  Cause = "unknown"  // not established
)

// Causes lists every cause.
func Causes() []Cause {
	return []Cause{
		CauseNone, CausePower, CauseLAN, CauseAccess, CauseUpstream, CausePortal,
		CauseAgent, CauseHost, CauseCentral, CauseUnknown,
	}
}

// Finer causes, as Verdict.Sub holds them.
const (
	SubDNS                  = "dns"                    // of access: names are not resolved
	SubLine                 = "line"                   // one of several lines of the site; others carry it
	SubCaptive              = "captive"                // of access: a page of the carrier's own in the way
	SubTLS                  = "tls"                    // of portal: its certificate or its handshake
	SubVoltage              = "voltage"                // of power: far off nominal
	SubSuspend              = "suspend"                // of host: the machine slept
	SubClockReset           = "clock_reset"            // of power: so long that the clock was lost too
	SubLowBattery           = "low_battery"            // of power: the battery is about to end
	SubNetworkGearUnpowered = "network_gear_unpowered" // of power: modem or switch is likely not behind the UPS
	SubISPNodeUnpowered     = "isp_node_unpowered"     // of power: the carrier's cabinet lost power with the site
	SubCollectorPath        = "collector_path"         // of central: only the way to the centre was gone
)

// Subs lists every finer cause.
func Subs() []string {
	return []string{SubDNS, SubTLS, SubLine, SubCaptive, SubVoltage, SubSuspend, SubClockReset, SubLowBattery, SubNetworkGearUnpowered, SubISPNodeUnpowered, SubCollectorPath}
}

// Confidence is how sure a verdict is, 0..1.
type Confidence float64

// Bounds of the levels of confidence: high from .9, medium from .6. They are
// targets of calibration, to be checked against labelled events.
const (
	ConfidenceHigh   Confidence = 0.9
	ConfidenceMedium Confidence = 0.6
	ConfidenceLow    Confidence = 0.3
)

// Level is a confidence in words: "high", "medium" or "low".
type Level string

// The levels of confidence.
const (
	LevelHigh   Level = "high"
	LevelMedium Level = "medium"
	LevelLow    Level = "low"
)

// Level is the confidence in words.
func (c Confidence) Level() Level {
	switch {
	case c >= ConfidenceHigh:
		return LevelHigh
	case c >= ConfidenceMedium:
		return LevelMedium
	default:
		return LevelLow
	}
}

// EvidenceCode names a kind of observation; package lang puts it into words.
type EvidenceCode string

// The kinds of evidence.
const (
	EvidenceBeatsUnanswered EvidenceCode = "beats_unanswered" // Value beats in a row, since At
	EvidenceHeardAgain      EvidenceCode = "heard_again"
	EvidenceTargetFails     EvidenceCode = "target_fails"   // Probe, Target, Reason
	EvidenceTargetAnswers   EvidenceCode = "target_answers" // Probe, Target
	EvidenceTargetLossy     EvidenceCode = "target_lossy"   // Probe, Target; Value is the loss ratio
	EvidenceTargetSlow      EvidenceCode = "target_slow"    // Probe, Target; Value is the seconds it takes, Usual what it takes at that hour
	EvidenceOnBattery       EvidenceCode = "on_battery"     // Value is the predicted runtime in seconds, 0 when not told
	EvidenceLowBattery      EvidenceCode = "low_battery"
	EvidenceMainsLost       EvidenceCode = "mains_lost"
	EvidenceMainsPresent    EvidenceCode = "mains_present"
	EvidenceUncleanStop     EvidenceCode = "unclean_stop" // the machine was cut off or crashed: no goodbye on its disk
	EvidencePanic           EvidenceCode = "panic"        // the kernel of the machine left its last words
	EvidenceVoltage         EvidenceCode = "voltage"      // Value is the mean of ten minutes in volts, Detail the rule
	EvidenceNoMainsSensor   EvidenceCode = "no_mains_sensor"
	EvidenceAgentStopped    EvidenceCode = "agent_stopped"    // Detail is why
	EvidenceAgentStarted    EvidenceCode = "agent_started"    // a new process of the agent on the same boot
	EvidenceBootChanged     EvidenceCode = "boot_changed"     // the machine started anew
	EvidenceBootSame        EvidenceCode = "boot_same"        // the machine ran through
	EvidencePeersSilent     EvidenceCode = "peers_silent"     // Value sites of the upstream Target fell silent with this one
	EvidencePeersOnBattery  EvidenceCode = "peers_on_battery" // Value sites of the feeder Target are on battery
	EvidencePortalVote      EvidenceCode = "portal_vote"      // Value is the share of sites that cannot use the portal either
)

// What people said, beforehand or afterwards.
const (
	EvidencePlanned EvidenceCode = "planned" // announced from At Until, by Target; Detail is the reason
	EvidenceOverrun EvidenceCode = "overrun" // the announced end, At, is long over
	EvidenceTruth   EvidenceCode = "truth"   // somebody who knows said so at At: Target is who, Detail the note
)

// Evidence is one observation that a verdict rests on.
type Evidence struct {
	Code   EvidenceCode `json:"code"`
	At     time.Time    `json:"at"`
	Probe  string       `json:"probe,omitempty"`
	Target string       `json:"target,omitempty"`
	Reason Reason       `json:"reason,omitempty"`
	Value  float64      `json:"value,omitempty"`
	Usual  float64      `json:"usual,omitempty"`
	Detail string       `json:"detail,omitempty"`
	Until  time.Time    `json:"until,omitzero"` // of what lasts
}

// Verdict is what is held to be wrong at one time.
type Verdict struct {
	State      State      `json:"state"`
	Cause      Cause      `json:"cause"`
	Sub        string     `json:"sub,omitempty"` // finer cause: "dns", "captive"
	Confidence Confidence `json:"confidence"`
	Candidates []string   `json:"candidates,omitempty"` // causes that fit, most likely first
	Planned    bool       `json:"planned,omitempty"`
	Evidence   []Evidence `json:"evidence,omitempty"`
}

// Same reports whether a person would be told the same: state, cause, sub,
// level of confidence, plan and order of candidates. Evidence may differ.
func (v Verdict) Same(o Verdict) bool {
	if v.State != o.State || v.Cause != o.Cause || v.Sub != o.Sub || v.Planned != o.Planned ||
		v.Confidence.Level() != o.Confidence.Level() || len(v.Candidates) != len(o.Candidates) {
		return false
	}
	for i := range v.Candidates {
		if v.Candidates[i] != o.Candidates[i] {
			return false
		}
	}
	return true
}

// RegionKind says what sites share that fail together.
type RegionKind string

// The kinds of region.
const (
	RegionUpstream RegionKind = "upstream" // an aggregation route
	RegionCarrier  RegionKind = "carrier"  // several routes of one carrier, or its way to the portal
	RegionFeeder   RegionKind = "feeder"   // a medium-voltage feeder
	RegionPortal   RegionKind = "portal"   // the portal, or another named service
	RegionProvince RegionKind = "province" // most sites, over several carriers
	RegionFlapping RegionKind = "flapping" // one site that goes and comes: its members are its outages
)

// RegionKinds lists every kind of region.
func RegionKinds() []RegionKind {
	return []RegionKind{RegionUpstream, RegionCarrier, RegionFeeder, RegionPortal, RegionProvince, RegionFlapping}
}

// Region is what the members of a regional incident share.
type Region struct {
	Kind RegionKind `json:"kind"`
	Name string     `json:"name,omitempty"` // of the route, carrier, feeder or service, as the registry or the probe has it
}

// Member is a site in a regional incident: when it was part of it, and what is
// held to be wrong there.
type Member struct {
	Site       string     `json:"site"`
	Incident   string     `json:"incident"` // its own record
	From       time.Time  `json:"from"`
	To         time.Time  `json:"to,omitzero"` // zero while it is part
	State      State      `json:"state"`
	Cause      Cause      `json:"cause"`
	Confidence Confidence `json:"confidence"`
	Planned    bool       `json:"planned,omitempty"`
}

// Incident is a stretch of time in which a site was not up, with the verdict
// held now. Its verdict changes; every change is a revision that is kept.
//
// What hits many sites at once is one regional incident: it has no site but a
// region and members. Each member keeps a record of its own, which carries the
// member's times, evidence and verdict and says in Part to which regional
// incident it belongs. People are told of the regional incident only. A site
// that goes and comes is told of in the same way: the incident is the site's,
// its members are its outages.
type Incident struct {
	ID       string    `json:"id"`
	Site     string    `json:"site,omitempty"` // code; "" for one of many sites
	Start    time.Time `json:"start"`
	End      time.Time `json:"end,omitzero"` // zero while it goes on
	Verdict  Verdict   `json:"verdict"`
	Worst    State     `json:"worst"`    // worst state so far
	Revision int       `json:"revision"` // 1 when opened

	Region  Region   `json:"region,omitzero"`   // of a regional incident, and of a record that is part of one
	Members []Member `json:"members,omitempty"` // of a regional incident, by site
	Part    string   `json:"part,omitempty"`    // ID of the regional incident that tells of this one

	Truth *Truth `json:"truth,omitempty"` // the newest that somebody said it was; the cause is this one's
}

// Regional reports whether the incident is a whole with members, and not the
// record of one outage at one site. A record keeps the region that its verdict
// names also when it is not, or no longer, part of a regional incident.
func (i Incident) Regional() bool {
	return i.Region.Kind != "" && i.Part == "" && (i.Site == "" || i.Region.Kind == RegionFlapping)
}

// Hit counts the members of a regional incident, and those that are still part.
func (i Incident) Hit() (members, still int) {
	for _, m := range i.Members {
		if m.To.IsZero() {
			still++
		}
	}
	return len(i.Members), still
}

// Open reports whether the incident goes on.
func (i Incident) Open() bool { return i.End.IsZero() }

// ChangeKind says what changed in an incident.
type ChangeKind string

// The kinds of change.
const (
	ChangeOpened  ChangeKind = "opened"
	ChangeWorse   ChangeKind = "worse"
	ChangeBetter  ChangeKind = "better"
	ChangeCause   ChangeKind = "cause"   // another cause, or another confidence in it
	ChangeMembers ChangeKind = "members" // members joined a regional incident or recovered
	ChangeClosed  ChangeKind = "closed"  // ended
	ChangeRevised ChangeKind = "revised" // corrected after its end
	ChangeOverrun ChangeKind = "overrun" // announced, and longer than announced
)

// Change is one revision of an incident. Incident is as it is after it.
type Change struct {
	Kind     ChangeKind `json:"kind"`
	At       time.Time  `json:"at"` // event time of what caused it
	Incident Incident   `json:"incident"`
	Because  []Evidence `json:"because,omitempty"` // what is new and brought it about
}

// Rouses reports whether people must be called to the change: an edit of a
// message rouses nobody, and of the parts of a regional incident it alone
// tells.
func (c Change) Rouses() bool {
	switch c.Kind {
	case ChangeBetter, ChangeRevised, ChangeMembers:
		return false
	default:
		return c.Incident.Part == ""
	}
}

// Key names the change once and for ever.
func (c Change) Key() string { return fmt.Sprintf("%s/%d", c.Incident.ID, c.Incident.Revision) }
