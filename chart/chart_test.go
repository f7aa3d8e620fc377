package chart_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"thongsuot/chart"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a drawing with testdata/name.svg.
func golden(t *testing.T, name string, got template.HTML) {
	t.Helper()
	sound(t, got)
	path := filepath.Join("testdata", name+".svg")
	text := strings.ReplaceAll(string(got), "><", ">\n<") + "\n"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s differs from what is drawn now; look at it after `go test ./chart -update`", path)
	}
}

var (
	notANumber = regexp.MustCompile(`NaN|Inf|e[+-]\d`)
	inline     = regexp.MustCompile(`\s(style|on\w+|fill|stroke)=`)
)

// sound fails for what no drawing may be: not well-formed, with numbers that
// are none, with style or script of its own, or with an id used twice.
func sound(t *testing.T, got template.HTML) {
	t.Helper()
	ids := make(map[string]bool)
	dec := xml.NewDecoder(strings.NewReader(string(got)))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, got)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local == "script" {
			t.Errorf("script in %s", got)
		}
		for _, a := range start.Attr {
			if notANumber.MatchString(a.Value) && a.Name.Local != "href" && a.Name.Local != "class" {
				t.Errorf("%s has %s=%q", start.Name.Local, a.Name.Local, a.Value)
			}
			if a.Name.Local == "id" && ids[a.Value] {
				t.Errorf("id %q is used twice", a.Value)
			}
			if a.Name.Local == "id" {
				ids[a.Value] = true
			}
		}
	}
	if m := inline.FindString(string(got)); m != "" {
		t.Errorf("colour or script within the drawing: %q", m)
	}
	for _, must := range []string{"<title", "<desc"} {
		if !strings.Contains(string(got), must) {
			t.Errorf("no %s> in %s", must, got)
		}
	}
}

var (
	zone = time.FixedZone("+07", 7*3600)
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, zone)
)

func frame(hours int) chart.Frame {
	return chart.Frame{
		ID: "c", Title: `Độ trễ <tới> "cổng mạng"`, Desc: "trung vị & dải", From: noon, To: noon.Add(time.Duration(hours) * time.Hour),
		Zone: zone, Gap: 25 * time.Minute, Comma: true,
	}
}

// every gives a value each ten minutes; NaN where f says so.
func every(hours int, f func(i int) float64) []chart.Point {
	var points []chart.Point
	for i := range hours * 6 {
		points = append(points, chart.Point{At: noon.Add(time.Duration(i) * 10 * time.Minute), V: f(i)})
	}
	return points
}

func wave(base, swing float64) func(int) float64 {
	return func(i int) float64 { return base + swing*math.Sin(float64(i)/5) }
}

func TestSmoke(t *testing.T) {
	hole := func(f func(int) float64) func(int) float64 {
		return func(i int) float64 {
			if i >= 40 && i < 50 {
				return math.NaN()
			}
			return f(i)
		}
	}
	spike := func(i int) float64 {
		if i == 100 {
			return 4
		}
		return wave(.060, .015)(i)
	}
	golden(t, "smoke", chart.Smoke(frame(24), chart.SmokeData{
		Median: every(24, hole(wave(.030, .010))),
		Bands: []chart.Band{
			{Class: "b1", Low: every(24, hole(wave(.020, .008))), High: every(24, hole(spike))},
			{Class: "b2", Low: every(24, hole(wave(.026, .009))), High: every(24, hole(wave(.040, .012)))},
		},
		Loss: every(24, func(i int) float64 {
			switch {
			case i >= 40 && i < 50:
				return 1
			case i == 20:
				return .02
			case i == 21:
				return .1
			case i == 22:
				return .4
			default:
				return 0
			}
		}),
	}))
}

func TestSmokeShowsWhatLeavesTheScale(t *testing.T) {
	median := every(24, wave(.030, .001))
	high := every(24, func(i int) float64 {
		if i == 7 {
			return 9
		}
		return .040
	})
	got := string(chart.Smoke(frame(24), chart.SmokeData{
		Median: median, Bands: []chart.Band{{Class: "b1", Low: median, High: high}},
	}))
	if strings.Count(got, `class="over"`) != 1 {
		t.Errorf("a value of 9 s among 40 ms is not marked at the top")
	}
	if strings.Contains(got, "9.000") {
		t.Errorf("one value of 9 s flattens the rest")
	}
}

func TestStack(t *testing.T) {
	golden(t, "stack", chart.Stack(frame(6), []chart.Layer{
		{Class: "p1", Points: every(6, wave(.010, .002))},
		{Class: "p2", Points: every(6, wave(.030, .010))},
		{Class: "p3", Points: every(3, wave(.050, .010))},
	}, []chart.Span{
		{From: noon.Add(2 * time.Hour), To: noon.Add(150 * time.Minute), Class: "fail", Title: "hết giờ <&>"},
		{From: noon.Add(-2 * time.Hour), To: noon.Add(-time.Hour), Class: "outside"},
	}))
}

func TestLines(t *testing.T) {
	golden(t, "lines", chart.Lines(frame(168), []chart.Layer{
		{Class: "m", Points: []chart.Point{
			{At: noon, V: .0004}, {At: noon.Add(20 * time.Minute), V: .0006},
			{At: noon.Add(50 * time.Hour), V: .0011}, // alone between two gaps
			{At: noon.Add(100 * time.Hour), V: .0008}, {At: noon.Add(100*time.Hour + 20*time.Minute), V: .0009},
			{At: noon.Add(-time.Hour), V: 5}, {At: noon.Add(400 * time.Hour), V: 5}, // off the axis
		}},
	}, nil))
}

func TestStrip(t *testing.T) {
	f := frame(168)
	golden(t, "strip", chart.Strip(f, "s-up", []chart.Span{
		{From: noon.Add(-5 * time.Hour), To: noon.Add(3 * time.Hour), Class: "s-down", Title: "mất điện"},
		{From: noon.Add(50 * time.Hour), To: noon.Add(50*time.Hour + time.Second), Class: "s-unknown"},
		{From: noon.Add(167 * time.Hour), To: noon.Add(999 * time.Hour), Class: "s-down"},
	}))
	axis := string(chart.Axis(f))
	for _, want := range []string{">24/11<", ">30/11<"} {
		if !strings.Contains(axis, want) {
			t.Errorf("axis of a week lacks %s: %s", want, axis)
		}
	}
}

// TestGapsAreGaps: a hole in the data starts a new stroke, never a bridge.
func TestGapsAreGaps(t *testing.T) {
	strokes := func(points []chart.Point) int {
		svg := string(chart.Lines(frame(24), []chart.Layer{{Class: "m", Points: points}}, nil))
		path := regexp.MustCompile(`<path class="m" d="([^"]*)"`).FindStringSubmatch(svg)
		if path == nil {
			return 0
		}
		return strings.Count(path[1], "M")
	}
	f := func(name string, want int, points []chart.Point) {
		t.Helper()
		if got := strokes(points); got != want {
			t.Errorf("%s: %d strokes, want %d", name, got, want)
		}
	}
	whole := every(24, wave(1, .1))
	f("nothing", 0, nil)
	f("one point", 1, whole[:1])
	f("no hole", 1, whole)
	f("a hole in time", 2, append(append([]chart.Point{}, whole[:50]...), whole[60:]...))
	f("one point missing is within the gap", 1, append(append([]chart.Point{}, whole[:50]...), whole[51:]...))
	f("not a number", 2, every(24, func(i int) float64 {
		if i == 30 {
			return math.Inf(1)
		}
		return 1
	}))
	f("never a number", 0, every(24, func(int) float64 { return math.NaN() }))
}

// TestAxisOfDelay: the ticks are round milliseconds in the form of the language.
func TestAxisOfDelay(t *testing.T) {
	f := func(top float64, comma bool, wants ...string) {
		t.Helper()
		frame := frame(1)
		frame.Comma = comma
		svg := string(chart.Lines(frame, []chart.Layer{{Class: "m", Points: every(1, func(int) float64 { return top })}}, nil))
		for _, want := range wants {
			if !strings.Contains(svg, ">"+want+"<") {
				t.Errorf("top %v s: no tick %q in %s", top, want, regexp.MustCompile(`class="y"[^<]*<`).FindAllString(svg, -1))
			}
		}
	}
	f(.0004, true, "0,0", "0,1", "0,4")
	f(.0004, false, "0.1")
	f(.250, true, "0", "50", "250")
	f(4.2, true, "1.000", "5.000")
	f(4.2, false, "1,000", "5,000")
	f(0, true, "0,0", "1,0")
}

// TestAxisOfTime: round local times; a midnight is a date.
func TestAxisOfTime(t *testing.T) {
	f := func(from time.Time, length time.Duration, wants ...string) {
		t.Helper()
		axis := string(chart.Axis(chart.Frame{From: from, To: from.Add(length), Zone: zone}))
		for _, want := range wants {
			if !strings.Contains(axis, ">"+want+"<") {
				t.Errorf("%v from %v: no %q in %s", length, from, want, axis)
			}
		}
		if n := strings.Count(axis, "<text"); n > 9 {
			t.Errorf("%v from %v: %d texts do not fit on a phone", length, from, n)
		}
	}
	f(noon.Add(7*time.Minute), time.Hour, "12:10", "12:30", "13:00")
	f(noon, 24*time.Hour, "15:00", "21:00", "24/11", "06:00")
	f(noon.UTC(), 24*time.Hour, "15:00", "24/11")
	f(noon, 7*24*time.Hour, "24/11", "27/11", "30/11")
	f(noon, 30*24*time.Hour, "28/11")
}

// FuzzDrawings: whatever the numbers, a drawing is sound and always the same.
func FuzzDrawings(f *testing.F) {
	f.Add(.02, .5, int64(600), 20)
	f.Add(math.Inf(-1), math.NaN(), int64(-5), 3)
	f.Add(-1.0, 1e300, int64(math.MaxInt64), 50)
	f.Add(5e-324, -5e-324, int64(0), 1)
	f.Fuzz(func(t *testing.T, a, b float64, apart int64, n int) {
		var x, y []chart.Point
		for i := range min(max(n, 0), 60) {
			at := noon.Add(time.Duration(apart) * time.Duration(i) * time.Second)
			x, y = append(x, chart.Point{At: at, V: a * float64(i)}), append(y, chart.Point{At: at, V: b / float64(i)})
		}
		fr := frame(24)
		fr.To = fr.From.Add(time.Duration(apart) * 30)
		layers := []chart.Layer{{Class: "p1", Points: x}, {Class: "p2", Points: y}}
		data := chart.SmokeData{Median: x, Bands: []chart.Band{{Class: "b1", Low: x, High: y}}, Loss: y}
		draw := func() []template.HTML {
			return []template.HTML{
				chart.Smoke(fr, data), chart.Lines(fr, layers, nil), chart.Stack(fr, layers, nil),
				chart.Strip(fr, "s-up", []chart.Span{{From: fr.To, To: fr.From, Class: "x"}, {From: noon, To: fr.To, Class: "x"}}),
			}
		}
		first := draw()
		for i, again := range draw() {
			sound(t, again)
			if again != first[i] {
				t.Errorf("drawing %d differs the second time", i)
			}
		}
	})
}
