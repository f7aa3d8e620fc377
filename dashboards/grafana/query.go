package grafana

import (
	"fmt"
	"strconv"
	"strings"
)

// query is one line or group of lines of a chart, in no language: what each
// series was in a step, and how series become one.
type query struct {
	metric string
	where  []match
	over   string   // of each series in a step: last, mean, min, max or rate
	is     *float64 // 1 where the value of the step is this one, else 0
	agg    string   // over the series: sum, mean, min, max, count or p95
	by     []string // labels that keep series apart
	name   string   // of the line, in Grafana's words; "" for the values of by
}

// match is a condition on a label. The value is a regular expression over the
// whole of it; Grafana puts the choices of a variable in place of $name.
type match struct {
	label, value string
	not          bool
}

const (
	step      = "$__rate_interval" // at least four of the centre's minutes
	chosen    = "$site"
	fluxStep  = "v.windowPeriod"
	quantileQ = "0.95"
)

func (q query) promQL() string {
	var conds []string
	for _, m := range q.where {
		op := "=~"
		if m.not {
			op = "!~"
		}
		conds = append(conds, m.label+op+strconv.Quote(m.value))
	}
	inner := q.metric
	if len(conds) > 0 {
		inner += "{" + strings.Join(conds, ",") + "}"
	}
	over := map[string]string{"last": "last_over_time", "mean": "avg_over_time", "min": "min_over_time", "max": "max_over_time", "rate": "rate"}[q.over]
	inner = over + "(" + inner + "[" + step + "])"
	if q.is != nil {
		inner = fmt.Sprintf("(%s == bool %s)", inner, number(*q.is))
	}
	by := " "
	if len(q.by) > 0 {
		by = " by (" + strings.Join(q.by, ", ") + ") "
	}
	switch q.agg {
	case "p95":
		return "quantile" + by + "(" + quantileQ + ", " + inner + ")"
	case "mean":
		return "avg" + by + "(" + inner + ")"
	default:
		return q.agg + by + "(" + inner + ")"
	}
}

// flux is the same in Flux: measurement and metric are one, the field is value.
func (q query) flux() string {
	lines := []string{"from(bucket: v.defaultBucket)", "range(start: v.timeRangeStart, stop: v.timeRangeStop)"}
	conds := []string{`r._measurement == ` + strconv.Quote(q.metric), `r._field == "value"`}
	for _, m := range q.where {
		op, value := "=~", strings.ReplaceAll(m.value, chosen, "${site:regex}")
		if m.not {
			op = "!~"
		}
		conds = append(conds, fmt.Sprintf("r.%s %s /^(%s)$/", m.label, op, strings.ReplaceAll(value, "/", `\/`)))
	}
	lines = append(lines, "filter(fn: (r) => "+strings.Join(conds, " and ")+")")
	if q.over == "rate" {
		lines = append(lines, "derivative(unit: 1s, nonNegative: true)")
	}
	over := q.over
	if over == "rate" {
		over = "mean"
	}
	lines = append(lines, fmt.Sprintf("aggregateWindow(every: %s, fn: %s, createEmpty: false)", fluxStep, over))
	if q.is != nil {
		lines = append(lines, fmt.Sprintf("map(fn: (r) => ({r with _value: if r._value == %s then 1.0 else 0.0}))", fluxFloat(*q.is)))
	}
	var by strings.Builder
	for _, l := range q.by {
		by.WriteString(strconv.Quote(l) + ", ")
	}
	agg := q.agg + "()"
	if q.agg == "p95" {
		agg = "quantile(q: " + quantileQ + `, method: "exact_mean")`
	}
	lines = append(lines,
		fmt.Sprintf(`group(columns: [%s"_time"])`, by.String()), agg,
		fmt.Sprintf("group(columns: [%s])", strings.TrimSuffix(by.String(), ", ")), `sort(columns: ["_time"])`)
	return strings.Join(lines, "\n  |> ")
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// fluxFloat writes v so that Flux reads no whole number.
func fluxFloat(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// legend is how Grafana names a line.
func (q query) legend() string {
	if q.name != "" {
		return q.name
	}
	var parts []string
	for _, l := range q.by {
		parts = append(parts, "{{"+l+"}}")
	}
	return strings.Join(parts, " · ")
}
