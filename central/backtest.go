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
	"thongsuot/alerting"
	"thongsuot/incident"
	"thongsuot/ledger"
	"thongsuot/registry"
)

// Backtest is what other rules would have made of a stretch of history.
type Backtest struct {
	From      time.Time       `json:"from"`
	To        time.Time       `json:"to"`
	Sites     int             `json:"sites"`     // with history
	Base      int             `json:"base"`      // incidents with the present rules
	Other     int             `json:"other"`     // with the other ones
	Added     []Found         `json:"added"`     // by the other rules alone
	Removed   []Found         `json:"removed"`   // by the present rules alone
	Changed   []Changed       `json:"changed"`   // by both, and not the same
	Messages  []MessageCounts `json:"messages"`  // that each receiver would have got
	OnRecord  int             `json:"on_record"` // incidents that the centre recorded then
	Unmatched int             `json:"unmatched"` // of those, how many the present rules do not find in this history
	Notes     []string        `json:"notes"`     // what the history cannot show
}

// Found is an incident of a replay.
type Found struct {
	Incident string           `json:"incident"`
	Site     string           `json:"site,omitempty"`
	Region   thongsuot.Region `json:"region,omitzero"`
	Start    time.Time        `json:"start"`
	End      time.Time        `json:"end,omitzero"` // zero: it goes on
	Told     time.Time        `json:"told"`         // when the centre came to it
	State    thongsuot.State  `json:"state"`        // the worst
	Cause    thongsuot.Cause  `json:"cause"`        // the last
}

// Changed is an incident that both rules find.
type Changed struct {
	Base  Found `json:"base"`
	Other Found `json:"other"`
	Delay int64 `json:"delay_seconds"` // the other rules told it so much later
}

// MessageCounts are the messages that call a receiver.
type MessageCounts struct {
	Receiver string `json:"receiver"`
	Base     int    `json:"base"`
	Other    int    `json:"other"`
}

// backtestNotes say what stored history cannot show.
func backtestNotes() []string {
	return []string{
		"single beats are not stored; silences are, from the day on which the centre began to store beat_gap_seconds; before it a silence is a stretch of 3 minutes without results",
		"results count as arrived when they were measured, or one second after the return where the site was silent",
		"the registry and the announced windows of today hold for all of the time; texts such as certificates' names and reasons of stops are not stored",
		"what the engine had learned before the first day (usual delays, runs that healed, evenings off) is learned anew: give it a week before the days that count",
		"messages are counted by the rules of alerting without the budget of a day, and without the answers of people",
	}
}

// RunBacktest replays the history of [from, to) with the rules of cfg and with
// other, and compares. It reads the store and the ledger and writes nothing.
func RunBacktest(ctx context.Context, cfg Config, other incident.Config, from, to time.Time, log *slog.Logger) (Backtest, error) {
	if !from.Before(to) {
		return Backtest{}, fmt.Errorf("backtest: begins at %s, not before it ends at %s", from, to)
	}
	if err := other.Validate(); err != nil {
		return Backtest{}, err
	}
	zone, err := time.LoadLocation(cfg.Zone)
	if err != nil {
		return Backtest{}, fmt.Errorf("zone: %w", err)
	}
	reg, err := registry.Load(zone, cfg.Registry...)
	if err != nil {
		return Backtest{}, err
	}
	if cfg.Store.Dir == "" {
		cfg.Store.Dir = filepath.Join(cfg.DataDir, storeName)
	}
	st, err := openSamples(cfg, log, prometheus.NewRegistry())
	if err != nil {
		return Backtest{}, fmt.Errorf("%w (a running centre holds its store: make a copy with the command backup, restore it elsewhere, and name that with -data)", err)
	}
	defer st.Close()
	l, err := ledger.Open(filepath.Join(cfg.DataDir, ledgerName))
	if err != nil {
		return Backtest{}, err
	}
	defer l.Close()
	return compareRules(ctx, cfg, other, reg, st, l, from, to)
}

func compareRules(ctx context.Context, cfg Config, other incident.Config, reg *registry.Registry, st samples, l *ledger.Ledger, from, to time.Time) (Backtest, error) {
	b := Backtest{From: from, To: to, Notes: backtestNotes()}
	base, sites, err := replay(ctx, cfg.Incident, reg, st, from, to)
	if err != nil {
		return b, err
	}
	next, _, err := replay(ctx, other, reg, st, from, to)
	if err != nil {
		return b, err
	}
	recorded, err := l.Incidents(ctx, "", from, to, 1_000_000)
	if err != nil {
		return b, err
	}
	b.Sites = sites
	b.compare(found(base), found(next))
	b.check(recorded, found(base))
	b.count(cfg.Alerting, reg, base, next)
	return b, nil
}

// replay runs the engine over the history and returns what it came to, and when.
func replay(ctx context.Context, rules incident.Config, reg *registry.Registry, st samples, from, to time.Time) (told []alerting.Told, sites int, err error) {
	e, err := incident.New(rules, from)
	if err != nil {
		return nil, 0, err
	}
	e.SetSites(reg.Sites(), reg.InOfficeHours, from)
	e.SetPlan(reg.Windows)
	h, err := newHistory(ctx, st, rules, e.Codes(), from, to)
	if err != nil {
		return nil, 0, err
	}
	for _, p := range h.sites {
		if len(p.minutes) > 0 {
			sites++
		}
	}
	take := func(cs []thongsuot.Change, at time.Time) {
		for _, c := range cs {
			told = append(told, alerting.Told{Change: c, At: at})
		}
	}
	now := from
	for begin := from; begin.Before(to); begin = begin.Add(chunk) {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		obs, err := h.observations(ctx, begin)
		if err != nil {
			return nil, 0, err
		}
		end := begin.Add(chunk)
		if end.After(to) {
			end = to
		}
		for now.Before(end) {
			for len(obs) > 0 && !obs[0].At.After(now) {
				take(e.Observe(obs[0]), now)
				obs = obs[1:]
			}
			take(e.Tick(now), now)
			now = now.Add(tickEvery)
		}
		for _, o := range obs {
			take(e.Observe(o), now)
		}
	}
	return told, sites, nil
}

// found are the incidents that people hear of: regional ones, and those that
// are part of none.
func found(told []alerting.Told) []Found {
	byID := map[string]*Found{}
	var order []string
	for _, t := range told {
		in := t.Change.Incident
		f := byID[in.ID]
		if f == nil {
			f = &Found{Incident: in.ID, Site: in.Site, Told: t.At}
			byID[in.ID] = f
			order = append(order, in.ID)
		}
		f.Region, f.Start, f.End, f.State, f.Cause = in.Region, in.Start, in.End, in.Worst, in.Verdict.Cause
		if in.Part != "" {
			f.Told = time.Time{} // its region is told
		}
	}
	var out []Found
	for _, id := range order {
		if f := byID[id]; !f.Told.IsZero() {
			out = append(out, *f)
		}
	}
	return out
}

// slack is by how much the times of one incident may differ in two replays.
const slack = time.Minute

func (f Found) meets(o Found) bool {
	ends := func(f Found) time.Time {
		if f.End.IsZero() {
			return f.Start.Add(100 * 365 * 24 * time.Hour)
		}
		return f.End.Add(slack)
	}
	return f.Site == o.Site && f.Region == o.Region && !f.Start.After(ends(o)) && !o.Start.After(ends(f))
}

func (b *Backtest) compare(base, other []Found) {
	b.Base, b.Other = len(base), len(other)
	left := slices.Clone(other)
	for _, f := range base {
		i := slices.IndexFunc(left, f.meets)
		if i < 0 {
			b.Removed = append(b.Removed, f)
			continue
		}
		o := left[i]
		left = slices.Delete(left, i, i+1)
		if delay := o.Told.Sub(f.Told); delay != 0 || o.Cause != f.Cause || o.State != f.State {
			b.Changed = append(b.Changed, Changed{f, o, int64(delay / time.Second)})
		}
	}
	b.Added = left
}

// check tells how far the history shows what the centre recorded then.
func (b *Backtest) check(recorded []thongsuot.Incident, base []Found) {
	for _, in := range recorded {
		if in.Part != "" || in.Start.Before(b.From) {
			continue
		}
		b.OnRecord++
		f := Found{Site: in.Site, Region: in.Region, Start: in.Start, End: in.End}
		if !slices.ContainsFunc(base, f.meets) {
			b.Unmatched++
		}
	}
}

func (b *Backtest) count(cfg alerting.Config, reg *registry.Registry, base, other []alerting.Told) {
	places := func() alerting.Places { return reg }
	was, is := alerting.Forecast(cfg, places, reg.Zone(), base), alerting.Forecast(cfg, places, reg.Zone(), other)
	names := map[string]bool{}
	for name := range was {
		names[name] = true
	}
	for name := range is {
		names[name] = true
	}
	for name := range names {
		b.Messages = append(b.Messages, MessageCounts{name, was[name], is[name]})
	}
	slices.SortFunc(b.Messages, func(x, y MessageCounts) int {
		if x.Receiver < y.Receiver {
			return -1
		}
		return 1
	})
}
