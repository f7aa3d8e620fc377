package probes

import (
	"slices"
	"time"

	"thongsuot"
)

// echoes is what one run of pings brought.
type echoes struct {
	sentAt []time.Time     // by sequence number
	rtts   []time.Duration // in order of arrival
	err    error           // last failure to send
}

// fields are the numbers of the run; past is carried on.
func (e echoes) fields(past *delays) []thongsuot.Field {
	sent, received := float64(len(e.sentAt)), float64(len(e.rtts))
	fields := []thongsuot.Field{
		{Name: thongsuot.FieldSent, Value: sent},
		{Name: thongsuot.FieldReceived, Value: received},
	}
	if sent > 0 {
		fields = append(fields, thongsuot.Field{Name: thongsuot.FieldLoss, Value: (sent - received) / sent})
	}
	if received == 0 {
		return fields
	}
	now := time.Now()
	for _, rtt := range e.rtts {
		past.jitter.add(rtt)
		past.variation.add(now, rtt)
	}
	sorted := slices.Sorted(slices.Values(e.rtts))
	fields = append(
		fields,
		thongsuot.Field{Name: thongsuot.FieldRTTMin, Value: sorted[0].Seconds()},
		thongsuot.Field{Name: thongsuot.FieldRTTMedian, Value: median(sorted).Seconds()},
		thongsuot.Field{Name: thongsuot.FieldRTTP95, Value: nearestRank(sorted, 95).Seconds()},
		thongsuot.Field{Name: thongsuot.FieldRTTMax, Value: sorted[len(sorted)-1].Seconds()},
	)
	if past.jitter.packets > 1 {
		fields = append(fields,
			thongsuot.Field{Name: thongsuot.FieldJitter, Value: past.jitter.seconds},
			thongsuot.Field{Name: thongsuot.FieldVariation, Value: past.variation.seconds()})
	}
	return fields
}

// delays is what is carried on from run to run of one target.
type delays struct {
	jitter    jitter
	variation variation
}

// variation is the delay variation of RFC 5481 section 3.1 (PDV): how far the
// delays of a minute lie above the least of them, at their 95th percentile.
type variation struct {
	last []delayAt
}

type delayAt struct {
	at  time.Time
	rtt time.Duration
}

// variationOver is the window.
const variationOver = time.Minute

func (v *variation) add(now time.Time, rtt time.Duration) {
	v.last = slices.DeleteFunc(v.last, func(d delayAt) bool { return now.Sub(d.at) >= variationOver })
	v.last = append(v.last, delayAt{now, rtt})
}

func (v *variation) seconds() float64 {
	rtts := make([]time.Duration, len(v.last))
	for i, d := range v.last {
		rtts[i] = d.rtt
	}
	slices.Sort(rtts)
	return (nearestRank(rtts, 95) - rtts[0]).Seconds()
}

// median of a sorted, not empty list: the mean of the two in the middle when
// their number is even.
func median(sorted []time.Duration) time.Duration {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// nearestRank is the smallest value of a sorted, not empty list that at least
// percent of its values do not exceed. With few values it is the largest one.
func nearestRank(sorted []time.Duration, percent int) time.Duration {
	rank := (percent*len(sorted) + 99) / 100
	return sorted[rank-1]
}

// jitter is the smoothed difference of neighbouring delays, RFC 3550 section
// 6.4.1: J += (|D(i-1,i)| - J) / 16, in order of arrival. It is meant to run on
// for as long as packets come; it starts from 0 and needs some 50 to settle.
type jitter struct {
	last    time.Duration
	seconds float64
	packets int
}

func (j *jitter) add(delay time.Duration) {
	if j.packets > 0 {
		d := (delay - j.last).Abs().Seconds()
		j.seconds += (d - j.seconds) / 16
	}
	j.packets++
	j.last = delay
}
