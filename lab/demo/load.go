package demo

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/lab/sim"
	"thongsuot/store"
)

// Paces of the history: what the longest chart can show of it, finer for the
// last day, and a minute around faults, so that no line crosses an outage.
const (
	coarse  = 15 * time.Minute
	fine    = 5 * time.Minute
	closeUp = time.Minute
	recent  = 26 * time.Hour
)

// load puts the history of the sites in [from, to) into a new store and tells
// how many samples that were.
func load(ctx context.Context, cfg store.Config, log *slog.Logger, sites []sim.Site, from, to time.Time) (loaded int, err error) {
	st, err := store.Open(cfg, log, prometheus.NewRegistry())
	if err != nil {
		return 0, err
	}
	defer func() {
		if cerr := st.Close(); err == nil {
			err = cerr
		}
	}()
	// One goroutine makes samples, the other stores them.
	made, stop := context.WithCancel(ctx)
	defer stop()
	batches := make(chan []thongsuot.Sample, 4)
	go func() {
		defer close(batches)
		l := newLoader(sites, to)
		for at := from.Truncate(coarse); at.Before(to) && made.Err() == nil; at = at.Add(coarse) {
			select {
			case batches <- l.samples(at, min(coarse, to.Sub(at)), to):
			case <-made.Done():
			}
		}
	}()
	for batch := range batches {
		refused, err := st.Append(ctx, batch)
		if err != nil {
			return loaded, fmt.Errorf("history: %w", err)
		}
		if refused > 0 {
			return loaded, fmt.Errorf("history: the store refused %d of %d samples", refused, len(batch))
		}
		loaded += len(batch)
	}
	return loaded, ctx.Err()
}

// loader turns results into the samples that the centre would make of them.
type loader struct {
	sites   []sim.Site
	windows [][]window
	labels  map[series][]thongsuot.Label
	metrics map[measure]string
}

type series struct{ site, probe string }

type measure struct {
	kind  thongsuot.ProbeKind
	field string
}

func newLoader(sites []sim.Site, to time.Time) *loader {
	l := &loader{sites: sites, labels: map[series][]thongsuot.Label{}, metrics: map[measure]string{}}
	for _, s := range sites {
		l.windows = append(l.windows, windows(s.Faults(), to))
	}
	return l
}

// samples are those of all sites in [at, at+span).
func (l *loader) samples(at time.Time, span time.Duration, now time.Time) (out []thongsuot.Sample) {
	out = make([]thongsuot.Sample, 0, len(l.sites)*32)
	for i, s := range l.sites {
		pace := coarse
		if now.Sub(at) < recent {
			pace = fine
		}
		if slices.ContainsFunc(l.windows[i], func(w window) bool { return w.from.Before(at.Add(span)) && w.to.After(at) }) {
			pace = closeUp
		}
		for d := time.Duration(0); d < span; d += pace {
			for _, r := range s.Results(at.Add(d)) {
				out = l.add(out, s.Code, r)
			}
		}
	}
	return out
}

// charted are the fields of the history: those that pages draw.
func charted(kind thongsuot.ProbeKind, field string) bool {
	switch field {
	case thongsuot.FieldSent, thongsuot.FieldReceived, thongsuot.FieldJitter, thongsuot.FieldAnswers, thongsuot.FieldStatusCode,
		thongsuot.FieldOnline, thongsuot.FieldLowBattery, thongsuot.FieldRuntime, thongsuot.FieldLoad:
		return false
	default:
		return kind != thongsuot.ProbeBoot
	}
}

func (l *loader) add(out []thongsuot.Sample, site string, r thongsuot.Result) []thongsuot.Sample {
	if !charted(r.Kind, "") {
		return out
	}
	labels, ok := l.labels[series{site, r.Probe}]
	if !ok {
		labels = []thongsuot.Label{
			{Name: thongsuot.LabelProbe, Value: r.Probe}, {Name: thongsuot.LabelSite, Value: site}, {Name: thongsuot.LabelTarget, Value: r.Target},
		}
		l.labels[series{site, r.Probe}] = labels
	}
	put := func(field string, v float64) {
		out = append(out, thongsuot.Sample{Metric: l.metric(r.Kind, field), Labels: labels, At: r.At, Value: v})
	}
	good := 0.0
	if r.OK() {
		good = 1
	}
	put(thongsuot.FieldOK, good)
	put(thongsuot.FieldReasonCode, float64(r.Reason.Code()))
	for _, f := range r.Fields {
		if charted(r.Kind, f.Name) {
			put(f.Name, f.Value)
		}
	}
	return out
}

func (l *loader) metric(kind thongsuot.ProbeKind, field string) string {
	m := measure{kind, field}
	name, ok := l.metrics[m]
	if !ok {
		name = string(kind) + "_" + field
		l.metrics[m] = name
	}
	return name
}
