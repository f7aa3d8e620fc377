package agent

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"thongsuot/identity"
	"thongsuot/probes"
	"thongsuot/wire"
)

// The hours in which lines are measured: no counter is open. Vietnam has one
// zone and no summer time.
const (
	nightBegins = 22 * time.Hour
	nightLasts  = 7 * time.Hour
	// lookAgain bounds each wait: the machine's idea of the time may change, and
	// with it which night is next.
	lookAgain = 10 * time.Minute
)

var vietnam = time.FixedZone("ICT", 7*60*60)

// nextNight is the instant after now at which a probe of a site has its turn:
// in each night another minute, so that a province is spread and each site is
// measured at varied hours.
func nextNight(site, probe string, now time.Time) time.Time {
	local := now.In(vietnam)
	y, m, d := local.Date()
	for day := -1; ; day++ {
		evening := time.Date(y, m, d+day, 0, 0, 0, 0, vietnam).Add(nightBegins)
		turn := evening.Add(phase(site, probe+evening.Format(time.DateOnly), nightLasts).Truncate(time.Minute))
		if turn.After(now) {
			return turn
		}
	}
}

// nightly runs a probe once a night until ctx ends.
func nightly(ctx context.Context, site string, p probes.Probe, clock *Clock, c *collector, m *manners) {
	for {
		now := clock.now()
		turn := nextNight(site, p.Name, now)
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(turn.Sub(now), lookAgain)):
		}
		if late := clock.now().Sub(turn); late < 0 || late > lookAgain {
			continue // not yet; or the clock was set, and it may be day
		}
		began := clock.boottime()
		if r := probes.Run(ctx, p); ctx.Err() == nil {
			m.learn(r)
			c.put(ctx, measured{Result: r, began: began})
		}
	}
}

// throughput adds the nightly transfers, over the machine's way and each line
// that is not paid by volume.
func (m *maker) throughput() {
	host, _, err := m.cfg.Centre.hostPort()
	if !m.cfg.Probes.Fetch || err != nil || host == "" {
		return
	}
	if !m.cfg.Metered && !loopbackHost(host) {
		m.fetchBy("probes.fetch", probes.Line{})
	}
	for i, c := range m.cfg.Lines {
		if l, err := c.line(); err == nil && !c.Metered {
			m.fetchBy(fmt.Sprintf("lines[%d]", i), l)
		}
	}
}

func (m *maker) fetchBy(field string, l probes.Line) {
	clock := m.known.clock
	if clock == nil {
		clock = NewClock("", Boottime, time.Now)
	}
	road, err := newRoad(m.cfg.Centre, l, clock)
	if err != nil {
		m.errs = append(m.errs, err)
		return
	}
	if t, ok := road.transport.(*http.Transport); ok {
		t.DisableKeepAlives = true // one night to the next is too long to hold a connection
	}
	c := probes.DefaultFetchConfig()
	c.Name, c.URL, c.Line, c.Sysfs = by(c.Name, l), strings.TrimSuffix(m.cfg.Centre.URL, "/")+wire.PathFetch, l, m.cfg.Sysfs
	c.Transport = road.transport
	c.Token = func() (string, error) { return identity.ReadTokenFile(m.cfg.Centre.TokenFile) }
	p, err := probes.NewFetch(c)
	m.add(field, p, err)
}
