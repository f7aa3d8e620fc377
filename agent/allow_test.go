package agent_test

import (
	"net"
	"strings"
	"testing"

	"thongsuot"
	"thongsuot/agent"
	"thongsuot/probes"
)

// What the machine's own file names by number or allows is asked; the same
// probes from anywhere else are not, whatever they call their target.
func TestOnlyTheOwnFileOpensTheInside(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).Port
	quiet := agent.DefaultConfig()
	quiet.DataDir, quiet.Centre.URL = t.TempDir(), "https://giamsat.example.vn"
	quiet.Probes = agent.ProbesConfig{Gateway: "off", Path: "off", Resolvers: []string{"off"}, ResolvConf: "/nowhere", NUT: "off"}
	asks := func(host string) agent.Config {
		c := quiet
		i := agent.TCPItem{TCPConfig: probes.DefaultTCPConfig()}
		i.Name, i.Host, i.Port = "shell", host, port
		c.Probes.TCP = []agent.TCPItem{i}
		return c
	}
	f := func(own, from agent.Config, want thongsuot.Reason) {
		t.Helper()
		ps, err := agent.TargetsWithin(own, from)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			if r := probes.Run(t.Context(), p); p.Name == "shell" && r.Reason != want {
				t.Errorf("%s: %s (%s), want %s", p.Target, r.Reason, r.Detail, want)
			}
		}
	}
	open := quiet
	open.Allow = []string{"127.0.0.0/8"}
	f(asks("127.0.0.1"), asks("127.0.0.1"), thongsuot.ReasonOK)
	f(asks("localhost"), asks("127.0.0.1"), thongsuot.ReasonOK)
	f(open, asks("127.0.0.1"), thongsuot.ReasonOK)
	f(open, asks("localhost"), thongsuot.ReasonOK)
	f(quiet, asks("127.0.0.1"), thongsuot.ReasonNotAllowed)
	f(quiet, asks("localhost"), thongsuot.ReasonNotAllowed)
	f(asks("10.0.0.7"), asks("127.0.0.1"), thongsuot.ReasonNotAllowed)
	widened := asks("127.0.0.1")
	widened.Allow = []string{"0.0.0.0/0"} // nothing from elsewhere adds to it
	f(quiet, widened, thongsuot.ReasonNotAllowed)

	open.Allow = []string{"10.0.0.0/8", "192.168.1", "fd00::/8"}
	if err := open.Validate(); err == nil || !strings.Contains(err.Error(), `allow[1]: want a network such as 10.0.0.0/8, or an address (got "192.168.1")`) {
		t.Errorf("got %v", err)
	}
}
