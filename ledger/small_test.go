package ledger_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"thongsuot/ledger"
)

func TestTokens(t *testing.T) {
	l, _ := fresh(t)
	token := func(n byte, site string) ledger.Token {
		return ledger.Token{Hash: [32]byte{n, 31: n}, BeatKey: [32]byte{31: ^n}, Site: site, Note: "thẻ " + site, Created: begin.Add(-time.Duration(n) * time.Second)}
	}
	one, two, other := token(1, "24673"), token(2, "24673"), token(3, "24676")
	for _, tok := range []ledger.Token{other, one, two, one} {
		must(t, l.PutToken(t.Context(), tok))
	}
	all, err := l.Tokens(t.Context())
	must(t, err)
	equal(t, "all", all, []ledger.Token{two, one, other})
	of, err := l.TokensBySite(t.Context(), "24673")
	must(t, err)
	equal(t, "of one site", of, []ledger.Token{two, one})
	if got, ok, err := l.TokenByHash(t.Context(), other.Hash); err != nil || !ok || got != other {
		t.Errorf("read %+v, %v, %v", got, ok, err)
	}
	other.Site = "25051"
	must(t, l.PutToken(t.Context(), other))
	if got, ok, err := l.TokenByHash(t.Context(), other.Hash); err != nil || !ok || got != other {
		t.Errorf("put again: %+v, %v, %v", got, ok, err)
	}
	must(t, l.DeleteToken(t.Context(), one.Hash))
	must(t, l.DeleteToken(t.Context(), one.Hash))
	if _, ok, err := l.TokenByHash(t.Context(), one.Hash); err != nil || ok {
		t.Errorf("deleted, yet there: %v, %v", ok, err)
	}
}

func TestReaders(t *testing.T) {
	l, _ := fresh(t)
	grafana := ledger.Reader{Name: "grafana", Hash: [32]byte{1}, Created: begin}
	other := ledger.Reader{Name: "bảng điều khiển", Hash: [32]byte{2}, Created: begin}
	must(t, l.PutReader(t.Context(), grafana))
	must(t, l.PutReader(t.Context(), other))
	grafana.Hash = [32]byte{3} // a new token takes the place of the old one
	must(t, l.PutReader(t.Context(), grafana))
	all, err := l.Readers(t.Context())
	must(t, err)
	equal(t, "readers", all, []ledger.Reader{other, grafana})
	if err := l.PutReader(t.Context(), ledger.Reader{Name: "copy", Hash: grafana.Hash, Created: begin}); err == nil {
		t.Error("two readers have one token")
	}
	for _, want := range []bool{true, false} {
		if there, err := l.DeleteReader(t.Context(), "grafana"); err != nil || there != want {
			t.Errorf("delete gives %v, %v; want %v", there, err, want)
		}
	}
}

func TestFacts(t *testing.T) {
	l, _ := fresh(t)
	if v, ok, err := l.Fact(t.Context(), "epoch"); v != nil || ok || err != nil {
		t.Errorf("never set: %v, %v, %v", v, ok, err)
	}
	for _, want := range [][]byte{[]byte("one"), {0, 255, 0}, nil, bytes.Repeat([]byte("x"), 1<<20)} {
		must(t, l.SetFact(t.Context(), "epoch", want))
		got, ok, err := l.Fact(t.Context(), "epoch")
		must(t, err)
		if !ok || !bytes.Equal(got, want) {
			t.Errorf("%d bytes of %d, there: %v", len(got), len(want), ok)
		}
	}
}

func TestAuditIsAppendOnly(t *testing.T) {
	l, path := fresh(t)
	var want []ledger.AuditEntry
	for n := range 5 {
		e := ledger.AuditEntry{At: begin, Who: "command line", What: "token made", Detail: fmt.Sprint("site ", n)}
		must(t, l.Audit(t.Context(), e))
		want = append([]ledger.AuditEntry{e}, want...)
	}
	for _, tamper := range []string{"UPDATE audit SET who = 'nobody'", "DELETE FROM audit WHERE id = 3"} {
		if _, err := raw(t, path).Exec(tamper); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v, want a refusal", tamper, err)
		}
	}
	got, err := l.AuditTrail(t.Context(), 3)
	must(t, err)
	equal(t, "newest three", got, want[:3])
	got, err = l.AuditTrail(t.Context(), 100)
	must(t, err)
	equal(t, "all", got, want)
}
