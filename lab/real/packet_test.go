package real_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"thongsuot/lab/real"
)

// ipv4 is a packet of ICMP with a true checksum of its header (RFC 791).
func ipv4(ttl byte, dst netip.Addr, icmp ...byte) []byte {
	p := append(make([]byte, 20), icmp...)
	p[0], p[8], p[9] = 0x45, ttl, 1
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	binary.BigEndian.PutUint16(p[4:], uint16(rand.N(1<<16)))
	addr := dst.As4()
	copy(p[16:], addr[:])
	binary.BigEndian.PutUint16(p[10:], ^sum(p))
	return p
}

// sum is the ones' complement sum of the header (RFC 1071).
func sum(packet []byte) uint16 {
	s := uint32(0)
	for i := 0; i < 20; i += 2 {
		s += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

func TestCrossAgain(t *testing.T) {
	for ttl := range byte(255) {
		for range 50 {
			p := ipv4(ttl, netip.MustParseAddr("10.77.1.2"))
			if !real.CrossAgain(p) || p[8] != ttl+1 || sum(p) != 0xffff {
				t.Fatalf("hops left %d: %x, sum %x", ttl, p, sum(p))
			}
		}
	}
	if p := ipv4(255, netip.MustParseAddr("10.77.1.2")); real.CrossAgain(p) {
		t.Error("one hop more than there can be")
	}
	if real.CrossAgain([]byte{0x60, 0, 0, 0}) || real.CrossAgain(nil) {
		t.Error("no IPv4 packet goes on")
	}
}

func TestFirstEcho(t *testing.T) {
	gateway := netip.MustParseAddr("10.77.1.1")
	request := []byte{8, 0, 0, 0, 1, 2, 0, 0}
	if !real.FirstEcho(ipv4(64, gateway, request...), gateway) {
		t.Error("not seen")
	}
	for name, p := range map[string][]byte{
		"to another":   ipv4(64, netip.MustParseAddr("10.80.0.3"), request...),
		"the second":   ipv4(64, gateway, 8, 0, 0, 0, 1, 2, 0, 1),
		"a reply":      ipv4(64, gateway, 0, 0, 0, 0, 1, 2, 0, 0),
		"too short":    ipv4(64, gateway, 8, 0),
		"bare":         ipv4(64, gateway),
		"not a packet": {1, 2, 3},
	} {
		if real.FirstEcho(p, gateway) {
			t.Errorf("%s is taken for the first request", name)
		}
	}
}

func FuzzPackets(f *testing.F) {
	f.Add(ipv4(64, netip.MustParseAddr("10.77.1.1"), 8, 0, 0, 0, 0, 0, 0, 0))
	f.Fuzz(func(t *testing.T, packet []byte) {
		real.FirstEcho(packet, netip.MustParseAddr("10.77.1.1"))
		real.CrossAgain(packet)
	})
}

func TestNearest(t *testing.T) {
	at := func(s float64) time.Time { return time.Unix(1_800_000_000, int64(s*1e9)) }
	asked := []time.Time{at(0), at(10), at(20)}
	for when, want := range map[float64]time.Duration{-3: 3 * time.Second, 0: 0, 4: 4 * time.Second, 6: 4 * time.Second, 19.5: time.Second / 2, 26: 6 * time.Second} {
		if got := real.Nearest(asked, at(when)); got != want {
			t.Errorf("%v s: %s, want %s", when, got, want)
		}
	}
	if got := real.Nearest(nil, at(0)); got < 24*time.Hour {
		t.Errorf("nothing is near, and %s is said", got)
	}
}
