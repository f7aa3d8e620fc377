package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"thongsuot/lab/real"
)

// Times of the agent's row, beside the quiet minutes.
const (
	settling     = 2 * time.Minute  // after its start: connections, first answers, and the minutes that are loud for them
	lossMinutes  = 3                // with 5 % loss
	httpsMinutes = 3                // with datagrams blocked
	switching    = 30 * time.Second // from beats as datagrams to HTTPS, and back
	perDay       = 24 * time.Hour / time.Minute
)

// agentAtWork watches one agent at the standard job in a province of network
// namespaces, its data on an ext4 of its own with Debian's settings, and the
// peers that are installed beside it at the same work.
func agentAtWork(ctx context.Context, b *run) error {
	script, err := real.Parse("standard", strings.NewReader("sites 1\nend 1s\n"))
	if err != nil {
		return err
	}
	disk, err := newExt4(ctx, b.dir)
	if err != nil {
		b.leave("bytes to the agent's disk, ext4", "%v", err)
	} else {
		defer func() { _ = disk.remove() }() // what stays is named by the next look at losetup
	}
	cfg := real.Config{Script: script, Agent: b.cfg.Agent, Central: b.cfg.Central, Lab: b.cfg.Lab, Standard: true}
	if disk != nil {
		cfg.Disks = disk.dir
	}
	return real.Visit(ctx, cfg, func(ctx context.Context, v real.Visitor) error {
		a := atWork{run: b, v: v, disk: disk}
		return a.measure(ctx)
	})
}

type atWork struct {
	*run
	v     real.Visitor
	disk  *ext4
	peers []peerAtWork
}

// readings are all counters at one instant.
type readings struct {
	agent time.Duration // CPU
	wire  map[string]int64
	disk  int64
	peers []time.Duration // CPU
}

func (a *atWork) measure(ctx context.Context) error {
	if err := a.v.Load(ctx, a.v.Gateway(), counters(a.v.CentreAddr(), sinkPort)); err != nil {
		return err
	}
	a.startPeers(ctx)
	if err := wait(ctx, settling); err != nil {
		return err
	}
	if err := a.quiet(ctx); err != nil {
		return err
	}
	lossy := fmt.Sprintf(`table inet bench_loss {
	chain in { type filter hook prerouting priority -200; iifname { "lan", "wan" } numgen random mod 100 < %d drop; }
}`, 5)
	if err := a.spell(ctx, "in a minute with 5 % loss each way", lossy, "bench_loss", lossMinutes); err != nil {
		return err
	}
	blocked := `table inet bench_udp {
	chain in { type filter hook prerouting priority -200; udp dport 8086 drop; }
}`
	return a.spell(ctx, "in a minute over HTTPS alone", blocked, "bench_udp", httpsMinutes)
}

// quiet measures while nothing happens.
func (a *atWork) quiet(ctx context.Context) error {
	before, err := a.read(ctx)
	if err != nil {
		return err
	}
	if err := wait(ctx, time.Duration(a.cfg.Minutes)*time.Minute); err != nil {
		return err
	}
	after, err := a.read(ctx)
	if err != nil {
		return err
	}
	minutes := float64(a.cfg.Minutes)
	rss, err := resident("/proc", a.v.Agent())
	if err != nil {
		return err
	}
	a.add(Figure{What: "agent's resident memory", Value: float64(rss) / 1e6, Unit: "MB", Bar: bar(20)})
	a.add(Figure{What: "agent's CPU a minute", Value: (after.agent - before.agent).Seconds() / minutes, Unit: "s", Bar: bar(0.09)})
	a.add(Figure{What: "to the centre in a quiet minute", Value: crossed(before, after, "centre") / minutes / 1e3, Unit: "kB", Bar: bar(5),
		Note: fmt.Sprintf("IP, both ways, with TLS; beats %s kB of it", number(crossed(before, after, "beats")/minutes/1e3))})
	if a.disk != nil {
		a.add(Figure{What: "to the agent's disk a day", Value: float64(after.disk-before.disk) / minutes * float64(perDay) / 1e6, Unit: "MB", Bar: bar(60),
			Note: "ext4 with its journal and metadata, counted at the block device"})
	}
	for i, p := range a.peers {
		var memory int64
		for _, pid := range p.pids {
			rss, err := resident("/proc", pid)
			if err != nil {
				return fmt.Errorf("%s has ended: %w: its log ends:\n%s", p.name, err, p.log)
			}
			memory += rss
		}
		a.add(Figure{What: "agent's resident memory", Of: p.name, Value: float64(memory) / 1e6, Unit: "MB", Note: p.note})
		a.add(Figure{What: "agent's CPU a minute", Of: p.name, Value: (after.peers[i] - before.peers[i]).Seconds() / minutes, Unit: "s", Note: p.note})
		if p.sends {
			a.add(Figure{What: "to the centre in a quiet minute", Of: p.name, Value: crossed(before, after, "sink") / minutes / 1e3, Unit: "kB", Note: "remote write without TLS, no sign of life"})
		}
	}
	return nil
}

// spell measures the bytes on the line under rules of the gateway.
func (a *atWork) spell(ctx context.Context, when, rules, table string, minutes int) error {
	if err := a.v.Load(ctx, a.v.Gateway(), rules); err != nil {
		return err
	}
	if err := wait(ctx, switching); err != nil {
		return err
	}
	before, err := a.read(ctx)
	if err != nil {
		return err
	}
	if err := wait(ctx, time.Duration(minutes)*time.Minute); err != nil {
		return err
	}
	after, err := a.read(ctx)
	if err != nil {
		return err
	}
	sent := crossed(before, after, "centre") / float64(minutes) / 1e3
	a.add(Figure{What: "to the centre " + when, Value: sent, Unit: "kB"})
	if err := a.v.Load(ctx, a.v.Gateway(), "delete table inet "+table); err != nil {
		return err
	}
	return wait(ctx, switching)
}

// crossed is what a counter took between two readings, both ways.
func crossed(before, after readings, what string) float64 {
	return float64(after.wire[what+"_up"] - before.wire[what+"_up"] + after.wire[what+"_down"] - before.wire[what+"_down"])
}

func (a *atWork) read(ctx context.Context) (r readings, err error) {
	if r.agent, err = cpu("/proc", a.v.Agent()); err != nil {
		return r, fmt.Errorf("the agent has ended: %w", err)
	}
	for _, p := range a.peers {
		var sum time.Duration
		for _, pid := range p.pids {
			took, err := cpu("/proc", pid)
			if err != nil {
				return r, fmt.Errorf("%s has ended: %w: its log ends:\n%s", p.name, err, p.log)
			}
			sum += took
		}
		r.peers = append(r.peers, sum)
	}
	if a.disk != nil {
		if r.disk, err = a.disk.written(); err != nil {
			return r, err
		}
	}
	out, err := exec.CommandContext(ctx, "ip", "netns", "exec", a.v.Gateway(), "nft", "-j", "list", "counters").Output()
	if err != nil {
		return r, fmt.Errorf("nft list counters: %w", err)
	}
	r.wire, err = parseCounters(out)
	return r, err
}

// counters count what crosses to the centre and, for a peer, to its sink, each
// way where it comes in, so that what is lost later is counted once. nftables
// counts bytes of the IP layer.
func counters(centre string, sink int) string {
	var names, up, down strings.Builder
	for _, c := range []struct{ name, port string }{
		{"centre", "meta l4proto { tcp, udp } th %s 8086"},
		{"beats", "udp %s 8086"},
		{"sink", "tcp %s " + fmt.Sprint(sink)},
	} {
		fmt.Fprintf(&names, "\tcounter %[1]s_up { }\n\tcounter %[1]s_down { }\n", c.name)
		fmt.Fprintf(&up, "\t\tiifname \"lan\" ip daddr %s %s counter name %s_up\n", centre, fmt.Sprintf(c.port, "dport"), c.name)
		fmt.Fprintf(&down, "\t\tiifname \"wan\" ip saddr %s %s counter name %s_down\n", centre, fmt.Sprintf(c.port, "sport"), c.name)
	}
	return fmt.Sprintf("table inet bench {\n%s\tchain in {\n\t\ttype filter hook prerouting priority -300;\n%s%s\t}\n}", &names, &up, &down)
}

// parseCounters reads what nft -j list counters says: bytes by name.
func parseCounters(text []byte) (map[string]int64, error) {
	var all struct {
		NFTables []struct {
			Counter *struct {
				Name  string `json:"name"`
				Bytes int64  `json:"bytes"`
			} `json:"counter"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("counters of nft: %w", err)
	}
	out := map[string]int64{}
	for _, item := range all.NFTables {
		if item.Counter != nil {
			out[item.Counter.Name] = item.Counter.Bytes
		}
	}
	if len(out) == 0 {
		return nil, errors.New("counters of nft: there are none")
	}
	return out, nil
}

// wait is over after d or with ctx.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
