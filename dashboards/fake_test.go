package dashboards_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/dashboards"
	"thongsuot/registry"
)

var (
	zone = time.FixedZone("+07", 7*3600)
	now  = time.Date(2026, 11, 23, 14, 5, 7, 0, zone)
)

// fake is a source whose views tests set.
type fake struct {
	mu       sync.Mutex
	overview dashboards.Overview
	sites    map[string]dashboards.SiteView
	err      error
	changed  chan struct{}
}

func (f *fake) Overview(context.Context) (dashboards.Overview, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.overview
	o.Sites, o.Recent = slices.Clone(o.Sites), slices.Clone(o.Recent)
	return o, f.err
}

func (f *fake) Site(_ context.Context, code string, span time.Duration) (dashboards.SiteView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.sites[code]
	if f.err != nil || !ok {
		return v, fmt.Errorf("%w, %w", dashboards.ErrNotFound, f.err)
	}
	if v.Tracks != nil {
		v.Tracks = tracks(v.At, span)
	}
	return v, nil
}

func (f *fake) Incident(_ context.Context, id string) (dashboards.IncidentView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sites {
		for _, i := range s.Incidents {
			if i.Incident.ID == id {
				i.Centre, i.Site = s.Centre, s.Site
				return i, f.err
			}
		}
	}
	return dashboards.IncidentView{}, dashboards.ErrNotFound
}

func (f *fake) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// change alters what is shown and says so.
func (f *fake) change(how func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how()
	close(f.changed)
	f.changed = make(chan struct{})
}

// province is the real registry on an ordinary afternoon with a few faults.
func province(t testing.TB) *fake {
	t.Helper()
	reg, err := registry.Load(zone, "../deploy/registry")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{sites: make(map[string]dashboards.SiteView), changed: make(chan struct{})}
	centre := dashboards.Centre{At: now, Channels: []string{"slack"}}
	f.overview.Centre = centre
	for n, site := range reg.Sites() {
		site.Status = thongsuot.StatusActive
		if n >= 118 {
			site.Status = thongsuot.StatusNotInstalled
		}
		s := well(site)
		var history []dashboards.IncidentView
		for k := range n % 19 / 13 * (1 + n%4) {
			i := past(site, k, n)
			f.overview.Recent = append(f.overview.Recent, i.Incident)
			history = append(history, i)
		}
		if open, ok := faults()[site.Code]; ok {
			i := open(site)
			s.Verdict, s.Since, s.Incidents = i.Incident.Verdict, i.Incident.Start, []string{i.Incident.ID}
			switch {
			case s.Verdict.Cause == thongsuot.CausePortal:
				s.Probes[3] = result(thongsuot.ProbePortal, "portal", "https://dichvucong.gov.vn/", thongsuot.ReasonTLSExpired)
			case s.Verdict.State != thongsuot.StateDegraded:
				s.LastHeard = i.Incident.Start
			}
			f.overview.Recent = append(f.overview.Recent, i.Incident)
			history = append([]dashboards.IncidentView{i}, history...)
		}
		f.overview.Sites = append(f.overview.Sites, s)
		f.sites[site.Code] = view(centre, s, history)
	}
	f.overview.Sites[40].Suspect = true
	test := well(thongsuot.Site{Code: "may-nay", Kind: thongsuot.KindTest, Name: "máy này", Status: thongsuot.StatusActive})
	test.Probes[3] = result(thongsuot.ProbePortal, "portal", "https://dichvucong.gov.vn/", thongsuot.ReasonDNSTimeout)
	test.Probes[3].Detail = "lookup dichvucong.gov.vn: i/o timeout"
	f.overview.Sites = append(f.overview.Sites, test)
	f.sites["may-nay"] = view(centre, test, nil)
	return f
}

func view(c dashboards.Centre, s dashboards.Status, history []dashboards.IncidentView) dashboards.SiteView {
	return dashboards.SiteView{
		Centre: c, Status: s, Incidents: history, Tracks: []dashboards.Track{},
		Agent: dashboards.Agent{
			Version: "0.1.0", Boot: "2f1c5b0e-6d7a-4c7e-9d0b-0a4b8a2f7e11", Uptime: 76*time.Hour + 20*time.Minute,
			SpoolRecords: 12, SpoolBytes: 2400,
		},
	}
}

// well is a site where all is well.
func well(site thongsuot.Site) dashboards.Status {
	return dashboards.Status{
		Site: site, LastHeard: now.Add(-3 * time.Second),
		Verdict: thongsuot.Verdict{State: thongsuot.StateUp, Cause: thongsuot.CauseNone, Confidence: 1},
		Since:   now.Add(-50 * time.Hour),
		Probes: []thongsuot.Result{
			result(thongsuot.ProbeICMP, "gateway", "192.168.1.1", thongsuot.ReasonOK,
				thongsuot.Field{Name: thongsuot.FieldRTTMedian, Value: .0006}, thongsuot.Field{Name: thongsuot.FieldLoss, Value: 0}),
			result(thongsuot.ProbeICMP, "centre", "203.0.113.7", thongsuot.ReasonOK,
				thongsuot.Field{Name: thongsuot.FieldRTTMedian, Value: .0213}, thongsuot.Field{Name: thongsuot.FieldLoss, Value: .2}),
			result(thongsuot.ProbeDNS, "resolver", "203.162.4.190", thongsuot.ReasonOK,
				thongsuot.Field{Name: thongsuot.FieldQuery, Value: .0142}),
			result(thongsuot.ProbePortal, "portal", "https://dichvucong.gov.vn/", thongsuot.ReasonOK,
				thongsuot.Field{Name: thongsuot.FieldTotal, Value: 1.284}, thongsuot.Field{Name: thongsuot.FieldStatusCode, Value: 200}),
			result(thongsuot.ProbeUPS, "ups", "ups@localhost", thongsuot.ReasonOK,
				thongsuot.Field{Name: thongsuot.FieldOnline, Value: 1}, thongsuot.Field{Name: thongsuot.FieldOnBattery, Value: 0},
				thongsuot.Field{Name: thongsuot.FieldCharge, Value: .97}, thongsuot.Field{Name: thongsuot.FieldRuntime, Value: 2460}),
			result(thongsuot.ProbeBoot, "boot", "", thongsuot.ReasonOK),
		},
	}
}

func result(kind thongsuot.ProbeKind, name, target string, reason thongsuot.Reason, fields ...thongsuot.Field) thongsuot.Result {
	return thongsuot.Result{Probe: name, Kind: kind, Target: target, At: now.Add(-7 * time.Second), Reason: reason, Fields: fields}
}

// faults are the open incidents, by the code of their site.
func faults() map[string]func(thongsuot.Site) dashboards.IncidentView {
	at := func(ago time.Duration) time.Time { return now.Add(-ago) }
	return map[string]func(thongsuot.Site) dashboards.IncidentView{
		"25051": func(s thongsuot.Site) dashboards.IncidentView { // Sơn Điền: a power cut, seen by its UPS
			first := thongsuot.Verdict{
				State: thongsuot.StateAtRisk, Cause: thongsuot.CausePower, Confidence: .97,
				Evidence: []thongsuot.Evidence{{Code: thongsuot.EvidenceOnBattery, At: at(31 * time.Minute), Value: 420}},
			}
			then := first
			then.State = thongsuot.StateDown
			then.Evidence = append(slices.Clone(first.Evidence),
				thongsuot.Evidence{Code: thongsuot.EvidenceLowBattery, At: at(24 * time.Minute)},
				thongsuot.Evidence{Code: thongsuot.EvidenceBeatsUnanswered, At: at(23 * time.Minute), Value: 276})
			return history(s, "i-25051-1", at(31*time.Minute), first, then)
		},
		"24712": func(s thongsuot.Site) dashboards.IncidentView { // Quảng Phú: a weak line
			v := thongsuot.Verdict{
				State: thongsuot.StateDegraded, Cause: thongsuot.CauseAccess, Confidence: .7,
				Candidates: []string{"access", "upstream"},
				Evidence: []thongsuot.Evidence{
					{Code: thongsuot.EvidenceTargetAnswers, At: at(3 * time.Hour), Probe: "gateway", Target: "192.168.1.1"},
					{Code: thongsuot.EvidenceTargetLossy, At: at(3 * time.Hour), Probe: "centre", Target: "203.0.113.7", Value: .23},
				},
			}
			return history(s, "i-24712-1", at(3*time.Hour+12*time.Minute), v)
		},
		"24748": func(s thongsuot.Site) dashboards.IncidentView { // Quảng Tân: silent, nobody knows why
			v := thongsuot.Verdict{
				State: thongsuot.StateUnknown, Cause: thongsuot.CauseUnknown, Confidence: .3, Candidates: []string{"power", "access"},
				Evidence: []thongsuot.Evidence{
					{Code: thongsuot.EvidenceBeatsUnanswered, At: at(4 * time.Minute), Value: 48},
					{Code: thongsuot.EvidenceNoMainsSensor, At: at(4 * time.Minute)},
				},
			}
			return history(s, "i-24748-1", at(4*time.Minute), v)
		},
		"24823": func(s thongsuot.Site) dashboards.IncidentView { // a portal that fails at TLS
			v := thongsuot.Verdict{
				State: thongsuot.StateDown, Cause: thongsuot.CausePortal, Confidence: .92,
				Evidence: []thongsuot.Evidence{{
					Code: thongsuot.EvidenceTargetFails, At: at(9 * time.Minute), Probe: "portal",
					Target: "https://dichvucong.gov.vn/", Reason: thongsuot.ReasonTLSExpired,
				}},
			}
			return history(s, "i-24823-1", at(9*time.Minute), v)
		},
	}
}

// history is an incident with a revision for each verdict, four minutes apart,
// and the messages about it.
func history(s thongsuot.Site, id string, start time.Time, verdicts ...thongsuot.Verdict) dashboards.IncidentView {
	var v dashboards.IncidentView
	kind := thongsuot.ChangeOpened
	for n, verdict := range verdicts {
		at := start.Add(time.Duration(n) * 4 * time.Minute)
		v.Incident = thongsuot.Incident{ID: id, Site: s.Code, Start: start, Verdict: verdict, Worst: verdict.State, Revision: n + 1}
		v.Changes = append(v.Changes, thongsuot.Change{Kind: kind, At: at, Incident: v.Incident})
		v.Deliveries = append(v.Deliveries, thongsuot.Delivery{
			Incident: id, Revision: n + 1, Receiver: "trực vận hành", Channel: "slack", Why: "operations",
			State: thongsuot.DeliverySent, Attempts: 1 + n, At: at.Add(2 * time.Second),
		})
		kind = thongsuot.ChangeWorse
	}
	v.Deliveries[len(v.Deliveries)-1].State = thongsuot.DeliveryFailed
	v.Deliveries[len(v.Deliveries)-1].Error = "channel_not_found"
	return v
}

// past is an incident of the last days that ended.
func past(s thongsuot.Site, k, n int) dashboards.IncidentView {
	causes := []thongsuot.Cause{thongsuot.CausePower, thongsuot.CauseAccess, thongsuot.CausePortal, thongsuot.CauseUnknown}
	verdict := thongsuot.Verdict{State: thongsuot.StateDown, Cause: causes[(n+k)%4], Confidence: .9}
	start := now.Add(-time.Duration(20+k*31+n%7*5) * time.Hour)
	v := history(s, fmt.Sprintf("i-%s-p%d", s.Code, k), start, verdict)
	v.Incident.End = start.Add(time.Duration(20+n%5*45) * time.Minute)
	v.Incident.Revision++
	v.Changes = append(v.Changes, thongsuot.Change{Kind: thongsuot.ChangeClosed, At: v.Incident.End, Incident: v.Incident})
	return v
}

// tracks are what the probes of a site measured over a span: 360 values each,
// with an hour of losses and a hole.
func tracks(at time.Time, span time.Duration) []dashboards.Track {
	if span == 0 {
		return nil
	}
	const count = 360
	step := span / count
	wave := func(base, swing float64, holes bool) []dashboards.Point {
		var points []dashboards.Point
		for i := range count {
			if holes && i > 200 && i < 225 {
				continue
			}
			busy := 1.0
			if i > 90 && i < 150 {
				busy = 4 + math.Sin(float64(i))
			}
			points = append(points, dashboards.Point{
				At: at.Add(step * time.Duration(i-count)),
				V:  base*busy + swing*math.Abs(math.Sin(float64(i)*1.7)+math.Sin(float64(i)*.31)),
			})
		}
		return points
	}
	flag := func(f func(i int) float64) []dashboards.Point {
		points := wave(1, 0, true)
		for i := range points {
			points[i].V = f(i)
		}
		return points
	}
	loss := flag(func(i int) float64 {
		switch {
		case i > 100 && i < 140:
			return float64(i%5) / 10
		case i > 250 && i < 256:
			return 1
		default:
			return 0
		}
	})
	works := flag(func(i int) float64 {
		if i > 110 && i < 130 {
			return 0
		}
		return 1
	})
	reasons := flag(func(i int) float64 {
		if i > 110 && i < 130 {
			return float64(thongsuot.ReasonHTTPTimeout.Code())
		}
		return 0
	})
	delay := func(base float64) []dashboards.Series {
		return []dashboards.Series{
			{Name: thongsuot.FieldRTTMin, Points: wave(base*.9, base*.02, true)},
			{Name: thongsuot.FieldRTTMedian, Points: wave(base, base*.1, true)},
			{Name: thongsuot.FieldRTTP95, Points: wave(base*1.2, base*.6, true)},
			{Name: thongsuot.FieldRTTMax, Points: wave(base*1.3, base*1.1, true)},
			{Name: thongsuot.FieldLoss, Points: loss},
		}
	}
	mains := flag(func(i int) float64 { return 1 - float64(i/10%2)*.03 })
	battery := flag(func(i int) float64 {
		if i > 300 && i < 320 {
			return 1
		}
		return 0
	})
	volts, charge := slices.Clone(mains), slices.Clone(mains)
	for i := range volts {
		volts[i].V *= 224 * (1 - battery[i].V)
		charge[i].V -= battery[i].V * .4
	}
	return []dashboards.Track{
		{Probe: "ups", Kind: thongsuot.ProbeUPS, Target: "ups@127.0.0.1:3493", Series: []dashboards.Series{
			{Name: thongsuot.FieldCharge, Points: charge}, {Name: thongsuot.FieldInputVolts, Points: volts}, {Name: thongsuot.FieldOnBattery, Points: battery},
		}},
		{Probe: "lgsp", Kind: thongsuot.ProbeService, Target: "https://lgsp.example.vn/", Series: []dashboards.Series{
			{Name: thongsuot.FieldTotal, Points: wave(.2, .1, true)}, {Name: thongsuot.FieldOK, Points: works}, {Name: thongsuot.FieldReasonCode, Points: reasons},
		}},
		{Probe: "portal", Kind: thongsuot.ProbePortal, Target: "https://dichvucong.gov.vn/", Series: []dashboards.Series{
			{Name: thongsuot.FieldDNS, Points: wave(.014, .004, true)}, {Name: thongsuot.FieldConnect, Points: wave(.031, .01, true)},
			{Name: thongsuot.FieldTLS, Points: wave(.066, .02, true)}, {Name: thongsuot.FieldTTFB, Points: wave(.21, .2, true)},
			{Name: thongsuot.FieldTransfer, Points: wave(.02, .01, true)}, {Name: thongsuot.FieldTotal, Points: wave(.341, .244, true)},
			{Name: thongsuot.FieldOK, Points: works}, {Name: thongsuot.FieldReasonCode, Points: reasons},
		}},
		{Probe: "gateway", Kind: thongsuot.ProbeICMP, Target: "192.168.1.1", Series: delay(.0006)},
		{Probe: "centre", Kind: thongsuot.ProbeICMP, Target: "203.0.113.7", Series: delay(.0213)},
		{Probe: "resolver", Kind: thongsuot.ProbeDNS, Target: "203.162.4.190", Series: []dashboards.Series{
			{Name: thongsuot.FieldQuery, Points: wave(.0142, .006, true)}, {Name: thongsuot.FieldOK, Points: works},
		}},
	}
}
