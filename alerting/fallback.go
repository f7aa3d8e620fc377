package alerting

import (
	"context"
	"fmt"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/alerting/notice"
)

// fallbackAfter is how many tries in a row a channel has before the next one is
// taken. What only the operator can repair is not waited for.
const fallbackAfter = 3

// fallBack plans what a failing channel cannot say for the channel behind it: a
// chair's next one, a team's fallback receiver. over says that the failing
// channel is not to try again, as the other one has the whole message.
func (d *Dispatcher) fallBack(ctx context.Context, l *lane, dl thongsuot.Delivery, e *notice.Error, now time.Time) (over bool, err error) {
	if dl.Attempts != fallbackAfter && e.Class == notice.Temporary {
		return false, nil
	}
	var plan []thongsuot.Delivery
	for _, next := range d.behind(l.party, dl.Channel) {
		plan = append(plan, thongsuot.Delivery{
			Incident: dl.Incident, Revision: dl.Revision, Receiver: next.receiver, Channel: next.channel,
			Why: whyFallback, State: thongsuot.DeliveryPending, NotBefore: now, At: now,
		})
	}
	if len(plan) == 0 {
		return false, nil
	}
	c := thongsuot.Change{Incident: thongsuot.Incident{ID: dl.Incident, Revision: dl.Revision}}
	if err := d.ledger.Route(ctx, c, plan); err != nil {
		return false, fmt.Errorf("plan the fallback of %s: %w", c.Key(), err)
	}
	d.Wake()
	return l.party.role == thongsuot.RoleChair, nil
}

// behind is where a party's channel hands over to.
func (d *Dispatcher) behind(p party, channel string) (out []laneKey) {
	if p.role == thongsuot.RoleChair {
		n := slices.IndexFunc(p.outlets, func(o outlet) bool { return o.notifier.Name() == channel }) + 1
		if n > 0 && n < len(p.outlets) {
			out = append(out, laneKey{p.name, p.outlets[n].notifier.Name()})
		}
		return out
	}
	if next, ok := d.party(p.rules.Fallback); ok && p.rules.Fallback != "" {
		for _, o := range next.outlets {
			out = append(out, laneKey{next.name, o.notifier.Name()})
		}
	}
	return out
}

// isFallback reports whether a receiver is told only what others cannot be.
func (d *Dispatcher) isFallback(receiver string) bool {
	return slices.ContainsFunc(d.cfg.Receivers, func(r Receiver) bool { return r.Fallback == receiver })
}

// standsFor reports whether a delivery is one of those that d's receiver stands
// in for: over another channel of a chair, or to a receiver whose fallback it is.
func (d *Dispatcher) standsFor(dl, o thongsuot.Delivery) bool {
	if o.Receiver == dl.Receiver {
		return o.Channel != dl.Channel
	}
	p, ok := d.party(o.Receiver)
	return ok && p.rules.Fallback == dl.Receiver
}
