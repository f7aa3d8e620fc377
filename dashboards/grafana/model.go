package grafana

import (
	"fmt"
	"strings"
)

// object is a JSON object in Grafana's words.
type object map[string]any

// board is one dashboard.
type board struct {
	name, title, about string // name is also its uid and its file
	sites              string // "": no choice of sites; else whether one or several: one, many
	panels             []panel
}

// panel is one chart. Six of width fill a quarter of the screen's 24.
type panel struct {
	title, about string
	kind         string // timeseries, stat, state-timeline or bargauge
	unit         string // Grafana's name of it
	width        int
	min, max     *float64
	stack        bool
	worst        int // colour from this on: 1 when 1 is bad, 0 for none
	states       bool
	embedded     bool // of what only a centre with the embedded store has
	queries      []query
}

const height = 8

// source is where a dashboard's data come from.
type source struct {
	kind string // Grafana's name of the plugin
	uid  string
}

var (
	prometheus = source{"prometheus", "thongsuot"}
	influxdb   = source{"influxdb", "thongsuot-influxdb"}
)

func (s source) ref() object { return object{"type": s.kind, "uid": s.uid} }

func (b board) json(s source) object {
	var panels []any
	x, y := 0, 0
	for i, p := range b.panels {
		if p.embedded && s.kind == influxdb.kind {
			continue
		}
		if x+p.width > 24 {
			x, y = 0, y+height
		}
		one := p.json(s)
		one["id"], one["gridPos"] = i+1, object{"x": x, "y": y, "w": p.width, "h": height}
		panels = append(panels, one)
		x += p.width
	}
	variables := []any{}
	if b.sites != "" {
		variables = append(variables, b.variable(s))
	}
	var links []any
	for _, other := range boards() {
		if other.name != b.name {
			links = append(links, object{"type": "link", "title": other.title, "url": "/d/" + s.id(other), "keepTime": true})
		}
	}
	return object{
		"uid": s.id(b), "title": b.title, "description": b.about, "tags": []string{"thongsuot", s.kind}, "schemaVersion": 39, "version": 1,
		"editable": true, "timezone": "Asia/Ho_Chi_Minh", "refresh": "1m", "time": object{"from": "now-24h", "to": "now"},
		"links": links, "panels": panels, "templating": object{"list": variables},
	}
}

func (s source) id(b board) string { return s.uid + "-" + b.name }

func (b board) variable(s source) object {
	v := object{
		"name": "site", "label": "Xã, phường, đặc khu", "description": "Mã đơn vị hành chính; tên hiển thị theo danh mục của trung tâm.",
		"type": "query", "datasource": s.ref(), "refresh": 2, "sort": 5, "includeAll": b.sites == "many", "multi": b.sites == "many",
	}
	if b.sites == "many" {
		v["allValue"], v["current"] = ".*", object{"selected": true, "text": "All", "value": "$__all"}
	}
	if s.kind == prometheus.kind {
		v["query"] = object{"query": "query_result(last_over_time(site_info[1h]))", "refId": "site"}
		v["regex"] = `/name="(?<text>[^"]+)".*site="(?<value>[^"]+)"/`
	} else {
		v["query"] = "from(bucket: v.defaultBucket)\n  |> range(start: -1h)\n  |> filter(fn: (r) => r._measurement == \"site_info\")\n  |> group()\n  |> distinct(column: \"site\")"
	}
	return v
}

func (p panel) json(s source) object {
	var targets []any
	for i, q := range p.queries {
		t := object{"refId": string(rune('A' + i)), "datasource": s.ref()}
		if s.kind == prometheus.kind {
			t["expr"], t["legendFormat"], t["range"], t["interval"] = q.promQL(), q.legend(), true, "1m"
		} else {
			t["query"] = q.flux()
		}
		targets = append(targets, t)
	}
	defaults := object{"unit": p.unit, "custom": object{}}
	var overrides []any
	if s.kind == influxdb.kind {
		defaults["displayName"] = "${__field.labels}"
		for i, q := range p.queries {
			name := fluxLegend(q)
			overrides = append(overrides, object{
				"matcher":    object{"id": "byFrameRefID", "options": string(rune('A' + i))},
				"properties": []any{object{"id": "displayName", "value": name}},
			})
		}
	}
	if p.min != nil {
		defaults["min"] = *p.min
	}
	if p.max != nil {
		defaults["max"] = *p.max
	}
	if p.worst > 0 {
		defaults["thresholds"] = object{"mode": "absolute", "steps": []any{object{"color": "green", "value": nil}, object{"color": "red", "value": p.worst}}}
	}
	if p.states {
		defaults["mappings"] = []any{object{"type": "value", "options": stateWords()}}
	}
	options := object{"legend": object{"showLegend": true, "displayMode": "list", "placement": "bottom"}, "tooltip": object{"mode": "multi", "sort": "desc"}}
	switch p.kind {
	case "timeseries":
		custom := object{"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "auto", "spanNulls": false}
		if p.stack {
			custom["stacking"], custom["fillOpacity"] = object{"mode": "normal", "group": "A"}, 40
		}
		defaults["custom"] = custom
	case "stat":
		options = object{"reduceOptions": object{"calcs": []string{"lastNotNull"}}, "colorMode": "value", "graphMode": "area"}
	case "bargauge":
		options = object{"reduceOptions": object{"calcs": []string{"mean"}}, "orientation": "horizontal", "displayMode": "basic"}
	case "state-timeline":
		options = object{"mergeValues": true, "showValue": "never", "legend": object{"showLegend": true, "displayMode": "list", "placement": "bottom"}}
	}
	return object{
		"type": p.kind, "title": p.title, "description": p.about, "datasource": s.ref(), "targets": targets, "options": options,
		"fieldConfig": object{"defaults": defaults, "overrides": overrides},
	}
}

func fluxLegend(q query) string {
	return strings.NewReplacer("{{", "${__field.labels.", "}}", "}").Replace(q.legend())
}

func stateWords() object {
	words := object{}
	for i, w := range []struct{ text, color string }{
		{"bình thường", "green"}, {"đã tắt", "text"}, {"chưa rõ", "purple"}, {"có nguy cơ", "yellow"}, {"suy giảm", "orange"}, {"không phục vụ được", "red"},
	} {
		words[fmt.Sprint(i)] = object{"text": w.text, "color": w.color, "index": i}
	}
	return words
}
