package central

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot/identity"
	"thongsuot/wire"
)

// NamesConfig says which names the centre resolves for its sites, which hold
// their own resolvers' answers against it.
type NamesConfig struct {
	Compare  []string `yaml:"compare"`  // Default [dichvucong.gov.vn]; [] compares none
	Resolver string   `yaml:"resolver"` // address:port that is asked. Default that of the machine
}

const (
	namesEvery   = 5 * time.Minute
	namesKeep    = 24 * time.Hour // names with many addresses are given in parts, in turn
	namesTimeout = 10 * time.Second
	maxCompared  = 20
)

var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (c NamesConfig) validate() error {
	var errs []error
	if len(c.Compare) > maxCompared {
		errs = append(errs, fmt.Errorf("names.compare: at most %d names (got %d)", maxCompared, len(c.Compare)))
	}
	for i, name := range c.Compare {
		if len(name) > 253 || !hostName.MatchString(name) {
			errs = append(errs, fmt.Errorf("names.compare[%d]: want a host name in small letters (got %q)", i, name))
		}
	}
	if c.Resolver != "" {
		if _, err := netip.ParseAddrPort(c.Resolver); err != nil {
			errs = append(errs, fmt.Errorf("names.resolver: want address:port (got %q)", c.Resolver))
		}
	}
	return errors.Join(errs...)
}

// names resolves names for the sites and answers them.
type names struct {
	cfg      NamesConfig
	tokens   *tokens
	resolver *net.Resolver
	now      func() time.Time
	log      *slog.Logger
	failed   prometheus.Counter
	pages    func() time.Duration // pace of public pages that each site is told, 0 for none

	mu   sync.Mutex
	seen map[string]map[netip.Addr]time.Time // when an address was last given for a name
}

func newNames(cfg NamesConfig, t *tokens, pages func() time.Duration, log *slog.Logger, reg prometheus.Registerer) *names {
	n := &names{
		cfg: cfg, tokens: t, pages: pages, resolver: &net.Resolver{PreferGo: true}, now: time.Now, log: log, seen: map[string]map[netip.Addr]time.Time{},
		failed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "thongsuot_names_failures_total", Help: "Names that the centre could not resolve for its sites; the addresses of the last day stay good.",
		}),
	}
	if cfg.Resolver != "" {
		n.resolver.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, cfg.Resolver)
		}
	}
	reg.MustRegister(n.failed)
	return n
}

// run resolves every name, now and every five minutes, until ctx ends.
func (n *names) run(ctx context.Context) {
	tick := time.NewTicker(namesEvery)
	defer tick.Stop()
	for {
		for _, name := range n.cfg.Compare {
			n.resolve(ctx, name)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (n *names) resolve(ctx context.Context, name string) {
	brief, cancel := context.WithTimeout(ctx, namesTimeout)
	defer cancel()
	addrs, err := n.resolver.LookupNetIP(brief, "ip", name)
	if err != nil && ctx.Err() == nil {
		n.failed.Inc()
		n.log.Debug("name not resolved for the sites", "name", name, "err", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	of := n.seen[name]
	if of == nil {
		of = map[netip.Addr]time.Time{}
		n.seen[name] = of
	}
	for _, a := range addrs {
		of[a.Unmap()] = now
	}
	for a, at := range of {
		if now.Sub(at) > namesKeep {
			delete(of, a)
		}
	}
}

// known is what sites are told.
func (n *names) known() wire.Names {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := wire.Names{Names: map[string][]netip.Addr{}, PageEvery: int(n.pages() / time.Second)}
	for name, of := range n.seen {
		for a := range of {
			out.Names[name] = append(out.Names[name], a)
		}
		slices.SortFunc(out.Names[name], netip.Addr.Compare)
	}
	return out
}

// ServeHTTP answers GET /api/v1/names of a site.
func (n *names) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := n.tokens.site(r); err != nil {
		answer(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(n.known()) // the site went away
}

// site is the one whose token a request carries.
func (t *tokens) site(r *http.Request) (string, *failure) {
	token, err := presented(r)
	if err != nil {
		return "", refuse(http.StatusUnauthorized, "unauthorized", "unauthorized", "%v", err)
	}
	switch tok, ok, err := t.hash(r.Context(), identity.Hash(token)); {
	case err != nil:
		return "", refuse(http.StatusServiceUnavailable, "unavailable", "unavailable", "tokens cannot be read now; try again later")
	case !ok:
		return "", refuse(http.StatusUnauthorized, "unauthorized", "unauthorized", "unknown token")
	default:
		return tok.Site, nil
	}
}
