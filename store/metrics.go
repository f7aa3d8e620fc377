package store

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
)

// reason is why a sample was refused, as the metrics show it.
type reason string

const (
	reasonName          reason = "invalid_name"
	reasonNotFinite     reason = "not_finite"
	reasonTooOld        reason = "too_old"
	reasonTooNew        reason = "too_new"
	reasonBeforeProduct reason = "before_product"
	reasonConflict      reason = "conflict"
)

func reasons() []reason {
	return []reason{reasonName, reasonNotFinite, reasonTooOld, reasonTooNew, reasonBeforeProduct, reasonConflict}
}

// tally is what became of the samples of one batch.
type tally struct {
	appended, duplicate int
	reasons             map[reason]int
}

func (t *tally) refuse(why reason) {
	if t.reasons == nil {
		t.reasons = map[reason]int{}
	}
	t.reasons[why]++
}

func (t *tally) refused() (n int) {
	for _, k := range t.reasons {
		n += k
	}
	return n
}

// metrics are the store's own and the few of the TSDB's hundred that tell of
// lost samples or of work that does not get done.
type metrics struct {
	reg       prometheus.Registerer
	all       []prometheus.Collector
	appended  prometheus.Counter
	duplicate prometheus.Counter
	refused   *prometheus.CounterVec

	lateRestored, lateDamaged prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, db *tsdb.DB, late *lateLog, levels []*level, inner *picked) (*metrics, error) {
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "thongsuot_store_" + name, Help: help}, f)
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "thongsuot_store_" + name, Help: help})
	}
	m := &metrics{
		reg:          reg,
		appended:     counter("samples_appended_total", "Samples stored."),
		duplicate:    counter("samples_duplicate_total", "Samples that were stored before, with the same value."),
		lateRestored: counter("late_samples_restored_total", "Late samples that the database forgot at a restart and that were appended again from their log."),
		lateDamaged:  counter("late_log_damaged_total", "Damaged segments of the log of late samples; what followed in them was lost."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "thongsuot_store_samples_refused_total",
			Help: "Samples that were not stored, by reason.",
		}, []string{"reason"}),
	}
	for _, r := range reasons() {
		m.refused.WithLabelValues(string(r))
	}
	m.all = []prometheus.Collector{
		m.appended, m.duplicate, m.refused, m.lateRestored, m.lateDamaged, inner,
		gauge("head_series", "Series in memory.", func() float64 { return float64(db.Head().NumSeries()) }),
		gauge("disk_bytes", "Bytes on disk: blocks, write-ahead logs, chunks of the head, roll-ups.", func() float64 { return float64(diskBytes(db) + late.size() + rollupBytes(levels)) }),
		gauge("late_log_bytes", "Size of the log of late samples.", func() float64 { return float64(late.size()) }),
		gauge("blocks", "Blocks on disk.", func() float64 { return float64(len(db.Blocks())) }),
	}
	for _, l := range levels {
		m.all = append(m.all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "thongsuot_store_rollup_done_timestamp_seconds", Help: "End of the last window that was summed up, by window; 0 for none.",
			ConstLabels: prometheus.Labels{"every": l.name()},
		}, func() float64 { return float64(l.done.Load()) / 1000 }))
	}
	for i, c := range m.all {
		if err := reg.Register(c); err != nil {
			m.all = m.all[:i]
			m.unregister()
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) unregister() {
	for _, c := range m.all {
		m.reg.Unregister(c)
	}
}

func (m *metrics) count(t tally) {
	m.appended.Add(float64(t.appended))
	m.duplicate.Add(float64(t.duplicate))
	for why, n := range t.reasons {
		m.refused.WithLabelValues(string(why)).Add(float64(n))
	}
}

func diskBytes(db *tsdb.DB) int64 {
	n := db.Head().Size()
	for _, b := range db.Blocks() {
		n += b.Size()
	}
	return n
}

func rollupBytes(levels []*level) (n int64) {
	for _, l := range levels {
		for _, b := range l.db.Load().Blocks() {
			n += b.Size()
		}
	}
	return n
}

// watched are the TSDB's counters that are shown, by their names there; here
// they are called thongsuot_store_tsdb_….
var watched = map[string]string{
	"prometheus_tsdb_compactions_total":                        "Compactions of blocks.",
	"prometheus_tsdb_compactions_failed_total":                 "Compactions that failed; samples stay where they are.",
	"prometheus_tsdb_head_truncations_failed_total":            "Times the head could not be cut after its samples went to a block.",
	"prometheus_tsdb_checkpoint_creations_failed_total":        "Times the write-ahead log could not be shortened.",
	"prometheus_tsdb_reloads_failures_total":                   "Times the blocks on disk could not be read anew.",
	"prometheus_tsdb_wal_corruptions_total":                    "Damaged places in the write-ahead log; samples behind them were lost.",
	"prometheus_tsdb_mmap_chunk_corruptions_total":             "Damaged chunk files of the head; samples in them were lost.",
	"prometheus_tsdb_wal_replay_unknown_refs_total":            "Records in the write-ahead log without their series; their samples were lost.",
	"prometheus_tsdb_wbl_replay_unknown_refs_total":            "Records in the log of late samples without their series; their samples were lost.",
	"prometheus_tsdb_wal_writes_failed_total":                  "Failed writes to the write-ahead log.",
	"prometheus_tsdb_out_of_order_wbl_writes_failed_total":     "Failed writes to the TSDB's own log of late samples.",
	"prometheus_tsdb_head_out_of_order_samples_appended_total": "Samples that came late and were stored.",
}

// picked is the registry that the TSDB sees. It keeps the watched counters,
// drops the others, and gives what it kept to the outside under our names.
type picked struct {
	kept  *prometheus.Registry
	descs map[string]*prometheus.Desc
}

func newPicked() *picked {
	p := &picked{kept: prometheus.NewRegistry(), descs: map[string]*prometheus.Desc{}}
	for name, help := range watched {
		p.descs[name] = prometheus.NewDesc("thongsuot_store_"+strings.TrimPrefix(name, "prometheus_"), help, nil, nil)
	}
	return p
}

// Register keeps c when it is one of the watched counters.
func (p *picked) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc, 16)
	go func() {
		c.Describe(descs)
		close(descs)
	}()
	keep := false
	for d := range descs {
		// A Desc tells its name only as Desc{fqName: "…", …}.
		name, _, _ := strings.Cut(strings.TrimPrefix(d.String(), `Desc{fqName: "`), `"`)
		_, known := p.descs[name]
		keep = keep || known
	}
	if !keep {
		return nil
	}
	return p.kept.Register(c)
}

// MustRegister is Register for several; it panics on an error.
func (p *picked) MustRegister(cs ...prometheus.Collector) {
	for _, c := range cs {
		if err := p.Register(c); err != nil {
			panic(err)
		}
	}
}

// Unregister forgets c.
func (p *picked) Unregister(c prometheus.Collector) bool { return p.kept.Unregister(c) }

// values is every kept counter by its name in the TSDB, summed over its labels.
func (p *picked) values() (map[string]float64, error) {
	families, err := p.kept.Gather()
	if err != nil {
		return nil, err
	}
	values := make(map[string]float64, len(families))
	for _, f := range families {
		for _, m := range f.GetMetric() {
			values[f.GetName()] += m.GetCounter().GetValue()
		}
	}
	return values, nil
}

// Describe implements prometheus.Collector.
func (p *picked) Describe(out chan<- *prometheus.Desc) {
	for _, d := range p.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (p *picked) Collect(out chan<- prometheus.Metric) {
	values, err := p.values()
	if err != nil {
		return // a counter of the TSDB cannot fail to be read
	}
	for name, v := range values {
		if d, ok := p.descs[name]; ok {
			out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
		}
	}
}
