package probes

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"thongsuot"
)

// TCPConfig asks whether something accepts connections at an address and port,
// and how long the handshake takes. Nothing is sent; the connection is closed
// at once.
type TCPConfig struct {
	Name    string        `yaml:"name"`    // unique within the agent
	Host    string        `yaml:"host"`    // address, or name resolved anew in each run outside the measured time
	Port    int           `yaml:"port"`    // 1 to 65535
	Family  Family        `yaml:"family"`  // ip4 or ip6; default that of the address, ip4 for a name
	Line    Line          `yaml:"-"`       // bound to; default none
	Every   time.Duration `yaml:"every"`   // default 10s
	Timeout time.Duration `yaml:"timeout"` // default 80 % of every
}

// DefaultTCPConfig is a probe without a host.
func DefaultTCPConfig() TCPConfig { return TCPConfig{Every: 10 * time.Second} }

// Validate names every field that is wrong.
func (c TCPConfig) Validate() error {
	return errors.Join(
		c.schedule().validate(),
		validHost("host", c.Host),
		must(c.Port >= 1 && c.Port <= 65535, "port: must be 1 to 65535 (got %d)", c.Port),
		c.Family.validate(c.Host),
	)
}

func (c TCPConfig) schedule() schedule { return schedule{c.Name, c.Every, c.Timeout, c.Line.Name} }

// NewTCP makes the probe.
//
// Reasons: ok, timeout, refused, no_route, unreachable, prohibited,
// not_allowed, the dns_ ones when Host is a name, error. Field: connect_seconds.
func NewTCP(cfg TCPConfig) (Probe, error) {
	if err := cfg.Validate(); err != nil {
		return Probe{}, err
	}
	target := net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
	return newProbe(thongsuot.ProbeTCP, cfg.schedule(), target, cfg.connect), nil
}

func (c TCPConfig) connect(ctx context.Context) thongsuot.Result {
	addr, err := resolve(ctx, c.Host, c.Family, c.Line)
	if err != nil {
		return fail(classify(err), err)
	}
	d := c.Line.Dialer(0)
	begin := time.Now()
	conn, err := d.DialContext(ctx, familyOf(addr).network("tcp"), netip.AddrPortFrom(addr, uint16(c.Port)).String())
	took := time.Since(begin)
	if err != nil {
		return fail(c.Line.reached(classify(err), addr), err)
	}
	conn.Close()
	return thongsuot.Result{
		Reason: thongsuot.ReasonOK,
		Fields: []thongsuot.Field{{Name: thongsuot.FieldConnect, Value: took.Seconds()}},
	}
}
