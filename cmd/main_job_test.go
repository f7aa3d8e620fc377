package cmd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/alerting/slack/slacktest"
	"thongsuot/store"
)

const (
	channel  = "C0OPERATE1"
	slackKey = "xoxb-for-the-test-only"
)

// house is a centre and an agent, as an operator would set them up.
type house struct {
	t         *testing.T
	dir       string
	slack     *slacktest.Server
	portal    *portal
	central   *program
	agent     *program
	pages     string
	writes    string
	beats     string
	centralAt string
	agentAt   string

	agentLocal string    // where the running agent serves its metrics
	agentSince time.Time // when it was started
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), slack: slacktest.New(t, slackKey, channel), portal: newPortal(t)}
	write(t, h.dir, "registry/sites.csv", "code,kind,unit,name,status\nmay-nay,test,,máy này,active\n25051,commune,commune,Sơn Điền,not_installed\n")
	slackToken := write(t, h.dir, "slack-token", slackKey+"\n")
	h.configureCentral("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", slackToken)
	h.startCentral()
	// From here on the same ports, so that a restart is found again.
	h.configureCentral(h.writes, h.beats, strings.TrimPrefix(strings.TrimSuffix(h.pages, "/"), "http://"), slackToken)

	code, out := answer(t, "thongsuot-central", "token", "-config", h.centralAt, "-out", filepath.Join(h.dir, "token"), "may-nay")
	if code != 0 {
		t.Fatalf("token: exit %d: %s", code, out)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.portal.Certificate().Raw})
	h.agentAt = write(t, h.dir, "agent.yaml", fmt.Sprintf(`
site: may-nay
data_dir: %[1]s/agent
run_dir: ""
listen: 127.0.0.1:0
round: 1s
centre:
  url: http://%[2]s
  beat: %[6]s
  token_file: %[1]s/token
probes:
  gateway: 127.0.0.1
  resolvers: [%[3]q]
  portals:
    - url: %[4]s/
      ca_file: %[5]s
      own: true
      every: 1s
`, h.dir, h.writes, newResolver(t), h.portal.URL, write(t, h.dir, "portal-ca.pem", string(ca)), h.beats))
	h.startAgent()
	return h
}

func (h *house) configureCentral(ingest, beat, pages, slackToken string) {
	h.centralAt = write(h.t, h.dir, "central.yaml", fmt.Sprintf(`
data_dir: %[1]s/central
registry: [%[1]s/registry]
ingest: {listen: %[2]q, beat: %[7]q}
pages: {listen: %[3]q}
alerting:
  page_url: http://127.0.0.1
  receivers:
    - name: van-hanh
      slack: {channel: %[4]s, token_file: %[5]s, api_url: %[6]q}
`, h.dir, ingest, pages, channel, slackToken, h.slack.URL(), beat))
}

func (h *house) startCentral() {
	h.t.Helper()
	h.central = start(h.t, "thongsuot-central", "run", "-config", h.centralAt)
	m := h.central.logged(`msg="centre ready" pages=(\S+) writes=(\S+) beats=(\S+)`)
	h.pages, h.writes, h.beats = m[1], m[2], m[3]
}

func (h *house) startAgent() {
	h.t.Helper()
	h.agent = start(h.t, "thongsuot-agent", "run", "-config", h.agentAt)
	h.agentLocal = h.agent.logged(`msg="agent measures".* local=(\S+)`)[1]
	h.agentSince = time.Now()
}

// measured is how many results of a probe the running agent says it has.
func (h *house) measured(probe string) (n int) {
	h.t.Helper()
	resp, err := http.Get("http://" + h.agentLocal + "/metrics")
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if !strings.HasPrefix(name, `thongsuot_agent_results_total{probe="`+probe+`"`) {
			continue
		}
		count, err := strconv.Atoi(value)
		if err != nil {
			h.t.Fatal(err)
		}
		n += count
	}
	return n
}

// stored is how many samples of a metric the centre, now ended, has kept of
// the present run of the agent.
func (h *house) stored(metric, probe string) (n int) {
	h.t.Helper()
	cfg := store.DefaultConfig()
	cfg.Dir = filepath.Join(h.dir, "central", "store")
	s, err := store.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		h.t.Fatal(err)
	}
	defer s.Close()
	span := int(time.Since(h.agentSince)/time.Second) + 1
	selector := store.Selector(metric, thongsuot.Label{Name: thongsuot.LabelProbe, Value: probe})
	series, err := s.Instant(context.Background(), fmt.Sprintf("sum(count_over_time(%s[%ds]))", selector, span), time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, one := range series {
		n += int(one.Points[0].Value)
	}
	return n
}

// page reads a page whole.
func (h *house) page(path string) string {
	h.t.Helper()
	resp, err := http.Get(h.pages + path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: status %d, %v", path, resp.StatusCode, err)
	}
	return string(b)
}

// live follows a page's stream, as a browser does, until the fragment called
// id holds all of want.
func (h *house) live(page, id string, want ...string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.pages+"events?page="+page, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	last := ""
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var parts map[string]string
		if json.Unmarshal([]byte(data), &parts) != nil || parts[id] == "" {
			continue
		}
		if last = parts[id]; containsAll(last, want) {
			return
		}
	}
	h.t.Fatalf("%s never showed %q in %s; last:\n%s", page, want, id, last)
}

// containsAll looks for words whatever their capitals: a page writes them large
// at the beginning of a line.
func containsAll(s string, want []string) bool {
	for _, w := range want {
		if !strings.Contains(strings.ToLower(s), strings.ToLower(w)) {
			return false
		}
	}
	return true
}

// messages waits until the channel satisfies cond and returns what stands in it.
func (h *house) messages(what string, cond func([]slacktest.Message) bool) (ms []slacktest.Message) {
	h.t.Helper()
	h.eventually(what, func() bool {
		ms = h.slack.Messages(channel)
		return cond(ms)
	})
	return ms
}

// eventually looks again until cond holds.
func (h *house) eventually(what string, cond func() bool) {
	h.t.Helper()
	limit := time.After(60 * time.Second)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !cond() {
		select {
		case <-look.C:
		case <-limit:
			h.t.Fatalf("%s did not come; in Slack stands:\n%s", what, shown(h.slack.Messages(channel)))
		}
	}
}

func shown(ms []slacktest.Message) string {
	var b strings.Builder
	for _, m := range ms {
		fmt.Fprintf(&b, "ts %s thread %q edits %d: %s\n", m.TS, m.ThreadTS, m.Edits, m.Text)
	}
	return b.String()
}

// The main job, end to end: an agent measures, the centre stores, decides,
// tells and shows, and a kill of either loses nothing and tells nobody twice.
func TestMainJob(t *testing.T) {
	h := newHouse(t)
	const site = "/site/may-nay"
	h.live(site, "probes", "127.0.0.1", h.portal.Listener.Addr().String(), "cổng mạng", "máy chủ tên miền", "Cổng Dịch vụ công")
	if p := h.page(site); !containsAll(p, []string{"máy này"}) {
		t.Errorf("the page does not name the site:\n%s", p)
	}
	if p := h.page(""); containsAll(p, []string{"chưa cấu hình kênh báo"}) || !containsAll(p, []string{"chưa lắp đặt"}) {
		t.Error("the overview lacks the channel, or a site that is not installed")
	}

	// The portal says itself that it fails: shown as that, told once, taken back.
	h.portal.status.Store(http.StatusServiceUnavailable)
	h.live(site, "probes", "503")
	ms := h.messages("the portal's failure", func(ms []slacktest.Message) bool { return len(ms) == 1 })
	if !containsAll(ms[0].Text, []string{"máy này"}) {
		t.Errorf("the message does not say where:\n%s", shown(ms))
	}
	portalTS := ms[0].TS
	h.portal.status.Store(http.StatusOK)
	h.messages("the portal's recovery", func(ms []slacktest.Message) bool {
		return len(ms) == 2 && ms[0].Edits > 0 && ms[1].ThreadTS == portalTS
	})

	// A killed agent is silent; why, nobody can know yet.
	h.agent.kill()
	ms = h.messages("the silence", func(ms []slacktest.Message) bool { return len(ms) == 3 })
	silence := ms[2]
	if silence.Reply() || !containsAll(silence.Text, []string{"chưa xác định"}) {
		t.Errorf("no new message of unknown cause:\n%s", shown(ms))
	}
	h.live(site, "incidents", "chưa xác định")

	// Back again: the same message, edited, and one all clear in its thread;
	// what came back names the cause.
	h.startAgent()
	h.messages("the all clear", func(ms []slacktest.Message) bool {
		return len(ms) == 4 && ms[2].TS == silence.TS && ms[2].Edits > 0 && ms[3].ThreadTS == silence.TS
	})
	h.messages("the true cause", func(ms []slacktest.Message) bool {
		return len(ms) == 4 && containsAll(ms[2].Text, []string{"phần mềm điểm đo"})
	})

	// The centre is killed and comes back: nobody is told, nothing is missing.
	h.central.kill()
	before := h.measured("portal")
	h.startCentral()
	h.live(site, "probes", h.portal.Listener.Addr().String())
	h.live(site, "head", "bình thường")

	h.eventually("results measured after the kill", func() bool { return h.measured("portal") > before+2 })
	measured := h.measured("portal")
	h.agent.stop()
	h.central.stop()
	if stored := h.stored("portal_ok", "portal"); stored < measured {
		t.Errorf("%d results of the portal stored, the agent measured %d", stored, measured)
	}
	if ms := h.slack.Messages(channel); len(ms) > 4 {
		t.Errorf("more was told than happened:\n%s", shown(ms))
	}
}
