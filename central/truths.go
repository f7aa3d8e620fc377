package central

import (
	"context"
	"errors"
	"time"

	"thongsuot"
	"thongsuot/dashboards"
	"thongsuot/incident"
	"thongsuot/ledger"
)

// tellTruths writes what people said of incidents into the incidents, one
// revision each. What cannot be written now is tried again at the next call.
func (l *loop) tellTruths(ctx context.Context) error {
	waiting, err := l.ledger.NewTruths(ctx)
	if err != nil {
		return err
	}
	for _, t := range waiting {
		if err := l.tellTruth(ctx, t.Truth); err != nil {
			return err
		}
		if err := l.ledger.TruthTold(ctx, t.ID); err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) tellTruth(ctx context.Context, t thongsuot.Truth) (err error) {
	if err := l.step(ctx, func(*incident.Engine) []thongsuot.Change { return nil }); err != nil {
		return err // older changes wait, and its revision comes after theirs
	}
	stepErr := l.step(ctx, func(e *incident.Engine) []thongsuot.Change {
		if len(l.pending) > 0 {
			err = errUnrecorded
			return nil
		}
		var changes []thongsuot.Change
		if changes, err = l.ledger.Changes(ctx, t.Incident); err != nil || len(changes) == 0 {
			return nil
		}
		in := changes[len(changes)-1].Incident
		if in.Truth != nil && in.Truth.At.Equal(t.At) && in.Truth.Cause == t.Cause && in.Truth.Who == t.Who {
			return nil // told before a crash, and not yet marked
		}
		return e.Correct(in, t)
	})
	if stepErr != nil {
		return stepErr
	}
	return err
}

// correct keeps what somebody says on an incident's page.
func (s *Server) correct(ctx context.Context, t thongsuot.Truth) error {
	if err := s.ledger.AddTruth(ctx, t); errors.Is(err, ledger.ErrNoIncident) {
		return dashboards.ErrNotFound
	} else if err != nil {
		return err
	}
	return s.ledger.Audit(ctx, ledger.AuditEntry{At: t.At, Who: t.Who, What: "incident corrected", Detail: t.Incident + " " + string(t.Cause) + " on its page"})
}

// accuracy is that of the last year, for its page.
func (s *Server) accuracy(ctx context.Context) (thongsuot.Matrix, error) {
	now := time.Now()
	return Accuracy(ctx, s.ledger, now.AddDate(-1, 0, 0), now)
}

// Accuracy compares what was concluded of the incidents that began in [from, to]
// with the newest that people said of each.
func Accuracy(ctx context.Context, l *ledger.Ledger, from, to time.Time) (thongsuot.Matrix, error) {
	truths, err := l.Truths(ctx, from, to)
	if err != nil {
		return thongsuot.Matrix{}, err
	}
	newest := map[string]thongsuot.Cause{}
	var order []string
	for _, t := range truths {
		if _, known := newest[t.Incident]; !known {
			order = append(order, t.Incident)
		}
		newest[t.Incident] = t.Cause
	}
	var all []thongsuot.Judged
	for _, id := range order {
		changes, err := l.Changes(ctx, id)
		if err != nil {
			return thongsuot.Matrix{}, err
		}
		all = append(all, judged(newest[id], changes))
	}
	return thongsuot.Confusion(all), nil
}

// judged is what was concluded of an incident before anybody spoke.
func judged(truth thongsuot.Cause, changes []thongsuot.Change) thongsuot.Judged {
	j := thongsuot.Judged{Truth: truth}
	for _, c := range changes {
		if c.Incident.Truth != nil {
			break
		}
		j.Incident, j.Final = c.Incident.ID, c.Incident.Verdict
		if c.Incident.Open() {
			j.Live = c.Incident.Verdict
		}
	}
	return j
}
