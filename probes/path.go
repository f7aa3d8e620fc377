package probes

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"thongsuot"
)

// PathConfig asks which routers lie on the way to a host: datagrams that die
// at the first, second and further routers, whose word on that is read from
// the socket itself. It needs no right, and no echo to be answered.
type PathConfig struct {
	Name    string        `yaml:"name"`    // unique within the agent; default path
	Host    string        `yaml:"host"`    // address, or name resolved anew in each run
	Family  Family        `yaml:"family"`  // ip4 or ip6; default that of the address, ip4 for a name
	Line    Line          `yaml:"-"`       // bound to; default none
	Every   time.Duration `yaml:"every"`   // default 15m
	Timeout time.Duration `yaml:"timeout"` // default 80 % of every, at most a minute
	Hops    int           `yaml:"hops"`    // routers looked for at most, 1 to 30; default 8
	Wait    time.Duration `yaml:"wait"`    // for each answer, of two tries; default 700ms

	// Found is told what each complete run found.
	Found func(to netip.Addr, hops []Hop) `yaml:"-" json:"-"`
}

// Hop is one step of a path.
type Hop struct {
	Addr    netip.Addr // the router that answered; zero for silence
	Reached bool       // it is the host itself
}

// DefaultPathConfig is a probe without a host.
func DefaultPathConfig() PathConfig {
	return PathConfig{Name: "path", Every: 15 * time.Minute, Timeout: 30 * time.Second, Hops: 8, Wait: 700 * time.Millisecond}
}

// pathTries is how often each step is tried: routers answer when they have time.
const pathTries = 2

// Validate names every field that is wrong.
func (c PathConfig) Validate() error {
	return errors.Join(
		c.schedule().validate(),
		validHost("host", c.Host),
		c.Family.validate(c.Host),
		must(c.Hops >= 1 && c.Hops <= 30, "hops: must be 1 to 30 (got %d)", c.Hops),
		must(c.Wait >= 10*time.Millisecond && c.Wait <= 5*time.Second, "wait: must be 10ms to 5s (got %s)", c.Wait),
		must(time.Duration(c.Hops*pathTries)*c.Wait <= c.schedule().timeoutOrDefault(),
			"timeout: %s is too short for %d hops, %d tries each and a wait of %s", c.schedule().timeoutOrDefault(), c.Hops, pathTries, c.Wait),
	)
}

func (c PathConfig) schedule() schedule { return schedule{c.Name, c.Every, c.Timeout, c.Line.Name} }

// NewPath makes the probe. Any answer on the way is ReasonOK; how far it came
// says the rest.
//
// Reasons: ok, timeout (nobody answered), no_route, unreachable, prohibited,
// not_allowed, the dns_ ones when Host is a name, error. Fields: hops (routers and host that
// answered), reached (1: the host itself answered). Detail of a good answer is
// the way, with * for silence.
func NewPath(cfg PathConfig) (Probe, error) {
	if err := cfg.Validate(); err != nil {
		return Probe{}, err
	}
	return newProbe(thongsuot.ProbePath, cfg.schedule(), cfg.Host, cfg.run), nil
}

func (c PathConfig) run(ctx context.Context) thongsuot.Result {
	addr, err := resolve(ctx, c.Host, c.Family, c.Line)
	if err != nil {
		return fail(classify(err), err)
	}
	d, err := openDying(addr, c.Line)
	if err != nil {
		return fail(c.Line.reached(classify(err), addr), err)
	}
	defer d.close()
	var hops []Hop
	for ttl := 1; ttl <= c.Hops; ttl++ {
		hop, err := c.step(ctx, d, ttl)
		if err != nil {
			return fail(c.Line.reached(classify(err), addr), err)
		}
		hops = append(hops, hop)
		if hop.Reached {
			break
		}
	}
	return c.tell(addr, hops)
}

// step asks who is the router at ttl.
func (c PathConfig) step(ctx context.Context, d *dying, ttl int) (Hop, error) {
	for range pathTries {
		if err := ctx.Err(); err != nil {
			return Hop{}, err
		}
		a, err := d.ask(ttl, c.Wait)
		if err != nil {
			return Hop{}, err
		}
		if a.from.IsValid() {
			return Hop{Addr: a.from, Reached: a.from == d.to}, nil
		}
	}
	return Hop{}, nil
}

func (c PathConfig) tell(to netip.Addr, hops []Hop) thongsuot.Result {
	last, answers := 0, 0
	words := make([]string, len(hops))
	for i, h := range hops {
		words[i] = "*"
		if h.Addr.IsValid() {
			words[i], last = h.Addr.String(), i+1
			answers++
		}
	}
	if answers == 0 {
		return fail(thongsuot.ReasonTimeout, fmt.Errorf("none of %d routers on the way to %s answered", len(hops), to))
	}
	hops = hops[:last]
	if c.Found != nil {
		c.Found(to, hops)
	}
	reached := 0.0
	if hops[last-1].Reached {
		reached = 1
	}
	return thongsuot.Result{
		Reason: thongsuot.ReasonOK, Detail: strings.Join(words[:last], " "),
		Fields: []thongsuot.Field{{Name: thongsuot.FieldHops, Value: float64(answers)}, {Name: thongsuot.FieldReached, Value: reached}},
	}
}
