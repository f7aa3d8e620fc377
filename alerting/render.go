package alerting

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"thongsuot"
	"thongsuot/alerting/notice"
	"thongsuot/lang"
)

// Bounds of what a message holds: the page shows the rest.
const (
	maxEvidence = 8
	maxBecause  = 2
	maxNames    = 12 // of members
)

// renderer puts changes into words.
type renderer struct {
	lang    lang.Lang
	zone    *time.Location
	pageURL string
	places  func() Places
}

// place is the site of an incident, or what its members share, in words.
func (r renderer) place(i thongsuot.Incident) string {
	if i.Regional() {
		return r.lang.Whole(i, r.site(i.Site))
	}
	return r.site(i.Site)
}

func (r renderer) site(code string) string {
	if site, ok := r.places().Site(code); ok {
		return r.lang.Site(site)
	}
	return code // left the registry since
}

// message is the change in words for one party.
func (r renderer) message(c thongsuot.Change, p party, why string) notice.Message {
	i := c.Incident
	name := r.place(i)
	receiver := p.name
	if p.role == thongsuot.RoleChair {
		receiver = r.lang.T("chair.office", r.site(i.Site))
	}
	m := notice.Message{
		Incident: i.ID,
		Revision: i.Revision,
		Kind:     c.Kind,
		State:    i.Verdict.State,
		Open:     i.Open(),
		Site:     name,
		Title:    r.title(c, name),
		Lines:    r.lines(c),
		Evidence: r.evidence(i.Verdict.Evidence),
		Why:      r.lang.T("alert.why."+why, receiver),
		Link:     r.link(i.ID),
	}
	if p.role == thongsuot.RoleChair {
		m.Summary, m.Short = r.letter(c, why)
		m.Lines, m.Evidence, m.Link = nil, nil, notice.Link{} // no pages for chairs yet
		return m
	}
	m.Summary, m.Short = r.summary(c, name), r.short(c, name)
	return m
}

// short is the whole as one SMS.
func (r renderer) short(c thongsuot.Change, name string) string {
	i := c.Incident
	cause := r.lang.Cause(i.Verdict.Cause, i.Verdict.Sub)
	switch {
	case c.Kind == thongsuot.ChangeRevised:
		return r.lang.T("alert.short.revised", name, r.brief(i.Start), cause)
	case !i.Open():
		return r.lang.T("alert.short.closed", name, r.brief(i.End), r.lang.Duration(i.End.Sub(i.Start)), cause)
	default:
		return r.lang.T("alert.short.open", name, r.lang.State(i.Verdict.State), r.brief(i.Start), cause)
	}
}

func (r renderer) title(c thongsuot.Change, name string) string {
	switch {
	case c.Kind == thongsuot.ChangeRevised:
		return r.lang.T("alert.title.revised", name)
	case !c.Incident.Open():
		return r.lang.T("alert.title.closed", name)
	default:
		return r.lang.T("alert.title.open", name, r.lang.State(c.Incident.Verdict.State))
	}
}

// summary is the whole in one sentence.
func (r renderer) summary(c thongsuot.Change, name string) string {
	i := c.Incident
	start := r.lang.Moment(i.Start, r.zone)
	switch {
	case c.Kind == thongsuot.ChangeRevised:
		return r.lang.T("alert.summary.revised", name, start, r.cause(i.Verdict))
	case !i.Open():
		return r.lang.T("alert.summary.closed", name, r.lang.Moment(i.End, r.zone), r.lang.Duration(i.End.Sub(i.Start)), r.cause(i.Verdict))
	default:
		return r.lang.T("alert.summary.open", name, r.lang.Change(c.Kind), r.lang.State(i.Verdict.State), start, r.cause(i.Verdict))
	}
}

func (r renderer) lines(c thongsuot.Change) []string {
	i := c.Incident
	start := r.lang.Moment(i.Start, r.zone)
	lines := []string{r.lang.T("alert.cause", r.cause(i.Verdict))}
	if i.Open() {
		lines = append(lines, r.lang.T("alert.since", start))
	} else {
		lines = append(lines, r.lang.T("alert.lasted", start, r.lang.Moment(i.End, r.zone), r.lang.Duration(i.End.Sub(i.Start))))
	}
	if i.Verdict.Planned {
		lines = append(lines, r.lang.T("alert.planned"))
	}
	if i.Part != "" {
		lines = append(lines, r.lang.T("alert.part", r.lang.Region(i.Region, 0)))
	}
	if because := r.because(c); because != "" {
		lines = append(lines, r.lang.T("alert.because", because))
	}
	return append(lines, r.members(i)...)
}

// because is what brought about a change of mind.
func (r renderer) because(c thongsuot.Change) string {
	if c.Kind == thongsuot.ChangeOpened || c.Kind == thongsuot.ChangeMembers {
		return ""
	}
	var words []string
	for _, e := range c.Because[:min(len(c.Because), maxBecause)] {
		words = append(words, r.lang.Evidence(e, r.zone))
	}
	return strings.Join(words, "; ")
}

// members names those of a regional incident that are not back yet, or all
// when all are.
func (r renderer) members(i thongsuot.Incident) []string {
	if !i.Regional() || i.Region.Kind == thongsuot.RegionFlapping {
		return nil
	}
	all, still := i.Hit()
	var names []string
	for _, m := range i.Members {
		if m.To.IsZero() || still == 0 {
			names = append(names, r.site(m.Site))
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		switch {
		case lang.Less(a, b):
			return -1
		case lang.Less(b, a):
			return 1
		default:
			return 0
		}
	})
	text := strings.Join(names[:min(len(names), maxNames)], ", ")
	if more := len(names) - maxNames; more > 0 {
		text = r.lang.T("alert.members.more", text, more)
	}
	lines := []string{r.lang.T("alert.members", text)}
	if still > 0 && still < all {
		lines = append(lines, r.lang.T("alert.members.back", all-still, all))
	}
	return lines
}

// cause is the cause with what else fits and how sure it is: "chưa xác định,
// có thể do mất điện hoặc đường truyền (mức tin cậy: thấp)".
func (r renderer) cause(v thongsuot.Verdict) string {
	text := r.lang.Cause(v.Cause, v.Sub)
	others := slices.DeleteFunc(slices.Clone(v.Candidates), func(c string) bool { return c == string(v.Cause) })
	switch {
	case len(others) == 0:
	case v.Cause == thongsuot.CauseUnknown:
		text = r.lang.T("alert.cause.unknown", text, r.lang.Candidates(others))
	default:
		text = r.lang.T("alert.cause.others", text, r.lang.Candidates(others))
	}
	return r.lang.T("alert.cause.sure", text, r.lang.Level(v.Confidence.Level()))
}

// evidence is a heading and a line for each observation.
func (r renderer) evidence(found []thongsuot.Evidence) []string {
	if len(found) == 0 {
		return nil
	}
	out := []string{r.lang.T("alert.evidence")}
	for _, e := range found[:min(len(found), maxEvidence)] {
		out = append(out, r.lang.Evidence(e, r.zone))
	}
	if more := len(found) - maxEvidence; more > 0 {
		out = append(out, r.lang.T("alert.evidence.more", more))
	}
	return out
}

// link is the page of the incident.
func (r renderer) link(incident string) notice.Link {
	if r.pageURL == "" {
		return notice.Link{}
	}
	address, err := url.JoinPath(r.pageURL, "incident", url.PathEscape(incident))
	if err != nil {
		return notice.Link{} // Validate has refused such a page_url
	}
	return notice.Link{URL: address, Text: r.lang.T("alert.link")}
}
