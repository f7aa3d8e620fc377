package alerting

import (
	"slices"
	"time"

	"thongsuot"
)

// story is what one receiver was told of one incident over one channel, and
// what there was to tell.
type story struct {
	changes    []thongsuot.Change   // by revision
	deliveries []thongsuot.Delivery // to this receiver over this channel
	elsewhere  bool                 // told by the channel that this one stands in for
}

// superseded reports whether a newer revision says it all: one that was sent,
// tried, given up, or may go now. One that is held for later does not count.
func (s story) superseded(d thongsuot.Delivery, now time.Time) bool {
	return slices.ContainsFunc(s.deliveries, func(o thongsuot.Delivery) bool {
		held := o.State == thongsuot.DeliveryPending && o.Attempts == 0 && o.NotBefore.After(now)
		return o.Revision > d.Revision && !held
	})
}

// change is the revision that the delivery is about.
func (s story) change(d thongsuot.Delivery) (thongsuot.Change, bool) { return s.at(d.Revision) }

func (s story) at(revision int) (thongsuot.Change, bool) {
	for _, c := range s.changes {
		if c.Incident.Revision == revision {
			return c, true
		}
	}
	return thongsuot.Change{}, false
}

// ref names the message in the channel: that of the newest revision that has
// one.
func (s story) ref() string {
	var newest thongsuot.Delivery
	for _, d := range s.deliveries {
		if d.Ref != "" && d.Revision > newest.Revision {
			newest = d
		}
	}
	return newest.Ref
}

// tried reports whether anything may be in the channel that the ledger does
// not know of: an attempt that was cut short or ended badly.
func (s story) tried() bool {
	return slices.ContainsFunc(s.deliveries, func(d thongsuot.Delivery) bool { return d.Attempts > 0 })
}

// told is the newest revision that the receiver was told, 0 for none.
func (s story) told() (revision int) {
	for _, o := range s.deliveries {
		if o.State == thongsuot.DeliverySent {
			revision = max(revision, o.Revision)
		}
	}
	return revision
}

// known reports whether the receiver knows, or may know, of the incident.
func (s story) known() bool { return s.elsewhere || slices.ContainsFunc(s.deliveries, known) }

// uncertain reports whether anything may have arrived that nobody knows of.
func (s story) uncertain() bool {
	return slices.ContainsFunc(s.deliveries, func(d thongsuot.Delivery) bool { return d.Uncertain })
}

// rousesChair reports whether a chair must be called: by the first word, when
// it got worse, and by the end.
func (s story) rousesChair(c thongsuot.Change) bool {
	before, ok := s.at(s.told())
	return !ok || c.Kind == thongsuot.ChangeClosed || before.Incident.Open() && !c.Incident.Open() ||
		c.Incident.Open() && c.Incident.Verdict.State.Severity() > before.Incident.Verdict.State.Severity()
}

// corrects reports whether the change puts another cause in the place of the
// one that the receiver was told.
func (s story) corrects(c thongsuot.Change) bool {
	before, ok := s.at(s.told())
	v, o := c.Incident.Verdict, before.Incident.Verdict
	return ok && c.Kind == thongsuot.ChangeRevised && (v.Cause != o.Cause || v.Sub != o.Sub)
}

// earliest is when the receiver was first to be told.
func (s story) earliest() time.Time {
	var first time.Time
	for _, d := range s.deliveries {
		if first.IsZero() || d.At.Before(first) {
			first = d.At
		}
	}
	return first
}

// rouses reports whether people must be called: by this revision, or by one
// before it that they were not told of.
func (s story) rouses(d thongsuot.Delivery) bool {
	told := s.told()
	return slices.ContainsFunc(s.changes, func(c thongsuot.Change) bool {
		return c.Incident.Revision > told && c.Incident.Revision <= d.Revision && c.Rouses()
	})
}
