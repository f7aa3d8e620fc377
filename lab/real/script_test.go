package real_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/lab/real"
)

func TestScript(t *testing.T) {
	s, err := real.Parse("x", strings.NewReader(`
# a comment
sites 4
isps 2
portal-every 15s
without-ups site-4
at 90s portal slow 20s for 1m label portal     # out of order
at 30s site-1 line loss 20% for 60s label access/lossy
at 30s site-2 power cut 10s for 40s label power
`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Sites != 4 || s.ISPs != 2 || s.PortalEvery != 15*time.Second || len(s.WithoutUPS) != 1 || s.End != 150*time.Second {
		t.Errorf("%+v", s)
	}
	want := real.Fault{
		Line: 8, At: 30 * time.Second, Target: "site-1", Kind: "line loss", Arg: "20%", For: time.Minute,
		Label: real.Label{Cause: thongsuot.CauseAccess, Sub: "lossy"},
	}
	if len(s.Faults) != 3 || s.Faults[0] != want || s.Faults[2].Target != "portal" {
		t.Errorf("%+v", s.Faults)
	}
}

func TestBadScripts(t *testing.T) {
	f := func(text string, says ...string) {
		t.Helper()
		_, err := real.Parse("bad", strings.NewReader(text))
		if err == nil {
			t.Errorf("%q: no error", text)
			return
		}
		for _, s := range says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%q: %v\nlacks %q", text, err, s)
			}
		}
	}
	const tail = " for 60s label access"
	f("sites 0", "bad:1:", `"0"`)
	f("\n\nsites many", "bad:3:", `"many"`)
	f("sites 13", `"13"`, "12")
	f("sites", "bad:1:", "one value")
	f("isps -1", "bad:1:", `"-1"`)
	f("communes 3", "bad:1:", `"communes"`)
	f("portal-every never", "bad:1:", `"never"`)
	f("without-ups site-9", "site-9")
	f("reference site-9", "site-9")
	f("end 3h", "bad:1:", `"3h"`)
	f("at 5s site-1 line down", "bad:1:", "label CAUSE")
	f("at soon site-1 line down"+tail, "bad:1:", `"soon"`)
	f("at -5s site-1 line down"+tail, `"-5s"`)
	f("at 5s site-1 line down for 0s label access", "for: must be more than 0")
	f("at 5s site-1 line down for 60s label weather", `"weather"`)
	f("at 5s site-1 line down for 60s label access/", `"access/"`)
	f("at 5s site-9 line down"+tail, "bad:1:", "site-9", "3 sites")
	f("at 5s isp-2 dead"+tail, "isp-2")
	f("at 5s moon dead"+tail, `"moon"`)
	f("at 5s site-1 line noise 5dB"+tail, "bad:1:", `"line noise 5dB"`, "line silent") // not played: an error, never nothing
	f("at 5s site-1 line delay"+tail, "as 150ms", `""`)
	f("at 5s site-1 line delay 0ms"+tail, `"0ms"`)
	f("at 5s site-1 line delay 5ms reorder 200%"+tail, `"5ms reorder 200%"`)
	f("at 5s feeder-1 cut"+tail, "bad:1:", "feeder-1", "0 feeders")
	f("feeders 1\nat 5s feeder-2 cut"+tail, "bad:2:", "feeder-2", "1 feeders")
	f("feeders 1\nat 5s feeder-1 cut 60s"+tail, "outlasts")
	f("feeders 1\nat 5s feeder-1 cut"+tail+"\nat 6s site-2 ups low"+tail, "bad:3:", "line 2")
	f("at 5s site-1 line down now"+tail, `"now"`)
	f("at 5s site-1 line loss"+tail, "as 20%", `""`)
	f("at 5s site-1 line loss 0%"+tail, `"0%"`)
	f("at 5s site-1 line loss 120%"+tail, `"120%"`)
	f("at 5s site-1 line rate fast"+tail, "as 64kbit", `"fast"`)
	f("at 5s portal slow"+tail, "as 15s")
	f("at 5s site-1 power cut 60s"+tail, "outlasts")
	f("without-ups site-1\nat 5s site-1 ups low"+tail, "bad:2:", "no UPS")
	f("without-ups site-1\nat 5s site-1 power cut 10s"+tail, "no UPS")
	f("end 10s\nat 5s site-1 line down"+tail, "1m5s", "10s")
	f("at 5s site-1 line down"+tail+"\nat 64s site-1 captive"+tail, "bad:2:", "line 1")
	f("at 5s site-1 line down for 1s label access\nat 7100s site-1 line down for 200s label access", "at most 2h")
	f("sites x\nisps y", "bad:1:", "bad:2:")
}

// Every fault that the lab can play stands in its table, and every script too.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range real.Samples() {
		if !strings.Contains(string(b), "`"+name+"`") {
			t.Errorf("README.md lacks the script %s", name)
		}
	}
	numbered := strings.NewReplacer("site ", "site-N ", "isp ", "isp-N ", "feeder ", "feeder-N ")
	for _, kind := range real.Kinds() {
		if !strings.Contains(string(b), "`"+numbered.Replace(kind)) {
			t.Errorf("README.md lacks the fault %s", kind)
		}
	}
}

// Every fault that the lab can play stands in a script that comes with it.
func TestSamples(t *testing.T) {
	played := map[string]bool{}
	for _, name := range real.Samples() {
		s, err := real.Sample(name)
		if err != nil {
			t.Error(err)
		}
		for _, f := range s.Faults {
			on := strings.TrimRight(f.Target, "-0123456789")
			played[on+" "+f.Kind] = true
		}
	}
	for _, target := range []string{"site-1", "isp-1", "feeder-1", "portal", "central"} {
		_, err := real.Parse("x", strings.NewReader("at 1s "+target+" nonsense for 1s label none"))
		_, rest, _ := strings.Cut(err.Error(), "there are: ")
		known, _, _ := strings.Cut(rest, " (got")
		for kind := range strings.SplitSeq(known, ", ") {
			if on := strings.TrimRight(target, "-0123456789"); !played[on+" "+kind] {
				t.Errorf("no sample plays %q on %s", kind, on)
			}
		}
	}
	if _, err := real.Sample("nonsense"); err == nil || !strings.Contains(err.Error(), "short") {
		t.Errorf("an unknown sample: %v", err)
	}
}

func FuzzScript(f *testing.F) {
	for _, name := range real.Samples() {
		f.Add("at 5s site-1 line loss 20% for 60s label access # " + name)
	}
	f.Add("sites 12\nisps 3\nend 2h\nwithout-ups site-1\nat 0s isp-3 dns lying for 1ns label none")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := real.Parse("fuzz", strings.NewReader(text))
		if err != nil {
			return
		}
		last := time.Duration(0)
		for _, fault := range s.Faults {
			if fault.At < last || fault.For <= 0 || fault.At+fault.For > s.End {
				t.Errorf("%q: %+v", text, fault)
			}
			last = fault.At
		}
		if s.Sites < 1 || s.Sites > 12 || s.End > 2*time.Hour {
			t.Errorf("%q: %+v", text, s)
		}
	})
}

func TestScores(t *testing.T) {
	f := func(label real.Label, v thongsuot.Verdict, want real.Score) {
		t.Helper()
		if got := real.Judge(label, v); got != want {
			t.Errorf("%s judged %+v: %s, want %s", label, v, got, want)
		}
	}
	access, dns := real.Label{Cause: thongsuot.CauseAccess}, real.Label{Cause: thongsuot.CauseAccess, Sub: thongsuot.SubDNS}
	f(access, thongsuot.Verdict{Cause: thongsuot.CauseAccess}, real.Right)
	f(access, thongsuot.Verdict{Cause: thongsuot.CauseAccess, Sub: thongsuot.SubDNS}, real.Right)
	f(dns, thongsuot.Verdict{Cause: thongsuot.CauseAccess}, real.Coarse)
	f(access, thongsuot.Verdict{Cause: thongsuot.CausePower, Candidates: []string{"power", "access"}}, real.Candidate)
	f(access, thongsuot.Verdict{Cause: thongsuot.CauseUnknown, Candidates: []string{"power"}}, real.Unknown)
	f(access, thongsuot.Verdict{Cause: thongsuot.CausePower}, real.Wrong)
}
