package promapi

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"time"

	"thongsuot"
)

// Alert is something that is wrong now, in the shape of a firing alert.
type Alert struct {
	Rule        string // the name of the rule, its label alertname
	Labels      []thongsuot.Label
	Annotations []thongsuot.Label
	Since       time.Time
	Value       float64 // of the rule's query
}

// Rule is what makes an alert of a name, in the shape of an alerting rule.
type Rule struct {
	Name    string
	Query   string // PromQL that shows the same in the stored series
	Summary string
}

func (h *handler) active(r *http.Request) ([]Alert, error) {
	all, err := h.opt.Alerts(r.Context())
	slices.SortStableFunc(all, func(a, b Alert) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), a.Since.Compare(b.Since)) })
	return all, err
}

func (h *handler) alerts(r *http.Request) (answer, error) {
	all, err := h.active(r)
	if err != nil {
		return answer{}, err
	}
	return answer{data: func(w *writer) {
		w.object(func() {
			w.key("alerts")
			w.array(len(all), func(i int) { w.alert(all[i]) })
		})
	}}, nil
}

func (w *writer) alert(a Alert) {
	w.object(func() {
		w.key("labels")
		w.labels(append([]thongsuot.Label{{Name: "alertname", Value: a.Rule}}, a.Labels...))
		w.key("annotations")
		w.labels(a.Annotations)
		w.field("state", "firing")
		w.field("activeAt", a.Since.UTC().Format(time.RFC3339Nano))
		w.field("value", strconv.FormatFloat(a.Value, 'e', -1, 64))
	})
}

func (w *writer) labels(all []thongsuot.Label) {
	w.object(func() {
		for _, l := range all {
			w.field(l.Name, l.Value)
		}
	})
}

// rules lists the one group there is. The engine judges by itself, event by
// event: the queries are what its verdicts look like in the store.
func (h *handler) rules(r *http.Request) (answer, error) {
	if t := r.Form.Get("type"); t == "record" {
		return answer{data: func(w *writer) { w.groups(nil, nil) }}, nil
	}
	all, err := h.active(r)
	if err != nil {
		return answer{}, err
	}
	return answer{data: func(w *writer) { w.groups(h.opt.Rules, all) }}, nil
}

func (w *writer) groups(rules []Rule, alerts []Alert) {
	w.object(func() {
		w.key("groups")
		w.array(min(1, len(rules)), func(int) {
			w.object(func() {
				w.field("name", "incidents")
				w.field("file", "thongsuot")
				w.key("rules")
				w.array(len(rules), func(i int) { w.rule(rules[i], alerts) })
				w.key("interval")
				w.raw("1")
				w.key("limit")
				w.raw("0")
				w.field("lastEvaluation", time.Time{}.Format(time.RFC3339Nano))
				w.key("evaluationTime")
				w.raw("0")
			})
		})
	})
}

func (w *writer) rule(r Rule, alerts []Alert) {
	mine := slices.DeleteFunc(slices.Clone(alerts), func(a Alert) bool { return a.Rule != r.Name })
	state := "inactive"
	if len(mine) > 0 {
		state = "firing"
	}
	w.object(func() {
		w.field("state", state)
		w.field("name", r.Name)
		w.field("query", r.Query)
		w.key("duration")
		w.raw("0")
		w.key("keepFiringFor")
		w.raw("0")
		w.key("labels")
		w.labels(nil)
		w.key("annotations")
		w.labels([]thongsuot.Label{{Name: "summary", Value: r.Summary}})
		w.key("alerts")
		w.array(len(mine), func(i int) { w.alert(mine[i]) })
		w.field("health", "ok")
		w.field("lastEvaluation", time.Time{}.Format(time.RFC3339Nano))
		w.key("evaluationTime")
		w.raw("0")
		w.field("type", "alerting")
	})
}
