package reports

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"thongsuot"
)

const (
	// monthHours are the office hours of a month: 22 days of 8.
	monthHours = 176
	// steady is how many events the province's mean length counts for beside a
	// site's own.
	steady = 5
	// top is the length of the list that planners start from.
	top = 10
	// firm is the share of method variants in which a site stays in the top to
	// be called firm.
	firm = .8
)

// Ranked is a site's place in the ranking by expected lost service hours.
type Ranked struct {
	Account     *Account
	Events      int
	Raw         float64 // lost hours a month, as observed
	Hours       float64 // lost hours a month to be expected, shrunk to the province's mean
	Low, High   float64 // 90 % interval of it
	Weight      float64
	Place       int
	First, Last int     // 90 % range of the place
	Top         float64 // probability to be among the worst ten
	Variants    float64 // share of the variants of the method in which it is among the worst ten
}

// Firm reports whether its place among the worst ten does not hang on the
// choices of the method.
func (r Ranked) Firm() bool { return r.Variants >= firm }

// Unranked is a site that is not ranked, and why.
type Unranked struct {
	Account *Account
	Why     string
}

// Ranking is who loses most, with how sure that is.
type Ranking struct {
	Ranked   []Ranked // by place
	Unranked []Unranked
	Mean     float64 // events a month of office time, over all
	Length   float64 // hours an event
}

// own reports whether a cause is the unit's own affair, and not that of the
// portal, of our programs or of nobody.
func own(c thongsuot.Cause) bool {
	switch c {
	case thongsuot.CausePower, thongsuot.CauseLAN, thongsuot.CauseAccess, thongsuot.CauseUpstream, thongsuot.CauseUnknown:
		return true
	default:
		return false
	}
}

// variant is one choice of the method.
type variant struct {
	degraded float64 // weight
	planned  bool    // counted too
	unknown  bool    // counted too
}

func variants() (out []variant) {
	for _, f := range []float64{0, .5, 1} {
		for _, planned := range []bool{true, false} {
			for _, unknown := range []bool{true, false} {
				out = append(out, variant{f, planned, unknown})
			}
		}
	}
	return out
}

// tally is what the ranking knows of a site.
type tally struct {
	events   float64
	hours    float64
	exposure float64 // months of observed office time
}

func (v variant) tally(a *Account) tally {
	t := tally{exposure: a.OfficeSeen.Hours() / monthHours}
	for _, e := range a.Events {
		lost := e.Down + time.Duration(v.degraded*float64(e.Degraded))
		if !own(e.Cause) || e.Planned && !v.planned || e.Cause == thongsuot.CauseUnknown && !v.unknown || lost == 0 {
			continue
		}
		t.events++
		t.hours += lost.Hours()
	}
	return t
}

// Rank ranks the accounts that can be. Counts are Poisson with a Gamma prior
// over the sites, fitted by moments; lengths are drawn towards the mean of all
// as if steady more events of that length had been seen. Intervals come from
// draws out of both posteriors; the seed makes them the same each time.
func Rank(accounts []Account, cfg Config) Ranking {
	var r Ranking
	var fit []*Account
	for i := range accounts {
		a := &accounts[i]
		if why := notRanked(a, cfg); why != "" {
			r.Unranked = append(r.Unranked, Unranked{a, why})
			continue
		}
		fit = append(fit, a)
	}
	if len(fit) == 0 {
		return r
	}
	weights := weigh(fit, cfg.Weight)
	m := newModel(fit, variant{cfg.DegradedWeight, true, true})
	r.Mean, r.Length = m.mean, m.length
	stays := make([]float64, len(fit))
	for _, v := range variants() {
		expected := newModel(fit, v).expected()
		for i, place := range places(expected, weights) {
			if place <= top {
				stays[i] += 1 / float64(len(variants()))
			}
		}
	}
	expected := m.expected()
	place := places(expected, weights)
	d := m.draw(weights, cfg)
	for i, a := range fit {
		t := m.tallies[i]
		r.Ranked = append(r.Ranked, Ranked{
			Account: a, Events: int(t.events), Raw: t.hours / t.exposure, Hours: expected[i], Weight: weights[i], Place: place[i],
			Low: quantile(d.hours[i], .05), High: quantile(d.hours[i], .95),
			First: int(quantile(d.place[i], .05)), Last: int(quantile(d.place[i], .95)),
			Top: d.top[i] / float64(cfg.Draws), Variants: stays[i],
		})
	}
	slices.SortFunc(r.Ranked, func(a, b Ranked) int { return cmp.Compare(a.Place, b.Place) })
	return r
}

func notRanked(a *Account, cfg Config) string {
	switch c := a.Coverage(); {
	case a.Office == 0:
		return "không có giờ hành chính trong kỳ"
	case !(c >= cfg.MinCoverage):
		return "chưa đủ dữ liệu: tỷ lệ dữ liệu thu được " + percent(c) + ", cần " + percent(cfg.MinCoverage)
	case a.Days < cfg.MinDays:
		return "chưa đủ dữ liệu: mới theo dõi " + whole(a.Days) + " ngày, cần " + whole(cfg.MinDays)
	default:
		return ""
	}
}

// weigh gives each site its weight.
func weigh(accounts []*Account, by Weight) []float64 {
	out := make([]float64, len(accounts))
	var known []float64
	for i, a := range accounts {
		switch by {
		case WeightRegistry:
			out[i] = a.Site.Weight
		case WeightPopulation:
			out[i] = float64(a.Site.Population) / 1000
		}
		if out[i] > 0 {
			known = append(known, out[i])
		}
	}
	rest := 1.
	if by == WeightPopulation && len(known) > 0 {
		slices.Sort(known)
		rest = quantile(known, .5)
	}
	for i := range out {
		if out[i] <= 0 {
			out[i] = rest
		}
	}
	return out
}

// model is the fitted prior with what each site showed.
type model struct {
	tallies []tally
	a, b    float64 // of the Gamma prior of events a month
	mean    float64 // events a month over all
	length  float64 // hours an event over all
}

func newModel(accounts []*Account, v variant) model {
	m := model{}
	var all tally
	for _, a := range accounts {
		t := v.tally(a)
		m.tallies = append(m.tallies, t)
		all.events, all.hours, all.exposure = all.events+t.events, all.hours+t.hours, all.exposure+t.exposure
	}
	m.mean = all.events / all.exposure
	if all.events > 0 {
		m.length = all.hours / all.events
	}
	// Moments: the spread of the observed rates is that of the true ones and
	// that of counting, mean / exposure.
	var spread, counting float64
	for _, t := range m.tallies {
		d := t.events/t.exposure - m.mean
		spread += d * d
		counting += m.mean / t.exposure
	}
	n := float64(len(m.tallies))
	// Never so sure that all sites are alike that one's own events say nothing.
	between := max((spread-counting)/max(1, n-1), m.mean*m.mean/100, 1e-12)
	m.a, m.b = m.mean*m.mean/between, m.mean/between
	return m
}

// rate and hours are the posterior means of one site.
func (m model) rate(t tally) float64 { return (m.a + t.events) / (m.b + t.exposure) }

func (m model) hours(t tally) float64 { return (t.hours + steady*m.length) / (t.events + steady) }

func (m model) expected() []float64 {
	out := make([]float64, len(m.tallies))
	for i, t := range m.tallies {
		out[i] = m.rate(t) * m.hours(t)
	}
	return out
}

// drawn is what the draws gave, sorted, by site.
type drawn struct {
	hours, place [][]float64
	top          []float64
}

func (m model) draw(weights []float64, cfg Config) drawn {
	rng := rand.New(rand.NewPCG(cfg.Seed, cfg.Seed))
	n := len(m.tallies)
	d := drawn{make([][]float64, n), make([][]float64, n), make([]float64, n)}
	one := make([]float64, n)
	for range cfg.Draws {
		for i, t := range m.tallies {
			events := gamma(rng, m.a+t.events) / (m.b + t.exposure)
			shape := t.events + steady // lengths of events scatter as much as they are long
			one[i] = events * m.hours(t) * gamma(rng, shape) / shape
			d.hours[i] = append(d.hours[i], one[i])
		}
		for i, p := range places(one, weights) {
			d.place[i] = append(d.place[i], float64(p))
			if p <= top {
				d.top[i]++
			}
		}
	}
	for i := range n {
		slices.Sort(d.hours[i])
		slices.Sort(d.place[i])
	}
	return d
}

// places are the ranks, 1 for the most; equals stand in their order.
func places(hours, weights []float64) []int {
	order := make([]int, len(hours))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(hours[b]*weights[b], hours[a]*weights[a]) })
	out := make([]int, len(hours))
	for p, i := range order {
		out[i] = p + 1
	}
	return out
}

// quantile of sorted values: the nearest one.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[min(len(sorted)-1, int(math.Round(q*float64(len(sorted)-1))))]
}

// gamma draws from a Gamma distribution of scale 1 (Marsaglia and Tsang 2000).
func gamma(rng *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(rng, shape+1) * math.Pow(rng.Float64(), 1/max(shape, 1e-9))
	}
	d := shape - 1./3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := (1 + c*x) * (1 + c*x) * (1 + c*x)
		if v > 0 && math.Log(rng.Float64()) < .5*x*x+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
