package thongsuot

import "time"

// DeliveryState is how far a message to one receiver has come.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryPending DeliveryState = "pending" // to be sent at NotBefore
	DeliveryClaimed DeliveryState = "claimed" // being sent; after a crash it may have arrived
	DeliverySent    DeliveryState = "sent"
	DeliveryFailed  DeliveryState = "failed"     // given up, with Error
	DeliverySkipped DeliveryState = "superseded" // a newer revision said it all
)

// Delivery is the duty to tell one receiver one revision of an incident over
// one channel. The first four fields are its key: it is done at most once.
type Delivery struct {
	Incident  string
	Revision  int
	Receiver  string // name of the receiver in the configuration
	Channel   string // "slack"
	Why       string // rule by which the receiver is told
	State     DeliveryState
	Attempts  int
	NotBefore time.Time
	Ref       string // the channel's name of the message, needed to edit it
	Error     string // last failure, without secrets
	Uncertain bool   // an attempt ended without anybody knowing whether it arrived
	At        time.Time
}
