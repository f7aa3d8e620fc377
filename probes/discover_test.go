package probes_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"thongsuot/probes"
)

const route4Head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"

func TestGatewaysOfANamespace(t *testing.T) {
	l := newLab(t)
	f := func(words ...string) {
		t.Helper()
		out := string(l.agent.output(t, "gateways", nil))
		for _, w := range words {
			if !strings.Contains(out, w) {
				t.Errorf("gateways are %q, want %q in it", out, w)
			}
		}
	}
	f("[{10.77.0.1 eth0 100} {fd77::1 eth0 200}] <nil>")
	sh(t, append(l.agent, "ip", "route", "add", "default", "via", "10.77.0.9", "metric", "50")...)
	f("[{10.77.0.9 eth0 50} {10.77.0.1 eth0 100} {fd77::1 eth0 200}] <nil>")
	sh(t, append(l.agent, "ip", "route", "flush", "default")...)
	sh(t, append(l.agent, "ip", "-6", "route", "flush", "default")...)
	f("[] no default route", "give the first hop's address")
}

func TestGatewaysFromTables(t *testing.T) {
	f := func(v4, v6 string, want ...probes.Gateway) {
		t.Helper()
		proc := t.TempDir()
		write(t, filepath.Join(proc, "net/route"), route4Head+v4)
		if v6 != "" {
			write(t, filepath.Join(proc, "net/ipv6_route"), v6)
		}
		got, err := probes.Gateways(proc)
		if len(want) == 0 && err == nil || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%q %q: got %v, %v; want %v", v4, v6, got, err, want)
		}
	}
	// The words are as little-endian machines write them.
	lan := probes.Gateway{Addr: netip.MustParseAddr("192.168.1.1"), Interface: "eth0", Metric: 0}
	f("eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"+
		"eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", "", lan)
	f("ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", "")          // no gateway on the line
	f("eth0\t00000000\t0101A8C0\t0002\t0\t0\t0\t00000000\t0\t0\t0\n", "")          // not up
	f("*\t00000000\t00000000\t0200\t0\t0\t0\t00000000\t0\t0\t0\n", "")             // rejected
	f("eth0\t0000000A\t0101A8C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n", "")          // to 10/8 only
	f("eth0\t00000000\tnonsense\t0003\t0\t0\t0\t00000000\t0\t0\t0\nshort\n\n", "") // damaged
	f("eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n", "")          // 0.0.0.0/1
	zero, hop := strings.Repeat("0", 32), "fe80000000000000021122fffe334455"
	f("", zero+" 00 "+zero+" 00 "+hop+" 00000400 00000001 00000000 00000003     eth0\n",
		probes.Gateway{Addr: netip.MustParseAddr("fe80::211:22ff:fe33:4455%eth0"), Interface: "eth0", Metric: 1024})
	f("", zero+" 00 "+zero+" 00 "+zero+" ffffffff 00000001 00000000 00200200       lo\n")
	if _, err := probes.Gateways(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a table: %v", err)
	}
}

func FuzzRoutes(f *testing.F) {
	f.Add(route4Head + "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")
	zero := strings.Repeat("0", 32)
	f.Add(zero + " 00 " + zero + " 00 fe80000000000000021122fffe334455 00000400 00000001 00000000 00000003     eth0\n")
	f.Fuzz(func(t *testing.T, table string) {
		for _, parse := range []func(string) (probes.Gateway, bool){probes.ParseRoute4, probes.ParseRoute6} {
			gateways, err := probes.ScanGateways(table, parse)
			if err != nil {
				continue
			}
			for i, g := range gateways {
				if !g.Addr.IsValid() || g.Addr.IsUnspecified() || g.Interface == "" {
					t.Errorf("%q: %+v", table, g)
				}
				if i > 0 && gateways[i-1].Metric > g.Metric {
					t.Errorf("%q: not by metric: %v", table, gateways)
				}
			}
		}
	})
}

func TestResolvers(t *testing.T) {
	f := func(conf string, want ...probes.Resolver) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "resolv.conf")
		write(t, file, conf)
		got, err := probes.Resolvers(file)
		if len(want) == 0 && (err == nil || !strings.Contains(err.Error(), file)) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, %v; want %v", conf, got, err, want)
		}
	}
	server := func(addr string, stub bool) probes.Resolver {
		return probes.Resolver{Addr: netip.MustParseAddr(addr), Stub: stub}
	}
	f("# made by hand\nsearch tinh.gov.vn\nnameserver 203.113.131.1\n nameserver\t203.113.131.2 # second\n",
		server("203.113.131.1", false), server("203.113.131.2", false))
	f("nameserver 127.0.0.53\noptions edns0 trust-ad\n", server("127.0.0.53", true))
	f("nameserver fe80::1%eth0\nnameserver 2001:db8::53\nnameserver 2001:db8::53\n",
		server("fe80::1%eth0", false), server("2001:db8::53", false))
	f("nameserver 8.8.8\nnameserver 1.1.1.1", server("1.1.1.1", false))
	f("")
	f(";nameserver 1.1.1.1\n#nameserver 1.1.1.1\nnameserver\n")
	if _, err := probes.Resolvers(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
}

func TestPowerSupplies(t *testing.T) {
	got := must(probes.PowerSupplies(supplies(t,
		"BAT0 type=Battery,status=Not charging,capacity=55", "AC type=Mains,online=1", "pen type=Battery,scope=Device")))
	want := []probes.PowerSupply{
		{Name: "AC", Type: "Mains", Online: "1", Percent: -1},
		{Name: "BAT0", Type: "Battery", Status: "Not charging", Percent: 55},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := probes.PowerSupplies(t.TempDir()); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "UPS") {
		t.Errorf("none: %v", err)
	}
}
