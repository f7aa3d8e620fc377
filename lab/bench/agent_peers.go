package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Ports of the peers.
const (
	sinkPort  = 8428 // of the store that vmagent writes to
	scrapers  = 9115 // and the next, of the blackbox exporters
	agentPort = 9090 // of prometheus
)

// peerAtWork is a peer that does a site's work.
type peerAtWork struct {
	name, note string
	pids       []int
	log        fmt.Stringer
	sends      bool // to the sink
}

// startPeers starts those that are installed, and says which are not.
func (a *atWork) startPeers(ctx context.Context) {
	for _, p := range []struct {
		name  string
		start func(context.Context) (peerAtWork, error)
	}{
		{"vmagent and blackbox_exporter", a.startVMAgent},
		{"prometheus agent and blackbox_exporter", a.startPrometheus},
		{"fping", a.startFping},
	} {
		peer, err := p.start(ctx)
		if err != nil {
			a.leave(p.name+" beside the agent", "%v", err)
			continue
		}
		peer.name = p.name
		a.peers = append(a.peers, peer)
	}
	a.leave("Telegraf beside the agent", "Debian has no package of it")
}

const noUPS = "reads no UPS, keeps nothing of a cut in order"

// startVMAgent starts vmagent, which scrapes a blackbox exporter at the site's
// pace and writes to a VictoriaMetrics in the capital.
func (a *atWork) startVMAgent(ctx context.Context) (peerAtWork, error) {
	sink := fmt.Sprintf("%s:%d", a.v.CentreAddr(), sinkPort)
	if _, _, err := a.start(ctx, a.v.Capital(), "http://"+sink+"/health", "victoria-metrics",
		"-storageDataPath="+filepath.Join(a.dir, "sink"), "-httpListenAddr="+sink, "-memory.allowedBytes=256MB"); err != nil {
		return peerAtWork{}, err
	}
	blackbox, _, err := a.startBlackbox(ctx, a.v.Site(), scrapers)
	if err != nil {
		return peerAtWork{}, err
	}
	config := filepath.Join(a.dir, "vmagent.yml")
	if err := os.WriteFile(config, []byte(a.standard(scrapers)), 0o600); err != nil {
		return peerAtWork{}, err
	}
	pid, log, err := a.start(ctx, a.v.Site(), "http://127.0.0.1:8429/health", "vmagent",
		"-promscrape.config="+config, "-remoteWrite.url=http://"+sink+"/api/v1/write",
		"-remoteWrite.tmpDataPath="+filepath.Join(a.dir, "vmagent"), "-httpListenAddr=127.0.0.1:8429", "-enableTCP6=false")
	return peerAtWork{note: noUPS, pids: []int{blackbox, pid}, log: log, sends: true}, err
}

// startPrometheus starts Prometheus in agent mode at the same work. The
// reference host takes all that it writes: its memory and CPU are asked for.
func (a *atWork) startPrometheus(ctx context.Context) (peerAtWork, error) {
	if _, err := installed("prometheus"); err != nil {
		return peerAtWork{}, err
	}
	blackbox, _, err := a.startBlackbox(ctx, a.v.Site(), scrapers+1)
	if err != nil {
		return peerAtWork{}, err
	}
	config := filepath.Join(a.dir, "prometheus.yml")
	text := a.standard(scrapers+1) + "remote_write: [{url: " + a.v.Page() + "api/v1/write}]\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return peerAtWork{}, err
	}
	pid, log, err := a.start(ctx, a.v.Site(), fmt.Sprintf("http://127.0.0.1:%d/-/ready", agentPort), "prometheus",
		"--enable-feature=agent", "--config.file="+config, "--storage.agent.path="+filepath.Join(a.dir, "prometheus"),
		fmt.Sprintf("--web.listen-address=127.0.0.1:%d", agentPort))
	return peerAtWork{note: noUPS, pids: []int{blackbox, pid}, log: log}, err
}

func (a *atWork) startBlackbox(ctx context.Context, namespace string, port int) (pid int, log fmt.Stringer, err error) {
	config := filepath.Join(a.dir, "blackbox.yml")
	text := `modules:
  icmp: {prober: icmp, timeout: 2s}
  tcp: {prober: tcp, timeout: 5s}
  http: {prober: http, timeout: 8s, http: {tls_config: {insecure_skip_verify: true}}}
`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return 0, nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	return a.start(ctx, namespace, "http://"+addr+"/-/healthy", "prometheus-blackbox-exporter", "--config.file="+config, "--web.listen-address="+addr)
}

// startFping starts fping with the five echoes alone.
func (a *atWork) startFping(ctx context.Context) (peerAtWork, error) {
	pid, log, err := a.start(ctx, a.v.Site(), "", "fping", append([]string{"-l", "-q", "-p", "10000"}, a.v.Echoes()...)...)
	return peerAtWork{note: "the five echoes alone; keeps and sends nothing", pids: []int{pid}, log: log}, err
}

// scrape is one kind of probe at one pace.
type scrape struct {
	module, every string
	targets       []string
}

// standard is the configuration of a scraper that has the standard job.
func (a *atWork) standard(blackbox int) string {
	return "global: {scrape_interval: 10s}\n" + scrapes(blackbox,
		scrape{"icmp", "10s", a.v.Echoes()}, scrape{"tcp", "10s", a.v.Ports()},
		scrape{"http", "10s", []string{a.v.Page()}}, scrape{"http", "1m", []string{a.v.Portal()}})
}

// scrapes says what is probed through a blackbox exporter.
func scrapes(blackbox int, jobs ...scrape) string {
	var b strings.Builder
	b.WriteString("scrape_configs:\n")
	for _, j := range jobs {
		fmt.Fprintf(&b, `  - job_name: %[1]s%[2]s
    scrape_interval: %[2]s
    metrics_path: /probe
    params: {module: [%[1]s]}
    static_configs: [{targets: ["%[3]s"]}]
    relabel_configs:
      - {source_labels: [__address__], target_label: __param_target}
      - {source_labels: [__param_target], target_label: instance}
      - {target_label: __address__, replacement: "127.0.0.1:%[4]d"}
`, j.module, j.every, strings.Join(j.targets, `", "`), blackbox)
	}
	return b.String()
}

// start starts a program of Debian in a namespace and waits until it answers.
func (a *atWork) start(ctx context.Context, namespace, ready, name string, args ...string) (int, fmt.Stringer, error) {
	path, err := installed(name)
	if err != nil {
		return 0, nil, err
	}
	pid, log, err := a.v.Start(namespace, name, append([]string{path}, args...)...)
	if err != nil || ready == "" {
		return pid, log, err
	}
	if err := answers(ctx, a.v.Client(namespace), ready); err != nil {
		return pid, log, fmt.Errorf("%s: %w: its log ends:\n%s", name, err, log)
	}
	return pid, log, nil
}

// startTime is what a server is given until it answers.
const startTime = time.Minute

// answers waits until url answers well.
func answers(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode < 300 {
				return nil
			}
			err = errors.New(resp.Status)
		}
		if wait(ctx, 100*time.Millisecond) != nil {
			return fmt.Errorf("%s does not answer: %w", url, err)
		}
	}
}
