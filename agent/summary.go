package agent

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"thongsuot"
	"thongsuot/agent/spool"
)

// rollupSpan is what one roll-up stands for when the oldest rounds make room:
// four an hour still show a day's course.
const rollupSpan = 15 * time.Minute

// minutesOf is where the minutes of a site begin: each has a phase of its own,
// so that a province does not post in the same second.
func minutesOf(site string) time.Duration { return phase(site, "post", time.Minute) }

// minuteOf numbers the minutes of a boot.
func minuteOf(at, phase time.Duration) int64 {
	return int64(math.Floor(float64(at-phase) / float64(time.Minute)))
}

// summarise makes one result of all runs of a probe that asked the same and
// answered for the same reason, dated as the newest of them. Counts are added,
// the ratio of loss follows from them, the smallest stays the smallest and the
// largest the largest; of delays the median stands for all, of 95th
// percentiles the highest, which is a bound and can be summed up again. What
// is a state, such as a charge, is what it was last.
func summarise(ms []measured) []measured {
	type key struct{ probe, kind, target, reason string }
	groups := map[key][]measured{}
	var order []key
	for _, m := range ms {
		k := key{m.Probe, string(m.Kind), m.Target, string(m.Reason)}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], m)
	}
	out := make([]measured, 0, len(order))
	for _, k := range order {
		out = append(out, merge(groups[k]))
	}
	slices.SortStableFunc(out, func(a, b measured) int { return cmp.Compare(a.began, b.began) })
	return out
}

// merge sums up runs that are alike.
func merge(ms []measured) measured {
	if len(ms) == 1 {
		return ms[0]
	}
	ms = slices.Clone(ms)
	slices.SortStableFunc(ms, func(a, b measured) int { return cmp.Compare(b.began, a.began) })
	out := ms[0]
	for _, m := range ms {
		out.Detail = cmp.Or(out.Detail, m.Detail) // said once an hour, see facts
	}
	out.Fields = nil
	runs := 0
	var names []string
	for _, m := range ms {
		runs += m.Runs()
		for _, f := range m.Fields {
			if f.Name != thongsuot.FieldRuns && !slices.Contains(names, f.Name) {
				names = append(names, f.Name)
			}
		}
	}
	for _, name := range names {
		out.Fields = append(out.Fields, thongsuot.Field{Name: name, Value: mergeField(name, ms)})
	}
	sent, _ := out.Field(thongsuot.FieldSent)
	received, _ := out.Field(thongsuot.FieldReceived)
	for i, f := range out.Fields {
		if f.Name == thongsuot.FieldLoss && sent > 0 {
			out.Fields[i].Value = 1 - received/sent
		}
	}
	out.Fields = append(out.Fields, thongsuot.Field{Name: thongsuot.FieldRuns, Value: float64(runs)})
	return out
}

// weighted is a value and how many runs said it.
type weighted struct {
	value float64
	runs  int
}

func mergeField(name string, newestFirst []measured) float64 {
	var values []weighted
	for _, m := range newestFirst {
		if v, ok := m.Field(name); ok {
			values = append(values, weighted{v, m.Runs()})
		}
	}
	byValue := func(a, b weighted) int { return cmp.Compare(a.value, b.value) }
	switch {
	case name == thongsuot.FieldSent || name == thongsuot.FieldReceived:
		sum := 0.0
		for _, v := range values {
			sum += v.value
		}
		return sum
	case name == thongsuot.FieldRTTMin:
		return slices.MinFunc(values, byValue).value
	case name == thongsuot.FieldRTTMax || name == thongsuot.FieldRTTP95:
		return slices.MaxFunc(values, byValue).value
	case isDelay(name):
		return median(values)
	default:
		return values[0].value
	}
}

// isDelay tells what took a while from what is a state or a moment.
func isDelay(name string) bool {
	switch name {
	case thongsuot.FieldUptime, thongsuot.FieldSuspended, thongsuot.FieldRuntime, thongsuot.FieldBeatEvery, thongsuot.FieldPageEvery, thongsuot.FieldClockOffset, thongsuot.FieldClockError:
		return false
	}
	return strings.HasSuffix(name, "_seconds") && !strings.HasSuffix(name, "_timestamp_seconds")
}

// median is the value in the middle of all runs; of two in the middle the lower.
func median(values []weighted) float64 {
	slices.SortFunc(values, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
	total := 0
	for _, v := range values {
		total += v.runs
	}
	seen := 0
	for _, v := range values {
		if seen += v.runs; 2*seen >= total {
			return v.value
		}
	}
	return values[len(values)-1].value
}

// rollUp is what the spool does with its oldest rounds before it drops any: one
// record for a quarter of an hour, under the number of the last that is in it.
// What cannot be read stays as it is.
func rollUp(records []spool.Record) []spool.Record {
	var out []spool.Record
	var open round // results of the rounds in the last of out, when it is a roll-up
	var span int64
	for _, rec := range records {
		r, err := unmarshalRound(rec.Payload)
		if err != nil {
			out, open = append(out, rec), round{}
			continue
		}
		at := int64(r.stamp.Boottime / rollupSpan)
		if len(open.results) == 0 || open.stamp.Boot != r.stamp.Boot || span != at {
			out, open, span = append(out, rec), r, at
			continue
		}
		for i := range open.results { // ages in a record count from its own stamp
			open.results[i].began = min(open.results[i].began, r.stamp.Boottime)
		}
		open = round{stamp: r.stamp, results: summarise(append(open.results, r.results...))}
		out[len(out)-1] = spool.Record{Seq: rec.Seq, Class: rec.Class, Payload: open.marshal()}
	}
	return out
}
