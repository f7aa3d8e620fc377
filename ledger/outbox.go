package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"thongsuot"
)

// Unrouted are the changes in the outbox, at most limit, in the order in which
// they were recorded.
func (l *Ledger) Unrouted(ctx context.Context, limit int) ([]thongsuot.Change, error) {
	out, err := query(ctx, l, scanChange, `SELECT body FROM changes WHERE routed = 0 ORDER BY id LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("ledger: read the outbox: %w", err)
	}
	return out, nil
}

// Route takes a change out of the outbox and plans its deliveries, both or
// neither. A delivery that is planned already stays as it is. The change must
// be on record.
func (l *Ledger) Route(ctx context.Context, c thongsuot.Change, ds []thongsuot.Delivery) error {
	err := l.write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE changes SET routed = 1 WHERE incident = ? AND revision = ?`, c.Incident.ID, c.Incident.Revision)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return errors.New("it is not on record")
		}
		for _, d := range ds {
			_, err := tx.ExecContext(ctx, `INSERT INTO deliveries
				(incident, revision, receiver, channel, why, state, attempts, not_before, ref, error, at)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (incident, revision, receiver, channel) DO NOTHING`,
				d.Incident, d.Revision, d.Receiver, d.Channel, d.Why, string(d.State), d.Attempts,
				d.NotBefore.UnixMilli(), d.Ref, d.Error, d.At.UnixMilli())
			if err != nil {
				return fmt.Errorf("delivery %s: %w", name(d), err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("ledger: route change %s: %w", c.Key(), err)
	}
	return nil
}

// Due are the pending deliveries whose NotBefore is not after now, at most
// limit: the longest due first, of the same moment the older revision first,
// then in the order of planning.
func (l *Ledger) Due(ctx context.Context, now time.Time, limit int) ([]thongsuot.Delivery, error) {
	return l.deliveries(ctx, `state = 'pending' AND not_before <= ? ORDER BY not_before, revision, id LIMIT ?`, now.UnixMilli(), limit)
}

// Claim takes a delivery to be sent: it is true for one caller only, and only
// while the delivery is pending.
func (l *Ledger) Claim(ctx context.Context, d thongsuot.Delivery) (bool, error) {
	n, err := l.exec(ctx, `UPDATE deliveries SET state = 'claimed'
		WHERE incident = ? AND revision = ? AND receiver = ? AND channel = ? AND state = 'pending'`,
		d.Incident, d.Revision, d.Receiver, d.Channel)
	if err != nil {
		return false, fmt.Errorf("ledger: claim delivery %s: %w", name(d), err)
	}
	return n == 1, nil
}

// Finish writes down what came of a delivery: State, Attempts, NotBefore, Ref,
// Error, Uncertain and Why. The rest of d but its key is not looked at. What was sent stays
// sent: to make it anything else is an error, as is an unknown delivery.
func (l *Ledger) Finish(ctx context.Context, d thongsuot.Delivery) error {
	n, err := l.exec(ctx, `UPDATE deliveries SET state = ?1, attempts = ?2, not_before = ?3, ref = ?4, error = ?5, uncertain = ?10, why = ?11
		WHERE incident = ?6 AND revision = ?7 AND receiver = ?8 AND channel = ?9 AND (state <> 'sent' OR ?1 = 'sent')`,
		string(d.State), d.Attempts, d.NotBefore.UnixMilli(), d.Ref, d.Error,
		d.Incident, d.Revision, d.Receiver, d.Channel, d.Uncertain, d.Why)
	if err == nil && n == 0 {
		err = errors.New("it is sent already, or was never planned")
	}
	if err != nil {
		return fmt.Errorf("ledger: finish delivery %s as %q: %w", name(d), d.State, err)
	}
	return nil
}

// Deliveries are all of one incident, by revision, then in the order of
// planning.
func (l *Ledger) Deliveries(ctx context.Context, incident string) ([]thongsuot.Delivery, error) {
	return l.deliveries(ctx, `incident = ? ORDER BY revision, id`, incident)
}

// Claimed are the deliveries that were taken to be sent and not finished, in
// the order of planning. After a crash they may or may not have arrived.
func (l *Ledger) Claimed(ctx context.Context) ([]thongsuot.Delivery, error) {
	return l.deliveries(ctx, `state = 'claimed' ORDER BY id`)
}

// Told are the deliveries to a receiver that were sent and were due at since or
// later, in the order of planning.
func (l *Ledger) Told(ctx context.Context, receiver string, since time.Time) ([]thongsuot.Delivery, error) {
	return l.deliveries(ctx, `receiver = ? AND state = 'sent' AND not_before >= ? ORDER BY id`, receiver, since.UnixMilli())
}

func (l *Ledger) deliveries(ctx context.Context, where string, args ...any) ([]thongsuot.Delivery, error) {
	out, err := query(ctx, l, scanDelivery, `SELECT incident, revision, receiver, channel, why, state, attempts, not_before, ref, error, uncertain, at
		FROM deliveries WHERE `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("ledger: read deliveries: %w", err)
	}
	return out, nil
}

func scanDelivery(scan func(...any) error) (d thongsuot.Delivery, err error) {
	var notBefore, at int64
	err = scan(&d.Incident, &d.Revision, &d.Receiver, &d.Channel, &d.Why, &d.State, &d.Attempts, &notBefore, &d.Ref, &d.Error, &d.Uncertain, &at)
	d.NotBefore, d.At = instant(notBefore), instant(at)
	return d, err
}

// name is the key of a delivery, for errors.
func name(d thongsuot.Delivery) string {
	return fmt.Sprintf("%s/%d to %s over %s", d.Incident, d.Revision, d.Receiver, d.Channel)
}
