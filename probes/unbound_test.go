package probes_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

// startUnbound runs a real resolver that knows a few names, is cut off from the
// one above it, and leads one zone astray as resolvers of carriers do.
func startUnbound(t *testing.T) (addr string) {
	t.Helper()
	binary, err := exec.LookPath("unbound")
	if err != nil {
		binary = "/usr/sbin/unbound"
		_, err = os.Stat(binary)
	}
	need(t, err == nil, "unbound, a real resolver (package unbound)")
	dir, port := t.TempDir(), closedPort(t)
	many := ""
	for i := range 60 { // more than fits a datagram of 512 bytes
		many += fmt.Sprintf("  local-data: \"many.portal.test. A 203.0.113.%d\"\n", i+1)
	}
	file := filepath.Join(dir, "unbound.conf")
	write(t, file, fmt.Sprintf(`server:
  interface: 127.0.0.1@%d
  do-ip6: no
  do-daemonize: no
  username: ""
  chroot: ""
  directory: %[2]q
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  local-zone: "portal.test." static
  local-data: "portal.test. A 203.0.113.7"
  local-data: "six.portal.test. AAAA 2001:db8::7"
%[3]s  local-zone: "refused.test." refuse
  local-zone: "astray.test." redirect
  local-data: "astray.test. A 198.51.100.9"
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@%[4]d
remote-control:
  control-enable: no
`, port, dir, many, closedPort(t)))
	cmd := exec.CommandContext(t.Context(), binary, "-d", "-c", file)
	out := filepath.Join(dir, "log")
	log, err := os.Create(out)
	need(t, err == nil, "a log")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		log.Close()
		if text, _ := os.ReadFile(out); t.Failed() {
			t.Logf("unbound: %s", text)
		}
	})
	addr = fmt.Sprintf("127.0.0.1:%d", port)
	each(t, "unbound answers", func() bool { return probes.Run(t.Context(), asksUnbound(t, addr, "portal.test", nil)).OK() })
	return addr
}

func asksUnbound(t *testing.T, addr, name string, change func(*probes.DNSConfig)) probes.Probe {
	t.Helper()
	c := probes.DefaultDNSConfig()
	c.Name, c.Resolver, c.Question, c.Missing, c.Timeout = "resolver", addr, name, "", 5*time.Second
	if change != nil {
		change(&c)
	}
	return must(probes.NewDNS(c))
}

// What a real resolver says is told apart, with the tests for answers that were
// led astray.
func TestRealResolver(t *testing.T) {
	t.Parallel()
	addr := startUnbound(t)
	f := func(name string, reason thongsuot.Reason, answers float64, change func(*probes.DNSConfig)) thongsuot.Result {
		t.Helper()
		r := probes.Run(t.Context(), asksUnbound(t, addr, name, change))
		want(t, r, reason)
		if n := field(t, r, "answers"); n != answers {
			t.Errorf("%s: %v answers, want %v", name, n, answers)
		}
		return r
	}
	aaaa := func(c *probes.DNSConfig) { c.Type = "AAAA" }
	f("portal.test", thongsuot.ReasonOK, 1, nil)
	f("many.portal.test", thongsuot.ReasonOK, 60, nil) // cut short over UDP, whole over TCP
	f("six.portal.test", thongsuot.ReasonOK, 1, aaaa)
	f("six.portal.test", thongsuot.ReasonDNSNoAnswer, 0, nil)
	f("gone.portal.test", thongsuot.ReasonDNSNXDomain, 0, nil)
	f("www.refused.test", thongsuot.ReasonDNSRefused, 0, nil)
	f("www.example.vn", thongsuot.ReasonDNSServFail, 0, nil) // the one above it may not be asked

	at := func(addr string) func(*probes.DNSConfig) {
		return func(c *probes.DNSConfig) {
			c.Elsewhere = func(string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(addr)} }
		}
	}
	f("portal.test", thongsuot.ReasonOK, 1, at("203.0.113.200")) // a neighbour, as of one service
	f("www.astray.test", thongsuot.ReasonDNSDiffers, 1, at("203.0.113.7"))
	invents := func(zone string) float64 {
		return field(t, f("portal.test", thongsuot.ReasonOK, 1, func(c *probes.DNSConfig) { c.Missing = zone }), "invents")
	}
	if honest, astray := invents("portal.test"), invents("astray.test"); honest != 0 || astray != 1 {
		t.Errorf("invents %v in an honest zone, %v in one that is led astray", honest, astray)
	}
}
