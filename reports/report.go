package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Report is all that is printed, whatever the format.
type Report struct {
	In       Input
	Config   Config
	Costs    Costs
	Hash     string // of the input and the choices: the same report has the same
	Accounts []Account
	Power    Indices
	Lines    Indices
	Unclear  Indices // of what may be either
	Ranking  Ranking
	Offers   map[string][]Offer // by code of the unit
	Plan     []Step
	Pareto   []Offer
	Portal   Apdex
}

// Make makes a report. progress is told what is done of 1, and may end it by an
// error; nil for none.
func Make(in Input, cfg Config, costs Costs, progress func(share float64) error) (*Report, error) {
	if progress == nil {
		progress = func(float64) error { return nil }
	}
	for name, err := range map[string]error{"report": cfg.Validate(), "costs": costs.Validate()} {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	in.To = earlier(in.To, in.Now)
	if !in.From.Before(in.To) {
		return nil, fmt.Errorf("report: the period %s to %s is empty or not here yet", in.From.Format(time.DateOnly), in.To.Format(time.DateOnly))
	}
	r := &Report{In: in, Config: cfg, Costs: costs, Offers: map[string][]Offer{}}
	r.Accounts = Accounts(in)
	r.Hash = r.hash()
	if err := progress(.5); err != nil {
		return nil, err
	}
	r.indices()
	r.Ranking = Rank(r.Accounts, cfg)
	if err := progress(.8); err != nil {
		return nil, err
	}
	var all []Offer
	for i := range r.Accounts {
		a := &r.Accounts[i]
		r.Portal = r.Portal.Plus(a.Portal)
		offers := Offers(a, costs, cfg)
		r.Offers[a.Site.Code] = offers
		all = append(all, offers...)
	}
	r.Plan = Plan(all, costs.Budget)
	r.Pareto = Pareto(all)
	return r, progress(1)
}

func (r *Report) indices() {
	var power, lines, unclear []Interruption
	over := Exposure{Period: r.In.To.Sub(r.In.From)}
	mains := over
	for _, a := range r.Accounts {
		power, lines, unclear = append(power, a.Power...), append(lines, a.Lines...), append(unclear, a.Unclear...)
		over.Due += a.Due
		over.Observed += a.Seen
		mains.Observed += a.MainsSeen
	}
	over.Customers = float64(over.Due) / float64(over.Period) // units that came or went count for their time
	mains.Customers, mains.Due = over.Customers, over.Due
	r.Power, r.Lines, r.Unclear = IndicesOf(power, mains, r.Config), IndicesOf(lines, over, r.Config), IndicesOf(unclear, over, r.Config)
	zone := r.In.Registry.Zone()
	r.Power.MED, r.Lines.MED = MajorDaysOf(power, over.Customers, zone), MajorDaysOf(lines, over.Customers, zone)
}

// hash is over all that the figures depend on, in one order.
func (r *Report) hash() string {
	h := sha256.New()
	write := func(v any) {
		if err := json.NewEncoder(h).Encode(v); err != nil { // a NaN in a configuration, which Validate refuses
			_, _ = fmt.Fprint(h, v)
		}
	}
	write([]any{r.In.From.UTC(), r.In.To.UTC(), r.In.Place, r.Config, r.Costs})
	for _, a := range r.Accounts {
		write([]any{a.Site, a.Codes})
		hashSpans(h, a.due)
		hashSpans(h, a.office)
	}
	for _, history := range r.In.Histories {
		for _, c := range history {
			v := c.Incident.Verdict
			_, _ = fmt.Fprintf(h, "%s %s %d %d %d %s %s %s %g %t;", c.Key(), c.Kind, c.At.UnixMilli(), c.Incident.Start.UnixMilli(), c.Incident.End.UnixMilli(),
				v.State, v.Cause, v.Sub, v.Confidence, v.Planned)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(r.In.Watch)) {
		w := r.In.Watch[code]
		write(code)
		hashSpans(h, w.Alive)
		hashSpans(h, w.Mains)
		write(w.Portal)
		for _, at := range w.Failed {
			_, _ = fmt.Fprintf(h, "%d,", at.UnixMilli())
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func hashSpans(h io.Writer, spans Spans) {
	for _, s := range spans {
		_, _ = fmt.Fprintf(h, "%d %d;", s.From.UnixMilli(), s.To.UnixMilli())
	}
}
