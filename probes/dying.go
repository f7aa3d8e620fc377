package probes

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// dying is a datagram socket whose packets are meant to die on the way. The
// kernel keeps what routers say of that beside the socket (IP_RECVERR, ip(7)),
// so no right is needed.
//
// One packet is on the way at a time, all of them with the same ports, so that
// routers that share load by flow send all of them the same way. After a
// packet that was not answered the socket is made anew on the next port: a
// late answer then finds nobody, and is not taken for that to a later packet.
type dying struct {
	to   netip.Addr
	line Line
	fd   int
	port int // source port, counted from firstSource
}

const (
	// tracePort is where nobody listens, as traceroute has it: the host itself
	// answers that the port is unreachable.
	tracePort   = 33434
	firstSource = 33500
	sources     = 64
)

func openDying(to netip.Addr, l Line) (*dying, error) {
	if err := l.Gate.admit(to); err != nil {
		return nil, err
	}
	if !l.Source.IsValid() {
		l.Source = unspecified(to.Unmap())
	}
	d := &dying{to: to.Unmap(), line: l, fd: -1}
	return d, d.reopen()
}

// reopen makes the socket on the next source port that is free.
func (d *dying) reopen() error {
	d.close()
	domain, level, option := unix.AF_INET, unix.IPPROTO_IP, unix.IP_RECVERR
	if d.to.Is6() {
		domain, level, option = unix.AF_INET6, unix.IPPROTO_IPV6, unix.IPV6_RECVERR
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_UDP)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	d.fd = fd
	if err := unix.SetsockoptInt(fd, level, option, 1); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	if err := (Line{Interface: d.line.Interface}).bind(fd); err != nil {
		return err
	}
	for range sources {
		d.port++
		err := d.line.bindPort(fd, firstSource+d.port%sources)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return err
		}
	}
	// Connecting looks the route up and sends nothing.
	return os.NewSyscallError("connect", unix.Connect(fd, sockaddr(netip.AddrPortFrom(d.to, tracePort))))
}

func (d *dying) close() {
	if d.fd >= 0 {
		unix.Close(d.fd)
		d.fd = -1
	}
}

// said is what came back for one packet.
type said struct {
	from netip.Addr // who said it; zero for nobody
	rtt  time.Duration
	died bool // time exceeded in transit, as it was meant to
}

// ask sends one packet that dies at the router ttl and waits for what is said
// of it. Silence is no error.
func (d *dying) ask(ttl int, wait time.Duration) (said, error) {
	level, option := unix.IPPROTO_IP, unix.IP_TTL
	if d.to.Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS
	}
	if err := unix.SetsockoptInt(d.fd, level, option, ttl); err != nil {
		return said{}, os.NewSyscallError("setsockopt", err)
	}
	payload := make([]byte, 32) // zeros, and always as many: part of what makes a flow
	begin := time.Now()
	if _, err := unix.Write(d.fd, payload); err != nil {
		return said{}, os.NewSyscallError("send", err)
	}
	for {
		left := wait - time.Since(begin)
		if left <= 0 {
			return said{}, d.reopen()
		}
		ready := []unix.PollFd{{Fd: int32(d.fd)}} // errors are always waited for
		n, err := unix.Poll(ready, max(1, int(left/time.Millisecond)))
		switch {
		case errors.Is(err, unix.EINTR) || err == nil && n == 0:
			continue
		case err != nil:
			return said{}, os.NewSyscallError("poll", err)
		}
		s, ok, err := d.read()
		if err != nil {
			return said{}, err
		}
		if ok {
			s.rtt = time.Since(begin)
			return s, nil
		}
	}
}

// read takes one entry from the socket's queue of errors; ok is false for one
// that says nothing of the packet's way.
func (d *dying) read() (s said, ok bool, err error) {
	var buf [64]byte
	var oob [512]byte
	_, n, _, _, err := unix.Recvmsg(d.fd, buf[:], oob[:], unix.MSG_ERRQUEUE)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		// The error was reported without an entry: this machine itself gave up.
		errno, _ := unix.GetsockoptInt(d.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if errno != 0 {
			return said{}, false, os.NewSyscallError("send", unix.Errno(errno))
		}
		return said{}, false, nil
	}
	if err != nil {
		return said{}, false, os.NewSyscallError("recvmsg", err)
	}
	return parseSaid(oob[:n])
}

// Types of ICMP messages, RFC 792 and RFC 4443.
const (
	icmpTimeExceeded  = 11
	icmp6TimeExceeded = 3
)

// parseSaid reads control messages for struct sock_extended_err and the address
// behind it, linux/errqueue.h. An error that this machine itself found (no
// answer to ARP, say) is returned as such.
func parseSaid(oob []byte) (s said, ok bool, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return said{}, false, nil // nothing of ours
	}
	const size = 16
	for _, m := range messages {
		v4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
		v6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !v4 && !v6 || len(m.Data) < size {
			continue
		}
		errno, origin, kind := binary.NativeEndian.Uint32(m.Data), m.Data[4], m.Data[5]
		offender := m.Data[size:]
		switch {
		case origin == unix.SO_EE_ORIGIN_LOCAL:
			return said{}, false, os.NewSyscallError("send", unix.Errno(errno))
		case origin == unix.SO_EE_ORIGIN_ICMP && v4 && len(offender) >= 8:
			return said{from: netip.AddrFrom4([4]byte(offender[4:8])), died: kind == icmpTimeExceeded}, true, nil
		case origin == unix.SO_EE_ORIGIN_ICMP6 && v6 && len(offender) >= 24:
			return said{from: netip.AddrFrom16([16]byte(offender[8:24])), died: kind == icmp6TimeExceeded}, true, nil
		}
	}
	return said{}, false, nil
}

func unspecified(a netip.Addr) netip.Addr {
	if a.Is6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
}
