package conserve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const siteCode = "25051"

var (
	centreReady = regexp.MustCompile(`msg="centre ready" pages=(\S+) writes=(\S+) beats=(\S+)`)
	agentReady  = regexp.MustCompile(`msg="agent measures".* local=(\S+)`)
)

// house is one agent, one centre, the line between them and the witness.
type house struct {
	cfg           Config
	dir           string
	witness       *witness
	line          *relay
	agentDisk     *disk
	centreDisk    *disk
	agent, centre *program
	led           chan struct{} // closed when the line leads to the centre, or never will
	launch        chan func()   // what starts programs, in a thread that lives as long as the house
}

func newHouse(ctx context.Context, cfg Config, dir string) (h *house, err error) {
	h = &house{cfg: cfg, dir: dir, launch: make(chan func())}
	go launcher(h.launch)
	if h.witness, err = newWitness(); err != nil {
		return h, err
	}
	if h.line, err = newRelay(); err != nil {
		return h, err
	}
	if h.agentDisk, err = newDisk(ctx, dir, "agent"); err != nil {
		return h, err
	}
	if h.centreDisk, err = newDisk(ctx, dir, "centre"); err != nil {
		return h, err
	}
	if err := h.configure(); err != nil {
		return h, err
	}
	if err := command(ctx, cfg.Central, "token", "-config", h.file("central.yaml"), "-out", h.file("token"), siteCode); err != nil {
		return h, err
	}
	if err := h.startCentre(ctx); err != nil {
		return h, err
	}
	if _, err := h.centre.works(ctx); err != nil {
		return h, err
	}
	return h, h.startAgent()
}

func (h *house) close(ctx context.Context) {
	for _, p := range []*program{h.agent, h.centre} {
		if p != nil {
			p.kill()
		}
	}
	if h.witness != nil {
		h.witness.close()
	}
	if h.line != nil {
		h.line.close()
	}
	for _, d := range []*disk{h.agentDisk, h.centreDisk} {
		if d != nil {
			d.close(ctx)
		}
	}
	close(h.launch)
}

func (h *house) file(name string) string { return filepath.Join(h.dir, name) }

func (h *house) configure() error {
	var portals strings.Builder
	for i := range probeCount {
		fmt.Fprintf(&portals, "    - {name: %[1]s, url: \"http://%[2]s/%[1]s\", every: %[3]s, body: 65536}\n", probeName(i), h.witness.addr, probeEvery)
	}
	files := map[string]string{
		"sites.csv": "code,kind,unit,name,status\n" + siteCode + ",commune,commune,Sơn Điền,active\n",
		"central.yaml": fmt.Sprintf(`
data_dir: %[1]s/data
registry: [%[2]s]
ingest: {listen: "127.0.0.1:0", beat: "127.0.0.1:0"}
pages: {listen: "127.0.0.1:0"}
store: {min_free_bytes: 8388608}
`, h.centreDisk.mount, h.dir),
		"agent.yaml": fmt.Sprintf(`
site: "%[1]s"
data_dir: %[2]s/data
run_dir: ""
listen: 127.0.0.1:0
round: 1s
centre: {url: "http://%[3]s", beat: "%[4]s", token_file: %[5]s/token}
probes:
  gateway: "off"
  resolvers: ["off"]
  centre: false
  mains: false
  portals:
%[6]s`, siteCode, h.agentDisk.mount, h.line.tcp.Addr(), h.line.udp.LocalAddr(), h.dir, portals.String()),
	}
	for name, text := range files {
		if err := os.WriteFile(h.file(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// run starts a program and does not wait for it.
func (h *house) run(file string, readiness *regexp.Regexp, config string) (p *program, err error) {
	done := make(chan struct{})
	h.launch <- func() {
		p, err = start(file, readiness, "run", "-config", h.file(config))
		close(done)
	}
	<-done
	return p, err
}

// startCentre starts it, and leads the line there once it works.
func (h *house) startCentre(ctx context.Context) (err error) {
	if h.centre, err = h.run(h.cfg.Central, centreReady, "central.yaml"); err != nil {
		return err
	}
	p := h.centre
	h.led = make(chan struct{})
	go func(led chan struct{}) {
		defer close(led)
		if said, err := p.works(ctx); err == nil {
			h.line.lead(said[2], said[3])
		}
	}(h.led)
	return nil
}

func (h *house) killCentre() {
	h.centre.kill()
	<-h.led
	h.line.lead("", "")
}

func (h *house) startAgent() (err error) {
	h.agent, err = h.run(h.cfg.Agent, agentReady, "agent.yaml")
	return err
}

func (h *house) killAgent() {
	h.agent.kill()
	h.witness.killed()
}

// dropped is what the running agent counts as given up.
func (h *house) dropped(ctx context.Context) (n int, err error) {
	said, err := h.agent.works(ctx)
	if err != nil {
		return 0, err
	}
	body, err := fetch(ctx, "http://"+said[1]+"/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(body)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, counter := range counters {
			if name != counter && !strings.HasPrefix(name, counter+"{") {
				continue
			}
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, fmt.Errorf("metric %s: %w", name, err)
			}
			n += int(v)
		}
	}
	return n, nil
}

// counters are those of the agent where results can be given up.
var counters = []string{
	"thongsuot_agent_results_lost_total", "thongsuot_agent_records_dropped_total",
	"thongsuot_agent_spool_dropped_total", "thongsuot_agent_spool_damaged_total",
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// asked asks the agent how it is.
func (h *house) asked(ctx context.Context, path string, into any) error {
	said, err := h.agent.works(ctx)
	if err != nil {
		return err
	}
	body, err := fetch(ctx, "http://"+said[1]+path)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// settle lets the agent deliver all that it has. The programs are well again.
func (h *house) settle(ctx context.Context) error {
	h.witness.end()
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Settle)
	defer cancel()
	var status struct {
		Records   int    `json:"spool_records"`
		LastError string `json:"last_error"`
	}
	for {
		err := sleep(ctx, 300*time.Millisecond)
		if err == nil {
			err = h.asked(ctx, "/status", &status)
		}
		// What was answered last is in the spool by now.
		if err == nil && status.Records == 0 && time.Since(began) > handTime {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err, fmt.Errorf("the agent still has %d rounds to deliver (%s); its log ends:\n%s\nthe centre's:\n%s",
				status.Records, status.LastError, h.agent.log(), h.centre.log()))
		}
	}
}
