package dashboards

import (
	"net/url"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/lang"
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
	if i.Regional() {
		s = thongsuot.Site{Name: t.lang.Whole(i, t.lang.Site(s)), Code: s.Code}
	}
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
	Whole      string // path of the regional incident that it is part of
	Shared     string // what that is, in words
	Members    []member
	Still      int        // members that are not back
	Changes    []revision // newest first
	Deliveries []delivery // by revision
	Correct    *correction
}

// member is a site of a regional incident.
type member struct {
	thongsuot.Member
	Name, Path, Site string
	Look             look
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
		Banner: t.banner(v.Centre, now), Incident: v.Incident, Site: r.Site, SitePath: sitePath(v.Site.Code),
		Path: r.Path, Look: r.Look, Lasted: r.Lasted, Now: t.look(v.Incident.Verdict.State),
	}
	if v.Incident.Site == "" {
		m.SitePath = "/"
	}
	if v.Incident.Part != "" {
		m.Whole, m.Shared = incidentPath(v.Incident.Part), t.lang.Region(v.Incident.Region, 0)
	}
	m.Members = t.members(v)
	_, m.Still = v.Incident.Hit()
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

// members are those of a regional incident, the ones that are not back first.
func (t *renderer) members(v IncidentView) (all []member) {
	for _, m := range v.Incident.Members {
		name := m.Site
		if s, ok := v.Sites[m.Site]; ok {
			name = t.lang.Site(s)
		}
		all = append(all, member{m, name, incidentPath(m.Incident), sitePath(m.Site), t.look(m.State)})
	}
	slices.SortStableFunc(all, func(a, b member) int {
		switch {
		case a.To.IsZero() != b.To.IsZero():
			if a.To.IsZero() {
				return -1
			}
			return 1
		case lang.Less(a.Name, b.Name):
			return -1
		case lang.Less(b.Name, a.Name):
			return 1
		default:
			return 0
		}
	})
	return all
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
