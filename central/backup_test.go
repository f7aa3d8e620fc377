package central_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"thongsuot/central"
	"thongsuot/wire"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// load writes as two agents do, fresh rounds and old ones, until stop.
func (h *house) load(stop <-chan struct{}) (wait func()) {
	var work sync.WaitGroup
	for _, site := range []string{"25051", "24712"} {
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				at := time.Now().Add(-time.Duration(i%7) * 26 * time.Hour)
				if status, _, text := h.post(site, lines(20, at), nil); status != http.StatusNoContent && status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
					h.t.Errorf("write: %d %s", status, text)
					return
				}
			}
		})
	}
	return work.Wait
}

// everything is each series with its samples in (from, to].
func (h *house) everything(secret string, from, to time.Time) map[string][][2]any {
	h.t.Helper()
	var got struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Values [][2]any
			}
		}
	}
	h.graph("query", secret, url.Values{
		"query": {fmt.Sprintf(`{site=~".+",__name__=~"icmp_.*"}[%ds]`, int(to.Sub(from).Seconds()))}, "time": {fmt.Sprint(to.Unix())},
	}, &got)
	out := map[string][][2]any{}
	for _, one := range got.Data.Result {
		out[fmt.Sprint(one.Metric)] = one.Values
	}
	return out
}

// A backup that was taken under load restores to the same answers: what was
// acknowledged before it began is all there, samples and sequences and tokens.
func TestBackupUnderLoad(t *testing.T) {
	h := newHouse(t)
	secret := h.reader("grafana")
	now := time.Now().Truncate(time.Second)
	past := now.Add(-10 * 24 * time.Hour)
	for _, d := range []time.Duration{0, 26, 52, 3, 240, 100, 1} { // in no order
		at := now.Add(-d*time.Hour - time.Minute)
		if status, _, text := h.post("25051", lines(30, at), nil); status != http.StatusNoContent {
			t.Fatalf("write: %d %s", status, text)
		}
	}
	numbered := func() (int, string) {
		status, _, text := h.post("24712", lines(1, now.Add(-time.Hour)), ours(1, wire.SeqRange{From: 1, To: 1}))
		return status, text
	}
	if status, text := numbered(); status != http.StatusNoContent {
		t.Fatalf("write: %d %s", status, text)
	}
	want := h.everything(secret, past.Add(-time.Hour), now.Add(-30*time.Second))
	if len(want) < 60 {
		t.Fatalf("%d series", len(want))
	}

	stop := make(chan struct{})
	wait := h.load(stop)
	out := filepath.Join(t.TempDir(), "backup")
	err := central.Backup(t.Context(), h.cfg, "test", out, quiet())
	if err == nil { // the centre goes on, and is asked again
		err = central.Backup(t.Context(), h.cfg, "test", out+"-2", quiet())
	}
	close(stop)
	wait()
	if err != nil {
		t.Fatal(err)
	}
	h.stop()
	if err := central.Backup(t.Context(), h.cfg, "test", out+"-stopped", quiet()); err != nil {
		t.Fatal(err)
	}
	repeated := `thongsuot_ingest_writes_total{lane="live",outcome="repeated"}`
	for _, from := range []string{out, out + "-2", out + "-stopped"} {
		dir := t.TempDir()
		h.cfg.DataDir, h.cfg.Registry = filepath.Join(dir, "data"), []string{filepath.Join(dir, "registry")}
		done, err := central.Restore(h.cfg, from)
		if err != nil || !done.Samples || len(done.Kept) > 0 {
			t.Fatal(done, err)
		}
		h.start()
		got := h.everything(secret, past.Add(-time.Hour), now.Add(-30*time.Second))
		for name, values := range want {
			if !contains(got[name], values) {
				t.Fatalf("%s: %s is %v, want %v", from, name, got[name], values)
			}
		}
		if status, text := numbered(); status != http.StatusNoContent || h.metric(repeated) != "1" {
			t.Errorf("a record of before: %d %s, %s repeated", status, text, h.metric(repeated))
		}
		h.stop()
	}
}

// contains reports whether all holds every one of some; the load wrote more.
func contains(all, some [][2]any) bool {
	i := 0
	for _, v := range all {
		if i < len(some) && reflect.DeepEqual(v, some[i]) {
			i++
		}
	}
	return i == len(some)
}

// What would overwrite data, or is no whole backup, is refused, and no two
// centres run on one folder.
func TestBackupRefusals(t *testing.T) {
	h := newHouse(t)
	f := func(want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	out := filepath.Join(t.TempDir(), "backup")
	if err := central.Backup(t.Context(), h.cfg, "test", out, quiet()); err != nil {
		t.Fatal(err)
	}
	f("exists: name a new folder", central.Backup(t.Context(), h.cfg, "test", out, quiet()))
	_, err := central.Restore(h.cfg, out)
	f("another centre runs on this folder", err)
	_, err = central.New(h.cfg, "test", quiet())
	f("another centre runs on this folder", err)
	h.stop()
	_, err = central.Restore(h.cfg, out)
	f("is there already: move it away first", err)
	if err := os.Remove(filepath.Join(out, "backup.json")); err != nil {
		t.Fatal(err)
	}
	h.cfg.DataDir = filepath.Join(t.TempDir(), "data")
	_, err = central.Restore(h.cfg, out)
	f("is no whole backup", err)
	f("data_dir", central.Backup(t.Context(), h.cfg, "test", out+"-2", quiet()))
}
