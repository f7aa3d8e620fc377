package incident_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

// regional are the changes of regional incidents, each as "kind region
// members/still state cause level".
func (p *province) regional() (out []string) {
	for _, c := range p.changes {
		if in := c.Incident; in.Regional() {
			n, still := in.Hit()
			v := in.Verdict
			out = append(out, fmt.Sprintf("%s %s %s %d/%d %s %s %s", c.Kind, in.Region.Kind, in.Region.Name, n, still, v.State, v.Cause, v.Confidence.Level()))
		}
	}
	return out
}

// told are the incidents that people are called to.
func (p *province) told() (out []string) {
	for _, c := range p.changes {
		if c.Kind != thongsuot.ChangeClosed && c.Rouses() && !slices.Contains(out, c.Incident.ID) {
			out = append(out, c.Incident.ID)
		}
	}
	return out
}

func (p *province) silence(mute bool, codes ...string) *province {
	for _, code := range codes {
		p.mute[code] = mute
	}
	return p
}

func TestUpstreamCutIsOneIncidentWithMembers(t *testing.T) {
	p := newProvince(t, always, append(upstreamOf(20), commune("20001", "vnpt", "da-lat", ""))...).run(time.Minute)
	cut := p.sites[:20]
	p.silence(true, cut...).run(time.Minute)
	if told := p.told(); len(told) != 1 {
		t.Errorf("people are called to %q", told)
	}
	all := p.regional()
	if all[0][:6] != "opened" || all[len(all)-1] != "members upstream di-linh 20/20 down upstream high" {
		t.Errorf("%q", all)
	}
	p.silence(false, cut[:19]...).run(20 * time.Second)
	p.silence(false, cut[19]).run(2 * time.Minute)
	all = p.regional()
	if last := all[len(all)-1]; last != "closed upstream di-linh 20/0 down upstream high" {
		t.Errorf("%q", all)
	}
	if told := p.told(); len(told) != 1 {
		t.Errorf("people are called to %q", told)
	}
	for _, c := range p.changes {
		if in := c.Incident; !in.Regional() && in.Part == "" {
			t.Errorf("record that is part of nothing: %+v", c)
		}
	}
}

// Who stays away long after the others has a fault of its own, and is told by
// itself.
func TestSecondFaultInsideARegionalOne(t *testing.T) {
	p := newProvince(t, always, upstreamOf(6)...).run(time.Minute)
	p.silence(true, p.sites...).run(10 * time.Minute)
	p.silence(false, p.sites[1:]...).run(4 * time.Minute)
	if told := p.told(); len(told) != 1 {
		t.Errorf("before it is let go: %q", told)
	}
	p.run(2 * time.Minute)
	p.want(p.sites[0], "down unknown low")
	if told := p.told(); len(told) != 2 {
		t.Errorf("after it is let go: %q", told)
	}
	if all := p.regional(); all[len(all)-1] != "closed upstream di-linh 6/0 down upstream high" {
		t.Errorf("%q", all)
	}
	p.silence(false, p.sites[0]).run(time.Minute)
	if c := p.changes[len(p.changes)-1]; c.Kind != thongsuot.ChangeClosed || c.Incident.Site != p.sites[0] {
		t.Errorf("%+v", c)
	}
}

func TestFeederOnBatteryIsOneIncident(t *testing.T) {
	var list []thongsuot.Site
	for i := range 5 {
		list = append(list, commune(fmt.Sprintf("3000%d", i), "vnpt", "", "471"))
	}
	p := newProvince(t, always, list...).run(time.Minute)
	for _, code := range p.sites[:4] {
		p.beat[code] = incident.Beat{OnBattery: true}
	}
	p.run(30 * time.Second)
	p.silence(true, p.sites[4]).run(30 * time.Second) // no battery, or no sensor
	if told := p.told(); len(told) > 3 || len(told) == 0 {
		t.Errorf("people are called to %q", told)
	}
	if all := p.regional(); len(all) == 0 || all[len(all)-1] != "worse feeder 471 5/5 down power high" {
		t.Errorf("%q", all)
	}
	for _, code := range p.sites[:4] {
		p.beat[code] = incident.Beat{MainsPresent: true}
	}
	p.silence(false, p.sites[4]).run(time.Minute)
	if all := p.regional(); all[len(all)-1][:21] != "closed feeder 471 5/0" {
		t.Errorf("%q", all)
	}
}

// That the vote falls below its share because most have recovered tells nothing
// new of the rest.
func TestPortalRecoversMemberByMember(t *testing.T) {
	var list []thongsuot.Site
	for i := range 10 {
		list = append(list, commune(fmt.Sprintf("4000%d", i), []string{"vnpt", "viettel"}[i%2], "", ""))
	}
	list = append(list, thongsuot.Site{Code: "ref-1", Kind: thongsuot.KindReference, Status: thongsuot.StatusActive})
	p := newProvince(t, always, list...).run(time.Minute).portal(thongsuot.ReasonOK, "ref-1").portal(thongsuot.ReasonOK, pSites(list)...)
	for range 3 {
		p.run(time.Minute).portal(thongsuot.ReasonHTTP5xx, "ref-1").portal(thongsuot.ReasonHTTP5xx, p.sites[:10]...)
	}
	told := p.told()
	for n := 2; n <= 10; n += 2 {
		p.run(time.Minute).portal(thongsuot.ReasonOK, "ref-1").portal(thongsuot.ReasonOK, p.sites[:n]...)
		p.portal(thongsuot.ReasonHTTP5xx, p.sites[n:10]...)
	}
	p.run(10 * time.Second)
	all := p.regional()
	if all[len(all)-1] != "closed portal portal 11/0 down portal high" {
		t.Errorf("%q", all)
	}
	if now := p.told(); !slices.Equal(now, told) {
		t.Errorf("more people are called while it recovers: %q, %q", told, now)
	}
}

// Who is let go with the verdict that it had is a fault of its own as well.
func TestLetGoWithTheSameVerdict(t *testing.T) {
	var list []thongsuot.Site
	for i := range 10 {
		list = append(list, commune(fmt.Sprintf("4000%d", i), []string{"vnpt", "viettel"}[i%2], "", ""))
	}
	p := newProvince(t, always, list...).run(time.Minute).portal(thongsuot.ReasonOK, pSites(list)...)
	for range 3 {
		p.run(time.Minute).portal(thongsuot.ReasonHTTP5xx, p.sites...)
	}
	p.want(p.sites[9], "down portal medium")
	for range 8 {
		p.run(time.Minute).portal(thongsuot.ReasonOK, p.sites[:9]...).portal(thongsuot.ReasonHTTP5xx, p.sites[9])
	}
	p.run(10 * time.Second)
	p.want(p.sites[9], "down portal medium")
	if all := p.regional(); all[len(all)-1] != "closed portal portal 10/0 down portal medium" {
		t.Errorf("%q", all)
	}
	p.portal(thongsuot.ReasonOK, p.sites[9])
	if c := p.changes[len(p.changes)-1]; c.Kind != thongsuot.ChangeClosed || c.Incident.Site != p.sites[9] || c.Incident.Regional() {
		t.Errorf("%+v", c)
	}
}

func pSites(list []thongsuot.Site) (codes []string) {
	for _, s := range list {
		codes = append(codes, s.Code)
	}
	return codes
}

// twelve sites of two carriers, two routes each.
func twelve() (list []thongsuot.Site) {
	for i := range 12 {
		carrier := []string{"vnpt", "viettel"}[i%2]
		list = append(list, commune(fmt.Sprintf("600%02d", i), carrier, fmt.Sprint(carrier, i/6), ""))
	}
	return list
}

func TestMostOfTheProvince(t *testing.T) {
	p := newProvince(t, always, twelve()...).run(time.Minute)
	p.silence(true, p.sites[:10]...).run(time.Minute)
	if all := p.regional(); len(all) == 0 || all[len(all)-1] != "members province  10/10 down unknown low" {
		t.Errorf("%q", all)
	}
	if told := p.told(); len(told) != 1 {
		t.Errorf("people are called to %q", told)
	}
}

// The reference probes beside the centre are silent too: it is the centre.
func TestSilenceOfAllIsTheCentre(t *testing.T) {
	ref := thongsuot.Site{Code: "ref-1", Kind: thongsuot.KindReference, Status: thongsuot.StatusActive}
	p := newProvince(t, always, append(twelve(), ref)...).run(time.Minute)
	p.silence(true, p.sites...).run(time.Minute)
	if all := p.regional(); len(all) == 0 || all[len(all)-1] != "members province  13/13 unknown central high" {
		t.Errorf("%q", all)
	}
}

func TestSeveralRoutesOfOneCarrier(t *testing.T) {
	var list []thongsuot.Site
	for i := range 16 {
		carrier := []string{"vnpt", "viettel"}[i%2]
		list = append(list, commune(fmt.Sprintf("700%02d", i), carrier, fmt.Sprint(carrier, i/8), ""))
	}
	p := newProvince(t, always, list...).run(time.Minute)
	for i, code := range p.sites {
		p.mute[code] = i%2 == 0 // vnpt
	}
	p.run(time.Minute)
	if all := p.regional(); len(all) == 0 || all[len(all)-1] != "members carrier vnpt 8/8 down upstream high" {
		t.Errorf("%q", all)
	}
}

// What most members show on their return corrects the regional incident too.
func TestMembersCorrectTheRegion(t *testing.T) {
	p := newProvince(t, always, upstreamOf(4)...).run(time.Minute).portal(thongsuot.ReasonOK, "10001", "10002", "10003", "10004")
	p.silence(true, p.sites...).run(10 * time.Minute)
	p.silence(false, p.sites...)
	for _, code := range p.sites { // all of them started anew after a clean shutdown
		rs := healthy()
		for i := range rs {
			rs[i].At = p.now
		}
		p.add(p.e.Observe(incident.Observation{Site: code, At: p.now, Start: 2, Boot: "b2", Results: rs}))
	}
	p.run(time.Minute)
	all := p.regional()
	if last := all[len(all)-1]; last != "revised upstream di-linh 4/0 down power medium" {
		t.Errorf("%q", all)
	}
}

// A restart in the midst of it repeats nothing and forgets nobody.
func TestRestartInARegionalIncident(t *testing.T) {
	p := newProvince(t, always, upstreamOf(8)...).run(time.Minute)
	p.silence(true, p.sites...).run(time.Minute)
	open := map[string]thongsuot.Incident{}
	for _, c := range p.changes {
		open[c.Incident.ID] = c.Incident
	}
	var record []thongsuot.Incident
	for _, in := range open {
		record = append(record, in)
	}
	slices.SortFunc(record, func(a, b thongsuot.Incident) int { return a.Start.Compare(b.Start) })
	snap, err := p.e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	r := newProvince(t, always, upstreamOf(8)...)
	r.now, r.mute = p.now.Add(30*time.Second), p.mute
	if err := r.e.Restore(snap, record, r.now); err != nil {
		t.Fatal(err)
	}
	r.run(time.Minute)
	if len(r.changes) > 0 {
		t.Errorf("told again: %+v", r.changes[0])
	}
	r.silence(false, r.sites...).run(time.Minute)
	if all := r.regional(); len(all) == 0 || all[len(all)-1] != "closed upstream di-linh 8/0 down upstream high" {
		t.Errorf("%q", all)
	}
}
