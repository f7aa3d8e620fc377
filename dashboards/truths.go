package dashboards

import (
	"maps"
	"slices"

	"thongsuot"
)

// truth is one of the three that are never merged: is there mains power, does
// the link work, can the counter use the portal.
type truth struct {
	Title string
	Look  look
	Lines []string
}

func (t *renderer) truths(v SiteView) []truth {
	var all []truth
	tell := func(title string, l look, lines []string) {
		lines = slices.DeleteFunc(lines, func(line string) bool { return line == "" })
		all = append(all, truth{t.lang.T(title), l, lines})
	}
	power, lines := t.power(v)
	tell("page.power", power, lines)
	link, lines := t.link(v)
	tell("page.link", link, lines)
	portal, lines := t.portal(v)
	tell("page.portal", portal, lines)
	return all
}

// power is what is known of mains at the site. Only a sensor knows; without
// contact its last word is told as what it is.
func (t *renderer) power(v SiteView) (look, []string) {
	r, ok := sensor(v.Probes)
	var last string
	if ok && !v.heard(v.At) {
		last = t.lang.T("page.last_word", t.lang.Clock(r.At, t.zone), t.mains(r).Word)
	}
	switch {
	case v.Site.Status == thongsuot.StatusNotInstalled:
		return t.absent(), nil
	case !v.heard(v.At) && v.Verdict.Cause == thongsuot.CausePower:
		return t.called(thongsuot.StateDown, "page.power.judged"),
			[]string{t.lang.T("page.confidence", t.lang.Level(v.Verdict.Confidence.Level())), last}
	case !ok:
		return t.called(thongsuot.StateUnknown, "page.power.no_sensor"), []string{t.lang.T("page.power.no_sensor_why")}
	case !v.heard(v.At):
		return t.called(thongsuot.StateUnknown, "page.not_known"), []string{last}
	case !r.OK():
		return t.called(thongsuot.StateUnknown, "page.power.unread"), []string{t.lang.Reason(r.Reason)}
	default:
		return t.mains(r), []string{t.value(r)}
	}
}

// sensor is the answer of the probe that knows most of mains power.
func sensor(results []thongsuot.Result) (thongsuot.Result, bool) {
	for _, kind := range []thongsuot.ProbeKind{thongsuot.ProbeUPS, thongsuot.ProbeMains, thongsuot.ProbeCanary} {
		for _, r := range results {
			if r.Kind == kind && r.Reason != thongsuot.ReasonNotPresent {
				return r, true
			}
		}
	}
	return thongsuot.Result{}, false
}

// mains is a good answer of such a probe in words.
func (t *renderer) mains(r thongsuot.Result) look {
	if v, ok := r.Field(thongsuot.FieldOnBattery); ok && v > 0 {
		return t.called(thongsuot.StateAtRisk, "page.power.battery")
	}
	v, ok := r.Field(thongsuot.FieldOnline)
	switch {
	case !ok:
		return t.called(thongsuot.StateUnknown, "page.not_known")
	case v > 0:
		return t.called(thongsuot.StateUp, "page.power.on")
	default:
		return t.called(thongsuot.StateDown, "page.power.off")
	}
}

// link is whether the site is heard, and how well.
func (t *renderer) link(v SiteView) (look, []string) {
	since := t.lang.T("page.last_heard", t.instant(v.LastHeard))
	switch {
	case v.Site.Status == thongsuot.StatusNotInstalled:
		return t.absent(), nil
	case v.LastHeard.IsZero():
		return t.called(thongsuot.StateUnknown, "page.link.never"), nil
	case !v.heard(v.At) && v.Verdict.State == thongsuot.StateOff:
		return t.look(thongsuot.StateOff), []string{since}
	case !v.heard(v.At):
		return t.called(thongsuot.StateDown, "page.link.lost"), []string{since}
	case v.Verdict.State == thongsuot.StateDown && v.Verdict.Sub == thongsuot.SubDNS:
		// The line itself carries; what is missing is names.
		return t.called(thongsuot.StateDown, "page.link.names"), []string{t.lang.Cause(v.Verdict.Cause, v.Verdict.Sub)}
	case v.Verdict.State == thongsuot.StateDown && ofLink(v.Verdict.Cause):
		return t.called(thongsuot.StateDown, "page.link.down"), []string{t.lang.Cause(v.Verdict.Cause, v.Verdict.Sub)}
	case v.Suspect:
		return t.called(thongsuot.StateUnknown, "page.suspect"), []string{since}
	case v.Verdict.State == thongsuot.StateDegraded && likelyLink(v.Verdict):
		return t.called(thongsuot.StateDegraded, "page.link.weak"), []string{t.lang.Cause(v.Verdict.Cause, v.Verdict.Sub)}
	default:
		var lines []string
		for _, r := range v.Probes {
			if r.Kind == thongsuot.ProbeICMP && r.OK() {
				lines = append(lines, capital(t.lang.On(r.Probe, r.Line))+": "+t.value(r))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v.Lines)) {
			lines = append(lines, t.lang.T("page.link.line_gone", name, t.judged(v.Lines[name])))
		}
		if len(v.Lines) > 0 {
			return t.called(thongsuot.StateAtRisk, "page.link.one_gone"), lines
		}
		return t.called(thongsuot.StateUp, "page.link.ok"), lines
	}
}

// ofLink reports whether a cause lies between the counter and the world.
func ofLink(c thongsuot.Cause) bool { return group(c) == "k-link" }

// likelyLink reports whether the cause, or the likeliest where none is
// established, lies between the counter and the world.
func likelyLink(v thongsuot.Verdict) bool {
	return ofLink(v.Cause) || v.Cause == thongsuot.CauseUnknown && len(v.Candidates) > 0 && ofLink(thongsuot.Cause(v.Candidates[0]))
}

// portal is whether the counter can use the portal: what every portal probe
// says, the worst first.
func (t *renderer) portal(v SiteView) (look, []string) {
	if v.Site.Status == thongsuot.StatusNotInstalled {
		return t.absent(), nil
	}
	var all, bad []thongsuot.Result
	for _, r := range v.Probes {
		if r.Kind != thongsuot.ProbePortal {
			continue
		}
		all = append(all, r)
		if !r.OK() {
			bad = append(bad, r)
		}
	}
	if len(all) == 0 {
		return t.called(thongsuot.StateUnknown, "page.portal.not_measured"), nil
	}
	if !v.heard(v.At) {
		return t.called(thongsuot.StateUnknown, "page.not_known"),
			[]string{t.lang.T("page.last_word", t.lang.Clock(all[0].At, t.zone), t.answer(all[0]).Word)}
	}
	if len(bad) == 0 {
		return t.called(thongsuot.StateUp, "page.portal.ok"), []string{t.value(all[0]), short(all[0].Target)}
	}
	l := t.answer(bad[0])
	if bad[0].Reason.Evidence() {
		return t.called(thongsuot.StateDown, "page.portal.fails"), []string{capital(l.Word), short(bad[0].Target)}
	}
	return l, []string{short(bad[0].Target)}
}
