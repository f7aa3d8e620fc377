package store

import (
	"fmt"
	"math"
	"time"

	"thongsuot"
)

// maxAhead is how far a sample may be ahead of the clock here. Prometheus
// allows its targets the same.
const maxAhead = 10 * time.Minute

// product is when the 124 units came into being. A clock that shows less is not
// set, here as at an agent.
var product = time.Date(2025, time.July, 1, 0, 0, 0, 0, time.UTC)

// judge gives the reason to refuse a sample by its own value and time, or "".
func judge(s thongsuot.Sample, oldest, newest time.Time) reason {
	switch {
	case math.IsNaN(s.Value) || math.IsInf(s.Value, 0):
		return reasonNotFinite
	case s.At.Before(product):
		return reasonBeforeProduct
	case s.At.Before(oldest):
		return reasonTooOld
	case s.At.After(newest):
		return reasonTooNew
	default:
		return ""
	}
}

// Takes reports why no store with that window takes a sample of the given
// time, or nil: it lies further back, before the product, or ahead.
func Takes(at, now time.Time, window time.Duration) error {
	switch judge(thongsuot.Sample{At: at}, now.Add(-window), now.Add(maxAhead)) {
	case reasonBeforeProduct:
		return fmt.Errorf("time %s is before %s, when there was nothing to measure", at.Format(time.RFC3339), product.Format(time.DateOnly))
	case reasonTooOld:
		return fmt.Errorf("time %s is more than %s ago", at.Format(time.RFC3339), window)
	case reasonTooNew:
		return fmt.Errorf("time %s is more than %s ahead", at.Format(time.RFC3339), maxAhead)
	default:
		return nil
	}
}

// Screen keeps the samples that any store may hold, as it is to hold them:
// values quantised, labels sorted and without empty ones, times cut to
// milliseconds. refused counts the others by reason. An engine behind another
// program's API is not to be trusted with the rest: some answer "stored" to
// what they drop.
func Screen(samples []thongsuot.Sample, now time.Time, window time.Duration) (kept []thongsuot.Sample, refused map[string]int) {
	oldest, newest := now.Add(-window), now.Add(maxAhead)
	kept, refused = make([]thongsuot.Sample, 0, len(samples)), map[string]int{}
	for _, s := range samples {
		why := judge(s, oldest, newest)
		s.Labels = canonical(s.Labels)
		if why == "" && !validSeries(s.Metric, s.Labels) {
			why = reasonName
		}
		if why != "" {
			refused[string(why)]++
			continue
		}
		s.Value = Quantise(s.Metric, s.Value)
		s.At = instant(s.At.UnixMilli())
		kept = append(kept, s)
	}
	return kept, refused
}
