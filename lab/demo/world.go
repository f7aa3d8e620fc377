package demo

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"thongsuot"
	"thongsuot/lab/sim"
	"thongsuot/registry"
)

// The sites of the story, by their codes in the registry.
const (
	sonDien   = "25051" // loses power more often than others
	quangPhu  = "24712" // weak line
	quangTan  = "24748" // weak line
	phuQuy    = "23272" // an island: alone on its feeder
	installed = 60 * 24 * time.Hour
)

// carriers are made up, as are feeders and upstreams: the real ones are not public.
var carriers = []string{"A (mô phỏng)", "B (mô phỏng)", "C (mô phỏng)"}

// Sizes of what sites share.
const (
	maxUpstream = 20 // sites of one aggregation route
	maxFeeder   = 6  // sites of one medium-voltage feeder
)

// world makes the active sites of a simulated province of the units in folder.
func world(folder string, seed uint64) ([]thongsuot.Site, error) {
	reg, err := registry.Load(sim.Zone, folder)
	if err != nil {
		return nil, fmt.Errorf("registry: %w (run from the project's folder, or name the folder with -registry)", err)
	}
	var sites []thongsuot.Site
	for _, s := range reg.Sites() {
		if s.Kind == thongsuot.KindCommune {
			s.Status = thongsuot.StatusActive
			sites = append(sites, s)
		}
	}
	if len(sites) == 0 {
		return nil, fmt.Errorf("registry %s: holds no commune-level unit", folder)
	}
	byDistrict(sites)
	share(sites, seed)
	return sites, nil
}

// byDistrict sorts sites so that neighbours come together: by former province
// and district, the districts of a province from west to east.
func byDistrict(sites []thongsuot.Site) {
	sum, count := map[string]float64{}, map[string]float64{}
	for _, s := range sites {
		if s.Position != nil {
			sum[s.FormerDistrict] += s.Position.Lon
			count[s.FormerDistrict]++
		}
	}
	slices.SortStableFunc(sites, func(a, b thongsuot.Site) int {
		return cmp.Or(
			cmp.Compare(a.FormerProvince, b.FormerProvince),
			cmp.Compare(sum[a.FormerDistrict]/max(count[a.FormerDistrict], 1), sum[b.FormerDistrict]/max(count[b.FormerDistrict], 1)),
			cmp.Compare(a.FormerDistrict, b.FormerDistrict), cmp.Compare(a.Code, b.Code),
		)
	})
}

// share gives the sites, which come by district, their feeders and upstreams.
func share(sites []thongsuot.Site, seed uint64) {
	feeder, onFeeder, upstream, onUpstream, province := 0, maxFeeder, 0, maxUpstream, ""
	for i := range sites {
		s := &sites[i]
		if i > 0 && sites[i-1].FormerDistrict != s.FormerDistrict && onUpstream >= 5 || s.FormerProvince != province {
			onUpstream = maxUpstream
		}
		if s.FormerProvince != province || i > 0 && sites[i-1].FormerDistrict != s.FormerDistrict && onFeeder >= 3 {
			onFeeder = maxFeeder
		}
		province = s.FormerProvince
		if onUpstream >= maxUpstream {
			upstream, onUpstream = upstream+1, 0
		}
		onUpstream++
		if s.Code == phuQuy {
			s.Feeder = "XT-PQ (mô phỏng)"
		} else {
			if onFeeder >= maxFeeder {
				feeder, onFeeder = feeder+1, 0
			}
			onFeeder++
			s.Feeder = fmt.Sprintf("XT-%02d (mô phỏng)", feeder)
		}
		carrier := carriers[int(float64(len(carriers))*sim.Draw(seed, "carrier", int64(upstream)))]
		s.Lines = []thongsuot.Line{{Name: "internet", Carrier: carrier, Upstream: fmt.Sprintf("%02d (mô phỏng)", upstream)}}
	}
}

// writeRegistry makes a registry of the sites in folder, with the hours and
// holidays of the one they come from.
func writeRegistry(folder, origin string, sites []thongsuot.Site) (err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"hours.csv", "holidays.csv"} {
		b, err := os.ReadFile(filepath.Join(origin, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), b, 0o644)
		}
		if err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(folder, "sites.csv"))
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	w := csv.NewWriter(f)
	rows := [][]string{{
		"code", "kind", "unit", "name", "status", "former_province", "former_district", "lat", "lon",
		"area_km2", "population", "utility", "feeder", "carrier", "upstream",
	}}
	for _, s := range sites {
		lat, lon := "", ""
		if s.Position != nil {
			lat, lon = number(s.Position.Lat), number(s.Position.Lon)
		}
		rows = append(rows, []string{
			s.Code, string(s.Kind), string(s.Unit), s.Name, string(s.Status), s.FormerProvince, s.FormerDistrict, lat, lon,
			number(s.AreaKm2), number(float64(s.Population)), s.Utility, s.Feeder, s.Carrier(), s.Upstream(),
		})
	}
	return w.WriteAll(rows)
}

// number is "" for 0, which the registry takes for not known.
func number(v float64) string {
	if v == 0 {
		return ""
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// simulate makes the simulated site of each real one. Some are as the story
// wants them: an UPS where the power goes, a weak line where it is known to be.
func simulate(sites []thongsuot.Site, seed uint64, now time.Time) []sim.Site {
	out := make([]sim.Site, len(sites))
	for i, site := range sites {
		s := sim.NewSite(seed, site.Code)
		s.Born = now.Add(-installed).Add(time.Duration(sim.Draw(seed, site.Code, 0) * float64(20*24*time.Hour)))
		switch site.Code {
		case sonDien:
			s.UPS, s.Lasts = true, 35*time.Minute
		case quangPhu, quangTan:
			s.RTT, s.Noisy = 38*time.Millisecond, 0.002
		case phuQuy:
			s.RTT = 31 * time.Millisecond
		}
		out[i] = s
	}
	return out
}

// codesBy groups the codes of sites.
func codesBy(sites []thongsuot.Site, group func(thongsuot.Site) string) map[string][]string {
	out := map[string][]string{}
	for _, s := range sites {
		out[group(s)] = append(out[group(s)], s.Code)
	}
	return out
}

func feederOf(s thongsuot.Site) string   { return s.Feeder }
func upstreamOf(s thongsuot.Site) string { return s.Upstream() }
