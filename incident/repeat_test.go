package incident_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

// stretch is a time in which a site is heard and well.
type stretch struct {
	site     string
	from, to time.Time
	start    uint32
	boot     string
}

// stretches are days of several sites with silences, some of them shared.
func stretches(r *rand.Rand, sites []string, end time.Time) (out []stretch) {
	for _, code := range sites {
		s := stretch{site: code, from: t0.Add(time.Duration(1+r.IntN(5)) * time.Second), start: 1, boot: "a"}
		for s.from.Before(end) {
			s.to = s.from.Add(time.Duration(1+r.IntN(6*60*60)) * time.Second)
			if r.IntN(4) > 0 { // most go within half a minute of a full six hours
				s.to = s.from.Truncate(6 * time.Hour).Add(6*time.Hour + time.Duration(r.IntN(30))*time.Second)
			}
			out = append(out, s)
			s.from = s.to.Add(time.Duration(1+r.IntN(1+r.IntN(1+r.IntN(60*60*60)))) * time.Second)
			switch r.IntN(3) {
			case 0:
				s.start, s.boot = s.start+1, s.boot+"b"
			case 1:
				s.start++
			}
		}
	}
	slices.SortStableFunc(out, func(a, b stretch) int { return a.from.Compare(b.from) })
	return out
}

// play feeds the stretches, each beat and round by itself or all of a stretch
// in one observation.
func play(t *testing.T, list []thongsuot.Site, all []stretch, end time.Time, each bool) (changes []thongsuot.Change) {
	t.Helper()
	e, err := incident.New(incident.DefaultConfig(), t0)
	if err != nil {
		t.Fatal(err)
	}
	e.SetSites(list, always, t0)
	var going []incident.Observation
	for now := t0; now.Before(end); now = now.Add(time.Second) {
		for len(all) > 0 && !all[0].from.After(now) {
			s := all[0]
			all = all[1:]
			rs := healthy()
			for i := range rs {
				rs[i].At = now
			}
			mains := &incident.Beat{MainsPresent: s.site[0] == '1'}
			going = append(going,
				incident.Observation{Site: s.site, At: now, Start: s.start, Beat: mains, Every: 5 * time.Second, Until: s.to},
				incident.Observation{Site: s.site, At: now, Start: s.start, Boot: s.boot, Results: rs, Every: 10 * time.Second, Until: s.to})
			if !each {
				for _, o := range going {
					changes = append(changes, e.Observe(o)...)
				}
				going = nil
			}
		}
		for i := 0; i < len(going); i++ {
			o := going[i]
			if o.At.After(o.Until) {
				going = slices.Delete(going, i, i+1)
				i--
				continue
			}
			if o.At.Equal(now) {
				going[i].At = now.Add(o.Every)
				going[i].Results = slices.Clone(o.Results)
				for k := range o.Results {
					going[i].Results[k].At = going[i].At
				}
				o.Every, o.Until = 0, time.Time{}
				changes = append(changes, e.Observe(o)...)
			}
		}
		changes = append(changes, e.Tick(now)...)
	}
	return changes
}

func TestOneObservationStandsForMany(t *testing.T) {
	var list []thongsuot.Site
	var codes []string
	for _, code := range []string{"10001", "10002", "10003", "10004", "10005", "20001"} {
		list = append(list, commune(code, "vnpt", "up-"+code[:1], "feeder"))
		codes = append(codes, code)
	}
	for seed := range uint64(5) {
		end := t0.Add(96 * time.Hour)
		all := stretches(rand.New(rand.NewPCG(seed, 1)), codes, end)
		want, got := play(t, list, all, end, true), play(t, list, all, end, false)
		if len(want) < 20 {
			t.Fatalf("seed %d: %d changes are too few to compare", seed, len(want))
		}
		for i := range min(len(want), len(got)) {
			if !reflect.DeepEqual(want[i], got[i]) {
				t.Fatalf("seed %d, change %d:\n each %+v\n once %+v", seed, i, want[i], got[i])
			}
		}
		if len(want) != len(got) {
			t.Errorf("seed %d: %d changes, want %d", seed, len(got), len(want))
		}
	}
}

// A site that is silent is looked at again when a neighbour shows something new.
func TestLaterNeighboursExplainAnEarlierSilence(t *testing.T) {
	p := newProvince(t, always, upstreamOf(5)...).run(time.Minute)
	for _, code := range p.sites {
		p.mute[code] = true
		p.run(30 * time.Second)
	}
	p.run(time.Minute)
	for _, code := range p.sites {
		p.want(code, "down upstream high")
	}
	p.run(30 * time.Hour)
	p.mute[p.sites[4]] = false
	p.run(time.Hour)
	for _, code := range p.sites[:4] {
		p.want(code, "down upstream high")
	}
}
