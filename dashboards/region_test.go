package dashboards_test

import (
	"strings"
	"testing"

	"thongsuot"
	"thongsuot/dashboards"
)

// A regional incident stands once on the overview, lists its members on its
// page, and their own records lead to it.
func TestRegionalIncident(t *testing.T) {
	f := province(t)
	route := thongsuot.Region{Kind: thongsuot.RegionUpstream, Name: "Di Linh"}
	verdict := thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CauseUpstream, Confidence: .95}
	whole := thongsuot.Incident{ID: "upstream-1", Region: route, Start: now, Verdict: verdict, Worst: verdict.State, Revision: 1}
	names := map[string]thongsuot.Site{}
	for _, code := range []string{"24712", "24748"} {
		s := f.sites[code]
		own := thongsuot.Incident{ID: "own-" + code, Site: code, Start: now, Verdict: verdict, Worst: verdict.State, Revision: 1, Part: whole.ID, Region: route}
		s.Incidents = append([]dashboards.IncidentView{{Incident: own}}, s.Incidents...)
		f.sites[code], names[code] = s, s.Site
		f.overview.Recent = append(f.overview.Recent, own)
		whole.Members = append(whole.Members, thongsuot.Member{Site: code, Incident: own.ID, From: now, State: verdict.State, Cause: verdict.Cause})
	}
	whole.Members[1].To = now
	f.overview.Recent = append(f.overview.Recent, whole)
	any := f.sites["24751"]
	any.Incidents = append(any.Incidents, dashboards.IncidentView{Incident: whole, Sites: names})
	f.sites["24751"] = any
	srv := serve(t, f)

	running := words(byID(t, parse(t, get(t, srv, "/")), "running"))
	if strings.Count(running, "Tuyến truyền dẫn Di Linh (2 nơi)") != 1 || strings.Contains(running, "own-") {
		t.Errorf("running: %s", running)
	}
	page := parse(t, get(t, srv, "/incident/upstream-1"))
	verdictCard := words(byID(t, page, "verdict"))
	for _, want := range []string{"Các nơi bị ảnh hưởng: 2, chưa trở lại: 1", "Xã Quảng Phú", "Xã Quảng Tân", "đang diễn ra"} {
		if !strings.Contains(verdictCard, want) {
			t.Errorf("%q is missing: %s", want, verdictCard)
		}
	}
	own := parse(t, get(t, srv, "/incident/own-24712"))
	if got := words(byID(t, own, "verdict")); !strings.Contains(got, "Thuộc sự cố chung: tuyến truyền dẫn Di Linh") {
		t.Errorf("%s", got)
	}
}
