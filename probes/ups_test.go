package probes_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

func asksUPS(server string) probes.UPSConfig {
	c := probes.DefaultUPSConfig()
	c.Name, c.UPS, c.Server, c.Every, c.Timeout = "ups", "dummy", server, 10*time.Second, 2*time.Second
	return c
}

// nut is a real upsd with a simulated UPS behind its dummy-ups driver.
type nut struct {
	addr         string
	upsd, driver *exec.Cmd
}

func startNUT(t *testing.T) *nut {
	t.Helper()
	return startNUTOf(t, map[string]string{
		"dummy.dev": "ups.status: OL\nbattery.charge: 98\nbattery.runtime: 1200\ninput.voltage: 221.4\nups.load: 23\n",
	})
}

// startNUTOf starts an upsd with one simulated UPS for each file: NAME.dev is a
// dump of a device's variables, NAME.seq a sequence that is played over and over.
func startNUTOf(t *testing.T, files map[string]string) *nut {
	t.Helper()
	const bin = "/lib/nut" // not /sbin/upsd, a wrapper that refuses until nut.conf is edited
	_, err := os.Stat(bin + "/upsd")
	_, derr := os.Stat(bin + "/dummy-ups")
	need(t, err == nil && derr == nil, "NUT (apt-get install nut-server)")
	need(t, os.Getuid() == 0, "root, to give a second upsd its own /run/nut")

	dir := t.TempDir()
	n := &nut{addr: fmt.Sprintf("127.0.0.1:%d", closedPort(t))}
	host, port, _ := net.SplitHostPort(n.addr)
	conf := "pollinterval = 1\n"
	for file, text := range files {
		name, _, _ := strings.Cut(file, ".")
		conf += fmt.Sprintf("[%s]\ndriver = dummy-ups\nport = %s\ndesc = \"Bộ lưu điện \\\"%s\\\"\"\n", name, file, name)
		write(t, filepath.Join(dir, file), text)
	}
	write(t, filepath.Join(dir, "ups.conf"), conf)
	write(t, filepath.Join(dir, "upsd.conf"), "LISTEN "+host+" "+port+"\nMAXAGE 2\n")
	write(t, filepath.Join(dir, "upsd.users"), "[op]\npassword = secret\nactions = SET\n")
	start := func(program string, args ...string) *exec.Cmd {
		args = append([]string{"-m", "sh", "-c", `mount -t tmpfs tmpfs /run/nut && exec "$@"`, "sh", bin + "/" + program, "-u", "root", "-D"}, args...)
		cmd := exec.Command("unshare", args...)
		cmd.Env = append(os.Environ(), "NUT_CONFPATH="+dir, "NUT_STATEPATH="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
		return cmd
	}
	for file := range files {
		name, _, _ := strings.Cut(file, ".")
		n.driver = start("dummy-ups", "-a", name)
		each(t, "the driver is there", func() bool { _, err := os.Stat(filepath.Join(dir, "dummy-ups-"+name)); return err == nil })
	}
	n.upsd = start("upsd")
	return n
}

// set changes a variable of the simulated UPS, as an operator would with upsrw.
func (n *nut) set(t *testing.T, name, value string) {
	t.Helper()
	c := must(net.Dial("tcp", n.addr))
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(c)
	for _, line := range []string{"USERNAME op", "PASSWORD secret", fmt.Sprintf("SET VAR dummy %s %q", name, value)} {
		fmt.Fprintln(c, line)
		if reply := must(r.ReadString('\n')); !strings.HasPrefix(reply, "OK") {
			t.Fatalf("%s: %s", line, reply)
		}
	}
}

// A power cut from the mains' end to the battery's and back, told by real NUT,
// over one connection of the probe.
func TestUPSThroughAPowerCut(t *testing.T) {
	n := startNUT(t)
	p := must(probes.NewUPS(asksUPS(n.addr)))
	var r thongsuot.Result
	until := func(detail string) {
		t.Helper()
		each(t, "ups.status is "+detail, func() bool { r = probes.Run(t.Context(), p); return r.Detail == detail })
	}
	f := func(status string, online, battery, low float64) {
		t.Helper()
		n.set(t, "ups.status", status)
		until(status)
		want(t, r, thongsuot.ReasonOK)
		if on, ob, lb := field(t, r, "online"), field(t, r, "on_battery"), field(t, r, "low_battery"); on != online || ob != battery || lb != low {
			t.Errorf("%s: online %v, on battery %v, low %v; want %v, %v, %v", status, on, ob, lb, online, battery, low)
		}
	}
	until("OL")
	for name, want := range map[string]float64{
		"charge_ratio": 0.98, "runtime_seconds": 1200, "input_volts": 221.4, "load_ratio": 0.23,
	} {
		if got := field(t, r, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	f("OB DISCHRG", 0, 1, 0)
	n.set(t, "battery.charge", "12")
	each(t, "the charge falls", func() bool {
		v, _ := probes.Run(t.Context(), p).Field("charge_ratio")
		return v == 0.12
	})
	f("OB DISCHRG LB", 0, 1, 1)
	f("OL CHRG", 1, 0, 0)
	n.set(t, "ups.status", "WAIT")
	until(`ups.status "WAIT" says nothing of the mains`)
	want(t, r, thongsuot.ReasonNoData)

	stranger := asksUPS(n.addr)
	stranger.UPS = "nobody"
	want(t, ask(t, stranger), thongsuot.ReasonNotPresent)

	// A driver that hangs, comes back, dies.
	f("OB LB", 0, 1, 1)
	n.driver.Process.Signal(syscall.SIGSTOP)
	until("upsd answers ERR DATA-STALE")
	want(t, r, thongsuot.ReasonNoData)
	lacks(t, r, "online", "on_battery", "low_battery")
	n.driver.Process.Signal(syscall.SIGCONT)
	until("OB LB")
	n.driver.Process.Kill()
	until("upsd answers ERR DRIVER-NOT-CONNECTED")
	want(t, r, thongsuot.ReasonNoData)
	lacks(t, r, "online", "on_battery", "low_battery")

	n.upsd.Process.Kill()
	each(t, "upsd is gone", func() bool { r = probes.Run(t.Context(), p); return strings.Contains(r.Detail, "refused") })
	want(t, r, thongsuot.ReasonNoData)
}

// talks is an upsd that answers each line with what reply makes of it, for what
// the real one cannot be made to say. It counts connections.
func talks(t *testing.T, reply func(conn int, line string) string) (addr string, connections *atomic.Int32) {
	connections = new(atomic.Int32)
	addr = rawServer(t, func(c *net.TCPConn) {
		conn := int(connections.Add(1))
		lines := bufio.NewScanner(c)
		for lines.Scan() {
			answer := reply(conn, lines.Text())
			if _, err := io.WriteString(c, answer); err != nil || answer == "" {
				return
			}
		}
	})
	return addr, connections
}

func vars(lines ...string) string {
	return "BEGIN LIST VAR dummy\n" + strings.Join(lines, "\n") + "\nEND LIST VAR dummy\n"
}

func TestUPSDialogueFaults(t *testing.T) {
	f := func(reply string, reason thongsuot.Reason) {
		t.Helper()
		addr, _ := talks(t, func(int, string) string { return reply })
		r := ask(t, asksUPS(addr))
		want(t, r, reason)
		lacks(t, r, "online", "on_battery")
	}
	f("ERR ACCESS-DENIED\n", thongsuot.ReasonNoPermission)
	f("ERR TLS-REQUIRED\n", thongsuot.ReasonError)
	f("ERR DATA-STALE\r\n", thongsuot.ReasonNoData)
	f("HTTP/1.1 400 Bad Request\r\n\r\n", thongsuot.ReasonBadReply)
	f("BEGIN LIST VAR other\nEND LIST VAR other\n", thongsuot.ReasonBadReply)
	f(vars(`VAR other ups.status "OL"`), thongsuot.ReasonBadReply)
	f(vars(`VAR dummy ups.status OL`), thongsuot.ReasonBadReply)
	f(vars(`VAR dummy ups.status "OL`), thongsuot.ReasonBadReply)
	f(vars(`VAR dummy ups.status "OL" x`), thongsuot.ReasonBadReply)
	f(vars(`VAR dummy ups.status "OL\`), thongsuot.ReasonBadReply)
	f(vars(`VAR dummy x "`+strings.Repeat("x", 2000)+`"`), thongsuot.ReasonBadReply)
	f("BEGIN LIST VAR dummy\n"+strings.Repeat("VAR dummy x \"1\"\n", 2000), thongsuot.ReasonBadReply)
	f(vars(`VAR dummy battery.charge "100"`), thongsuot.ReasonNoData) // no status at all
	f("", thongsuot.ReasonNoData)                                     // hangs up

	silent := asksUPS(rawServer(t, func(c *net.TCPConn) { io.Copy(io.Discard, c) }))
	silent.Timeout = 300 * time.Millisecond
	want(t, ask(t, silent), thongsuot.ReasonNoData)
	want(t, ask(t, asksUPS(fmt.Sprintf("127.0.0.1:%d", closedPort(t)))), thongsuot.ReasonNoData)
}

func TestUPSKeepsItsConnection(t *testing.T) {
	f := func(runs int, connections int32, reply func(conn int, line string) string, reasons ...thongsuot.Reason) {
		t.Helper()
		addr, made := talks(t, reply)
		p := must(probes.NewUPS(asksUPS(addr)))
		for i := range runs {
			want(t, probes.Run(t.Context(), p), reasons[min(i, len(reasons)-1)])
		}
		if n := made.Load(); n != connections {
			t.Errorf("%d runs made %d connections, want %d", runs, n, connections)
		}
	}
	online := vars(`VAR dummy ups.status "OL"`)
	f(5, 1, func(_ int, line string) string {
		if line != "LIST VAR dummy" {
			return "ERR UNKNOWN-COMMAND\n"
		}
		return online
	}, thongsuot.ReasonOK)
	f(5, 1, func(int, string) string { return "ERR DATA-STALE\n" }, thongsuot.ReasonNoData)

	// upsd was started anew between two runs: nobody need notice.
	told := false
	f(3, 2, func(conn int, _ string) string {
		if conn == 1 && told {
			return ""
		}
		told = true
		return online
	}, thongsuot.ReasonOK)
	// A kept connection that falls out of step is given up for a new one.
	sane := true
	f(3, 2, func(conn int, _ string) string {
		if conn == 1 && !sane {
			return "nonsense\n"
		}
		sane = false
		return online
	}, thongsuot.ReasonOK)
	// After nonsense on a new one the next run begins afresh.
	f(3, 2, func(conn int, _ string) string {
		if conn == 1 {
			return "nonsense\n"
		}
		return online
	}, thongsuot.ReasonBadReply, thongsuot.ReasonOK)
}

func TestUPSStatus(t *testing.T) {
	const none = -1
	f := func(status string, online, battery, low float64) {
		t.Helper()
		r := probes.ReadUPS(map[string]string{"ups.status": status})
		for name, want := range map[string]float64{"online": online, "on_battery": battery, "low_battery": low} {
			if got, ok := r.Field(name); ok != (want != none) || ok && got != want {
				t.Errorf("%q: %s is %v, %v; want %v", status, name, got, ok, want)
			}
		}
		if r.OK() != (battery != none) {
			t.Errorf("%q: %s", status, r.Reason)
		}
	}
	f("OL", 1, 0, 0)
	f("  OL   CHRG ", 1, 0, 0)
	f("OL BOOST", 1, 0, 0)
	f("ALARM OL RB", 1, 0, 0)
	f("OL NEWTOKEN ECO", 1, 0, 0)
	f("OB", 0, 1, 0)
	f("OB DISCHRG LB", 0, 1, 1)
	f("OL OB", 0, 1, 0)
	f("OB CAL DISCHRG", none, 0, 0) // a self test; the mains are not looked at
	f("OL CAL", 1, 0, 0)
	f("FSD", 0, 1, 1)
	f("FSD OL", 0, 1, 1) // latched
	f("OB LB FSD", 0, 1, 1)
	f("OL OFF", 1, 0, 0)
	f("OL WAIT", none, none, none)
	f("WAIT", none, none, none)
	f("", none, none, none)
	f("OFF", none, none, none)
	f("BYPASS", none, none, none)
	f("ol", none, none, none)
	f("OLB", none, none, none)
}

func TestUPSNumbers(t *testing.T) {
	f := func(name, value, fieldName string, want float64, ok bool) {
		t.Helper()
		r := probes.ReadUPS(map[string]string{"ups.status": "OL", name: value})
		if got, has := r.Field(fieldName); got != want || has != ok {
			t.Errorf("%s %q: %s is %v, %v; want %v, %v", name, value, fieldName, got, has, want, ok)
		}
	}
	f("battery.charge", "57", "charge_ratio", 0.57, true)
	f("battery.charge", " 057.5 ", "charge_ratio", 0.575, true)
	f("battery.charge", "0", "charge_ratio", 0, true)
	f("battery.charge", "101", "charge_ratio", 0, false)
	f("battery.charge", "-1", "charge_ratio", 0, false)
	f("battery.charge", "NaN", "charge_ratio", 0, false)
	f("battery.charge", "full", "charge_ratio", 0, false)
	f("battery.charge", "", "charge_ratio", 0, false)
	f("battery.runtime", "1e999", "runtime_seconds", 0, false)
	f("battery.runtime", "Inf", "runtime_seconds", 0, false)
	f("battery.runtime", "840", "runtime_seconds", 840, true)
	f("ups.load", "120", "load_ratio", 1.2, true)
	f("input.voltage", "0.0", "input_volts", 0, true)
	f("input.voltage.nominal", "230", "nominal_volts", 230, true)
	f("ups.realpower.nominal", "405", "nominal_watts", 405, true)
}

func FuzzNUT(f *testing.F) {
	f.Add(vars(`VAR dummy ups.status "OL CHRG"`, `VAR dummy ups.mfr "a \"b\" \\ c"`, `VAR dummy battery.charge "98"`))
	f.Add("ERR DATA-STALE\n")
	f.Add("BEGIN LIST VAR dummy\nVAR dummy x \"\\\n")
	f.Fuzz(func(t *testing.T, reply string) {
		got, err := probes.ReadNUT(strings.NewReader(reply), "dummy")
		if err != nil {
			return
		}
		if !strings.HasPrefix(reply, "BEGIN LIST VAR dummy") || len(got) > 1000 {
			t.Fatalf("%q: %d variables", reply, len(got))
		}
		for name, value := range got {
			if strings.ContainsAny(name+value, "\n") || len(name)+len(value) > 1024 {
				t.Errorf("%q: variable %q = %q", reply, name, value)
			}
		}
		for _, f := range probes.ReadUPS(got).Fields {
			if !(f.Value >= 0) {
				t.Errorf("%q: %s = %v", reply, f.Name, f.Value)
			}
		}
	})
}

func TestNUTQuoting(t *testing.T) {
	got := must(probes.ReadNUT(strings.NewReader(vars(
		`VAR dummy ups.mfr "a \"b\" \\ c"`, `VAR dummy empty ""`, `VAR dummy twice "1"`, `VAR dummy twice "2"`,
	)), "dummy"))
	for name, want := range map[string]string{"ups.mfr": `a "b" \ c`, "empty": "", "twice": "2"} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %q, %v; want %q", name, v, ok, want)
		}
	}
}
