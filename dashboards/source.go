package dashboards

import (
	"context"
	"errors"
	"time"

	"thongsuot"
)

// ErrNotFound is returned by a Source for a site or an incident it does not know.
var ErrNotFound = errors.New("not found")

// Source is what the pages show. Its methods are called concurrently, and the
// values they return are not changed by either side afterwards.
type Source interface {
	// Overview is every site as it is now.
	Overview(ctx context.Context) (Overview, error)
	// Site is one site with its series over the span that ends now; with a span
	// of 0 the series are left out, as they cost the most. An unknown code is
	// ErrNotFound.
	Site(ctx context.Context, code string, span time.Duration) (SiteView, error)
	// Incident is one incident with its history. An unknown ID is ErrNotFound.
	Incident(ctx context.Context, id string) (IncidentView, error)
	// Changed is a channel that is closed as soon as anything shown may have
	// changed since this call. It may be closed too often, never too late.
	Changed() <-chan struct{}
}

// Centre is what is known of the centre itself; every view carries it.
type Centre struct {
	At       time.Time // instant that the view is true for
	Blind    time.Time // since when the centre cannot judge the sites; zero while it can
	Channels []string  // channels over which people are told: "slack"; none are warned about
}

// Status is what is known of one site now.
type Status struct {
	Site      thongsuot.Site
	Verdict   thongsuot.Verdict
	Since     time.Time          // since when its state has been what it is; zero where not known
	LastHeard time.Time          // zero for never
	Suspect   bool               // beats are missing, not yet enough to tell anyone
	BeatEvery time.Duration      // pace of beats that the agent announced; 0 for the usual one
	OverHTTP  bool               // beats come over HTTP, since datagrams are blocked on the way
	Probes    []thongsuot.Result // the latest answer of each probe
	Incidents []string           // IDs of those that go on

	Services map[string]thongsuot.Verdict // named services that are down there, by name of the probe
	Lines    map[string]thongsuot.Verdict // lines that are gone while another carries the site, by name
}

// Overview is every site at one instant.
type Overview struct {
	Centre
	Sites  []Status
	Recent []thongsuot.Incident // those that go on, and those of the last 7 days, of all sites
}

// SiteView is one site.
type SiteView struct {
	Centre
	Status
	Agent     Agent
	Tracks    []Track        // what each probe measured in the span asked for
	Incidents []IncidentView // those that go on, and those of the last 7 days, newest first
}

// Agent is what a site's agent said of itself. What it did not say is zero.
type Agent struct {
	Version      string
	Boot         string // boot id of its machine
	Uptime       time.Duration
	SpoolRecords int64 // waiting on its disk to be delivered
	SpoolBytes   int64
	Dropped      int64 // samples it lost since it started
}

// Track is what one probe measured over time.
type Track struct {
	Probe  string
	Kind   thongsuot.ProbeKind
	Target string
	Series []Series
}

// Series is one field of a probe's results over time, named as in package
// thongsuot: FieldRTTMedian, FieldConnect, FieldOK. For delay the quantiles
// "rtt_p10_seconds", "rtt_p25_seconds", "rtt_p75_seconds" and
// "rtt_p90_seconds" are drawn too where they are given.
type Series struct {
	Name   string
	Points []Point // in order of time
}

// Point is one value. Durations are seconds, ratios lie in 0..1.
type Point struct {
	At time.Time
	V  float64
}

// points are those of the series called name.
func (t Track) points(name string) []Point {
	for _, s := range t.Series {
		if s.Name == name {
			return s.Points
		}
	}
	return nil
}

// IncidentView is one incident with its history.
type IncidentView struct {
	Centre
	Incident   thongsuot.Incident
	Site       thongsuot.Site            // zero for a regional incident
	Sites      map[string]thongsuot.Site // of the members of a regional incident, by code
	Changes    []thongsuot.Change        // by revision
	Deliveries []thongsuot.Delivery      // messages sent, to be sent, or given up
}
