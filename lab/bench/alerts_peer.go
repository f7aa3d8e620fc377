package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"thongsuot/lab/real"
)

// watcher is Prometheus with a blackbox exporter in the capital: it pings every
// site's machine every five seconds and alerts at the second answer that does
// not come, as careful as our own default. Its alerts end in our hands where an
// Alertmanager would stand, which takes further time in real life.
type watcher struct {
	*run
	sites map[string]string // name by address
	http  *http.Server

	mu           sync.Mutex
	began, ended map[string][]time.Time // of the faults of each site that cut it off
	told         []said
}

// said is an alert that came, or its end.
type said struct {
	site  string
	at    time.Time
	clear bool
}

const (
	watcherName = "prometheus and blackbox_exporter, tuned"
	watchEvery  = 5 * time.Second
	alertPort   = 9093
)

// start starts the peer; when it cannot, that is said and ours goes on alone.
func (w *watcher) start(ctx context.Context, v real.Visitor) error {
	if err := w.launch(ctx, v); err != nil {
		w.leave("time to the alert of "+watcherName, "%v", err)
	}
	return ctx.Err()
}

func (w *watcher) launch(ctx context.Context, v real.Visitor) error {
	for _, name := range []string{"prometheus", "prometheus-blackbox-exporter"} {
		if _, err := installed(name); err != nil {
			return err
		}
	}
	a := atWork{run: w.run, v: v}
	ln, err := v.Listen(fmt.Sprintf("127.0.0.1:%d", alertPort))
	if err != nil {
		return err
	}
	w.http = &http.Server{Handler: w, ReadHeaderTimeout: startTime}
	go func(ln net.Listener) { _ = w.http.Serve(ln) }(ln) // ends with close
	if _, _, err := a.startBlackbox(ctx, v.Capital(), scrapers); err != nil {
		return err
	}
	w.sites = map[string]string{}
	var targets []string
	for name, addr := range v.Machines() {
		w.sites[addr] = name
		targets = append(targets, addr)
	}
	slices.Sort(targets)
	rules, config := filepath.Join(w.dir, "rules.yml"), filepath.Join(w.dir, "watcher.yml")
	if err := os.WriteFile(rules, []byte(fmt.Sprintf("groups: [{name: lines, rules: [{alert: down, expr: probe_success == 0, for: %s}]}]\n", watchEvery)), 0o600); err != nil {
		return err
	}
	text := fmt.Sprintf(`global: {scrape_interval: %[1]s, scrape_timeout: 4s, evaluation_interval: %[1]s}
rule_files: [%[2]s]
alerting: {alertmanagers: [{static_configs: [{targets: ["127.0.0.1:%[3]d"]}]}]}
`, watchEvery, rules, alertPort) + scrapes(scrapers, scrape{"icmp", watchEvery.String(), targets})
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	_, _, err = a.start(ctx, v.Capital(), fmt.Sprintf("http://127.0.0.1:%d/-/ready", agentPort), "prometheus", "--config.file="+config,
		"--storage.tsdb.path="+filepath.Join(w.dir, "watcher"), fmt.Sprintf("--web.listen-address=127.0.0.1:%d", agentPort))
	return err
}

// ServeHTTP takes alerts as an Alertmanager does: one whose end lies in the
// past is over.
func (w *watcher) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	now := time.Now()
	var alerts []struct {
		EndsAt time.Time         `json:"endsAt"`
		Labels map[string]string `json:"labels"`
	}
	if json.NewDecoder(r.Body).Decode(&alerts) != nil {
		return // Prometheus asks nothing else here
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range alerts {
		w.told = append(w.told, said{site: w.sites[a.Labels["instance"]], at: now, clear: !a.EndsAt.After(now)})
	}
}

// note keeps when a line was truly cut and healed.
func (w *watcher) note(e real.Event) {
	if w == nil || e.What != real.EventFault || !strings.HasPrefix(e.Text, cutLine) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e.Kind {
	case "begins":
		w.began[e.Place] = append(w.began[e.Place], time.Now())
	case "ends":
		w.ended[e.Place] = append(w.ended[e.Place], time.Now())
	}
}

// report gives the delays of the alerts and of their ends.
func (w *watcher) report() {
	if w.http == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var cut, heal delays
	for _, one := range []struct {
		when  map[string][]time.Time
		clear bool
		into  *delays
	}{{w.began, false, &cut}, {w.ended, true, &heal}} {
		for site, times := range one.when {
			for _, from := range times {
				one.into.add(w.first(site, from, one.clear))
			}
		}
	}
	cut.report(w.run, watcherName, whatCut, nil, nil)
	heal.report(w.run, watcherName, whatHeal, nil, nil)
}

// first is the delay of the first word of a kind on a site after a time, nil
// when none came.
func (w *watcher) first(site string, from time.Time, clear bool) *float64 {
	for _, s := range w.told {
		if s.site == site && s.clear == clear && s.at.After(from) {
			d := s.at.Sub(from).Seconds()
			return &d
		}
	}
	return nil
}

func (w *watcher) close() {
	if w.http != nil {
		_ = w.http.Close() // nothing of it is kept
	}
}
