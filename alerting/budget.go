package alerting

import (
	"context"
	"fmt"
	"time"

	"thongsuot"
	"thongsuot/alerting/notice"
)

// summaryHour is when a receiver whose day's budget is spent reads the rest.
const summaryHour = 17

// day is what a party was told over a channel on a day.
type day struct {
	midnight time.Time
	sent     int  // messages, but the summary
	summed   bool // the day's summary was among them
	slow     bool // a slow line was
}

func (d *Dispatcher) today(ctx context.Context, p party, now time.Time, but string) (day, error) {
	local := now.In(d.zone)
	out := day{midnight: time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, d.zone)}
	told, err := d.ledger.Told(ctx, p.name, out.midnight)
	if err != nil {
		return out, fmt.Errorf("read what %s was told today: %w", p.name, err)
	}
	for _, o := range told {
		out.slow = out.slow || o.Why == whySlow && o.Incident != but
		if o.Why == whySummary {
			out.summed = true
		} else {
			out.sent++
		}
	}
	return out, nil
}

// spent reports whether no further message of its own may go today.
func (t day) spent(p party) bool { return p.budget > 0 && t.sent >= p.budget }

func (t day) evening() time.Time { return t.midnight.Add(summaryHour * time.Hour) }

// withinBudget is when a delivery that is due at may go by what the receiver
// was told today; ok is false when it is said already.
func (d *Dispatcher) withinBudget(ctx context.Context, p party, dl thongsuot.Delivery, at, now time.Time) (_ time.Time, ok bool, err error) {
	if at.After(now) || p.budget == 0 && dl.Why != whySlow {
		return at, true, nil
	}
	t, err := d.today(ctx, p, now, dl.Incident)
	if err != nil {
		return at, false, err
	}
	switch {
	case dl.Why == whySlow && t.slow:
		return at, false, nil
	case t.spent(p) && (t.summed || now.After(t.evening())):
		return t.midnight.AddDate(0, 0, 1), true, nil
	case t.spent(p):
		return t.evening(), true, nil
	default:
		return at, true, nil
	}
}

// summaryDue reports whether what waits for a party is to go as one summary.
func (d *Dispatcher) summaryDue(ctx context.Context, p party, now time.Time) (bool, error) {
	if p.budget == 0 {
		return false, nil
	}
	t, err := d.today(ctx, p, now, "")
	return err == nil && t.spent(p) && !t.summed && !now.Before(t.evening()), err
}

// summarise tells in one message what the day's budget left no room for.
func (d *Dispatcher) summarise(ctx context.Context, l *lane, batch []thongsuot.Delivery) (pause time.Duration, err error) {
	unbound := lane{party: l.party, outlet: l.outlet}
	unbound.party.budget = 0
	var items []notice.Message
	var taken []thongsuot.Delivery
	for _, dl := range batch {
		s, c, ready, err := d.prepare(ctx, &unbound, &dl)
		if err != nil {
			return 0, err
		}
		if !ready {
			if err := d.finish(ctx, dl, dl.State); err != nil {
				return 0, err
			}
			continue
		}
		m := d.message(l, dl, s, c)
		if !m.Rouse && !m.Corrects {
			if err := d.finish(ctx, dl, thongsuot.DeliverySkipped); err != nil {
				return 0, err
			}
			continue
		}
		if ok, err := d.ledger.Claim(ctx, dl); err != nil {
			return 0, err
		} else if ok {
			items, taken = append(items, m), append(taken, dl)
		}
	}
	if len(taken) == 0 {
		return 0, nil
	}
	ref, sendErr := l.outlet.send(ctx, d.render.summaryOf(items, time.Now()))
	for _, dl := range taken {
		dl.Why = whySummary
		if sendErr != nil {
			p, err := d.failed(ctx, l, dl, sendErr)
			if pause = max(pause, p); err != nil {
				return pause, err
			}
			continue
		}
		dl.Ref, dl.Error = ref, ""
		if err := d.finish(ctx, dl, thongsuot.DeliverySent); err != nil {
			return 0, err
		}
	}
	return pause, nil
}
