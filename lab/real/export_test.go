package real

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// What tests look at from outside.
var (
	Answer     = answer
	Judge      = score
	CrossAgain = crossAgain
	FirstEcho  = firstEcho
	Nearest    = nearest
	PortalName = portalName
	PortalAddr = portalAddr
	CentreAddr = centreAddr
	LiarsAddr  = liarsAddr
	Until      = until
)

// Kinds are the faults that can be played, as "site line down".
func Kinds() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.on+" "+k.words)
	}
	return names
}

// Place lets a test break things one by one and look for itself.
type Place struct{ p *province }

// In does something in a province in working order.
func In(ctx context.Context, cfg Config, do func(Place) error) error {
	return with(ctx, cfg, func(p *province) error { return do(Place{p}) })
}

func (v Place) Begin(ctx context.Context, f Fault) error { return kindOf(f).begin(ctx, v.p, f) }
func (v Place) End(ctx context.Context, f Fault) error   { return kindOf(f).end(ctx, v.p, f) }

// Dial connects from the machine of a site.
func (v Place) Dial(ctx context.Context, site int, network, addr string) (net.Conn, error) {
	return v.p.sites[site].machine.dial(ctx, network, addr)
}

func (v Place) Client(site int) *http.Client { return v.p.sites[site].local }
func (v Place) PortalCA() string             { return v.p.file("portal-ca.pem") }
func (v Place) ClockFile(site int) string    { return v.p.sites[site].clockFile() }
func (v Place) CentreDisk() string           { return v.p.centre.disk }
func (v Place) SiteDisk(site int) string     { return v.p.sites[site].disk }
func (v Place) AgentLog(site int) string     { return v.p.sites[site].agent.log.String() }

// UPS is what upsd of a site answers when it is asked for the status.
func (v Place) UPS(ctx context.Context, site int) (string, error) {
	return v.p.sites[site].ups.ask(ctx, "GET VAR ups ups.status")
}

// AgentState is the state of the agent's process, as proc(5) has it; "" for one
// that has ended.
func (v Place) AgentState(site int) string {
	select {
	case <-v.p.sites[site].agent.done:
		return ""
	default:
	}
	b, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(v.p.sites[site].agent.cmd.Process.Pid), "stat"))
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[:min(1, len(rest))]
}

// Boot is the boot id of a site's machine.
func (v Place) Boot(site int) string {
	b, _ := os.ReadFile(filepath.Join(v.p.sites[site].dir, "proc/sys/kernel/random/boot_id"))
	return string(b)
}
