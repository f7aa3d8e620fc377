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

// schedule runs each probe at its pace until ctx ends, one run of a probe at a
// time, and hands over what comes back.
func schedule(ctx context.Context, site string, ps []probes.Probe, clock *Clock, put func(context.Context, measured)) {
	var wg sync.WaitGroup
	for _, p := range ps {
		wg.Go(func() {
			next := time.NewTimer(phase(site, p.Name, min(p.Every, soon)))
			defer next.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-next.C:
				}
				next.Reset(p.Every) // from the start of the run: a slow answer does not slow the pace
				began := clock.boottime()
				r := probes.Run(ctx, p)
				if ctx.Err() != nil && r.Reason == thongsuot.ReasonSkipped {
					return // cut short by the agent's own end
				}
				put(ctx, measured{Result: r, began: began})
			}
		})
	}
	wg.Wait()
}
