package year

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"thongsuot"
)

// sensor is what a site knows of mains.
type sensor int

const (
	noSensor sensor = iota
	withUPS
	withLaptop
)

// place is a site with what was drawn for it.
type place struct {
	thongsuot.Site
	number    int
	sensor    sensor
	runtime   int64 // of a full battery, seconds
	gearOnUPS bool
	backup    bool
	evening   bool // the box is switched off every evening
	strip     bool // at the strip
	badPower  bool // the profile of Sơn Điền
	badLine   bool // the profile of Quảng Phú
	lossy     bool
	rtt       float64 // to the province, seconds
	drift     float64 // of the clock
}

// stream of random numbers of one name: what is drawn for one thing does not
// move when another is added.
func stream(seed uint64, name string) *rand.Rand {
	h := uint64(14695981039346656037) // FNV-1a
	for _, c := range []byte(name) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, h))
}

// places draws who shares what. Neighbours in the order of former districts
// share feeders and upstreams; an upstream belongs to one carrier.
func places(units []thongsuot.Site, a Assumptions, seed uint64) []*place {
	units = slices.Clone(units)
	slices.SortStableFunc(units, func(x, y thongsuot.Site) int {
		return cmp.Or(cmp.Compare(x.FormerProvince, y.FormerProvince), cmp.Compare(x.FormerDistrict, y.FormerDistrict), cmp.Compare(x.Code, y.Code))
	})
	upstream := upstreams(units, a.Places)
	carrier := carriers(upstream, a.Places.Carriers)
	feeder := feeders(units, a.Places, stream(seed, "feeders"))
	var out []*place
	for i, u := range units {
		r := stream(seed, "place/"+u.Code)
		u.Status = thongsuot.StatusActive
		u.Feeder = feeder[i]
		u.Lines = []thongsuot.Line{{Name: "internet", Carrier: carrier[upstream[i]], Upstream: upstream[i]}}
		p := &place{Site: u, rtt: 0.008 + 0.02*r.Float64(), drift: a.Host.Drift * (2*r.Float64() - 1)}
		switch x := r.Float64(); {
		case x < a.Places.UPSShare:
			p.sensor, p.runtime = withUPS, max(a.Places.UPSRuntime.draw(r), 120)
			p.gearOnUPS = r.Float64() < a.Places.GearOnUPS
		case x < a.Places.UPSShare+a.Places.LaptopShare:
			p.sensor, p.runtime = withLaptop, max(a.Places.LaptopRuntime.draw(r), 120)
		}
		p.backup = r.Float64() < a.Places.BackupShare
		p.evening, p.strip = r.Float64() < a.Places.EveningShare, r.Float64() < a.Places.EveningStrip
		p.badPower, p.badLine = r.Float64() < a.Power.BadShare, r.Float64() < a.Line.BadShare
		p.lossy = r.Float64() < a.Loss.LossyShare
		out = append(out, p)
	}
	slices.SortFunc(out, func(x, y *place) int { return cmp.Compare(x.Code, y.Code) })
	for i, p := range out {
		p.number = i
	}
	return out
}

// upstreams names the route of each unit: former districts together, until
// there are enough.
func upstreams(units []thongsuot.Site, a PlaceAssumptions) []string {
	out := make([]string, len(units))
	n, size := 1, 0
	for i, u := range units {
		newDistrict := i > 0 && units[i-1].FormerDistrict != u.FormerDistrict
		enoughLeft := len(units)-i >= a.UpstreamLeast
		if size >= a.UpstreamMost || newDistrict && size >= max(a.UpstreamLeast, (a.UpstreamLeast+a.UpstreamMost)/3) && enoughLeft {
			n, size = n+1, 0
		}
		out[i] = fmt.Sprintf("up-%02d", n)
		size++
	}
	return out
}

// carriers gives each upstream to the carrier that lacks most of its share.
func carriers(upstream []string, shares []float64) map[string]string {
	out := map[string]string{}
	has := make([]float64, len(shares))
	for i := 0; i < len(upstream); {
		size := 0
		for i+size < len(upstream) && upstream[i+size] == upstream[i] {
			size++
		}
		best := 0
		for c := range shares {
			if shares[c]*float64(len(upstream))-has[c] > shares[best]*float64(len(upstream))-has[best] {
				best = c
			}
		}
		has[best] += float64(size)
		out[upstream[i]] = fmt.Sprintf("carrier-%d", best+1)
		i += size
	}
	return out
}

// feeders groups neighbours; an island has its own.
func feeders(units []thongsuot.Site, a PlaceAssumptions, r *rand.Rand) []string {
	out := make([]string, len(units))
	n, left := 0, 0
	for i, u := range units {
		if strings.Contains(u.FormerDistrict, "Phú Quý") {
			out[i] = "island"
			continue
		}
		if left == 0 {
			n, left = n+1, a.FeederLeast+r.IntN(a.FeederMost-a.FeederLeast+1)
		}
		out[i] = fmt.Sprintf("f-%02d", n)
		left--
	}
	return out
}
