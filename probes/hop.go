package probes

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"thongsuot"
)

// HopConfig asks one router on the way to a host, by datagrams that die there
// (see [PathConfig]). Which router that is may change while the probe lives.
type HopConfig struct {
	Name     string        `yaml:"name"`     // unique within the agent
	Line     Line          `yaml:"-"`        // bound to; default none
	Every    time.Duration `yaml:"every"`    // default 10s
	Timeout  time.Duration `yaml:"timeout"`  // default 80 % of every; must leave room for the whole run
	Count    int           `yaml:"count"`    // packets in one run, 1 to 20; default 5. Routers answer a few a second at most
	Interval time.Duration `yaml:"interval"` // between two packets, at least 10ms; default 200ms
	Wait     time.Duration `yaml:"wait"`     // a later answer is lost; default 1s

	// Where says which router is meant; ok is false while none is known.
	Where func() (w Waypoint, ok bool) `yaml:"-" json:"-"`
}

// Waypoint is a router on the way to a host.
type Waypoint struct {
	To   netip.Addr // the host
	Hops int        // how many routers away, from 1
	Addr netip.Addr // the router
}

// DefaultHopConfig is a probe without a router.
func DefaultHopConfig() HopConfig {
	return HopConfig{Every: 10 * time.Second, Count: 5, Interval: 200 * time.Millisecond, Wait: time.Second}
}

// Validate names every field that is wrong.
func (c HopConfig) Validate() error {
	return errors.Join(
		c.schedule().validate(),
		must(c.Where != nil, "where: must be given"),
		must(c.Count >= 1 && c.Count <= 20, "count: must be 1 to 20 (got %d)", c.Count),
		must(c.Interval >= 10*time.Millisecond, "interval: must be at least 10ms (got %s)", c.Interval),
		must(c.Wait >= 10*time.Millisecond, "wait: must be at least 10ms (got %s)", c.Wait),
		must(time.Duration(c.Count)*max(c.Interval, c.Wait) <= c.schedule().timeoutOrDefault(),
			"timeout: %s is too short for %d packets every %s and a wait of %s", c.schedule().timeoutOrDefault(), c.Count, c.Interval, c.Wait),
	)
}

func (c HopConfig) schedule() schedule { return schedule{c.Name, c.Every, c.Timeout, c.Line.Name} }

// NewHop makes the probe. Its results are of kind icmp, as what answers is
// ICMP: they have the fields of [NewICMP], and the router as target.
//
// A packet counts as received when the router answers it, whatever it says; or
// another one in its place, which shows that the way is open so far.
//
// Reasons: ok, timeout, no_route, unreachable (a nearer router said so),
// prohibited, no_data (no router is known yet), not_allowed, error.
func NewHop(cfg HopConfig) (Probe, error) {
	if err := cfg.Validate(); err != nil {
		return Probe{}, err
	}
	h := &hopProbe{cfg: cfg}
	return newProbe(thongsuot.ProbeICMP, cfg.schedule(), "", h.run), nil
}

// hopProbe is the state between runs, which never overlap.
type hopProbe struct {
	cfg    HopConfig
	of     netip.Addr // router that the state is about
	delays delays
}

func (h *hopProbe) run(ctx context.Context) thongsuot.Result {
	w, ok := h.cfg.Where()
	if !ok {
		return fail(thongsuot.ReasonNoData, errors.New("no router of the carrier is known yet"))
	}
	if w.Addr != h.of {
		h.of, h.delays = w.Addr, delays{}
	}
	e, nearer := h.packets(ctx, w)
	r := thongsuot.Result{Target: w.Addr.String(), Reason: thongsuot.ReasonOK, Fields: e.fields(&h.delays)}
	switch {
	case len(e.rtts) > 0:
	case e.err != nil:
		r.Reason, r.Detail = classify(e.err), e.err.Error()
	case nearer.IsValid():
		r.Reason, r.Detail = thongsuot.ReasonUnreachable, fmt.Sprintf("%s says that there is no way on", nearer)
	default:
		r.Reason, r.Detail = thongsuot.ReasonTimeout, fmt.Sprintf("no answer to %d packets", len(e.sentAt))
	}
	return r
}

// packets sends those of one run. nearer is a router before the one meant that
// said there is no way on.
func (h *hopProbe) packets(ctx context.Context, w Waypoint) (e echoes, nearer netip.Addr) {
	d, err := openDying(w.To, h.cfg.Line)
	if err != nil {
		e.err = err
		return e, nearer
	}
	defer d.close()
	next := time.NewTicker(h.cfg.Interval)
	defer next.Stop()
	for range h.cfg.Count {
		if ctx.Err() != nil {
			return e, nearer
		}
		sent := time.Now()
		a, err := d.ask(w.Hops, h.cfg.Wait)
		if err != nil {
			e.err = err
			return e, nearer
		}
		e.sentAt = append(e.sentAt, sent)
		switch {
		case a.died, a.from == w.Addr, a.from == w.To:
			e.rtts = append(e.rtts, a.rtt)
		case a.from.IsValid():
			nearer = a.from
		}
		select {
		case <-next.C:
		case <-ctx.Done():
		}
	}
	return e, nearer
}
