package thongsuot_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"thongsuot"
)

// constants reads the string constants of a type from the source, so that a
// word that was added and not listed is seen.
func constants(t *testing.T, file, typ string) (out []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typ && len(spec.Values) == 1 {
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				s, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, s)
			}
		}
		return true
	})
	if len(out) == 0 {
		t.Fatalf("no constants of %s in %s", typ, file)
	}
	return out
}

func sameWords[T ~string](t *testing.T, file, typ string, list []T) {
	t.Helper()
	var got []string
	for _, v := range list {
		got = append(got, string(v))
	}
	want := constants(t, file, typ)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: listed %q, declared %q", typ, got, want)
	}
}

func TestEveryWordIsListed(t *testing.T) {
	sameWords(t, "reason.go", "Reason", thongsuot.Reasons())
	sameWords(t, "incident.go", "State", thongsuot.States())
	sameWords(t, "incident.go", "Cause", thongsuot.Causes())
	sameWords(t, "incident.go", "RegionKind", thongsuot.RegionKinds())
	sameWords(t, "site.go", "SiteKind", thongsuot.SiteKinds())
}

// Codes are stored: they must never move.
func TestReasonCodesAreStable(t *testing.T) {
	f := func(r thongsuot.Reason, code int) {
		t.Helper()
		if r.Code() != code || thongsuot.ReasonOf(code) != r {
			t.Errorf("%s has code %d, code %d is %s", r, r.Code(), code, thongsuot.ReasonOf(code))
		}
	}
	f(thongsuot.ReasonOK, 0)
	f(thongsuot.ReasonTimeout, 1)
	f(thongsuot.ReasonDNSTimeout, 7)
	f(thongsuot.ReasonConnectTimeout, 13)
	f(thongsuot.ReasonTLSExpired, 17)
	f(thongsuot.ReasonHTTP5xx, 24)
	f(thongsuot.ReasonError, 34)
	f(thongsuot.ReasonDNSDiffers, 35)
	f(thongsuot.ReasonCaptive, 36)
	f(thongsuot.ReasonNotAllowed, 37)
	if thongsuot.Reason("of tomorrow").Code() != thongsuot.ReasonError.Code() || thongsuot.ReasonOf(999) != thongsuot.ReasonError {
		t.Error("an unknown reason is not an error")
	}
}

func TestStatesAreOrderedBySeverity(t *testing.T) {
	states := thongsuot.States()
	for i := 1; i < len(states); i++ {
		if states[i-1].Severity() <= states[i].Severity() {
			t.Errorf("%s is not worse than %s", states[i-1], states[i])
		}
	}
}

func TestConfidenceLevels(t *testing.T) {
	f := func(c thongsuot.Confidence, want thongsuot.Level) {
		t.Helper()
		if c.Level() != want {
			t.Errorf("%v is %s, want %s", c, c.Level(), want)
		}
	}
	f(1, thongsuot.LevelHigh)
	f(0.9, thongsuot.LevelHigh)
	f(0.89, thongsuot.LevelMedium)
	f(0.6, thongsuot.LevelMedium)
	f(0.59, thongsuot.LevelLow)
	f(0, thongsuot.LevelLow)
}

func TestDays(t *testing.T) {
	d := thongsuot.Day{Year: 2025, Month: 7, Day: 1}
	if d.String() != "2025-07-01" || (thongsuot.Day{}).String() != "" {
		t.Errorf("%q, %q", d, thongsuot.Day{})
	}
	for _, later := range []thongsuot.Day{{Year: 2026, Month: 1, Day: 1}, {Year: 2025, Month: 8, Day: 1}, {Year: 2025, Month: 7, Day: 2}} {
		if !d.Before(later) || later.Before(d) || d.Before(d) {
			t.Errorf("%s and %s", d, later)
		}
	}
}

func TestRegional(t *testing.T) {
	f := func(i thongsuot.Incident, want bool) {
		t.Helper()
		if got := i.Regional(); got != want {
			t.Errorf("%+v is regional: %v, want %v", i, got, want)
		}
	}
	upstream := thongsuot.Region{Kind: thongsuot.RegionUpstream}
	f(thongsuot.Incident{Site: "25051"}, false)
	f(thongsuot.Incident{Region: upstream}, true)
	f(thongsuot.Incident{Site: "25051", Region: upstream, Part: "r1"}, false)
	f(thongsuot.Incident{Site: "25051", Region: upstream}, false) // a record that its region let go
	f(thongsuot.Incident{Site: "25051", Region: thongsuot.Region{Kind: thongsuot.RegionFlapping}}, true)
	f(thongsuot.Incident{Site: "25051", Region: thongsuot.Region{Kind: thongsuot.RegionFlapping}, Part: "f1"}, false)
}
