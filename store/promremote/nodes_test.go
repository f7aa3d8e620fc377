package promremote_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/store/promremote"
)

// Two nodes of VictoriaMetrics, vmagent in front of them, which writes to both
// and keeps on disk what one cannot take, and vmauth, which reads from either.
// A node is killed and brought back: reads go on, and nothing that was
// acknowledged is missing afterwards, at neither of the nodes.
func TestNodes(t *testing.T) {
	need(t, "victoria-metrics")
	need(t, "vmagent")
	need(t, "vmauth")
	a, b := victoria(t), victoria(t)
	a.start()
	b.start()
	queue := &engine{t: t, name: "vmagent", ready: "/health", dir: t.TempDir(), args: func(addr, dir string) []string {
		return []string{
			"-httpListenAddr=" + addr, "-loggerLevel=ERROR", "-remoteWrite.tmpDataPath=" + filepath.Join(dir, "queue"),
			"-remoteWrite.url=http://" + a.addr + "/api/v1/write", "-remoteWrite.url=http://" + b.addr + "/api/v1/write",
			"-remoteWrite.flushInterval=100ms",
		}
	}}
	queue.start()
	door := &engine{t: t, name: "vmauth", ready: "/health", dir: t.TempDir(), args: func(addr, dir string) []string {
		file := filepath.Join(dir, "auth.yml")
		text := fmt.Sprintf("users:\n- username: centre\n  password: x\n  url_prefix: [\"http://%s\", \"http://%s\"]\n", a.addr, b.addr)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"-httpListenAddr=" + addr, "-auth.config=" + file, "-loggerLevel=ERROR"}
	}}
	door.start()
	s := queue.open(func(c *promremote.Config) {
		c.QueryURL, c.Again = "http://"+door.addr, 3*time.Second
		c.Headers = map[string]string{"Authorization": "Basic Y2VudHJlOng="} // centre:x
	})
	all := run(300)
	write := func(part []thongsuot.Sample) {
		t.Helper()
		if n, err := s.Append(t.Context(), part); err != nil || n != 0 {
			t.Fatal(n, err)
		}
	}
	for i := range 100 {
		write(all[i : i+1])
	}
	a.kill() // with what it took in the last second in memory only
	for i := range 100 {
		write(all[100+i : 101+i])
	}
	until(t, "reads go on while a node is away", func() bool { b.settle(); return stored(t, s) == 200 })
	a.start()
	write(all[200:])
	for _, node := range []*engine{a, b} {
		direct := node.open(nil)
		until(t, "nothing is missing", func() bool { node.settle(); return stored(t, direct) == 300 })
	}
	for range 4 { // whichever node answers
		if got := stored(t, s); got != 300 {
			t.Errorf("%d samples can be read, want 300", got)
		}
	}
}

// until waits for what other programs do in their own time.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-t.Context().Done():
			t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}
