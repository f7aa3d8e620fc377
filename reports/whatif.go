package reports

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"thongsuot"
)

// Costs are the upgrades that can be bought. All of it is the operator's to
// edit; the report prints it as assumptions.
type Costs struct {
	Rate    float64  `yaml:"rate"`   // interest a year, for spreading what is paid once. Default 0.08
	Budget  float64  `yaml:"budget"` // đồng a year that the plan may cost; 0 for no bound
	Options []Option `yaml:"options"`
}

// Kind says what an upgrade does.
type Kind string

// The kinds of upgrade.
const (
	KindUPS       Kind = "ups"       // carries the counter for so many minutes more
	KindModem     Kind = "modem"     // puts modem and switch behind the UPS that is there
	KindGenerator Kind = "generator" // or sun and battery: carries it through long cuts
	KindFeeder    Kind = "feeder"    // works of the power company
	KindLine      Kind = "line"      // a second line by another carrier
	KindMobile    Kind = "mobile"    // 4G as second line
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{KindUPS, KindModem, KindGenerator, KindFeeder, KindLine, KindMobile}
}

// Option is one upgrade. Shares are of the hours that would have been saved.
type Option struct {
	Name     string  `yaml:"name"`     // for people
	Kind     Kind    `yaml:"kind"`     //
	Minutes  int     `yaml:"minutes"`  // of a UPS
	Share    float64 `yaml:"share"`    // of hours lost to its cause
	Upstream float64 `yaml:"upstream"` // of hours lost to the route of the carrier, for another line
	Capex    float64 `yaml:"capex"`    // đồng, once
	Opex     float64 `yaml:"opex"`     // đồng a year
	Years    int     `yaml:"years"`    // that it lasts
}

// DefaultCosts are examples, so that a report without a file shows how it
// would look; the shares are the design's, the prices nobody's offer.
func DefaultCosts() Costs {
	return Costs{Rate: .08, Options: []Option{
		{Name: "Bộ lưu điện cho thiết bị mạng (30 phút)", Kind: KindUPS, Minutes: 30, Share: 1, Capex: 3e6, Opex: 600e3, Years: 4},
		{Name: "Bộ lưu điện 1 kVA (120 phút)", Kind: KindUPS, Minutes: 120, Share: 1, Capex: 12e6, Opex: 2e6, Years: 5},
		{Name: "Đưa bộ định tuyến vào bộ lưu điện sẵn có", Kind: KindModem, Share: .95, Capex: 300e3, Years: 5},
		{Name: "Máy phát điện hoặc điện mặt trời có lưu trữ", Kind: KindGenerator, Share: .95, Capex: 60e6, Opex: 4e6, Years: 8},
		{Name: "Cải tạo xuất tuyến (ngành điện)", Kind: KindFeeder, Share: .7, Capex: 500e6, Opex: 0, Years: 15},
		{Name: "Đường truyền thứ hai của nhà mạng khác", Kind: KindLine, Share: .9, Upstream: .8, Capex: 2e6, Opex: 3.6e6, Years: 5},
		{Name: "Dự phòng 4G", Kind: KindMobile, Share: .9, Upstream: .8, Capex: 3e6, Opex: 2.4e6, Years: 4},
	}}
}

// Validate names every field that cannot work, with its value.
func (c Costs) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !(c.Rate >= 0 && c.Rate < 1) {
		bad("rate: want 0 to 1 (got %g)", c.Rate)
	}
	if !(c.Budget >= 0) {
		bad("budget: must not be negative (got %g)", c.Budget)
	}
	for i, o := range c.Options {
		at := fmt.Sprintf("options[%d].", i)
		if o.Name == "" {
			bad(`%sname: must be given (got "")`, at)
		}
		if !slices.Contains(Kinds(), o.Kind) {
			bad("%skind: want one of %v (got %q)", at, Kinds(), o.Kind)
		}
		if o.Kind == KindUPS && o.Minutes <= 0 {
			bad("%sminutes: a UPS carries for some (got %d)", at, o.Minutes)
		}
		if !(o.Share > 0 && o.Share <= 1) || !(o.Upstream >= 0 && o.Upstream <= 1) {
			bad("%sshare, upstream: want 0 to 1 (got %g and %g)", at, o.Share, o.Upstream)
		}
		if !(o.Capex >= 0) || !(o.Opex >= 0) || o.Capex+o.Opex == 0 || o.Years < 1 {
			bad("%scapex, opex, years: want costs and a life of at least a year (got %g, %g and %d)", at, o.Capex, o.Opex, o.Years)
		}
	}
	return errors.Join(errs...)
}

// Yearly is what the option costs a year: what is paid once, spread by the
// capital recovery factor r(1+r)^n/((1+r)^n − 1), and what is paid each year.
func (o Option) Yearly(rate float64) float64 {
	if rate == 0 {
		return o.Capex/float64(o.Years) + o.Opex
	}
	grown := math.Pow(1+rate, float64(o.Years))
	return o.Capex*rate*grown/(grown-1) + o.Opex
}

// needsPower reports whether the option heals power cuts.
func (o Option) needsPower() bool { return o.Kind != KindLine && o.Kind != KindMobile }

// Offer is an option at a site with what it would have saved.
type Offer struct {
	Account    *Account
	Option     Option
	Sure       float64 // lost hours a year saved, of incidents of high confidence
	Perhaps    float64 // with those of medium and low confidence too
	Cost       float64 // đồng a year
	SensorLack bool    // the site cannot tell a power cut: a sensor comes first
}

// PerHour is đồng per lost hour saved, by the sure hours; NaN where none are.
func (o Offer) PerHour() float64 { return o.Cost / zeroIsNaN(o.Sure) }

// yearHours are the office hours of a year, on which savings are put.
const yearHours = 12 * monthHours

// Offers are the options that would have saved something at the site, best
// value first. What was saved in the observed time is put on a year.
func Offers(a *Account, costs Costs, cfg Config) (out []Offer) {
	if a.OfficeSeen == 0 {
		return nil
	}
	scale := yearHours / a.OfficeSeen.Hours()
	for _, o := range costs.Options {
		f := Offer{Account: a, Option: o, Cost: o.Yearly(costs.Rate), SensorLack: o.needsPower() && !a.MainsSensor}
		for _, e := range a.Events {
			saved := o.saves(a, e, cfg).Hours() * scale
			if e.Confidence.Level() == thongsuot.LevelHigh && !f.SensorLack {
				f.Sure += saved
			}
			f.Perhaps += saved
		}
		if f.Perhaps > 0 {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(x, y Offer) int { return compareValue(x, y) })
	return out
}

// compareValue puts what is cheaper per sure hour first, then what may save
// more per đồng.
func compareValue(x, y Offer) int {
	px, py := x.PerHour(), y.PerHour()
	switch {
	case math.IsNaN(px) && math.IsNaN(py):
		return cmp.Compare(x.Cost/x.Perhaps, y.Cost/y.Perhaps)
	case math.IsNaN(px):
		return 1
	case math.IsNaN(py):
		return -1
	default:
		return cmp.Compare(px, py)
	}
}

// saves is the office time of an event that the option would have saved. A
// cause that is not known counts for both power and line: its confidence is
// low, so it is in the upper end of the range only.
func (o Option) saves(a *Account, e Event, cfg Config) time.Duration {
	lost := e.Down + time.Duration(cfg.DegradedWeight*float64(e.Degraded))
	part := func(share float64) time.Duration { return time.Duration(share * float64(lost)) }
	power := e.Cause == thongsuot.CausePower || e.Cause == thongsuot.CauseUnknown
	line := e.Cause == thongsuot.CauseAccess || e.Cause == thongsuot.CauseUnknown
	switch {
	case o.Kind == KindUPS && power:
		return time.Duration(o.Share * float64(e.firstMinutes(time.Duration(o.Minutes)*time.Minute, a.office)))
	case o.Kind == KindModem && e.Sub == thongsuot.SubNetworkGearUnpowered:
		return part(o.Share)
	case (o.Kind == KindGenerator || o.Kind == KindFeeder) && power:
		return part(o.Share)
	case (o.Kind == KindLine || o.Kind == KindMobile) && hasOther(a.Site):
		return 0 // it has a second line by another carrier already
	case (o.Kind == KindLine || o.Kind == KindMobile) && line:
		return part(o.Share)
	case (o.Kind == KindLine || o.Kind == KindMobile) && e.Cause == thongsuot.CauseUpstream:
		return part(o.Upstream)
	default:
		return 0
	}
}

// firstMinutes is the office time that was lost in the first minutes without
// service: what a battery of that length would have carried.
func (e Event) firstMinutes(length time.Duration, office Spans) (sum time.Duration) {
	left := length
	for _, s := range e.Segments {
		if s.State != thongsuot.StateDown || left <= 0 {
			continue
		}
		carried := Span{s.From, earlier(s.To, s.From.Add(left))}
		sum += office.Within(carried)
		left -= carried.Length()
	}
	return sum
}

func hasOther(s thongsuot.Site) bool {
	return slices.ContainsFunc(s.Lines, func(l thongsuot.Line) bool { return l.Carrier != "" && l.Carrier != s.Carrier() })
}

// Pareto are the offers that no other one beats in both cost and hours, by cost.
func Pareto(offers []Offer) (out []Offer) {
	sorted := slices.Clone(offers)
	slices.SortStableFunc(sorted, func(a, b Offer) int {
		return cmp.Or(cmp.Compare(a.Cost, b.Cost), cmp.Compare(b.Sure, a.Sure))
	})
	best := 0.
	for _, o := range sorted {
		if o.Sure > best {
			best = o.Sure
			out = append(out, o)
		}
	}
	return out
}

// Step is one purchase of the plan.
type Step struct {
	Offer
	TotalCost, TotalHours float64 // up to and with this one
}

// Plan buys the best value first, at most one option against power cuts and one
// for lines at each site, as long as the budget lasts.
func Plan(offers []Offer, budget float64) (out []Step) {
	sorted := slices.DeleteFunc(slices.Clone(offers), func(o Offer) bool { return o.Sure == 0 })
	slices.SortStableFunc(sorted, compareValue)
	type need struct {
		site  string
		power bool
	}
	met := map[need]bool{}
	var cost, hours float64
	for _, o := range sorted {
		n := need{o.Account.Site.Code, o.Option.needsPower()}
		if met[n] || budget > 0 && cost+o.Cost > budget {
			continue
		}
		met[n] = true
		cost, hours = cost+o.Cost, hours+o.Sure
		out = append(out, Step{o, cost, hours})
	}
	return out
}
