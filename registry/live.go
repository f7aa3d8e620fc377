package registry

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
)

// Live is the registry of a running program: the newest good one, seen today.
// All methods may be called at any time from any goroutine.
type Live struct {
	log  *slog.Logger
	zone *time.Location
	dirs []string

	ok prometheus.Gauge
	at prometheus.Gauge

	reload  sync.Mutex // one reload at a time
	current atomic.Pointer[Registry]
}

// OpenLive loads the registry and registers its metrics. The first load must
// succeed; its error is returned and not logged.
func OpenLive(log *slog.Logger, reg prometheus.Registerer, zone *time.Location, dirs ...string) (*Live, error) {
	l := &Live{
		log:  log,
		zone: zone,
		dirs: dirs,
		ok: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "thongsuot_registry_reload_ok",
			Help: "1 when the last reading of the registry was accepted, 0 when it was refused and the one before it is still in use.",
		}),
		at: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "thongsuot_registry_reload_timestamp_seconds",
			Help: "When the registry in use was read, in Unix time.",
		}),
	}
	r, err := Load(zone, dirs...)
	if err != nil {
		return nil, err
	}
	l.accept(r)
	for _, c := range []prometheus.Collector{l.ok, l.at, siteCounts{l}} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the metrics of the registry: %w", err)
		}
	}
	return l, nil
}

// Current is the newest good registry, seen on today's date in its zone.
func (l *Live) Current() *Registry {
	r := l.current.Load()
	today := thongsuot.DayOf(time.Now().In(l.zone))
	if r.day == today {
		return r
	}
	next := r.At(today)
	if l.current.CompareAndSwap(r, next) {
		return next
	}
	return l.current.Load() // a reload or another reader was first
}

// Reload reads the files again. When they are refused the registry in use
// stays, the metric says so, and the faults are both logged and returned.
func (l *Live) Reload() error {
	l.reload.Lock()
	defer l.reload.Unlock()
	r, err := Load(l.zone, l.dirs...)
	if err != nil {
		l.ok.Set(0)
		l.log.Error("registry refused, the last good one stays in use", "error", err)
		return fmt.Errorf("reload registry: %w", err)
	}
	l.accept(r)
	return nil
}

// watchEvery is how often files are looked at for a change.
const watchEvery = 5 * time.Second

// Watch reads the files again once they changed and then stood still from one
// look to the next, until ctx ends. What is refused is tried again when it
// changes again. taken is called after each that was accepted.
func (l *Live) Watch(ctx context.Context, taken func()) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	read := l.look()
	for last := read; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := l.look()
		if now == last && now != read {
			read = now
			if l.Reload() == nil { // it has logged why not
				taken()
			}
		}
		last = now
	}
}

// look is how the files look: names, sizes and times of change.
func (l *Live) look() string {
	var b strings.Builder
	for _, dir := range l.dirs {
		entries, err := os.ReadDir(dir)
		fmt.Fprintln(&b, dir, err)
		for _, e := range entries {
			ext := strings.ToLower(filepath.Ext(e.Name()))
			if info, err := e.Info(); err == nil && (ext == ".csv" || ext == calendarExt) {
				fmt.Fprintln(&b, e.Name(), info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return b.String()
}

func (l *Live) accept(r *Registry) {
	now := time.Now()
	l.current.Store(r.At(thongsuot.DayOf(now.In(l.zone))))
	l.ok.Set(1)
	l.at.Set(float64(now.Unix()))
	l.log.Info("registry loaded", "sites", len(l.Current().sites), "dirs", l.dirs)
}

// siteCounts counts the sites of today at each scrape.
type siteCounts struct{ live *Live }

var siteCountDesc = prometheus.NewDesc("thongsuot_registry_sites", "Sites in the registry today.", []string{"kind", "status"}, nil)

// Describe implements prometheus.Collector.
func (siteCounts) Describe(ch chan<- *prometheus.Desc) { ch <- siteCountDesc }

// Collect implements prometheus.Collector.
func (c siteCounts) Collect(ch chan<- prometheus.Metric) {
	type key struct {
		kind   thongsuot.SiteKind
		status thongsuot.SiteStatus
	}
	counts := map[key]int{}
	for _, s := range c.live.Current().sites {
		counts[key{s.Kind, s.Status}]++
	}
	for _, kind := range thongsuot.SiteKinds() {
		for _, status := range []thongsuot.SiteStatus{thongsuot.StatusActive, thongsuot.StatusNotInstalled} {
			ch <- prometheus.MustNewConstMetric(siteCountDesc, prometheus.GaugeValue,
				float64(counts[key{kind, status}]), string(kind), string(status))
		}
	}
}
