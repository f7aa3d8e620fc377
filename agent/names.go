package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"thongsuot/wire"
)

const (
	namesEvery = 15 * time.Minute
	namesAgain = time.Minute    // after a failure
	namesLife  = 24 * time.Hour // of what the centre said, when it says nothing more
)

// names keeps which addresses the centre is given for names. The probes of
// resolvers hold theirs against it.
type names struct {
	url, token string
	http       *http.Client
	boottime   func() time.Duration
	log        *slog.Logger
	pages      *atomic.Int64 // pace of pages that the centre asks for; nil minds none

	mu    sync.Mutex
	known wire.Names
	at    time.Duration
}

// elsewhere is what the centre is given for name; none while that is not known.
func (n *names) elsewhere(name string) []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.boottime()-n.at > namesLife {
		return nil
	}
	return append([]netip.Addr(nil), n.known.Names[name]...)
}

// run asks now and then until ctx ends.
func (n *names) run(ctx context.Context) {
	for {
		wait := namesEvery
		if err := n.ask(ctx); err != nil && !errors.Is(err, errNoNames) {
			wait = namesAgain
			n.log.Debug("the centre's answers for names not had", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// errNoNames is a receiver that does not answer for names: a plain InfluxDB.
var errNoNames = errors.New("the receiver resolves no names for its sites")

func (n *names) ask(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+wire.PathNames, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Token "+n.token)
	resp, err := n.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return errNoNames
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("names of the centre: status %d", resp.StatusCode)
	}
	known, err := wire.ReadNames(resp.Body)
	if err != nil {
		return err
	}
	if n.pages != nil {
		n.pages.Store(int64(time.Duration(known.PageEvery) * time.Second))
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known, n.at = known, n.boottime()
	return nil
}
