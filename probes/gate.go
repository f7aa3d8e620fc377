package probes

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// Gate says which addresses inside may be asked: those of networks that the
// operator of the machine has allowed, and single ones that he named or that
// the machine itself goes by. Every socket of a probe is held against it when
// it is opened, by the address that its name has just then; so neither a
// configuration from afar nor an answer of a resolver makes a scanner of the
// inside network out of an agent. Public addresses are free. The nil Gate lets
// everything through that no page of others leads to.
type Gate struct {
	allowed []netip.Prefix
	named   []netip.Addr
}

// NewGate makes a gate of networks and of single addresses.
func NewGate(allowed []netip.Prefix, named []netip.Addr) *Gate {
	g := &Gate{allowed: slices.Clone(allowed)}
	for _, a := range named {
		g.named = append(g.named, a.Unmap().WithZone(""))
	}
	return g
}

// errNotAllowed is a probe that was kept from an address.
var errNotAllowed = errors.New("lies inside, and is not in allow")

// sharedSpace is what carriers use inside, RFC 6598.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// public reports whether an address belongs to the open network: it is neither
// private (RFC 1918, 4193, 6598) nor of this machine or its link.
func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !sharedSpace.Contains(a)
}

// admit is nil when a probe may ask the address.
func (g *Gate) admit(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	if g == nil || slices.Contains(g.named, a) || g.admitLed(a) == nil {
		return nil
	}
	return fmt.Errorf("%s %w", a, errNotAllowed)
}

// admitLed is the same for an address to which a page of another server leads:
// what the operator named is for the probe that he named it for.
func (g *Gate) admitLed(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	if public(a) || g != nil && slices.ContainsFunc(g.allowed, func(n netip.Prefix) bool { return n.Contains(a) }) {
		return nil
	}
	return fmt.Errorf("%w to %s, which lies inside", errRedirect, a)
}
