package agent

import (
	"fmt"
	"net"
	"net/netip"

	"thongsuot/probes"
)

// allowed reads one entry of allow: a network or an address.
func allowed(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	n, err := netip.ParsePrefix(s)
	if err != nil {
		return n, fmt.Errorf("want a network such as 10.0.0.0/8, or an address (got %q)", s)
	}
	return n.Masked(), nil
}

// gate is what the operator of this machine has agreed to have asked: what his
// file allows or names by address, and what the machine itself goes by. Names
// are no consent: where they lead may change.
func (c Config) gate() *probes.Gate {
	var nets []netip.Prefix
	for _, s := range c.Allow {
		if n, err := allowed(s); err == nil { // Validate says what is wrong
			nets = append(nets, n)
		}
	}
	var own []netip.Addr
	for _, host := range c.hosts() {
		if at, err := netip.ParseAddrPort(host); err == nil {
			own = append(own, at.Addr())
		}
		if a, err := netip.ParseAddr(host); err == nil {
			own = append(own, a)
		}
		if host == "localhost" {
			own = append(own, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
		}
	}
	gateways, _ := probes.Gateways(c.Procfs) // none is said where they are probed
	for _, g := range gateways {
		own = append(own, g.Addr)
	}
	resolvers, _ := probes.Resolvers(c.Probes.ResolvConf)
	for _, r := range resolvers {
		own = append(own, r.Addr)
	}
	return probes.NewGate(nets, own)
}

// hosts are all that the file names, with or without a port.
func (c Config) hosts() []string {
	p := c.Probes
	out := append([]string{p.Gateway, p.Path, hostOf(p.Captive)}, p.Resolvers...)
	for _, l := range c.Lines {
		out = append(append(out, l.Gateway), l.Resolvers...)
	}
	for _, i := range p.Portals {
		out = append(out, hostOf(i.URL))
	}
	for _, i := range p.Services {
		out = append(out, hostOf(i.URL))
	}
	for _, i := range p.ICMP {
		out = append(out, i.Host)
	}
	for _, i := range p.TCP {
		out = append(out, i.Host)
	}
	for _, i := range p.Canaries {
		out = append(out, i.Host, i.Witness)
	}
	servers := []string{p.NUT}
	for _, i := range p.UPS {
		servers = append(servers, i.Server)
	}
	for _, s := range servers {
		if host, _, err := net.SplitHostPort(s); err == nil {
			out = append(out, host)
		}
	}
	return out
}
