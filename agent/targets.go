package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

// defaultEvery is the pace of probes of the line.
const defaultEvery = 10 * time.Second

// resolverPort is where a resolver listens when its address says nothing else.
const resolverPort = 53

// Targets makes the probes that the configuration asks for, with what is found
// on this machine. What cannot be found is logged with a hint and left out; a
// probe that is configured wrongly is an error that names its field.
func Targets(cfg Config, version string, log *slog.Logger) ([]probes.Probe, error) {
	return targets(cfg, version, known{path: openPath(cfg.pathFile(), log), lines: openWays(cfg, log), gate: cfg.gate()}, log)
}

// known is what a running agent learns and its probes go by.
type known struct {
	elsewhere func(name string) []netip.Addr // what the centre is given for a name
	path      *path                          // routers between here and the centre
	lines     map[string]*path               // the same by each line
	clock     *Clock                         // that certificates are held against; nil is the wall's
	gate      *probes.Gate                   // which addresses may be asked
	teach     bool                           // let traces be learned from
}

func targets(cfg Config, version string, k known, log *slog.Logger) ([]probes.Probe, error) {
	m := maker{cfg: cfg, version: version, known: k, log: log, seen: map[string]bool{}}
	m.gateways()
	m.way()
	m.resolvers()
	m.centre()
	m.captive()
	m.portals()
	m.lines()
	m.throughput()
	m.items()
	m.machine()
	if len(m.errs) > 0 {
		return nil, errors.Join(m.errs...)
	}
	return m.out, nil
}

type maker struct {
	cfg     Config
	version string
	known   known
	log     *slog.Logger
	out     []probes.Probe
	errs    []error
	seen    map[string]bool
	gateway string // the first that is probed, "" for none
}

func (m *maker) add(field string, p probes.Probe, err error) {
	switch {
	case err != nil:
		// A probe checks all its fields at once; each of them gets its place in the file.
		for line := range strings.SplitSeq(err.Error(), "\n") {
			m.errs = append(m.errs, fmt.Errorf("%s.%s", field, line))
		}
	case m.seen[p.Name]:
		m.errs = append(m.errs, fmt.Errorf("%s.name: another probe is called that too (got %q)", field, p.Name))
	default:
		m.seen[p.Name] = true
		m.out = append(m.out, p)
	}
}

func (m *maker) gateways() {
	var addrs []string
	switch g := m.cfg.Probes.Gateway; g {
	case "off":
	case "auto":
		found, err := probes.Gateways(m.cfg.Procfs)
		if err != nil {
			m.log.Warn("gateway not probed", "err", err)
		}
		for i, f := range found {
			if i == 0 || !m.cfg.ofLine(f.Interface) { // else it is asked by its line
				addrs = append(addrs, f.Addr.String())
			}
		}
	default:
		addrs = []string{g}
	}
	if len(addrs) > 0 {
		m.gateway = addrs[0]
	}
	for i, addr := range addrs {
		c := probes.DefaultICMPConfig()
		c.Name, c.Host, c.Line = numbered(thongsuot.NameGateway, i), addr, m.within(probes.Line{})
		p, err := probes.NewICMP(c)
		m.add("probes.gateway", p, err)
	}
}

// way adds the probes of the routers between here and the centre.
func (m *maker) way() { m.wayBy("probes.path", probes.Line{}, defaultEvery, m.known.path) }

// wayBy adds them for a line.
func (m *maker) wayBy(field string, l probes.Line, every time.Duration, known *path) {
	host := m.cfg.Probes.Path
	switch host {
	case "off":
		return
	case "auto":
		var err error
		if host, _, err = m.cfg.Centre.hostPort(); err != nil || loopbackHost(host) || host == "" {
			return // no way leads out
		}
	}
	if host == hostOf(m.cfg.Centre.URL) {
		l.Gate = nil // where the agent reports to is its own
	} else {
		l = m.within(l)
	}
	c := probes.DefaultPathConfig()
	c.Name, c.Host, c.Line = by(c.Name, l), host, l
	if m.known.teach {
		c.Found = known.found
	}
	p, err := probes.NewPath(c)
	m.add(field, p, err)
	m.hop(field, by(thongsuot.NameHop, l), l, every, known.hop)
	m.hop(field, by(thongsuot.NameUpstream, l), l, every, known.upstream)
}

// within is a line by which only what the operator agreed to is asked.
func (m *maker) within(l probes.Line) probes.Line {
	l.Gate = m.known.gate
	return l
}

// by is the name of a probe that is bound to a line.
func by(name string, l probes.Line) string {
	if l.Name == "" {
		return name
	}
	return name + "-" + l.Name
}

func (m *maker) hop(field, name string, l probes.Line, every time.Duration, where func() (probes.Waypoint, bool)) {
	if slices.ContainsFunc(m.cfg.Probes.ICMP, func(i ICMPItem) bool { return i.Name == name }) {
		return // the operator knows which one it is
	}
	c := probes.DefaultHopConfig()
	c.Name, c.Where, c.Line, c.Every = name, where, l, every
	p, err := probes.NewHop(c)
	m.add(field, p, err)
}

func (m *maker) resolvers() {
	addrs := m.cfg.Probes.Resolvers
	if len(addrs) == 1 && addrs[0] == "off" {
		return
	}
	if len(addrs) == 0 {
		found, err := probes.Resolvers(m.cfg.Probes.ResolvConf)
		if err != nil {
			m.log.Warn("resolver not probed", "err", err)
		}
		for _, f := range found {
			addrs = append(addrs, netip.AddrPortFrom(f.Addr, resolverPort).String())
		}
	}
	for i, addr := range addrs {
		m.resolver(fmt.Sprintf("probes.resolvers[%d]", i), numbered("resolver", i), probes.Line{}, defaultEvery, addr)
	}
}

func (m *maker) resolver(field, name string, l probes.Line, every time.Duration, addr string) {
	c := probes.DefaultDNSConfig()
	c.Name, c.Resolver, c.Question, c.Every = name, addr, m.question(), every
	c.Elsewhere, c.Line = m.known.elsewhere, m.within(l)
	p, err := probes.NewDNS(c)
	m.add(field, p, err)
}

// question is the name that resolvers are asked for: the one that counts here.
func (m *maker) question() string {
	for _, p := range m.cfg.Probes.Portals {
		if host := hostOf(p.URL); host != "" {
			if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
				return host
			}
		}
	}
	return probes.DefaultDNSConfig().Question
}

func (m *maker) centre() {
	if !m.cfg.Probes.Centre || m.cfg.Centre.URL == "" {
		return
	}
	host, port, err := m.cfg.Centre.hostPort()
	if err != nil {
		m.errs = append(m.errs, err)
		return
	}
	m.centreBy("centre.url", probes.Line{}, defaultEvery, host, port)
}

func (m *maker) centreBy(field string, l probes.Line, every time.Duration, host, port string) {
	c := probes.DefaultTCPConfig()
	c.Name, c.Host, c.Line, c.Every = by(thongsuot.NameCentre, l), host, l, every
	c.Port, _ = strconv.Atoi(port) // url.Parse took it for a number
	p, err := probes.NewTCP(c)
	m.add(field, p, err)
}

func (m *maker) captive() {
	if m.cfg.Probes.Captive == "" {
		return
	}
	c := probes.DefaultCaptiveConfig()
	if hostOf(m.cfg.Probes.Captive) != hostOf(m.cfg.Centre.URL) {
		c.Line = m.within(c.Line)
	}
	c.URL, c.UserAgent = m.cfg.Probes.Captive, probes.UserAgent(m.version, m.cfg.Probes.Contact)
	p, err := probes.NewCaptive(c)
	m.add("probes.captive", p, err)
}

func (m *maker) portals() {
	for i, item := range m.cfg.Probes.Portals {
		p, err := probes.NewPortal(m.signed(item.PortalConfig))
		m.add(fmt.Sprintf("probes.portals[%d]", i), p, err)
	}
	for i, item := range m.cfg.Probes.Services {
		p, err := probes.NewService(m.signed(item.PortalConfig))
		m.add(fmt.Sprintf("probes.services[%d]", i), p, err)
	}
}

// signed is a question that says who asks, unless the operator wrote his own.
func (m *maker) signed(c probes.PortalConfig) probes.PortalConfig {
	if c.UserAgent == "" || c.UserAgent == probes.DefaultPortalConfig().UserAgent {
		c.UserAgent = probes.UserAgent(m.version, m.cfg.Probes.Contact)
	}
	c.Line = m.within(c.Line)
	return c
}

func (m *maker) items() {
	for i, item := range m.cfg.Probes.ICMP {
		item.Line = m.within(item.Line)
		p, err := probes.NewICMP(item.ICMPConfig)
		m.add(fmt.Sprintf("probes.icmp[%d]", i), p, err)
	}
	for i, item := range m.cfg.Probes.TCP {
		item.Line = m.within(item.Line)
		p, err := probes.NewTCP(item.TCPConfig)
		m.add(fmt.Sprintf("probes.tcp[%d]", i), p, err)
	}
	for i, item := range m.supplies() {
		item.Line = m.within(item.Line)
		p, err := probes.NewUPS(item.UPSConfig)
		m.add(fmt.Sprintf("probes.ups[%d]", i), p, err)
	}
	for i, item := range m.cfg.Probes.Canaries {
		c := item.CanaryConfig
		c.Line = m.within(c.Line)
		if c.Witness == "" {
			c.Witness = m.gateway
		}
		if c.Witness == "" {
			m.log.Warn("a canary cannot tell a power cut from a dead LAN without a witness", "canary", c.Name, "hint", "name an address behind the UPS: probes.canaries.witness")
		}
		p, err := probes.NewCanary(c)
		m.add(fmt.Sprintf("probes.canaries[%d]", i), p, err)
	}
}

// listWithin bounds the question to upsd: the agent has to start without it.
const listWithin = 2 * time.Second

// supplies are the configured ones, or those that upsd lists. A machine
// without upsd has none; that is the rule and no news.
func (m *maker) supplies() []UPSItem {
	server := m.cfg.Probes.NUT
	if len(m.cfg.Probes.UPS) > 0 || server == "off" {
		return m.cfg.Probes.UPS
	}
	ctx, cancel := context.WithTimeout(context.Background(), listWithin)
	defer cancel()
	found, err := probes.UPSDevices(ctx, m.within(probes.Line{}), server)
	if err != nil {
		if !errors.Is(err, syscall.ECONNREFUSED) {
			m.log.Warn("no UPS found", "server", server, "err", err, "hint", "set probes.nut or probes.ups")
		}
		return nil
	}
	var items []UPSItem
	for i, name := range found {
		c := probes.DefaultUPSConfig()
		c.Name, c.UPS, c.Server = numbered("ups", i), name, server
		items = append(items, UPSItem{c})
	}
	return items
}

// machine adds the probes of the machine itself.
func (m *maker) machine() {
	boot := probes.DefaultBootConfig()
	boot.Name, boot.Proc = "boot", m.cfg.Procfs
	p, err := probes.NewBoot(boot)
	m.add("procfs", p, err)

	if !m.cfg.Probes.Mains {
		return
	}
	mains := probes.DefaultMainsConfig()
	mains.Name, mains.Root = "mains", filepath.Join(m.cfg.Sysfs, "class", "power_supply")
	p, err = probes.NewMains(mains)
	if err == nil && probes.Run(context.Background(), p).Reason == thongsuot.ReasonNotPresent {
		return // no adapter or battery here: a row that never says anything helps nobody
	}
	m.add("sysfs", p, err)
}

func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, i+1)
}

func hostOf(rawURL string) string {
	host, _, err := CentreConfig{URL: rawURL}.hostPort()
	if err != nil {
		return ""
	}
	return host
}

// phase spreads the first runs of probes and sites over their interval, the
// same way at every start, so that 124 agents do not ask in one second.
func phase(site, name string, every time.Duration) time.Duration {
	h := uint64(14695981039346656037) // FNV-1a
	for _, c := range []byte(site + "\x00" + name) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return time.Duration(h % uint64(every))
}
