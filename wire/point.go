package wire

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"thongsuot"
)

// Point is one line of line protocol.
type Point struct {
	Line        int // in its body, from 1
	Measurement string
	Tags        []thongsuot.Label // sorted by name
	Numbers     []thongsuot.Field // numeric and true/false fields, in order
	Texts       []Text            // string fields, in order
	At          time.Time
}

// Text is a field whose value is a string.
type Text struct{ Name, Value string }

// ParsePrecision reads the precision parameter of a write: ns, us, ms or s;
// nothing means ns, as InfluxDB has it.
func ParsePrecision(s string) (lineprotocol.Precision, error) {
	switch s {
	case "", "ns":
		return lineprotocol.Nanosecond, nil
	case "us":
		return lineprotocol.Microsecond, nil
	case "ms":
		return lineprotocol.Millisecond, nil
	case "s":
		return lineprotocol.Second, nil
	default:
		return 0, fmt.Errorf("precision: want ns, us, ms or s (got %q)", cut(s, 20))
	}
}

func decodePoint(d *lineprotocol.Decoder, precision lineprotocol.Precision, now time.Time) (Point, error) {
	name, err := d.Measurement()
	if err != nil {
		return Point{}, err
	}
	p := Point{Measurement: string(name)}
	for {
		key, value, err := d.NextTag()
		if err != nil {
			return Point{}, err
		}
		if key == nil {
			break
		}
		if len(p.Tags) == MaxTags {
			return Point{}, fmt.Errorf("more than %d tags", MaxTags)
		}
		if len(value) > MaxValue {
			return Point{}, fmt.Errorf("tag %s: value of %d bytes, at most %d", cut(string(key), 40), len(value), MaxValue)
		}
		p.Tags = append(p.Tags, thongsuot.Label{Name: string(key), Value: string(value)})
	}
	if err := decodeFields(d, &p); err != nil {
		return Point{}, err
	}
	p.At, err = d.Time(precision, now)
	if err != nil {
		return Point{}, err
	}
	p.At = p.At.UTC().Truncate(time.Millisecond)
	return p, nil
}

func decodeFields(d *lineprotocol.Decoder, p *Point) error {
	for {
		key, value, err := d.NextField()
		if err != nil {
			return err
		}
		if key == nil {
			return nil
		}
		if len(p.Numbers)+len(p.Texts) == MaxFields {
			return fmt.Errorf("more than %d fields", MaxFields)
		}
		switch value.Kind() {
		case lineprotocol.String:
			p.Texts = append(p.Texts, Text{string(key), value.StringV()})
		case lineprotocol.Bool:
			v := 0.0
			if value.BoolV() {
				v = 1
			}
			p.Numbers = append(p.Numbers, thongsuot.Field{Name: string(key), Value: v})
		case lineprotocol.Int:
			p.Numbers = append(p.Numbers, thongsuot.Field{Name: string(key), Value: float64(value.IntV())})
		case lineprotocol.Uint:
			p.Numbers = append(p.Numbers, thongsuot.Field{Name: string(key), Value: float64(value.UintV())})
		default:
			p.Numbers = append(p.Numbers, thongsuot.Field{Name: string(key), Value: value.FloatV()})
		}
	}
}

// Samples are the numbers of the point as series of a site. The site is the
// one that the token proved; what the sender says of it is dropped, so no
// sender can write into another site's series. Texts cannot be samples.
func (p Point) Samples(site string) []thongsuot.Sample {
	labels := make([]thongsuot.Label, 0, len(p.Tags)+1)
	labels = append(labels, thongsuot.Label{Name: thongsuot.LabelSite, Value: site})
	for _, t := range p.Tags {
		name := metricName(t.Name)
		if name == thongsuot.LabelSite || t.Value == "" || strings.HasPrefix(name, "__") {
			continue
		}
		labels = append(labels, thongsuot.Label{Name: name, Value: t.Value})
	}
	labels = sortLabels(labels)
	measurement := metricName(p.Measurement)
	out := make([]thongsuot.Sample, 0, len(p.Numbers)+1)
	for _, f := range p.Numbers {
		out = append(out, thongsuot.Sample{Metric: measurement + "_" + metricName(f.Name), Labels: labels, At: p.At, Value: f.Value})
	}
	return out
}

// sortLabels orders labels by name and keeps the first of equal names.
func sortLabels(ls []thongsuot.Label) []thongsuot.Label {
	for i := 1; i < len(ls); i++ { // insertion: a handful, nearly sorted
		for j := i; j > 0 && ls[j].Name < ls[j-1].Name; j-- {
			ls[j], ls[j-1] = ls[j-1], ls[j]
		}
	}
	out := ls[:0]
	for i, l := range ls {
		if i == 0 || l.Name != out[len(out)-1].Name {
			out = append(out, l)
		}
	}
	return out
}

// metricName turns a foreign name into one of a metric or a label: letters,
// digits and underscores, no digit first.
func metricName(s string) string {
	ok := s != ""
	for i := 0; i < len(s) && ok; i++ {
		c := s[i]
		ok = c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' && i > 0
	}
	if ok {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '_', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		case r >= '0' && r <= '9':
			if i == 0 {
				b.WriteByte('_')
			}
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	if b.Len() == 0 {
		return "_"
	}
	return b.String()
}

// printableText makes s fit for a tag or a text: valid UTF-8 without control
// characters and without a backslash at the end, which line protocol cannot say.
func printableText(s string) string {
	clean := strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	return strings.TrimRight(clean, "\\")
}

// finite reports whether v can be said in line protocol.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
