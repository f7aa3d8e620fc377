package incident_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/incident"
)

// history is what the centre receives, second by second.
type history [][]incident.Observation

const propertyLength = 2 * time.Hour

// happens makes a history of sites that fall silent alone and together, some
// with a new boot, and bring back their spool in batches.
func happens(rng *rand.Rand, codes []string) history {
	h := make(history, int(propertyLength/time.Second))
	at := func(i int) time.Time { return t0.Add(time.Duration(i+1) * time.Second) }
	together := 1800 + rng.IntN(600)
	for n, code := range codes {
		from := together + rng.IntN(8)
		if n >= len(codes)-2 {
			from = 1200 + rng.IntN(3000) // alone
		}
		to := from + 120 + rng.IntN(900)
		start, boot := uint32(1), "b1"
		var spool []thongsuot.Result
		for i := range h {
			silent := i >= from && i < to
			if i == to && n%3 == 0 {
				start, boot = 2, "b2"
			}
			now := at(i)
			if i%10 == n%10 && (!silent || n%3 != 0) { // a machine that is off measures nothing
				rs := healthy()
				for k := range rs {
					rs[k].At = now
					if silent && k > 0 {
						rs[k].Reason = thongsuot.ReasonTimeout
					}
				}
				spool = append(spool, rs...)
			}
			if silent {
				continue
			}
			if i%5 == n%5 {
				h[i] = append(h[i], incident.Observation{Site: code, At: now, Start: start, Beat: &incident.Beat{MainsPresent: n%2 == 0}})
			}
			if len(spool) > 0 && i%10 == n%10 {
				fresh := spool[max(len(spool)-4, 0):]
				h[i] = append(h[i], incident.Observation{Site: code, At: now, Start: start, Boot: boot, Results: fresh})
				if rest := spool[:len(spool)-len(fresh)]; len(rest) > 0 { // behind it, in two batches
					half := len(rest) / 2
					h[i] = append(h[i], incident.Observation{Site: code, At: now, Start: start, Boot: boot, Results: rest[half:]},
						incident.Observation{Site: code, At: now, Start: start, Boot: boot, Results: rest[:half]})
				}
				spool = nil
			}
		}
	}
	return h
}

// outcome is what is held in the end of each incident at a site.
func outcome(list []thongsuot.Site, h history, restart func(i int) bool, t *testing.T) map[string]string {
	t.Helper()
	e, err := incident.New(incident.DefaultConfig(), t0)
	if err != nil {
		t.Fatal(err)
	}
	e.SetSites(list, always, t0)
	last := map[string]thongsuot.Incident{}
	take := func(cs []thongsuot.Change) {
		for _, c := range cs {
			if was := last[c.Incident.ID]; c.Incident.Revision != was.Revision+1 {
				t.Errorf("%s: revision %d after %d", c.Incident.ID, c.Incident.Revision, was.Revision)
			}
			last[c.Incident.ID] = c.Incident
		}
	}
	for i, os := range h {
		now := t0.Add(time.Duration(i+1) * time.Second)
		for _, o := range os {
			take(e.Observe(o))
		}
		take(e.Tick(now))
		if restart != nil && restart(i) {
			snap, err := e.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			var open []thongsuot.Incident
			for _, id := range slices.Sorted(maps.Keys(last)) {
				if last[id].Open() {
					open = append(open, last[id])
				}
			}
			if e, err = incident.New(incident.DefaultConfig(), now); err != nil {
				t.Fatal(err)
			}
			e.SetSites(list, always, now)
			if err := e.Restore(snap, open, now); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := map[string]string{}
	for _, in := range last {
		if in.Regional() {
			continue
		}
		v := in.Verdict
		out[fmt.Sprint(in.Site, " ", in.Start.Sub(t0))] = fmt.Sprint(in.End.Sub(t0), " ", v.State, " ", v.Cause, " ", v.Confidence.Level(), " part ", in.Part != "")
	}
	return out
}

func propertySites() (list []thongsuot.Site, codes []string) {
	for _, s := range upstreamOf(6) {
		list, codes = append(list, s), append(codes, s.Code)
	}
	for _, code := range []string{"20001", "20002"} {
		list, codes = append(list, commune(code, "viettel", "da-lat", "")), append(codes, code)
	}
	return list, codes
}

func differ(t *testing.T, what string, want, got map[string]string) {
	t.Helper()
	if len(want) < 8 {
		t.Fatalf("%d incidents are too few to compare", len(want))
	}
	if !maps.Equal(want, got) {
		t.Errorf("%s:\nwant %v\n got %v", what, want, got)
	}
}

// The order in which sites speak within a second, batches that come twice, and
// the order of a spool's batches change no final verdict.
func TestAnyLegalOrderGivesTheSameVerdicts(t *testing.T) {
	list, codes := propertySites()
	for seed := range uint64(6) {
		h := happens(rand.New(rand.NewPCG(seed, 7)), codes)
		want := outcome(list, h, nil, t)
		rng := rand.New(rand.NewPCG(seed, 8))
		for range 3 {
			shuffled := make(history, len(h))
			for i := range h {
				os := slices.Clone(h[i])
				for _, o := range h[i] {
					if len(o.Results) > 0 && rng.IntN(3) == 0 {
						os = append(os, o) // twice
					}
				}
				rng.Shuffle(len(os), func(a, b int) { os[a], os[b] = os[b], os[a] })
				shuffled[i] = os
			}
			differ(t, fmt.Sprint("seed ", seed), want, outcome(list, shuffled, nil, t))
		}
	}
}

// A restart at any point, with the ledger's word for what is open, changes no
// final verdict, repeats no revision and forgets none.
func TestRestartAtAnyPoint(t *testing.T) {
	list, codes := propertySites()
	for seed := range uint64(4) {
		h := happens(rand.New(rand.NewPCG(seed, 9)), codes)
		want := outcome(list, h, nil, t)
		rng := rand.New(rand.NewPCG(seed, 10))
		at := map[int]bool{}
		for range 20 {
			at[rng.IntN(len(h))] = true
		}
		differ(t, fmt.Sprint("seed ", seed), want, outcome(list, h, func(i int) bool { return at[i] }, t))
	}
}

// A healthy commune on another upstream changes nothing for the others.
func TestHealthyStrangerChangesNothing(t *testing.T) {
	list, codes := propertySites()
	h := happens(rand.New(rand.NewPCG(1, 11)), codes)
	want := outcome(list, h, nil, t)
	more := slices.Clone(h)
	for i := range more {
		if i%5 == 0 {
			now := t0.Add(time.Duration(i+1) * time.Second)
			more[i] = append(slices.Clone(more[i]), incident.Observation{Site: "90001", At: now, Start: 1, Beat: &incident.Beat{}})
		}
	}
	differ(t, "with a stranger", want, outcome(append(list, commune("90001", "mobifone", "phan-thiet", "")), more, nil, t))
}
