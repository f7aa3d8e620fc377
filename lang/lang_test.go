package lang_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/lang"
)

var zone = time.FixedZone("ICT", 7*60*60)

func at(hour, minute, second int) time.Time {
	return time.Date(2026, 11, 23, hour, minute, second, 0, zone).UTC()
}

func both() []lang.Lang { return []lang.Lang{lang.Vi, lang.En} }

// TestEveryWordHasAText: no constant of the vocabulary is without a text.
func TestEveryWordHasAText(t *testing.T) {
	words := vocabulary(t)
	for _, l := range both() {
		f := func(typ string, text func(word string) string) {
			t.Helper()
			if len(words[typ]) == 0 {
				t.Fatalf("found no constants of type %s", typ)
			}
			for _, word := range words[typ] {
				got := text(word)
				if got == "" || strings.ContainsAny(got, "⟦⟧") || strings.Contains(got, "%!") {
					t.Errorf("%s: %s %q has no good text: %q", l, typ, word, got)
				}
			}
		}
		f("State", func(w string) string { return l.State(thongsuot.State(w)) })
		f("Cause", func(w string) string { return l.Cause(thongsuot.Cause(w), "") })
		f("Level", func(w string) string { return l.Level(thongsuot.Level(w)) })
		f("Reason", func(w string) string { return l.Reason(thongsuot.Reason(w)) })
		f("SiteKind", func(w string) string { return l.SiteKind(thongsuot.SiteKind(w)) })
		f("ChangeKind", func(w string) string { return l.Change(thongsuot.ChangeKind(w)) })
		f("Unit", func(w string) string { return l.Site(thongsuot.Site{Unit: thongsuot.Unit(w), Name: "A"}) })
		bare := thongsuot.Evidence{At: at(14, 5, 7), Reason: thongsuot.ReasonTimeout}
		full := thongsuot.Evidence{
			At: at(14, 5, 7), Reason: thongsuot.ReasonHTTP5xx, Probe: "gateway", Target: "192.0.2.1", Value: 3, Detail: "x",
		}
		for _, e := range []thongsuot.Evidence{bare, full} {
			f("EvidenceCode", func(w string) string {
				e.Code = thongsuot.EvidenceCode(w)
				return l.Evidence(e, zone)
			})
		}
	}
}

// vocabulary reads the string constants of the root package from its source,
// by type, so that a new word cannot be forgotten here.
func vocabulary(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	words := make(map[string][]string)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if typ, ok := spec.Type.(*ast.Ident); ok && len(spec.Values) == 1 {
				if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					word, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					words[typ.Name] = append(words[typ.Name], word)
				}
			}
			return false
		})
	}
	return words
}

func TestParse(t *testing.T) {
	f := func(in string, want lang.Lang) {
		t.Helper()
		if got := lang.Parse(in); got != want {
			t.Errorf("Parse(%q) = %q, want %q", in, got, want)
		}
	}
	f("en", lang.En)
	f("EN-gb", lang.En)
	f("en_US", lang.En)
	f("vi", lang.Vi)
	f("", lang.Vi)
	f("enm", lang.Vi)
	f("fr", lang.Vi)
}

func TestUnknownKeyIsShown(t *testing.T) {
	if got := lang.Vi.T("no.such", 1); got != "⟦no.such⟧" {
		t.Errorf("got %q", got)
	}
	if got := lang.Vi.Evidence(thongsuot.Evidence{Code: "later"}, zone); got != "⟦evidence.later⟧" {
		t.Errorf("got %q", got)
	}
	if got, want := lang.Lang("fr").State(thongsuot.StateUp), lang.Vi.State(thongsuot.StateUp); got != want {
		t.Errorf("a language we lack speaks %q, want %q", got, want)
	}
}

func TestEvidence(t *testing.T) {
	f := func(e thongsuot.Evidence, vi, en string) {
		t.Helper()
		if got := lang.Vi.Evidence(e, zone); got != vi {
			t.Errorf("vi: got %q, want %q", got, vi)
		}
		if got := lang.En.Evidence(e, zone); got != en {
			t.Errorf("en: got %q, want %q", got, en)
		}
	}
	f(thongsuot.Evidence{Code: thongsuot.EvidenceBeatsUnanswered, At: at(14, 5, 7), Value: 3},
		"3 tín hiệu sống liên tiếp không đến từ 14:05:07",
		"3 consecutive heartbeats missing since 14:05:07")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceTargetFails, Probe: "gateway", Target: "192.0.2.1", Reason: thongsuot.ReasonTimeout},
		"cổng mạng 192.0.2.1 không trả lời (hết giờ)",
		"gateway 192.0.2.1 does not answer (timed out)")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceTargetFails, Probe: "portal", Target: "https://portal.example/", Reason: thongsuot.ReasonHTTP5xx},
		"Cổng Dịch vụ công quốc gia https://portal.example/ không dùng được (máy chủ web gặp lỗi, mã 5xx)",
		"national public service portal https://portal.example/ not usable (web server failed, status 5xx)")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceTargetAnswers, Probe: "resolver-2", Target: "192.0.2.53"},
		"máy chủ tên miền 192.0.2.53 trả lời bình thường",
		"resolver 192.0.2.53 answers")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceTargetLossy, Probe: "tslcd", Target: "192.0.2.9", Value: 0.125},
		"đường tới tslcd 192.0.2.9 mất 12,5 % số gói tin",
		"way to tslcd 192.0.2.9 loses 12.5% of packets")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceTargetAnswers, Target: "192.0.2.9"},
		"192.0.2.9 trả lời bình thường", "192.0.2.9 answers")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceTargetFails, At: at(14, 2, 7), Value: 1240},
		"1.240 lượt đo ra bên ngoài không thành công từ 14:02:07", "1,240 measurements beyond the office failed since 14:02:07")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceTargetFails, Probe: "gateway"},
		"cổng mạng không dùng được (lỗi khác)", "gateway not usable (other failure)")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceTargetAnswers},
		"các đích đo bên ngoài trả lời bình thường", "targets beyond the office answer")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceOnBattery, At: at(14, 2, 7), Value: 547},
		"UPS chạy bằng ắc quy từ 14:02:07, còn khoảng 9 phút",
		"UPS on battery since 14:02:07, about 9 min left")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceOnBattery, At: at(14, 2, 7)},
		"UPS chạy bằng ắc quy từ 14:02:07", "UPS on battery since 14:02:07")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceOnBattery, At: at(14, 2, 7), Value: math.Inf(1)},
		"UPS chạy bằng ắc quy từ 14:02:07, còn khoảng 365 ngày", "UPS on battery since 14:02:07, about 365 d left")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceAgentStopped, At: at(14, 2, 7), Detail: "shutdown"},
		"phần mềm điểm đo dừng lúc 14:02:07 (máy tính được tắt)", "monitoring agent stopped at 14:02:07 (the machine was shut down)")
	f(thongsuot.Evidence{Code: thongsuot.EvidenceAgentStopped, At: at(14, 2, 7), Detail: "SIGTERM"},
		"phần mềm điểm đo dừng lúc 14:02:07 (SIGTERM)", "monitoring agent stopped at 14:02:07 (SIGTERM)")
}

func TestCause(t *testing.T) {
	f := func(c thongsuot.Cause, sub, want string) {
		t.Helper()
		if got := lang.Vi.Cause(c, sub); got != want {
			t.Errorf("Cause(%q, %q) = %q, want %q", c, sub, got, want)
		}
	}
	f(thongsuot.CauseAccess, "", "đường truyền")
	f(thongsuot.CauseAccess, "dns", "đường truyền (phân giải tên miền)")
	f(thongsuot.CauseAccess, "newer", "đường truyền (newer)")
}

func TestSite(t *testing.T) {
	f := func(s thongsuot.Site, want string) {
		t.Helper()
		if got := lang.Vi.Site(s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(thongsuot.Site{Unit: thongsuot.UnitCommune, Name: "Sơn Điền"}, "xã Sơn Điền")
	f(thongsuot.Site{Unit: thongsuot.UnitWard, Name: "1 Bảo Lộc"}, "phường 1 Bảo Lộc")
	f(thongsuot.Site{Unit: thongsuot.UnitSpecialZone, Name: "Phú Quý"}, "đặc khu Phú Quý")
	f(thongsuot.Site{Kind: thongsuot.KindTest, Name: "máy này"}, "máy này")
}

func TestCandidates(t *testing.T) {
	f := func(in []string, vi, en string) {
		t.Helper()
		if got := lang.Vi.Candidates(in); got != vi {
			t.Errorf("vi: got %q, want %q", got, vi)
		}
		if got := lang.En.Candidates(in); got != en {
			t.Errorf("en: got %q, want %q", got, en)
		}
	}
	f(nil, "", "")
	f([]string{"power"}, "mất điện", "power outage")
	f([]string{"power", "access"}, "mất điện hoặc đường truyền", "power outage or access line")
	f([]string{"lan", "agent", "lightning"}, "mạng nội bộ, phần mềm điểm đo hoặc lightning",
		"local network, monitoring agent or lightning")
}

func TestTimes(t *testing.T) {
	f := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(lang.Vi.Moment(at(14, 5, 7), zone), "14 giờ 05 phút, ngày 23/11/2026")
	f(lang.En.Moment(at(14, 5, 7), zone), "14:05 on 23 Nov 2026")
	f(lang.Vi.Clock(at(0, 0, 0), zone), "00:00:00")
	f(lang.Vi.Date(at(0, 0, 0), zone), "23/11/2026")
	f(lang.Vi.Date(at(0, 0, 0), time.UTC), "22/11/2026")
	f(lang.Vi.Moment(time.Time{}, zone), "–")
	f(lang.Vi.Clock(time.Time{}, zone), "–")
	f(lang.En.Date(time.Time{}, zone), "–")
}

func TestDuration(t *testing.T) {
	f := func(d time.Duration, vi, en string) {
		t.Helper()
		if got := lang.Vi.Duration(d); got != vi {
			t.Errorf("vi: %v is %q, want %q", d, got, vi)
		}
		if got := lang.En.Duration(d); got != en {
			t.Errorf("en: %v is %q, want %q", d, got, en)
		}
	}
	f(-time.Second, "0 giây", "0 s")
	f(0, "0 giây", "0 s")
	f(45*time.Second, "45 giây", "45 s")
	f(59*time.Second+499*time.Millisecond, "59 giây", "59 s")
	f(59*time.Second+500*time.Millisecond, "1 phút", "1 min")
	f(9*time.Minute+30*time.Second, "9 phút 30 giây", "9 min 30 s")
	f(time.Hour-time.Millisecond, "1 giờ", "1 h")
	f(2*time.Hour+15*time.Minute+29*time.Second, "2 giờ 15 phút", "2 h 15 min")
	f(24*time.Hour-20*time.Second, "1 ngày", "1 d")
	f(27*time.Hour+10*time.Minute, "1 ngày 3 giờ", "1 d 3 h")
}

func TestNumber(t *testing.T) {
	f := func(v float64, decimals int, vi, en string) {
		t.Helper()
		if got := lang.Vi.Number(v, decimals); got != vi {
			t.Errorf("vi: %v is %q, want %q", v, got, vi)
		}
		if got := lang.En.Number(v, decimals); got != en {
			t.Errorf("en: %v is %q, want %q", v, got, en)
		}
	}
	f(1234.5, 1, "1.234,5", "1,234.5")
	f(1234567, 0, "1.234.567", "1,234,567")
	f(0.25, 2, "0,25", "0.25")
	f(3, 1, "3,0", "3.0")
	f(-0.04, 1, "0,0", "0.0")
	f(-1234.5, 1, "-1.234,5", "-1,234.5")
	f(math.NaN(), 1, "–", "–")
	f(math.Inf(1), 1, "–", "–")
	if got := lang.Vi.Percent(0.975, 1); got != "97,5 %" {
		t.Errorf("Percent = %q", got)
	}
}

func TestLess(t *testing.T) {
	want := []string{
		"1 Bảo Lộc", "2 Bảo Lộc", "B'Lao", "Bảo Lâm 1", "Bảo Lâm 2", "Bảo Lâm 10", "D'Ran", "Di Linh",
		"Đạ Huoai", "Đam Rông 2", "Đức Trọng", "Hàm Thuận", "Phú Quý", "Quảng Hòa", "Quảng Tân", "Sơn Điền",
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, func(a, b string) int {
		switch {
		case lang.Less(a, b):
			return -1
		case lang.Less(b, a):
			return 1
		}
		return 0
	})
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func BenchmarkLess(b *testing.B) {
	for b.Loop() {
		lang.Less("Đam Rông 2", "Đam Rông 10")
	}
}

func BenchmarkNumber(b *testing.B) {
	for b.Loop() {
		lang.Vi.Number(1234.5, 1)
	}
}
