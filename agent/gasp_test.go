package agent_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/agent"
	"thongsuot/wire"
)

// adapter makes a machine with a mains adapter and a battery, as the kernel
// shows them; plug pulls it out and puts it in.
func adapter(t *testing.T, cfg *agent.Config) (plug func(in bool)) {
	t.Helper()
	cfg.Sysfs, cfg.Probes.Mains = t.TempDir(), true
	put := func(path, text string) {
		file := filepath.Join(cfg.Sysfs, "class/power_supply", path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file+".new", []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	put("AC/type", "Mains")
	put("BAT0/type", "Battery")
	put("BAT0/energy_now", "20000000")
	put("BAT0/power_now", "10000000")
	plug = func(in bool) {
		online, status := "0", "Discharging"
		if in {
			online, status = "1", "Charging"
		}
		put("BAT0/status", status)
		put("AC/online", online)
	}
	plug(true)
	return plug
}

func onBattery(b wire.Beat) bool { return b.Flags&wire.FlagOnBattery != 0 }

// A power cut is on disk, then told at once as datagram and over HTTP, and told
// again at a slower pace while it lasts.
func TestPowerCutIsToldAtOnceOverEveryWay(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	cfg := c.config(t.TempDir())
	plug := adapter(t, &cfg)
	_, _ = start(t, cfg)
	mains := func(online float64) func(thongsuot.Result) bool {
		return func(r thongsuot.Result) bool {
			v, ok := r.Field(thongsuot.FieldOnline)
			return r.Kind == thongsuot.ProbeMains && ok && v == online
		}
	}
	c.until("mains", func() bool { return slices.ContainsFunc(c.results, mains(1)) && len(c.beats) > 0 })
	c.set(func() {
		if last := c.beats[len(c.beats)-1]; last.Every != wire.BeatEvery {
			t.Errorf("with mains a beat each %s", last.Every)
		}
		c.httpBeat = 0
	})
	plug(false)
	told := func() (bs []wire.Beat) {
		return slices.DeleteFunc(slices.Clone(c.beats), func(b wire.Beat) bool { return !onBattery(b) })
	}
	c.until("a cut told three times over, and its record", func() bool {
		seqs := map[uint32]bool{}
		for _, b := range told() {
			seqs[b.Seq] = true
		}
		return len(seqs) >= 3 && c.httpBeat >= 2 && slices.ContainsFunc(c.results, mains(0))
	})
	c.set(func() {
		first := told()[0]
		if first.Every != 10*time.Second || first.Runtime != 2*time.Hour {
			t.Errorf("first told %+v", first)
		}
		// The record of the cut is not newer than what the beat knew to be on disk.
		if c.seqOf(mains(0)) > first.NewestSeq {
			t.Errorf("record %d was told before it was on disk (newest %d)", c.seqOf(mains(0)), first.NewestSeq)
		}
		c.beats = nil
	})
	plug(true)
	c.until("the mains again", func() bool {
		return slices.ContainsFunc(c.beats, func(b wire.Beat) bool { return b.Flags&wire.FlagMainsPresent != 0 && b.Every == wire.BeatEvery })
	})
}

// With datagrams blocked, the first word of a power cut still gets through at
// once: nobody waits for tries to fail.
func TestPowerCutIsToldOverHTTPWhereDatagramsDie(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	cfg := c.config(t.TempDir())
	plug := adapter(t, &cfg)
	a, _ := start(t, cfg)
	c.until("a beat", func() bool { return len(c.beats) > 0 })
	c.set(func() { c.deaf, c.beats = true, nil })
	plug(false)
	c.until("the cut over HTTP", func() bool { return slices.ContainsFunc(c.beats, onBattery) })
	if text := metricsOf(t, a); strings.Contains(text, "\nthongsuot_agent_beat_over_http 1\n") {
		t.Error("it took missed beats to switch to HTTP first")
	}
}

func TestMeteredLineBeatsSlowlyAndSaysSo(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	cfg := c.config(t.TempDir())
	cfg.Metered = true
	_, stop := start(t, cfg)
	c.until("a beat", func() bool { return len(c.beats) > 0 })
	stop()
	c.set(func() {
		if c.beats[0].Every != 30*time.Second {
			t.Errorf("beat %+v", c.beats[0])
		}
		last := slices.DeleteFunc(slices.Clone(c.results), func(r thongsuot.Result) bool { return r.Kind != thongsuot.ProbeAgent })
		if v, _ := last[len(last)-1].Field(thongsuot.FieldBeatEvery); v != 30 {
			t.Errorf("the last words say %+v", last[len(last)-1])
		}
	})
}

// The machine's own end is told from the agent's by asking systemd.
func TestShutdownIsToldFromAStop(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "systemctl"), []byte("#!/bin/sh\necho stopping\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	c := newCentre(t)
	_, stop := start(t, c.config(t.TempDir()))
	c.until("a beat", func() bool { return len(c.beats) > 0 })
	stop()
	c.set(func() {
		if last := c.beats[len(c.beats)-1]; last.Flags&wire.FlagShuttingDown == 0 || last.Flags&wire.FlagStopping != 0 {
			t.Errorf("last beat %+v", last)
		}
		words := slices.DeleteFunc(slices.Clone(c.results), func(r thongsuot.Result) bool { return r.Kind != thongsuot.ProbeAgent })
		if v, _ := words[len(words)-1].Field(thongsuot.FieldShutdown); v != 1 {
			t.Errorf("last words %+v", words[len(words)-1])
		}
	})
}

// A power cut goes out over every line, so that it gets through where one of
// them loses its modem with the mains.
func TestPowerCutIsToldOverEveryLine(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	cfg := c.config(t.TempDir())
	plug := adapter(t, &cfg)
	second := netip.MustParseAddr("127.0.0.2")
	bound := func(local net.Addr) net.Dialer { return net.Dialer{Timeout: time.Second, LocalAddr: local} }
	_, _ = startWith(t, cfg, func(a *agent.Agent) {
		udp, tcp := bound(&net.UDPAddr{IP: second.AsSlice()}), bound(&net.TCPAddr{IP: second.AsSlice()})
		a.AddLine(func(ctx context.Context, network, addr string) (net.Conn, error) {
			if strings.HasPrefix(network, "udp") {
				return udp.DialContext(ctx, network, addr)
			}
			return tcp.DialContext(ctx, network, addr)
		})
	})
	c.until("a beat", func() bool { return len(c.beats) > 0 })
	c.set(func() {
		if c.from["datagram 127.0.0.2"]+c.from["http 127.0.0.1"] > 0 {
			t.Errorf("with mains each beat goes over one line: %v", c.from)
		}
	})
	plug(false)
	c.until("the cut over both lines, both ways", func() bool {
		return c.from["datagram 127.0.0.1"] > 0 && c.from["http 127.0.0.1"] > 0 && c.from["datagram 127.0.0.2"] > 0 && c.from["http 127.0.0.2"] > 0
	})
}

// Lost datagrams are sent again within the beat: the centre hears each beat,
// and no beat counts as missed.
func TestLostDatagramsAreTriedAgainWithinTheBeat(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	c.drop = func(b wire.Beat) bool { return b.Try < 3 }
	a, stop := start(t, c.config(t.TempDir()))
	c.until("two beats", func() bool { return len(c.beats) >= 2 })
	c.set(func() {
		if c.beats[0].Seq+1 != c.beats[1].Seq || c.beats[1].Try != 3 {
			t.Errorf("heard %+v, %+v", c.beats[0], c.beats[1])
		}
	})
	stop()
	if text := metricsOf(t, a); strings.Contains(text, `thongsuot_agent_beats_total{outcome="unanswered",way="datagram"}`) && !strings.Contains(text, `thongsuot_agent_beats_total{outcome="unanswered",way="datagram"} 1`) {
		t.Errorf("beats that were heard count as missed:\n%s", text) // the farewell has two tries, and may
	}
}

// Answers that are forged, recorded or for somebody else are passed over, and
// the good one behind them is taken.
func TestForgedAnswersAreNotTaken(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	var recorded []byte
	c.junk = func(good []byte) (out [][]byte) {
		forged := slices.Clone(good)
		forged[24] ^= 0xff // another time
		r, err := wire.UnmarshalReply(good, c.key)
		if err != nil {
			return nil
		}
		r.Time, r.Seq = r.Time.AddDate(30, 0, 0), r.Seq+1
		out = [][]byte{forged, []byte("noise"), r.Marshal(c.key), r.Marshal([32]byte{1})}
		if recorded != nil {
			out = append(out, recorded)
		}
		recorded = slices.Clone(good)
		return out
	}
	a, _ := start(t, c.config(t.TempDir()))
	c.until("two beats", func() bool { return len(c.beats) >= 2 })
	offset := a.Status().ClockOffset
	if offset == nil || *offset > 60 || *offset < -60 {
		t.Errorf("the clock followed a forged answer: %v", offset)
	}
}

// With the battery at its end the pace is the usual one again, and so is the
// patience of the centre.
func TestBatteryAtItsEndBeatsAtTheUsualPace(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	cfg := c.config(t.TempDir())
	plug := adapter(t, &cfg)
	if err := os.WriteFile(filepath.Join(cfg.Sysfs, "class/power_supply/BAT0/capacity_level"), []byte("Critical\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, _ = start(t, cfg)
	c.until("mains", func() bool { return c.has("mains", thongsuot.ReasonOK) })
	plug(false)
	c.until("the end of the battery", func() bool {
		return slices.ContainsFunc(c.beats, func(b wire.Beat) bool { return b.Flags&wire.FlagLowBattery != 0 && b.Every == wire.BeatEvery })
	})
}
