package probes_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

const labCanary = "10.77.0.9"

func watches(host, witness string) probes.CanaryConfig {
	c := probes.DefaultCanaryConfig()
	c.Name, c.Host, c.Witness, c.Every = "canary", host, witness, 2*time.Second
	return c
}

// childCanary runs one canary each time its parent asks for it.
func childCanary() error {
	in := json.NewDecoder(os.Stdin)
	var cfg probes.CanaryConfig
	if err := in.Decode(&cfg); err != nil {
		return err
	}
	p, err := probes.NewCanary(cfg)
	if err != nil {
		return err
	}
	for {
		var turn int
		if err := in.Decode(&turn); err != nil {
			return nil // the parent is done
		}
		if err := json.NewEncoder(os.Stdout).Encode(probes.Run(context.Background(), p)); err != nil {
			return err
		}
	}
}

// canaryIn starts one canary in a place; each call of the result runs it once.
func canaryIn(t *testing.T, p place, cfg probes.CanaryConfig) func() thongsuot.Result {
	t.Helper()
	cmd := p.command(t, "canary")
	cmd.Stderr = os.Stderr
	stdin, stdout := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); cmd.Wait() })
	fmt.Fprintf(stdin, "%s\n", must(json.Marshal(cfg)))
	out := json.NewDecoder(bufio.NewReader(stdout))
	return func() thongsuot.Result {
		t.Helper()
		io.WriteString(stdin, "1\n")
		var r thongsuot.Result
		if err := out.Decode(&r); err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// A camera on the mains dies and lives, the router outlives it, and at last
// the LAN goes as a whole. By ping and by TCP.
func TestCanaryTellsTheMainsFromTheLAN(t *testing.T) {
	for _, port := range []int{0, 554} { // on which nothing listens: a refusal is a sign of life
		t.Run(fmt.Sprint("port ", port), func(t *testing.T) {
			l := newLab(t)
			router := l.router[len(l.router)-1]
			device := func(verb string) { sh(t, "ip", "-n", router, "address", verb, labCanary+"/32", "dev", "eth0") }
			cfg := watches(labCanary, labRouter)
			cfg.Port = port
			look := canaryIn(t, l.agent, cfg)

			r := look()
			want(t, r, thongsuot.ReasonNotPresent) // it never answered: who knows what it is
			lacks(t, r, "online")

			device("add")
			r = look()
			want(t, r, thongsuot.ReasonOK)
			if v := field(t, r, "online"); v != 1 {
				t.Errorf("online %v with the device alive", v)
			}
			device("del")
			r = look()
			want(t, r, thongsuot.ReasonOK)
			if v := field(t, r, "online"); v != 0 {
				t.Errorf("online %v with the device dead and the router alive", v)
			}
			device("add")
			each(t, "the device answers again", func() bool { v, ok := look().Field("online"); return ok && v == 1 })

			sh(t, "ip", "-n", router, "link", "set", "eth0", "down")
			r = look()
			want(t, r, thongsuot.ReasonNoData) // the whole LAN: no word on the mains
			lacks(t, r, "online")
		})
	}
}

func TestCanaryWithoutWitnessOrRights(t *testing.T) {
	l := newLab(t)
	router := l.router[len(l.router)-1]
	sh(t, "ip", "-n", router, "address", "add", labCanary+"/32", "dev", "eth0")
	look := canaryIn(t, l.agent, watches(labCanary, ""))
	want(t, look(), thongsuot.ReasonOK)
	sh(t, "ip", "-n", router, "address", "del", labCanary+"/32", "dev", "eth0")
	r := look()
	want(t, r, thongsuot.ReasonNoData)
	lacks(t, r, "online")

	r = l.agent.without("net_raw").ask(t, thongsuot.ProbeCanary, watches(labCanary, labRouter))
	want(t, r, thongsuot.ReasonNoPermission)
}
