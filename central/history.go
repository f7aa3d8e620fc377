package central

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"thongsuot"
	"thongsuot/incident"
	"thongsuot/store"
)

// metricBeatGap is stored when a site is heard again: how long it was not, in
// seconds. With it a replay knows every run of beats that did not come, also of
// those that were too short to be told.
const metricBeatGap = "beat_gap_seconds"

// chunk is how much of the history is held in memory at once.
const chunk = 3 * time.Hour

// unspoken is how long a site without any result is taken to have been silent
// where no gap of its beats is on record.
const unspoken = 3 * time.Minute

// history makes observations of what is stored. What the store does not keep it
// cannot show: Notes of a Backtest say what that is.
type history struct {
	store    samples
	cfg      incident.Config
	from, to time.Time
	sites    map[string]*past
	codes    []string
}

// past is what is known of one site on the way through its history.
type past struct {
	code    string
	gaps    []stretch // in which it was not heard, by time
	recent  incident.Beat
	start   uint32
	booted  time.Time
	late    []thongsuot.Result // measured in a gap that is not over yet
	minutes []time.Time        // in which it brought results
}

type stretch struct{ from, to time.Time }

// replayed are the kinds and fields that the engine reads.
var replayedFields = map[thongsuot.ProbeKind][]string{
	thongsuot.ProbeICMP:    {thongsuot.FieldLoss, thongsuot.FieldSent, thongsuot.FieldReceived, thongsuot.FieldRTTMedian},
	thongsuot.ProbeTCP:     {thongsuot.FieldConnect},
	thongsuot.ProbeDNS:     {thongsuot.FieldQuery},
	thongsuot.ProbePortal:  {thongsuot.FieldConnect, thongsuot.FieldTLS, thongsuot.FieldTTFB, thongsuot.FieldTransfer},
	thongsuot.ProbeService: {thongsuot.FieldConnect, thongsuot.FieldTLS, thongsuot.FieldTTFB, thongsuot.FieldTransfer},
	thongsuot.ProbeCaptive: nil,
	thongsuot.ProbeUPS:     {thongsuot.FieldOnBattery, thongsuot.FieldOnline, thongsuot.FieldLowBattery, thongsuot.FieldRuntime},
	thongsuot.ProbeMains:   {thongsuot.FieldOnline, thongsuot.FieldOnBattery},
	thongsuot.ProbeCanary:  {thongsuot.FieldOnline, thongsuot.FieldOnBattery},
	thongsuot.ProbeVoltage: {thongsuot.FieldMeanVolts, thongsuot.FieldVoltsBand},
	thongsuot.ProbeBoot: {thongsuot.FieldUptime, thongsuot.FieldClean, thongsuot.FieldSameBoot, thongsuot.FieldPanic, thongsuot.FieldShutdown,
		thongsuot.FieldSuspended, thongsuot.FieldOnBattery},
	thongsuot.ProbeAgent: {thongsuot.FieldStopping, thongsuot.FieldShutdown, thongsuot.FieldBeatEvery},
}

func newHistory(ctx context.Context, st samples, cfg incident.Config, codes []string, from, to time.Time) (*history, error) {
	h := &history{store: st, cfg: cfg, from: from, to: to, sites: map[string]*past{}, codes: codes}
	for _, code := range codes {
		h.sites[code] = &past{code: code, start: 1}
	}
	gaps, err := st.Read(ctx, store.Read{Metric: metricBeatGap, From: from, To: to})
	if err != nil {
		return nil, fmt.Errorf("read the gaps of beats: %w", err)
	}
	for _, s := range gaps {
		if p := h.sites[labelOf(s, thongsuot.LabelSite)]; p != nil {
			for _, g := range s.Points {
				p.gaps = append(p.gaps, stretch{g.At.Add(-time.Duration(g.Value * float64(time.Second))), g.At})
			}
		}
	}
	if err := h.findSilence(ctx); err != nil {
		return nil, err
	}
	return h, nil
}

// findSilence adds the stretches without any result, where no gap of beats
// covers them: those of before gaps were stored, and the one that goes on.
func (h *history) findSilence(ctx context.Context) error {
	const day = 5 * 24 * time.Hour
	for from := h.from; from.Before(h.to); from = from.Add(day) {
		to := from.Add(day)
		if to.After(h.to) {
			to = h.to
		}
		for _, kind := range []thongsuot.ProbeKind{thongsuot.ProbeICMP, thongsuot.ProbeBoot} {
			series, err := h.store.Read(ctx, store.Read{Metric: string(kind) + "_ok", From: from.Add(time.Minute), To: to, Step: time.Minute, Fold: store.FoldCount})
			if err != nil {
				return fmt.Errorf("read when results came: %w", err)
			}
			for _, s := range series {
				if p := h.sites[labelOf(s, thongsuot.LabelSite)]; p != nil {
					for _, point := range s.Points {
						p.minutes = append(p.minutes, point.At)
					}
				}
			}
		}
	}
	for _, p := range h.sites {
		p.addSilence(h.to)
	}
	return nil
}

func (p *past) addSilence(to time.Time) {
	slices.SortFunc(p.minutes, time.Time.Compare)
	known := slices.Clone(p.gaps)
	add := func(from, to time.Time) {
		covered := slices.ContainsFunc(known, func(g stretch) bool { return g.from.Before(to) && from.Before(g.to) })
		if to.Sub(from) > unspoken && !covered {
			p.gaps = append(p.gaps, stretch{from, to})
		}
	}
	for i := 1; i < len(p.minutes); i++ {
		add(p.minutes[i-1], p.minutes[i].Add(-time.Minute))
	}
	if n := len(p.minutes); n > 0 && to.Sub(p.minutes[n-1]) > unspoken {
		add(p.minutes[n-1], to.Add(time.Hour)) // still silent at the end
	}
	slices.SortFunc(p.gaps, func(a, b stretch) int { return a.from.Compare(b.from) })
}

// observations are those of [from, from+chunk), in order.
func (h *history) observations(ctx context.Context, from time.Time) ([]incident.Observation, error) {
	to := from.Add(chunk)
	if to.After(h.to) {
		to = h.to
	}
	bySite := map[string][]thongsuot.Result{}
	for kind, fields := range replayedFields {
		if err := h.results(ctx, kind, fields, from, to, bySite); err != nil {
			return nil, err
		}
	}
	var out []incident.Observation
	for _, code := range h.codes {
		p := h.sites[code]
		if len(p.minutes) > 0 {
			out = append(out, p.says(bySite[code], from, to, h.cfg)...)
		}
	}
	slices.SortStableFunc(out, func(a, b incident.Observation) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Site, b.Site))
	})
	return out, nil
}

// results puts the results of one kind together from their fields.
func (h *history) results(ctx context.Context, kind thongsuot.ProbeKind, fields []string, from, to time.Time, bySite map[string][]thongsuot.Result) error {
	type key struct {
		site, probe, target, line string
		at                        int64
	}
	found := map[key]*thongsuot.Result{}
	var order []key
	for _, field := range slices.Concat([]string{thongsuot.FieldReasonCode, thongsuot.FieldRuns, thongsuot.FieldClockError}, fields) {
		series, err := h.store.Read(ctx, store.Read{Metric: string(kind) + "_" + field, From: from.Add(-time.Millisecond), To: to.Add(-time.Millisecond)})
		if err != nil {
			return fmt.Errorf("read %s_%s: %w", kind, field, err)
		}
		for _, s := range series {
			k := key{site: labelOf(s, thongsuot.LabelSite), probe: labelOf(s, thongsuot.LabelProbe), target: labelOf(s, thongsuot.LabelTarget), line: labelOf(s, thongsuot.LabelLine)}
			if h.sites[k.site] == nil {
				continue
			}
			for _, point := range s.Points {
				k.at = point.At.UnixMilli()
				r := found[k]
				switch {
				case field == thongsuot.FieldReasonCode:
					found[k] = &thongsuot.Result{Probe: k.probe, Kind: kind, Line: k.line, Target: k.target, At: point.At, Reason: thongsuot.ReasonOf(int(point.Value))}
					order = append(order, k)
				case r != nil:
					r.Fields = append(r.Fields, thongsuot.Field{Name: field, Value: point.Value})
				}
			}
		}
	}
	for _, k := range order {
		bySite[k.site] = append(bySite[k.site], *found[k])
	}
	return nil
}

func labelOf(s store.Series, name string) string {
	for _, l := range s.Labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// gapAt is the stretch of silence that covers t.
func (p *past) gapAt(t time.Time) (stretch, bool) {
	for _, g := range p.gaps {
		if t.After(g.from) && t.Before(g.to) {
			return g, true
		}
	}
	return stretch{}, false
}

// says is what reached the centre of one site in [from, to): beats where it was
// heard, results when they were measured, or at its return.
func (p *past) says(rs []thongsuot.Result, from, to time.Time, cfg incident.Config) (out []incident.Observation) {
	slices.SortStableFunc(rs, func(a, b thongsuot.Result) int { return a.At.Compare(b.At) })
	pace := cfg.Beat
	beat := func(at time.Time) {
		b := p.recent
		out = append(out, incident.Observation{Site: p.code, At: at, Start: p.start, Beat: &b})
	}
	at := from
	beats := func(until time.Time) { // up to until, so that the last one is there
		if first := p.minutes[0].Add(-time.Minute); at.Before(first) {
			at = first
		}
		for !at.After(until) {
			if g, silent := p.gapAt(at); silent {
				at = g.to
				continue
			}
			end := until
			for _, g := range p.gaps {
				if !g.from.Before(at) && g.from.Before(end) {
					end = g.from
					break
				}
			}
			b := p.recent
			last := end
			if n := end.Sub(at) / pace; n > 0 {
				out = append(out, incident.Observation{Site: p.code, At: end.Add(-n * pace), Start: p.start, Beat: &b, Every: pace, Until: last})
			} else {
				beat(end)
			}
			at = end.Add(time.Millisecond)
		}
	}
	for i := 0; i < len(rs); {
		j := i
		for j < len(rs) && rs[j].At.Equal(rs[i].At) {
			j++
		}
		batch := rs[i:j]
		i = j
		heardAt := batch[0].At
		g, silent := p.gapAt(heardAt)
		before, start := p.recent, p.start
		if p.learn(batch) {
			after, next := p.recent, p.start
			p.recent, p.start = before, start
			beats(heardAt.Add(-time.Millisecond)) // as it was until then
			if p.recent, p.start = after, next; !silent {
				beat(heardAt) // the agent says so at once
				at = heardAt.Add(time.Millisecond)
			}
		}
		if silent {
			p.late = append(p.late, batch...)
			if g.to.Before(to) && (i == len(rs) || !rs[i].At.Before(g.to)) {
				out = append(out, p.brings(g.to))
			}
			continue
		}
		if len(p.late) > 0 {
			out = append(out, p.brings(heardAt))
		}
		out = append(out, incident.Observation{Site: p.code, At: heardAt, Start: p.start, Boot: p.boot(), Results: batch})
	}
	beats(to.Add(-time.Millisecond))
	return out
}

// brings is what a site brings back at its return.
func (p *past) brings(at time.Time) incident.Observation {
	o := incident.Observation{Site: p.code, At: at.Add(time.Second), Start: p.start, Boot: p.boot(), Results: p.late}
	p.late = nil
	return o
}

func (p *past) boot() string {
	if p.booted.IsZero() {
		return ""
	}
	return p.booted.UTC().Format(time.RFC3339)
}

// learn follows what results say of starts and of power, and tells whether
// beats are others from then on.
func (p *past) learn(rs []thongsuot.Result) bool {
	was, start := p.recent, p.start
	for _, r := range rs {
		is := func(name string) bool { v, _ := r.Field(name); return v == 1 }
		switch r.Kind {
		case thongsuot.ProbeBoot:
			p.learnBoot(r)
		case thongsuot.ProbeAgent:
			if is(thongsuot.FieldStopping) {
				p.recent.Stopping, p.recent.ShuttingDown = true, is(thongsuot.FieldShutdown)
			}
		case thongsuot.ProbeUPS, thongsuot.ProbeMains, thongsuot.ProbeCanary:
			if !r.OK() {
				continue
			}
			online, told := r.Field(thongsuot.FieldOnline)
			battery := is(thongsuot.FieldOnBattery) || told && online == 0
			runtime, _ := r.Field(thongsuot.FieldRuntime)
			p.recent.OnBattery, p.recent.MainsPresent, p.recent.LowBattery = battery, !battery, is(thongsuot.FieldLowBattery)
			p.recent.Canary, p.recent.Runtime = r.Kind == thongsuot.ProbeCanary, time.Duration(runtime*float64(time.Second))
		}
	}
	was.Runtime = p.recent.Runtime
	return was != p.recent || start != p.start
}

// bootTolerance is by how much the time of a boot may seem to move.
const bootTolerance = 90 * time.Second

func (p *past) learnBoot(r thongsuot.Result) {
	_, started := r.Field(thongsuot.FieldClean)
	if uptime, ok := r.Field(thongsuot.FieldUptime); ok {
		booted := r.At.Add(-time.Duration(uptime * float64(time.Second)))
		if booted.Sub(p.booted).Abs() > bootTolerance {
			started = started || !p.booted.IsZero()
			p.booted = booted
		}
	}
	if started {
		p.start++
		p.recent.Stopping, p.recent.ShuttingDown = false, false
	}
}
