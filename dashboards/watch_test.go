package dashboards_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"thongsuot/dashboards"
)

// listen serves the pages of f on loopback. Updates are not slowed down, and
// signs of life come when a page is joined and not again.
func listen(t *testing.T, f *fake, change ...func(*dashboards.Options)) *httptest.Server {
	t.Helper()
	change = append([]func(*dashboards.Options){func(o *dashboards.Options) {
		o.Pace, o.Beat = time.Millisecond, time.Hour
	}}, change...)
	s := httptest.NewServer(serve(t, f, change...))
	t.Cleanup(s.Close)
	return s
}

// event is one server-sent event.
type event struct{ name, id, data string }

// parts are the fragments that an update brings, by name.
func (e event) parts(t *testing.T) map[string]string {
	t.Helper()
	var parts map[string]string
	if err := json.Unmarshal([]byte(e.data), &parts); err != nil {
		t.Fatalf("event %+v: %v", e, err)
	}
	return parts
}

// watcher is a browser that has a page open.
type watcher struct {
	t     *testing.T
	lines *bufio.Scanner
	leave context.CancelFunc
}

// watch joins a page. State is what of it the browser shows.
func watch(t *testing.T, s *httptest.Server, page, state string, headers ...string) *watcher {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	address := s.URL + "/events?" + url.Values{"page": {page}, "lang": {"vi"}, "v": {state}}.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%s: %s %s", page, resp.Status, resp.Header.Get("Content-Type"))
	}
	var body io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			t.Fatal(err)
		}
	}
	w := &watcher{t, bufio.NewScanner(body), cancel}
	w.lines.Buffer(nil, 1<<20)
	return w
}

// next is the next event; the test fails when the stream ends instead.
func (w *watcher) next() event {
	w.t.Helper()
	var e event
	for w.lines.Scan() {
		line := w.lines.Text()
		if line == "" {
			return e
		}
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data += value
		default:
			w.t.Fatalf("line %q", line)
		}
	}
	w.t.Fatalf("the stream ended: %v", w.lines.Err())
	return e
}

// beat fails unless the next event is a sign of life.
func (w *watcher) beat() event {
	w.t.Helper()
	e := w.next()
	if e.name != "beat" {
		w.t.Fatalf("not a sign of life: %.200s", e.data)
	}
	return e
}

// ended fails unless the stream ends.
func (w *watcher) ended() {
	w.t.Helper()
	for w.lines.Scan() {
		if strings.HasPrefix(w.lines.Text(), "id:") {
			w.t.Errorf("an update in place of the end: %s", w.lines.Text())
		}
	}
}

// load is what a browser shows that has just loaded page.
func load(t *testing.T, s *httptest.Server, page string) (state string) {
	t.Helper()
	resp, err := s.Client().Get(s.URL + page)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	w := httptest.NewRecorder()
	if _, err := io.Copy(w.Body, resp.Body); err != nil {
		t.Fatal(err)
	}
	for n := range parse(t, w).Descendants() {
		if n.Data == "body" {
			return attr(n, "data-seen")
		}
	}
	t.Fatal("no body")
	return ""
}

func names(parts map[string]string) string {
	return strings.Join(slices.Sorted(maps.Keys(parts)), " ")
}
