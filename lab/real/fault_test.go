package real_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"thongsuot/lab/real"
)

// eyes look at a province from the machine of its first site, without any part
// of ours between.
type eyes struct {
	real.Place
	t   *testing.T
	ctx context.Context
}

const patience = 900 * time.Millisecond

// connect is "" where somebody answers, if only to refuse; else what is wrong.
func (e eyes) connect(addr string) (took time.Duration, wrong string) {
	ctx, cancel := context.WithTimeout(e.ctx, patience)
	defer cancel()
	begin := time.Now()
	conn, err := e.Dial(ctx, 0, "tcp", addr)
	took = time.Since(begin)
	switch {
	case err == nil:
		_ = conn.Close()
	case errors.Is(err, syscall.ECONNREFUSED):
		return took, "refused"
	default:
		return took, "silent"
	}
	return took, ""
}

func (e eyes) client() *http.Client {
	pem, err := os.ReadFile(e.PortalCA())
	if err != nil {
		e.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		return e.Dial(ctx, 0, network, strings.Replace(addr, real.PortalName, real.PortalAddr, 1))
	}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true,
	}}
}

// get reads a page: its status and size, and how long that took.
func (e eyes) get(url string) (status, size int, took time.Duration, err error) {
	begin := time.Now()
	resp, err := e.client().Get(url)
	if err != nil {
		return 0, 0, time.Since(begin), err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, len(body), time.Since(begin), err
}

func (e eyes) portal() (status, size int, took time.Duration, err error) {
	return e.get("https://" + real.PortalName + "/")
}

// names asks the resolver n times at once and says which got an answer, and the
// address in the last of them.
func (e eyes) names(n int) (answered []bool, addr netip.Addr) {
	conn, err := e.Dial(e.ctx, 0, "udp", "10.81.1.53:53")
	if err != nil {
		e.t.Fatal(err)
	}
	defer conn.Close()
	for i := range n {
		query := question(e.t, real.PortalName+".", dnsmessage.TypeA)
		binary.BigEndian.PutUint16(query, uint16(i))
		_, _ = conn.Write(query) // a line that is down refuses: no answer
	}
	answered = make([]bool, n)
	buf := make([]byte, 1500)
	for slices.Contains(answered, false) {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		size, err := conn.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err == nil && size > 12 {
			answered[binary.BigEndian.Uint16(buf)] = true
			addr, _ = netip.AddrFromSlice(buf[size-4 : size])
		}
	}
	return answered, addr
}

func (e eyes) named(addr string) error {
	if _, got := e.names(1); got.String() != addr {
		return fmt.Errorf("the resolver says %s", got)
	}
	return nil
}

func (e eyes) ups(want string) error {
	got, err := e.UPS(e.ctx, 0)
	if err == nil && !strings.Contains(got, `"`+want+`"`) {
		err = fmt.Errorf("upsd says %s", got)
	}
	return err
}

// way wants what the gateway, the hop and the portal answer to a connection.
func (e eyes) way(gateway, hop, portal string) error {
	for _, w := range [][2]string{{"10.77.1.1:1", gateway}, {"10.78.1.1:1", hop}, {real.PortalAddr + ":443", portal}} {
		if _, got := e.connect(w[0]); got != w[1] {
			return fmt.Errorf("%s: %q, want %q", w[0], got, w[1])
		}
	}
	return nil
}

func (e eyes) writable(dir string) error {
	file := filepath.Join(dir, "of the test")
	err := os.WriteFile(file, make([]byte, 64<<10), 0o600)
	return errors.Join(err, os.Remove(file))
}

func (e eyes) full(dir string) error {
	if err := e.writable(dir); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("writing: %v", err)
	}
	return nil
}

func (e eyes) agent(want string) error {
	if got := e.AgentState(0); !strings.Contains(want, got) || got == "" && want != "" {
		return fmt.Errorf("the agent's process is %q, want %q", got, want)
	}
	return nil
}

// well is a province in which nothing is broken.
func (e eyes) well() error {
	status, _, _, err := e.portal()
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("portal: %d", status)
	}
	errs := []error{err, e.named(real.PortalAddr), e.way("refused", "refused", ""), e.agent("SRD"), e.writable(e.SiteDisk(0)), e.writable(e.CentreDisk())}
	if got, err := e.UPS(e.ctx, 0); err != nil || !strings.Contains(got, `"OL`) {
		errs = append(errs, fmt.Errorf("ups: %s %v", got, err))
	}
	if _, wrong := e.connect(real.CentreAddr + ":8086"); wrong != "" {
		errs = append(errs, fmt.Errorf("centre: %s", wrong))
	}
	if _, wall := real.MachineClock(e.ClockFile(0), 0); time.Since(wall()).Abs() > time.Hour {
		errs = append(errs, fmt.Errorf("clock: %s", wall()))
	}
	return errors.Join(errs...)
}

// effects say, for each fault, what must be seen of it while it lasts.
func effects() map[string]func(eyes) error {
	took := func(d, least time.Duration, err error) error {
		if err == nil && d < least {
			err = fmt.Errorf("it took %s only", d)
		}
		return err
	}
	boot := ""
	return map[string]func(eyes) error{
		"site line down":   func(e eyes) error { return e.way("refused", "silent", "silent") },
		"site line silent": func(e eyes) error { return e.way("refused", "silent", "silent") },
		"site line loss 50%": func(e eyes) error {
			answered, _ := e.names(200) // a quarter comes through both ways
			if n := len(slices.DeleteFunc(answered, func(a bool) bool { return !a })); n < 10 || n > 120 {
				return fmt.Errorf("%d of 200 are answered", n)
			}
			return nil
		},
		"site line bursts 50%": func(e eyes) error {
			answered, _ := e.names(200)
			longest, run := 0, 0
			for _, a := range answered {
				if run++; a {
					run = 0
				}
				longest = max(longest, run)
			}
			if longest < 25 || !slices.Contains(answered, true) {
				return fmt.Errorf("%d in a row get no answer", longest)
			}
			return nil
		},
		"site line rate 64kbit": func(e eyes) error {
			_, size, d, err := e.portal()
			const bucket = 8 << 10 // what passes at once
			return took(d, time.Duration(size-bucket)*8*time.Second/64000, err)
		},
		"site line delay 150ms jitter 50ms reorder 5%": func(e eyes) error {
			status, _, d, err := e.portal() // three round trips at least, most of them late
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("portal: %d", status)
			}
			return took(d, 200*time.Millisecond, err)
		},
		"site captive": func(e eyes) error {
			if status, size, _, err := e.get("http://" + real.CentreAddr + "/204"); status != http.StatusOK || size == 0 {
				return fmt.Errorf("in clear: %d, %d bytes, %v", status, size, err)
			}
			if _, _, _, err := e.portal(); err == nil || !strings.Contains(err.Error(), "x509") {
				return fmt.Errorf("portal: %v", err)
			}
			return e.named(real.PortalAddr)
		},
		"site gateway dead": func(e eyes) error { return e.way("silent", "silent", "silent") },
		"isp dead":          func(e eyes) error { return e.way("refused", "silent", "silent") },
		"isp dns dead":      func(e eyes) error { return errors.Join(e.named("invalid IP"), e.way("refused", "refused", "")) },
		"isp dns lying":     func(e eyes) error { return e.named(real.LiarsAddr) },
		"portal slow 1s": func(e eyes) error {
			_, _, d, err := e.portal()
			return took(d, time.Second, err)
		},
		"portal 503": func(e eyes) error {
			if status, _, _, err := e.portal(); status != http.StatusServiceUnavailable {
				return fmt.Errorf("portal: %d %v", status, err)
			}
			return nil
		},
		"portal bad-certificate": func(e eyes) error {
			var bad x509.CertificateInvalidError
			if _, _, _, err := e.portal(); !errors.As(err, &bad) || bad.Reason != x509.Expired {
				return fmt.Errorf("portal: %v", err)
			}
			return nil
		},
		"portal refusing":  func(e eyes) error { return e.way("refused", "refused", "refused") },
		"site ups battery": func(e eyes) error { return e.ups("OB DISCHRG") },
		"site ups low":     func(e eyes) error { return e.ups("OB DISCHRG LB") },
		"site ups test":    func(e eyes) error { return e.ups("OB CAL DISCHRG") },
		"site ups stale": func(e eyes) error {
			if got, err := e.UPS(e.ctx, 0); err == nil || !strings.Contains(err.Error(), "DATA-STALE") {
				return fmt.Errorf("upsd says %s, %v", got, err)
			}
			return nil
		},
		"feeder cut": func(e eyes) error {
			if state := e.AgentState(1); state != "" {
				return fmt.Errorf("the agent without a UPS is %q", state)
			}
			return errors.Join(e.ups("OB DISCHRG"), e.agent("SRD"), e.way("refused", "refused", ""))
		},
		"site power cut": func(e eyes) error {
			boot = e.Boot(0)
			return errors.Join(e.agent(""), e.way("silent", "silent", "silent"))
		},
		"site shutdown": func(e eyes) error {
			if e.Boot(0) == boot {
				return errors.New("the boot id is that from before the power cut")
			}
			if log := e.AgentLog(0); !strings.Contains(log, "agent ended") {
				return fmt.Errorf("its last words: %s", log)
			}
			return e.agent("")
		},
		"site suspend":      func(e eyes) error { return e.agent("T") },
		"site agent crash":  func(e eyes) error { return errors.Join(e.agent(""), e.ups("OL")) },
		"site disk full":    func(e eyes) error { return e.full(e.SiteDisk(0)) },
		"central disk full": func(e eyes) error { return e.full(e.CentreDisk()) },
		"central killed": func(e eyes) error {
			if _, wrong := e.connect(real.CentreAddr + ":8086"); wrong != "refused" {
				return fmt.Errorf("it is %q", wrong)
			}
			return nil
		},
		"site clock +1d": func(e eyes) error {
			if _, wall := real.MachineClock(e.ClockFile(0), 0); time.Until(wall()) < 23*time.Hour {
				return fmt.Errorf("it is %s", wall())
			}
			return nil
		},
	}
}

// Every fault that a script can name truly happens, and truly ends.
func TestFaults(t *testing.T) {
	cfg := programs(t)
	cfg.Script = script(t, "sites 2\nfeeders 1\nwithout-ups site-2\nend 1s")
	err := real.In(t.Context(), cfg, func(v real.Place) error {
		e := eyes{v, t, t.Context()}
		if err := e.well(); err != nil {
			return fmt.Errorf("before all: %w", err)
		}
		all := effects()
		for _, kind := range real.Kinds() {
			found := false
			for name, seen := range all {
				if name == kind || strings.HasPrefix(name, kind+" ") {
					found = true
					e.try(name, seen)
				}
			}
			if !found {
				t.Errorf("nobody looks whether %s happens", kind)
			}
		}
		return nil
	})
	nothingLeft(t, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
}

// try lets a fault happen, wants to see it and wants all well afterwards.
func (e eyes) try(name string, seen func(eyes) error) {
	e.t.Helper()
	on, what, _ := strings.Cut(name, " ")
	target := on
	if on == "site" || on == "isp" || on == "feeder" {
		target += "-1"
	}
	f := script(e.t, fmt.Sprintf("sites 2\nfeeders 1\nat 0s %s %s for 60s label none", target, what)).Faults[0]
	if err := e.Begin(e.ctx, f); err != nil {
		e.t.Fatalf("%s begins: %v", f, err)
	}
	if err := e.soon("what is to be seen", func() error { return seen(e) }); err != nil {
		e.t.Errorf("%s is not seen: %v", f, err)
	}
	if err := e.End(e.ctx, f); err != nil {
		e.t.Fatalf("%s ends: %v", f, err)
	}
	if err := e.soon("all well", e.well); err != nil {
		e.t.Errorf("after %s: %v", f, err)
	}
}

// soon tries again for a while: programs need a moment to see and to start.
func (e eyes) soon(what string, try func() error) error {
	return real.Until(e.ctx, 20*time.Second, what, try)
}
