package alerting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"thongsuot"
	"thongsuot/alerting/notice"
)

const (
	// sendTimeout ends one delivery, which may take a handful of calls.
	sendTimeout = 30 * time.Second
	// finishTimeout bounds writing down what came of a delivery while the
	// program ends.
	finishTimeout = 5 * time.Second
	// firstRetry and lastRetry bound the pauses between tries, which double.
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	// configurationRetry is the pause while the operator has to repair
	// something, who should not have to wait for it.
	configurationRetry = time.Minute
	// giveUpAfter is when news is too old to send.
	giveUpAfter = 24 * time.Hour
	// ledgerRetry is the pause after the ledger failed.
	ledgerRetry = 5 * time.Second
)

// lane is one receiver's channel. Its deliveries go one after the other, and
// wait for no other lane.
type lane struct {
	party    party
	outlet   outlet
	busy     bool      // a goroutine is at work; known to Run alone
	until    time.Time // nothing is sent before; written while busy, read while not
	failures failures
}

// work sends a batch, oldest first. A delivery whose outcome cannot be written
// down does not hold up the others; the pass after this one takes it up again.
func (d *Dispatcher) work(ctx context.Context, l *lane, batch []thongsuot.Delivery) {
	var pause time.Duration
	var errs []error
	summary, err := d.summaryDue(ctx, l.party, time.Now())
	if err != nil {
		errs = append(errs, err)
		batch = nil
	} else if summary {
		if pause, err = d.summarise(ctx, l, batch); err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
		batch = nil
	}
	for _, delivery := range batch {
		if pause > 0 || ctx.Err() != nil {
			break
		}
		var err error
		if pause, err = d.deliver(ctx, l, delivery); err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		d.log.Error("alerting cannot use its ledger", "error", errs[0], "deliveries", len(errs))
		pause = max(pause, ledgerRetry)
	}
	l.until = time.Now().Add(pause)
}

// deliver brings one delivery one step on. It returns how long the channel
// wants to be left alone; the error is the ledger's.
func (d *Dispatcher) deliver(ctx context.Context, l *lane, dl thongsuot.Delivery) (pause time.Duration, err error) {
	s, c, ready, err := d.prepare(ctx, l, &dl)
	if err != nil {
		return d.failed(ctx, l, dl, err)
	}
	if !ready {
		return 0, d.finish(ctx, dl, dl.State)
	}
	if ok, err := d.ledger.Claim(ctx, dl); err != nil || !ok {
		return 0, err
	}
	ref, err := l.outlet.send(ctx, d.message(l, dl, s, c))
	if err != nil {
		return d.failed(ctx, l, dl, err)
	}
	l.failures.over(d.log, dl)
	if ref == "" {
		return 0, d.finish(ctx, dl, thongsuot.DeliverySkipped)
	}
	dl.Ref, dl.Error = ref, ""
	d.log.Info("alert sent", "incident", dl.Incident, "revision", dl.Revision, "site", c.Incident.Site,
		"kind", c.Kind, "receiver", dl.Receiver, "channel", dl.Channel)
	return 0, d.finish(ctx, dl, thongsuot.DeliverySent)
}

// prepare reads what is known of a delivery and says whether it is ready to go
// now. Where it is not, its state says what is to be written down.
func (d *Dispatcher) prepare(ctx context.Context, l *lane, dl *thongsuot.Delivery) (s story, c thongsuot.Change, ready bool, err error) {
	if s, err = d.story(ctx, *dl); err != nil {
		return s, c, false, err
	}
	now := time.Now()
	c, known := s.change(*dl)
	dl.State = thongsuot.DeliverySkipped
	switch {
	case !known:
		dl.State, dl.Error = thongsuot.DeliveryFailed, "the ledger does not have this revision"
		return s, c, false, nil
	case s.superseded(*dl, now), !c.Incident.Open() && s.ref() == "" && !s.tried() && !s.elsewhere:
		return s, c, false, nil
	}
	why, at, ok := d.due(l.party, s.changes, s.known(), dl.At, now)
	if !ok {
		return s, c, false, nil
	}
	if dl.Why != whyFallback {
		dl.Why = why
	}
	if at, ok, err = d.withinBudget(ctx, l.party, *dl, at, now); err != nil || !ok {
		return s, c, false, err
	}
	dl.State = thongsuot.DeliveryPending
	if at.After(now) {
		dl.NotBefore = at
		return s, c, false, nil
	}
	return s, c, true, nil
}

// message is what a delivery says.
func (d *Dispatcher) message(l *lane, dl thongsuot.Delivery, s story, c thongsuot.Change) notice.Message {
	m := d.render.message(c, l.party, dl.Why)
	m.Ref = s.ref()
	m.MayExist = s.tried()
	m.Earliest = s.earliest()
	m.EditOnly = !c.Incident.Open() && !s.elsewhere
	m.Uncertain = s.uncertain()
	m.Rouse = s.rouses(dl)
	if l.party.role == thongsuot.RoleChair {
		m.Rouse = s.rousesChair(c)
	}
	m.Corrects = s.corrects(c)
	return m
}

// failed writes down what comes after a failure.
func (d *Dispatcher) failed(ctx context.Context, l *lane, dl thongsuot.Delivery, cause error) (pause time.Duration, err error) {
	e := notice.Classify(cause)
	now := time.Now()
	dl.Attempts++
	dl.Error = e.Err.Error()
	dl.Uncertain = dl.Uncertain || e.Uncertain
	if ctx.Err() != nil { // the program ends: not the channel's fault
		dl.NotBefore = now
		return 0, d.finish(ctx, dl, thongsuot.DeliveryPending)
	}
	over, err := d.fallBack(ctx, l, dl, e, now)
	if err != nil {
		return 0, err
	}
	switch {
	case over:
		d.log.Warn("alert handed to the next channel", failure(dl, e)...)
		return 0, d.finish(ctx, dl, thongsuot.DeliveryFailed)
	case e.Class == notice.Permanent, now.Sub(dl.At) > giveUpAfter:
		d.log.Error("alert given up", failure(dl, e)...)
		return 0, d.finish(ctx, dl, thongsuot.DeliveryFailed)
	case e.RetryAfter > 0:
		pause = e.RetryAfter
		dl.NotBefore = now.Add(pause)
	case e.Class == notice.Configuration:
		dl.NotBefore = now.Add(configurationRetry)
	default:
		dl.NotBefore = now.Add(backoff(dl.Attempts))
	}
	l.failures.add(d.log, dl, e)
	return pause, d.finish(ctx, dl, thongsuot.DeliveryPending)
}

// finish writes down what came of a delivery, also while the program ends: a
// message that was sent must not be forgotten.
func (d *Dispatcher) finish(ctx context.Context, dl thongsuot.Delivery, state thongsuot.DeliveryState) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	dl.State = state
	if err := d.ledger.Finish(ctx, dl); err != nil {
		return fmt.Errorf("finish delivery %s/%d to %s: %w", dl.Incident, dl.Revision, dl.Receiver, err)
	}
	d.metrics.deliveries.WithLabelValues(dl.Channel, result(dl)).Inc()
	return nil
}

// result is the metric's word for how a try ended.
func result(d thongsuot.Delivery) string {
	switch {
	case d.State == thongsuot.DeliveryPending && d.Attempts == 0:
		return "held"
	case d.State == thongsuot.DeliveryPending:
		return "retried"
	default:
		return string(d.State)
	}
}

// backoff is the pause before the next try: it doubles, and half of it is
// random so that what failed together does not come back together.
func backoff(attempts int) time.Duration {
	d := lastRetry
	if attempts < 10 {
		d = min(firstRetry<<(attempts-1), lastRetry)
	}
	return d/2 + rand.N(d/2)
}

// logEvery is how often a channel that goes on failing is logged.
const logEvery = 5 * time.Minute

// failures keeps a channel that goes on failing from filling the log: the
// first failure is logged, then one every few minutes with their number.
type failures struct {
	logged time.Time
	count  int
}

func (f *failures) add(log *slog.Logger, dl thongsuot.Delivery, e *notice.Error) {
	f.count++
	now := time.Now()
	if now.Sub(f.logged) < logEvery {
		return
	}
	f.logged = now
	log.Warn("alert not delivered, will be tried again", append(failure(dl, e), "failures", f.count)...)
}

func (f *failures) over(log *slog.Logger, dl thongsuot.Delivery) {
	if f.count > 0 {
		log.Info("alert channel works again", "receiver", dl.Receiver, "channel", dl.Channel, "failures", f.count)
	}
	*f = failures{}
}

// failure is a failed delivery for the log.
func failure(dl thongsuot.Delivery, e *notice.Error) []any {
	args := []any{
		"incident", dl.Incident, "revision", dl.Revision, "receiver", dl.Receiver, "channel", dl.Channel,
		"attempts", dl.Attempts, "error", e.Err,
	}
	if e.Hint != "" {
		args = append(args, "hint", e.Hint)
	}
	return args
}
