package probes_test

import (
	"net/netip"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

// The lab's agent gets a second wire to a second router. Both routers know the
// host; the machine's own routes prefer the first.
//
//	agent 10.77.0.2 ---- 10.77.0.1 router  \
//	      10.81.0.2 ---- 10.81.0.1 second  - 198.51.100.9
const lineHost, secondRouter = "198.51.100.9", "10.81.0.1"

func withSecondLine(t *testing.T, l lab) {
	t.Helper()
	agent, ns := l.agent[3], l.agent[3]+"b"
	sh(t, "ip", "netns", "add", ns)
	t.Cleanup(func() { sh(t, "ip", "netns", "del", ns) })
	sh(t, "ip", "-n", ns, "link", "set", "lo", "up")
	sh(t, "ip", "link", "add", "eth1", "netns", agent, "type", "veth", "peer", "name", "eth0", "netns", ns)
	for at, dev := range map[string]string{agent: "eth1", ns: "eth0"} {
		host := map[string]string{agent: "2", ns: "1"}[at]
		sh(t, "ip", "-n", at, "address", "add", "10.81.0."+host+"/24", "dev", dev)
		sh(t, "ip", "-n", at, "link", "set", dev, "up")
	}
	for _, at := range []string{ns, l.router[3]} {
		sh(t, "ip", "-n", at, "address", "add", lineHost+"/32", "dev", "lo")
		sh(t, "ip", "netns", "exec", at, "sysctl", "-q", "net.ipv4.ip_forward=1", "net.ipv4.icmp_ratelimit=0")
	}
	sh(t, "ip", "-n", agent, "route", "add", "default", "via", secondRouter, "metric", "200")
	sh(t, "ip", "-n", agent, "rule", "add", "from", "10.81.0.2", "table", "81")
	sh(t, "ip", "-n", agent, "route", "add", "default", "via", secondRouter, "table", "81")
}

// lineJob asks by a line from within a namespace.
type lineJob struct {
	Line probes.Line
	Host string
}

// childLine pings, connects to and looks for a host by a line.
func childLine() error {
	var j lineJob
	if err := decodeInput(&j); err != nil {
		return err
	}
	ping, connect, way := pings(j.Host), connects(j.Host, 9), traces(j.Host)
	connect.Timeout, way.Hops, way.Wait = time.Second, 1, 300*time.Millisecond
	ping.Line, connect.Line, way.Line = j.Line, j.Line, j.Line
	return encodeAll(ping, connect, way)
}

func TestBoundToALine(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	withSecondLine(t, l)
	agent := l.agent.without("net_raw", "net_admin")
	sh(t, append(l.agent, "sysctl", "-q", "net.ipv4.ping_group_range=0 0")...)
	f := func(by probes.Line, reasons ...thongsuot.Reason) {
		t.Helper()
		rs := decodeResults(t, agent.output(t, "line", lineJob{by, lineHost}))
		for i, r := range rs {
			if len(reasons) > 0 {
				want(t, r, reasons[i])
			} else if r.OK() || r.Reason == thongsuot.ReasonRefused || !r.Reason.Evidence() {
				t.Errorf("%s by a line that is cut: %s %v", r.Kind, r.Reason, r.Fields)
			}
			if r.Line != by.Name {
				t.Errorf("%s bears line %q, want %q", r.Kind, r.Line, by.Name)
			}
		}
	}
	const open, there = thongsuot.ReasonOK, thongsuot.ReasonRefused // nobody listens, but the machine answers
	first, device := probes.Line{Name: "internet", Interface: "eth0"}, probes.Line{Name: "4g", Interface: "eth1"}
	source := probes.Line{Name: "tslcd", Source: netip.MustParseAddr("10.81.0.2")}
	f(probes.Line{}, open, there, open)
	f(first, open, there, open)
	f(device, open, there, open)
	f(source, open, there, open)

	sh(t, "ip", "-n", l.router[3], "link", "set", "eth0", "down") // the first line is cut at its far end
	f(first)
	f(device, open, there, open)
	f(source, open, there, open)
	const none = thongsuot.ReasonNoRoute // the modem was pulled out
	f(probes.Line{Name: "4g", Interface: "wwan0"}, none, none, none)
}

func TestBadLines(t *testing.T) {
	good := probes.Line{Name: "4g", Interface: "wwan0"}
	f := func(change func(*probes.Line), ok bool) {
		t.Helper()
		l := good
		change(&l)
		if err := l.Validate(); (err == nil) != ok {
			t.Errorf("%+v: %v", l, err)
		}
	}
	f(func(*probes.Line) {}, true)
	f(func(l *probes.Line) { l.Interface, l.Source = "", netip.MustParseAddr("10.0.0.2") }, true)
	f(func(l *probes.Line) { l.Interface = "" }, false)
	f(func(l *probes.Line) { l.Name = "" }, false)
	f(func(l *probes.Line) { l.Name = "Đường 1" }, false)
	f(func(l *probes.Line) { l.Interface = "a/b" }, false)
	f(func(l *probes.Line) { l.Interface = "an-interface-too-long" }, false)
	f(func(l *probes.Line) { l.Source = netip.IPv4Unspecified() }, false)
}
