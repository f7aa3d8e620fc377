package probes

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Gateway is a router that a default route of this machine goes through.
type Gateway struct {
	Addr      netip.Addr // a link-local one carries its interface as zone
	Interface string
	Metric    uint32 // the kernel prefers the lowest
}

// Flags of a route, linux/route.h.
const (
	routeUp      = 0x0001
	routeGateway = 0x0002
)

// Gateways lists the gateways of the default routes in the main tables of this
// process's network, IPv4 first, each family by metric. procRoot is where
// procfs is mounted, as a rule /proc. None at all is an error with a hint.
func Gateways(procRoot string) ([]Gateway, error) {
	v4, err := readRoutes(filepath.Join(procRoot, "net/route"), parseRoute4)
	if err != nil {
		return nil, err
	}
	v6, err := readRoutes(filepath.Join(procRoot, "net/ipv6_route"), parseRoute6)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // IPv6 may be switched off
		return nil, err
	}
	all := append(v4, v6...)
	if len(all) == 0 {
		return nil, errors.New("no default route through a gateway: " +
			"on a line without one (PPP) give the first hop's address in the configuration")
	}
	return all, nil
}

func readRoutes(file string, parse func(line string) (Gateway, bool)) ([]Gateway, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	gateways, err := scanRoutes(f, parse)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return gateways, nil
}

// scanRoutes picks the gateways out of a routing table. Lines that are not
// default routes, or not routes at all, are passed over.
func scanRoutes(r io.Reader, parse func(line string) (Gateway, bool)) ([]Gateway, error) {
	var found []Gateway
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if g, ok := parse(lines.Text()); ok {
			found = append(found, g)
		}
	}
	slices.SortStableFunc(found, func(a, b Gateway) int { return cmp.Compare(a.Metric, b.Metric) })
	return found, lines.Err()
}

// parseRoute4 reads a line of /proc/net/route: interface, destination, gateway,
// flags, two counters, metric, mask, … Addresses are words in hexadecimal, as
// the machine's byte order makes them of network order.
func parseRoute4(line string) (Gateway, bool) {
	f := strings.Fields(line)
	if len(f) < 8 || strings.Trim(f[1], "0") != "" || strings.Trim(f[7], "0") != "" {
		return Gateway{}, false
	}
	word, err1 := strconv.ParseUint(f[2], 16, 32)
	flags, err2 := strconv.ParseUint(f[3], 16, 32)
	metric, err3 := strconv.ParseUint(f[6], 10, 32)
	if errors.Join(err1, err2, err3) != nil || !throughGateway(flags) || word == 0 {
		return Gateway{}, false
	}
	var raw [4]byte
	binary.NativeEndian.PutUint32(raw[:], uint32(word))
	return Gateway{Addr: netip.AddrFrom4(raw), Interface: f[0], Metric: uint32(metric)}, true
}

// parseRoute6 reads a line of /proc/net/ipv6_route: destination and length,
// source and length, next hop, metric, two counters, flags, interface; all
// numbers in hexadecimal, addresses in network order.
func parseRoute6(line string) (Gateway, bool) {
	f := strings.Fields(line)
	if len(f) < 10 || strings.Trim(f[0], "0") != "" || f[1] != "00" || len(f[4]) != 32 {
		return Gateway{}, false
	}
	var raw [16]byte
	_, err1 := hex.Decode(raw[:], []byte(f[4]))
	metric, err2 := strconv.ParseUint(f[5], 16, 32)
	flags, err3 := strconv.ParseUint(f[8], 16, 32)
	if errors.Join(err1, err2, err3) != nil || !throughGateway(flags) || raw == [16]byte{} {
		return Gateway{}, false
	}
	addr := netip.AddrFrom16(raw)
	if addr.IsLinkLocalUnicast() {
		addr = addr.WithZone(f[9])
	}
	return Gateway{Addr: addr, Interface: f[9], Metric: uint32(metric)}, true
}

func throughGateway(flags uint64) bool {
	return flags&routeUp != 0 && flags&routeGateway != 0
}

// Resolver is a name server that this machine asks.
type Resolver struct {
	Addr netip.Addr
	// Stub marks a forwarder on this machine itself, such as systemd-resolved
	// at 127.0.0.53. Its silence may be its own or that of the servers behind it.
	Stub bool
}

// Resolvers lists the name servers in resolvConf, as a rule /etc/resolv.conf,
// in its order. None at all is an error with a hint.
func Resolvers(resolvConf string) ([]Resolver, error) {
	raw, err := os.ReadFile(resolvConf)
	if err != nil {
		return nil, err
	}
	var found []Resolver
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		addr, err := netip.ParseAddr(f[1])
		if err != nil || slices.ContainsFunc(found, func(r Resolver) bool { return r.Addr == addr }) {
			continue
		}
		found = append(found, Resolver{Addr: addr, Stub: addr.IsLoopback()})
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s names no server: give the resolver's address in the configuration", resolvConf)
	}
	return found, nil
}

// PowerSupply is what the kernel says about one supply of this machine, in the
// words of its ABI (sysfs-class-power); "" where it does not say.
type PowerSupply struct {
	Name    string        // "AC", "BAT0"
	Type    string        // Mains, Battery, USB, UPS, Wireless
	Online  string        // of adapters: 0, 1, or 2
	Status  string        // of batteries: Charging, Discharging, Not charging, Full, Unknown
	Percent int           // charge of a battery; -1 where it is not told
	Level   string        // of a battery, in words: Critical, Low, Normal, High, Full
	Left    time.Duration // of a battery at its present load; 0 where it is not told
}

// PowerSupplies lists the supplies of the machine itself, by name, without
// those of mice, keyboards and the like. root is the kernel's class, as a rule
// /sys/class/power_supply. None at all is an error that is [os.ErrNotExist],
// with a hint.
func PowerSupplies(root string) ([]PowerSupply, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var found []PowerSupply
	for _, e := range entries {
		// A supply can go while it is read; then the file says nothing.
		read := func(attribute string) string {
			raw, err := os.ReadFile(filepath.Join(root, e.Name(), attribute))
			if err != nil {
				return ""
			}
			return strings.TrimSpace(string(raw))
		}
		if read("scope") == "Device" {
			continue
		}
		s := PowerSupply{Name: e.Name(), Type: read("type"), Online: read("online"), Status: read("status"), Level: read("capacity_level"), Percent: -1, Left: left(read)}
		if percent, err := strconv.Atoi(read("capacity")); err == nil {
			s.Percent = percent
		}
		found = append(found, s)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no power supply in %s tells of the mains, use a UPS with NUT: %w", root, os.ErrNotExist)
	}
	return found, nil
}

// left is how long a battery lasts at its present load: as it says itself, or
// its energy over its power, or its charge over its current.
func left(read func(attribute string) string) time.Duration {
	number := func(attribute string) float64 {
		v, err := strconv.ParseFloat(read(attribute), 64)
		if err != nil || !(v > 0 && v < 1e12) {
			return 0
		}
		return v
	}
	seconds := number("time_to_empty_now")
	for _, of := range [][2]string{{"energy_now", "power_now"}, {"charge_now", "current_now"}} {
		if load := number(of[1]); seconds == 0 && load > 0 {
			seconds = number(of[0]) / load * 3600 // µWh over µW, µAh over µA
		}
	}
	return time.Duration(min(seconds, 1e6) * float64(time.Second)).Truncate(time.Second)
}

func (s PowerSupply) adapter() bool {
	return s.Type == "Mains" || s.Type == "USB" || s.Type == "Wireless" || s.Type == "UPS"
}

func (s PowerSupply) battery() bool { return s.Type == "Battery" || s.Type == "UPS" }

// describe is each supply with what it says: "AC=1 BAT0=Charging".
func describe(supplies []PowerSupply) string {
	words := make([]string, len(supplies))
	for i, s := range supplies {
		says := s.Online
		if s.battery() && s.Status != "" {
			says = s.Status
		}
		words[i] = s.Name + "=" + says
	}
	return strings.Join(words, " ")
}
