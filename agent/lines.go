package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

// LineConfig is one of several lines of the site. What is measured over it
// bears its name.
type LineConfig struct {
	Name      string   `yaml:"name"`      // as in the registry: internet, tslcd, 4g
	Interface string   `yaml:"interface"` // of this machine, that leads to the line
	Source    string   `yaml:"source"`    // or an address of this machine, whose routing policy does
	Gateway   string   `yaml:"gateway"`   // auto, off or an address. Default auto: the default gateway of the interface
	Resolvers []string `yaml:"resolvers"` // of the line, to be asked by it: addresses, with or without a port. Default none
	Portals   bool     `yaml:"portals"`   // ask the portals by this line too, each 5 minutes. Default false
	Metered   bool     `yaml:"metered"`   // paid by volume: asked once a minute, and never for throughput. Default false
}

// maxLines bounds what one site is measured over.
const maxLines = 4

// sparingEvery is the pace of probes on a line that is paid by volume.
const sparingEvery = time.Minute

func (c LineConfig) line() (probes.Line, error) {
	l := probes.Line{Name: c.Name, Interface: c.Interface}
	if c.Source != "" {
		var err error
		if l.Source, err = netip.ParseAddr(c.Source); err != nil {
			return l, fmt.Errorf("source: must be an address of this machine (got %q)", c.Source)
		}
	}
	return l, l.Validate()
}

func (c LineConfig) every() time.Duration {
	if c.Metered {
		return sparingEvery
	}
	return defaultEvery
}

func validateLines(lines []LineConfig) error {
	var errs []error
	if len(lines) > maxLines {
		errs = append(errs, fmt.Errorf("lines: at most %d (got %d)", maxLines, len(lines)))
	}
	seen := map[string]bool{}
	for i, c := range lines {
		if _, err := c.line(); err != nil {
			errs = append(errs, fmt.Errorf("lines[%d].%w", i, err))
		}
		if seen[c.Name] {
			errs = append(errs, fmt.Errorf("lines[%d].name: another line is called that too (got %q)", i, c.Name))
		}
		seen[c.Name] = true
		for j, r := range c.Resolvers {
			if !isAddr(r) {
				errs = append(errs, fmt.Errorf("lines[%d].resolvers[%d]: want an address, with or without a port (got %q)", i, j, r))
			}
		}
		if g := c.Gateway; g != "" && g != "auto" && g != "off" {
			if _, err := netip.ParseAddr(g); err != nil {
				errs = append(errs, fmt.Errorf("lines[%d].gateway: want auto, off or an address (got %q)", i, g))
			}
		}
	}
	return errors.Join(errs...)
}

// lines adds the probes of each further line: its gateway, the carrier's
// routers, the centre and what its configuration names, all bound to it.
func (m *maker) lines() {
	for i, c := range m.cfg.Lines {
		l, err := c.line()
		if err != nil {
			continue // Validate says it
		}
		field := fmt.Sprintf("lines[%d]", i)
		if addr := m.lineGateway(c); addr != "" {
			p := probes.DefaultICMPConfig()
			p.Name, p.Host, p.Line, p.Every = thongsuot.NameGateway+"-"+c.Name, addr, m.within(l), c.every()
			probe, err := probes.NewICMP(p)
			m.add(field, probe, err)
		}
		m.wayBy(field, l, c.every(), m.known.lines[c.Name])
		if host, port, err := m.cfg.Centre.hostPort(); err == nil && m.cfg.Probes.Centre {
			m.centreBy(field, l, c.every(), host, port)
		}
		for j, addr := range c.Resolvers {
			m.resolver(fmt.Sprintf("%s.resolvers[%d]", field, j), by(numbered("resolver", j), l), l, c.every(), addr)
		}
		if c.Portals {
			m.portalsBy(field, l)
		}
	}
}

// pagesByLine is the pace of portals on a further line: what the counters meet
// is asked on the way that they take.
const pagesByLine = 5 * time.Minute

func (m *maker) portalsBy(field string, l probes.Line) {
	for _, item := range m.cfg.Probes.Portals {
		c := item.PortalConfig
		c.Name, c.Line, c.Every = by(c.Name, l), l, max(c.Every, pagesByLine)
		p, err := probes.NewPortal(m.signed(c))
		m.add(field+".portals", p, err)
	}
}

// lineGateway is the gateway of a line, "" for none that is to be asked.
func (m *maker) lineGateway(c LineConfig) string {
	switch c.Gateway {
	case "off":
		return ""
	case "", "auto":
	default:
		return c.Gateway
	}
	found, _ := probes.Gateways(m.cfg.Procfs) // an error is none
	i := slices.IndexFunc(found, func(g probes.Gateway) bool { return c.Interface != "" && g.Interface == c.Interface })
	if i < 0 {
		m.log.Warn("gateway of a line not probed: no default route leads through its interface", "line", c.Name, "hint", "give lines.gateway its address, or off")
		return ""
	}
	return found[i].Addr.String()
}

// ofLine reports whether an interface belongs to one of the lines.
func (c Config) ofLine(name string) bool {
	return slices.ContainsFunc(c.Lines, func(l LineConfig) bool { return l.Interface != "" && l.Interface == name })
}

// openWays reads what was learned of the way by each line.
func openWays(cfg Config, log *slog.Logger) map[string]*path {
	ways := map[string]*path{}
	for _, l := range cfg.Lines {
		ways[l.Name] = openPath(filepath.Join(cfg.DataDir, "path-"+l.Name+".json"), log)
	}
	return ways
}

// addLines gives beats the site's further lines, for when there is little time.
func (b *beater) addLines(cfg Config, clock *Clock) error {
	for _, c := range cfg.Lines {
		l, err := c.line()
		if err != nil {
			return err
		}
		r, err := newRoad(cfg.Centre, l, clock)
		if err != nil {
			return err
		}
		b.lines = append(b.lines, &line{dial: l.Dialer(minTimeout).DialContext, http: &http.Client{Transport: r.transport}})
	}
	return nil
}
