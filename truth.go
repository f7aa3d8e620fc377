package thongsuot

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Truth is what somebody who knows says that an incident was. It outweighs what
// the engine concluded, and the engine's conclusions are measured by it.
type Truth struct {
	Incident string    `json:"incident"`
	Cause    Cause     `json:"cause"` // CauseNone: nothing was wrong, the site served its citizens
	Who      string    `json:"who"`   // office or account, never the name of a member of staff
	How      string    `json:"how"`   // the way in: HowCommand, HowPage, HowLink
	At       time.Time `json:"at"`
	Note     string    `json:"note,omitempty"`
}

// The ways in which a truth comes.
const (
	HowCommand = "command" // the command line of the centre
	HowPage    = "page"    // the page of the incident
	HowLink    = "link"    // a signed link in a message
)

// Bounds of a truth's texts, in bytes.
const (
	maxWho  = 100
	maxNote = 1000
)

// Validate names the first field that cannot be, and its value.
func (t Truth) Validate() error {
	switch {
	case t.Incident == "":
		return fmt.Errorf("incident: must not be empty")
	case t.Cause == CauseUnknown || !slices.Contains(Causes(), t.Cause):
		return fmt.Errorf("cause: must be one of %s (got %q)", causeNames(), t.Cause)
	case strings.TrimSpace(t.Who) == "" || len(t.Who) > maxWho:
		return fmt.Errorf("who: must be an office or an account of at most %d bytes (got %q)", maxWho, t.Who)
	case t.How == "":
		return fmt.Errorf("how: must not be empty")
	case t.At.IsZero():
		return fmt.Errorf("at: must not be zero")
	case len(t.Note) > maxNote:
		return fmt.Errorf("note: must have at most %d bytes (got %d)", maxNote, len(t.Note))
	}
	return nil
}

// TrueCauses lists the causes that a truth can name: every one that is established.
func TrueCauses() []Cause {
	return slices.DeleteFunc(Causes(), func(c Cause) bool { return c == CauseUnknown })
}

func causeNames() string {
	var names []string
	for _, c := range TrueCauses() {
		names = append(names, string(c))
	}
	return strings.Join(names, ", ")
}
