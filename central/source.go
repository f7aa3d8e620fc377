package central

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"thongsuot"
	"thongsuot/dashboards"
	"thongsuot/incident"
	"thongsuot/ledger"
	"thongsuot/registry"
	"thongsuot/store"
)

const (
	recent      = 7 * 24 * time.Hour // how far back pages list incidents
	maxRecent   = 500
	chartPoints = 240              // about one for each two pixels
	minStep     = 10 * time.Second // a round
)

// source is what the pages show: the engine's word for now, the ledger's for
// what happened, the store's for what was measured.
type source struct {
	registry *registry.Live
	loop     *loop
	ledger   *ledger.Ledger
	store    samples
	channels []string
	now      func() time.Time

	mu      sync.Mutex
	changed chan struct{}
}

var _ dashboards.Source = (*source)(nil)

// stir wakes every page that waits for a change.
func (s *source) stir() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// Changed is closed at the next change.
func (s *source) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *source) centre() dashboards.Centre {
	return dashboards.Centre{At: s.now(), Channels: s.channels}
}

// Overview is every site as it is now.
func (s *source) Overview(ctx context.Context) (dashboards.Overview, error) {
	v := dashboards.Overview{Centre: s.centre()}
	for _, site := range s.registry.Current().Sites() {
		v.Sites = append(v.Sites, s.status(site))
	}
	var err error
	v.Recent, err = s.ledger.Incidents(ctx, "", v.At.Add(-recent), v.At, maxRecent)
	return v, err
}

func (s *source) status(site thongsuot.Site) dashboards.Status {
	st, ok := s.loop.status(site.Code)
	if !ok {
		return dashboards.Status{Site: site}
	}
	out := dashboards.Status{
		Services: st.Services, Lines: st.Lines,
		Site: site, Verdict: st.Verdict, Since: st.Since, LastHeard: st.Heard, Suspect: st.Suspect, Probes: st.Results,
		BeatEvery: st.Said.Every, OverHTTP: st.Said.OverHTTP,
	}
	if st.Incident != "" {
		out.Incidents = []string{st.Incident}
	}
	return out
}

// Site is one site, with its series unless span is 0.
func (s *source) Site(ctx context.Context, code string, span time.Duration) (dashboards.SiteView, error) {
	site, ok := s.registry.Current().Site(code)
	if !ok {
		return dashboards.SiteView{}, fmt.Errorf("site %s: %w", code, dashboards.ErrNotFound)
	}
	v := dashboards.SiteView{Centre: s.centre(), Status: s.status(site)}
	if st, ok := s.loop.status(code); ok {
		v.Agent = agentFacts(st)
	}
	incidents, err := s.ledger.Incidents(ctx, code, v.At.Add(-max(recent, span)), v.At, maxRecent)
	if err != nil {
		return v, err
	}
	for _, in := range incidents {
		iv, err := s.history(ctx, in)
		if err != nil {
			return v, err
		}
		v.Incidents = append(v.Incidents, iv)
	}
	if span > 0 {
		v.Tracks, err = s.tracks(ctx, code, v.Probes, v.At, span)
	}
	return v, err
}

func agentFacts(st incident.Status) dashboards.Agent {
	a := dashboards.Agent{Boot: st.Boot}
	for _, r := range st.Results {
		if uptime, ok := r.Field(thongsuot.FieldUptime); ok && r.Kind == thongsuot.ProbeBoot {
			a.Uptime = time.Duration(uptime * float64(time.Second))
		}
		if r.Kind != thongsuot.ProbeAgent {
			continue
		}
		a.Version = r.Detail
		records, _ := r.Field(thongsuot.FieldSpoolRecords)
		bytes, _ := r.Field(thongsuot.FieldSpoolBytes)
		dropped, _ := r.Field(thongsuot.FieldDropped)
		a.SpoolRecords, a.SpoolBytes, a.Dropped = int64(records), int64(bytes), int64(dropped)
	}
	return a
}

// Incident is one incident with its history.
func (s *source) Incident(ctx context.Context, id string) (dashboards.IncidentView, error) {
	changes, err := s.ledger.Changes(ctx, id)
	if err != nil {
		return dashboards.IncidentView{}, err
	}
	if len(changes) == 0 {
		return dashboards.IncidentView{}, fmt.Errorf("incident %s: %w", id, dashboards.ErrNotFound)
	}
	return s.history(ctx, changes[len(changes)-1].Incident)
}

func (s *source) history(ctx context.Context, in thongsuot.Incident) (dashboards.IncidentView, error) {
	v := dashboards.IncidentView{Centre: s.centre(), Incident: in}
	reg := s.registry.Current()
	v.Site, _ = reg.Site(in.Site)
	for _, m := range in.Members {
		if v.Sites == nil {
			v.Sites = map[string]thongsuot.Site{}
		}
		if site, ok := reg.Site(m.Site); ok {
			v.Sites[m.Site] = site
		}
	}
	if v.Site.Code == "" {
		v.Site = thongsuot.Site{Code: in.Site, Name: in.Site} // left the registry since
	}
	var err error
	if v.Changes, err = s.ledger.Changes(ctx, in.ID); err != nil {
		return v, err
	}
	v.Deliveries, err = s.ledger.Deliveries(ctx, in.ID)
	return v, err
}

// drawn says which fields of a kind are charted, and how many measurements
// become one point.
type drawn struct {
	name, field string
	over        store.Fold
}

func fieldsOf(kind thongsuot.ProbeKind) []drawn {
	rtt := func(name string, over store.Fold) drawn { return drawn{name, thongsuot.FieldRTTMedian, over} }
	plain := func(field string, over store.Fold) drawn { return drawn{field, field, over} }
	switch kind {
	case thongsuot.ProbeICMP:
		return []drawn{
			rtt(thongsuot.FieldRTTMedian, store.FoldP50), rtt("rtt_p10_seconds", store.FoldP10), rtt("rtt_p25_seconds", store.FoldP25),
			rtt("rtt_p75_seconds", store.FoldP75), rtt("rtt_p90_seconds", store.FoldP90),
			plain(thongsuot.FieldRTTMin, store.FoldMin), plain(thongsuot.FieldRTTP95, store.FoldMax),
			plain(thongsuot.FieldRTTMax, store.FoldMax), plain(thongsuot.FieldLoss, store.FoldMean),
			plain(thongsuot.FieldOK, store.FoldMin), plain(thongsuot.FieldReasonCode, store.FoldMax),
		}
	case thongsuot.ProbeTCP:
		return []drawn{plain(thongsuot.FieldConnect, store.FoldMean), plain(thongsuot.FieldOK, store.FoldMin), plain(thongsuot.FieldReasonCode, store.FoldMax)}
	case thongsuot.ProbeDNS:
		return []drawn{plain(thongsuot.FieldQuery, store.FoldMean), plain(thongsuot.FieldOK, store.FoldMin), plain(thongsuot.FieldReasonCode, store.FoldMax)}
	case thongsuot.ProbePortal, thongsuot.ProbeService:
		out := []drawn{plain(thongsuot.FieldOK, store.FoldMin), plain(thongsuot.FieldReasonCode, store.FoldMax)}
		for _, f := range []string{thongsuot.FieldDNS, thongsuot.FieldConnect, thongsuot.FieldTLS, thongsuot.FieldTTFB, thongsuot.FieldTransfer, thongsuot.FieldTotal} {
			out = append(out, plain(f, store.FoldMean))
		}
		return out
	case thongsuot.ProbeUPS:
		return []drawn{plain(thongsuot.FieldCharge, store.FoldMin), plain(thongsuot.FieldInputVolts, store.FoldMean), plain(thongsuot.FieldOnBattery, store.FoldMax)}
	default:
		return nil
	}
}

// tracks reads what the site's probes measured in the span that ends at now.
func (s *source) tracks(ctx context.Context, code string, probes []thongsuot.Result, now time.Time, span time.Duration) ([]dashboards.Track, error) {
	var out []dashboards.Track
	for _, r := range probes {
		fields := fieldsOf(r.Kind)
		if len(fields) == 0 {
			continue
		}
		// No step is shorter than the probe's own pace, or every second point would be a gap.
		step := max(span/chartPoints, minStep)
		if r.Kind.Page() {
			step = max(step, time.Minute)
		}
		step = step.Round(time.Second)
		end := now.Truncate(step)
		t := dashboards.Track{Probe: r.Probe, Kind: r.Kind, Target: r.Target}
		for _, f := range fields {
			series, err := s.store.Read(ctx, store.Read{
				Metric: string(r.Kind) + "_" + f.field, From: end.Add(-span), To: end, Step: step, Fold: f.over,
				Labels: []thongsuot.Label{{Name: thongsuot.LabelSite, Value: code}, {Name: thongsuot.LabelProbe, Value: r.Probe}},
			})
			if err != nil {
				return nil, fmt.Errorf("chart of %s: %w", r.Probe, err)
			}
			t.Series = append(t.Series, dashboards.Series{Name: f.name, Points: merge(series)})
		}
		out = append(out, t)
	}
	return out, nil
}

// merge makes one line of the series of one probe: its target may have
// changed in the span, which ends one series and begins the next.
func merge(series []store.Series) []dashboards.Point {
	byTime := map[time.Time]float64{}
	var order []time.Time
	for _, one := range series {
		for _, p := range one.Points {
			if _, known := byTime[p.At]; !known {
				order = append(order, p.At)
			}
			byTime[p.At] = p.Value
		}
	}
	slices.SortFunc(order, time.Time.Compare)
	out := make([]dashboards.Point, 0, len(order))
	for _, t := range order {
		out = append(out, dashboards.Point{At: t, V: byTime[t]})
	}
	return out
}
