package alerting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/lang"
)

const (
	// lookEvery is how often the ledger is looked at without being nudged.
	lookEvery = 15 * time.Second
	// routeBatch is how many changes are routed at a time.
	routeBatch = 100
	// queueLimit is how many deliveries are seen at a time: more than all
	// incidents of the country at once, so that one channel's backlog does not
	// hide another's.
	queueLimit = 10_000
	// horizon lies after every NotBefore: the queue is read with what waits,
	// to know when it is due.
	horizon = 366 * 24 * time.Hour
)

// laneKey names a receiver's channel.
type laneKey struct{ receiver, channel string }

// Dispatcher tells the receivers what the ledger's outbox holds.
type Dispatcher struct {
	// Immutable after New.
	cfg       Config
	notifiers map[string][]Notifier
	ledger    Ledger
	places    func() Places
	zone      *time.Location
	render    renderer
	log       *slog.Logger
	metrics   metrics
	wake      chan struct{}

	lanes map[laneKey]*lane // known to Run alone
}

// New prepares a dispatcher. notifiers are the channels of the receivers of
// cfg, by receiver, as Notifiers opens them; places is the registry of the day.
// Times in messages are in zone.
func New(cfg Config, notifiers map[string][]Notifier, ledger Ledger, places func() Places, zone *time.Location,
	log *slog.Logger, reg prometheus.Registerer) *Dispatcher {
	d := &Dispatcher{
		cfg:       cfg,
		notifiers: notifiers,
		ledger:    ledger,
		places:    places,
		zone:      zone,
		render:    renderer{lang: lang.Parse(cfg.Language), zone: zone, pageURL: cfg.PageURL, places: places},
		log:       log,
		metrics:   newMetrics(reg),
		wake:      make(chan struct{}, 1),
		lanes:     make(map[laneKey]*lane),
	}
	for _, ns := range notifiers {
		for _, n := range ns {
			d.metrics.expect(n.Name())
		}
	}
	return d
}

// Configured reports whether anybody is told.
func (d *Dispatcher) Configured() bool { return d.cfg.Configured() }

// Wake makes Run look at the outbox now. It does not block.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run tells until ctx ends, and returns when no message is on its way.
func (d *Dispatcher) Run(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	idle := make(chan *lane)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case l := <-idle:
			l.busy = false
		case <-timer.C:
		}
		batches, next, err := d.pass(ctx)
		if err != nil && ctx.Err() == nil {
			d.log.Error("alerting cannot use its ledger", "error", err)
		}
		for l, batch := range batches {
			l.busy = true
			working.Go(func() {
				d.work(ctx, l, batch)
				select {
				case idle <- l:
				case <-ctx.Done():
				}
			})
		}
		timer.Reset(time.Until(next))
	}
}

// pass puts the ledger in order and finds what each lane that is free can do
// now, and when to look again. What fails in one step does not stop the next.
func (d *Dispatcher) pass(ctx context.Context) (batches map[*lane][]thongsuot.Delivery, next time.Time, err error) {
	now := time.Now()
	next = now.Add(lookEvery)
	err = errors.Join(d.recover(ctx, now), d.routeAll(ctx, now))
	queue, readErr := d.ledger.Due(ctx, now.Add(horizon), queueLimit)
	if readErr != nil {
		return nil, next, errors.Join(err, fmt.Errorf("read the queue of deliveries: %w", readErr))
	}
	d.metrics.queue(queue, now)
	batches = make(map[*lane][]thongsuot.Delivery)
	for _, dl := range queue {
		l := d.lane(dl)
		if l == nil {
			dl.Error = "the receiver is no longer in the configuration or the registry"
			err = errors.Join(err, d.finish(ctx, dl, thongsuot.DeliveryFailed))
			continue
		}
		if l.busy {
			continue // it says when it is done
		}
		due := dl.NotBefore
		if l.until.After(due) {
			due = l.until
		}
		switch {
		case !due.After(now):
			batches[l] = append(batches[l], dl)
		case due.Before(next):
			next = due
		}
	}
	return batches, next, err
}

// lane is the way of a delivery, nil when its receiver is gone. A lane at work
// is as it was when the work began.
func (d *Dispatcher) lane(dl thongsuot.Delivery) *lane {
	key := laneKey{dl.Receiver, dl.Channel}
	l := d.lanes[key]
	if l != nil && l.busy {
		return l
	}
	p, ok := d.party(dl.Receiver)
	o, reached := p.outlet(dl.Channel)
	if !ok || !reached {
		delete(d.lanes, key)
		return nil
	}
	if l == nil {
		l = new(lane)
		d.lanes[key] = l
	}
	l.party, l.outlet = p, o
	return l
}

// recover takes up the deliveries that nobody is working on any more: the
// program ended, or the ledger failed, while they were being sent. They may
// have arrived, which their count of attempts tells the channel.
func (d *Dispatcher) recover(ctx context.Context, now time.Time) error {
	claimed, err := d.ledger.Claimed(ctx)
	if err != nil {
		return fmt.Errorf("read claimed deliveries: %w", err)
	}
	var errs []error
	for _, dl := range claimed {
		if l := d.lanes[laneKey{dl.Receiver, dl.Channel}]; l != nil && l.busy {
			continue
		}
		dl.Attempts++
		dl.NotBefore = now
		dl.Error = "interrupted while being sent"
		dl.Uncertain = true
		errs = append(errs, d.finish(ctx, dl, thongsuot.DeliveryPending))
	}
	return errors.Join(errs...)
}

// routeAll plans the deliveries of every change in the outbox.
func (d *Dispatcher) routeAll(ctx context.Context, now time.Time) error {
	for {
		changes, err := d.ledger.Unrouted(ctx, routeBatch)
		if err != nil {
			return fmt.Errorf("read the outbox: %w", err)
		}
		var errs []error
		for _, c := range changes {
			errs = append(errs, d.routeOne(ctx, c, now))
		}
		if err := errors.Join(errs...); err != nil || len(changes) < routeBatch {
			return err
		}
	}
}

func (d *Dispatcher) routeOne(ctx context.Context, c thongsuot.Change, now time.Time) error {
	prior, err := d.ledger.Deliveries(ctx, c.Incident.ID)
	if err != nil {
		return fmt.Errorf("read deliveries of %s: %w", c.Incident.ID, err)
	}
	changes, err := d.ledger.Changes(ctx, c.Incident.ID)
	if err != nil {
		return fmt.Errorf("read changes of %s: %w", c.Incident.ID, err)
	}
	changes = slices.DeleteFunc(changes, func(o thongsuot.Change) bool { return o.Incident.Revision > c.Incident.Revision })
	if err := d.ledger.Route(ctx, c, d.route(c, changes, prior, now)); err != nil {
		return fmt.Errorf("route %s: %w", c.Key(), err)
	}
	return nil
}

// story reads what is known about a delivery's incident and receiver.
func (d *Dispatcher) story(ctx context.Context, dl thongsuot.Delivery) (story, error) {
	changes, err := d.ledger.Changes(ctx, dl.Incident)
	if err != nil {
		return story{}, fmt.Errorf("read changes of %s: %w", dl.Incident, err)
	}
	all, err := d.ledger.Deliveries(ctx, dl.Incident)
	if err != nil {
		return story{}, fmt.Errorf("read deliveries of %s: %w", dl.Incident, err)
	}
	s := story{changes: changes}
	for _, o := range all {
		if o.Receiver == dl.Receiver && o.Channel == dl.Channel {
			s.deliveries = append(s.deliveries, o)
		} else if dl.Why == whyFallback && o.Ref != "" && d.standsFor(dl, o) {
			s.elsewhere = true
		}
	}
	return s, nil
}
