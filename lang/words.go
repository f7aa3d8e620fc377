package lang

import (
	"strings"
	"unicode"

	"thongsuot"
)

// State is the state of a site: "gián đoạn".
func (l Lang) State(s thongsuot.State) string { return l.T("state." + string(s)) }

// Cause is a cause with its finer cause in brackets: "đường truyền (phân giải
// tên miền)". A finer cause that has no text here is the name of a service.
func (l Lang) Cause(c thongsuot.Cause, sub string) string {
	text := l.T("cause." + string(c))
	switch {
	case sub == "":
		return text
	case c == thongsuot.CausePortal: // another service than the portal
		return l.T("cause.service", l.Probe(sub))
	}
	if finer, ok := l.lookup("sub." + sub); ok {
		sub = finer
	} else {
		sub = l.Probe(sub)
	}
	return text + " (" + sub + ")"
}

// Level is a confidence in words: "cao".
func (l Lang) Level(v thongsuot.Level) string { return l.T("level." + string(v)) }

// Reason is why a probe's answer was not the wanted one: "hết giờ".
func (l Lang) Reason(r thongsuot.Reason) string { return l.T("reason." + string(r)) }

// SiteKind is what a site is for: "sở, ban, ngành".
func (l Lang) SiteKind(k thongsuot.SiteKind) string { return l.T("kind." + string(k)) }

// Change is what happened to an incident: "nặng hơn".
func (l Lang) Change(k thongsuot.ChangeKind) string { return l.T("change." + string(k)) }

// Site is the site's name with the word of its administrative unit: "xã Sơn
// Điền", "phường 1 Bảo Lộc", "đặc khu Phú Quý"; elsewhere the bare name.
func (l Lang) Site(s thongsuot.Site) string {
	if s.Unit == thongsuot.UnitNone {
		return s.Name
	}
	return l.T("unit."+string(s.Unit), s.Name)
}

// Region is what the members of a regional incident share, and how many they
// are: "tuyến truyền dẫn Di Linh (12 nơi)".
func (l Lang) Region(r thongsuot.Region, members int) string {
	name := l.T("region." + string(r.Kind))
	switch r.Kind {
	case thongsuot.RegionUpstream, thongsuot.RegionCarrier, thongsuot.RegionFeeder:
		name = l.T("region."+string(r.Kind), r.Name)
	case thongsuot.RegionPortal:
		name = l.Probe(r.Name)
	case thongsuot.RegionFlapping:
		return l.T("region.flapping.short")
	}
	if members == 0 {
		return name
	}
	return l.T("region.of", name, members)
}

// Whole is what a regional incident is about; site names the site that goes
// and comes, where it is that.
func (l Lang) Whole(i thongsuot.Incident, site string) string {
	if i.Region.Kind == thongsuot.RegionFlapping {
		return l.T("region.flapping", site, len(i.Members))
	}
	return l.Region(i.Region, len(i.Members))
}

// Candidates joins causes that fit, most likely first: "mất điện hoặc đường
// truyền". A candidate that has no text here is shown as it is.
func (l Lang) Candidates(causes []string) string {
	words := make([]string, len(causes))
	for i, c := range causes {
		words[i] = c
		if text, ok := l.lookup("cause." + c); ok {
			words[i] = text
		}
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return l.T("list.or", strings.Join(words[:last], ", "), words[last])
}

// On says what a probe looks at, and through which line of the site: "cổng
// mạng (4g)".
func (l Lang) On(probe, line string) string {
	if line == "" {
		return l.Probe(probe)
	}
	return l.T("probe.on", l.Probe(strings.TrimSuffix(probe, "-"+line)), line)
}

// Probe says what the probe called name looks at: "cổng mạng" for "gateway",
// "máy chủ tên miền" for "resolver-2". A name that is not one of the agent's
// own defaults is the operator's word and shown as it is.
func (l Lang) Probe(name string) string {
	stem := strings.TrimRightFunc(name, func(r rune) bool {
		return unicode.IsDigit(r) || r == '-' || r == '_' || r == '.'
	})
	if text, ok := l.lookup("probe." + stem); ok {
		return text
	}
	return name
}
