package central

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"thongsuot"
	"thongsuot/incident"
	"thongsuot/registry"
)

// The centre's own check of the addresses of sites, where the registry has
// one: asked while a site is missing, and once an hour while it is heard, so
// that it is known whether the address ever answers.
const (
	reachEvery  = 2 * time.Second // how often it is looked who is missing
	reachAgain  = time.Minute     // between two checks of one site that is missing
	reachHourly = time.Hour
	reachTries  = 3 // one second apart
	reachWait   = time.Second
	reachAtOnce = 8 // sites
)

// reach asks addresses by a TCP connection. A refused one is an answer.
type reach struct {
	loop  *loop
	sites func() *registry.Registry
	port  int
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	asked map[string]time.Time
}

func newReach(lp *loop, sites func() *registry.Registry, port int) *reach {
	return &reach{loop: lp, sites: sites, port: port, dial: (&net.Dialer{Timeout: reachWait}).DialContext, asked: map[string]time.Time{}}
}

func (r *reach) run(ctx context.Context) {
	tick := time.NewTicker(reachEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.look(ctx)
		}
	}
}

// look asks the addresses of the sites whose turn it is, and waits for all.
func (r *reach) look(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	now := r.loop.now()
	for _, site := range r.sites().Sites() {
		if site.Status != thongsuot.StatusActive || len(site.Lines) == 0 || !site.Lines[0].WAN.IsValid() {
			continue
		}
		st, ok := r.loop.status(site.Code)
		if !ok || st.Heard.IsZero() {
			continue
		}
		pause := reachHourly
		if st.Suspect || st.Silent {
			pause = reachAgain
		}
		if now.Sub(r.asked[site.Code]) < pause {
			continue
		}
		r.asked[site.Code] = now
		working.Go(func() { r.ask(ctx, site) })
		if len(r.asked)%reachAtOnce == 0 {
			working.Wait()
		}
	}
}

func (r *reach) ask(ctx context.Context, site thongsuot.Site) {
	address := net.JoinHostPort(site.Lines[0].WAN.String(), strconv.Itoa(r.port))
	var reached []bool
	for try := range reachTries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(reachWait):
			}
		}
		conn, err := r.dial(ctx, "tcp", address)
		if err == nil {
			_ = conn.Close() // nothing was said
		}
		reached = append(reached, err == nil || errors.Is(err, syscall.ECONNREFUSED))
		if reached[try] {
			break
		}
	}
	if err := r.loop.observe(ctx, incident.Observation{Site: site.Code, At: r.loop.now(), Reached: reached}); err != nil && ctx.Err() == nil {
		r.loop.log.Error("check of an address, its change waits for the ledger", "err", err, "site", site.Code)
	}
}
