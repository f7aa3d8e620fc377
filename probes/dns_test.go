package probes_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"thongsuot"
	"thongsuot/probes"
)

// systemResolverFaults are what the machine's own name resolution makes of
// names that dnsServer treats badly.
var systemResolverFaults = map[string]thongsuot.Reason{
	"nx.test":       thongsuot.ReasonDNSNXDomain,
	"servfail.test": thongsuot.ReasonDNSServFail,
	"refused.test":  thongsuot.ReasonDNSError,
	"silent.test":   thongsuot.ReasonDNSTimeout,
}

// dnsServer is a resolver that answers by the first label of the name.
type dnsServer struct {
	mu    sync.Mutex
	asked map[string]int // times a name was asked over UDP
}

// reply is the datagrams that answer one question.
func (s *dnsServer) reply(msg []byte, overTCP bool) [][]byte {
	var p dnsmessage.Parser
	h := must(p.Start(msg))
	q := must(p.Question())
	label, _, _ := strings.Cut(strings.ToLower(q.Name.String()), ".")
	s.mu.Lock()
	if s.asked == nil {
		s.asked = map[string]int{}
	}
	if !overTCP {
		s.asked[label]++
	}
	times := s.asked[label]
	s.mu.Unlock()

	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: h.ID, Response: true, RecursionDesired: true, RecursionAvailable: true},
		Questions: []dnsmessage.Question{q},
	}
	good := m
	v4, v6 := [4]byte{10, 77, 0, 1}, [16]byte{0xfd, 0x77, 15: 1}
	if label == "self" {
		v4, v6 = [4]byte{127, 0, 0, 1}, [16]byte{15: 1}
	}
	switch q.Type {
	case dnsmessage.TypeA:
		good.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: v4},
		}}
	case dnsmessage.TypeAAAA:
		good.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AAAAResource{AAAA: v6},
		}}
	}
	if strings.HasSuffix(q.Name.String(), ".honest.") {
		label = "nx"
	}
	pack := func(m dnsmessage.Message) []byte { return must(m.Pack()) }
	code := func(c dnsmessage.RCode) [][]byte { m.RCode = c; return [][]byte{pack(m)} }
	switch label {
	case "nx":
		return code(dnsmessage.RCodeNameError)
	case "servfail":
		return code(dnsmessage.RCodeServerFailure)
	case "refused":
		return code(dnsmessage.RCodeRefused)
	case "refused-bare": // header alone, as some servers answer
		m.Questions = nil
		return code(dnsmessage.RCodeRefused)
	case "notimp":
		return code(dnsmessage.RCodeNotImplemented)
	case "empty":
		return [][]byte{pack(m)}
	case "alias": // a name for the name, but no address
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: dnsmessage.TypeCNAME, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName("other.test.")},
		}}
		return [][]byte{pack(m)}
	case "silent":
		return nil
	case "second": // the first question is lost
		if times < 2 {
			return nil
		}
	case "garbage":
		return [][]byte{{1, 2, 3}}
	case "wrong-id":
		good.ID++
	case "wrong-name":
		good.Questions = []dnsmessage.Question{{Name: dnsmessage.MustNewName("evil.test."), Type: q.Type, Class: q.Class}}
	case "echo": // the question itself, as no response
		return [][]byte{msg}
	case "bad-answer": // promises an answer that is cut off
		b := pack(good)
		return [][]byte{b[:len(b)-2]}
	case "forged": // lies first, the truth behind them
		lie := good
		lie.ID++
		return [][]byte{pack(lie), {0}, pack(good)}
	case "shout": // the name in capitals
		good.Questions[0].Name = dnsmessage.MustNewName(strings.ToUpper(q.Name.String()))
	case "long", "long-cut", "long-silent", "long-wrong":
		if !overTCP {
			m.Truncated = true
			return [][]byte{pack(m)}
		}
		switch label {
		case "long":
			for len(good.Answers) < 100 {
				good.Answers = append(good.Answers, good.Answers[0])
			}
		case "long-cut":
			return [][]byte{pack(good)[:20]}
		case "long-silent":
			return nil
		case "long-wrong":
			good.ID++
		}
	}
	return [][]byte{pack(good)}
}

func (s *dnsServer) times(label string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[label]
}

// listen serves on both protocols of one address until the program ends or
// closed is called.
func (s *dnsServer) listen(addr string) (at string, closed func(), err error) {
	udp, err := net.ListenPacket("udp", addr)
	if err != nil {
		return "", nil, err
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		udp.Close()
		return "", nil, err
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, r := range s.reply(buf[:n], false) {
				udp.WriteTo(r, from)
			}
		}
	}()
	go func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			go s.serveTCP(c)
		}
	}()
	return udp.LocalAddr().String(), func() { udp.Close(); tcp.Close() }, nil
}

func (s *dnsServer) serveTCP(c net.Conn) {
	defer c.Close()
	var length [2]byte
	if _, err := io.ReadFull(c, length[:]); err != nil {
		return
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(c, msg); err != nil {
		return
	}
	replies := s.reply(msg, true)
	for _, r := range replies {
		size := len(r)
		if size == 20 { // cut: promise more than comes
			size = 400
		}
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(size)), r...))
	}
	if replies == nil {
		io.Copy(io.Discard, c) // silent until the asker goes
	}
}

func childDNS() error {
	if _, _, err := new(dnsServer).listen("127.0.0.1:53"); err != nil {
		return err
	}
	untilDone()
	return nil
}

// startDNS serves on a loopback port; one that is free for UDP may be taken for TCP.
func startDNS(t *testing.T) (*dnsServer, string) {
	t.Helper()
	s := new(dnsServer)
	for range 20 {
		if at, closed, err := s.listen("127.0.0.1:0"); err == nil {
			t.Cleanup(closed)
			return s, at
		}
	}
	t.Fatal("no port that is free for both UDP and TCP")
	return nil, ""
}

func asks(server, name string) probes.DNSConfig {
	c := probes.DefaultDNSConfig()
	c.Name, c.Resolver, c.Question, c.Timeout, c.Missing = "dns", server, name, 5*time.Second, ""
	return c
}

func TestDNSAnswered(t *testing.T) {
	server, at := startDNS(t)
	f := func(name, kind string, answers float64) {
		t.Helper()
		cfg := asks(at, name)
		cfg.Type, cfg.Resend = kind, 200*time.Millisecond
		r := ask(t, cfg)
		want(t, r, thongsuot.ReasonOK)
		if n := field(t, r, "answers"); n != answers {
			t.Errorf("%s: %v answers, want %v", name, n, answers)
		}
		if s := field(t, r, "query_seconds"); s <= 0 || s > 5 {
			t.Errorf("%s: query took %v s", name, s)
		}
		if r.Target != at {
			t.Errorf("target is %q, want %q", r.Target, at)
		}
	}
	f("good.test", "A", 1)
	f("good.test.", "AAAA", 1)
	f("forged.test", "A", 1)
	f("shout.test", "A", 1)
	f("long.test", "A", 100)
	f("second.test", "A", 1)
	if n := server.times("second"); n != 2 {
		t.Errorf("the lost question was asked %d times, want 2", n)
	}
}

func TestDNSFaults(t *testing.T) {
	t.Parallel()
	server, at := startDNS(t)
	f := func(name string, reason thongsuot.Reason, replied bool) {
		t.Helper()
		cfg := asks(at, name)
		cfg.Timeout, cfg.Resend = 600*time.Millisecond, 0
		r := ask(t, cfg)
		want(t, r, reason)
		if _, ok := r.Field("query_seconds"); ok != replied {
			t.Errorf("%s: query_seconds there: %v, want %v", name, ok, replied)
		}
	}
	f("nx.test", thongsuot.ReasonDNSNXDomain, true)
	f("servfail.test", thongsuot.ReasonDNSServFail, true)
	f("refused.test", thongsuot.ReasonDNSRefused, true)
	f("refused-bare.test", thongsuot.ReasonDNSRefused, true)
	f("notimp.test", thongsuot.ReasonDNSError, true)
	f("empty.test", thongsuot.ReasonDNSNoAnswer, true)
	f("alias.test", thongsuot.ReasonDNSNoAnswer, true)
	f("silent.test", thongsuot.ReasonDNSTimeout, false)
	f("garbage.test", thongsuot.ReasonBadReply, false)
	f("wrong-id.test", thongsuot.ReasonBadReply, false)
	f("wrong-name.test", thongsuot.ReasonBadReply, false)
	f("echo.test", thongsuot.ReasonBadReply, false)
	f("bad-answer.test", thongsuot.ReasonBadReply, false)
	f("long-cut.test", thongsuot.ReasonBadReply, false)
	f("long-wrong.test", thongsuot.ReasonBadReply, false)
	f("long-silent.test", thongsuot.ReasonDNSTimeout, false)
	if n := server.times("silent"); n != 1 {
		t.Errorf("without resend the question was asked %d times, want once", n)
	}

	gone := asks(fmt.Sprintf("127.0.0.1:%d", closedPort(t)), "good.test")
	want(t, ask(t, gone), thongsuot.ReasonRefused)
	want(t, here.run(t, job{Kind: thongsuot.ProbeDNS, Config: must(jsonOf(gone)), Runs: 1, NoFile: true})[0],
		thongsuot.ReasonError)
}

func TestDNSUnreachable(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	f := func(server string, reason thongsuot.Reason) {
		t.Helper()
		cfg := asks(server, "good.test")
		cfg.Timeout = time.Second
		want(t, l.agent.ask(t, thongsuot.ProbeDNS, cfg), reason)
	}
	f(localNoRoute, thongsuot.ReasonNoRoute)
	f(localUnreachable, thongsuot.ReasonUnreachable)
	f(localProhibited, thongsuot.ReasonProhibited)
	f(routerSilent, thongsuot.ReasonDNSTimeout)
	f(routerProhibited, thongsuot.ReasonUnreachable)
	f(routerUnreachable, thongsuot.ReasonDNSTimeout) // a hint to a datagram socket, not an error
	f("["+localNoRoute6+"]:53", thongsuot.ReasonNoRoute)
}

// The centre's answers are the measure: near one of them is well, elsewhere is
// not, and without them nothing is compared.
func TestDNSComparesWithTheCentre(t *testing.T) {
	_, at := startDNS(t) // knows 10.77.0.1 and fd77::1
	f := func(kind string, reason thongsuot.Reason, elsewhere ...string) {
		t.Helper()
		cfg := asks(at, "good.test")
		cfg.Type = kind
		cfg.Elsewhere = func(name string) (addrs []netip.Addr) {
			if name != "good.test" {
				t.Errorf("compared with %q", name)
			}
			for _, a := range elsewhere {
				addrs = append(addrs, netip.MustParseAddr(a))
			}
			return addrs
		}
		r := ask(t, cfg)
		want(t, r, reason)
		field(t, r, "query_seconds")
		if reason != thongsuot.ReasonOK && r.Detail != "good.test is "+map[string]string{"A": "10.77.0.1", "AAAA": "fd77::1"}[kind]+" here, "+elsewhere[0]+" at the centre" {
			t.Errorf("detail is %q", r.Detail)
		}
	}
	f("A", thongsuot.ReasonOK)
	f("A", thongsuot.ReasonOK, "10.77.0.1")
	f("A", thongsuot.ReasonOK, "203.0.113.5", "10.77.0.200") // another machine of the same network
	f("A", thongsuot.ReasonDNSDiffers, "203.0.113.5")
	f("A", thongsuot.ReasonDNSDiffers, "10.77.1.1")
	f("A", thongsuot.ReasonOK, "2001:db8::1") // the other family says nothing
	f("AAAA", thongsuot.ReasonDNSDiffers, "2001:db8::1")
	f("AAAA", thongsuot.ReasonOK, "fd77::8000:0:0:1")
}

func TestDNSNamesThatCannotExist(t *testing.T) {
	server, at := startDNS(t)
	f := func(zone string, detail bool, invents ...float64) {
		t.Helper()
		cfg := asks(at, "good.test")
		cfg.Missing = zone
		p := must(probes.NewDNS(cfg))
		for i, v := range invents {
			r := probes.Run(t.Context(), p)
			want(t, r, thongsuot.ReasonOK)
			if got, ok := r.Field("invents"); ok != (v >= 0) || ok && got != v {
				t.Errorf("zone %q, run %d: invents %v, %v; want %v", zone, i, got, ok, v)
			}
			if (r.Detail != "") != detail {
				t.Errorf("zone %q: detail %q", zone, r.Detail)
			}
		}
	}
	f("", false, -1)
	f("honest", false, 0, -1) // tested once, then left alone
	f("forger", true, 1, 1)   // and said for as long as it is so
	if n := server.times("nx"); n != 0 {
		t.Errorf("a name of its own was asked %d times", n)
	}
}

func FuzzDNSReply(f *testing.F) {
	const id = 7
	for _, label := range []string{"good", "nx", "refused-bare", "alias", "garbage", "wrong-id", "bad-answer", "shout", "long"} {
		question := dnsmessage.Message{
			Header: dnsmessage.Header{ID: id, RecursionDesired: true},
			Questions: []dnsmessage.Question{{
				Name: dnsmessage.MustNewName(label + ".test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET,
			}},
		}
		for _, r := range new(dnsServer).reply(must(question.Pack()), label == "long") {
			f.Add(r, label)
		}
	}
	f.Fuzz(func(t *testing.T, msg []byte, label string) {
		if len(label) > 63 {
			return
		}
		answers, reason, err := probes.ParseDNS(msg, id, label+".test.")
		if err != nil {
			return
		}
		if len(msg) < 12 || binary.BigEndian.Uint16(msg) != id || msg[2]&0x80 == 0 {
			t.Fatalf("taken for a reply to %d: %x", id, msg)
		}
		if reason == thongsuot.ReasonOK && answers == 0 || answers > len(msg) {
			t.Fatalf("%s with %d answers in %d bytes", reason, answers, len(msg))
		}
	})
}
