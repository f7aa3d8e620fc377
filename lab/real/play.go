package real

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"thongsuot/agent"
	"thongsuot/incident"
)

// step is one thing that is done at a set time.
type step struct {
	at    time.Duration
	fault Fault
	what  string // "begins", "ends", or a stage between
	do    func(context.Context, *province, Fault) error
}

const (
	begins = "begins"
	ends   = "ends"
)

func (s *Script) steps() (steps []step) {
	for _, f := range s.Faults {
		k := kindOf(f)
		steps = append(steps, step{f.At, f, begins, k.begin})
		steps = append(steps, powerFades(f)...)
		steps = append(steps, step{f.At + f.For, f, ends, k.end})
	}
	// At one time what ends comes first, so that parts are whole again.
	slices.SortStableFunc(steps, func(a, b step) int {
		switch c := cmp.Compare(a.at, b.at); {
		case c != 0 || (a.what == ends) == (b.what == ends):
			return c
		case a.what == ends:
			return -1
		default:
			return 1
		}
	})
	return steps
}

// play runs the script, lets the dust settle, ends the programs in order and
// counts.
func (p *province) play(ctx context.Context, say func(Event)) (Summary, error) {
	t, err := p.newTranscript(say)
	if err != nil {
		return Summary{}, err
	}
	defer t.close()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var watchers sync.WaitGroup
	watchers.Go(func() { t.follow(watching) })
	watchers.Go(func() { p.tend(watching, func() { p.counts.readAll(watching, p.sites) }) })

	err = p.script.run(ctx, p, t)
	if err == nil {
		err = t.settle(ctx, func() int { return p.counts.backlog(p.sites) })
	}
	if err == nil {
		p.counts.readAll(ctx, p.sites)
	}
	stop()
	watchers.Wait()
	if err == nil {
		err = t.look(ctx)
	}
	if err == nil {
		err = p.end(ctx)
	}
	if err != nil {
		return Summary{}, err
	}
	return p.summary(ctx, t)
}

func (s *Script) run(ctx context.Context, p *province, t *transcript) error {
	for _, st := range append(s.steps(), step{at: s.End}) {
		if err := wait(ctx, time.Until(t.began.Add(st.at))); err != nil {
			return err
		}
		if st.do == nil {
			continue
		}
		t.fault(st)
		if err := st.do(ctx, p, st.fault); err != nil {
			return fmt.Errorf("%s:%d: %s %s: %w", s.Name, st.fault.Line, st.fault, st.what, err)
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settleTime is what the province is given after the script until all that
// came late is judged.
const settleTime = 8 * time.Minute

// settle waits until every incident is over, every agent has brought what it
// had kept, and what came late is judged.
func (t *transcript) settle(ctx context.Context, backlog func() int) error {
	// A record is written a round after its first result, and judged when all
	// has been quiet for Settle.
	quiet := incident.DefaultConfig().Settle + 2*agent.DefaultConfig().Round
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := time.Now() // when something was still going on
	for limit := last.Add(settleTime); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			changed, open := t.state()
			if open || backlog() > freshRecords {
				last = now
			}
			if changed.After(last) {
				last = changed
			}
			if now.Sub(last) >= quiet {
				return nil
			}
			if now.After(limit) {
				t.note("not everything came to its end within %s of the script's: incidents open %t, records waiting at an agent %d", settleTime, open, backlog())
				return nil
			}
		}
	}
}

// tend keeps the machines' uptime and does what else is to be done each second.
func (p *province) tend(ctx context.Context, also func()) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, s := range p.sites {
				_ = s.age(now) // a second later it is tried again
			}
			also()
		}
	}
}

// end stops the programs as an operator would: agents first, which send what
// they have, then the centre.
func (p *province) end(ctx context.Context) error {
	err := together(p.sites, func(s *site) error { return s.agent.end(ctx) })
	return errors.Join(err, p.centre.program.end(ctx))
}
