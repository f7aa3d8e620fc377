package real

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const tunFile = "/dev/net/tun"

// lag is how a long line treats packets, each way on its own: every packet
// comes later by delay, give or take jitter, in order; a share of them, reorder,
// is not held up and overtakes the others.
type lag struct {
	delay, jitter time.Duration
	reorder       float64
}

var lagForm = regexp.MustCompile(`^([1-9][0-9]{0,3})ms(?: jitter ([1-9][0-9]{0,3})ms)?(?: reorder ([1-9][0-9]?)%)?$`)

// parseLag reads what lagForm matches.
func parseLag(text string) (l lag, err error) {
	m := lagForm.FindStringSubmatch(text)
	if m == nil {
		return l, fmt.Errorf("want a delay, as 150ms jitter 50ms reorder 5%% (got %q)", text)
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n } // digits, or "" for 0
	return lag{time.Duration(number(m[1])) * time.Millisecond, time.Duration(number(m[2])) * time.Millisecond, float64(number(m[3])) / 100}, nil
}

// draw is how long the next packet is held up, and whether it overtakes.
func (l lag) draw() (wait time.Duration, overtakes bool) {
	if rand.Float64() < l.reorder {
		return 0, true
	}
	return max(l.delay+time.Duration((2*rand.Float64()-1)*float64(l.jitter)), 0), false
}

// relay is a long line made by a router that sends what crosses it through a
// TUN device of this process, which gives every packet back later. It ends with
// the process: the device is then gone, and with it the routes through it.
type relay struct {
	tun  *os.File
	lag  lag
	home netip.Prefix // addresses on the near side
	done chan struct{}
	work sync.WaitGroup
}

const relayDevice = "slow"

// newRelay makes the device and carries packets until close.
func newRelay(at space, home netip.Prefix, l lag) (*relay, error) {
	r := &relay{lag: l, home: home, done: make(chan struct{})}
	err := at.within(func() (err error) {
		if r.tun, err = openTUN(relayDevice); err != nil {
			return err
		}
		// What comes back from the device has addresses of other devices.
		for _, device := range []string{"all", relayDevice} {
			if err := os.WriteFile(filepath.Join("/proc/sys/net/ipv4/conf", device, "rp_filter"), []byte("0"), 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		if r.tun != nil {
			_ = r.tun.Close() // never used
		}
		return nil, fmt.Errorf("a TUN device for the relay: %w", err)
	}
	r.work.Go(r.read)
	return r, nil
}

func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open(tunFile, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (modprobe tun)", tunFile, err)
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		_ = unix.Close(fd) // nothing came of it
		return nil, err
	}
	return os.NewFile(uintptr(fd), tunFile), nil
}

// mostHeld is how many packets a direction holds at most; further ones are lost,
// as in any queue.
const mostHeld = 1000

// held is a packet with the time at which it goes on.
type held struct {
	due    time.Time
	packet []byte
}

// read takes packets from the device until it is closed. Each direction is a
// lane that keeps its order.
func (r *relay) read() {
	lanes := map[bool]chan held{true: make(chan held, mostHeld), false: make(chan held, mostHeld)}
	last := map[bool]time.Time{}
	for _, lane := range lanes {
		defer close(lane)
		r.work.Go(func() { r.carry(lane) })
	}
	buf := make([]byte, 1<<16)
	for {
		n, err := r.tun.Read(buf)
		if err != nil {
			return // closed
		}
		packet := append([]byte(nil), buf[:n]...)
		if !crossAgain(packet) {
			continue
		}
		wait, overtakes := r.lag.draw()
		if overtakes {
			_, _ = r.tun.Write(packet) // refused while the device goes down: lost, as on a line
			continue
		}
		toward := r.home.Contains(netip.AddrFrom4([4]byte(packet[16:20])))
		due := time.Now().Add(wait)
		if due.Before(last[toward]) {
			due = last[toward]
		}
		last[toward] = due
		select {
		case lanes[toward] <- held{due, packet}:
		default: // full
		}
	}
}

func (r *relay) carry(lane <-chan held) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for h := range lane {
		timer.Reset(time.Until(h.due))
		select {
		case <-timer.C:
			_, _ = r.tun.Write(h.packet) // as above
		case <-r.done:
		}
	}
}

func (r *relay) close() {
	close(r.done)
	_ = r.tun.Close() // packets in it are lost, as on a line that is cut
	r.work.Wait()
}

// crossAgain gives an IPv4 packet back the hop that it is about to be charged a
// second time, since it crosses the same router twice; the checksum follows by
// RFC 1624. It is false for what is no IPv4 packet.
func crossAgain(packet []byte) bool {
	if len(packet) < 20 || packet[0]>>4 != 4 || packet[8] == 255 {
		return false
	}
	packet[8]++
	sum := uint32(^binary.BigEndian.Uint16(packet[10:])) + 0x0100 // ~HC + ~m + m', m' = m + 1 hop
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(packet[10:], ^uint16(sum))
	return true
}

// lagTable is the routing table through the relay.
const lagTable = "77"

func lagRules(verb string) (commands []string) {
	for _, device := range []string{"lan", "wan"} {
		commands = append(commands, strings.Join([]string{"rule", verb, "iif", device, "lookup", lagTable}, " "))
	}
	return commands
}

// lineLag sends what crosses the gateway through a relay, so that it comes on
// top of whatever else happens to the line.
func lineLag(ctx context.Context, p *province, f Fault) error {
	s := p.site(f)
	l, err := parseLag(f.Arg)
	if err != nil {
		return err
	}
	home, err := netip.ParsePrefix(s.homeNet())
	if err != nil {
		return err
	}
	if s.relay, err = newRelay(s.gateway, home, l); err != nil {
		return err
	}
	return s.gateway.ip(ctx, append([]string{"link set " + relayDevice + " up", "route add default dev " + relayDevice + " table " + lagTable}, lagRules("add")...)...)
}

func lineSwift(ctx context.Context, p *province, f Fault) error {
	s := p.site(f)
	err := s.gateway.ip(ctx, lagRules("del")...)
	s.relay.close()
	s.relay = nil
	return err
}
