package agent_test

import (
	"bytes"
	"compress/gzip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/agent"
	"thongsuot/wire"
)

func page(detail string, fields ...thongsuot.Field) thongsuot.Result {
	return thongsuot.Result{
		Probe: "portal", Kind: thongsuot.ProbePortal, Target: "https://dichvucong.gov.vn/", Reason: thongsuot.ReasonOK, Detail: detail,
		Fields: append([]thongsuot.Field{{Name: thongsuot.FieldTotal, Value: 0.2031}, {Name: thongsuot.FieldStatusCode, Value: 200}}, fields...),
	}
}

func expires(at float64) thongsuot.Field {
	return thongsuot.Field{Name: thongsuot.FieldTLSExpiry, Value: at}
}

// Who issued a certificate is said on change, after a failure and once an hour;
// and whoever hears all results knows it all the time.
func TestSlowFactsAreSaidRarely(t *testing.T) {
	trim := agent.Trimmed()
	held := thongsuot.Result{}
	f := func(minute int, is thongsuot.Result, says bool) {
		t.Helper()
		got := trim(agent.Measured{Result: is, Began: time.Duration(minute) * time.Minute})
		_, said := got.Field(thongsuot.FieldTLSExpiry)
		if said != says || is.OK() && (got.Detail != "") != says {
			t.Errorf("minute %d: said %v with %q", minute, said, got.Detail)
		}
		if v, ok := got.Field(thongsuot.FieldTotal); is.OK() && (!ok || v != 0.2031) {
			t.Errorf("minute %d: %v", minute, got.Fields)
		}
		held = got.Recall(held)
		if byName := func(a, b thongsuot.Field) int { return strings.Compare(a.Name, b.Name) }; !reflect.DeepEqual(
			slices.SortedFunc(slices.Values(held.Fields), byName), slices.SortedFunc(slices.Values(is.Fields), byName)) || held.Detail != is.Detail {
			t.Errorf("minute %d: the centre holds %+v of %+v", minute, held, is)
		}
	}
	first, second := page("R11, Let's Encrypt", expires(1798761599)), page("R12, Let's Encrypt", expires(1806537599))
	f(0, first, true)
	for minute := 1; minute < 60; minute++ {
		f(minute, first, false)
	}
	f(60, first, true)
	f(61, first, false)
	f(62, second, true)
	f(63, second, false)
	failed := thongsuot.Result{Probe: "portal", Kind: thongsuot.ProbePortal, Target: first.Target, Reason: thongsuot.ReasonConnectTimeout, Detail: "no answer"}
	f(64, failed, false)
	f(65, second, true)
	moved := second
	moved.Target = "https://khac.example/"
	f(66, moved, true)
}

// A minute that is summed up says what one of its rounds said.
func TestSumsKeepSlowFacts(t *testing.T) {
	trim := agent.Trimmed()
	var ms []agent.Measured
	for i := range 4 {
		at := time.Duration(i) * 15 * time.Second
		ms = append(ms, agent.Measured{Result: trim(agent.Measured{Result: page("R11", expires(1798761599)), Began: at}), Began: at})
	}
	got := agent.Summarise(ms)
	if v, ok := got[0].Field(thongsuot.FieldTLSExpiry); len(got) != 1 || !ok || v != 1798761599 || got[0].Detail != "R11" {
		t.Errorf("got %+v", got)
	}
}

// Fewer bytes cross for the same knowledge.
func TestSlowFactsSaveBytes(t *testing.T) {
	hour := func(trim func(agent.Measured) thongsuot.Result) (n int) {
		for i := range 60 {
			m := agent.Measured{Result: page("R11, Let's Encrypt", expires(1798761599)), Began: time.Duration(i) * time.Minute}
			r := trim(m)
			r.At = time.UnixMilli(1764000000000 + int64(i)*60000)
			lines, err := wire.Encode([]thongsuot.Result{r})
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write([]byte(lines[0]))
			_ = z.Close()
			n += b.Len()
		}
		return n
	}
	all, few := hour(func(m agent.Measured) thongsuot.Result { return m.Result }), hour(agent.Trimmed())
	t.Logf("an hour of a portal: %d bytes with all facts, %d without those that were said", all, few)
	if few > all*3/4 {
		t.Errorf("%d bytes instead of %d", few, all)
	}
}
