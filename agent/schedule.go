package agent

import (
	"context"
	"sync"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

// soon bounds the wait for the first run of a probe, so that a page shows
// something within seconds of a start. Later runs keep their own pace.
const soon = 3 * time.Second

// gridSlack is how late a run may begin and still be dated on the grid of its
// pace. Evenly spaced times cost half the bytes in a time-series store.
const gridSlack = 100 * time.Millisecond

// schedule runs each probe at its pace until ctx ends, one run of a probe at a
// time, and hands over what comes back. again says that others ran before.
func schedule(ctx context.Context, site string, ps []probes.Probe, again bool, clock *Clock, c *collector, m *manners) {
	var wg sync.WaitGroup
	for _, p := range ps {
		c.skip(p.Name, 0)
		if p.Kind == thongsuot.ProbeFetch {
			wg.Go(func() { nightly(ctx, site, p, clock, c, m) })
			continue
		}
		wg.Go(func() { pace(ctx, p, firstRun(site, p, again), clock, c, m) })
	}
	wg.Wait()
}

// pace runs one probe at every turn of its grid, which begins after first. A
// turn that comes while a run is still on is left out, and counted.
func pace(ctx context.Context, p probes.Probe, first time.Duration, clock *Clock, c *collector, m *manners) {
	due := clock.boottime() + first
	for {
		next := time.NewTimer(due - clock.boottime())
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-next.C:
		}
		began := clock.boottime()
		if began-due < gridSlack {
			began = due
		}
		r := probes.Run(ctx, p)
		if ctx.Err() != nil && r.Reason == thongsuot.ReasonSkipped {
			return // cut short by the agent's own end
		}
		c.put(ctx, measured{Result: r, began: began})
		every := m.every(p)
		due += every
		if late := clock.boottime() - due; late > 0 {
			turns := late/every + 1
			due += turns * every
			c.skip(p.Name, int(turns))
		}
	}
}
