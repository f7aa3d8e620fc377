package probes_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

// counted listens on loopback and counts who comes, by TCP and UDP.
type counted struct {
	addr  string
	host  string
	port  int
	calls atomic.Int64
}

func newCounted(t *testing.T) *counted {
	t.Helper()
	c := &counted{}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	need(t, err == nil, "a listener")
	c.addr = ln.Addr().String()
	c.host, _, _ = net.SplitHostPort(c.addr)
	c.port = ln.Addr().(*net.TCPAddr).Port
	udp, err := net.ListenPacket("udp", c.addr)
	need(t, err == nil, "a socket on the same port")
	t.Cleanup(func() { ln.Close(); udp.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			c.calls.Add(1)
			conn.Close()
		}
	}()
	go func() {
		for {
			if _, _, err := udp.ReadFrom(make([]byte, 1500)); err != nil {
				return
			}
			c.calls.Add(1)
		}
	}()
	return c
}

// Each kind of probe that opens a socket is kept from an address inside by the
// same gate, by its address and by a name that leads there, and asks it once
// its network is allowed.
func TestGateKeepsEveryProbeFromInside(t *testing.T) {
	shut, open := newCounted(t), newCounted(t) // only the second may be asked
	gates := map[string]*probes.Gate{
		"nothing":   probes.NewGate(nil, nil),
		"network":   probes.NewGate([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, nil),
		"address":   probes.NewGate(nil, []netip.Addr{netip.MustParseAddr("127.0.0.1")}),
		"neighbour": probes.NewGate([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, []netip.Addr{netip.MustParseAddr("127.0.0.2")}),
	}
	makes := map[string]func(inside *counted, host string, l probes.Line) (probes.Probe, error){
		"icmp": func(inside *counted, host string, l probes.Line) (probes.Probe, error) {
			c := probes.DefaultICMPConfig()
			c.Name, c.Host, c.Count, c.Wait, c.Line = "x", host, 1, 200*time.Millisecond, l
			return probes.NewICMP(c)
		},
		"tcp": func(inside *counted, host string, l probes.Line) (probes.Probe, error) {
			c := probes.DefaultTCPConfig()
			c.Name, c.Host, c.Port, c.Line = "x", host, inside.port, l
			return probes.NewTCP(c)
		},
		"dns": func(inside *counted, _ string, l probes.Line) (probes.Probe, error) {
			c := probes.DefaultDNSConfig()
			c.Name, c.Resolver, c.Resend, c.Timeout, c.Line = "x", inside.addr, 0, 100*time.Millisecond, l
			return probes.NewDNS(c)
		},
		"portal": func(inside *counted, host string, l probes.Line) (probes.Probe, error) {
			c := probes.DefaultPortalConfig()
			c.Name, c.URL, c.Line = "x", "http://"+net.JoinHostPort(host, strconv.Itoa(inside.port))+"/", l
			return probes.NewPortal(c)
		},
		"service": func(inside *counted, host string, l probes.Line) (probes.Probe, error) {
			c := probes.DefaultPortalConfig()
			c.Name, c.URL, c.Line = "x", "http://"+net.JoinHostPort(host, strconv.Itoa(inside.port))+"/", l
			return probes.NewService(c)
		},
		"captive": func(inside *counted, host string, l probes.Line) (probes.Probe, error) {
			c := probes.DefaultCaptiveConfig()
			c.URL, c.Line = "http://"+net.JoinHostPort(host, strconv.Itoa(inside.port))+"/", l
			return probes.NewCaptive(c)
		},
		"ups": func(inside *counted, host string, l probes.Line) (probes.Probe, error) {
			c := probes.DefaultUPSConfig()
			c.Name, c.Server, c.Line = "x", net.JoinHostPort(host, strconv.Itoa(inside.port)), l
			return probes.NewUPS(c)
		},
		"canary": func(inside *counted, host string, l probes.Line) (probes.Probe, error) {
			c := probes.DefaultCanaryConfig()
			c.Name, c.Host, c.Port, c.Line = "x", host, inside.port, l
			return probes.NewCanary(c)
		},
		"path": func(inside *counted, host string, l probes.Line) (probes.Probe, error) {
			c := probes.DefaultPathConfig()
			c.Host, c.Hops, c.Wait, c.Line = host, 1, 100*time.Millisecond, l
			return probes.NewPath(c)
		},
		"hop": func(inside *counted, _ string, l probes.Line) (probes.Probe, error) {
			c := probes.DefaultHopConfig()
			c.Name, c.Count, c.Wait, c.Line = "x", 1, 100*time.Millisecond, l
			c.Where = func() (probes.Waypoint, bool) {
				return probes.Waypoint{To: netip.MustParseAddr("127.0.0.1"), Hops: 1, Addr: netip.MustParseAddr("127.0.0.1")}, true
			}
			return probes.NewHop(c)
		},
	}
	for kind, make := range makes {
		for _, host := range []string{"127.0.0.1", "localhost"} {
			for name, gate := range gates {
				kept, inside := name == "nothing" || name == "neighbour", open
				if kept {
					inside = shut
				}
				p, err := make(inside, host, probes.Line{Gate: gate})
				need(t, err == nil, kind)
				r := probes.Run(t.Context(), p)
				if kept {
					want(t, r, thongsuot.ReasonNotAllowed)
				}
				if kept != (r.Reason == thongsuot.ReasonNotAllowed) {
					t.Errorf("%s to %s with %s allowed: %s (%s)", kind, host, name, r.Reason, r.Detail)
				}
			}
		}
	}
	if _, err := probes.UPSDevices(t.Context(), probes.Line{Gate: gates["nothing"]}, shut.addr); err == nil || !strings.Contains(err.Error(), "not in allow") {
		t.Errorf("the supplies of a upsd that may not be asked: %v", err)
	}
	if n := shut.calls.Load(); n != 0 {
		t.Errorf("%d calls where none were allowed", n)
	}
	each(t, "who was allowed came", func() bool { return open.calls.Load() > 0 })
}

// What an operator named for one probe is no place for a page to lead to.
func TestPagesLeadOnlyToNetworksThatAreAllowed(t *testing.T) {
	inside := newCounted(t)
	page := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://localhost:"+strconv.Itoa(inside.port)+"/", http.StatusFound)
	})
	f := func(g *probes.Gate, reason thongsuot.Reason, calls int64) {
		t.Helper()
		c := gets(page.URL)
		c.Every, c.Line.Gate = time.Minute, g
		want(t, ask(t, c), reason)
		each(t, fmt.Sprint(calls, " calls"), func() bool { return inside.calls.Load() == calls })
	}
	named := []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	f(probes.NewGate(nil, named), thongsuot.ReasonHTTPRedirect, 0)
	f(probes.NewGate([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, named), thongsuot.ReasonHTTPError, 1)
}

// Every address that is not of the open network lies inside, however written;
// the others are free.
func TestGateKnowsWhatLiesInside(t *testing.T) {
	f := func(addr string, inside bool) {
		t.Helper()
		if err := probes.Admit(probes.NewGate(nil, nil), netip.MustParseAddr(addr)); (err != nil) != inside {
			t.Errorf("%s: %v", addr, err)
		}
	}
	for _, a := range []string{
		"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "0.0.0.0",
		"::1", "fd00::1", "fc00::1", "fe80::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "255.255.255.255", "224.0.0.1", "ff02::1",
	} {
		f(a, true)
	}
	for _, a := range []string{"203.0.113.1", "8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:203.0.113.1"} {
		f(a, false)
	}
}
