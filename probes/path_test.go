package probes_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"thongsuot"
	"thongsuot/probes"
)

// chain is network namespaces in a row, each a router to the next:
//
//	agent 10.80.1.2 -- 10.80.1.1 gateway -- carrier 100.64.2.2 -- upstream 203.0.113.2 -- 198.51.100.2 host
//
// and the same in fd80::/16.
type chain struct{ agent, gateway, carrier, upstream, host string }

const (
	chainGateway, chainCarrier, chainUpstream, chainHost     = "10.80.1.1", "100.64.2.2", "203.0.113.2", "198.51.100.2"
	chainGateway6, chainCarrier6, chainUpstream6, chainHost6 = "fd80:1::1", "fd80:2::2", "fd80:3::2", "fd80:4::2"
)

func newChain(t *testing.T) chain {
	t.Helper()
	need(t, os.Getuid() == 0, "root, for network namespaces")
	n := labs.Add(1)
	var ns []string
	for i := range 5 {
		name := fmt.Sprintf("ts%dp%d-%d", os.Getpid(), n, i)
		out, err := exec.Command("ip", "netns", "add", name).CombinedOutput()
		need(t, err == nil, fmt.Sprintf("network namespaces (ip netns add: %v %s)", err, out))
		t.Cleanup(func() { sh(t, "ip", "netns", "del", name) })
		sh(t, "ip", "-n", name, "link", "set", "lo", "up")
		sh(t, "ip", "netns", "exec", name, "sysctl", "-q", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
			"net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
		ns = append(ns, name)
	}
	nets := []string{"10.80.1", "100.64.2", "203.0.113", "198.51.100"}
	for i, net := range nets {
		left, right := "2", "1" // the agent's own side of the first net is .2
		if i > 0 {
			left, right = "1", "2"
		}
		l, r := fmt.Sprintf("r%d", i), fmt.Sprintf("l%d", i+1)
		sh(t, "ip", "link", "add", l, "netns", ns[i], "type", "veth", "peer", "name", r, "netns", ns[i+1])
		for _, end := range []struct{ ns, dev, host string }{{ns[i], l, left}, {ns[i+1], r, right}} {
			sh(t, "ip", "-n", end.ns, "address", "add", net+"."+end.host+"/24", "dev", end.dev)
			sh(t, "ip", "-n", end.ns, "address", "add", fmt.Sprintf("fd80:%d::%s/64", i+1, end.host), "dev", end.dev, "nodad")
			sh(t, "ip", "-n", end.ns, "link", "set", end.dev, "up")
		}
		// Forward to what lies behind, back to what lies before.
		sh(t, "ip", "-n", ns[i], "route", "add", "default", "via", net+"."+right)
		sh(t, "ip", "-n", ns[i], "-6", "route", "add", "default", "via", fmt.Sprintf("fd80:%d::%s", i+1, right))
		for back := range i {
			sh(t, "ip", "-n", ns[i+1], "route", "add", nets[back]+".0/24", "via", net+"."+left)
			sh(t, "ip", "-n", ns[i+1], "-6", "route", "add", fmt.Sprintf("fd80:%d::/64", back+1), "via", fmt.Sprintf("fd80:%d::%s", i+1, left))
		}
	}
	each(t, "IPv6 on the new wires", func() bool {
		return in(ns[0]).ask(t, thongsuot.ProbePath, traces(chainHost6)).Detail == strings.Join([]string{chainGateway6, chainCarrier6, chainUpstream6, chainHost6}, " ")
	})
	return chain{ns[0], ns[1], ns[2], ns[3], ns[4]}
}

func in(ns string) place { return place{"ip", "netns", "exec", ns} }

func traces(host string) probes.PathConfig {
	c := probes.DefaultPathConfig()
	c.Host, c.Timeout, c.Hops, c.Wait = host, 10*time.Second, 6, 400*time.Millisecond
	return c
}

func TestPath(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	agent := in(c.agent).without("net_raw", "net_admin") // nothing but a socket is needed
	f := func(host string, hops, reached float64, way ...string) {
		t.Helper()
		r := agent.ask(t, thongsuot.ProbePath, traces(host))
		want(t, r, thongsuot.ReasonOK)
		if r.Detail != strings.Join(way, " ") || field(t, r, "hops") != hops || field(t, r, "reached") != reached {
			t.Errorf("%s: %q, %v; want %q, %v hops, reached %v", host, r.Detail, r.Fields, way, hops, reached)
		}
	}
	f(chainHost, 4, 1, chainGateway, chainCarrier, chainUpstream, chainHost)
	f(chainHost6, 4, 1, chainGateway6, chainCarrier6, chainUpstream6, chainHost6)
	f(chainGateway, 1, 1, chainGateway)
	sh(t, "ip", "netns", "exec", c.carrier, "nft", "add table inet t; add chain inet t out { type filter hook output priority 0; }; add rule inet t out icmp type time-exceeded drop")
	f(chainHost, 3, 1, chainGateway, "*", chainUpstream, chainHost)
	sh(t, "ip", "-n", c.upstream, "route", "add", "blackhole", chainHost)
	f(chainHost, 1, 0, chainGateway) // who has no way for a packet does not see it die
}

func TestPathFaults(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.agent.serve(t, "dns")
	at := l.agent.resolvingAt(t, "127.0.0.1")
	f := func(host string, reason thongsuot.Reason) {
		t.Helper()
		c := traces(host)
		c.Hops, c.Wait = 2, 100*time.Millisecond
		want(t, at.ask(t, thongsuot.ProbePath, c), reason)
	}
	f(localNoRoute, thongsuot.ReasonNoRoute)
	f(localBlackhole, thongsuot.ReasonNoRoute)
	f(localUnreachable, thongsuot.ReasonUnreachable)
	f(localProhibited, thongsuot.ReasonProhibited)
	f(localNoRoute6, thongsuot.ReasonNoRoute)
	for name, reason := range systemResolverFaults {
		f(name, reason)
	}
	sh(t, "ip", "netns", "exec", l.router[3], "nft", "add table ip t; add chain ip t out { type filter hook output priority 0; }; add rule ip t out icmp type time-exceeded drop")
	f(routerSilent, thongsuot.ReasonTimeout)
	want(t, here.run(t, job{Kind: thongsuot.ProbePath, Config: must(jsonOf(traces("127.0.0.1"))), Runs: 1, NoFile: true})[0], thongsuot.ReasonError)
}

// hopJob asks for a router from within a namespace.
type hopJob struct {
	To, Addr string
	Hops     int
	Runs     int
}

// hops runs the probe of a router in a child.
func (p place) hops(t *testing.T, j hopJob) []thongsuot.Result {
	t.Helper()
	return decodeResults(t, p.output(t, "hop", j))
}

func childHop() error {
	var j hopJob
	if err := decodeInput(&j); err != nil {
		return err
	}
	c := probes.DefaultHopConfig()
	c.Name, c.Count, c.Interval, c.Wait = thongsuot.NameHop, 3, 10*time.Millisecond, 400*time.Millisecond
	c.Where = func() (probes.Waypoint, bool) {
		if j.To == "" {
			return probes.Waypoint{}, false
		}
		return probes.Waypoint{To: netip.MustParseAddr(j.To), Addr: netip.MustParseAddr(j.Addr), Hops: j.Hops}, true
	}
	p, err := probes.NewHop(c)
	if err != nil {
		return err
	}
	return encodeRuns(p, j.Runs)
}

func TestHop(t *testing.T) {
	t.Parallel()
	c := newChain(t)
	agent := in(c.agent).without("net_raw", "net_admin")
	ask := func(to, addr string, hops int) thongsuot.Result {
		t.Helper()
		return agent.hops(t, hopJob{To: to, Addr: addr, Hops: hops, Runs: 1})[0]
	}
	f := func(to, addr string, hops int, reason thongsuot.Reason, received float64) {
		t.Helper()
		r := ask(to, addr, hops)
		want(t, r, reason)
		if r.Kind != thongsuot.ProbeICMP || r.Probe != thongsuot.NameHop || r.Target != addr {
			t.Errorf("stamped as %s %s %s", r.Probe, r.Kind, r.Target)
		}
		if got := field(t, r, "received"); got != received {
			t.Errorf("%s: received %v, want %v", addr, got, received)
		}
	}
	f(chainHost, chainCarrier, 2, thongsuot.ReasonOK, 3)
	f(chainHost6, chainCarrier6, 2, thongsuot.ReasonOK, 3)
	f(chainHost, chainUpstream, 3, thongsuot.ReasonOK, 3)
	f(chainHost, "100.64.2.99", 2, thongsuot.ReasonOK, 3) // another router in its place: the way is open so far
	r := ask(chainHost, chainCarrier, 2)
	for _, name := range []string{"sent", "loss_ratio", "rtt_min_seconds", "rtt_median_seconds", "rtt_p95_seconds", "rtt_max_seconds", "jitter_seconds", "delay_variation_seconds"} {
		field(t, r, name)
	}

	// The line behind the carrier is cut: the carrier itself still answers.
	sh(t, "ip", "-n", c.carrier, "link", "set", "r2", "down")
	each(t, "the carrier's word, of which it has one a second", func() bool { return ask(chainHost, chainCarrier, 2).OK() })
	each(t, "the carrier saying that there is no way on", func() bool {
		r := ask(chainHost, chainUpstream, 3)
		return r.Reason == thongsuot.ReasonUnreachable && strings.HasPrefix(r.Detail, chainCarrier)
	})
	// The line before the carrier swallows everything.
	sh(t, "ip", "netns", "exec", c.carrier, "nft", "add table inet t; add chain inet t in { type filter hook prerouting priority 0; }; add rule inet t in iifname l2 drop")
	f(chainHost, chainCarrier, 2, thongsuot.ReasonTimeout, 0)

	none := agent.hops(t, hopJob{Runs: 1})[0]
	want(t, none, thongsuot.ReasonNoData)
	lacks(t, none, "sent")
}

// What routers say is read from memory that the kernel filled; a parser must
// stand anything.
func FuzzSaid(f *testing.F) {
	entry := func(level, kind int32, data []byte) []byte {
		b := make([]byte, unix.CmsgSpace(len(data)))
		h := must(unix.ParseSocketControlMessage(unix.UnixRights(0)))[0].Header
		h.Level, h.Type = level, kind
		copy(b, unix.UnixRights(0)[:unix.CmsgLen(0)])
		return append(b[:unix.CmsgLen(0)], data...)
	}
	f.Add(entry(unix.IPPROTO_IP, unix.IP_RECVERR, make([]byte, 32)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, oob []byte) {
		if from, ok := probes.ParseSaid(oob); ok && !from.IsValid() {
			t.Errorf("%x: said by nobody", oob)
		}
	})
}
