package probes_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// lab is two network namespaces with one wire between them: the agent's, with
// routes of every bad kind, and a router's, which knows bad ways of its own.
//
//	agent 10.77.0.2, fd77::2 ---- 10.77.0.1, fd77::1 router
type lab struct{ agent, router place }

// Addresses that the lab's routes treat in their own way.
const (
	labRouter = "10.77.0.1"

	localUnreachable = "192.0.2.1"
	localProhibited  = "192.0.2.2"
	localBlackhole   = "192.0.2.3"
	localNoRoute     = "192.0.2.4"

	routerUnreachable = "198.51.100.1"
	routerProhibited  = "198.51.100.2"
	routerSilent      = "198.51.100.3" // dropped without a word
	routerNoRoute     = "203.0.113.1"

	localUnreachable6 = "2001:db8::1"
	localProhibited6  = "2001:db8::2"
	localBlackhole6   = "2001:db8::3"
	localNoRoute6     = "2001:db8::4"
)

var labs atomic.Int32

func newLab(t *testing.T) lab {
	t.Helper()
	need(t, os.Getuid() == 0, "root, for network namespaces")
	n := labs.Add(1)
	a, r := fmt.Sprintf("ts%da%d", os.Getpid(), n), fmt.Sprintf("ts%dr%d", os.Getpid(), n)
	for _, ns := range []string{a, r} {
		out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput()
		need(t, err == nil, fmt.Sprintf("network namespaces (ip netns add: %v %s)", err, out))
		t.Cleanup(func() { sh(t, "ip", "netns", "del", ns) })
		sh(t, "ip", "-n", ns, "link", "set", "lo", "up")
	}
	sh(t, "ip", "link", "add", "eth0", "netns", a, "type", "veth", "peer", "name", "eth0", "netns", r)
	for ns, host := range map[string]string{a: "2", r: "1"} {
		sh(t, "ip", "-n", ns, "address", "add", "10.77.0."+host+"/24", "dev", "eth0")
		sh(t, "ip", "-n", ns, "address", "add", "fd77::"+host+"/64", "dev", "eth0", "nodad")
		sh(t, "ip", "-n", ns, "link", "set", "eth0", "up")
	}
	sh(t, "ip", "netns", "exec", r, "sysctl", "-q", "net.ipv4.ip_forward=1", "net.ipv4.icmp_ratelimit=0")

	sh(t, "ip", "-n", a, "route", "add", "default", "via", "10.77.0.1", "metric", "100")
	sh(t, "ip", "-n", a, "-6", "route", "add", "default", "via", "fd77::1", "metric", "200")
	for kind, to := range map[string]string{
		"unreachable": localUnreachable, "prohibit": localProhibited, "blackhole": localBlackhole, "throw": localNoRoute,
	} {
		sh(t, "ip", "-n", a, "route", "add", kind, to)
	}
	for kind, to := range map[string]string{
		"unreachable": localUnreachable6, "prohibit": localProhibited6, "blackhole": localBlackhole6, "throw": localNoRoute6,
	} {
		sh(t, "ip", "-n", a, "-6", "route", "add", kind, to)
	}
	for kind, to := range map[string]string{
		"unreachable": routerUnreachable, "prohibit": routerProhibited, "blackhole": routerSilent,
	} {
		sh(t, "ip", "-n", r, "route", "add", kind, to)
	}
	return lab{agent: place{"ip", "netns", "exec", a}, router: place{"ip", "netns", "exec", r}}
}

// resolvingAt is the place with another name server in its /etc/resolv.conf.
func (p place) resolvingAt(t *testing.T, server string) place {
	t.Helper()
	file := filepath.Join(t.TempDir(), "resolv.conf")
	write(t, file, "nameserver "+server+"\noptions attempts:1 timeout:1\n")
	return append(p[:len(p):len(p)], "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, file)
}

// without is the place without some of root's capabilities.
func (p place) without(caps ...string) place {
	drop := "-" + strings.Join(caps, ",-")
	return append(p[:len(p):len(p)], "setpriv", "--bounding-set", drop, "--inh-caps", drop)
}

func sh(t *testing.T, args ...string) {
	t.Helper()
	// Not bound to the test's context, which is over when clean-up runs.
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
