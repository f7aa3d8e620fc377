package agent_test

import (
	"net"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"thongsuot"
)

// liar answers every name with 10.9.9.9.
func liar(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			q := m.Questions[0]
			m.Response = true
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{10, 9, 9, 9}},
			}}
			if raw, err := m.Pack(); err == nil {
				_, _ = c.WriteTo(raw, from)
			}
		}
	}()
	return c.LocalAddr().String()
}

// A resolver that leads names elsewhere is told by the centre's own answers,
// from the agent's first round to the wire.
func TestResolverIsHeldAgainstTheCentre(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	c.set(func() { c.names = `{"names":{"dichvucong.gov.vn":["203.0.113.7"]}}` })
	cfg := c.config(t.TempDir())
	cfg.Probes.Resolvers = []string{liar(t)}
	start(t, cfg)
	c.until("an answer that differs", func() bool { return c.has("resolver", thongsuot.ReasonDNSDiffers) })
}
