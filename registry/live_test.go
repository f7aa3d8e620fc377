package registry_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"thongsuot"
	"thongsuot/registry"
)

const header = "code,kind,unit,name,status,valid_from,valid_to\n"

func openLive(t *testing.T, dirs ...string) (*registry.Live, *prometheus.Registry, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	reg := prometheus.NewPedanticRegistry()
	live, err := registry.OpenLive(slog.New(slog.NewTextHandler(&log, nil)), reg, ict, dirs...)
	if err != nil {
		t.Fatal(err)
	}
	return live, reg, &log
}

func wantMetrics(t *testing.T, reg *prometheus.Registry, text string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(reg, strings.NewReader(text), names...); err != nil {
		t.Error(err)
	}
}

func wantReloadOK(t *testing.T, reg *prometheus.Registry, value string) {
	t.Helper()
	wantMetrics(t, reg, `
# HELP thongsuot_registry_reload_ok 1 when the last reading of the registry was accepted, 0 when it was refused and the one before it is still in use.
# TYPE thongsuot_registry_reload_ok gauge
thongsuot_registry_reload_ok `+value+"\n", "thongsuot_registry_reload_ok")
}

func TestReloadKeepsTheLastGoodOne(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sites.csv", header+"25051,commune,commune,Sơn Điền,active\n")
	live, reg, log := openLive(t, dir)
	wantReloadOK(t, reg, "1")
	before := live.Current()

	write(t, dir, "sites.csv", header+"25051,commune,commune,Sơn Điền,sometimes\n")
	log.Reset()
	err := live.Reload()
	if err == nil || !strings.Contains(err.Error(), `sites.csv:2: status: must be one of active, not_installed (got "sometimes")`) {
		t.Errorf("reload of a bad file: %v", err)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "sometimes") {
		t.Errorf("%d lines logged, want one that names the value: %s", n, log)
	}
	wantReloadOK(t, reg, "0")
	if s, ok := live.Current().Site("25051"); !ok || s.Status != thongsuot.StatusActive {
		t.Errorf("a refused reload replaced the registry: %+v, %v", s, ok)
	}

	write(t, dir, "sites.csv", header+"25051,commune,commune,Sơn Điền,active\n24712,commune,commune,Quảng Phú,active\n")
	if err := live.Reload(); err != nil {
		t.Fatal(err)
	}
	wantReloadOK(t, reg, "1")
	if n := len(live.Current().Sites()); n != 2 {
		t.Errorf("%d sites after a good reload, want 2", n)
	}
	if n := len(before.Sites()); n != 1 {
		t.Errorf("a registry in use changed: %d sites", n)
	}
}

func TestOpenLiveNeedsAGoodFirstLoad(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	var log bytes.Buffer
	_, err := registry.OpenLive(slog.New(slog.NewTextHandler(&log, nil)), reg, ict, "testdata/good", "testdata/bad/unknown-status")
	if err == nil {
		t.Fatal("accepted")
	}
	if log.Len() > 0 {
		t.Errorf("logged as well as returned: %s", log.String())
	}
	if n, err := testutil.GatherAndCount(reg); n != 0 || err != nil {
		t.Errorf("%d metrics of a registry that is not there, %v", n, err)
	}
}

func TestSiteCounts(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sites.csv", header+
		"25051,commune,commune,Sơn Điền,active\n24712,commune,commune,Quảng Phú,active\n24748,commune,commune,Quảng Tân,not_installed\n"+
		"mot-cua,one_stop,,Một cửa tỉnh,active\nmay-nay,test,,máy này,active\ndoi-chung,reference,,Đối chứng,active\n"+
		"so-y-te,department,,Sở Y tế,active,,1999-12-31\n")
	_, reg, _ := openLive(t, dir)
	wantMetrics(t, reg, `
# HELP thongsuot_registry_sites Sites in the registry today.
# TYPE thongsuot_registry_sites gauge
thongsuot_registry_sites{kind="commune",status="active"} 2
thongsuot_registry_sites{kind="commune",status="not_installed"} 1
thongsuot_registry_sites{kind="department",status="active"} 0
thongsuot_registry_sites{kind="department",status="not_installed"} 0
thongsuot_registry_sites{kind="one_stop",status="active"} 1
thongsuot_registry_sites{kind="one_stop",status="not_installed"} 0
thongsuot_registry_sites{kind="reference",status="active"} 1
thongsuot_registry_sites{kind="reference",status="not_installed"} 0
thongsuot_registry_sites{kind="test",status="active"} 1
thongsuot_registry_sites{kind="test",status="not_installed"} 0
`, "thongsuot_registry_sites")
}

// TestLiveFollowsTheDay starts, as every bubble does, at midnight UTC on
// 1 January 2000: 07:00 of that day in the province.
func TestLiveFollowsTheDay(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sites.csv", header+
		"25051,commune,commune,Sơn Điền,not_installed,,2000-01-01\n"+
		"25051,commune,commune,Sơn Điền,active,2000-01-02,\n")
	synctest.Test(t, func(t *testing.T) {
		live, reg, _ := openLive(t, dir)
		wantMetrics(t, reg, `
# HELP thongsuot_registry_reload_timestamp_seconds When the registry in use was read, in Unix time.
# TYPE thongsuot_registry_reload_timestamp_seconds gauge
thongsuot_registry_reload_timestamp_seconds 9.466848e+08
`, "thongsuot_registry_reload_timestamp_seconds")
		status := func() thongsuot.SiteStatus {
			s, _ := live.Current().Site("25051")
			return s.Status
		}
		time.Sleep(17*time.Hour - time.Nanosecond)
		if status() != thongsuot.StatusNotInstalled {
			t.Error("installed before its day")
		}
		time.Sleep(time.Nanosecond)
		if status() != thongsuot.StatusActive {
			t.Error("the new day did not come without a reload")
		}
		if first, second := live.Current(), live.Current(); first != second {
			t.Error("the view of one day is made anew for each reader")
		}
	})
}

func TestReadersAndReloads(t *testing.T) {
	live, _, _ := openLive(t, "testdata/good")
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for range 50 {
				if s, ok := live.Current().Site("25051"); !ok || s.Name != "Sơn Điền" {
					t.Errorf("site %+v, %v", s, ok)
				}
			}
		})
	}
	for range 10 {
		if err := live.Reload(); err != nil {
			t.Error(err)
		}
	}
	readers.Wait()
}
