package alerting

import (
	"slices"
	"time"

	"thongsuot"
)

// toldStates are the states that operations hear of, worst first.
func toldStates() []thongsuot.State {
	return slices.DeleteFunc(thongsuot.States(), func(s thongsuot.State) bool {
		return s == thongsuot.StateUp || s == thongsuot.StateOff
	})
}

// hears reports whether the receiver hears of an incident of which it was not
// told yet.
func (r Receiver) hears(c thongsuot.Change, site thongsuot.Site) bool {
	state := c.Incident.Verdict.State
	// A site that left the registry has no kind: better told than not.
	wanted := len(r.Kinds) == 0 || site.Kind == "" || slices.Contains(r.Kinds, site.Kind)
	severe := slices.Contains(toldStates(), state) && (r.MinState == "" || state.Severity() >= r.MinState.Severity())
	return c.Incident.Part == "" && c.Incident.Open() && wanted && severe // a regional incident tells of its parts
}

// route is the deliveries that a change calls for at now. changes are all of
// its incident so far, prior the deliveries. Who was to be told of an incident
// hears how it goes on; who was not does not hear of its end.
func (d *Dispatcher) route(c thongsuot.Change, changes []thongsuot.Change, prior []thongsuot.Delivery, now time.Time) []thongsuot.Delivery {
	var out []thongsuot.Delivery
	for _, p := range d.parties(c.Incident) {
		if d.isFallback(p.name) && !slices.ContainsFunc(prior, func(o thongsuot.Delivery) bool { return o.Receiver == p.name }) {
			continue // for when another one fails
		}
		for n, o := range p.outlets {
			channel := o.notifier.Name()
			mine := func(o thongsuot.Delivery) bool { return o.Receiver == p.name && o.Channel == channel }
			told := slices.ContainsFunc(prior, mine)
			if p.role == thongsuot.RoleChair && n > 0 && !told {
				continue // for when the one before it fails
			}
			knows := slices.ContainsFunc(prior, func(o thongsuot.Delivery) bool { return mine(o) && known(o) })
			why, at, ok := d.due(p, changes, knows, now, now)
			switch {
			case !ok && !told:
				continue
			case !ok: // planned, and not wanted any more: this one takes its place
				why, at = whyTold, now
			}
			out = append(out, thongsuot.Delivery{
				Incident: c.Incident.ID, Revision: c.Incident.Revision, Receiver: p.name, Channel: channel,
				Why: why, State: thongsuot.DeliveryPending, NotBefore: later(at, now), At: now,
			})
		}
	}
	return out
}

// known reports whether the delivery is, or may be, with its receiver.
func known(d thongsuot.Delivery) bool {
	return d.Ref != "" || d.Attempts > 0 || d.State == thongsuot.DeliveryClaimed
}
