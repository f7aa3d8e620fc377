package central_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
	"thongsuot/wire"
)

// transfer asks for or sends bytes and returns how many came back.
func (h *house) transfer(method, query, token string, body []byte) (status int, came int64, header http.Header) {
	h.t.Helper()
	req, err := http.NewRequest(method, "http://"+h.server.WriteAddr()+wire.PathFetch+query, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	came, err = io.Copy(io.Discard, resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, came, resp.Header
}

func TestTransfersAreBoundedAndCounted(t *testing.T) {
	h := newHouse(t)
	token := h.tokens["25051"]
	if status, came, _ := h.transfer("GET", "?bytes=100000", token, nil); status != http.StatusOK || came != 100_000 {
		t.Errorf("status %d, %d bytes", status, came)
	}
	if status, _, header := h.transfer("POST", "", token, make([]byte, 70_000)); status != http.StatusNoContent || header.Get(wire.HeaderBytes) != "70000" {
		t.Errorf("status %d, %q bytes", status, header.Get(wire.HeaderBytes))
	}
	if status, _, _ := h.transfer("GET", "?bytes=10", "guessed", nil); status != http.StatusUnauthorized {
		t.Errorf("a guessed token: status %d", status)
	}
	for _, q := range []string{"", "?bytes=0", "?bytes=-1", "?bytes=1048577", "?bytes=x"} {
		if status, _, _ := h.transfer("GET", q, token, nil); status != http.StatusBadRequest {
			t.Errorf("%q: status %d", q, status)
		}
	}
	if status, _, _ := h.transfer("POST", "", token, make([]byte, wire.MaxFetch+1)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("too much: status %d", status)
	}
	for n := 0; ; n++ {
		status, _, header := h.transfer("GET", "?bytes=1", token, nil)
		if status == http.StatusTooManyRequests && header.Get("Retry-After") != "" {
			break
		}
		if status != http.StatusOK || n > 40 {
			t.Fatalf("transfer %d of one site: status %d", n, status)
		}
	}
	if status, _, _ := h.transfer("GET", "?bytes=1", h.tokens["24712"], nil); status != http.StatusOK {
		t.Errorf("another site: status %d", status)
	}
	_, metrics := h.fetch("http://"+h.server.PagesAddr()+"/metrics", "")
	for _, want := range []string{
		`thongsuot_fetch_bytes_total{direction="down"} 1000`, `thongsuot_fetch_requests_total{outcome="too_many"} 1`,
		`thongsuot_fetch_requests_total{outcome="unauthorized"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

// The agent's own probe against the centre's own end.
func TestProbeMeasuresAgainstTheCentre(t *testing.T) {
	h := newHouse(t)
	c := probes.DefaultFetchConfig()
	c.URL, c.Watch, c.Busy, c.Transport = "http://"+h.server.WriteAddr()+wire.PathFetch, time.Millisecond, 1e15, http.DefaultTransport
	c.Token = func() (string, error) { return h.tokens["25051"], nil }
	p, err := probes.NewFetch(c)
	if err != nil {
		t.Fatal(err)
	}
	r := probes.Run(t.Context(), p)
	down, _ := r.Field(thongsuot.FieldDownBytes)
	up, _ := r.Field(thongsuot.FieldUpBytes)
	if !r.OK() || down != wire.MaxFetch || up != wire.MaxFetch {
		t.Errorf("%s %s: %v", r.Reason, r.Detail, r.Fields)
	}
}
