package wire_test

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"thongsuot"
	"thongsuot/wire"
)

var at = time.Date(2026, 11, 23, 7, 5, 7, 123e6, time.UTC)

func TestResultsCrossTheWire(t *testing.T) {
	want := []thongsuot.Result{
		{
			Probe: "gateway", Kind: thongsuot.ProbeICMP, Target: "192.0.2.1", At: at, Reason: thongsuot.ReasonOK,
			Fields: []thongsuot.Field{{Name: thongsuot.FieldSent, Value: 5}, {Name: thongsuot.FieldLoss, Value: 0.2}, {Name: thongsuot.FieldRTTMedian, Value: 0.0123}},
		},
		{Probe: "portal-4g", Line: "4g", Kind: thongsuot.ProbePortal, Target: `https://dichvucong.example/a b,c="d"\e`, At: at, Reason: thongsuot.ReasonTLSExpired, Detail: `chứng chỉ "hết hạn", 01/11/2026 \ x`},
		{Probe: "D'Ran, B'Lao=1", Kind: thongsuot.ProbeTCP, Target: "Xuân Hương - Đà Lạt", At: at, Reason: thongsuot.ReasonConnectTimeout},
	}
	lines, err := wire.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	points, bad, err := wire.Decode([]byte(strings.Join(lines, "\n")), lineprotocol.Millisecond, at)
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	var got []thongsuot.Result
	for _, p := range points {
		r, ok := p.Result()
		if !ok {
			t.Fatalf("not a result: %+v", p)
		}
		got = append(got, r)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestDurationsAreRoundedToTheirMeaning(t *testing.T) {
	f := func(name string, in float64, want string) {
		t.Helper()
		lines, err := wire.Encode([]thongsuot.Result{{Probe: "p", Kind: thongsuot.ProbeTCP, At: at, Reason: thongsuot.ReasonOK, Fields: []thongsuot.Field{{Name: name, Value: in}}}})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(lines[0], want+" ") {
			t.Errorf("%s=%v: got %s, want %s", name, in, lines[0], want)
		}
	}
	f("connect_seconds", 0.012345678, "connect_seconds=0.0123")
	f("connect_seconds", 1.00005, "connect_seconds=1.0001")
	f("loss_ratio", 1.0/3, "loss_ratio=0.3333")
	f("tls_not_after_timestamp_seconds", 1795478400, "tls_not_after_timestamp_seconds=1.7954784e+09")
	f("body_bytes", 8192, "body_bytes=8192")
}

func TestUndatedResultIsNotSent(t *testing.T) {
	if _, err := wire.Encode([]thongsuot.Result{{Probe: "p", Kind: thongsuot.ProbeTCP}}); err == nil {
		t.Error("an undated result was encoded")
	}
}

func TestBadLineHarmsNoOther(t *testing.T) {
	body := "icmp,probe=a ok=1 1700000000000\nicmp,probe=b ok=oops 1700000000000\n\n# remark\nicmp,probe=c ok=1 1700000000000\nbroken"
	points, bad, err := wire.Decode([]byte(body), lineprotocol.Millisecond, at)
	if err != nil {
		t.Fatal(err)
	}
	if len(points) != 2 || len(bad) != 2 || bad[0].Line != 2 || bad[1].Line != 6 {
		t.Errorf("points %d, bad %v", len(points), bad)
	}
}

func TestLimitsOfABody(t *testing.T) {
	if _, _, err := wire.Decode([]byte(strings.Repeat("a b=1\n", wire.MaxLines+1)), lineprotocol.Nanosecond, at); err == nil {
		t.Error("too many lines were taken")
	}
	_, bad, err := wire.Decode([]byte("a,t="+strings.Repeat("x", wire.MaxValue+1)+" b=1\n"), lineprotocol.Nanosecond, at)
	if err != nil || len(bad) != 1 {
		t.Errorf("long tag value: bad %v, err %v", bad, err)
	}
	if _, _, err := wire.Decode([]byte(strings.Repeat("a b=1,c=2,d=3,e=4,f=5,g=6,h=7,i=8,j=9,k=10,l=11\n", wire.MaxLines)), lineprotocol.Nanosecond, at); !errors.Is(err, wire.ErrTooMuch) {
		t.Errorf("55000 fields: %v", err)
	}
	var fields []string
	for i := range wire.MaxFields + 1 {
		fields = append(fields, fmt.Sprintf("f%d=1", i))
	}
	_, bad, err = wire.Decode([]byte("a "+strings.Join(fields, ",")), lineprotocol.Nanosecond, at)
	if err != nil || len(bad) != 1 {
		t.Errorf("many fields: bad %v, err %v", bad, err)
	}
}

// Every fault is known by its line, and ends with it.
func TestLinesAreNamed(t *testing.T) {
	f := func(name, body string, wantGood, wantBad []int) {
		t.Helper()
		points, bad, err := wire.Decode([]byte(body), lineprotocol.Nanosecond, at)
		if err != nil {
			t.Fatal(err)
		}
		var gotGood, gotBad []int
		for _, p := range points {
			gotGood = append(gotGood, p.Line)
		}
		for _, b := range bad {
			gotBad = append(gotBad, b.Line)
		}
		if !reflect.DeepEqual(gotGood, wantGood) || !reflect.DeepEqual(gotBad, wantBad) {
			t.Errorf("%s: good %v bad %v, want %v and %v", name, gotGood, gotBad, wantGood, wantBad)
		}
	}
	f("plain", "a b=1\na b=2\na b=3", []int{1, 2, 3}, nil)
	f("plain, ended", "a b=1\na b=2\n", []int{1, 2}, nil)
	f("remarks and empty lines", "# x\n\na b=1\n  \na b=x\na b=3\n", []int{3, 6}, []int{5})
	f("carriage returns", "a b=1\r\na b=2\r\n", []int{1, 2}, nil)
	f("a text over lines", "a b=\"x\ny\"\na b=1\na b=?\n", []int{1, 3}, []int{4})
	f("a text that does not end", "a b=1\na b=\"x\na b=2\na b=\"y\",c=3\n", []int{1, 3, 4}, []int{2})
	f("a long line", "a b=1\na b=\""+strings.Repeat("x", wire.MaxLine)+"\"\na b=2\n", []int{1, 3}, []int{2})
	f("a long last line", "a b=1\n"+strings.Repeat("x", wire.MaxLine+1), []int{1}, []int{2})
	f("a long text over lines", "a b=\""+strings.Repeat(strings.Repeat("x", 31)+"\n", wire.MaxLine/32+1)+"\"\n", nil, upTo(wire.MaxLine/32+2))
	f("nothing", "\n\n", nil, nil)
	f("too many tags is one line's fault", "a"+strings.Repeat(",t=1", wire.MaxTags+1)+" b=1\na b=1", []int{2}, []int{1})
}

func upTo(n int) (out []int) {
	for i := range n {
		out = append(out, i+1)
	}
	return out
}

func TestRefusedLinesCrossTheWire(t *testing.T) {
	f := func(in []int, text string) {
		t.Helper()
		if got := wire.FormatLines(in); got != text {
			t.Errorf("%v: %q, want %q", in, got, text)
		}
		runs, ok := wire.ParseLines(http.Header{wire.HeaderLines: {text}})
		if ok != (len(in) > 0) {
			t.Fatalf("%q: ok is %v", text, ok)
		}
		for _, l := range in {
			if !slices.ContainsFunc(runs, func(r wire.SeqRange) bool { return r.From <= uint64(l) && uint64(l) <= r.To }) {
				t.Errorf("line %d is not in %v", l, runs)
			}
		}
	}
	f(nil, "")
	f([]int{3}, "3")
	f([]int{1, 2, 3, 7, 9, 10}, "1-3,7,9-10")
	var odd []int
	for i := range wire.MaxLines / 2 {
		odd = append(odd, 2*i+1)
	}
	if got := wire.FormatLines(odd); !strings.HasSuffix(got, fmt.Sprintf(",127-%d", wire.MaxLines-1)) {
		t.Errorf("many runs: %q", got)
	}
}

// No sender can name the site: whatever it says, the series are those of its token.
func TestSiteIsTheTokens(t *testing.T) {
	points, bad, err := wire.Decode([]byte(`icmp,site=99999,probe=a,__name__=evil ok=1,site=3 1700000000000`), lineprotocol.Millisecond, at)
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	for _, s := range points[0].Samples("25051") {
		for _, l := range s.Labels {
			if l.Name == thongsuot.LabelSite && l.Value != "25051" || strings.HasPrefix(l.Name, "__") {
				t.Errorf("label %+v in %+v", l, s)
			}
		}
	}
}

func TestForeignNamesBecomeMetricNames(t *testing.T) {
	points, _, err := wire.Decode([]byte("net\\ response,host\\ name=x,2nd=y result.code=2i,success=true,msg=\"không\" 1700000000000"), lineprotocol.Millisecond, at)
	if err != nil {
		t.Fatal(err)
	}
	got := points[0].Samples("s")
	if len(got) != 2 || got[0].Metric != "net_response_result_code" || got[0].Value != 2 || got[1].Metric != "net_response_success" || got[1].Value != 1 {
		t.Errorf("got %+v", got)
	}
	want := []thongsuot.Label{{Name: "_2nd", Value: "y"}, {Name: "host_name", Value: "x"}, {Name: "site", Value: "s"}}
	if !reflect.DeepEqual(got[0].Labels, want) {
		t.Errorf("labels %+v", got[0].Labels)
	}
	if len(points[0].Texts) != 1 {
		t.Errorf("texts %+v", points[0].Texts)
	}
}

func TestHeaderRoundTrip(t *testing.T) {
	want := wire.Header{Boot: "5a5b", Running: "6c6d", Start: 7, Seq: []wire.SeqRange{{4, 9}, {12, 12}}, Version: "0.1.0", Lane: wire.LaneBacklog, Again: true}
	h := http.Header{}
	want.Set(h)
	got, ok, err := wire.ParseHeader(h)
	if err != nil || !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v %v %v", got, ok, err)
	}
	h.Del(wire.HeaderLane)
	h.Del(wire.HeaderAgain)
	if got, _, err := wire.ParseHeader(h); err != nil || got.Lane != wire.LaneLive || got.Again {
		t.Errorf("nothing said of the lane: %+v %v", got, err)
	}
	if _, ok, err := wire.ParseHeader(http.Header{}); ok || err != nil {
		t.Errorf("a foreign client: %v %v", ok, err)
	}
}

func TestBadHeadersAreNamed(t *testing.T) {
	f := func(name, value string) {
		t.Helper()
		h := http.Header{}
		wire.Header{Boot: "b", Running: "b", Seq: []wire.SeqRange{{1, 1}}}.Set(h)
		h.Set(name, value)
		if _, _, err := wire.ParseHeader(h); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %q: err %v", name, value, err)
		}
	}
	f(wire.HeaderSeq, "9-4")
	f(wire.HeaderSeq, "1-99999999")
	f(wire.HeaderSeq, "-1")
	f(wire.HeaderSeq, "x")
	f(wire.HeaderSeq, strings.Repeat("1,", wire.MaxSeqRuns)+"1")
	f(wire.HeaderSeq, "18446744073709551615")
	f(wire.HeaderBoot, "a\x7fb")
	f(wire.HeaderBoot, "")
	f(wire.HeaderStart, "4294967296")
	f(wire.HeaderVersion, "0.1\x00")
	f(wire.HeaderLane, "fast")
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("icmp,probe=a ok=1 1700000000000\nx y=\"z\" 5"), "s")
	f.Add([]byte("a,b=c d=1i,e=2u,f=t,g=\"h\\\"\" -1\n\\"), "25051")
	f.Fuzz(func(t *testing.T, body []byte, site string) {
		points, bad, err := wire.Decode(body, lineprotocol.Nanosecond, at)
		if err != nil {
			return
		}
		lines := map[int]bool{}
		for _, p := range points {
			lines[p.Line] = true
		}
		for _, b := range bad {
			lines[b.Line] = true
		}
		if last := strings.Count(string(body), "\n") + 1; len(lines) != len(points)+len(bad) || len(lines) > last || lines[0] || lines[last+1] {
			t.Fatalf("lines %v of %d", lines, last)
		}
		for _, p := range points {
			for _, s := range p.Samples(site) {
				for i, l := range s.Labels {
					if l.Name == thongsuot.LabelSite && l.Value != site {
						t.Fatalf("foreign site %q", l.Value)
					}
					if i > 0 && s.Labels[i-1].Name >= l.Name {
						t.Fatalf("labels out of order: %+v", s.Labels)
					}
				}
			}
			if r, ok := p.Result(); ok && len(r.Detail) > thongsuot.MaxDetail+len("…") {
				t.Fatalf("long detail: %d", len(r.Detail))
			}
		}
	})
}

func FuzzEncode(f *testing.F) {
	f.Add("gateway", "192.0.2.1", "chi tiết\\", 0.25)
	f.Fuzz(func(t *testing.T, probe, target, detail string, v float64) {
		in := thongsuot.Result{Probe: probe, Kind: thongsuot.ProbeICMP, Target: target, Detail: detail, At: at, Reason: thongsuot.ReasonTimeout, Fields: []thongsuot.Field{{Name: "load_ratio", Value: v}}}
		lines, err := wire.Encode([]thongsuot.Result{in})
		if err != nil {
			t.Fatal(err)
		}
		points, bad, err := wire.Decode([]byte(lines[0]), lineprotocol.Millisecond, at)
		if len(target) > wire.MaxValue || len(probe) > wire.MaxValue {
			return
		}
		if err != nil || len(bad) > 0 || len(points) != 1 {
			t.Fatalf("%q: %v %v", lines[0], bad, err)
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add("1-4,9", "boot", "3")
	f.Fuzz(func(t *testing.T, seq, boot, start string) {
		h, ok, err := wire.ParseHeader(http.Header{wire.HeaderSeq: {seq}, wire.HeaderBoot: {boot}, wire.HeaderRunning: {boot}, wire.HeaderStart: {start}})
		if err == nil && ok && len(h.Seq) > wire.MaxSeqRuns {
			t.Fatalf("%d ranges", len(h.Seq))
		}
	})
}

func FuzzNames(f *testing.F) {
	f.Add(`{"names":{"dichvucong.gov.vn":["203.0.113.7","2001:db8::1"]}}`)
	f.Add(`{"names":{"a":[""]}}`)
	f.Add(`{"names":null}`)
	f.Fuzz(func(t *testing.T, s string) {
		n, err := wire.ReadNames(strings.NewReader(s))
		for name, addrs := range n.Names {
			for _, a := range addrs {
				if err == nil && !a.IsValid() {
					t.Errorf("%q has no address", name)
				}
			}
		}
	})
}
