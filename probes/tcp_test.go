package probes_test

import (
	"encoding/json"
	"net"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

func jsonOf(v any) ([]byte, error) { return json.Marshal(v) }

// connects is a probe of host:port with a short timeout.
func connects(host string, port int) probes.TCPConfig {
	c := probes.DefaultTCPConfig()
	c.Name, c.Host, c.Port, c.Timeout = "tcp", host, port, 1500*time.Millisecond
	return c
}

// closedPort is a port of 127.0.0.1 on which nothing listens.
func closedPort(t *testing.T) int {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestTCPAnswered(t *testing.T) {
	f := func(network, addr, host string, family probes.Family) {
		t.Helper()
		l, err := net.Listen(network, addr)
		need(t, err == nil, "a loopback address "+addr)
		defer l.Close()
		cfg := connects(host, l.Addr().(*net.TCPAddr).Port)
		cfg.Family = family
		r := ask(t, cfg)
		want(t, r, thongsuot.ReasonOK)
		if s := field(t, r, "connect_seconds"); s <= 0 || s > 1.5 {
			t.Errorf("connect took %v s", s)
		}
		// The probe closes at once and says nothing.
		l.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second))
		conn := must(l.Accept())
		defer conn.Close()
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil || err.Error() != "EOF" {
			t.Errorf("the server read %d bytes, %v; want the end", n, err)
		}
	}
	f("tcp4", "127.0.0.1:0", "127.0.0.1", "")
	f("tcp4", "127.0.0.1:0", "localhost", "")
	f("tcp6", "[::1]:0", "::1", "")
}

// Only the family that was asked for counts, even when the other would do: the
// name server listens at 127.0.0.1 and not at ::1.
func TestTCPNoOtherFamily(t *testing.T) {
	l := newLab(t)
	l.agent.serve(t, "dns")
	at := l.agent.resolvingAt(t, "127.0.0.1")
	f := func(family probes.Family, reason thongsuot.Reason) {
		t.Helper()
		cfg := connects("self.test", 53)
		cfg.Family = family
		want(t, at.ask(t, thongsuot.ProbeTCP, cfg), reason)
	}
	f("", thongsuot.ReasonOK)
	f(probes.IPv4, thongsuot.ReasonOK)
	f(probes.IPv6, thongsuot.ReasonRefused)
}

func TestTCPFaults(t *testing.T) {
	l := newLab(t)
	f := func(host string, reason thongsuot.Reason) {
		t.Helper()
		r := l.agent.ask(t, thongsuot.ProbeTCP, connects(host, 80))
		want(t, r, reason)
		lacks(t, r, "connect_seconds")
	}
	f("127.0.0.1", thongsuot.ReasonRefused)
	f(labRouter, thongsuot.ReasonRefused)
	f(routerSilent, thongsuot.ReasonTimeout)
	f(localNoRoute, thongsuot.ReasonNoRoute)
	f(localBlackhole, thongsuot.ReasonNoRoute)
	f(localUnreachable, thongsuot.ReasonUnreachable)
	f(localProhibited, thongsuot.ReasonProhibited)
	f(localNoRoute6, thongsuot.ReasonNoRoute)
	f(localBlackhole6, thongsuot.ReasonNoRoute)
	f(localUnreachable6, thongsuot.ReasonUnreachable)
	f(localProhibited6, thongsuot.ReasonProhibited)
	f(routerUnreachable, thongsuot.ReasonUnreachable)
	f(routerProhibited, thongsuot.ReasonUnreachable) // the kernel passes on no more than that
	f(routerNoRoute, thongsuot.ReasonUnreachable)    // ENETUNREACH, but of the router

	want(t, here.run(t, job{
		Kind: thongsuot.ProbeTCP, Config: must(jsonOf(connects("127.0.0.1", 80))), Runs: 1, NoFile: true,
	})[0], thongsuot.ReasonError)
}

func TestTCPNamesAreResolved(t *testing.T) {
	l := newLab(t)
	l.agent.serve(t, "dns")
	at := l.agent.resolvingAt(t, "127.0.0.1")
	want(t, at.ask(t, thongsuot.ProbeTCP, connects("router.test", 80)), thongsuot.ReasonRefused)
	for name, reason := range systemResolverFaults {
		cfg := connects(name, 80)
		cfg.Timeout = 3 * time.Second
		want(t, at.ask(t, thongsuot.ProbeTCP, cfg), reason)
	}
	// A resolver that cannot be reached is no silent one.
	want(t, l.agent.resolvingAt(t, localNoRoute).ask(t, thongsuot.ProbeTCP, connects("router.test", 80)),
		thongsuot.ReasonDNSError)
}
