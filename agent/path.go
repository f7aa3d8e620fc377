package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"thongsuot/probes"
)

// Learning which routers stand for the carrier is slow on purpose: the one that
// answers today must be the one that answers in the fault.
const (
	weekOfTraces = 7 * 24 * 4 // at four an hour; older ones count half and less
	changedFor   = 3          // traces that find the hop's place taken: then the way has changed
	answersOften = 0.9        // share of the traces in which a router must have answered to be chosen
	answersStill = 0.5        // and to stay chosen
)

// path learns the routers between the site and the centre and remembers them
// on disk. One goroutine teaches it; any may ask.
type path struct {
	file string
	log  *slog.Logger

	mu     sync.Mutex
	memory pathMemory
}

// pathMemory is what is on disk.
type pathMemory struct {
	To     netip.Addr       `json:"to"`
	Traces int              `json:"traces"`
	Steps  []map[string]int `json:"steps"` // how often a router answered, step by step
	Tried  []int            `json:"tried"` // traces that came at least as far as the step
	Other  int              `json:"other"` // traces in a row that found the hop's place taken

	Hop      int        `json:"hop"` // steps from 1; 0 is none
	HopAddr  netip.Addr `json:"hop_addr"`
	Upstream int        `json:"upstream"`
	UpAddr   netip.Addr `json:"upstream_addr"`
}

// openPath reads what was learned before. A damaged file is nothing learned.
func openPath(file string, log *slog.Logger) *path {
	p := &path{file: file, log: log}
	raw, err := os.ReadFile(file)
	if err == nil {
		if err = json.Unmarshal(raw, &p.memory); err == nil && len(p.memory.Steps) == len(p.memory.Tried) {
			return p
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		log.Warn("the way to the centre is learned anew", "err", err)
	}
	p.memory = pathMemory{}
	return p
}

// found takes in one trace.
func (p *path) found(to netip.Addr, hops []probes.Hop) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := &p.memory
	m.To = to
	if m.taken(hops) {
		if m.Other++; m.Other >= changedFor {
			p.log.Info("the way to the centre changed; its routers are learned anew", "was", m.HopAddr)
			*m = pathMemory{To: to}
		}
	} else {
		m.Other = 0
	}
	m.count(hops)
	before := *m
	m.choose()
	if m.Hop != before.Hop || m.HopAddr != before.HopAddr || m.Upstream != before.Upstream || m.UpAddr != before.UpAddr {
		p.log.Info("routers of the carrier chosen", "hop", m.HopAddr, "upstream", m.UpAddr)
	}
	if err := p.keep(); err != nil {
		p.log.Warn("the way to the centre not kept on disk", "err", err)
	}
}

// taken reports whether another router answers in the place of the hop.
func (m *pathMemory) taken(hops []probes.Hop) bool {
	if m.Hop == 0 || len(hops) < m.Hop {
		return false
	}
	at := hops[m.Hop-1].Addr
	return at.IsValid() && at != m.HopAddr
}

func (m *pathMemory) count(hops []probes.Hop) {
	if m.Traces++; m.Traces > weekOfTraces {
		m.fade()
	}
	for i, h := range hops {
		if i == len(m.Steps) {
			m.Steps, m.Tried = append(m.Steps, map[string]int{}), append(m.Tried, 0)
		}
		m.Tried[i]++
		if h.Addr.IsValid() && !h.Reached {
			m.Steps[i][h.Addr.String()]++
		}
	}
}

// fade halves all counts.
func (m *pathMemory) fade() {
	m.Traces /= 2
	for i, step := range m.Steps {
		m.Tried[i] /= 2
		for addr, n := range step {
			if step[addr] = n / 2; n/2 == 0 {
				delete(step, addr)
			}
		}
	}
}

// router is a place on the way and who answers there.
type router struct {
	step int
	addr netip.Addr
}

// choose keeps what is chosen while it answers nearly always. Else it looks
// for a better one: as hop the first router with a public address or one of
// the carrier's own (RFC 6598) that answers nearly always, or the second of
// all that do; as upstream the next of them behind it.
func (m *pathMemory) choose() {
	var often []router
	for i := range m.Steps {
		if addr, ok := m.usual(i + 1); ok {
			often = append(often, router{i + 1, addr})
		}
	}
	if m.share(m.Hop, m.HopAddr) < answersOften {
		first := slices.IndexFunc(often, func(r router) bool { return carriers(r.addr) })
		if first < 0 && len(often) > 1 {
			first = 1
		}
		switch {
		case first >= 0:
			m.Hop, m.HopAddr = often[first].step, often[first].addr
			m.Upstream, m.UpAddr = 0, netip.Addr{}
		case m.share(m.Hop, m.HopAddr) < answersStill:
			m.Hop, m.HopAddr, m.Upstream, m.UpAddr = 0, netip.Addr{}, 0, netip.Addr{}
		}
	}
	if m.Hop > 0 && m.share(m.Upstream, m.UpAddr) < answersOften {
		next := slices.IndexFunc(often, func(r router) bool { return r.step > m.Hop })
		switch {
		case next >= 0:
			m.Upstream, m.UpAddr = often[next].step, often[next].addr
		case m.share(m.Upstream, m.UpAddr) < answersStill:
			m.Upstream, m.UpAddr = 0, netip.Addr{}
		}
	}
}

// usual is the router that answers nearly always at a step.
func (m *pathMemory) usual(step int) (netip.Addr, bool) {
	for s := range m.Steps[step-1] {
		addr, err := netip.ParseAddr(s)
		if err == nil && m.share(step, addr) >= answersOften {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

func (m *pathMemory) share(step int, addr netip.Addr) float64 {
	if step == 0 || step > len(m.Steps) || m.Tried[step-1] == 0 {
		return 0
	}
	return float64(m.Steps[step-1][addr.String()]) / float64(m.Tried[step-1])
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

// carriers reports whether an address is one that offices do not have inside.
func carriers(a netip.Addr) bool {
	return sharedSpace.Contains(a) || a.IsGlobalUnicast() && !a.IsPrivate()
}

// keep writes the memory beside the old one and puts it in its place. It is
// not synced: losing it costs three traces.
func (p *path) keep() error {
	raw, err := json.Marshal(p.memory)
	if err != nil {
		return fmt.Errorf("path: %w", err)
	}
	tmp := filepath.Join(filepath.Dir(p.file), filepath.Base(p.file)+".new")
	if err := os.WriteFile(tmp, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, p.file)
}

// hop is the carrier's first router.
func (p *path) hop() (probes.Waypoint, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return probes.Waypoint{To: p.memory.To, Hops: p.memory.Hop, Addr: p.memory.HopAddr}, p.memory.Hop > 0
}

// upstream is the router behind it.
func (p *path) upstream() (probes.Waypoint, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return probes.Waypoint{To: p.memory.To, Hops: p.memory.Upstream, Addr: p.memory.UpAddr}, p.memory.Upstream > 0
}
