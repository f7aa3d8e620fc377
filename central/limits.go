package central

import (
	"hash/maphash"
	"sync"
	"time"

	"thongsuot"
)

// seriesDay is how long a series that is not written any more counts. A site
// whose targets change now and then never reaches the limit.
const seriesDay = 24 * time.Hour

// seriesLimit bounds how many series one site may write within a day or two,
// so that one token can fill neither the memory nor the index of the centre. It
// counts since the centre's start.
type seriesLimit struct {
	most int
	seed maphash.Seed
	now  func() time.Time

	mu    sync.Mutex
	known map[string]*seriesOf // by site
}

// seriesOf are hashes of the series of a site.
type seriesOf struct {
	today, before map[uint64]struct{} // together at most the limit, each series in one of them
	since         time.Time           // of today
}

func newSeriesLimit(most int, now func() time.Time) *seriesLimit {
	return &seriesLimit{most: most, seed: maphash.MakeSeed(), now: now, known: map[string]*seriesOf{}}
}

// admit leaves out the samples of series beyond the limit and counts them.
func (l *seriesLimit) admit(site string, samples []thongsuot.Sample) (kept []thongsuot.Sample, over int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.known[site]
	switch now := l.now(); {
	case of == nil:
		of = &seriesOf{today: map[uint64]struct{}{}, since: now}
		l.known[site] = of
	case now.Sub(of.since) > seriesDay:
		of.today, of.before, of.since = map[uint64]struct{}{}, of.today, now
	}
	kept = samples[:0]
	for _, s := range samples {
		h := l.hash(s)
		if _, known := of.today[h]; !known {
			if _, known = of.before[h]; !known && len(of.today)+len(of.before) >= l.most {
				over++
				continue
			}
			delete(of.before, h)
			of.today[h] = struct{}{}
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
