package agent_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"thongsuot/agent"
	"thongsuot/agent/spool"
)

// weak is a real agent and a real centre with a line of 64 kbit/s between
// them, in network namespaces of their own.
type weak struct {
	t            *testing.T
	dir          string
	site, centre string // names of the namespaces
}

const lineBytes = 64e3 / 8 // a second

func newWeak(t *testing.T) *weak {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "root, for network namespaces")
	}
	w := &weak{t: t, dir: t.TempDir(), site: fmt.Sprintf("tsw%ds", os.Getpid()), centre: fmt.Sprintf("tsw%dc", os.Getpid())}
	for _, ns := range []string{w.site, w.centre} {
		if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
			missing(t, fmt.Sprintf("network namespaces (ip netns add: %v %s)", err, out))
		}
		t.Cleanup(func() { w.sh("ip", "netns", "del", ns) })
		w.sh("ip", "-n", ns, "link", "set", "lo", "up")
	}
	w.sh("ip", "link", "add", "eth0", "netns", w.site, "type", "veth", "peer", "name", "eth0", "netns", w.centre)
	for ns, host := range map[string]string{w.centre: "1", w.site: "2"} {
		w.sh("ip", "-n", ns, "address", "add", "10.78.0."+host+"/24", "dev", "eth0")
		w.sh("ip", "-n", ns, "link", "set", "eth0", "up")
		w.sh("tc", "-n", ns, "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "64kbit", "burst", "3000", "latency", "2s")
	}
	build := exec.Command("go", "build", "-o", w.dir, "../cmd/thongsuot-agent", "../cmd/thongsuot-central")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return w
}

func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("this test needs %s", what)
	}
	t.Skipf("needs %s", what)
}

func (w *weak) sh(args ...string) string {
	w.t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (w *weak) file(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// run starts a program in a namespace; it ends with the test.
func (w *weak) run(ns, name string, args ...string) {
	w.t.Helper()
	log, err := os.Create(filepath.Join(w.dir, name+".log"))
	if err != nil {
		w.t.Fatal(err)
	}
	p := exec.Command("ip", append([]string{"netns", "exec", ns, filepath.Join(w.dir, name)}, args...)...)
	p.Stdout, p.Stderr = log, log
	if err := p.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		_ = p.Process.Kill() // ended already
		_ = p.Wait()
		_ = log.Close()
		if text, err := os.ReadFile(log.Name()); w.t.Failed() && err == nil {
			w.t.Logf("log of %s:\n%s", name, text)
		}
	})
}

// week fills the spool with a week of rounds that an agent of an earlier boot
// could not deliver.
func (w *weak) week(dir string) {
	w.t.Helper()
	cfg := spool.DefaultConfig()
	cfg.Dir = dir
	sp, err := spool.Open(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	began := time.Now().Add(-7 * 24 * time.Hour)
	var batch []spool.Record
	for i := range 7 * 8640 {
		at := time.Minute + time.Duration(i)*10*time.Second
		stamp := agent.Stamp{Boot: "boot-of-last-week", Boottime: at, Wall: began.Add(at), Zero: began}
		var ms []agent.Measured
		for n := range 8 {
			r := ping(float64(n+i%7+1) / 1000)
			r.Probe, r.Target = fmt.Sprint("target-", n), fmt.Sprintf("192.0.2.%d", n)
			ms = append(ms, agent.Measured{Result: r, Began: at - time.Duration(n)*time.Second})
		}
		batch = append(batch, spool.Record{Payload: agent.MarshalQuietRound(stamp, ms)})
		if len(batch) == 1000 || i == 7*8640-1 {
			if err := sp.AppendBatch(batch); err != nil {
				w.t.Fatal(err)
			}
			batch = nil
		}
	}
	if err := sp.Close(); err != nil {
		w.t.Fatal(err)
	}
}

// glance is what the agent's own counters say.
type glance struct {
	at                 time.Time
	live, behind       float64 // posts that were acknowledged
	sentBehind         float64 // bytes of the backlog's connection
	beats, waits, left float64 // answered beats; rounds of the live lane; of the backlog
}

func (w *weak) look() (g glance, ok bool) {
	out, err := exec.Command("ip", "netns", "exec", w.site, "curl", "-s", "http://127.0.0.1:9467/metrics").Output()
	if err != nil {
		return g, false
	}
	g.at = time.Now()
	for _, line := range strings.Split(string(out), "\n") {
		name, value, _ := strings.Cut(line, " ")
		v, _ := strconv.ParseFloat(value, 64)
		switch name {
		case `thongsuot_agent_posts_total{lane="live",outcome="acknowledged"}`:
			g.live = v
		case `thongsuot_agent_posts_total{lane="backlog",outcome="acknowledged"}`:
			g.behind = v
		case `thongsuot_agent_sent_bytes_total{lane="backlog"}`:
			g.sentBehind = v
		case `thongsuot_agent_beats_total{outcome="answered",way="datagram"}`, `thongsuot_agent_beats_total{outcome="answered",way="http"}`:
			g.beats += v
		case "thongsuot_agent_live_records":
			g.waits = v
		case "thongsuot_agent_backlog_records":
			g.left = v
		}
	}
	return g, true
}

// until looks until cond holds.
func (w *weak) until(what string, cond func(glance) bool) glance {
	w.t.Helper()
	for limit := time.Now().Add(90 * time.Second); time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
		if g, ok := w.look(); ok && cond(g) {
			return g
		}
	}
	w.t.Fatalf("%s did not come", what)
	return glance{}
}

// A week's backlog on a line of 64 kbit/s: what is measured now arrives as if
// there were none, after a cut of the line too, and the backlog takes about
// half of the line.
func TestAWeekOfBacklogOnAWeakLine(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	if _, err := exec.LookPath("curl"); err != nil {
		missing(t, "curl")
	}
	t.Parallel()
	w := newWeak(t)
	ca, cert, key := w.certificate()
	w.file("registry/sites.csv", "code,kind,unit,name,status\n25051,commune,commune,Sơn Điền,active\n")
	central := w.file("central.yaml", fmt.Sprintf(`
data_dir: %[1]s/central
registry: [%[1]s/registry]
ingest: {listen: "10.78.0.1:8086", beat: "10.78.0.1:8086", tls_cert_file: %[2]s, tls_key_file: %[3]s}
pages: {listen: "127.0.0.1:8080"}
`, w.dir, cert, key))
	w.sh(filepath.Join(w.dir, "thongsuot-central"), "token", "-config", central, "-out", filepath.Join(w.dir, "token"), "25051")
	config := w.file("agent.yaml", fmt.Sprintf(`
site: "25051"
data_dir: %[1]s/agent
run_dir: ""
round: 1s
centre: {url: "https://10.78.0.1:8086", token_file: %[1]s/token, ca_file: %[2]s}
probes:
  gateway: "off"
  resolvers: ["off"]
  portals: []
  tcp: [{name: nobody, host: 10.78.0.1, port: 9, every: 1s}]
`, w.dir, ca))
	w.week(filepath.Join(w.dir, "agent", "spool"))
	w.run(w.centre, "thongsuot-central", "run", "-config", central)
	w.run(w.site, "thongsuot-agent", "run", "-config", config)

	first := w.until("a live post", func(g glance) bool { return g.live > 0 })
	if first.behind > 0 {
		t.Errorf("%v posts of the backlog came before the first fresh values", first.behind)
	}
	from := w.until("the backlog", func(g glance) bool { return g.behind >= 20 })
	to := w.until("more of it", func(g glance) bool { return g.behind >= from.behind+20 && g.live >= from.live+5 })
	rate := (to.sentBehind - from.sentBehind) / to.at.Sub(from.at).Seconds()
	t.Logf("backlog: %.0f bytes a second of %.0f, %.0f rounds of %.0f in %s; live posts beside it: %.0f",
		rate, lineBytes, from.left-to.left, from.left, to.at.Sub(from.at).Round(time.Second), to.live-from.live)
	if share := rate / lineBytes; share > 0.8 || share < 0.15 {
		t.Errorf("the backlog takes %.2f of the line, want about half", share)
	}

	// The line goes and comes back; beats tell the time.
	w.sh("ip", "-n", w.centre, "link", "set", "eth0", "down")
	cut := w.until("rounds that wait", func(g glance) bool { return g.waits >= 8 })
	w.sh("ip", "-n", w.centre, "link", "set", "eth0", "up")
	back := w.until("a live post after the cut", func(g glance) bool { return g.live > cut.live })
	if beats := back.beats - cut.beats; beats > 3 { // two, and one that the look itself may have missed
		t.Errorf("%v beats were answered before fresh values arrived", beats)
	}
	st := w.statusNow()
	if st.BacklogRecords == 0 {
		t.Error("the backlog was gone already: the line was not weak")
	}
}

func (w *weak) statusNow() (st agent.Status) {
	w.t.Helper()
	out := w.sh("ip", "netns", "exec", w.site, filepath.Join(w.dir, "thongsuot-agent"), "status", "-config", filepath.Join(w.dir, "agent.yaml"))
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		w.t.Fatal(err)
	}
	return st
}

func (w *weak) certificate() (ca, cert, key string) {
	w.t.Helper()
	now := time.Now()
	return authorityFor(w.t, w.dir, net.IPv4(10, 78, 0, 1), now.Add(-time.Hour), now.Add(time.Hour))
}
