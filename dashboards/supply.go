package dashboards

import (
	"thongsuot"
	"thongsuot/chart"
)

// supply draws what a UPS said: its charge and the voltage of the mains, each
// with the time on battery under it. What it never said is left out.
func (t *renderer) supply(d drawing, f chart.Frame, track Track) (all []drawing) {
	battery := t.onBattery(track)
	for _, one := range []struct {
		id, field, text, unit string
		per                   float64 // of the unit in one of the field
		of                    func([]Point) (float64, bool)
		head                  string
		write                 func(float64) string
	}{
		{"", thongsuot.FieldCharge, "page.chart.charge", "%", 100, smallest, "page.chart.min", t.share},
		{"v", thongsuot.FieldInputVolts, "page.chart.volts", "V", 1, middle, "page.chart.median", t.volts},
	} {
		points := track.points(one.field)
		if len(points) == 0 {
			continue
		}
		d, f := d, f
		d.ID += one.id
		d.Address = "" // zooming shows lengths of time
		d.Title = capital(t.lang.T(one.text, t.lang.Probe(track.Probe)))
		d.Legend = []key{{"m", t.lang.T("page.chart.measured")}, {"fail", t.lang.T("page.chart.battery")}}
		f.ID, f.Title, f.Unit, f.Gap = d.ID+"-svg", d.Title, one.unit, gap(points)
		f.Desc = t.summary(points, one.write, "page.chart.desc")
		scaled := plotted(points)
		for i := range scaled {
			scaled[i].V *= one.per / 1000
		}
		d.SVG = chart.Lines(f, []chart.Layer{{Class: "m", Points: scaled}}, battery)
		d.table(t, f,
			column{one.head, points, one.of, one.write},
			column{"page.chart.max", points, largest, one.write},
			column{"page.chart.battery", track.points(thongsuot.FieldOnBattery), largest, t.yes},
		)
		all = append(all, d)
	}
	return all
}

// onBattery are the stretches without mains.
func (t *renderer) onBattery(track Track) (spans []chart.Span) {
	points := track.points(thongsuot.FieldOnBattery)
	usual := spacing(points)
	for _, p := range points {
		if !(p.V > 0) {
			continue
		}
		if n := len(spans); n > 0 && p.At.Sub(spans[n-1].To) <= usual/2 {
			spans[n-1].To = p.At.Add(usual)
			continue
		}
		spans = append(spans, chart.Span{From: p.At, To: p.At.Add(usual), Class: "fail", Title: t.lang.T("page.chart.battery")})
	}
	return spans
}

func (t *renderer) volts(v float64) string { return t.lang.Number(v, 0) + " V" }

// yes writes whether something was so at any time.
func (t *renderer) yes(v float64) string {
	if v > 0 {
		return t.lang.T("page.yes")
	}
	return t.lang.T("page.no")
}
