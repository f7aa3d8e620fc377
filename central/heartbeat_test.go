package central_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot/central"
)

// A sign of life goes out while the centre is well, and none while it is not;
// the address stays out of the log.
func TestHeartbeat(t *testing.T) {
	var sick atomic.Bool
	heard := make(chan string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case heard <- r.Method + " " + r.URL.Path:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	checked := make(chan struct{})
	healthy := func(ctx context.Context) error {
		select {
		case checked <- struct{}{}:
		case <-ctx.Done():
		}
		if sick.Load() {
			return errors.New("the ledger cannot be read")
		}
		return nil
	}
	var log bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	cfg := central.HeartbeatConfig{URL: server.URL + "/secret-uuid", Every: time.Millisecond}
	go func() {
		defer close(done)
		central.RunHeartbeat(ctx, cfg, healthy, slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry())
	}()
	for range 2 {
		<-checked
		if got := <-heard; got != "GET /secret-uuid" {
			t.Errorf("heard %s", got)
		}
	}
	sick.Store(true)
	for range 3 { // the second check comes only after nothing was said for the first
		select {
		case <-checked:
		case <-heard:
			t.Error("said to be well while it is not")
		}
	}
	sick.Store(false)
	server.CloseClientConnections()
	stop()
	<-done
	if text := log.String(); !strings.Contains(text, "result=withheld") || strings.Contains(text, "secret-uuid") {
		t.Errorf("log: %s", text)
	}
}
