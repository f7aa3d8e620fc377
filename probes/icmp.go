package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"time"

	probing "github.com/prometheus-community/pro-bing"
	"golang.org/x/sys/unix"

	"thongsuot"
)

// ICMPConfig asks whether an address answers echo requests, how many of them
// and how fast. One run sends Count requests on a socket of its own.
type ICMPConfig struct {
	Name     string        `yaml:"name"`     // unique within the agent
	Host     string        `yaml:"host"`     // address, or name resolved anew in each run
	Family   Family        `yaml:"family"`   // ip4 or ip6; default that of the address, ip4 for a name
	Line     Line          `yaml:"-"`        // bound to; default none
	Every    time.Duration `yaml:"every"`    // default 10s
	Timeout  time.Duration `yaml:"timeout"`  // default 80 % of every; must leave room for the whole run
	Count    int           `yaml:"count"`    // requests in one run, 1 to 100; default 5
	Interval time.Duration `yaml:"interval"` // between two requests, at least 10ms; default 200ms
	Wait     time.Duration `yaml:"wait"`     // a reply later than this is lost (RFC 7680); default 2s
	Size     int           `yaml:"size"`     // bytes behind the ICMP header, 24 to 1400; default 24
}

// DefaultICMPConfig is a probe without a host.
func DefaultICMPConfig() ICMPConfig {
	return ICMPConfig{
		Every: 10 * time.Second, Count: 5, Interval: 200 * time.Millisecond, Wait: 2 * time.Second, Size: minEcho,
	}
}

// minEcho is the size of what pro-bing writes into each request.
const minEcho = 24

// Validate names every field that is wrong. The bounds above zero matter: with
// an interval or a wait of 0 pro-bing panics in a goroutine of its own.
func (c ICMPConfig) Validate() error {
	return errors.Join(
		c.schedule().validate(),
		validHost("host", c.Host),
		c.Family.validate(c.Host),
		must(c.Count >= 1 && c.Count <= 100, "count: must be 1 to 100 (got %d)", c.Count),
		must(c.Interval >= 10*time.Millisecond, "interval: must be at least 10ms (got %s)", c.Interval),
		must(c.Wait >= 10*time.Millisecond, "wait: must be at least 10ms (got %s)", c.Wait),
		must(c.Size >= minEcho && c.Size <= 1400, "size: must be %d to 1400 (got %d)", minEcho, c.Size),
		must(c.length() <= c.schedule().timeoutOrDefault(),
			"timeout: %s is too short for %d requests every %s and a wait of %s",
			c.schedule().timeoutOrDefault(), c.Count, c.Interval, c.Wait),
	)
}

func (c ICMPConfig) schedule() schedule { return schedule{c.Name, c.Every, c.Timeout, c.Line.Name} }

// length is how long a run lasts when nothing answers.
func (c ICMPConfig) length() time.Duration {
	return time.Duration(c.Count-1)*c.Interval + c.Wait
}

// NewICMP makes the probe. One reply is enough for ReasonOK; the loss beside it
// says how well it went.
//
// Reasons: ok, timeout (sent, nothing came back), no_route, unreachable,
// prohibited, no_permission, not_allowed, the dns_ ones when Host is a name, error.
//
// Fields: sent, received; loss_ratio when something was sent; of the replies
// rtt_min_seconds, rtt_median_seconds, rtt_p95_seconds (nearest rank) and
// rtt_max_seconds; jitter_seconds, carried on from run to run; and
// delay_variation_seconds, over the last minute. A lost packet has no delay.
func NewICMP(cfg ICMPConfig) (Probe, error) {
	if err := cfg.Validate(); err != nil {
		return Probe{}, err
	}
	p := &pinger{cfg: cfg}
	return newProbe(thongsuot.ProbeICMP, cfg.schedule(), cfg.Host, p.run), nil
}

// pinger is the state between runs, which never overlap.
type pinger struct {
	cfg    ICMPConfig
	delays delays
}

func (p *pinger) run(ctx context.Context) thongsuot.Result {
	mode, err := ICMPRights()
	if err != nil {
		reason := classify(err)
		if reason == thongsuot.ReasonProhibited {
			reason = thongsuot.ReasonNoPermission
		}
		return fail(reason, err)
	}
	addr, err := resolve(ctx, p.cfg.Host, p.cfg.Family, p.cfg.Line)
	if err != nil {
		return fail(classify(err), err)
	}
	e := p.echo(ctx, addr, mode)
	r := thongsuot.Result{Reason: thongsuot.ReasonOK, Fields: e.fields(&p.delays)}
	switch {
	case len(e.rtts) > 0:
	case e.err != nil:
		r.Reason, r.Detail = classify(e.err), e.err.Error()
	default:
		r.Reason, r.Detail = thongsuot.ReasonTimeout, fmt.Sprintf("no reply to %d requests", len(e.sentAt))
	}
	return r
}

// echo sends the requests of one run and gathers what comes back.
func (p *pinger) echo(ctx context.Context, addr netip.Addr, mode ICMPMode) echoes {
	var e echoes
	b := probing.New(addr.String())
	b.SetIPAddr(&net.IPAddr{IP: addr.AsSlice(), Zone: addr.Zone()})
	b.SetPrivileged(mode == ICMPRaw)
	b.Count, b.Interval, b.Timeout, b.Size = p.cfg.Count, p.cfg.Interval, p.cfg.length(), p.cfg.Size
	if b.InterfaceName = p.cfg.Line.Interface; b.InterfaceName != "" {
		if _, err := net.InterfaceByName(b.InterfaceName); err != nil {
			e.err = &net.OpError{Op: "send by " + b.InterfaceName, Net: "icmp", Err: syscall.ENODEV}
			return e
		}
	}
	if p.cfg.Line.Source.IsValid() {
		b.Source = p.cfg.Line.Source.String()
	}
	b.RecordRtts, b.RecordTTLs = false, false

	// pro-bing calls these three and the logger from one goroutine.
	b.OnSend = func(*probing.Packet) { e.sentAt = append(e.sentAt, time.Now()) }
	b.OnRecv = func(k *probing.Packet) {
		if rtt := roundTrip(k.Rtt, time.Since(e.sentAt[k.Seq])); rtt <= p.cfg.Wait {
			e.rtts = append(e.rtts, rtt)
		}
	}
	b.OnSendError = func(_ *probing.Packet, err error) { e.err = err }
	b.SetLogger(loopBreaker{info: func() {
		e.err = &net.OpError{Op: "send", Net: "icmp", Err: syscall.EACCES}
		runtime.Goexit()
	}})

	if err := b.RunWithContext(ctx); err != nil && e.err == nil && ctx.Err() == nil {
		e.err = err
	}
	return e
}

// roundTrip chooses between two clocks. pro-bing's begins before the packet is
// sent, but is the wall clock, which steps on machines that set it late; ours
// is monotonic, but begins after the send and so comes out a little short.
func roundTrip(wall, monotonic time.Duration) time.Duration {
	const sendTakes = 10 * time.Millisecond // at most; more is a step
	if d := wall - monotonic; d < 0 || d > sendTakes {
		return monotonic
	}
	return wall
}

// loopBreaker is the way out of a loop: when a send is refused with EACCES,
// pro-bing takes the target for a broadcast address and sends again and again,
// without a look at its context or timeout. Behind a prohibited route that has
// no end. It logs each turn, so its logger can end the goroutine; pro-bing's
// deferred calls then end the run.
type loopBreaker struct {
	probing.NoopLogger
	info func()
}

func (l loopBreaker) Infof(string, ...any) { l.info() }

// ICMPMode is the kind of socket on which echo requests may be sent.
type ICMPMode string

// The kinds of socket, the cheaper first: every raw socket is handed a copy of
// every ICMP packet that reaches the machine.
const (
	ICMPDatagram ICMPMode = "datagram" // allowed by net.ipv4.ping_group_range
	ICMPRaw      ICMPMode = "raw"      // allowed by CAP_NET_RAW
)

// ICMPRights finds out which socket this process may use now. The error says
// what the operator has to set.
func ICMPRights() (ICMPMode, error) {
	var err error
	for _, try := range []struct {
		mode ICMPMode
		kind int
	}{{ICMPDatagram, unix.SOCK_DGRAM}, {ICMPRaw, unix.SOCK_RAW}} {
		var fd int
		fd, err = unix.Socket(unix.AF_INET, try.kind|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
		if err == nil {
			unix.Close(fd)
			return try.mode, nil
		}
	}
	return "", fmt.Errorf("icmp: %w; set sysctl net.ipv4.ping_group_range=\"0 2147483647\" or give CAP_NET_RAW", err)
}
