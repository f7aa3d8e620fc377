package dashboards

import (
	"net/url"
	"slices"
	"time"

	"thongsuot"
)

// running is an incident as lists show it.
type running struct {
	Incident thongsuot.Incident
	Site     thongsuot.Site
	Look     look
	Lasted   time.Duration
	Hidden   int // pieces of evidence that the list leaves to the incident's page
	Path     string
}

// topEvidence is how much evidence lists show.
const topEvidence = 4

func (t *renderer) running(i thongsuot.Incident, s thongsuot.Site, at time.Time) running {
	r := running{Incident: i, Site: s, Look: t.look(i.Verdict.State), Path: incidentPath(i.ID)}
	end := at
	if !i.Open() {
		end, r.Look = i.End, t.look(i.Worst)
	}
	r.Lasted = end.Sub(i.Start)
	if n := len(i.Verdict.Evidence); n > topEvidence {
		r.Incident.Verdict.Evidence, r.Hidden = i.Verdict.Evidence[:topEvidence], n-topEvidence
	}
	return r
}

func incidentPath(id string) string { return "/incident/" + url.PathEscape(id) }
func sitePath(code string) string   { return "/site/" + url.PathEscape(code) }

// incidentModel is what the templates of an incident are given.
type incidentModel struct {
	Banner     []string
	Incident   thongsuot.Incident
	Site       thongsuot.Site
	SitePath   string
	Path       string
	Look       look // of the state now, or the worst there was
	Now        look
	Lasted     time.Duration
	Changes    []revision // newest first
	Deliveries []delivery // by revision
}

// revision is one change of an incident.
type revision struct {
	thongsuot.Change
	Look look
}

// delivery is one message.
type delivery struct {
	thongsuot.Delivery
	Look look
}

func (t *renderer) incident(v IncidentView, now time.Time) incidentModel {
	r := t.running(v.Incident, v.Site, v.At)
	m := incidentModel{
		Banner: t.banner(v.Centre, now), Incident: v.Incident, Site: v.Site, SitePath: sitePath(v.Site.Code),
		Path: r.Path, Look: r.Look, Lasted: r.Lasted, Now: t.look(v.Incident.Verdict.State),
	}
	for _, c := range slices.Backward(v.Changes) {
		rev := revision{Change: c, Look: t.look(c.Incident.Verdict.State)}
		if c.Kind == thongsuot.ChangeClosed {
			rev.Look = t.look(thongsuot.StateUp)
		}
		m.Changes = append(m.Changes, rev)
	}
	for _, d := range v.Deliveries {
		m.Deliveries = append(m.Deliveries, delivery{d, t.delivered(d.State)})
	}
	return m
}

// delivered is how the state of a message is shown.
func (t *renderer) delivered(s thongsuot.DeliveryState) look {
	state := thongsuot.StateUnknown
	switch s {
	case thongsuot.DeliverySent:
		state = thongsuot.StateUp
	case thongsuot.DeliveryFailed:
		state = thongsuot.StateDown
	case thongsuot.DeliverySkipped:
		state = thongsuot.StateOff
	}
	return t.called(state, "page.delivery."+string(s))
}

// stale is the age from which the figures of a page are old: the engine looks
// at every site far more often.
const stale = 30 * time.Second

// banner says what keeps the whole page from being trusted or heard.
func (t *renderer) banner(c Centre, now time.Time) []string {
	var lines []string
	if !c.Blind.IsZero() {
		lines = append(lines, t.lang.T("page.banner.blind", t.moment(c.Blind)))
	}
	if now.Sub(c.At) > stale {
		lines = append(lines, t.lang.T("page.banner.stale", t.instant(c.At)))
	}
	if len(c.Channels) == 0 {
		lines = append(lines, t.lang.T("page.banner.no_channel"))
	}
	return lines
}
