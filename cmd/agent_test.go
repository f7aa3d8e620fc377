package cmd_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"thongsuot/identity"
)

// On a bare machine `once all` says of each thing that is missing what to do.
func TestOnceAllSaysWhatTheMachineLacks(t *testing.T) {
	dir := t.TempDir()
	sys := filepath.Join(dir, "sys")
	config := func(lines string) string {
		return write(t, dir, "agent.yaml", "data_dir: "+filepath.Join(dir, "data")+"\nrun_dir: \"\"\nsysfs: "+sys+
			"\ncentre: {url: \"http://127.0.0.1:1\", token_file: /nowhere}\nprobes:\n  portals: []\n"+lines)
	}
	write(t, dir, "resolv.conf", "")
	path := config("  resolv_conf: " + filepath.Join(dir, "resolv.conf") + "\n  nut: 127.0.0.1:1\n")
	bare := exec.Command("unshare", "--net", filepath.Join(bin, "thongsuot-agent"), "once", "all", "-config", path)
	bare.Env = append(cleanEnv(), "PATH=/nowhere")
	bare.Path = "/usr/bin/unshare"
	out, err := bare.Output()
	if bare.ProcessState == nil || len(out) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("unshare --net: %v", err)
		}
		t.Skip("missing: the right to make a network namespace (unshare --net)")
	}
	said := func(out []byte, what, is, hint string) {
		t.Helper()
		re := regexp.MustCompile(`(?m)^` + what + ` +` + is + `.*\n +→ .*` + hint)
		if !re.Match(out) {
			t.Errorf("nothing of %s (%s, %s) in\n%s", what, is, hint, out)
		}
	}
	said(out, "interfaces", "none", "cable")
	said(out, "gateway", "no default route", "probes.gateway")
	said(out, "resolvers", "", "probes.resolvers")
	said(out, "ups", "dial tcp", "install nut-server")
	said(out, "mains", "none", "probes.canaries")
	said(out, "rtc", "none", "centre")
	said(out, "init", "no systemd", "shutdown")
	if strings.Contains(string(out), "portal") || !strings.Contains(string(out), "boot boot /proc: ok") {
		t.Errorf("probes:\n%s", out)
	}

	// With everything there, nothing is asked of the operator for it.
	for file, text := range map[string]string{
		"class/power_supply/AC/type": "Mains", "class/power_supply/AC/online": "1", "class/rtc/rtc0/name": "rtc",
	} {
		write(t, sys, file, text+"\n")
	}
	server := upsd(t)
	_, text := answer(t, "thongsuot-agent", "once", "all", "-config", config("  gateway: off\n  resolvers: [off]\n  nut: "+server+"\n"))
	for _, want := range []string{"ups         office@" + server + "\n", "mains       AC=1\n", "rtc         rtc0\n", "ups ups office@" + server + ": ok"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// `once all` touches nothing but this machine: it says what it would ask, and
// asks it with -ask.
func TestOnceAllAsksNobodyElse(t *testing.T) {
	dir := t.TempDir()
	asked := make(chan struct{}, 100)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			asked <- struct{}{}
			_ = conn.Close()
		}
	}()
	addr := l.Addr().String()
	host, port, _ := net.SplitHostPort(addr)
	path := write(t, dir, "agent.yaml", fmt.Sprintf(`data_dir: %s/data
centre: {url: "http://%[2]s", token_file: /nowhere}
probes:
  gateway: off
  resolvers: [%[2]q]
  nut: off
  ups: [{name: ups, server: "192.0.2.7:3493"}]
  portals: [{name: portal, url: "http://%[2]s/"}]
  tcp: [{name: shell, host: %[3]s, port: %[4]s}]
`, dir, addr, host, port))
	_, text := answer(t, "thongsuot-agent", "once", "all", "-config", path)
	for _, want := range []string{"not asked, since others would notice", "\n  portal http://" + addr, "\n  shell " + addr, "\n  resolver " + addr, "boot boot /proc: ok"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "192.0.2.7") || len(asked) > 0 {
		t.Errorf("asked %d times:\n%s", len(asked), text)
	}
	if _, text = answer(t, "thongsuot-agent", "once", "all", "-ask", "-config", path); len(asked) < 3 || !strings.Contains(text, "shell tcp "+addr+": ok") {
		t.Errorf("asked %d times:\n%s", len(asked), text)
	}
}

// upsd answers as NUT's does of one UPS on mains. Package probes asks the real one.
func upsd(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 100)
				for {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					reply := "BEGIN LIST VAR office\nVAR office ups.status \"OL\"\nEND LIST VAR office\n"
					if string(buf[:n]) == "LIST UPS\n" {
						reply = "BEGIN LIST UPS\nUPS office \"Bộ lưu điện\"\nEND LIST UPS\n"
					}
					_, _ = conn.Write([]byte(reply))
				}
			}()
		}
	}()
	return l.Addr().String()
}

// A running agent takes up what its file says of probes, and keeps what it has
// when the file is wrong.
func TestHangupReadsTheConfigurationAgain(t *testing.T) {
	dir := t.TempDir()
	token := write(t, dir, "token", identity.NewToken()+"\n")
	config := func(probes string) {
		write(t, dir, "agent.yaml", fmt.Sprintf("data_dir: %s\nlisten: \"\"\ncentre: {url: \"http://127.0.0.1:1\", token_file: %s}\nprobes:\n  gateway: off\n  resolvers: [off]\n  nut: off\n  portals: []\n%s", filepath.Join(dir, "data"), token, probes))
	}
	config("")
	a := start(t, "thongsuot-agent", "run", "-config", filepath.Join(dir, "agent.yaml"))
	before := a.logged(`msg="agent measures".* probes=(\d+)`)[1]
	hangUp := func() {
		t.Helper()
		if err := a.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	config("  no_such_field: 1\n")
	hangUp()
	a.logged(`configuration not taken; the running one stays.*no_such_field`)
	config("  tcp: [{name: x, host: 127.0.0.1, port: 0}]\n")
	hangUp()
	a.logged(`configuration not taken; the running one stays.*probes.tcp\[0\].port`)
	config("  tcp: [{name: x, host: 127.0.0.1, port: 9}]\n")
	hangUp()
	if after := a.logged(`configuration read again.* probes=(\d+)`)[1]; after == before {
		t.Errorf("%s probes before and after", after)
	}
	a.stop()
}
