// Package notice is what a channel is handed and how it answers: the message
// about one revision of an incident, and the classes of failure.
//
// It is apart from package alerting so that a channel and the dispatcher that
// drives it need not know each other.
package notice

import (
	"errors"
	"time"

	"thongsuot"
)

// Message is all that a channel needs to tell one receiver one revision of an
// incident. Texts are in the receiver's language, plain and unescaped.
type Message struct {
	To       string // address of the receiver, where the channel has more than one
	Incident string
	Revision int
	Kind     thongsuot.ChangeKind
	State    thongsuot.State // held now
	Open     bool            // the incident goes on
	Rouse    bool            // call people also where the message already exists: an edit calls nobody

	// What may be in the channel already.
	Ref       string    // the message to edit, as Send returned it; "" when none is known
	MayExist  bool      // an earlier attempt may have arrived: look before posting anything
	Earliest  time.Time // nothing about this incident was sent before
	Uncertain bool      // an earlier attempt ended without anybody knowing whether it arrived
	Corrects  bool      // another cause is held than the receiver was told
	EditOnly  bool      // say it only where the incident was told; where it was not, Send returns ""

	Site     string   // "xã Sơn Điền"
	Title    string   // one line
	Summary  string   // the whole in one sentence, for a phone's lock screen
	Short    string   // one SMS
	Lines    []string // cause, confidence, times
	Evidence []string // what the verdict rests on, under the heading in the first line
	Why      string   // why the receiver gets it
	Link     Link     // where to read on; zero when the pages have no public address
}

// Wanted reports whether a channel that can neither edit nor look has anything
// to say: the first word of an incident, what calls people, a correction, and
// never the end of what was not told.
func (m Message) Wanted() bool {
	if m.Ref == "" && !m.Uncertain {
		return !m.EditOnly
	}
	return m.Rouse || m.Corrects
}

// Link is an address with the words to show for it.
type Link struct{ URL, Text string }

// Class says what to do about a failed delivery.
type Class int

// The classes of failure.
const (
	Temporary     Class = iota // try again
	Permanent                  // this message will never be accepted
	Configuration              // nothing will be accepted until the operator repairs something
)

// Error is the failure of a delivery. Its text holds no secret.
type Error struct {
	Class      Class
	Uncertain  bool          // the message may have arrived all the same
	RetryAfter time.Duration // how long the channel asks to be left alone; 0 when it does not
	Hint       string        // what the operator can do; "" when there is nothing
	Err        error
}

// Error is the text of the failure, with the hint on its own line.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + "\nhint: " + e.Hint
}

// Unwrap is the failure itself.
func (e *Error) Unwrap() error { return e.Err }

// Classify is err as an Error; one of no known class is temporary, as telling
// late is better than not telling.
func Classify(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Class: Temporary, Err: err}
}
