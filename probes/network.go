package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"syscall"

	"thongsuot"
)

// Family is the version of the Internet protocol that is asked. A probe tests
// the family it was told and no other: a browser that falls back to the other
// one hides the fault that is looked for.
type Family string

// The families. The empty one is that of a literal address, and IPv4 for a name.
const (
	IPv4 Family = "ip4"
	IPv6 Family = "ip6"
)

// network is the dial network of the family: "tcp4" for "tcp".
func (f Family) network(base string) string {
	if f == IPv6 {
		return base + "6"
	}
	return base + "4"
}

func (f Family) validate(host string) error {
	if f != "" && f != IPv4 && f != IPv6 {
		return fmt.Errorf("family: must be ip4 or ip6 (got %q)", f)
	}
	addr, err := netip.ParseAddr(host)
	if err == nil && f != "" && f != familyOf(addr) {
		return fmt.Errorf("family: address %s is not of family %s", addr, f)
	}
	return nil
}

func familyOf(addr netip.Addr) Family {
	if addr.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

var hostNames = regexp.MustCompile(`^([a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?\.)*[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?\.?$`)

// validHost complains about anything but a host name or an address that one
// machine can answer from.
func validHost(field, host string) error {
	addr, err := netip.ParseAddr(host)
	switch {
	case err != nil:
		return must(len(host) <= 253 && hostNames.MatchString(host),
			"%s: must be an address or a host name (got %q)", field, host)
	case addr.IsUnspecified(), addr.IsMulticast(), addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%s: must be the address of one machine (got %q)", field, host)
	case addr.Is6() && addr.IsLinkLocalUnicast() && addr.Zone() == "":
		return fmt.Errorf("%s: a link-local address needs its interface, as in %s%%eth0", field, host)
	}
	return nil
}

// resolver is Go's own, whose errors tell a silent resolver from a missing name.
var resolver = &net.Resolver{PreferGo: true}

// resolve is the first address of host in the family, asked for by the line; a
// literal is itself. One that may not be asked is an error.
func resolve(ctx context.Context, host string, f Family, l Line) (netip.Addr, error) {
	addr, err := lookUp(ctx, host, f, l)
	if err != nil {
		return addr, err
	}
	return addr, l.Gate.admit(addr)
}

func lookUp(ctx context.Context, host string, f Family, l Line) (netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr, nil
	}
	addrs, err := l.Dialer(0).Resolver.LookupNetIP(ctx, f.network("ip"), host)
	if err != nil {
		return netip.Addr{}, err
	}
	if len(addrs) == 0 {
		return netip.Addr{}, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	return addrs[0].Unmap(), nil
}

// classify is the class of an error of the network stack. Whether ENETUNREACH
// came from a router or from this machine's own table is for [reached].
func classify(err error) thongsuot.Reason {
	if errors.Is(err, errNotAllowed) {
		return thongsuot.ReasonNotAllowed
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return classifyDNS(dns)
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return classifyErrno(errno)
	}
	if isTimeout(err) {
		return thongsuot.ReasonTimeout
	}
	return thongsuot.ReasonError
}

func classifyErrno(errno syscall.Errno) thongsuot.Reason {
	switch errno {
	case syscall.ECONNREFUSED:
		return thongsuot.ReasonRefused
	case syscall.EHOSTUNREACH, syscall.EHOSTDOWN:
		return thongsuot.ReasonUnreachable
	case syscall.EACCES, syscall.EPERM: // a prohibit route, the machine's own firewall
		return thongsuot.ReasonProhibited
	case syscall.ENETUNREACH, syscall.ENETDOWN,
		syscall.ENODEV,                              // the line's interface is gone
		syscall.EINVAL,                              // a blackhole route
		syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT: // no address of that family here
		return thongsuot.ReasonNoRoute
	case syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE:
		return thongsuot.ReasonConnectReset
	case syscall.ETIMEDOUT:
		return thongsuot.ReasonTimeout
	default:
		return thongsuot.ReasonError
	}
}

// classifyDNS reads what Go's resolver found out. It does not tell a name that
// does not exist from one without an address of the family: both are NXDomain.
func classifyDNS(e *net.DNSError) thongsuot.Reason {
	// Both SERVFAIL and a resolver that cannot be reached are temporary; only
	// the text tells them apart.
	const serverSpoke = "server misbehaving"
	switch {
	case e.IsTimeout:
		return thongsuot.ReasonDNSTimeout
	case e.IsNotFound:
		return thongsuot.ReasonDNSNXDomain
	case e.IsTemporary && e.Err == serverSpoke:
		return thongsuot.ReasonDNSServFail
	default:
		return thongsuot.ReasonDNSError
	}
}

// reached corrects a reason for an address: when this machine does have a way
// there, it was a router that said the net cannot be reached.
func reached(reason thongsuot.Reason, addr netip.Addr) thongsuot.Reason {
	if reason == thongsuot.ReasonNoRoute && routed(addr) {
		return thongsuot.ReasonUnreachable
	}
	return reason
}

// reached is the same for what was asked by the line: the routes that a line is
// bound to are not looked up.
func (l Line) reached(reason thongsuot.Reason, addr netip.Addr) thongsuot.Reason {
	if l.bound() {
		return reason
	}
	return reached(reason, addr)
}

// routed reports whether the kernel has a route to addr. Connecting a datagram
// socket looks the route up and sends nothing.
func routed(addr netip.Addr) bool {
	const discard = 9
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, discard)))
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && n.Timeout()
}
