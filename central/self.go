package central

import (
	"context"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"thongsuot"
)

// selfEvery is how often the centre stores its own measures and the states that
// it sees, the pace at which agents report when all is quiet.
const selfEvery = time.Minute

// self keeps the centre's own measures among the others, so that one Grafana
// shows both without a Prometheus beside the centre.
type self struct {
	gatherer prometheus.Gatherer
	states   func() []thongsuot.Sample
	store    appender
	now      func() time.Time
	log      *slog.Logger
}

func (s *self) run(ctx context.Context) {
	tick := time.NewTicker(selfEvery)
	defer tick.Stop()
	for {
		if err := s.keep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("the centre's own measures of this minute not stored", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// keep stores all measures of now. What goes amiss with some of them does not
// keep the others back.
func (s *self) keep(ctx context.Context) error {
	at := s.now().Truncate(time.Second)
	families, err := s.gatherer.Gather()
	samples := s.states()
	for i := range samples {
		samples[i].At = at
	}
	for _, f := range families {
		if !slices.ContainsFunc([]string{"thongsuot_", "process_", "go_goroutines", "go_memstats_heap_inuse"}, func(p string) bool { return strings.HasPrefix(f.GetName(), p) }) {
			continue // the Go runtime tells a hundred things that nobody looks at
		}
		for _, m := range f.GetMetric() {
			samples = append(samples, flatten(f, m, at)...)
		}
	}
	if _, storeErr := s.store.Append(ctx, samples); storeErr != nil {
		return storeErr
	}
	return err
}

// flatten makes samples of a measure, named as Prometheus names them in its
// text format.
func flatten(f *dto.MetricFamily, m *dto.Metric, at time.Time) []thongsuot.Sample {
	own := []thongsuot.Label{{Name: "job", Value: "thongsuot-central"}}
	for _, l := range m.GetLabel() {
		own = append(own, thongsuot.Label{Name: l.GetName(), Value: l.GetValue()})
	}
	var out []thongsuot.Sample
	add := func(suffix string, v float64, more ...thongsuot.Label) {
		labels := slices.Concat(own, more)
		slices.SortFunc(labels, func(a, b thongsuot.Label) int { return strings.Compare(a.Name, b.Name) })
		out = append(out, thongsuot.Sample{Metric: f.GetName() + suffix, Labels: labels, At: at, Value: v})
	}
	switch f.GetType() {
	case dto.MetricType_COUNTER:
		add("", m.GetCounter().GetValue())
	case dto.MetricType_GAUGE:
		add("", m.GetGauge().GetValue())
	case dto.MetricType_UNTYPED:
		add("", m.GetUntyped().GetValue())
	case dto.MetricType_HISTOGRAM:
		h := m.GetHistogram()
		add("_count", float64(h.GetSampleCount()))
		add("_sum", h.GetSampleSum())
		for _, b := range h.GetBucket() {
			add("_bucket", float64(b.GetCumulativeCount()), thongsuot.Label{Name: "le", Value: bound(b.GetUpperBound())})
		}
		add("_bucket", float64(h.GetSampleCount()), thongsuot.Label{Name: "le", Value: "+Inf"})
	case dto.MetricType_SUMMARY:
		add("_count", float64(m.GetSummary().GetSampleCount()))
		add("_sum", m.GetSummary().GetSampleSum())
	}
	return slices.DeleteFunc(out, func(s thongsuot.Sample) bool { return math.IsNaN(s.Value) || math.IsInf(s.Value, 0) })
}

func bound(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// states is the state of each site as the engine sees it, and what it is called.
func (s *Server) states() []thongsuot.Sample {
	var out []thongsuot.Sample
	for _, site := range s.registry.Current().Sites() {
		st, ok := s.loop.status(site.Code)
		if !ok {
			continue // not monitored today
		}
		out = append(out, thongsuot.Sample{
			Metric: thongsuot.MetricSiteState, Value: float64(st.Verdict.State.Severity()),
			Labels: []thongsuot.Label{{Name: thongsuot.LabelSite, Value: site.Code}},
		}, thongsuot.Sample{
			Metric: thongsuot.MetricSiteInfo, Value: 1,
			Labels: []thongsuot.Label{
				{Name: "carrier", Value: site.Carrier()}, {Name: "name", Value: site.Name},
				{Name: thongsuot.LabelSite, Value: site.Code}, {Name: "upstream", Value: site.Upstream()},
			},
		})
	}
	return out
}
