package dashboards_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"thongsuot"
	"thongsuot/dashboards"
)

// TestOnlyWhatChangedIsSent: an update has the fragments that differ and no
// others, and a change of nothing shown sends nothing.
func TestOnlyWhatChangedIsSent(t *testing.T) {
	for _, encoding := range []string{"identity", "gzip"} {
		t.Run(encoding, func(t *testing.T) {
			f := province(t)
			s := listen(t, f)
			w := watch(t, s, "/", load(t, s, "/"), "Accept-Encoding", encoding)
			if got := w.beat(); got.data != "14:05:07, 23/11/2026" { // no update before it: the page was just loaded
				t.Errorf("as of %q", got.data)
			}
			f.change(func() { f.overview.Sites[124].Probes[0].At = now.Add(3 * time.Second) })
			first := w.next()
			if got := first.parts(t); names(got) != "now tests" || !strings.Contains(got["tests"], "14:05:10") {
				t.Errorf("after one more answer of the test machine: %s", names(got))
			}
			f.change(func() {})
			f.change(func() { f.overview.Sites[0].LastHeard = now }) // the overview does not show it
			f.change(func() { f.overview.Channels = nil })
			second := w.next()
			if got := second.parts(t); names(got) != "banner now" || !strings.Contains(got["banner"], "Chưa cấu hình kênh báo") {
				t.Errorf("after the channel went: %s", names(got))
			}
			if first.id == second.id || first.id == "" {
				t.Errorf("identities %q and %q", first.id, second.id)
			}
		})
	}
}

// TestAFallenSiteIsSeenEverywhere: one change, all the parts that it concerns.
func TestAFallenSiteIsSeenEverywhere(t *testing.T) {
	f := province(t)
	s := listen(t, f)
	w := watch(t, s, "/", load(t, s, "/"))
	w.beat()
	f.change(func() {
		site := &f.overview.Sites[60]
		site.Verdict = thongsuot.Verdict{State: thongsuot.StateDown, Cause: thongsuot.CauseUnknown, Candidates: []string{"power", "access"}}
		site.Since = now
		f.overview.Recent = append(f.overview.Recent, thongsuot.Incident{
			ID: "new", Site: site.Site.Code, Start: now, Verdict: site.Verdict, Worst: thongsuot.StateDown, Revision: 1,
		})
	})
	got := w.next().parts(t)
	if names(got) != "action counts map now running sites" {
		t.Errorf("parts: %s", names(got))
	}
	if !strings.Contains(got["running"], "mất điện hoặc đường truyền") {
		t.Errorf("running: %s", got["running"])
	}
}

// TestAStreamGoesOnWhereItBroke: who comes again is sent what he missed, by
// any server, and no more.
func TestAStreamGoesOnWhereItBroke(t *testing.T) {
	f := province(t)
	s := listen(t, f)
	loaded := load(t, s, "/")
	w := watch(t, s, "/", loaded)
	w.beat()
	f.change(func() { f.overview.Sites[124].Probes[0].At = now.Add(time.Second) })
	last := w.next().id
	w.leave()

	again := watch(t, s, "/", loaded, "Last-Event-ID", last)
	again.beat() // nothing was missed
	again.leave()

	f.change(func() { f.overview.Channels = nil })
	other := listen(t, f)
	later := watch(t, other, "/", loaded, "Last-Event-ID", last)
	if got := later.next().parts(t); names(got) != "banner now" {
		t.Errorf("missed one change, was sent %s", names(got))
	}
	nobody := watch(t, other, "/", "nonsense")
	if got := nobody.next().parts(t); names(got) != "action banner counts map now running sites tests week" {
		t.Errorf("who shows nothing we know was sent %s", names(got))
	}
}

// TestSitePageIsLive: rows follow answers; the costly charts stay.
func TestSitePageIsLive(t *testing.T) {
	f := province(t)
	s := listen(t, f)
	page := "/site/may-nay?span=24h"
	w := watch(t, s, page, load(t, s, page))
	w.beat()
	f.change(func() {
		v := f.sites["may-nay"]
		v.Probes = slices.Clone(v.Probes)
		v.Probes[3].Reason = thongsuot.ReasonHTTP5xx
		f.sites["may-nay"] = v
	})
	got := w.next().parts(t)
	if names(got) != "now probes truths" || !strings.Contains(got["probes"], "lỗi ở bước trang web (HTTP)") {
		t.Errorf("parts: %s", names(got))
	}
}

func TestIncidentPageIsLive(t *testing.T) {
	f := province(t)
	s := listen(t, f)
	w := watch(t, s, "/incident/i-25051-1", load(t, s, "/incident/i-25051-1"))
	w.beat()
	f.change(func() { f.sites["25051"].Incidents[0].Deliveries[1].State = thongsuot.DeliverySent })
	if got := w.next().parts(t); names(got) != "deliveries now" {
		t.Errorf("parts: %s", names(got))
	}
}

func TestSignsOfLife(t *testing.T) {
	f := province(t)
	s := listen(t, f, func(o *dashboards.Options) { o.Beat = 5 * time.Millisecond })
	w := watch(t, s, "/", load(t, s, "/"))
	for range 3 {
		w.beat()
	}
	f.mu.Lock()
	f.err = errors.New("no longer")
	f.mu.Unlock()
	w.ended() // a page that cannot be drawn must not look alive
}

// TestTooManyLivePages: the page itself still loads, and a place that is left
// can be taken.
func TestTooManyLivePages(t *testing.T) {
	reg := prometheus.NewRegistry()
	f := province(t)
	s := listen(t, f, func(o *dashboards.Options) { o.MaxStreams, o.Registerer = 2, reg })
	a, b := watch(t, s, "/", ""), watch(t, s, "/site/25051", "")
	a.next()
	b.next()
	ask := func() int {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/events?page=%2F", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
			t.Error("no word on when to come again")
		}
		return resp.StatusCode
	}
	if got := ask(); got != http.StatusServiceUnavailable {
		t.Errorf("a third of two: %d", got)
	}
	if w := load(t, s, "/"); w == "" {
		t.Error("the page itself is refused")
	}
	if got := metric(t, reg, "thongsuot_pages_streams_refused_total"); got != 1 {
		t.Errorf("%v refused", got)
	}
	a.leave()
	for ask() != http.StatusOK { // until the server has seen it leave
	}
}

// metric is the value of the only series called name.
func metric(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.Metric[0].GetCounter().GetValue() + f.Metric[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s in %d", name, testutil.CollectAndCount(reg))
	return 0
}

// TestShutdownDoesNotHang: streams end when Done is closed, so the server can
// be shut down with pages open.
func TestShutdownDoesNotHang(t *testing.T) {
	f := province(t)
	done := make(chan struct{})
	s := listen(t, f, func(o *dashboards.Options) { o.Done = done })
	w := watch(t, s, "/", load(t, s, "/"))
	w.beat()
	close(done)
	if err := s.Config.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	w.ended()
}

func TestStreamsOfNoPage(t *testing.T) {
	h := serve(t, province(t))
	for address, want := range map[string]int{
		"/events":                      http.StatusNotFound,
		"/events?page=/static/app.css": http.StatusNotFound,
		"/events?page=/site/99999":     http.StatusNotFound,
		"/events?page=/site/a/b":       http.StatusNotFound,
		"/events?page=%3A%2F%2F":       http.StatusBadRequest,
	} {
		if got := get(t, h, address).Code; got != want {
			t.Errorf("%s: %d, want %d", address, got, want)
		}
	}
}

// TestManyViewersShareAPage: all see the last change, however changes and
// viewers fall together.
func TestManyViewersShareAPage(t *testing.T) {
	f := province(t)
	s := listen(t, f)
	state := load(t, s, "/")
	const viewers, changes = 8, 30
	var all sync.WaitGroup
	for range viewers {
		w := watch(t, s, "/", state)
		all.Go(func() {
			for e := w.next(); ; e = w.next() {
				if e.name != "beat" && strings.Contains(e.data, "kết thúc-29-") {
					return
				}
			}
		})
	}
	for n := range changes {
		f.change(func() {
			f.overview.Sites[124].Probes[0].Target = "kết thúc-" + string(rune('0'+n/10)) + string(rune('0'+n%10)) + "-"
		})
	}
	all.Wait()
}
