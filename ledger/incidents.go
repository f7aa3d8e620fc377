package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"thongsuot"
)

// goesOn is the end of an incident that has none yet: later than any other.
const goesOn = math.MaxInt64

// Record makes changes durable, all or none, and puts them into the outbox. A
// change whose key is on record already stays as it was first recorded. One
// with an older revision than on record is kept in the history and leaves the
// incident's present state alone.
func (l *Ledger) Record(ctx context.Context, changes []thongsuot.Change) error {
	bodies := make([][]byte, len(changes))
	for i, c := range changes {
		if c.Incident.ID == "" || c.Incident.Site == "" && c.Incident.Region.Kind == "" || c.Incident.Revision < 1 {
			return fmt.Errorf("ledger: record change %q of site %q: id, site or region, and a revision of 1 or more are needed", c.Key(), c.Incident.Site)
		}
		var err error
		if bodies[i], err = json.Marshal(c); err != nil {
			return fmt.Errorf("ledger: record change %s: %w", c.Key(), err)
		}
	}
	err := l.write(ctx, func(tx *sql.Tx) error {
		for i, c := range changes {
			if err := record(ctx, tx, c, bodies[i]); err != nil {
				return fmt.Errorf("change %s: %w", c.Key(), err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("ledger: record %d changes: %w", len(changes), err)
	}
	return nil
}

func record(ctx context.Context, tx *sql.Tx, c thongsuot.Change, body []byte) error {
	in := c.Incident
	ends := int64(goesOn)
	if !in.Open() {
		ends = in.End.UnixMilli()
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO incidents (id, site, starts, ends, revision) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET site = excluded.site, starts = excluded.starts, ends = excluded.ends, revision = excluded.revision
		WHERE excluded.revision > incidents.revision`,
		in.ID, in.Site, in.Start.UnixMilli(), ends, in.Revision)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO changes (incident, revision, body) VALUES (?, ?, ?)
		ON CONFLICT (incident, revision) DO NOTHING`, in.ID, in.Revision, string(body))
	return err
}

// OpenIncidents are those that go on, oldest start first.
func (l *Ledger) OpenIncidents(ctx context.Context) ([]thongsuot.Incident, error) {
	out, err := query(ctx, l, scanIncident, `SELECT c.body FROM incidents i JOIN changes c ON c.incident = i.id AND c.revision = i.revision
		WHERE i.ends = ? ORDER BY i.starts, i.id`, int64(goesOn))
	if err != nil {
		return nil, fmt.Errorf("ledger: read open incidents: %w", err)
	}
	return out, nil
}

// Incidents are those of a site ("" for every site and region) that overlap [from, to],
// by their newest revision; one that goes on has no end. The newest start
// comes first; of more than limit, the oldest are left out.
func (l *Ledger) Incidents(ctx context.Context, site string, from, to time.Time, limit int) ([]thongsuot.Incident, error) {
	where, args := "ends >= ? AND starts <= ?", []any{from.UnixMilli(), to.UnixMilli()}
	if site != "" {
		where, args = "site = ? AND "+where, append([]any{site}, args...)
	}
	out, err := query(ctx, l, scanIncident, `SELECT c.body
		FROM (SELECT id, starts, revision FROM incidents WHERE `+where+` ORDER BY starts DESC, id DESC LIMIT ?) i
		JOIN changes c ON c.incident = i.id AND c.revision = i.revision
		ORDER BY i.starts DESC, i.id DESC`, append(args, limit)...)
	if err != nil {
		return nil, fmt.Errorf("ledger: read incidents: %w", err)
	}
	return out, nil
}

// Histories are the changes of each incident at a site that overlaps [from, to],
// by revision; the oldest start comes first.
func (l *Ledger) Histories(ctx context.Context, from, to time.Time) (out [][]thongsuot.Change, err error) {
	changes, err := query(ctx, l, scanChange, `SELECT c.body FROM incidents i JOIN changes c ON c.incident = i.id
		WHERE i.ends >= ? AND i.starts <= ? AND i.site <> '' ORDER BY i.starts, i.id, c.revision`, from.UnixMilli(), to.UnixMilli())
	if err != nil {
		return nil, fmt.Errorf("ledger: read histories: %w", err)
	}
	for i, c := range changes {
		if i == 0 || c.Incident.ID != changes[i-1].Incident.ID {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], c)
	}
	return out, nil
}

// Changes are all of one incident, by revision; none if there is no such
// incident.
func (l *Ledger) Changes(ctx context.Context, incident string) ([]thongsuot.Change, error) {
	out, err := query(ctx, l, scanChange, `SELECT body FROM changes WHERE incident = ? ORDER BY revision`, incident)
	if err != nil {
		return nil, fmt.Errorf("ledger: read changes of %s: %w", incident, err)
	}
	return out, nil
}

func scanChange(scan func(...any) error) (c thongsuot.Change, err error) {
	var body []byte
	if err := scan(&body); err != nil {
		return c, err
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return c, fmt.Errorf("change on record: %w", err)
	}
	if c.Incident.ID == "" {
		return c, errors.New("change on record: no incident")
	}
	return c, nil
}

func scanIncident(scan func(...any) error) (thongsuot.Incident, error) {
	c, err := scanChange(scan)
	return c.Incident, err
}
