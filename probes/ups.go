package probes

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"thongsuot"
)

// UPSConfig asks Network UPS Tools for the state of one uninterruptible power
// supply, over a connection that is kept open between runs.
type UPSConfig struct {
	Name    string        `yaml:"name"`    // unique within the agent
	UPS     string        `yaml:"ups"`     // as in ups.conf; default ups
	Server  string        `yaml:"server"`  // host:port of upsd; default 127.0.0.1:3493
	Line    Line          `yaml:"-"`       // bound to; default none
	Every   time.Duration `yaml:"every"`   // default 1s: upsd pushes nothing, and a UPS may last for seconds only
	Timeout time.Duration `yaml:"timeout"` // default 80 % of every
}

// DefaultUPSConfig is the UPS called "ups" at this machine, without a name for the probe.
func DefaultUPSConfig() UPSConfig {
	return UPSConfig{UPS: "ups", Server: "127.0.0.1:3493", Every: time.Second}
}

var upsNames = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,64}$`)

// Validate names every field that is wrong.
func (c UPSConfig) Validate() error {
	host, port, err := net.SplitHostPort(c.Server)
	number, perr := strconv.ParseUint(port, 10, 16)
	server := fmt.Errorf("server: must be host:port (got %q)", c.Server)
	if err == nil && perr == nil && number > 0 {
		server = validHost("server", host)
	}
	return errors.Join(
		c.schedule().validate(),
		must(upsNames.MatchString(c.UPS), "ups: must be a name as in ups.conf (got %q)", c.UPS),
		server,
	)
}

func (c UPSConfig) schedule() schedule {
	return schedule{c.Name, c.Every, c.Timeout, c.Line.Name}
}

// NewUPS makes the probe. Detail is the raw ups.status.
//
// Whatever keeps upsd from telling something fresh is no_data and not an
// outage: WAIT, DATA-STALE, DRIVER-NOT-CONNECTED, upsd away or silent, a status
// without a word on the mains.
//
// Reasons: ok, no_data, not_present (upsd has no such UPS), no_permission
// (upsd does not talk to us), bad_reply, not_allowed, error (another ERR).
//
// Fields, each only if the UPS tells it: online, on_battery, low_battery,
// charge_ratio, runtime_seconds, input_volts, load_ratio, nominal_volts,
// nominal_watts, and only while they are true replace_battery and unprotected
// (bypassed, or output off).
func NewUPS(cfg UPSConfig) (Probe, error) {
	if err := cfg.Validate(); err != nil {
		return Probe{}, err
	}
	p := &ups{cfg: cfg}
	return newProbe(thongsuot.ProbeUPS, cfg.schedule(), cfg.UPS+"@"+cfg.Server, p.run), nil
}

// ups is the probe between runs, which never overlap.
type ups struct {
	cfg  UPSConfig
	conn *nutConn // nil when there is none
}

func (u *ups) run(ctx context.Context) thongsuot.Result {
	kept := u.conn != nil
	vars, err := u.ask(ctx)
	if kept && u.conn == nil && ctx.Err() == nil {
		// The kept connection was closed or out of step, as after a new start
		// of upsd: that says nothing about now.
		vars, err = u.ask(ctx)
	}
	if err != nil {
		return fail(nutReason(err), err)
	}
	return readUPS(vars)
}

// ask lists the variables; it keeps the connection unless that broke.
func (u *ups) ask(ctx context.Context) (map[string]string, error) {
	if u.conn == nil {
		conn, err := dialNUT(ctx, u.cfg.Line, u.cfg.Server)
		if err != nil {
			return nil, err
		}
		u.conn = conn
	}
	vars, err := u.conn.list(ctx, u.cfg.UPS)
	if _, told := errors.AsType[nutError](err); err != nil && !told {
		u.conn.conn.Close()
		u.conn = nil
	}
	return vars, err
}

func nutReason(err error) thongsuot.Reason {
	told, ok := errors.AsType[nutError](err)
	switch {
	case errors.Is(err, errNotAllowed):
		return thongsuot.ReasonNotAllowed
	case errors.Is(err, errBadReply):
		return thongsuot.ReasonBadReply
	case !ok, told == "DATA-STALE", told == "DRIVER-NOT-CONNECTED":
		return thongsuot.ReasonNoData
	case told == "UNKNOWN-UPS":
		return thongsuot.ReasonNotPresent
	case told == "ACCESS-DENIED":
		return thongsuot.ReasonNoPermission
	default:
		return thongsuot.ReasonError
	}
}

// readUPS gives the variables their meaning. Words of ups.status that are not
// known here are passed over.
func readUPS(vars map[string]string) thongsuot.Result {
	status := vars["ups.status"]
	tokens := strings.Fields(status)
	has := func(token string) bool { return slices.Contains(tokens, token) }
	r := thongsuot.Result{Reason: thongsuot.ReasonOK, Detail: status}
	add := func(name string, value float64) {
		r.Fields = append(r.Fields, thongsuot.Field{Name: name, Value: value})
	}
	switch {
	case has("WAIT"), !has("OL") && !has("OB") && !has("FSD"):
		return fail(thongsuot.ReasonNoData, fmt.Errorf("ups.status %q says nothing of the mains", status))
	case has("FSD"): // a shutdown that has begun counts as OB LB whatever else is said
		add(thongsuot.FieldOnline, 0)
		add(thongsuot.FieldOnBattery, 1)
	case has("CAL"): // a self test runs on the battery by choice, and then nobody looks at the mains
		if has("OL") {
			add(thongsuot.FieldOnline, 1)
		}
		add(thongsuot.FieldOnBattery, 0)
	default:
		add(thongsuot.FieldOnline, truth(has("OL") && !has("OB")))
		add(thongsuot.FieldOnBattery, truth(has("OB")))
	}
	add(thongsuot.FieldLowBattery, truth(has("LB") || has("FSD")))
	// A UPS that is well costs no bytes for these two.
	if has("RB") {
		add(thongsuot.FieldReplace, 1)
	}
	if has("BYPASS") || has("OFF") {
		add(thongsuot.FieldUnprotected, 1)
	}

	for _, n := range []struct {
		variable, field string
		divisor, most   float64
	}{
		{"battery.charge", thongsuot.FieldCharge, 100, 100},
		{"battery.runtime", thongsuot.FieldRuntime, 1, math.MaxInt32},
		{"input.voltage", thongsuot.FieldInputVolts, 1, 1000},
		{"ups.load", thongsuot.FieldLoad, 100, 1000},
		{"input.voltage.nominal", thongsuot.FieldNominalVolts, 1, 1000},
		{"ups.realpower.nominal", thongsuot.FieldNominalWatts, 1, 1e6},
	} {
		v, err := strconv.ParseFloat(strings.TrimSpace(vars[n.variable]), 64)
		if err == nil && v >= 0 && v <= n.most { // also keeps NaN out
			add(n.field, v/n.divisor)
		}
	}
	return r
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
