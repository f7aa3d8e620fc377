// Package alerting turns changes of incidents into few, right, once-delivered
// messages.
//
// A change goes through small stages, one file each: route (who hears of it),
// hold (from when), dedup (what was said already, what is stale), budget (how
// much a day), render (words), deliver (send, retry, give up, fall back). The ledger holds every intent before anything is sent, with
// the time of the next try, so that a crash at any point loses no message;
// what may have arrived is looked for by the channel before it is said again,
// so that nobody is told twice. Revisions of one incident reach one receiver
// in order, and a newer one stands for those before it. Channels do not wait
// for each other.
package alerting

import (
	"context"
	"time"

	"thongsuot"
	"thongsuot/alerting/notice"
)

// Notifier tells one receiver over one channel.
type Notifier interface {
	// Name is the name of the channel: "slack".
	Name() string
	// Send posts the message of an incident or edits the one at m.Ref, and
	// returns what names it. To send the same revision again must change
	// nothing when m.MayExist says that it may have arrived. Errors hold no
	// secrets; a *notice.Error says what to do about them.
	Send(ctx context.Context, m notice.Message) (ref string, err error)
}

// Outbox holds the changes that nobody was told of yet.
type Outbox interface {
	Unrouted(ctx context.Context, limit int) ([]thongsuot.Change, error)
	Route(ctx context.Context, c thongsuot.Change, ds []thongsuot.Delivery) error
}

// Queue holds the deliveries that are not done.
type Queue interface {
	Due(ctx context.Context, now time.Time, limit int) ([]thongsuot.Delivery, error)
	Claim(ctx context.Context, d thongsuot.Delivery) (bool, error)
	Finish(ctx context.Context, d thongsuot.Delivery) error
	Claimed(ctx context.Context) ([]thongsuot.Delivery, error)
}

// History is what happened in an incident and who was told.
type History interface {
	Changes(ctx context.Context, incident string) ([]thongsuot.Change, error)
	Deliveries(ctx context.Context, incident string) ([]thongsuot.Delivery, error)
	// Told are the deliveries to a receiver that were sent and due since a time.
	Told(ctx context.Context, receiver string, since time.Time) ([]thongsuot.Delivery, error)
}

// Ledger is the durable memory of the dispatcher.
type Ledger interface {
	Outbox
	Queue
	History
}
