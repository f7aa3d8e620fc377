package central_test

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"thongsuot/central"
	"thongsuot/wire"
)

// resolver answers every question for an address of type A with addr, until
// the test ends.
func resolver(t *testing.T, addr [4]byte) string {
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
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: addr},
				}}
			}
			if raw, err := m.Pack(); err == nil {
				_, _ = c.WriteTo(raw, from)
			}
		}
	}()
	return c.LocalAddr().String()
}

func (h *house) fetch(url, token string) (status int, body string) {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Token "+token)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

func TestSitesLearnWhatTheCentreIsGivenForNames(t *testing.T) {
	h := newHouse(t)
	h.stop()
	h.cfg.Names = central.NamesConfig{Compare: []string{"portal.example.vn"}, Resolver: resolver(t, [4]byte{203, 0, 113, 7})}
	h.start()
	url := "http://" + h.server.WriteAddr() + wire.PathNames
	for _, token := range []string{"", "guessed"} {
		if status, _ := h.fetch(url, token); status != http.StatusUnauthorized {
			t.Errorf("token %q: status %d", token, status)
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		status, body := h.fetch(url, h.tokens["25051"])
		n, err := wire.ReadNames(strings.NewReader(body))
		if status != http.StatusOK || err != nil {
			t.Fatalf("status %d, %v: %s", status, err, body)
		}
		if slices.Equal(n.Names["portal.example.vn"], []netip.Addr{netip.MustParseAddr("203.0.113.7")}) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still %s", body)
		}
	}
}

func TestEmptyPage(t *testing.T) {
	h := newHouse(t)
	if at := h.server.EmptyAddr(); at != "" {
		t.Errorf("an empty page at %s that nobody asked for", at)
	}
	h.stop()
	h.cfg.Ingest.Empty = "127.0.0.1:0"
	h.start()
	base := "http://" + h.server.EmptyAddr()
	if status, body := h.fetch(base+wire.PathEmpty, ""); status != http.StatusNoContent || body != "" {
		t.Errorf("status %d, %q; want 204 and nothing", status, body)
	}
	for _, path := range []string{"/", wire.PathWrite, wire.PathNames, "/metrics"} {
		if status, _ := h.fetch(base+path, h.tokens["25051"]); status != http.StatusNotFound {
			t.Errorf("%s in clear: status %d", path, status)
		}
	}
}

func TestBadNames(t *testing.T) {
	f := func(c central.NamesConfig, want string) {
		t.Helper()
		cfg := central.DefaultConfig()
		cfg.Names = c
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(central.NamesConfig{Compare: []string{"ok.vn", "a b"}}, `names.compare[1]: want a host name in small letters (got "a b")`)
	f(central.NamesConfig{Compare: make([]string, 21)}, "at most 20")
	f(central.NamesConfig{Resolver: "resolver.vn"}, `names.resolver: want address:port (got "resolver.vn")`)
}

// Each site is told its share of what the province may ask of one public page,
// and nothing where once a minute is within it.
func TestSitesLearnTheirShareOfTheBudget(t *testing.T) {
	f := func(perMinute, want int) {
		t.Helper()
		h := newHouse(t)
		h.stop()
		h.cfg.Names = central.NamesConfig{}
		h.cfg.Ingest.PagesPerMinute = perMinute
		h.start()
		_, body := h.fetch("http://"+h.server.WriteAddr()+wire.PathNames, h.tokens["25051"])
		n, err := wire.ReadNames(strings.NewReader(body))
		if err != nil || n.PageEvery != want {
			t.Errorf("%d a minute: %v, %s; want a page each %d s", perMinute, err, body, want)
		}
	}
	f(1000, 0)
	f(1, 2*60)
}
