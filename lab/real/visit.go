package real

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Visitor is who looks at a province in working order, from within.
type Visitor struct{ p *province }

// Visit builds the province of the configuration, in which nothing is broken,
// lets do look at it, and takes it down. Of the script only the sizes count.
// The agents are not asked for anything meanwhile, as that is work for them.
func Visit(ctx context.Context, cfg Config, do func(context.Context, Visitor) error) error {
	return with(ctx, cfg, func(p *province) error {
		tending, stop := context.WithCancel(ctx)
		var tenders sync.WaitGroup
		tenders.Go(func() { p.tend(tending, func() {}) })
		err := do(ctx, Visitor{p})
		stop()
		tenders.Wait()
		return err
	})
}

// Site is the name of the first site's network namespace, Gateway that of its
// gateway, on which its line hangs at the device "wan", and Capital that of the
// province.
func (v Visitor) Site() string    { return v.p.sites[0].machine.name }
func (v Visitor) Gateway() string { return v.p.sites[0].gateway.name }
func (v Visitor) Capital() string { return v.p.capital.name }

// Machines are the addresses of the sites' machines, by the sites' names.
func (v Visitor) Machines() map[string]string {
	out := map[string]string{}
	for _, s := range v.p.sites {
		out[s.name] = fmt.Sprintf("10.77.%d.2", s.n)
	}
	return out
}

// Listen opens a port in the capital.
func (v Visitor) Listen(addr string) (net.Listener, error) { return v.p.capital.listen(addr) }

// CentreAddr is the centre's address, which nothing else of the province has.
func (v Visitor) CentreAddr() string { return centreAddr }

// Echoes are the addresses that the standard job pings, Ports what it connects
// to, Page what it reads, each every ten seconds; Portal is read once a minute.
func (v Visitor) Echoes() []string {
	s := v.p.sites[0]
	return []string{s.gatewayAddr(), s.hopAddr(), "10.79.1.1", s.hop.resolverAddr(), referenceAddr}
}
func (v Visitor) Ports() []string { return []string{referenceAddr + ":22", referenceAddr + ":80"} }
func (v Visitor) Page() string    { return "http://" + referenceAddr + "/" }
func (v Visitor) Portal() string  { return "https://" + portalAddr + "/" }

// Agent is the process number of the first site's agent.
func (v Visitor) Agent() int { return v.p.sites[0].agent.cmd.Process.Pid }

// Load loads rules of nftables in a namespace.
func (v Visitor) Load(ctx context.Context, namespace, rules string) error {
	return space{namespace}.nft(ctx, rules)
}

// Start starts a program in a namespace and tells its process number. It is
// killed with the province.
func (v Visitor) Start(namespace, name string, args ...string) (pid int, log fmt.Stringer, err error) {
	p, err := v.p.launcher.start(space{namespace}, name, newJournal(nil), nil, "", args...)
	if err != nil {
		return 0, nil, err
	}
	return p.cmd.Process.Pid, p.log, nil
}

// Client speaks HTTP from within a namespace; it takes literal addresses.
func (v Visitor) Client(namespace string) *http.Client {
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		return space{namespace}.dial(ctx, network, addr)
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}

// standardJob is what the figures of a site are measured at: every ten seconds
// five echoes, two connections and one page of hosts on the way, the portal
// once a minute. The centre is not among the targets, so that what crosses to
// it are results and beats alone.
func (s *site) standardJob(p *province) string {
	v := Visitor{p}
	text := "  gateway: off\n  resolvers: [off]\n  centre: false\n  icmp:\n"
	for i, name := range []string{"gateway", "hop", "upstream", "resolver", "reference"} {
		addr := []string{s.gatewayAddr(), s.hopAddr(), fmt.Sprintf("10.79.%d.1", s.hop.n), s.hop.resolverAddr(), referenceAddr}[i]
		text += fmt.Sprintf("    - {name: %s, host: %s, count: 1}\n", name, addr)
	}
	return text + fmt.Sprintf(`  tcp:
    - {name: shell, host: %[1]s, port: 22}
    - {name: web, host: %[1]s, port: 80}
  portals:
    - {name: page, url: %[2]q, own: true, every: 10s}
    - {name: portal, url: %[3]q, ca_file: %[4]s, own: true, every: 1m}
`, referenceAddr, v.Page(), "https://"+portalName+"/", p.file("portal-ca.pem"))
}

// openReference opens the ports of the reference host.
func (p *province) openReference() error {
	for _, port := range []string{"22", "80"} {
		ln, err := p.capital.listen(net.JoinHostPort(referenceAddr, port))
		if err != nil {
			return err
		}
		p.idle = append(p.idle, ln)
		hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "reference") })
		server := &http.Server{Handler: hello, ReadHeaderTimeout: 10 * time.Second}
		go func() {
			if err := server.Serve(ln); !errors.Is(err, net.ErrClosed) {
				_ = server.Close()
			}
		}() // ends with the listener
	}
	return nil
}
