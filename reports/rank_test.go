package reports_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/reports"
)

// year is a house of many sites whose true rates differ.
func province(t *testing.T, from, to string, sites int, mean float64) (h *house, truth map[string]float64) {
	h = newHouse(t, from, to)
	rng := rand.New(rand.NewPCG(7, 7))
	truth = map[string]float64{}
	months := h.to.Sub(h.from).Hours() / 730
	for i := range sites {
		code := fmt.Sprintf("%05d", 20000+i)
		h.site(code, "2025-07-01", "", "")
		rate := mean * math.Exp(rng.NormFloat64()*.6) // events a month
		truth[code] = rate
		for range int(rate*months + rng.Float64()) {
			day := h.from.AddDate(0, 0, rng.IntN(int(h.to.Sub(h.from).Hours()/24)))
			start := day.Add(time.Duration(450+rng.IntN(480)) * time.Minute)
			v := down([]thongsuot.Cause{thongsuot.CausePower, thongsuot.CauseAccess}[rng.IntN(2)])
			h.out(code, start.Format("2006-01-02 15:04"), start.Add(time.Duration(10+rng.ExpFloat64()*90)*time.Minute).Format("2006-01-02 15:04"), v)
		}
	}
	return h, truth
}

func TestRank(t *testing.T) {
	h, truth := province(t, "2026-01-01", "2027-01-01", 60, 2)
	r := h.report()
	if len(r.Ranking.Ranked) != 60 || len(r.Ranking.Unranked) != 0 {
		t.Fatalf("%d ranked, %d not", len(r.Ranking.Ranked), len(r.Ranking.Unranked))
	}
	codes := make([]string, 0, len(truth))
	for c := range truth {
		codes = append(codes, c)
	}
	slices.SortFunc(codes, func(a, b string) int { return int(math.Copysign(1, truth[b]-truth[a])) })
	hit, sum := 0, 0.
	for i, x := range r.Ranking.Ranked {
		if x.Place != i+1 || x.First > x.Place || x.Last < x.Place || !(x.Low < x.Hours && x.Hours < x.High) || x.Top < 0 || x.Top > 1 {
			t.Errorf("%+v", x)
		}
		if i < 10 && slices.Contains(codes[:10], x.Account.Site.Code) {
			hit++
		}
		sum += x.Top
	}
	if hit < 7 {
		t.Errorf("of the true ten worst, %d are found in a year", hit)
	}
	if math.Abs(sum-10) > 1e-6 {
		t.Errorf("probabilities of the ten add up to %g", sum)
	}
	again := h.report()
	for i, x := range again.Ranking.Ranked {
		if y := r.Ranking.Ranked[i]; x.Low != y.Low || x.Top != y.Top {
			t.Fatalf("place %d differs between two reports of one seed", i+1)
		}
	}
}

// With little data the numbers move towards the mean of all, and stay in order.
func TestShrinks(t *testing.T) {
	h, _ := province(t, "2026-03-01", "2026-04-01", 40, 2)
	for _, x := range h.report().Ranking.Ranked {
		if x.Events == 0 && x.Hours <= 0 {
			t.Errorf("a month without an event is no proof of none ever: %+v", x)
		}
	}
	r := h.report().Ranking
	mean, spreadRaw, spread := 0., 0., 0.
	for _, x := range r.Ranked {
		mean += x.Raw / float64(len(r.Ranked))
	}
	for _, x := range r.Ranked {
		spreadRaw += (x.Raw - mean) * (x.Raw - mean)
		spread += (x.Hours - mean) * (x.Hours - mean)
	}
	if spread >= spreadRaw {
		t.Errorf("shrunk figures spread by %g, raw ones by %g", spread, spreadRaw)
	}
}

func TestNotRanked(t *testing.T) {
	f := func(want, from, to string, change func(*house)) {
		t.Helper()
		h := newHouse(t, from, to, "25051")
		change(h)
		r := h.report().Ranking
		if len(r.Ranked) != 0 || len(r.Unranked) != 1 || !strings.Contains(r.Unranked[0].Why, want) {
			t.Errorf("ranked %v, not ranked %v, want %q", r.Ranked, r.Unranked, want)
		}
	}
	f("14 ngày", "2026-03-02", "2026-03-16", func(*house) {})
	f("68,2", "2026-03-01", "2026-04-01", func(h *house) {
		h.watch["25051"] = reports.Watch{Alive: reports.Spans{{From: h.from, To: h.from.Add(h.to.Sub(h.from) * 69 / 100)}}}
	})
	f("0,0 %", "2026-03-01", "2026-04-01", func(h *house) { delete(h.watch, "25051") })
	h := newHouse(t, "2026-03-01", "2026-04-01", "25051").out("25051", "2026-03-03 08:00", "2026-03-03 10:00", down(thongsuot.CausePortal))
	if r := h.report().Ranking; len(r.Ranked) != 1 || r.Ranked[0].Events != 0 {
		t.Errorf("the portal's fault is not the unit's: %+v", r.Ranked)
	}
}

func TestWhatIf(t *testing.T) {
	h := newHouse(t, "2026-03-01", "2026-04-01", "25051")
	gear := down(thongsuot.CausePower)
	gear.Sub = thongsuot.SubNetworkGearUnpowered
	perhaps := thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CausePower, Confidence: .7}
	h.out("25051", "2026-03-03 08:00", "2026-03-03 11:00", down(thongsuot.CausePower)). // of 3 h a UPS of 2 h carries 2
												out("25051", "2026-03-04 08:00", "2026-03-04 08:20", down(thongsuot.CausePower)).  // all
												out("25051", "2026-03-05 11:00", "2026-03-05 15:00", perhaps).                     // 11:00 to 13:00: half an hour of office time
												out("25051", "2026-03-06 08:00", "2026-03-06 09:00", gear).                        // 1 h
												out("25051", "2026-03-09 08:00", "2026-03-09 10:00", down(thongsuot.CauseAccess)). // 2 h
												out("25051", "2026-03-10 08:00", "2026-03-10 09:00", down(thongsuot.CauseUpstream))
	scale := 12 * 176 / (22 * 8.)
	offer := func(kind reports.Kind, minutes int) reports.Offer {
		t.Helper()
		for _, o := range h.report().Offers["25051"] {
			if o.Option.Kind == kind && (minutes == 0 || o.Option.Minutes == minutes) {
				return o
			}
		}
		t.Fatalf("no offer of %s", kind)
		return reports.Offer{}
	}
	o := offer(reports.KindUPS, 120)
	near(t, "sure hours of the UPS", o.Sure, (2+20./60+1)*scale)
	near(t, "hours that it may save", o.Perhaps, (2+20./60+1+.5)*scale)
	near(t, "hours of the modem", offer(reports.KindModem, 0).Sure, .95*scale)
	near(t, "hours of another line", offer(reports.KindLine, 0).Sure, (.9*2+.8)*scale)
	near(t, "cost a year", o.Cost, 12e6*.08*math.Pow(1.08, 5)/(math.Pow(1.08, 5)-1)+2e6)
	near(t, "đồng an hour", o.PerHour(), o.Cost/o.Sure)

	w := h.watch["25051"]
	w.Mains = nil
	h.watch["25051"] = w
	r := h.report()
	for _, o := range r.Offers["25051"] {
		if o.Option.Kind != reports.KindLine && o.Option.Kind != reports.KindMobile && (o.Sure != 0 || !o.SensorLack) {
			t.Errorf("without a mains sensor nothing about power is sure: %+v", o)
		}
	}
}

func TestPlan(t *testing.T) {
	a, b := &reports.Account{Site: thongsuot.Site{Code: "1"}}, &reports.Account{Site: thongsuot.Site{Code: "2"}}
	ups, line, feeder := reports.Option{Name: "u", Kind: reports.KindUPS}, reports.Option{Name: "l", Kind: reports.KindLine}, reports.Option{Name: "f", Kind: reports.KindFeeder}
	offers := []reports.Offer{
		{Account: a, Option: ups, Sure: 10, Cost: 100}, {Account: a, Option: feeder, Sure: 12, Cost: 1000}, {Account: a, Option: line, Sure: 5, Cost: 200},
		{Account: b, Option: ups, Sure: 1, Cost: 150}, {Account: b, Option: line, Perhaps: 50, Cost: 1},
	}
	var got []string
	for _, s := range reports.Plan(offers, 400) {
		got = append(got, s.Account.Site.Code+s.Option.Name)
	}
	if fmt.Sprint(got) != "[1u 1l]" {
		t.Errorf("plan of 400: %v", got)
	}
	all := reports.Plan(offers, 0)
	if len(all) != 3 || all[2].TotalCost != 450 || all[2].TotalHours != 16 {
		t.Errorf("plan without bound: %+v", all)
	}
	if front := reports.Pareto(offers); len(front) != 2 || front[1].Option != feeder {
		t.Errorf("front %+v", front)
	}
}

func TestCosts(t *testing.T) {
	f := func(want string, change func(*reports.Costs)) {
		t.Helper()
		c := reports.DefaultCosts()
		change(&c)
		if err := c.Validate(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	f("", func(*reports.Costs) {})
	f(`options[0].kind: want one of`, func(c *reports.Costs) { c.Options[0].Kind = "solar" })
	f(`minutes: a UPS carries for some (got 0)`, func(c *reports.Costs) { c.Options[0].Minutes = 0 })
	f(`rate: want 0 to 1 (got 8)`, func(c *reports.Costs) { c.Rate = 8 })
	f(`share, upstream: want 0 to 1 (got 90 and 0.8)`, func(c *reports.Costs) { c.Options[5].Share = 90 })
}
