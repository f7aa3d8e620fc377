package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"thongsuot"
	"thongsuot/agent/spool"
	"thongsuot/probes"
)

// Finding is one thing that the machine offers to the agent, or lacks.
type Finding struct {
	What string
	Is   string
	Hint string // what the operator should do; "" when nothing is missing
}

// Machine says what this machine offers to an agent of the configuration, for
// the person who sets it up. It changes nothing but for a file in data_dir that
// it makes and removes.
func Machine(ctx context.Context, cfg Config) []Finding {
	var out []Finding
	add := func(what, is, hint string) { out = append(out, Finding{what, is, hint}) }
	is, hint := interfaces()
	add("interfaces", is, hint)

	gateways, err := probes.Gateways(cfg.Procfs)
	var words []string
	for _, g := range gateways {
		words = append(words, g.Addr.String()+" on "+g.Interface)
	}
	is, hint = listed(words, err, "plug in the line, or set probes.gateway")
	add("gateway", is, hint)
	resolvers, err := probes.Resolvers(cfg.Probes.ResolvConf)
	words = nil
	for _, r := range resolvers {
		words = append(words, r.Addr.String())
	}
	is, hint = listed(words, err, "set probes.resolvers")
	add("resolvers", is, hint)

	mode, err := probes.ICMPRights()
	if err != nil {
		add("icmp", "not allowed", err.Error())
	} else {
		add("icmp", string(mode)+" sockets", "")
	}
	is, hint = supplies(ctx, cfg.Probes)
	add("ups", is, hint)
	is, hint = mains(cfg.Sysfs)
	add("mains", is, hint)
	is, hint = wallClock(time.Now())
	add("clock", is, hint)
	is, hint = hardwareClock(cfg.Sysfs)
	add("rtc", is, hint)
	is, hint = disk(cfg.DataDir, cfg.Spool)
	add("disk", is, hint)
	if _, err := exec.LookPath("systemctl"); err != nil {
		add("init", "no systemd", "a shutdown of the machine cannot be told from a stop of the agent")
	} else {
		add("init", "systemd", "")
	}
	return out
}

// OnlyHere is the configuration without the supplies that another machine would
// have to be asked for.
func OnlyHere(cfg Config) Config {
	here := func(server string) bool { return server != "off" && loopback(server) }
	if !here(cfg.Probes.NUT) {
		cfg.Probes.NUT = "off"
	}
	all := cfg.Probes.UPS
	cfg.Probes.UPS = nil
	for _, item := range all {
		if here(item.Server) {
			cfg.Probes.UPS = append(cfg.Probes.UPS, item)
		}
	}
	if len(all) > 0 && len(cfg.Probes.UPS) == 0 {
		cfg.Probes.NUT = "off" // they were named, so none is to be found
	}
	return cfg
}

// AsksHere reports whether a probe of an [OnlyHere] configuration looks at this
// machine alone, and sends nothing to any other.
func AsksHere(p probes.Probe) bool {
	return slices.Contains([]thongsuot.ProbeKind{thongsuot.ProbeBoot, thongsuot.ProbeMains, thongsuot.ProbeUPS}, p.Kind)
}

// listed is what was found, or why nothing was with the hint.
func listed(words []string, err error, hint string) (is, missing string) {
	switch {
	case err != nil:
		return err.Error(), hint
	case len(words) == 0:
		return "none", hint
	default:
		return strings.Join(words, ", "), ""
	}
}

func interfaces() (is, hint string) {
	all, err := net.Interfaces()
	if err != nil {
		return err.Error(), "the kernel does not list them"
	}
	var words []string
	useful := false
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			continue
		}
		word := i.Name + " down"
		if i.Flags&net.FlagUp != 0 {
			word = i.Name
			if i.Flags&net.FlagRunning == 0 {
				word += " without a carrier"
			}
			addrs, _ := i.Addrs() // one that went away has none
			for _, a := range addrs {
				word += " " + a.String()
				useful = useful || i.Flags&net.FlagRunning != 0
			}
		}
		words = append(words, word)
	}
	if !useful {
		hint = "no interface that is up has an address: check cable and DHCP"
	}
	if words == nil {
		return "none", hint
	}
	return strings.Join(words, ", "), hint
}

func supplies(ctx context.Context, cfg ProbesConfig) (is, hint string) {
	servers := map[string]bool{cfg.NUT: true}
	delete(servers, "off")
	for _, item := range cfg.UPS {
		servers[item.Server] = true
	}
	ctx, cancel := context.WithTimeout(ctx, listWithin)
	defer cancel()
	var words []string
	answered := false
	for server := range servers {
		names, err := probes.UPSDevices(ctx, probes.Line{}, server)
		if err != nil {
			words = append(words, err.Error())
			continue
		}
		for _, name := range names {
			words = append(words, name+"@"+server)
		}
		answered = true
	}
	slices.Sort(words)
	switch {
	case len(servers) == 0:
		return "off", ""
	case !answered:
		return strings.Join(words, ", "), "no NUT answers: install nut-server and name the UPS in ups.conf; without a sensor a power cut looks like a cut line"
	default:
		return strings.Join(words, ", "), ""
	}
}

func mains(sysfs string) (is, hint string) {
	root := filepath.Join(sysfs, "class", "power_supply")
	c := probes.DefaultMainsConfig()
	c.Name, c.Root = "mains", root
	p, err := probes.NewMains(c)
	if err != nil {
		return err.Error(), "set sysfs"
	}
	r := probes.Run(context.Background(), p)
	if r.OK() {
		return r.Detail, ""
	}
	return "none", "no adapter or battery here tells of the mains: use a UPS with NUT, or probes.canaries"
}

// released is a time before which no clock of a running agent can be right.
func released() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func wallClock(now time.Time) (is, hint string) {
	is = now.UTC().Format(time.RFC3339)
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case now.Before(released()):
		return is, "the clock is years behind: results are dated right only once the centre has answered"
	case err != nil:
		return is + ", synchronisation not known", ""
	case state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0:
		return is + ", not synchronised", "install chrony or switch on systemd-timesyncd; the agent goes by the centre's clock meanwhile"
	default:
		return is + ", synchronised", ""
	}
}

func hardwareClock(sysfs string) (is, hint string) {
	found, _ := filepath.Glob(filepath.Join(sysfs, "class", "rtc", "rtc*")) // the pattern is right
	if len(found) == 0 {
		return "none", "after a power cut the time is right only once the centre has answered; results wait for that"
	}
	return filepath.Base(found[0]), ""
}

// inMemory reports whether a file system is one in memory, by its magic number.
func inMemory(fs unix.Statfs_t) bool {
	magic := uint32(fs.Type) // the kernel's are of 32 bits; Go's type differs by machine
	return magic == unix.TMPFS_MAGIC || magic == unix.RAMFS_MAGIC
}

func disk(dir string, cfg spool.Config) (is, hint string) {
	at := dir
	for at != filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			break
		}
		at = filepath.Dir(at) // data_dir is made at the first start
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(at, &fs); err != nil {
		return err.Error(), "set data_dir to a folder on a disk"
	}
	free := int64(fs.Bavail) * int64(fs.Bsize)
	is = fmt.Sprintf("%s, %d MiB free", dir, free>>20)
	probe, err := os.CreateTemp(at, ".thongsuot-*")
	if err == nil {
		_ = probe.Close()
		err = os.Remove(probe.Name())
	}
	switch {
	case errors.Is(err, syscall.EROFS):
		return is + ", read-only", "mount it for writing, or set data_dir elsewhere"
	case err != nil:
		return is, err.Error() + ": give the agent a folder that it may write"
	case inMemory(fs):
		return is + ", in memory", "what is measured does not outlive a power cut here: set data_dir to a disk"
	case free < cfg.MaxBytes:
		return is, fmt.Sprintf("less than the spool may take (%d MiB): free some, or lower spool.max_bytes", cfg.MaxBytes>>20)
	default:
		return is, ""
	}
}
