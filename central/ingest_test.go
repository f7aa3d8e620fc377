package central_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thongsuot/wire"
)

func TestWriteIsStoredAndAcknowledged(t *testing.T) {
	h := newHouse(t)
	status, header, text := h.post("25051", zip(t, lines(3, time.Now())), func(r *http.Request) {
		gzipped(r)
		ours(1, wire.SeqRange{From: 10, To: 12})(r)
	})
	if status != http.StatusNoContent || header.Get(wire.HeaderAccepted) != "9" || header.Get(wire.HeaderRefused) != "0" {
		t.Fatalf("%d %v %s", status, header, text)
	}
	if at, exact, ok := wire.ParseTime(header); !ok || !exact || time.Since(at).Abs() > time.Minute {
		t.Errorf("time of the centre: %s %v %v", at, exact, ok)
	}
	if page := h.get("site/25051"); !strings.Contains(page, "192.0.2.1") {
		t.Error("the page does not show what was written")
	}
}

// The same batch again, after an acknowledgement that got lost, is taken once.
func TestRepeatedBatchIsTakenOnce(t *testing.T) {
	h := newHouse(t)
	body := lines(2, time.Now())
	for range 3 {
		if status, _, text := h.post("25051", body, ours(1, wire.SeqRange{From: 1, To: 1})); status != http.StatusNoContent {
			t.Fatal(status, text)
		}
	}
	if got := h.metric("thongsuot_ingest_samples_total"); got != "6" {
		t.Errorf("%s samples stored, want 6", got)
	}
	h.stop()
	h.start()
	if status, _, text := h.post("25051", body, ours(1, wire.SeqRange{From: 1, To: 1})); status != http.StatusNoContent {
		t.Fatal(status, text)
	}
	if got := h.metric("thongsuot_ingest_samples_total"); got != "0" {
		t.Errorf("after a restart %s samples stored again", got)
	}
}

func TestWhatIsRefused(t *testing.T) {
	h := newHouse(t)
	good := lines(1, time.Now())
	f := func(name string, body []byte, change func(*http.Request), wantStatus int, wantCode, wantText string) {
		t.Run(name, func(t *testing.T) {
			status, _, text := h.post("25051", body, change)
			var e struct{ Code, Message string }
			if err := json.Unmarshal([]byte(text), &e); err != nil {
				t.Fatalf("not InfluxDB's shape: %d %s", status, text)
			}
			if status != wantStatus || e.Code != wantCode || !strings.Contains(e.Message, wantText) {
				t.Errorf("got %d %q %q", status, e.Code, e.Message)
			}
		})
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	f("no token", good, func(r *http.Request) { r.Header.Del("Authorization") }, 401, "unauthorized", "Authorization: Token")
	f("wrong token", good, set("Authorization", "Token tsk_wrong"), 401, "unauthorized", "unknown token")
	f("empty body", nil, nil, 400, "invalid", "empty")
	f("malformed", []byte("this is no line protocol"), nil, 400, "invalid", "line 1")
	f("not gzip", good, gzipped, 400, "invalid", "gzip")
	f("torn gzip", zip(t, lines(500, time.Now()))[:200], gzipped, 400, "invalid", "unexpected EOF")
	f("other encoding", good, set("Content-Encoding", "zstd"), 415, "invalid", "zstd")
	f("bad precision", good, func(r *http.Request) { r.URL.RawQuery = "precision=h" }, 400, "invalid", `"h"`)
	f("bad header", good, func(r *http.Request) { ours(1)(r); r.Header.Set(wire.HeaderSeq, "9-1") }, 400, "invalid", wire.HeaderSeq)
	f("oversize", bytes.Repeat([]byte("a"), wire.MaxBody+1), nil, 413, "request too large", "split it")
	f("bomb", zip(t, make([]byte, 64<<20)), gzipped, 413, "request too large", "after decompression")
	f("too many lines", zip(t, bytes.Repeat([]byte("a b=1\n"), wire.MaxLines+1)), gzipped, 413, "request too large", "5001 lines, at most")

	// After all that the centre still works.
	if status, _, text := h.post("25051", good, nil); status != http.StatusNoContent {
		t.Fatal(status, text)
	}
}

// A bad line harms no other of its body, and is counted.
func TestBadLinesAreCountedTheOthersStored(t *testing.T) {
	h := newHouse(t)
	body := append(lines(2, time.Now()), "icmp,probe=x ok=nonsense\n"...)
	future := time.Now().Add(time.Hour)
	body = append(body, lines(1, future)...)
	for _, want := range []int{http.StatusBadRequest, http.StatusNoContent} { // the second time it was here before
		status, header, text := h.post("25051", body, ours(1, wire.SeqRange{From: 1, To: 4}))
		if status != want {
			t.Fatalf("%d %v %s, want %d", status, header, text, want)
		}
		if status == http.StatusNoContent {
			continue
		}
		var e struct {
			Code, Message string
			Line          int
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil || e.Code != "invalid" || e.Line != 3 || !strings.Contains(e.Message, "2 of 4 lines refused, the others stored") {
			t.Errorf("%+v, %v", e, err)
		}
		if header.Get(wire.HeaderAccepted) != "6" || header.Get(wire.HeaderRefused) != "2" || header.Get(wire.HeaderLines) != "3-4" {
			t.Errorf("%v", header)
		}
	}
	if got := h.metric(`thongsuot_ingest_refused_total{what="line"}`); got != "2" {
		t.Errorf("bad lines counted: %s", got)
	}
	kept, err := os.ReadFile(filepath.Join(h.cfg.DataDir, "quarantine", "25051.lp"))
	if err != nil || !strings.Contains(string(kept), "\nicmp,probe=x ok=nonsense\n") || !strings.Contains(string(kept), "ahead") {
		t.Errorf("kept aside: %q, %v", kept, err)
	}
}

// A token opens its own site, whatever the body says.
func TestTokenWritesItsOwnSiteOnly(t *testing.T) {
	h := newHouse(t)
	body := []byte("icmp,site=24712,probe=gateway,target=203.0.113.9 ok=1\n")
	if status, _, text := h.post("25051", body, ours(1, wire.SeqRange{From: 1, To: 1})); status != http.StatusNoContent {
		t.Fatal(status, text)
	}
	if strings.Contains(h.get("site/24712"), "203.0.113.9") {
		t.Error("a token wrote into another site")
	}
	if !strings.Contains(h.get("site/25051"), "203.0.113.9") {
		t.Error("nor did it write into its own")
	}
}

// Telegraf and other writers are welcome: stored, never fatal, no sign of life.
func TestForeignWriters(t *testing.T) {
	h := newHouse(t)
	body := []byte(`cpu,host=máy\ chủ,cpu=cpu0 usage_idle=98.2,mode="auto" ` + "\n" + `net_response,protocol=tcp result_code=0i,result_type="success" `)
	for _, authorization := range []string{"Token " + h.tokens["25051"], "Bearer " + h.tokens["25051"]} {
		if status, _, text := h.post("25051", body, func(r *http.Request) { r.Header.Set("Authorization", authorization) }); status != http.StatusNoContent {
			t.Fatal(status, text)
		}
	}
	if status, _, text := h.post("25051", body, func(r *http.Request) { r.SetBasicAuth("any", h.tokens["25051"]) }); status != http.StatusNoContent {
		t.Fatal(status, text)
	}
	if got := h.metric(`thongsuot_ingest_refused_total{what="text"}`); got != "6" {
		t.Errorf("text fields counted: %s", got)
	}
	if strings.Contains(h.head("25051"), "ình thường") {
		t.Error("a foreign writer counts as the site being well")
	}
}

// One token cannot fill the centre with series.
func TestSeriesOfASiteAreBounded(t *testing.T) {
	h := newHouse(t)
	for i := range 4 {
		var b strings.Builder
		for n := range 500 {
			fmt.Fprintf(&b, "m,n=%d v=1 %d\n", i*500+n, time.Now().UnixMilli())
		}
		status, header, text := h.post("25051", zip(t, []byte(b.String())), gzipped)
		switch want := http.StatusNoContent; {
		case i < 2 && (status != want || header.Get(wire.HeaderAccepted) != "500"):
			t.Errorf("write %d: %d %s", i, status, text)
		case i >= 2 && (status != http.StatusUnprocessableEntity || header.Get(wire.HeaderLines) != "1-500" || !strings.Contains(text, "series")):
			t.Errorf("write %d: %d %s", i, status, text)
		}
	}
	if got := h.metric(`thongsuot_ingest_refused_total{what="series"}`); got != "1000" {
		t.Errorf("refused for too many series: %s", got)
	}
	// What is known goes on, and so do others.
	for _, site := range []string{"25051", "24712"} {
		if status, _, text := h.post(site, []byte("m,n=1 v=2\n"), nil); status != http.StatusNoContent {
			t.Errorf("site %s: %d %s", site, status, text)
		}
	}
}

// Nothing stored is not said to be stored.
func TestWriteOfNothingButTheFutureIsRefused(t *testing.T) {
	h := newHouse(t)
	status, header, text := h.post("25051", lines(2, time.Now().Add(24*time.Hour)), ours(1, wire.SeqRange{From: 1, To: 1}))
	if status != http.StatusUnprocessableEntity || header.Get(wire.HeaderRefused) != "2" || header.Get(wire.HeaderLines) != "1-2" || !strings.Contains(text, "ahead") {
		t.Errorf("%d %v %s", status, header, text)
	}
}

func TestNewTokenWorksAtOnce(t *testing.T) {
	h := newHouse(t)
	if status, _, text := h.post("25051", lines(1, time.Now()), nil); status != http.StatusNoContent {
		t.Fatal(status, text)
	}
	h.tokens["24712"] = h.token("24712")
	limit := time.After(30 * time.Second)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		if status, _, _ := h.post("24712", lines(1, time.Now()), nil); status == http.StatusNoContent {
			return
		}
		select {
		case <-again.C:
		case <-limit:
			t.Fatal("a token made while the centre runs is never known")
		}
	}
}

func TestPingAndHealthAreInfluxDBs(t *testing.T) {
	h := newHouse(t)
	resp, err := http.Get("http://" + h.server.WriteAddr() + "/ping")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if _, exact, ok := wire.ParseTime(resp.Header); resp.StatusCode != http.StatusNoContent || !exact || !ok {
		t.Errorf("ping: %d %v", resp.StatusCode, resp.Header)
	}
	if got := h.get("healthz"); got != "ok\n" {
		t.Errorf("health: %q", got)
	}
}
