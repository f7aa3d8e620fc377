package probes_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"thongsuot"
	"thongsuot/probes"
)

// pings is a fast probe of host.
func pings(host string) probes.ICMPConfig {
	c := probes.DefaultICMPConfig()
	c.Name, c.Host = "ping", host
	c.Count, c.Interval, c.Wait = 3, 10*time.Millisecond, time.Second
	return c
}

func TestICMPAnswered(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	f := func(at place, host string) {
		t.Helper()
		r := at.ask(t, thongsuot.ProbeICMP, pings(host))
		want(t, r, thongsuot.ReasonOK)
		if sent, got, loss := field(t, r, "sent"), field(t, r, "received"), field(t, r, "loss_ratio"); sent != 3 || got != 3 || loss != 0 {
			t.Errorf("%s: sent %v, received %v, loss %v; want 3, 3, 0", host, sent, got, loss)
		}
		low, mid := field(t, r, "rtt_min_seconds"), field(t, r, "rtt_median_seconds")
		p95, high := field(t, r, "rtt_p95_seconds"), field(t, r, "rtt_max_seconds")
		if !(0 < low && low <= mid && mid <= p95 && p95 <= high && high <= 1) {
			t.Errorf("%s: round trips out of order: %v %v %v %v", host, low, mid, p95, high)
		}
		field(t, r, "jitter_seconds")
	}
	each(t, "IPv6 on the new wire", func() bool { return l.agent.ask(t, thongsuot.ProbeICMP, pings("fd77::1")).OK() })
	hosts := []string{labRouter, "fd77::1", "127.0.0.1", "::1"}
	for _, host := range hosts {
		f(l.agent, host) // raw: a new namespace allows no group datagram ICMP
	}
	sh(t, append(l.agent, "sysctl", "-q", "net.ipv4.ping_group_range=0 0")...)
	for _, host := range hosts {
		f(l.agent.without("net_raw"), host)
	}
}

func TestICMPRights(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	f := func(at place, words ...string) {
		t.Helper()
		out := string(at.output(t, "rights", nil))
		for _, w := range words {
			if !strings.Contains(out, w) {
				t.Errorf("rights are %q, want %q in it", out, w)
			}
		}
	}
	f(l.agent, "raw <nil>")
	f(l.agent.without("net_raw"), "net.ipv4.ping_group_range", "CAP_NET_RAW")
	r := l.agent.without("net_raw").ask(t, thongsuot.ProbeICMP, pings(labRouter))
	want(t, r, thongsuot.ReasonNoPermission)
	lacks(t, r, "sent", "loss_ratio")
	sh(t, append(l.agent, "sysctl", "-q", "net.ipv4.ping_group_range=0 0")...)
	f(l.agent, "datagram <nil>")
}

func TestICMPFaults(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	f := func(host string, reason thongsuot.Reason, sent float64) {
		t.Helper()
		r := l.agent.ask(t, thongsuot.ProbeICMP, pings(host))
		want(t, r, reason)
		if got := field(t, r, "sent"); got != sent {
			t.Errorf("%s: sent %v, want %v", host, got, sent)
		}
		if loss, ok := r.Field("loss_ratio"); ok != (sent > 0) || ok && loss != 1 {
			t.Errorf("%s: loss %v, %v with %v sent", host, loss, ok, sent)
		}
		lacks(t, r, "rtt_min_seconds", "rtt_median_seconds", "rtt_p95_seconds", "rtt_max_seconds", "jitter_seconds")
	}
	f(localNoRoute, thongsuot.ReasonNoRoute, 0)
	f(localBlackhole, thongsuot.ReasonNoRoute, 0)
	f(localUnreachable, thongsuot.ReasonUnreachable, 0)
	f(localProhibited, thongsuot.ReasonProhibited, 0)
	f(localNoRoute6, thongsuot.ReasonNoRoute, 0)
	f(localBlackhole6, thongsuot.ReasonNoRoute, 0)
	f(localUnreachable6, thongsuot.ReasonUnreachable, 0)
	f(localProhibited6, thongsuot.ReasonProhibited, 0)
	f(routerSilent, thongsuot.ReasonTimeout, 3)

	want(t, here.run(t, job{Kind: thongsuot.ProbeICMP, Config: must(jsonOf(pings("127.0.0.1"))), Runs: 1, NoFile: true})[0],
		thongsuot.ReasonError)
}

// A prohibited route sends pro-bing into a loop that heeds no timeout. Were it
// still in there, the second run would find the first not back.
func TestICMPProhibitedLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, host := range []string{localProhibited, localProhibited6} {
		for _, r := range l.agent.run(t, job{Kind: thongsuot.ProbeICMP, Config: must(jsonOf(pings(host))), Runs: 3}) {
			want(t, r, thongsuot.ReasonProhibited)
		}
	}
}

func TestICMPNamesAreResolved(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.agent.serve(t, "dns")
	at := l.agent.resolvingAt(t, "127.0.0.1")
	want(t, at.ask(t, thongsuot.ProbeICMP, pings("router.test")), thongsuot.ReasonOK)
	for name, reason := range systemResolverFaults {
		cfg := pings(name)
		want(t, at.ask(t, thongsuot.ProbeICMP, cfg), reason)
	}
}

// Addresses at which childEcho answers in the kernel's stead.
const (
	lossyEcho = "10.77.0.11" // every other request, twice each
	lateEcho  = "10.77.0.12" // the first one only after the fifth came
)

func TestICMPPartialLoss(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	sh(t, append(l.router, "sysctl", "-q", "net.ipv4.icmp_echo_ignore_all=1")...)
	for _, addr := range []string{lossyEcho, lateEcho} {
		sh(t, append(l.router, "ip", "address", "add", addr+"/24", "dev", "eth0")...)
	}
	l.router.serve(t, "echo")

	f := func(host string, received, loss float64) {
		t.Helper()
		cfg := pings(host)
		cfg.Count, cfg.Interval, cfg.Wait = 5, 300*time.Millisecond, time.Second
		r := l.agent.ask(t, thongsuot.ProbeICMP, cfg)
		want(t, r, thongsuot.ReasonOK)
		if n, got := field(t, r, "received"), field(t, r, "loss_ratio"); n != received || got != loss {
			t.Errorf("%s: received %v, loss %v; want %v, %v", host, n, got, received, loss)
		}
		if high := field(t, r, "rtt_max_seconds"); high > 1 {
			t.Errorf("%s: the longest round trip is %v s, beyond the wait", host, high)
		}
	}
	f(lossyEcho, 3, 0.4)
	f(lateEcho, 4, 0.2)
}

// childEcho answers echo requests by rules.
func childEcho() error {
	for addr, rule := range map[string]func(c *icmp.PacketConn, from net.Addr, held, reply *icmp.Message){
		lossyEcho: func(c *icmp.PacketConn, from net.Addr, _, reply *icmp.Message) {
			if reply.Body.(*icmp.Echo).Seq%2 == 0 {
				c.WriteTo(must(reply.Marshal(nil)), from)
				c.WriteTo(must(reply.Marshal(nil)), from)
			}
		},
		lateEcho: func(c *icmp.PacketConn, from net.Addr, held, reply *icmp.Message) {
			switch reply.Body.(*icmp.Echo).Seq {
			case 0:
				*held = *reply
				return
			case 4:
				c.WriteTo(must(held.Marshal(nil)), from)
			}
			c.WriteTo(must(reply.Marshal(nil)), from)
		},
	} {
		c, err := icmp.ListenPacket("ip4:icmp", addr)
		if err != nil {
			return err
		}
		go func() {
			var held icmp.Message
			buf := make([]byte, 1500)
			for {
				n, from, err := c.ReadFrom(buf)
				if err != nil {
					return
				}
				m, err := icmp.ParseMessage(1, buf[:n])
				if err != nil || m.Type != ipv4.ICMPTypeEcho {
					continue
				}
				m.Type = ipv4.ICMPTypeEchoReply
				rule(c, from, &held, m)
			}
		}()
	}
	untilDone()
	return nil
}

func TestRTTFields(t *testing.T) {
	const ms = time.Millisecond
	run := probes.RTTFields()
	f := func(sent int, rtts []time.Duration, name string, want float64, has bool) {
		t.Helper()
		r := thongsuot.Result{Fields: probes.RTTFields()(sent, rtts...)}
		if v, ok := r.Field(name); ok != has || v-want > 1e-12 || want-v > 1e-12 {
			t.Errorf("%v: %s = %v, %v; want %v, %v", rtts, name, v, ok, want, has)
		}
	}
	f(0, nil, "loss_ratio", 0, false)
	f(4, nil, "loss_ratio", 1, true)
	f(4, nil, "rtt_min_seconds", 0, false)
	f(1, []time.Duration{7 * ms}, "rtt_p95_seconds", 0.007, true)
	f(1, []time.Duration{7 * ms}, "jitter_seconds", 0, false)
	f(4, []time.Duration{9 * ms, 1 * ms, 5 * ms, 2 * ms}, "rtt_median_seconds", 0.0035, true)
	f(4, []time.Duration{9 * ms, 1 * ms, 5 * ms}, "loss_ratio", 0.25, true)
	f(4, []time.Duration{9 * ms, 1 * ms, 5 * ms}, "rtt_median_seconds", 0.005, true)
	f(4, []time.Duration{9 * ms, 1 * ms, 5 * ms}, "rtt_min_seconds", 0.001, true)
	f(4, []time.Duration{9 * ms, 1 * ms, 5 * ms}, "rtt_max_seconds", 0.009, true)
	twenty := make([]time.Duration, 20)
	for i := range twenty {
		twenty[i] = time.Duration(i+1) * ms
	}
	f(20, twenty, "rtt_p95_seconds", 0.019, true)

	// RFC 3550 by hand: |20-4| = 16 ms, so J = 16/16 = 1 ms; in the next run
	// |4-4| = 0, so J = 1 - 1/16 ms, over a run in which nothing came.
	run(2, 4*ms, 20*ms)
	run(2)
	r := thongsuot.Result{Fields: run(1, 20*ms)}
	if got := field(t, r, "jitter_seconds"); got < 0.0009374999 || got > 0.0009375001 {
		t.Errorf("jitter is %v, want 0.0009375", got)
	}
}

func TestICMPHere(t *testing.T) {
	_, err := probes.ICMPRights()
	need(t, err == nil, "the right to send ICMP")
	r := ask(t, pings("127.0.0.1"))
	want(t, r, thongsuot.ReasonOK)
	if r.Probe != "ping" || r.Kind != thongsuot.ProbeICMP || r.Target != "127.0.0.1" || !r.At.IsZero() {
		t.Errorf("stamped as %+v", r)
	}
}

func TestRoundTripSurvivesClockStep(t *testing.T) {
	const ms = time.Millisecond
	f := func(wall, monotonic, want time.Duration) {
		t.Helper()
		if got := probes.RoundTrip(wall, monotonic); got != want {
			t.Errorf("wall %v, monotonic %v: %v, want %v", wall, monotonic, got, want)
		}
	}
	f(30*ms+40*time.Microsecond, 30*ms, 30*ms+40*time.Microsecond)
	f(56*365*24*time.Hour, 30*ms, 30*ms) // the clock was set meanwhile
	f(-time.Hour, 30*ms, 30*ms)
}
