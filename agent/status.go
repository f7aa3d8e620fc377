package agent

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"thongsuot"
)

// Status is what the agent says about itself to a person at the site.
type Status struct {
	Site            string        `json:"site"`
	Version         string        `json:"version"`
	Centre          string        `json:"centre"`
	UptimeSeconds   float64       `json:"uptime_seconds"`
	LastSent        *time.Time    `json:"last_sent"`            // wall clock; null before the first
	LastError       string        `json:"last_error"`           // "" while posts succeed
	LastBeatSeconds *float64      `json:"last_beat_seconds"`    // since the last answered beat; null before the first
	ClockOffset     *float64      `json:"clock_offset_seconds"` // wall clock minus the centre's; null when not known
	SpoolRecords    int           `json:"spool_records"`        // that wait to be delivered, in both lanes
	LiveRecords     int           `json:"live_records"`
	BacklogRecords  int           `json:"backlog_records"`
	HeldRecords     int           `json:"held_records"`   // delivered, kept in case the centre forgets them
	OldestSeconds   float64       `json:"oldest_seconds"` // about the age of the oldest that waits, 0 when none does
	SpoolBytes      int64         `json:"spool_bytes"`
	SpoolDropped    uint64        `json:"spool_dropped"`
	SpoolDegraded   string        `json:"spool_degraded"` // "" while the disk works
	Probes          []ProbeStatus `json:"probes"`
}

// ProbeStatus is the newest answer of one probe.
type ProbeStatus struct {
	Probe      string             `json:"probe"`
	Kind       string             `json:"kind"`
	Target     string             `json:"target"`
	Reason     string             `json:"reason"`
	Detail     string             `json:"detail,omitempty"`
	AgeSeconds float64            `json:"age_seconds"`
	Values     map[string]float64 `json:"values,omitempty"`
}

// Status tells how the agent is doing now.
func (a *Agent) Status() Status {
	now := a.clock.boottime()
	sp := a.spool.Stats()
	live, behind, held := a.uplink.out.counts()
	st := Status{
		Site: a.cfg.Site, Version: a.version, Centre: redact(a.cfg.Centre.URL), UptimeSeconds: (now - a.began).Seconds(),
		SpoolRecords: live + behind, LiveRecords: live, BacklogRecords: behind, HeldRecords: held, OldestSeconds: a.oldest().Seconds(), SpoolBytes: sp.Bytes, SpoolDropped: sp.Dropped(), SpoolDegraded: sp.Degraded,
	}
	if ms := a.uplink.lastDone.Load(); ms != 0 {
		t := time.UnixMilli(ms).UTC()
		st.LastSent = &t
	}
	if e := a.uplink.lastErr.Load(); e != nil {
		st.LastError = *e
	}
	if heard := a.beat.heard.Load(); heard != 0 {
		age := (now - time.Duration(heard)).Seconds()
		st.LastBeatSeconds = &age
	}
	if offset, ok := a.clock.Offset(); ok {
		s := offset.Seconds()
		st.ClockOffset = &s
	}
	for _, m := range a.collect.newest() {
		p := ProbeStatus{
			Probe: m.Probe, Kind: string(m.Kind), Target: m.Target, Reason: string(m.Reason), Detail: m.Detail,
			AgeSeconds: (now - m.began).Seconds(), Values: map[string]float64{},
		}
		for _, f := range m.Fields {
			p.Values[f.Name] = f.Value
		}
		st.Probes = append(st.Probes, p)
	}
	slices.SortFunc(st.Probes, func(x, y ProbeStatus) int { return strings.Compare(x.Probe, y.Probe) })
	return st
}

// oldest is about the age of the oldest round that waits, 0 when none does.
func (a *Agent) oldest() time.Duration {
	s, ok := a.uplink.out.oldest()
	if !ok {
		return 0
	}
	now := a.clock.Stamp()
	return max(a.clock.Date(now, now.Boottime).Sub(a.clock.Date(s, s.Boottime)), 0)
}

// LocalAddr is where metrics and status are served, "" for nowhere.
func (a *Agent) LocalAddr() string {
	if a.local == nil {
		return ""
	}
	return a.local.Addr().String()
}

func (a *Agent) registerSelf() {
	a.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "thongsuot_agent_config_reloads_total", Help: "Configurations that were read again while running, by outcome; a refused one changes nothing.",
	}, []string{"outcome"})
	for _, outcome := range []string{"taken", "refused"} {
		a.reloads.WithLabelValues(outcome)
	}
	a.metrics.MustRegister(
		a.reloads,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "thongsuot_agent_last_sent_timestamp_seconds", Help: "When the centre last acknowledged results, by the wall clock; 0 is never.",
		}, func() float64 { return float64(a.uplink.lastDone.Load()) / 1e3 }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "thongsuot_agent_clock_offset_seconds", Help: "Wall clock minus the centre's clock; 0 while that is not known.",
		}, func() float64 { o, _ := a.clock.Offset(); return o.Seconds() }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "thongsuot_agent_oldest_record_seconds", Help: "About the age of the oldest spooled round that waits for the centre; 0 when none does.",
		}, func() float64 { return a.oldest().Seconds() }),
		newestCollector{a},
	)
}

// newestCollector exports the newest values of every probe, so that a local
// Prometheus sees what the centre gets.
type newestCollector struct{ a *Agent }

// Describe says that what is collected depends on the probes.
func (newestCollector) Describe(chan<- *prometheus.Desc) {}

// Collect exports one gauge for each value.
func (c newestCollector) Collect(out chan<- prometheus.Metric) {
	for _, m := range c.a.collect.newest() {
		labels := prometheus.Labels{"probe": m.Probe, "target": m.Target}
		emit := func(name string, v float64) {
			desc := prometheus.NewDesc(string(m.Kind)+"_"+name, "Newest value of the probes of kind "+string(m.Kind)+".", nil, labels)
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v)
		}
		ok := 0.0
		if m.OK() {
			ok = 1
		}
		emit("ok", ok)
		emit("reason_code", float64(m.Reason.Code()))
		for _, f := range m.Fields {
			emit(f.Name, f.Value)
		}
		likeBlackbox(m, out)
	}
}

// blackboxPhases are the names that blackbox_exporter gives the phases of an
// HTTP exchange, for dashboards and alerts written for it.
var blackboxPhases = map[string]string{
	thongsuot.FieldDNS: "resolve", thongsuot.FieldConnect: "connect", thongsuot.FieldTLS: "tls",
	thongsuot.FieldTTFB: "processing", thongsuot.FieldTransfer: "transfer",
}

// blackboxNames are its names for whole answers.
var blackboxNames = map[string]string{
	thongsuot.FieldStatusCode: "probe_http_status_code", thongsuot.FieldBodyBytes: "probe_http_uncompressed_body_length",
	thongsuot.FieldTLSExpiry: "probe_ssl_earliest_cert_expiry", thongsuot.FieldTotal: "probe_duration_seconds",
}

// likeBlackbox exports an HTTP answer once more under the names that
// blackbox_exporter uses.
func likeBlackbox(m measured, out chan<- prometheus.Metric) {
	if !m.Kind.Page() && m.Kind != thongsuot.ProbeCaptive {
		return
	}
	emit := func(name, help string, v float64, labels prometheus.Labels) {
		labels["probe"], labels["target"] = m.Probe, m.Target
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, labels), prometheus.GaugeValue, v)
	}
	success := 0.0
	if m.OK() {
		success = 1
	}
	emit("probe_success", "Whether the newest answer was the wanted one.", success, prometheus.Labels{})
	for _, f := range m.Fields {
		if phase, ok := blackboxPhases[f.Name]; ok {
			emit("probe_http_duration_seconds", "Newest duration of a phase of the HTTP exchange.", f.Value, prometheus.Labels{"phase": phase})
		}
		if name, ok := blackboxNames[f.Name]; ok {
			emit(name, "Newest value, as blackbox_exporter names it.", f.Value, prometheus.Labels{})
		}
	}
}

func (a *Agent) serveLocal(ctx context.Context) {
	if a.local == nil {
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		_ = enc.Encode(a.Status()) // the reader went away: nothing to do about it
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	go func() { _ = srv.Serve(a.local) }() // ends with Close
}
