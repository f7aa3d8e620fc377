package central_test

import (
	"context"
	"database/sql"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"thongsuot/central"
	"thongsuot/wire"
)

func open(cfg central.Config) error {
	_, err := central.New(cfg, "test", slog.New(slog.DiscardHandler))
	return err
}

func TestConfigErrorsNameFieldAndValue(t *testing.T) {
	f := func(change func(*central.Config), want string) {
		t.Helper()
		c := central.DefaultConfig()
		c.DataDir, c.Store.Dir = t.TempDir(), "x"
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(func(c *central.Config) { c.DataDir = "" }, "data_dir")
	f(func(c *central.Config) { c.Zone = "Asia/Đà Lạt" }, `zone: want a name such as Asia/Ho_Chi_Minh (got "Asia/Đà Lạt")`)
	f(func(c *central.Config) { c.Registry = nil }, "registry: must name")
	f(func(c *central.Config) { c.Pages.Listen = "0.0.0.0:8080" }, `pages.listen: must be a loopback address until there are accounts; from another machine use ssh -L (got "0.0.0.0:8080")`)
	f(func(c *central.Config) { c.Pages.Listen = ":8080" }, "pages.listen: must be a loopback address")
	f(func(c *central.Config) { c.Pages.Listen = "8080" }, `pages.listen: want address:port (got "8080")`)
	f(func(c *central.Config) { c.Ingest.Listen = "0.0.0.0:8086" }, "beyond this machine tls_cert_file and tls_key_file are needed")
	f(func(c *central.Config) { c.Ingest.TLSCertFile = "x" }, "both or none")
	f(func(c *central.Config) { c.Ingest.Beat = "x" }, "ingest.beat")
	f(func(c *central.Config) { c.Incident.Beat = 0 }, "incident.beat")
	f(func(c *central.Config) { c.Alerting.Language = "fr" }, "alerting.language")
	f(func(c *central.Config) { c.Store.Retention = time.Hour }, "store.retention")
}

func TestPortInUseAndUnwritableFolder(t *testing.T) {
	h := newHouse(t)
	other := h.cfg
	other.DataDir = t.TempDir()
	other.Pages.Listen = h.server.PagesAddr()
	if err := open(other); err == nil || !strings.Contains(err.Error(), "pages.listen") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("port in use: %v", err)
	}
	other.Pages.Listen = "127.0.0.1:0"
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other.DataDir = filepath.Join(file, "below")
	if err := open(other); err == nil || !strings.Contains(err.Error(), "data_dir") {
		t.Errorf("unwritable folder: %v", err)
	}
	other = h.cfg
	if err := open(other); err == nil {
		t.Error("two centres on one data folder")
	}
}

// What New opened is closed when it fails, so that the next try can work.
func TestFailedStartLeavesNothingOpen(t *testing.T) {
	h := newHouse(t)
	h.stop()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := h.cfg
	cfg.Pages.Listen = taken.Addr().String()
	if err := open(cfg); err == nil {
		t.Fatal("it started on a taken port")
	}
	h.start()
}

func TestBadRegistryKeepsTheLastGoodOne(t *testing.T) {
	h := newHouse(t)
	sites := filepath.Join(h.cfg.Registry[0], "sites.csv")
	if err := os.WriteFile(sites, []byte("code,kind,unit,name,status\n25051,commune,commune,Sơn Điền,aktiv\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := h.server.Reload(context.Background()); err == nil || !strings.Contains(err.Error(), "aktiv") {
		t.Errorf("reload: %v", err)
	}
	if got := h.metric("thongsuot_registry_reload_ok"); got != "0" {
		t.Errorf("metric %q", got)
	}
	if !strings.Contains(h.get(""), "Quảng Phú") {
		t.Error("the last good registry is gone")
	}
}

// A silent site is an incident on the page; killed and started again, the
// centre still knows it.
func TestSilenceSurvivesARestart(t *testing.T) {
	h := newHouse(t)
	b := h.beater("25051")
	b.meet()
	if r, ok := b.send(b.beat.Marshal(b.key)); !ok || !r.Heard {
		t.Fatal("not heard")
	}
	shown := func() bool { return strings.Contains(h.head("25051"), "hưa xác định") }
	wait(t, "the silence", shown)
	h.stop()
	h.start()
	if !shown() {
		t.Error("the restart forgot the silence")
	}
	b = h.beater("25051")
	b.beat.Seq = 2
	b.meet()
	b.beat.Try = 2
	if r, ok := b.send(b.beat.Marshal(b.key)); !ok || !r.Heard {
		t.Fatal("not heard")
	}
	if status, _, text := h.post("25051", lines(1, time.Now()), ours(1, wire.SeqRange{From: 1, To: 1})); status != 204 {
		t.Fatal(status, text)
	}
	wait(t, "the end of the silence", func() bool { return strings.Contains(h.head("25051"), "ình thường") })
}

// A page elsewhere whose name points here cannot read ours.
func TestPagesAreForThisMachine(t *testing.T) {
	h := newHouse(t)
	f := func(host string, want int) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, "http://"+h.server.PagesAddr()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("host %q: %d", host, resp.StatusCode)
		}
	}
	f("evil.example", http.StatusMisdirectedRequest)
	f("10.1.2.3:8080", http.StatusMisdirectedRequest)
	f("localhost:9000", http.StatusOK)
	f("[::1]:9000", http.StatusOK)
	f("127.0.0.1", http.StatusOK)
}

// The list of tokens that cannot be read any more does not make the centre deaf.
func TestBeatsAreHeardWhileTheLedgerCannotBeRead(t *testing.T) {
	h := newHouse(t)
	b := h.beater("25051")
	b.meet()
	db, err := sql.Open("sqlite", filepath.Join(h.cfg.DataDir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("ALTER TABLE tokens RENAME TO elsewhere"); err != nil {
		t.Fatal(err)
	}
	wait(t, "a failed reading", func() bool {
		b.beat.Seq++
		r, ok := b.send(b.beat.Marshal(b.key))
		if !ok || !r.Heard {
			t.Fatalf("beat %d is not heard", b.beat.Seq)
		}
		return b.beat.Seq > 40 // more than the list is kept
	})
}

func wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	limit := time.After(60 * time.Second)
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for !cond() {
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("%s did not come", what)
		}
	}
}
