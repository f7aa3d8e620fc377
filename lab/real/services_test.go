package real_test

import (
	"net/netip"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"thongsuot/lab/real"
)

func question(t testing.TB, name string, typ dnsmessage.Type) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 77, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: typ, Class: dnsmessage.ClassINET}},
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestResolver(t *testing.T) {
	addr := netip.MustParseAddr("10.80.0.2")
	f := func(name string, typ dnsmessage.Type, code dnsmessage.RCode, answers int) {
		t.Helper()
		var m dnsmessage.Message
		if err := m.Unpack(real.Answer(question(t, name, typ), addr)); err != nil {
			t.Fatal(err)
		}
		if m.ID != 77 || !m.Response || m.RCode != code || len(m.Answers) != answers || len(m.Questions) != 1 {
			t.Errorf("%s %s: %+v", name, typ, m)
		}
		if answers == 1 && m.Answers[0].Body.(*dnsmessage.AResource).A != addr.As4() {
			t.Errorf("%s: %v", name, m.Answers)
		}
	}
	f("dichvucong.test.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, 1)
	f("DichVuCong.Test.", dnsmessage.TypeA, dnsmessage.RCodeSuccess, 1)
	f("dichvucong.test.", dnsmessage.TypeAAAA, dnsmessage.RCodeSuccess, 0)
	f("elsewhere.test.", dnsmessage.TypeA, dnsmessage.RCodeNameError, 0)
}

func FuzzResolver(f *testing.F) {
	f.Add(question(f, "dichvucong.test.", dnsmessage.TypeA))
	f.Add(question(f, "x.", dnsmessage.TypeAAAA))
	f.Fuzz(func(t *testing.T, query []byte) {
		reply := real.Answer(query, netip.MustParseAddr("10.80.0.2"))
		if reply == nil {
			return
		}
		if len(reply) > len(query)+16 || reply[2]&0x80 == 0 || reply[0] != query[0] || reply[1] != query[1] {
			t.Errorf("%x: %x", query, reply)
		}
	})
}
