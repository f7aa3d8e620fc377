package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Line is one of several ways from the machine to the world. The zero Line is
// the way that the machine's routes choose.
type Line struct {
	Name      string     `yaml:"name"`      // as in the registry: "internet", "tslcd", "4g"
	Interface string     `yaml:"interface"` // of this machine, to which sockets are bound (Linux 5.7 without rights)
	Source    netip.Addr `yaml:"source"`    // address of this machine; the routing policy must lead it out by the line

	Gate *Gate `yaml:"-" json:"-"` // which addresses may be asked; nil is any
}

var (
	lineNames      = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,11}$`)
	interfaceNames = regexp.MustCompile(`^[^\s/]{1,15}$`)
)

// Validate names every field that is wrong.
func (l Line) Validate() error {
	return errors.Join(
		must(lineNames.MatchString(l.Name), "name: must be 1 to 12 of a-z, 0-9, '-' (got %q)", l.Name),
		must(l.Interface != "" || l.Source.IsValid(), "interface, source: one of them must say which way is meant"),
		must(l.Interface == "" || interfaceNames.MatchString(l.Interface), "interface: must be one's name, such as eth0 (got %q)", l.Interface),
		must(!l.Source.IsValid() || !l.Source.IsUnspecified() && !l.Source.IsMulticast(), "source: must be an address of this machine (got %s)", l.Source),
	)
}

// bound reports whether sockets are bound at all.
func (l Line) bound() bool { return l.Interface != "" || l.Source.IsValid() }

// bind ties a new socket to the line.
func (l Line) bind(fd int) error {
	if l.Interface != "" {
		if err := unix.BindToDevice(fd, l.Interface); err != nil {
			return fmt.Errorf("interface %s: %w", l.Interface, err)
		}
	}
	if !l.Source.IsValid() {
		return nil
	}
	// The port is chosen when the socket connects, which saves ports; without
	// this option all works as well.
	_ = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	return l.bindPort(fd, 0)
}

// bindPort gives a socket its address, and a port of it, 0 for any.
func (l Line) bindPort(fd, port int) error {
	if err := unix.Bind(fd, sockaddr(netip.AddrPortFrom(l.Source, uint16(port)))); err != nil {
		return fmt.Errorf("source %s: %w", l.Source, err)
	}
	return nil
}

// control ties a socket that is about to connect to the line, if its address
// may be asked.
func (l Line) control(_, address string, c syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if err := l.Gate.admit(at.Addr()); err != nil || !l.bound() {
		return err
	}
	if cerr := c.Control(func(fd uintptr) { err = l.bind(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

// Dialer makes connections by the line to addresses that may be asked, and
// resolves names by it.
func (l Line) Dialer(timeout time.Duration) *net.Dialer {
	d := &net.Dialer{Timeout: timeout, Resolver: resolver, Control: l.control}
	if !l.bound() {
		return d
	}
	free := l
	free.Gate = nil // the machine's own resolvers
	asks := &net.Dialer{Timeout: timeout, Control: free.control}
	d.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return asks.DialContext(ctx, network, addr)
	}}
	return d
}
