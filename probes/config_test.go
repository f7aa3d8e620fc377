package probes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

// bad checks that a change to a good configuration is refused with a word on
// the field and the value.
func bad[T any](t *testing.T, valid T, change func(*T), words ...string) {
	t.Helper()
	if _, err := build(valid); err != nil {
		t.Fatalf("the good configuration is refused: %v", err)
	}
	change(&valid)
	_, err := build(valid)
	if err == nil {
		t.Errorf("%+v is taken", valid)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error is %q, want %q in it", err, w)
		}
	}
}

func TestBadSchedules(t *testing.T) {
	c := connects("127.0.0.1", 80)
	type C = probes.TCPConfig
	bad(t, c, func(c *C) { c.Name = "" }, "name:", `""`)
	bad(t, c, func(c *C) { c.Name = "Cổng" }, "name:", `"Cổng"`)
	bad(t, c, func(c *C) { c.Name = strings.Repeat("a", 41) }, "name:")
	bad(t, c, func(c *C) { c.Every = 0 }, "every:", "0s")
	bad(t, c, func(c *C) { c.Every = 999 * time.Millisecond }, "every:", "999ms")
	bad(t, c, func(c *C) { c.Every = 25 * time.Hour }, "every:", "25h0m0s")
	bad(t, c, func(c *C) { c.Timeout = -1 }, "timeout:", "-1ns")
	bad(t, c, func(c *C) { c.Timeout = 9 * time.Second }, "timeout:", "80 %", "10s", "9s")
	bad(t, c, func(c *C) { c.Name, c.Port = "", 0 }, "name:", "port:") // every mistake at once
}

func TestBadHosts(t *testing.T) {
	c := connects("127.0.0.1", 80)
	type C = probes.TCPConfig
	for _, host := range []string{
		"", "a b", "-x.vn", "a..b", "http://a", "a:80", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255",
		"fe80::1", strings.Repeat("a.", 130) + "b",
	} {
		bad(t, c, func(c *C) { c.Host = host }, "host:")
	}
	bad(t, c, func(c *C) { c.Port = 65536 }, "port:", "65536")
	bad(t, c, func(c *C) { c.Family = "ip5" }, "family:", `"ip5"`)
	bad(t, c, func(c *C) { c.Family = probes.IPv6 }, "family:", "127.0.0.1")
	for _, host := range []string{"a", "a.vn.", "fe80::1%eth0", "10.0.0.1", "2001:db8::1", "dichvucong.gov.vn"} {
		if _, err := build(connects(host, 80)); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

func TestBadICMP(t *testing.T) {
	type C = probes.ICMPConfig
	c := pings("127.0.0.1")
	bad(t, c, func(c *C) { c.Host = "" }, "host:")
	bad(t, c, func(c *C) { c.Family = "4" }, "family:")
	bad(t, c, func(c *C) { c.Count = 0 }, "count:", "0")
	bad(t, c, func(c *C) { c.Count = 101 }, "count:", "101")
	bad(t, c, func(c *C) { c.Interval = 0 }, "interval:", "0s") // pro-bing would panic
	bad(t, c, func(c *C) { c.Wait = 0 }, "wait:", "0s")         // here too
	bad(t, c, func(c *C) { c.Size = 8 }, "size:", "8")
	bad(t, c, func(c *C) { c.Size = 1500 }, "size:", "1500")
	bad(t, c, func(c *C) { c.Wait = 9 * time.Second }, "timeout:", "too short", "9s")
}

func TestBadDNS(t *testing.T) {
	type C = probes.DNSConfig
	c := asks("127.0.0.1", "good.test")
	for _, r := range []string{"", "resolver.vn", "127.0.0.1:0", "127.0.0.1:x", "0.0.0.0", "0.0.0.0:53", "fe80::1"} {
		bad(t, c, func(c *C) { c.Resolver = r }, "resolver:", strings.TrimSuffix(r, ":53"))
	}
	bad(t, c, func(c *C) { c.Question = "a b" }, "question:", `"a b"`)
	bad(t, c, func(c *C) { c.Question = "" }, "question:")
	bad(t, c, func(c *C) { c.Type = "MX" }, "type:", `"MX"`)
	bad(t, c, func(c *C) { c.Missing = "a b" }, "missing:", `"a b"`)
	bad(t, c, func(c *C) { c.Resend = -1 }, "resend:")
	if p := must(build(c)); p.Target != "127.0.0.1:53" {
		t.Errorf("target is %q", p.Target)
	}
}

func TestBadPortal(t *testing.T) {
	type C = probes.PortalConfig
	c := probes.DefaultPortalConfig()
	c.Name = "portal"
	for _, u := range []string{"", "dichvucong.gov.vn", "ftp://a/", "https://", "https:///x", "https://a b/", "mailto:a@b", "https://0.0.0.0/"} {
		bad(t, c, func(c *C) { c.URL = u }, "url:")
	}
	bad(t, c, func(c *C) { c.URL = "https://u:geheim@a.vn/?k=geheim" }, "url:", "https://a.vn/")
	c.URL = "https://u:geheim@a.vn/"
	if _, err := build(c); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("error is %v", err)
	}
	c.URL = "https://dichvucong.gov.vn/"
	bad(t, c, func(c *C) { c.Every = 59 * time.Second }, "every:", "1m0s", "59s", "own")
	bad(t, c, func(c *C) { c.Accept = []int{200} }, "accept:", "200")
	bad(t, c, func(c *C) { c.Accept = []int{600} }, "accept:", "600")
	bad(t, c, func(c *C) { c.Body = 0 }, "body:", "0")
	bad(t, c, func(c *C) { c.Body = 65537 }, "body:", "65537")
	bad(t, c, func(c *C) { c.UserAgent = "Thông Suốt" }, "user_agent:", "Thông Suốt")
	bad(t, c, func(c *C) { c.UserAgent = "" }, "user_agent:")
	bad(t, c, func(c *C) { c.UserAgent = "a\r\nX: y" }, "user_agent:")
	bad(t, c, func(c *C) { c.Family = "ip" }, "family:")
	missing := filepath.Join(t.TempDir(), "ca.pem")
	bad(t, c, func(c *C) { c.CAFile = missing }, "ca_file:", missing)
	write(t, missing, "no certificate")
	bad(t, c, func(c *C) { c.CAFile = missing }, "ca_file:", missing, "PEM")

	for _, url := range []string{"http://localhost:1/", "http://127.9.9.9/", "http://[::1]:8080/"} {
		fast := c
		fast.URL, fast.Every = url, time.Second
		if _, err := build(fast); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	own := c
	own.Every, own.Own = 10*time.Second, true
	if _, err := build(own); err != nil {
		t.Errorf("own server: %v", err)
	}
}

func TestBadCaptive(t *testing.T) {
	type C = probes.CaptiveConfig
	c := probes.DefaultCaptiveConfig()
	c.URL = "http://giamsat.example.vn/204"
	bad(t, c, func(c *C) { c.URL = "https://giamsat.example.vn/204" }, "url:", "http://")
	bad(t, c, func(c *C) { c.URL = "" }, "url:")
	bad(t, c, func(c *C) { c.Name = "" }, "name:")
	bad(t, c, func(c *C) { c.Every = 0 }, "every:")
}

func TestBadLocal(t *testing.T) {
	u := probes.DefaultUPSConfig()
	u.Name = "ups"
	for _, s := range []string{"", "localhost", "localhost:x", "localhost:0", ":3493", "a b:3493"} {
		bad(t, u, func(c *probes.UPSConfig) { c.Server = s }, "server:")
	}
	bad(t, u, func(c *probes.UPSConfig) { c.UPS = "a b" }, "ups:", `"a b"`)
	bad(t, u, func(c *probes.UPSConfig) { c.UPS = "a\nLOGIN" }, "ups:")
	if p := must(build(u)); p.Target != "ups@127.0.0.1:3493" || p.Every != time.Second || p.Timeout != 800*time.Millisecond {
		t.Errorf("default UPS is %+v", p)
	}
	bad(t, boots("/proc"), func(c *probes.BootConfig) { c.Proc = "proc" }, "proc:", `"proc"`)
	bad(t, boots("/proc"), func(c *probes.BootConfig) { c.Every = 0 }, "every:")
	bad(t, mainsAt("/sys"), func(c *probes.MainsConfig) { c.Root = "" }, "root:")
	bad(t, mainsAt("/sys"), func(c *probes.MainsConfig) { c.Timeout = time.Second }, "timeout:")
}

// The default configurations only want a name, and what to ask.
func TestDefaults(t *testing.T) {
	f := func(cfg any, kind thongsuot.ProbeKind, every, timeout time.Duration) {
		t.Helper()
		p, err := build(cfg)
		if err != nil || p.Kind != kind || p.Every != every || p.Timeout != timeout || p.Name != "x" {
			t.Errorf("%T: %+v, %v", cfg, p, err)
		}
	}
	icmp, tcp, dns := probes.DefaultICMPConfig(), probes.DefaultTCPConfig(), probes.DefaultDNSConfig()
	portal, boot, mains := probes.DefaultPortalConfig(), probes.DefaultBootConfig(), probes.DefaultMainsConfig()
	icmp.Name, icmp.Host = "x", "10.0.0.1"
	tcp.Name, tcp.Host, tcp.Port = "x", "10.0.0.1", 443
	dns.Name, dns.Resolver = "x", "10.0.0.1"
	portal.Name, boot.Name, mains.Name = "x", "x", "x"
	f(icmp, thongsuot.ProbeICMP, 10*time.Second, 8*time.Second)
	f(tcp, thongsuot.ProbeTCP, 10*time.Second, 8*time.Second)
	f(dns, thongsuot.ProbeDNS, 10*time.Second, 8*time.Second)
	f(portal, thongsuot.ProbePortal, time.Minute, 48*time.Second)
	f(boot, thongsuot.ProbeBoot, time.Minute, 48*time.Second)
	f(mains, thongsuot.ProbeMains, time.Second, 800*time.Millisecond)
	if _, err := os.Stat("/proc/net/route"); err == nil {
		if _, err := probes.Gateways("/proc"); err != nil && !strings.Contains(err.Error(), "no default route") {
			t.Errorf("gateways of this machine: %v", err)
		}
	}
}
