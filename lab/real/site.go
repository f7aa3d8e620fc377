package real

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"thongsuot/agent"
)

const agentLocal = "127.0.0.1:9467"

// site is a commune: a machine with an agent and a UPS, and its gateway.
//
//	machine eth0 10.77.N.2 ── lan gateway wan 10.78.N.2 ── hop 10.78.N.1
type site struct {
	n          int    // from 1
	name, code string // "site-1" in the script, "90001" in the registry
	dir, disk  string
	machine    space
	gateway    space
	hop        *isp
	ups        *upsUnit // nil for none
	captive    *page
	relay      *relay // while the line is long
	witness    *witness
	ownClock   bool // its agent is given the machine's clock
	clockless  bool // each boot begins in 1970
	agent      *program
	runs       []*agentRun // of the agent, in order
	journal    func() *journal
	local      *http.Client // to the agent's status and metrics

	mu     sync.Mutex // guards booted and the file of the uptime
	booted time.Time
	zero   time.Duration // CLOCK_BOOTTIME then
}

func (s *site) systemFile() string  { return filepath.Join(s.dir, "system") } // what its init system says of itself
func (s *site) clockFile() string   { return filepath.Join(s.dir, "clock") }
func (s *site) gatewayAddr() string { return fmt.Sprintf("10.77.%d.1", s.n) }
func (s *site) machineAddr() string { return fmt.Sprintf("10.77.%d.2", s.n) }
func (s *site) homeNet() string     { return fmt.Sprintf("10.77.%d.0/24", s.n) }
func (s *site) hopAddr() string     { return fmt.Sprintf("10.78.%d.1", s.n) }

// lineEnd is one end of the line between gateway and carrier.
type lineEnd struct {
	space  space
	device string
}

func (s *site) lineEnds() []lineEnd {
	return []lineEnd{{s.gateway, "wan"}, {s.hop.space, fmt.Sprintf("site%d", s.n)}}
}

func (p *province) newSite(ctx context.Context, n int) (*site, error) {
	s := &site{
		n: n, name: fmt.Sprintf("site-%d", n), code: p.script.code(n - 1), hop: p.isps[(n-1)%len(p.isps)],
		dir: filepath.Join(p.dir, fmt.Sprintf("site-%d", n)),
	}
	s.disk = filepath.Join(s.dir, "disk")
	s.ownClock = p.script.ownClock(s.name)
	s.journal = p.journal(s.name)
	s.local = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DialContext: s.machineDial}}
	if p.cfg.Disks != "" {
		s.disk = filepath.Join(p.cfg.Disks, s.name)
	} else if err := newDisk(s.disk, 16); err != nil {
		return nil, err
	}
	if err := newDisk(filepath.Join(s.dir, "run"), 1); err != nil {
		return nil, err
	}
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	var err error
	if s.captive, err = newCaptive(); err != nil {
		return nil, err
	}
	if s.witness, err = newWitness(s.machine, "eth0", netip.MustParseAddr(s.gatewayAddr())); err != nil {
		return nil, err
	}
	if p.hasUPS(s.name) {
		if s.ups, err = newUPS(s.machine, filepath.Join(s.dir, "nut"), s.journal); err != nil {
			return nil, err
		}
	}
	return s, s.configure(p)
}

func (s *site) connect(ctx context.Context) (err error) {
	if s.machine, err = newSpace(ctx, fmt.Sprintf("s%d", s.n)); err != nil {
		return err
	}
	if s.gateway, err = newSpace(ctx, fmt.Sprintf("g%d", s.n)); err != nil {
		return err
	}
	line := s.lineEnds()
	return errors.Join(
		wire(ctx, s.machine, "eth0", s.machineAddr()+"/24", s.gateway, "lan", s.gatewayAddr()+"/24"),
		wire(ctx, line[0].space, line[0].device, fmt.Sprintf("10.78.%d.2/30", s.n), line[1].space, line[1].device, s.hopAddr()+"/30"),
		s.machine.ip(ctx, "route add default via "+s.gatewayAddr()),
		s.gateway.ip(ctx, "route add default via "+s.hopAddr()),
		s.hop.space.ip(ctx, fmt.Sprintf("route add %s via 10.78.%d.2", s.homeNet(), s.n)),
		s.hop.province.ip(ctx, fmt.Sprintf("route add %s via %s", s.homeNet(), s.hop.upAddr()), fmt.Sprintf("route add 10.78.%d.0/30 via %s", s.n, s.hop.upAddr())),
	)
}

// configure writes what an operator would, and the machine's own procfs: its
// boot id and uptime are the site's, its routes those of the namespace.
func (s *site) configure(p *province) error {
	config := fmt.Sprintf(`site: %q
data_dir: %s/agent
run_dir: %[3]s/run
procfs: %[3]s/proc
sysfs: %[3]s/sys
listen: %[4]s
spool: {max_bytes: 8388608}
allow: [10.76.0.0/14, 10.80.0.0/14]
centre:
  url: https://%[5]s:8086
  token_file: %[3]s/token
  ca_file: %[6]s
probes:
`, s.code, s.disk, s.dir, agentLocal, centreAddr, p.file("centre-ca.pem"))
	if p.cfg.Standard {
		config += s.standardJob(p)
	} else {
		config += fmt.Sprintf(`  resolv_conf: %s/resolv.conf
  captive: http://%s/204
  icmp:
    - {name: reference, host: %s}
  portals:
    - {url: "https://%s/", ca_file: %s, own: true, every: %s}
`, s.dir, centreAddr, referenceAddr, portalName, p.file("portal-ca.pem"), p.script.PortalEvery)
	}
	if s.ups != nil {
		config += fmt.Sprintf("  ups: [{name: ups, ups: ups, server: %q}]\n", nutAddr)
	}
	return errors.Join(
		put(filepath.Join(s.dir, "agent.yaml"), config),
		put(filepath.Join(s.dir, "bin/systemctl"), "#!/bin/sh\ncat "+s.systemFile()+"\n"),
		os.Chmod(filepath.Join(s.dir, "bin/systemctl"), 0o700),
		put(filepath.Join(s.dir, "resolv.conf"), "nameserver "+s.hop.resolverAddr()+"\n"),
		os.MkdirAll(filepath.Join(s.dir, "sys/class/power_supply"), 0o755),
		os.MkdirAll(filepath.Join(s.dir, "proc"), 0o755),
		os.Symlink("/proc/net", filepath.Join(s.dir, "proc/net")),
		s.setClock(time.Now(), time.Now()),
	)
}

// boot starts the machine: a new boot id, the UPS's server, the agent.
func (s *site) boot(ctx context.Context, p *province) error {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	id := fmt.Sprintf("%x-%x-%x-%x-%x\n", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	now := time.Now()
	s.mu.Lock()
	s.booted, s.zero = now, agent.Boottime()
	s.mu.Unlock()
	if s.clockless {
		if err := s.setClock(time.Unix(0, 0), now); err != nil {
			return err
		}
	}
	if err := errors.Join(put(s.systemFile(), "running\n"), put(filepath.Join(s.dir, "proc/sys/kernel/random/boot_id"), id), s.age(now)); err != nil {
		return err
	}
	if err := s.ups.on(ctx, p.launcher); err != nil {
		return err
	}
	return s.startAgent(p)
}

// age keeps the machine's uptime.
func (s *site) age(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	up := filepath.Join(s.dir, "proc/uptime")
	seconds := now.Sub(s.booted).Seconds()
	if err := put(up+".new", fmt.Sprintf("%.2f %.2f\n", seconds, seconds)); err != nil {
		return err
	}
	return os.Rename(up+".new", up) // an agent that reads sees the old or the new
}

func (s *site) startAgent(p *province) (err error) {
	prepare := fmt.Sprintf("mount --bind %s /etc/resolv.conf &&", filepath.Join(s.dir, "resolv.conf"))
	args := []string{p.cfg.Agent, "run", "-config", filepath.Join(s.dir, "agent.yaml")}
	if s.ownClock {
		args = []string{p.cfg.Lab, "agent", "-config", filepath.Join(s.dir, "agent.yaml"), "-clock", s.clockFile(), "-booted", s.zero.String()}
	}
	s.agent, err = p.launcher.start(s.machine, "thongsuot-agent of "+s.name, s.journal(), []string{"PATH=" + filepath.Join(s.dir, "bin") + ":" + os.Getenv("PATH")}, prepare, args...)
	if err == nil {
		p.counts.began(s)
	}
	return err
}

func (s *site) powerOff(ctx context.Context) error {
	s.agent.kill()
	s.ups.off()
	return s.gatewayOff(ctx)
}

func (s *site) powerOn(ctx context.Context, p *province) error {
	if err := s.gatewayOn(ctx); err != nil {
		return err
	}
	return s.boot(ctx, p)
}

func (s *site) gatewayOff(ctx context.Context) error {
	return s.gateway.ip(ctx, "link set lan down", "link set wan down")
}

func (s *site) gatewayOn(ctx context.Context) error {
	return s.gateway.ip(ctx, "link set lan up", "link set wan up", "route replace default via "+s.hopAddr())
}

// each does something to all programs of the machine.
func (s *site) each(do func(*program) error) error {
	errs := []error{do(s.agent)}
	if s.ups != nil {
		errs = append(errs, do(s.ups.upsd), do(s.ups.driver))
	}
	return errors.Join(errs...)
}

// ready reports whether the agent measures and the centre has heard it.
func (s *site) ready(ctx context.Context, p *province) error {
	var st struct {
		LastSent        *time.Time `json:"last_sent"`
		LastBeatSeconds *float64   `json:"last_beat_seconds"`
		Probes          []struct{ Probe, Reason string }
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+agentLocal+"/status", nil)
	if err != nil {
		return err
	}
	resp, err := s.local.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&st); err != nil {
		return fmt.Errorf("status of %s: %w", s.name, err)
	}
	if st.LastSent == nil || st.LastBeatSeconds == nil {
		return fmt.Errorf("%s has not been heard by the centre", s.name)
	}
	missing := []string{"gateway", "resolver", "hop", "reference", "portal", "centre"}
	if p.cfg.Standard {
		missing = []string{"gateway", "hop", "reference", "page", "portal"}
	}
	var said []string
	for _, pr := range st.Probes {
		said = append(said, pr.Probe+" "+pr.Reason)
		for i, name := range missing {
			if name == pr.Probe && pr.Reason == "ok" {
				missing = append(missing[:i:i], missing[i+1:]...)
				break
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s: not yet answered: %s; so far: %s", s.name, strings.Join(missing, ", "), strings.Join(said, ", "))
	}
	return nil
}
