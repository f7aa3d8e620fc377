package year

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Spread is a lognormal length of time.
type Spread struct {
	Median time.Duration `yaml:"median" json:"median"`
	Sigma  float64       `yaml:"sigma" json:"sigma"` // of the logarithm
}

// draw is a length of at least two seconds.
func (s Spread) draw(r *rand.Rand) int64 {
	return max(int64(s.Median.Seconds()*math.Exp(s.Sigma*r.NormFloat64())), 2)
}

// Assumptions are all that a simulated year rests on. Rates are per site, or
// per what the field says, and per month of 30.4 days; shares are of the sites.
// None of them is field data.
type Assumptions struct {
	Places  PlaceAssumptions  `yaml:"places" json:"places"`
	Power   PowerAssumptions  `yaml:"power" json:"power"`
	Line    LineAssumptions   `yaml:"line" json:"line"`
	Portal  PortalAssumptions `yaml:"portal" json:"portal"`
	Host    HostAssumptions   `yaml:"host" json:"host"`
	Centre  CentreAssumptions `yaml:"centre" json:"centre"`
	Storms  StormAssumptions  `yaml:"storms" json:"storms"`
	Loss    LossAssumptions   `yaml:"loss" json:"loss"`
	Backlog int               `yaml:"backlog" json:"backlog"` // rounds of a spool that cross a second after a return. Default 360
}

// PlaceAssumptions say who shares what.
type PlaceAssumptions struct {
	Carriers      []float64 `yaml:"carriers" json:"carriers"`                   // shares of the sites. Default 0.5, 0.35, 0.15
	UpstreamLeast int       `yaml:"upstream_least" json:"upstream_least"`       // sites of one upstream. Default 5
	UpstreamMost  int       `yaml:"upstream_most" json:"upstream_most"`         // Default 20
	FeederLeast   int       `yaml:"feeder_least" json:"feeder_least"`           // sites of one feeder. Default 3
	FeederMost    int       `yaml:"feeder_most" json:"feeder_most"`             // Default 8
	UPSShare      float64   `yaml:"ups_share" json:"ups_share"`                 // with a UPS that can be read. Default 0.4
	UPSRuntime    Spread    `yaml:"ups_runtime" json:"ups_runtime"`             // Default 15m, 0.6
	LaptopShare   float64   `yaml:"laptop_share" json:"laptop_share"`           // with a battery or an adapter of its own. Default 0.1
	LaptopRuntime Spread    `yaml:"laptop_runtime" json:"laptop_runtime"`       // Default 90m, 0.5
	GearOnUPS     float64   `yaml:"gear_on_ups" json:"gear_on_ups"`             // of the sites with a UPS: modem and switch are on it. Default 0.5
	BackupShare   float64   `yaml:"backup_share" json:"backup_share"`           // with a 4G line for when the main one is dead. Default 0.2
	EveningShare  float64   `yaml:"evening_off_share" json:"evening_off_share"` // where the box is switched off every evening. Default 0.3
	EveningStrip  float64   `yaml:"evening_strip" json:"evening_strip"`         // of those, at the strip instead of cleanly. Default 0.3333
}

// PowerAssumptions are about mains.
type PowerAssumptions struct {
	FeederMonthly float64 `yaml:"feeder_monthly" json:"feeder_monthly"` // cuts of each feeder, half of its sites at least. Default 2
	SiteMonthly   float64 `yaml:"site_monthly" json:"site_monthly"`     // cuts of one site. Default 1
	Cut           Spread  `yaml:"cut" json:"cut"`                       // Default 25m, 1.2
	BadShare      float64 `yaml:"bad_share" json:"bad_share"`           // sites with the profile of Sơn Điền. Default 0.1
	BadDaily      float64 `yaml:"bad_daily" json:"bad_daily"`           // cuts a day there. Default 10
	BadCut        Spread  `yaml:"bad_cut" json:"bad_cut"`               // Default 4m, 1.2
	LowAt         float64 `yaml:"low_at" json:"low_at"`                 // charge at which a UPS says that its battery ends. Default 0.2
}

// LineAssumptions are about the ways out of an office.
type LineAssumptions struct {
	CutMonthly      float64    `yaml:"cut_monthly" json:"cut_monthly"`           // Default 1.5
	Cut             Spread     `yaml:"cut" json:"cut"`                           // Default 40m, 1.3
	DegradedMonthly float64    `yaml:"degraded_monthly" json:"degraded_monthly"` // spells of loss or of delay. Default 2
	Degraded        Spread     `yaml:"degraded" json:"degraded"`                 // Default 2h, 0.8
	Loss            [2]float64 `yaml:"loss" json:"loss"`                         // of a lossy spell, least and most. Default 0.03, 0.15
	Delay           [2]float64 `yaml:"delay" json:"delay"`                       // times the usual round trip. Default 2, 8
	BadShare        float64    `yaml:"bad_share" json:"bad_share"`               // sites with the profile of Quảng Phú. Default 0.1
	BadTimes        float64    `yaml:"bad_times" json:"bad_times"`               // times the rates there. Default 5
	UpstreamMonthly float64    `yaml:"upstream_monthly" json:"upstream_monthly"` // cuts of each upstream. Default 0.3
	UpstreamCut     Spread     `yaml:"upstream_cut" json:"upstream_cut"`         // Default 60m, 1
	LANMonthly      float64    `yaml:"lan_monthly" json:"lan_monthly"`           // Default 0.2
	LAN             Spread     `yaml:"lan" json:"lan"`                           // Default 30m, 1
}

// PortalAssumptions are about the national portal.
type PortalAssumptions struct {
	SlowMonthly    float64    `yaml:"slow_monthly" json:"slow_monthly"`       // spells on working days from 08:00 to 10:30. Default 6
	Slow           [2]float64 `yaml:"slow" json:"slow"`                       // times the usual time to the first byte. Default 5, 20
	DownMonthly    float64    `yaml:"down_monthly" json:"down_monthly"`       // Default 1
	Down           Spread     `yaml:"down" json:"down"`                       // Default 20m, 1
	CarrierMonthly float64    `yaml:"carrier_monthly" json:"carrier_monthly"` // one carrier cannot reach the portal. Default 0.2
	Carrier        Spread     `yaml:"carrier" json:"carrier"`                 // Default 30m, 1
}

// HostAssumptions are about the box and the agent on it.
type HostAssumptions struct {
	CrashMonthly   float64 `yaml:"crash_monthly" json:"crash_monthly"`     // without loss of power. Default 0.2
	PlugMonthly    float64 `yaml:"plug_monthly" json:"plug_monthly"`       // a pulled plug. Default 0.2
	Down           Spread  `yaml:"down" json:"down"`                       // until it starts after either. Default 10m, 1
	RebootMonthly  float64 `yaml:"reboot_monthly" json:"reboot_monthly"`   // clean. Default 0.5
	Boot           Spread  `yaml:"boot" json:"boot"`                       // from mains to a running agent. Default 60s, 0.3
	GearBoot       Spread  `yaml:"gear_boot" json:"gear_boot"`             // from mains to a line. Default 80s, 0.3
	RestartMonthly float64 `yaml:"restart_monthly" json:"restart_monthly"` // of the agent alone. Default 0.5
	SuspendMonthly float64 `yaml:"suspend_monthly" json:"suspend_monthly"` // Default 0.1
	Suspend        Spread  `yaml:"suspend" json:"suspend"`                 // Default 30m, 1
	Drift          float64 `yaml:"drift" json:"drift"`                     // of clocks, most; what was measured out of reach is dated that wrongly. Default 0.0001
}

// CentreAssumptions are about our own side.
type CentreAssumptions struct {
	FaultMonthly     float64       `yaml:"fault_monthly" json:"fault_monthly"`         // the ingest fails. Default 0.2
	Fault            time.Duration `yaml:"fault" json:"fault"`                         // Default 10m
	ReferenceMonthly float64       `yaml:"reference_monthly" json:"reference_monthly"` // the reference probe is dead. Default 0.2
	Reference        time.Duration `yaml:"reference" json:"reference"`                 // Default 3h
}

// StormAssumptions are about bad weather.
type StormAssumptions struct {
	Yearly float64       `yaml:"yearly" json:"yearly"` // Default 6
	Length time.Duration `yaml:"length" json:"length"` // Default 6h
	Spread time.Duration `yaml:"spread" json:"spread"` // of the onsets over the sites. Default 2h
	Times  float64       `yaml:"times" json:"times"`   // times the rates of power and line. Default 20
	Share  float64       `yaml:"share" json:"share"`   // of the province. Default 0.3333
}

// LossAssumptions are about single datagrams, each way.
type LossAssumptions struct {
	Clean      float64       `yaml:"clean" json:"clean"`             // Default 0.002
	LossyShare float64       `yaml:"lossy_share" json:"lossy_share"` // sites with a lossy line. Default 0.2
	Burst      float64       `yaml:"burst" json:"burst"`             // within a burst. Default 0.6
	BurstMean  time.Duration `yaml:"burst_mean" json:"burst_mean"`   // Default 30s
	BurstEvery time.Duration `yaml:"burst_every" json:"burst_every"` // Default 2h
	Outside    float64       `yaml:"outside" json:"outside"`         // outside of bursts. Default 0.01
}

// DefaultAssumptions are those that published figures rest on.
func DefaultAssumptions() Assumptions {
	spread := func(median time.Duration, sigma float64) Spread { return Spread{median, sigma} }
	return Assumptions{
		Places: PlaceAssumptions{
			Carriers: []float64{0.5, 0.35, 0.15}, UpstreamLeast: 5, UpstreamMost: 20, FeederLeast: 3, FeederMost: 8,
			UPSShare: 0.4, UPSRuntime: spread(15*time.Minute, 0.6), LaptopShare: 0.1, LaptopRuntime: spread(90*time.Minute, 0.5),
			GearOnUPS: 0.5, BackupShare: 0.2, EveningShare: 0.3, EveningStrip: 1.0 / 3,
		},
		Power: PowerAssumptions{
			FeederMonthly: 2, SiteMonthly: 1, Cut: spread(25*time.Minute, 1.2), BadShare: 0.1, BadDaily: 10, BadCut: spread(4*time.Minute, 1.2),
			LowAt: 0.2,
		},
		Line: LineAssumptions{
			CutMonthly: 1.5, Cut: spread(40*time.Minute, 1.3), DegradedMonthly: 2, Degraded: spread(2*time.Hour, 0.8),
			Loss: [2]float64{0.03, 0.15}, Delay: [2]float64{2, 8}, BadShare: 0.1, BadTimes: 5,
			UpstreamMonthly: 0.3, UpstreamCut: spread(time.Hour, 1), LANMonthly: 0.2, LAN: spread(30*time.Minute, 1),
		},
		Portal: PortalAssumptions{
			SlowMonthly: 6, Slow: [2]float64{5, 20}, DownMonthly: 1, Down: spread(20*time.Minute, 1),
			CarrierMonthly: 0.2, Carrier: spread(30*time.Minute, 1),
		},
		Host: HostAssumptions{
			CrashMonthly: 0.2, PlugMonthly: 0.2, Down: spread(10*time.Minute, 1), RebootMonthly: 0.5, Boot: spread(time.Minute, 0.3),
			GearBoot: spread(80*time.Second, 0.3), RestartMonthly: 0.5, SuspendMonthly: 0.1, Suspend: spread(30*time.Minute, 1), Drift: 1e-4,
		},
		Centre: CentreAssumptions{FaultMonthly: 0.2, Fault: 10 * time.Minute, ReferenceMonthly: 0.2, Reference: 3 * time.Hour},
		Storms: StormAssumptions{Yearly: 6, Length: 6 * time.Hour, Spread: 2 * time.Hour, Times: 20, Share: 1.0 / 3},
		Loss:   LossAssumptions{Clean: 0.002, LossyShare: 0.2, Burst: 0.6, BurstMean: 30 * time.Second, BurstEvery: 2 * time.Hour, Outside: 0.01},

		Backlog: 360,
	}
}

// Validate names the first assumption that cannot be simulated, and its value.
func (a Assumptions) Validate() error {
	p := a.Places
	for _, s := range []struct {
		name  string
		value float64
	}{
		{"places.ups_share", p.UPSShare}, {"places.laptop_share", p.LaptopShare}, {"places.gear_on_ups", p.GearOnUPS},
		{"places.backup_share", p.BackupShare}, {"places.evening_off_share", p.EveningShare}, {"places.evening_strip", p.EveningStrip},
		{"power.bad_share", a.Power.BadShare}, {"power.low_at", a.Power.LowAt},
		{"line.bad_share", a.Line.BadShare}, {"line.loss[0]", a.Line.Loss[0]}, {"line.loss[1]", a.Line.Loss[1]}, {"storms.share", a.Storms.Share},
		{"loss.clean", a.Loss.Clean}, {"loss.lossy_share", a.Loss.LossyShare}, {"loss.burst", a.Loss.Burst}, {"loss.outside", a.Loss.Outside},
	} {
		if !(s.value >= 0 && s.value <= 1) {
			return fmt.Errorf("%s: want a share from 0 to 1 (got %v)", s.name, s.value)
		}
	}
	switch {
	case p.UPSShare+p.LaptopShare > 1:
		return fmt.Errorf("places.ups_share, places.laptop_share: more than 1 together (got %v and %v)", p.UPSShare, p.LaptopShare)
	case len(p.Carriers) == 0:
		return errors.New("places.carriers: want the share of at least one")
	case p.UpstreamLeast < 1 || p.UpstreamMost < p.UpstreamLeast:
		return fmt.Errorf("places.upstream_least, places.upstream_most: want 1 <= least <= most (got %d and %d)", p.UpstreamLeast, p.UpstreamMost)
	case p.FeederLeast < 1 || p.FeederMost < p.FeederLeast:
		return fmt.Errorf("places.feeder_least, places.feeder_most: want 1 <= least <= most (got %d and %d)", p.FeederLeast, p.FeederMost)
	case a.Loss.BurstMean <= 0 || a.Loss.BurstEvery <= a.Loss.BurstMean:
		return fmt.Errorf("loss.burst_mean, loss.burst_every: want 0 < mean < every (got %s and %s)", a.Loss.BurstMean, a.Loss.BurstEvery)
	case a.Backlog < 1:
		return fmt.Errorf("backlog: must be at least 1 (got %d)", a.Backlog)
	}
	return nil
}
