package real

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"thongsuot/store"
)

// witness sees when a machine truly asked its gateway, on the wire between the
// two, which works through every fault beyond it. What the agent says of these
// moments is compared with it.
type witness struct {
	tap     *os.File
	gateway netip.Addr
	work    sync.WaitGroup

	mu    sync.Mutex
	asked []time.Time // first echo request of each run of the probe
}

func newWitness(at space, device string, gateway netip.Addr) (*witness, error) {
	w := &witness{gateway: gateway}
	err := at.within(func() (err error) {
		w.tap, err = openTap(device)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen on %s of %s: %w", device, at.name, err)
	}
	w.work.Go(w.watch)
	return w, nil
}

// openTap sees what leaves the device and what comes in, from the IP header on.
func openTap(device string) (*os.File, error) {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // in the order of the network
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all & 0xffff, Ifindex: link.Index}); err != nil {
		_ = unix.Close(fd) // nothing came of it
		return nil, err
	}
	return os.NewFile(uintptr(fd), device), nil
}

func (w *witness) watch() {
	buf := make([]byte, 1<<16)
	for {
		n, err := w.tap.Read(buf)
		if err != nil {
			return // closed
		}
		if firstEcho(buf[:n], w.gateway) {
			w.mu.Lock()
			w.asked = append(w.asked, time.Now())
			w.mu.Unlock()
		}
	}
}

// firstEcho reports whether an IPv4 packet is the first echo request of a run
// to dst.
func firstEcho(packet []byte, dst netip.Addr) bool {
	if len(packet) < 20 || packet[0]>>4 != 4 || packet[9] != unix.IPPROTO_ICMP || netip.AddrFrom4([4]byte(packet[16:20])) != dst {
		return false
	}
	icmp := packet[min(int(packet[0]&15)*4, len(packet)):]
	const echoRequest = 8
	return len(icmp) >= 8 && icmp[0] == echoRequest && icmp[6] == 0 && icmp[7] == 0
}

func (w *witness) close() {
	if w == nil {
		return
	}
	_ = w.tap.Close() // only read
	w.work.Wait()
}

// sameRun is how far a date may be off to be taken for the date of a run; half
// of the interval between two.
const sameRun = 5 * time.Second

// Dated says how right the dates are that the centre's store holds of one site:
// of the answers of its gateway, as the wire saw them asked.
type Dated struct {
	Compared int     `json:"compared"`
	P99      float64 `json:"p99_seconds"`   // of the error, either way
	Worst    float64 `json:"worst_seconds"` // the same
	Stray    int     `json:"stray"`         // dates at which nothing was asked
	Future   int     `json:"future"`        // of these, after the end of the run
}

// check compares the points of one series, whose value is 1 where the gateway
// answered, with what was seen.
func (w *witness) check(points []store.Point, now time.Time) (d Dated) {
	w.mu.Lock()
	asked := slices.Clone(w.asked)
	w.mu.Unlock()
	var errs []time.Duration
	for _, pt := range points {
		if pt.Value != 1 {
			continue
		}
		d.Compared++
		off := nearest(asked, pt.At)
		switch {
		case off > sameRun && pt.At.After(now):
			d.Stray++
			d.Future++
		case off > sameRun:
			d.Stray++
		default:
			errs = append(errs, off)
		}
	}
	if len(errs) > 0 {
		slices.Sort(errs)
		d.P99, d.Worst = errs[(len(errs)-1)*99/100].Seconds(), errs[len(errs)-1].Seconds()
	}
	return d
}

// nearest is how far at is from the nearest of times, which are in order.
func nearest(times []time.Time, at time.Time) time.Duration {
	i, _ := slices.BinarySearchFunc(times, at, time.Time.Compare)
	best := time.Duration(math.MaxInt64)
	for _, t := range times[max(i-1, 0):min(i+1, len(times))] {
		best = min(best, t.Sub(at).Abs())
	}
	return best
}
