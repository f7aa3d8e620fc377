package central_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"thongsuot/central"
	"thongsuot/store/promremote"
)

// A centre that keeps its samples in another engine: what an agent writes is
// there, and the centre's query API passes on what is asked of it.
func TestOtherEngine(t *testing.T) {
	if _, err := exec.LookPath("victoria-metrics"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("left out: victoria-metrics is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	cmd := exec.Command("victoria-metrics", "-storageDataPath="+filepath.Join(t.TempDir(), "vm"), "-httpListenAddr="+addr,
		"-dedup.minScrapeInterval=1ms", "-search.latencyOffset=0s", "-search.disableCache", "-retentionPeriod=14", "-loggerLevel=ERROR")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // nothing is left of a run that is broken off
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	h := newHouseWith(t, func(c *central.Config) {
		c.Engine, c.Prometheus = "prometheus", promremote.DefaultConfig()
		c.Prometheus.WriteURL, c.Prometheus.QueryURL = "http://"+addr+"/api/v1/write", "http://"+addr
	})
	secret := h.reader("grafana")
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	eventually := func(what string, ok func() bool) {
		t.Helper()
		for !ok() {
			select {
			case <-t.Context().Done():
				t.Fatalf("waited in vain: %s", what)
			case <-tick.C:
			}
		}
	}
	line := fmt.Appendf(nil, "icmp,probe=gateway,target=10.0.0.1 ok=1,reason_code=0,sent=5,received=5,rtt_median_seconds=0.01 %d", time.Now().Add(-10*time.Minute).UnixMilli())
	// While the engine comes up, a write is not acknowledged.
	eventually("the write is taken", func() bool {
		status, _, text := h.post("25051", line, nil)
		if status != http.StatusNoContent && status != http.StatusServiceUnavailable {
			t.Fatalf("write: %d %s", status, text)
		}
		return status == http.StatusNoContent
	})
	eventually("it can be asked for", func() bool {
		if resp, err := http.Get("http://" + addr + "/internal/force_flush"); err == nil { // else new series show after a while
			_ = resp.Body.Close()
		}
		_, value := h.ask(h.server.PagesAddr(), secret, `last_over_time(icmp_sent{site="25051"}[1h])`)
		return value == "5"
	})
}
