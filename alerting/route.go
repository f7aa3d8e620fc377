package alerting

import (
	"slices"
	"time"

	"thongsuot"
)

// Rules by which a receiver is told; they are stored with the delivery and
// explained in the message.
const (
	whyOperations = "operations" // operations hear of everything but "up" and "off"
	whyTold       = "told"       // the receiver was told of the incident before
)

// toldStates are the states that operations hear of, worst first.
func toldStates() []thongsuot.State {
	return slices.DeleteFunc(thongsuot.States(), func(s thongsuot.State) bool {
		return s == thongsuot.StateUp || s == thongsuot.StateOff
	})
}

// hears reports whether the receiver hears of the change, and why. Who was to
// be told of an incident hears how it goes on; who was not does not hear of
// its end.
func (r Receiver) hears(c thongsuot.Change, site thongsuot.Site, told bool) (why string, ok bool) {
	state := c.Incident.Verdict.State
	if c.Incident.Part != "" {
		return whyTold, told // the regional incident tells of it
	}
	// A site that left the registry has no kind: better told than not.
	wanted := len(r.Kinds) == 0 || site.Kind == "" || slices.Contains(r.Kinds, site.Kind)
	severe := slices.Contains(toldStates(), state) && (r.MinState == "" || state.Severity() >= r.MinState.Severity())
	if c.Incident.Open() && wanted && severe {
		return whyOperations, true
	}
	return whyTold, told
}

// route is the deliveries that a change calls for at now. prior is those of
// the same incident so far.
func (d *Dispatcher) route(c thongsuot.Change, prior []thongsuot.Delivery, now time.Time) []thongsuot.Delivery {
	site, _ := d.sites(c.Incident.Site)
	var out []thongsuot.Delivery
	for _, r := range d.cfg.Receivers {
		for _, n := range d.notifiers[r.Name] {
			told := slices.ContainsFunc(prior, func(p thongsuot.Delivery) bool {
				return p.Receiver == r.Name && p.Channel == n.Name()
			})
			why, ok := r.hears(c, site, told)
			if !ok {
				continue
			}
			out = append(out, thongsuot.Delivery{
				Incident: c.Incident.ID, Revision: c.Incident.Revision, Receiver: r.Name, Channel: n.Name(),
				Why: why, State: thongsuot.DeliveryPending, NotBefore: now, At: now,
			})
		}
	}
	return out
}
