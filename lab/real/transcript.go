package real

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"thongsuot"
	"thongsuot/alerting/slack/slacktest"
	"thongsuot/ledger"
)

// What an event is.
const (
	EventFault   = "fault"   // something truly happened
	EventChange  = "change"  // the centre recorded a change of an incident
	EventMessage = "message" // a new message came
	EventReply   = "reply"   // a message came into the thread of another
	EventEdit    = "edit"    // a message was changed
	EventNote    = "note"    // the lab about itself
)

// Event is one line of the transcript.
type Event struct {
	At       float64            `json:"at"` // seconds from the start of the script
	What     string             `json:"what"`
	Place    string             `json:"place,omitempty"` // "site-1", "isp-1", "portal", "central"
	Text     string             `json:"text"`
	Line     int                `json:"line,omitempty"`  // of the script, of a fault
	Label    string             `json:"label,omitempty"` // of a fault
	Kind     string             `json:"kind,omitempty"`  // of a change
	Incident string             `json:"incident,omitempty"`
	Revision int                `json:"revision,omitempty"`
	Verdict  *thongsuot.Verdict `json:"verdict,omitempty"`
	Receiver string             `json:"receiver,omitempty"`
}

// Print writes the event as a line for people.
func (e Event) Print(w io.Writer) {
	place := e.Place
	if place == "" {
		place = "-"
	}
	fmt.Fprintf(w, "%7.1f s  %-8s %-8s %s\n", e.At, place, e.What, e.Text)
}

// lookEvery is how often the ledger and Slack are looked at; times of changes
// are right to that.
const lookEvery = 100 * time.Millisecond

// transcript follows what the province records and tells.
type transcript struct {
	began  time.Time
	script Script
	places map[string]string // site code to name in the script
	ledger *ledger.Ledger
	slack  *slacktest.Server

	mu      sync.Mutex // guards what follows
	say     func(Event)
	seen    map[string]int // revision of each incident
	changes []seenChange
	told    map[string]int // edits seen of each message, by receiver and timestamp
	posts   []post
	faults  map[int]*played // by line of the script
	broken  error           // of the last look at the ledger
}

// seenChange is a change with the time at which it was on record.
type seenChange struct {
	thongsuot.Change
	seen time.Time
}

// post is a message, a reply or an edit.
type post struct {
	what, receiver, incident string
	at                       time.Time
}

// played is when a fault truly began and ended.
type played struct{ begins, ends time.Time }

func (p *province) newTranscript(say func(Event)) (*transcript, error) {
	l, err := ledger.Open(p.centre.ledgerFile())
	if err != nil {
		return nil, err
	}
	t := &transcript{
		began: time.Now(), script: p.script, places: map[string]string{}, ledger: l, slack: p.slack, say: say,
		seen: map[string]int{}, told: map[string]int{}, faults: map[int]*played{},
	}
	for _, s := range p.sites {
		t.places[s.code] = s.name
	}
	return t, nil
}

func (t *transcript) close() { _ = t.ledger.Close() } // only read

func (t *transcript) tell(e Event, at time.Time) {
	e.At = at.Sub(t.began).Seconds()
	t.say(e)
}

func (t *transcript) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tell(Event{What: EventNote, Text: fmt.Sprintf(format, args...)}, time.Now())
}

func (t *transcript) fault(st step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	switch st.what {
	case begins:
		t.faults[st.fault.Line] = &played{begins: now}
	case ends:
		t.faults[st.fault.Line].ends = now
	}
	text := fmt.Sprintf("%s: %s (label %s)", strings.TrimPrefix(st.fault.String(), st.fault.Target+" "), st.what, st.fault.Label)
	t.tell(Event{What: EventFault, Place: st.fault.Target, Text: text, Label: st.fault.Label.String(), Kind: st.what, Line: st.fault.Line}, now)
}

// follow looks until ctx ends.
func (t *transcript) follow(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err := t.look(ctx)
			t.mu.Lock()
			if err != nil && t.broken == nil && ctx.Err() == nil {
				t.tell(Event{What: EventNote, Text: "the ledger cannot be read: " + err.Error()}, time.Now())
			}
			t.broken = err
			t.mu.Unlock()
		}
	}
}

// mostIncidents bounds one look at the ledger.
const mostIncidents = 1000

// look takes in what is new in the ledger and in Slack.
func (t *transcript) look(ctx context.Context) error {
	now := time.Now()
	incidents, err := t.ledger.Incidents(ctx, "", t.began.Add(-warmUp), now.Add(time.Hour), mostIncidents)
	if err != nil {
		return err
	}
	for _, in := range incidents {
		t.mu.Lock()
		known := t.seen[in.ID]
		t.mu.Unlock()
		if in.Revision == known {
			continue
		}
		changes, err := t.ledger.Changes(ctx, in.ID)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if c.Incident.Revision > known {
				t.take(c, now)
			}
		}
	}
	for _, r := range receivers() {
		for _, m := range t.slack.Messages(r.channel) {
			t.read(r.name, m)
		}
	}
	return nil
}

func (t *transcript) take(c thongsuot.Change, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen[c.Incident.ID] = c.Incident.Revision
	t.changes = append(t.changes, seenChange{c, now})
	v := c.Incident.Verdict
	text := fmt.Sprintf("%s: %s", c.Kind, describe(v))
	if d := now.Sub(c.At); d >= time.Second {
		text += fmt.Sprintf(", as of %.1f s", c.At.Sub(t.began).Seconds())
	}
	t.tell(Event{
		What: EventChange, Place: t.places[c.Incident.Site], Text: text,
		Kind: string(c.Kind), Incident: c.Incident.ID, Revision: c.Incident.Revision, Verdict: &v,
	}, now)
}

// describe is a verdict in a line: "down power/low_battery, high (or access)".
func describe(v thongsuot.Verdict) string {
	cause := Label{v.Cause, v.Sub}.String()
	text := fmt.Sprintf("%s, %s, %s", v.State, cause, v.Confidence.Level())
	if len(v.Candidates) > 0 {
		text += " (candidates " + strings.Join(v.Candidates, ", ") + ")"
	}
	return text
}

// read takes in a message as it stands.
func (t *transcript) read(receiver string, m slacktest.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := receiver + " " + m.TS
	edits, known := t.told[key]
	if known && m.Edits == edits {
		return
	}
	e, at := Event{What: EventMessage, Receiver: receiver}, instant(m.TS)
	if m.Reply() {
		e.What = EventReply
	}
	if known && m.Edited != nil {
		e.What, at = EventEdit, instant(m.Edited.TS)
	}
	t.told[key] = m.Edits
	if m.Metadata != nil {
		e.Incident, _ = m.Metadata.EventPayload["incident"].(string)
	}
	e.Place = t.place(e.Incident)
	text, _, _ := strings.Cut(m.Text, "\n")
	e.Text = receiver + ": " + text
	t.posts = append(t.posts, post{e.What, receiver, e.Incident, at})
	t.tell(e, at)
}

func (t *transcript) place(incident string) string {
	code, _, _ := strings.Cut(incident, "-")
	return t.places[code]
}

// instant is the time in a timestamp of Slack: seconds.microseconds.
func instant(ts string) time.Time {
	s, us, _ := strings.Cut(ts, ".")
	seconds, _ := strconv.ParseInt(s, 10, 64)
	micros, _ := strconv.ParseInt(us, 10, 64)
	return time.Unix(seconds, micros*1000)
}

// state tells when a change was last seen, and whether an incident is open.
func (t *transcript) state() (changed time.Time, open bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := map[string]bool{}
	for _, c := range t.changes {
		last[c.Incident.ID] = c.Incident.Open()
		changed = c.seen
	}
	for _, o := range last {
		open = open || o
	}
	return changed, open
}
