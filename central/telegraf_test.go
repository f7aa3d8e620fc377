package central_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot/store"
	"thongsuot/wire"
)

// recorded is a minute after the last of Telegraf's requests was.
var recorded = time.Unix(1795424871, 0).Add(time.Minute)

// What Telegraf really sends is accepted, stored and can be queried.
func TestTelegrafsRequests(t *testing.T) {
	h := newHouse(t)
	h.stop()
	h.cfg.Store.Now = func() time.Time { return recorded }
	h.start()
	files, err := filepath.Glob("testdata/telegraf/*.json")
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	accepted := 0
	for range 2 { // Telegraf repeats what it has no answer for
		for _, f := range files {
			accepted += h.replay(strings.TrimSuffix(f, ".json"))
		}
	}
	h.stop()
	h.stored(accepted / 2)
}

// replay sends a recorded request over a socket of its own and returns how
// many samples were accepted.
func (h *house) replay(base string) int {
	h.t.Helper()
	raw, err := os.ReadFile(base + ".json")
	if err != nil {
		h.t.Fatal(err)
	}
	var rec struct {
		Method, Path string
		Headers      map[string]string
	}
	if err := json.Unmarshal(raw, &rec); err != nil {
		h.t.Fatal(err)
	}
	body, err := os.ReadFile(base + ".body")
	if err != nil {
		h.t.Fatal(err)
	}
	req, err := http.NewRequest(rec.Method, "http://"+h.server.WriteAddr()+rec.Path, io.MultiReader(bytes.NewReader(body))) // chunked, as it was
	if err != nil {
		h.t.Fatal(err)
	}
	for name, value := range rec.Headers {
		req.Header.Set(name, strings.Replace(value, "site-token", h.tokens["25051"], 1))
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := strconv.Atoi(resp.Header.Get(wire.HeaderAccepted))
	if resp.StatusCode != http.StatusNoContent || err != nil || n == 0 {
		text, _ := io.ReadAll(resp.Body)
		h.t.Fatalf("%s: %d %v %s", base, resp.StatusCode, resp.Header, text)
	}
	return n
}

// stored looks into the store of the stopped centre.
func (h *house) stored(samples int) {
	h.t.Helper()
	cfg := h.cfg.Store
	cfg.Dir = filepath.Join(h.cfg.DataDir, "store")
	s, err := store.Open(cfg, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		h.t.Fatal(err)
	}
	defer s.Close()
	f := func(query string, want float64) {
		h.t.Helper()
		got, err := s.Instant(context.Background(), query, recorded)
		if err != nil || len(got) != 1 || len(got[0].Points) != 1 || got[0].Points[0].Value != want {
			h.t.Errorf("%s: %+v %v, want %v", query, got, err, want)
		}
	}
	all, err := s.Instant(context.Background(), `{site="25051"}[5m]`, recorded)
	n := 0
	for _, series := range all {
		n += len(series.Points)
	}
	if err != nil || n != samples {
		h.t.Errorf("%d samples stored, want %d; %v", n, samples, err)
	}
	f(`count(count by (site) ({site!=""}))`, 1)
	f(`min(ping_packets_received{commune="Sơn Điền",host="may-chu-25051",url="127.0.0.2"})`, 2)
	f(`max(http_response_result_code{result="connection_failed"})`, 3)
	f(`max(net_response_result_code{protocol="tcp",result="success"})`, 0)
}
