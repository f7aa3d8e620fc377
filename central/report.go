package central

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/ledger"
	"thongsuot/registry"
	"thongsuot/reports"
	"thongsuot/store"
)

const (
	// watchStep is the grain of coverage: a site is observed in five minutes in
	// which its agent, which speaks of itself each minute, left any sample.
	watchStep = 5 * time.Minute
	// watchSpan and visitSpan bound what one question to the store holds.
	watchSpan = 30 * 24 * time.Hour
	visitSpan = 7 * 24 * time.Hour
)

// reader is what a report asks the store.
type reader interface {
	Read(ctx context.Context, r store.Read) ([]store.Series, error)
}

// ReportInput reads what a report on [from, to) is made of from the data of a
// centre, running or not. progress is told the share that is done, and may end
// it by an error.
func ReportInput(ctx context.Context, cfg Config, choices reports.Config, from, to time.Time, version string, log *slog.Logger, progress func(float64) error) (in reports.Input, err error) {
	zone, err := time.LoadLocation(cfg.Zone)
	if err != nil {
		return in, fmt.Errorf("zone: %w", err)
	}
	in = reports.Input{From: from, To: to, Now: time.Now(), Place: cfg.Name, Version: version}
	if in.Registry, err = registry.Load(zone, cfg.Registry...); err != nil {
		return in, err
	}
	l, err := ledger.OpenReadOnly(filepath.Join(cfg.DataDir, "ledger.db"))
	if err != nil {
		return in, err
	}
	defer l.Close()
	samples, done, err := openForReport(cfg, log)
	if err != nil {
		return in, err
	}
	defer done()
	return gather(ctx, in, choices, l, samples, progress)
}

// openForReport opens the samples without taking them from a running centre.
func openForReport(cfg Config, log *slog.Logger) (_ reader, done func(), err error) {
	if cfg.Engine != engineEmbedded {
		s, err := openSamples(cfg, log, prometheus.NewRegistry())
		if err != nil {
			return nil, nil, err
		}
		return s, func() { _ = s.Close() }, nil // nothing was written
	}
	if cfg.Store.Dir == "" {
		cfg.Store.Dir = filepath.Join(cfg.DataDir, "store")
	}
	s, err := store.OpenReadOnly(cfg.Store, log)
	if err != nil {
		return nil, nil, err
	}
	return s, func() {
		if err := s.Close(); err != nil {
			log.Warn("the view of the store was not closed cleanly", "err", err)
		}
	}, nil
}

// gather fills in what the ledger and the store know of the period.
func gather(ctx context.Context, in reports.Input, choices reports.Config, l *ledger.Ledger, samples reader, progress func(float64) error) (reports.Input, error) {
	until := in.To
	if in.Now.Before(until) {
		until = in.Now
	}
	if !in.From.Before(until) {
		return in, fmt.Errorf("report: the period from %s to %s is empty or not here yet", in.From.Format(time.DateOnly), in.To.Format(time.DateOnly))
	}
	var err error
	if in.Histories, err = l.Histories(ctx, in.From, until); err != nil {
		return in, err
	}
	w := watches{reader: samples, from: in.From, to: until, by: map[string]*reports.Watch{}, apdex: choices.Apdex, progress: progress}
	if err := w.read(ctx, in.Registry); err != nil {
		return in, err
	}
	in.Watch = make(map[string]reports.Watch, len(w.by))
	for code, one := range w.by {
		one.Alive, one.Mains = reports.Join(one.Alive...), reports.Join(one.Mains...)
		slices.SortFunc(one.Failed, time.Time.Compare)
		in.Watch[code] = *one
	}
	return in, nil
}

// watches reads from samples when sites were observed.
type watches struct {
	reader
	from, to time.Time
	by       map[string]*reports.Watch
	apdex    time.Duration
	progress func(float64) error
}

func (w *watches) of(s store.Series) *reports.Watch {
	code := siteOf(s)
	if w.by[code] == nil {
		w.by[code] = &reports.Watch{}
	}
	return w.by[code]
}

func siteOf(s store.Series) string {
	for _, l := range s.Labels {
		if l.Name == thongsuot.LabelSite {
			return l.Value
		}
	}
	return ""
}

func (w *watches) read(ctx context.Context, r *registry.Registry) error {
	ok := func(k thongsuot.ProbeKind) string { return string(k) + "_" + thongsuot.FieldOK }
	for from := w.from; from.Before(w.to); from = from.Add(watchSpan) {
		if err := w.step(from); err != nil {
			return err
		}
		// A probe of power that could not read its source is no knowledge of it.
		for _, q := range []struct {
			kind thongsuot.ProbeKind
			fold store.Fold
			into func(*reports.Watch) *reports.Spans
		}{
			{thongsuot.ProbeAgent, store.FoldCount, func(w *reports.Watch) *reports.Spans { return &w.Alive }},
			{thongsuot.ProbeUPS, store.FoldMax, func(w *reports.Watch) *reports.Spans { return &w.Mains }},
			{thongsuot.ProbeMains, store.FoldMax, func(w *reports.Watch) *reports.Spans { return &w.Mains }},
		} {
			series, err := w.Read(ctx, store.Read{Metric: ok(q.kind), From: from.Add(watchStep), To: earliest(from.Add(watchSpan), w.to.Add(watchStep)), Step: watchStep, Fold: q.fold})
			if err != nil {
				return fmt.Errorf("report: when sites were observed: %w", err)
			}
			for _, s := range series {
				into := q.into(w.of(s))
				for _, p := range s.Points {
					if p.Value > 0 {
						*into = extend(*into, reports.Span{From: p.At.Add(-watchStep), To: p.At})
					}
				}
			}
		}
	}
	for from := w.from; from.Before(w.to); from = from.Add(visitSpan) {
		if err := w.step(from); err != nil {
			return err
		}
		if err := w.visits(ctx, r, from, earliest(from.Add(visitSpan), w.to)); err != nil {
			return err
		}
	}
	return nil
}

func (w *watches) step(at time.Time) error {
	if w.progress == nil {
		return nil
	}
	return w.progress(float64(at.Sub(w.from)) / float64(w.to.Sub(w.from)))
}

// visits reads the answers of the portal in office hours.
func (w *watches) visits(ctx context.Context, r *registry.Registry, from, to time.Time) error {
	read := func(field string, each func(*reports.Watch, store.Point)) error {
		series, err := w.Read(ctx, store.Read{Metric: string(thongsuot.ProbePortal) + "_" + field, From: from, To: to})
		if err != nil {
			return fmt.Errorf("report: answers of the portal: %w", err)
		}
		for _, s := range series {
			site, open := w.of(s), office{registry: r, site: siteOf(s)}
			for _, p := range s.Points {
				if open.at(p.At) {
					each(site, p)
				}
			}
		}
		return nil
	}
	// Only a visit that was answered has a time.
	err := read(thongsuot.FieldOK, func(site *reports.Watch, p store.Point) {
		if p.Value != 1 {
			site.Failed = append(site.Failed, p.At)
		}
	})
	if err != nil {
		return err
	}
	return read(thongsuot.FieldTotal, func(site *reports.Watch, p store.Point) {
		took := time.Duration(p.Value * float64(time.Second))
		if _, failed := slices.BinarySearchFunc(site.Failed, p.At, time.Time.Compare); !failed {
			site.Portal.Count(took, w.apdex)
		}
	})
}

// office knows when a site is open, a day at a time: the points of a series are
// in order.
type office struct {
	registry *registry.Registry
	site     string
	until    time.Time
	sessions []registry.Session
}

func (o *office) at(t time.Time) bool {
	if !t.Before(o.until) {
		day := thongsuot.DayOf(t.In(o.registry.Zone()))
		o.sessions = o.registry.OfficeHours(o.site, day)
		o.until = day.In(o.registry.Zone()).AddDate(0, 0, 1)
	}
	return slices.ContainsFunc(o.sessions, func(s registry.Session) bool { return !t.Before(s.Start) && t.Before(s.End) })
}

// extend adds a span that mostly goes on where the last one ended.
func extend(spans reports.Spans, s reports.Span) reports.Spans {
	if n := len(spans); n > 0 && spans[n-1].To.Equal(s.From) {
		spans[n-1].To = s.To
		return spans
	}
	return append(spans, s)
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
