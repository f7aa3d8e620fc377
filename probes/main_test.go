package probes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"thongsuot"
	"thongsuot/probes"
)

// A probe that must run somewhere else (in a network namespace, without a
// right) runs in a child: this very test program, told what to do by childEnv.
const childEnv = "THONGSUOT_PROBES_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		if err := child(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if missing := unreached(); code == 0 && len(missing) > 0 && wholeSuite() {
		fmt.Println("FAIL: reasons that a probe promises and no test reached:", missing)
		code = 1
	}
	os.Exit(code)
}

// promised is what the constructors' comments promise beside ok. Every reason
// must be reached by a real fault in some test.
var promised = map[thongsuot.ProbeKind]string{
	thongsuot.ProbeICMP: "timeout no_route unreachable prohibited no_permission " +
		"dns_timeout dns_nxdomain dns_servfail dns_error no_data not_allowed error",
	thongsuot.ProbeTCP: "timeout refused no_route unreachable prohibited " +
		"dns_timeout dns_nxdomain dns_servfail dns_error not_allowed error",
	thongsuot.ProbeDNS: "dns_timeout dns_nxdomain dns_servfail dns_refused refused dns_no_answer dns_error " +
		"bad_reply no_route unreachable prohibited not_allowed dns_differs error",
	thongsuot.ProbePortal: "dns_timeout dns_nxdomain dns_servfail dns_error connect_timeout connect_refused " +
		"connect_unreachable connect_reset tls_expired tls_name tls_untrusted tls_error http_timeout http_redirect " +
		"http_4xx http_5xx http_status http_error body_mismatch not_allowed skipped error",
	thongsuot.ProbeCaptive: "captive http_4xx http_5xx http_timeout http_error connect_refused connect_timeout " +
		"connect_reset connect_unreachable dns_timeout dns_nxdomain dns_servfail dns_error not_allowed",
	thongsuot.ProbeService: "not_allowed http_5xx http_timeout tls_expired connect_refused body_mismatch skipped",
	thongsuot.ProbeFetch:   "skipped not_present http_4xx http_5xx connect_refused error",
	thongsuot.ProbePath:    "not_allowed timeout no_route unreachable prohibited dns_timeout dns_nxdomain dns_servfail dns_error error",
	thongsuot.ProbeUPS:     "no_data not_present no_permission bad_reply not_allowed error",
	thongsuot.ProbeMains:   "not_present no_data no_permission error",
	thongsuot.ProbeBoot:    "not_present no_permission bad_reply error probe_hang",
	thongsuot.ProbeCanary:  "no_data not_present no_permission not_allowed",
}

// Every word of the vocabulary is one that some probe promises, and with that
// one that a real fault reaches. A panic is no fault of the world: run_test.go.
func TestEveryReasonIsPromised(t *testing.T) {
	all := "ok " + string(thongsuot.ReasonPanic)
	for _, reasons := range promised {
		all += " " + reasons
	}
	for _, r := range thongsuot.Reasons() {
		if !slices.Contains(strings.Fields(all), string(r)) {
			t.Errorf("no probe promises %s", r)
		}
	}
}

var seen struct {
	mu      sync.Mutex
	reasons map[string]bool // "kind reason"
	skipped bool
}

func unreached() []string {
	var missing []string
	for _, kind := range slices.Sorted(maps.Keys(promised)) {
		for _, reason := range append(strings.Fields(promised[kind]), "ok") {
			if !seen.reasons[string(kind)+" "+reason] {
				missing = append(missing, string(kind)+" "+reason)
			}
		}
	}
	return missing
}

func wholeSuite() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if flag.Lookup(name).Value.String() != "" {
			return false
		}
	}
	return !seen.skipped
}

// want checks the reason of an answer and notes it as reached.
func want(t *testing.T, r thongsuot.Result, reason thongsuot.Reason) {
	t.Helper()
	if r.Reason != reason {
		t.Errorf("%s %s: reason %q, want %q (detail %q)", r.Kind, r.Target, r.Reason, reason, r.Detail)
		return
	}
	if reason != thongsuot.ReasonOK && r.Detail == "" {
		t.Errorf("%s %s: %s without a detail", r.Kind, r.Target, reason)
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if seen.reasons == nil {
		seen.reasons = map[string]bool{}
	}
	seen.reasons[string(r.Kind)+" "+string(reason)] = true
}

// need skips a test where something is missing; in CI that is a failure.
func need(t *testing.T, ok bool, what string) {
	t.Helper()
	if ok {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("missing: %s", what)
	}
	seen.mu.Lock()
	seen.skipped = true
	seen.mu.Unlock()
	t.Skipf("missing: %s", what)
}

// must is the value, or the end of the test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// build makes a probe from its configuration, whatever its kind.
func build(cfg any) (probes.Probe, error) {
	switch c := cfg.(type) {
	case probes.ICMPConfig:
		return probes.NewICMP(c)
	case probes.TCPConfig:
		return probes.NewTCP(c)
	case probes.DNSConfig:
		return probes.NewDNS(c)
	case probes.PortalConfig:
		return probes.NewPortal(c)
	case probes.PathConfig:
		return probes.NewPath(c)
	case probes.CaptiveConfig:
		return probes.NewCaptive(c)
	case probes.UPSConfig:
		return probes.NewUPS(c)
	case probes.MainsConfig:
		return probes.NewMains(c)
	case probes.BootConfig:
		return probes.NewBoot(c)
	case probes.CanaryConfig:
		return probes.NewCanary(c)
	default:
		panic(fmt.Sprintf("no such configuration: %T", cfg))
	}
}

// ask makes the probe and runs it once, here.
func ask(t *testing.T, cfg any) thongsuot.Result {
	t.Helper()
	p, err := build(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return probes.Run(t.Context(), p)
}

// field is a measured value that must be there.
func field(t *testing.T, r thongsuot.Result, name string) float64 {
	t.Helper()
	v, ok := r.Field(name)
	if !ok {
		t.Errorf("%s %s: no field %s in %v", r.Kind, r.Reason, name, r.Fields)
	}
	return v
}

// lacks checks that nothing was measured under the names.
func lacks(t *testing.T, r thongsuot.Result, names ...string) {
	t.Helper()
	for _, name := range names {
		if v, ok := r.Field(name); ok {
			t.Errorf("%s %s: field %s = %v, want none", r.Kind, r.Reason, name, v)
		}
	}
}

// job is what a child gets on its standard input.
type job struct {
	Kind   thongsuot.ProbeKind
	Config json.RawMessage
	Runs   int  // of one and the same probe
	NoFile bool // without a free file descriptor
}

func child(what string) error {
	switch what {
	case "probe":
		return childProbe()
	case "rights":
		mode, err := probes.ICMPRights()
		fmt.Println(mode, err)
		return nil
	case "gateways":
		g, err := probes.Gateways("/proc")
		fmt.Println(g, err)
		return nil
	case "canary":
		return childCanary()
	case "line":
		return childLine()
	case "hop":
		return childHop()
	case "dns":
		return childDNS()
	case "echo":
		return childEcho()
	default:
		return fmt.Errorf("no such job: %s", what)
	}
}

func childProbe() error {
	var j job
	if err := decodeInput(&j); err != nil {
		return err
	}
	cfg := map[thongsuot.ProbeKind]func() (any, error){
		thongsuot.ProbeICMP:    decode[probes.ICMPConfig](j.Config),
		thongsuot.ProbeTCP:     decode[probes.TCPConfig](j.Config),
		thongsuot.ProbeDNS:     decode[probes.DNSConfig](j.Config),
		thongsuot.ProbePortal:  decode[probes.PortalConfig](j.Config),
		thongsuot.ProbePath:    decode[probes.PathConfig](j.Config),
		thongsuot.ProbeCaptive: decode[probes.CaptiveConfig](j.Config),
		thongsuot.ProbeUPS:     decode[probes.UPSConfig](j.Config),
		thongsuot.ProbeMains:   decode[probes.MainsConfig](j.Config),
		thongsuot.ProbeBoot:    decode[probes.BootConfig](j.Config),
		thongsuot.ProbeCanary:  decode[probes.CanaryConfig](j.Config),
	}[j.Kind]
	p, err := build(must(cfg()))
	if err != nil {
		return err
	}
	if j.NoFile {
		// The network poller needs a descriptor of its own before the last is gone.
		must(net.Listen("tcp", "127.0.0.1:0")).Close()
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: 1024}); err != nil {
			return err
		}
	}
	return encodeRuns(p, j.Runs)
}

func decodeInput(into any) error { return json.NewDecoder(os.Stdin).Decode(into) }

// encodeAll runs each of the probes once and writes what they found.
func encodeAll(cfgs ...any) error {
	var results []thongsuot.Result
	for _, cfg := range cfgs {
		p, err := build(cfg)
		if err != nil {
			return err
		}
		results = append(results, probes.Run(context.Background(), p))
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

// encodeRuns runs a probe and writes what it found for the parent.
func encodeRuns(p probes.Probe, runs int) error {
	var results []thongsuot.Result
	for range runs {
		results = append(results, probes.Run(context.Background(), p))
	}
	return json.NewEncoder(os.Stdout).Encode(results)
}

func decode[T any](raw json.RawMessage) func() (any, error) {
	return func() (any, error) {
		var cfg T
		err := json.Unmarshal(raw, &cfg)
		return cfg, err
	}
}

// place is where and how a child runs: a command that runs its arguments.
type place []string

// here is this process's own place.
var here = place{"env"}

func (p place) command(t *testing.T, what string) *exec.Cmd {
	args := append(slices.Clone(p), must(os.Executable()))
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+what, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// output is what a child says that gets j on its input.
func (p place) output(t *testing.T, what string, j any) []byte {
	t.Helper()
	cmd := p.command(t, what)
	cmd.Stdin = bytes.NewReader(must(json.Marshal(j)))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args, err, out, &stderr)
	}
	return out
}

// ask runs the probe in a child, once.
func (p place) ask(t *testing.T, kind thongsuot.ProbeKind, cfg any) thongsuot.Result {
	t.Helper()
	return p.run(t, job{Kind: kind, Config: must(json.Marshal(cfg)), Runs: 1})[0]
}

func (p place) run(t *testing.T, j job) []thongsuot.Result {
	t.Helper()
	return decodeResults(t, p.output(t, "probe", j))
}

func decodeResults(t *testing.T, raw []byte) (results []thongsuot.Result) {
	t.Helper()
	if err := json.Unmarshal(raw, &results); err != nil {
		t.Fatal(err)
	}
	return results
}

// serve starts a child that serves until the test ends, and waits until it is ready.
func (p place) serve(t *testing.T, what string) {
	t.Helper()
	cmd := p.command(t, what)
	cmd.Stderr = os.Stderr
	stdin, stdout := must(cmd.StdinPipe()), must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); cmd.Wait() })
	ready := make([]byte, len(childReady))
	if _, err := io.ReadFull(stdout, ready); err != nil || string(ready) != childReady {
		t.Fatalf("child %s: %q, %v", what, ready, err)
	}
}

const childReady = "ready\n"

// untilDone says that a child is ready and blocks until its parent is done.
func untilDone() {
	fmt.Print(childReady)
	io.Copy(io.Discard, os.Stdin)
}

// each polls until ok, at most thirty seconds.
func each(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 30s: %s", what)
		}
	}
}

// quiet swallows the complaints of servers whose clients hang up on purpose.
var quiet = log.New(io.Discard, "", 0)
