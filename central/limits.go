package central

import (
	"hash/maphash"
	"sync"

	"thongsuot"
)

// seriesLimit bounds how many series one site may make, so that one token can
// fill neither the memory nor the index of the centre. It counts since the
// centre's start: what a site wrote before is counted when it writes it again.
type seriesLimit struct {
	most int
	seed maphash.Seed

	mu    sync.Mutex
	known map[string]map[uint64]struct{} // hashes of series, by site
}

func newSeriesLimit(most int) *seriesLimit {
	return &seriesLimit{most: most, seed: maphash.MakeSeed(), known: map[string]map[uint64]struct{}{}}
}

// admit leaves out the samples of series beyond the limit and counts them.
func (l *seriesLimit) admit(site string, samples []thongsuot.Sample) (kept []thongsuot.Sample, over int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.known[site]
	if of == nil {
		of = map[uint64]struct{}{}
		l.known[site] = of
	}
	kept = samples[:0]
	for _, s := range samples {
		h := l.hash(s)
		if _, known := of[h]; !known {
			if len(of) >= l.most {
				over++
				continue
			}
			of[h] = struct{}{}
		}
		kept = append(kept, s)
	}
	return kept, over
}

func (l *seriesLimit) hash(s thongsuot.Sample) uint64 {
	var h maphash.Hash
	h.SetSeed(l.seed)
	h.WriteString(s.Metric)
	for _, label := range s.Labels {
		h.WriteByte(0)
		h.WriteString(label.Name)
		h.WriteByte(0)
		h.WriteString(label.Value)
	}
	return h.Sum64()
}
