package incident_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

// province plays several sites against one engine.
type province struct {
	t       *testing.T
	e       *incident.Engine
	now     time.Time
	sites   []string
	mute    map[string]bool
	beat    map[string]incident.Beat
	changes []thongsuot.Change
}

func commune(code, carrier, upstream, feeder string) thongsuot.Site {
	return thongsuot.Site{
		Code: code, Kind: thongsuot.KindCommune, Status: thongsuot.StatusActive, Feeder: feeder,
		Lines: []thongsuot.Line{{Carrier: carrier, Upstream: upstream}},
	}
}

func newProvince(t *testing.T, inOffice func(string, time.Time) bool, list ...thongsuot.Site) *province {
	t.Helper()
	e, err := incident.New(incident.DefaultConfig(), t0)
	if err != nil {
		t.Fatal(err)
	}
	e.SetSites(list, inOffice, t0)
	p := &province{t: t, e: e, now: t0, mute: map[string]bool{}, beat: map[string]incident.Beat{}}
	for _, s := range list {
		p.sites = append(p.sites, s.Code)
	}
	return p
}

func (p *province) run(d time.Duration) *province {
	for end := p.now.Add(d); p.now.Before(end); {
		p.now = p.now.Add(time.Second)
		for i, code := range p.sites {
			if !p.mute[code] && (p.now.Unix()+int64(i))%5 == 0 { // beats are spread
				b := p.beat[code]
				p.add(p.e.Observe(incident.Observation{Site: code, At: p.now, Start: 1, Beat: &b}))
			}
		}
		p.add(p.e.Tick(p.now))
	}
	return p
}

func (p *province) portal(reason thongsuot.Reason, codes ...string) *province {
	for _, code := range codes {
		rs := healthy()
		rs[3].Reason, rs[3].Target = reason, "https://portal.example/"
		for i := range rs {
			rs[i].At = p.now
		}
		p.add(p.e.Observe(incident.Observation{Site: code, At: p.now, Start: 1, Boot: "b", Results: rs}))
	}
	return p
}

func (p *province) add(cs []thongsuot.Change) { p.changes = append(p.changes, cs...) }

// last is the newest verdict told of a site, "" for none.
func (p *province) last(code string) string {
	for _, c := range slices.Backward(p.changes) {
		if c.Incident.Site == code {
			v := c.Incident.Verdict
			return fmt.Sprintf("%s %s %s", v.State, v.Cause, v.Confidence.Level())
		}
	}
	return ""
}

func (p *province) want(code, verdict string) {
	p.t.Helper()
	if got := p.last(code); got != verdict {
		p.t.Errorf("site %s: got %q, want %q", code, got, verdict)
	}
}

func upstreamOf(n int) (list []thongsuot.Site) {
	for i := range n {
		list = append(list, commune(fmt.Sprintf("%05d", 10001+i), "vnpt", "di-linh", ""))
	}
	return list
}

func TestSitesOfOneUpstreamAreToldAsThat(t *testing.T) {
	p := newProvince(t, always, append(upstreamOf(6), commune("20001", "vnpt", "da-lat", ""))...).run(time.Minute)
	for _, code := range p.sites[:5] {
		p.mute[code] = true
	}
	p.run(time.Minute)
	for _, code := range p.sites[:5] {
		p.want(code, "down upstream high")
	}
	own := slices.DeleteFunc(slices.Clone(p.changes), func(c thongsuot.Change) bool { return c.Incident.Regional() })
	if n := len(own); n != 5 {
		t.Errorf("%d changes for 5 sites: the first were told before the others were looked at", n)
	}
	e := p.changes[0].Incident.Verdict.Evidence
	if i := slices.IndexFunc(e, func(e thongsuot.Evidence) bool { return e.Code == thongsuot.EvidencePeersSilent }); i < 0 || e[i].Target != "di-linh" {
		t.Errorf("evidence %+v", e)
	}
}

// Two of many is chance, and so are sites of another upstream.
func TestFewNeighboursAreChance(t *testing.T) {
	p := newProvince(t, always, append(upstreamOf(8), commune("20001", "vnpt", "da-lat", ""), commune("20002", "vnpt", "", ""))...).run(time.Minute)
	for _, code := range []string{"10001", "10002", "20001", "20002"} {
		p.mute[code] = true
	}
	p.run(time.Minute)
	for _, code := range []string{"10001", "10002", "20001", "20002"} {
		p.want(code, "down unknown low")
	}
}

func TestPartOfAnUpstreamIsMedium(t *testing.T) {
	p := newProvince(t, always, upstreamOf(10)...).run(time.Minute)
	for _, code := range p.sites[:4] {
		p.mute[code] = true
	}
	p.run(time.Minute)
	p.want("10001", "down upstream medium")
}

// Onsets further apart than three minutes are two faults.
func TestOnsetsFarApartAreNotOneFault(t *testing.T) {
	p := newProvince(t, always, upstreamOf(4)...).run(time.Minute)
	for _, code := range p.sites {
		p.mute[code] = true
		p.run(4 * time.Minute)
		p.want(code, "down unknown low")
	}
}

func TestFeederOnBatteryExplainsASilence(t *testing.T) {
	list := []thongsuot.Site{
		commune("30001", "vnpt", "", "471"), commune("30002", "viettel", "", "471"),
		commune("30003", "vnpt", "", "471"), commune("30004", "vnpt", "", "472"),
	}
	p := newProvince(t, always, list...).run(time.Minute)
	p.mute["30001"], p.mute["30004"] = true, true
	p.beat["30002"] = incident.Beat{OnBattery: true}
	p.beat["30003"] = incident.Beat{OnBattery: true}
	p.run(time.Minute)
	p.want("30001", "down power medium")
	p.want("30004", "down unknown low")
}

// The portal is blamed by vote over carriers and a reference probe, not by one site.
func TestPortalByVote(t *testing.T) {
	list := []thongsuot.Site{
		commune("40001", "vnpt", "a", ""), commune("40002", "viettel", "b", ""), commune("40003", "vnpt", "a", ""), commune("40004", "viettel", "b", ""),
		{Code: "ref-1", Kind: thongsuot.KindReference, Status: thongsuot.StatusActive},
	}
	all := []string{"40001", "40002", "40003", "40004"}
	p := newProvince(t, always, list...).run(time.Minute).portal(thongsuot.ReasonOK, append(all, "ref-1")...)
	for range 3 {
		p.run(time.Minute).portal(thongsuot.ReasonHTTPTimeout, append([]string{"ref-1"}, all...)...)
	}
	for _, code := range all {
		p.want(code, "down portal high")
	}

	// Only one carrier's sites, while the reference probe is fine: not the portal.
	p = newProvince(t, always, list...).run(time.Minute).portal(thongsuot.ReasonOK, append(all, "ref-1")...)
	for range 3 {
		p.run(time.Minute).portal(thongsuot.ReasonOK, "ref-1", "40002", "40004").portal(thongsuot.ReasonConnectTimeout, "40001", "40003")
	}
	p.want("40001", "down upstream medium")
	p.want("40002", "")
}

// Who finds no name votes on its resolver.
func TestNameFailuresDoNotVoteOnThePortal(t *testing.T) {
	list := []thongsuot.Site{commune("41001", "vnpt", "a", ""), commune("41002", "viettel", "b", ""), commune("41003", "vnpt", "a", "")}
	p := newProvince(t, always, list...).run(time.Minute).portal(thongsuot.ReasonOK, "41001", "41002", "41003")
	for range 3 {
		p.run(time.Minute).portal(thongsuot.ReasonDNSServFail, "41002", "41003").portal(thongsuot.ReasonConnectRefused, "41001")
	}
	p.want("41001", "down unknown low")
}

func TestSwitchedOffAfterHoursIsNoOutage(t *testing.T) {
	office := true
	p := newProvince(t, func(string, time.Time) bool { return office }, commune("50001", "", "", "")).run(time.Minute)
	p.beat["50001"] = incident.Beat{ShuttingDown: true}
	p.run(10 * time.Second)
	p.mute["50001"] = true
	p.run(time.Minute)
	p.want("50001", "unknown host high")

	office = false
	p = newProvince(t, func(string, time.Time) bool { return office }, commune("50001", "", "", "")).run(time.Minute)
	p.beat["50001"] = incident.Beat{ShuttingDown: true}
	p.run(10 * time.Second)
	p.mute["50001"] = true
	p.run(time.Minute)
	p.want("50001", "off host high")
}

// Renaming and reordering communes changes nothing but names.
func TestNamesAndOrderDoNotMatter(t *testing.T) {
	play := func(rename func(string) string, reverse bool) map[string]string {
		list := upstreamOf(6)
		for i := range list {
			list[i].Code = rename(list[i].Code)
		}
		mute := []string{list[0].Code, list[1].Code, list[2].Code, list[3].Code}
		if reverse {
			slices.Reverse(list)
		}
		p := newProvince(t, always, list...).run(time.Minute)
		for _, code := range mute {
			p.mute[code] = true
		}
		p.run(time.Minute)
		out := map[string]string{}
		for i, code := range mute {
			out[fmt.Sprint(i)] = p.last(code)
		}
		return out
	}
	same := func(s string) string { return s }
	want := play(same, false)
	for _, got := range []map[string]string{play(same, true), play(func(s string) string { return "9" + s[1:] }, false)} {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
