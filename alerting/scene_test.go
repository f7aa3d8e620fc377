package alerting_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/alerting"
	"thongsuot/alerting/notice"
	"thongsuot/registry"
)

var zone = time.FixedZone("ICT", 7*60*60)

// channel is a notifier that keeps what it is handed. answer decides what
// comes of it; without one everything arrives.
type channel struct {
	answer func(m notice.Message) (string, error)

	mu  sync.Mutex
	got []notice.Message
	at  []time.Time
}

func (c *channel) Name() string { return "fake" }

func (c *channel) Send(_ context.Context, m notice.Message) (string, error) {
	c.mu.Lock()
	c.got = append(c.got, m)
	c.at = append(c.at, time.Now())
	c.mu.Unlock()
	if c.answer != nil {
		return c.answer(m)
	}
	return "ref-" + m.Incident, nil
}

func (c *channel) messages() []notice.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

// revisions is what the channel was handed, as "incident/revision".
func (c *channel) revisions() []string {
	var out []string
	for _, m := range c.messages() {
		out = append(out, thongsuot.Change{Incident: thongsuot.Incident{ID: m.Incident, Revision: m.Revision}}.Key())
	}
	return out
}

// pauses is the time between one message and the next.
func (c *channel) pauses() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []time.Duration
	for i := 1; i < len(c.at); i++ {
		out = append(out, c.at[i].Sub(c.at[i-1]))
	}
	return out
}

// journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// scene is a dispatcher at work in a bubble.
type scene struct {
	*alerting.Dispatcher
	ledger *memory
	reg    *prometheus.Registry
	log    *journal
	stop   func()
}

// places is a registry: two sites of Monday to Friday, half past seven to half
// past eleven and half past one to half past five.
type places struct {
	people  map[string][]thongsuot.Person
	windows []thongsuot.Window
}

func province() alerting.Places { return places{} }

func (places) Site(code string) (thongsuot.Site, bool) {
	all := map[string]thongsuot.Site{
		"25051": {Code: "25051", Kind: thongsuot.KindCommune, Unit: thongsuot.UnitCommune, Name: "Sơn Điền"},
		"test":  {Code: "test", Kind: thongsuot.KindTest, Name: "máy này"},
	}
	site, ok := all[code]
	return site, ok
}

func (p places) People(site string) []thongsuot.Person { return p.people[site] }

func (places) OfficeHours(_ string, day thongsuot.Day) []registry.Session {
	midnight := day.In(zone)
	if w := midnight.Weekday(); w == time.Saturday || w == time.Sunday {
		return nil
	}
	at := func(hour int) time.Time { return midnight.Add(time.Duration(hour)*time.Hour + 30*time.Minute) }
	return []registry.Session{{Start: at(7), End: at(11)}, {Start: at(13), End: at(17)}}
}

func (p places) Windows(site string, from, to time.Time) (out []thongsuot.Window) {
	for _, w := range p.windows {
		if w.Start.Before(to) && w.End.After(from) && slices.Contains(w.Sites, site) {
			out = append(out, w)
		}
	}
	return out
}

// run starts a dispatcher on ledger with one fake channel a receiver. It ends
// with the test, or when stop is called.
func run(t *testing.T, ledger *memory, receivers map[string]*channel, filters ...alerting.Receiver) *scene {
	t.Helper()
	cfg := alerting.DefaultConfig()
	cfg.PageURL = "https://thongsuot.example/"
	notifiers := make(map[string][]alerting.Notifier)
	for name, c := range receivers {
		r := alerting.Receiver{Name: name}
		for _, f := range filters {
			if f.Name == name {
				r = f
			}
		}
		cfg.Receivers = append(cfg.Receivers, r)
		notifiers[name] = []alerting.Notifier{c}
	}
	s := &scene{ledger: ledger, reg: prometheus.NewRegistry(), log: new(journal)}
	s.Dispatcher = alerting.New(cfg, notifiers, ledger, province, zone, slog.New(slog.NewTextHandler(s.log, nil)), s.reg)
	s.stop = background(t, s.Run)
	return s
}

// background does what runs until its context ends, until the test does or stop
// is called.
func background(t *testing.T, run func(context.Context)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		run(ctx)
		close(done)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// start runs a dispatcher with one receiver, "ops", until the test ends.
func start(t *testing.T, ledger alerting.Ledger, ops alerting.Notifier) (stop func()) {
	t.Helper()
	cfg := alerting.DefaultConfig()
	cfg.Receivers = []alerting.Receiver{{Name: "ops"}}
	d := alerting.New(cfg, map[string][]alerting.Notifier{"ops": {ops}}, ledger, province, zone,
		slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	return background(t, d.Run)
}

// say records changes and lets the dispatcher do all it can at once.
func (s *scene) say(cs ...thongsuot.Change) {
	s.ledger.record(cs...)
	s.Wake()
	synctest.Wait()
}

// change is a revision of an incident at Sơn Điền that began at 14:05:07.
func change(incident string, revision int, kind thongsuot.ChangeKind, v thongsuot.Verdict) thongsuot.Change {
	start := time.Date(2026, 11, 23, 14, 5, 7, 0, zone)
	i := thongsuot.Incident{
		ID: incident, Site: "25051", Start: start, Verdict: v, Worst: thongsuot.StateDown, Revision: revision,
	}
	if kind == thongsuot.ChangeClosed || kind == thongsuot.ChangeRevised {
		i.End = start.Add(135 * time.Minute)
	}
	return thongsuot.Change{Kind: kind, At: start.Add(time.Duration(revision) * time.Minute), Incident: i}
}

var silent = thongsuot.Verdict{
	State: thongsuot.StateDown, Cause: thongsuot.CauseUnknown, Confidence: thongsuot.ConfidenceLow,
	Candidates: []string{"power", "access"},
	Evidence: []thongsuot.Evidence{
		{Code: thongsuot.EvidenceBeatsUnanswered, At: time.Date(2026, 11, 23, 14, 5, 7, 0, zone), Value: 3},
		{Code: thongsuot.EvidenceNoMainsSensor},
	},
}

func opened(incident string) thongsuot.Change {
	return change(incident, 1, thongsuot.ChangeOpened, silent)
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func counter(t *testing.T, reg *prometheus.Registry, channel, result string) float64 {
	t.Helper()
	return value(t, reg, "thongsuot_alert_deliveries_total", map[string]string{"channel": channel, "result": result})
}

func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	return value(t, reg, name, nil)
}

// value reads one series.
func value(t *testing.T, reg *prometheus.Registry, name string, labels map[string]string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			got := make(map[string]string)
			for _, l := range m.GetLabel() {
				got[l.GetName()] = l.GetValue()
			}
			if f.GetName() == name && maps.Equal(got, labels) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no series %s %v", name, labels)
	return 0
}
