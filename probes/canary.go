package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"thongsuot"
)

// CanaryConfig asks a device of the office that hangs on the mains alone, such
// as a camera or a printer, and takes its death for that of the mains. It is
// for sites whose UPS cannot be read.
type CanaryConfig struct {
	Name    string        `yaml:"name"`    // unique within the agent
	Host    string        `yaml:"host"`    // address on the LAN
	Port    int           `yaml:"port"`    // that accepts or refuses connections; 0 sends echo requests instead
	Witness string        `yaml:"witness"` // address on the same LAN that outlives the mains; default the gateway
	Line    Line          `yaml:"-"`       // bound to; default none
	Every   time.Duration `yaml:"every"`   // default 5s
	Timeout time.Duration `yaml:"timeout"` // default 80 % of every
}

// DefaultCanaryConfig is a canary without a host.
func DefaultCanaryConfig() CanaryConfig { return CanaryConfig{Every: 5 * time.Second} }

// canaryTries is how often a silent device is asked within a run before it
// counts as dead: one lost packet is no power cut.
const canaryTries = 3

// canaryDead is how long a device may be dead while the agent's machine runs
// on before it is no canary any more: batteries of offices do not last so long,
// so it was unplugged or replaced.
const canaryDead = 24 * time.Hour

// Validate names every field that is wrong.
func (c CanaryConfig) Validate() error {
	witness := error(nil)
	if c.Witness != "" {
		witness = validHost("witness", c.Witness)
	}
	return errors.Join(
		c.schedule().validate(),
		validHost("host", c.Host),
		must(c.Port >= 0 && c.Port <= 65535, "port: must be 1 to 65535, or 0 for echo requests (got %d)", c.Port),
		witness,
		must(c.Witness != c.Host, "witness: must be another device than the canary (got %q)", c.Witness),
	)
}

func (c CanaryConfig) schedule() schedule {
	return schedule{c.Name, c.Every, c.Timeout, c.Line.Name}
}

// NewCanary makes the probe. A device that is silent says something of the
// mains only if it answered before and the witness beside it answers now.
//
// Reasons: ok (the mains are known to be there or gone), no_data (the witness
// is silent too, or there is none: the LAN may be gone), not_present (never
// answered since the start, or dead for a day), no_permission,
// not_allowed. Field: online.
func NewCanary(cfg CanaryConfig) (Probe, error) {
	if err := cfg.Validate(); err != nil {
		return Probe{}, err
	}
	c := &canary{cfg: cfg}
	target := cfg.Host
	if cfg.Port != 0 {
		target = net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
	}
	share := cfg.schedule().timeoutOrDefault() / (canaryTries + 1) // the last is the witness's
	c.device = c.asks(cfg.Host, cfg.Port, share)
	if cfg.Witness != "" {
		c.witness = c.asks(cfg.Witness, 0, share)
	}
	return newProbe(thongsuot.ProbeCanary, cfg.schedule(), target, c.run), nil
}

// canary is the probe between runs, which never overlap.
type canary struct {
	cfg      CanaryConfig
	device   func(context.Context) thongsuot.Result
	witness  func(context.Context) thongsuot.Result // nil when there is none
	answered time.Time                              // last time; zero: never
}

// asks makes one question: does anything live at the address?
func (c *canary) asks(host string, port int, wait time.Duration) func(context.Context) thongsuot.Result {
	if port == 0 {
		cfg := DefaultICMPConfig()
		cfg.Host, cfg.Count, cfg.Wait, cfg.Line = host, 1, wait, c.cfg.Line
		return (&pinger{cfg: cfg}).run
	}
	cfg := DefaultTCPConfig()
	cfg.Host, cfg.Port, cfg.Line = host, port, c.cfg.Line
	return func(ctx context.Context) thongsuot.Result {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		r := cfg.connect(ctx)
		if r.Reason == thongsuot.ReasonRefused {
			r.Reason = thongsuot.ReasonOK // whoever refuses has power
		}
		return r
	}
}

func (c *canary) run(ctx context.Context) thongsuot.Result {
	var r thongsuot.Result
	for range canaryTries {
		if r = c.device(ctx); r.OK() {
			c.answered = time.Now()
			return thongsuot.Result{Reason: thongsuot.ReasonOK, Fields: []thongsuot.Field{{Name: thongsuot.FieldOnline, Value: 1}}}
		}
		if !r.Reason.Evidence() {
			return r
		}
	}
	switch {
	case c.answered.IsZero():
		return fail(thongsuot.ReasonNotPresent, fmt.Errorf("never answered since the start (%s): is it on, and the address right?", r.Reason))
	case time.Since(c.answered) > canaryDead:
		return fail(thongsuot.ReasonNotPresent, errors.New("dead for a day while this machine runs: not the mains; choose another device"))
	case c.witness == nil:
		return fail(thongsuot.ReasonNoData, errors.New("silent, and no witness to tell a power cut from a dead LAN"))
	case !c.witness(ctx).OK():
		return fail(thongsuot.ReasonNoData, fmt.Errorf("silent, and so is the witness %s: the LAN may be gone", c.cfg.Witness))
	default:
		return thongsuot.Result{
			Reason: thongsuot.ReasonOK, Detail: "silent while " + c.cfg.Witness + " answers",
			Fields: []thongsuot.Field{{Name: thongsuot.FieldOnline, Value: 0}},
		}
	}
}
