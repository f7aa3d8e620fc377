package central_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"thongsuot/central"
	"thongsuot/identity"
	"thongsuot/ledger"
	"thongsuot/wire"
)

// house is a centre on loopback with two sites and their tokens.
type house struct {
	t      testing.TB
	cfg    central.Config
	server *central.Server
	stop   func()
	tokens map[string]string // by site
}

func newHouse(t *testing.T) *house {
	t.Helper()
	return newHouseWith(t, func(*central.Config) {})
}

func newHouseWith(t testing.TB, change func(*central.Config)) *house {
	t.Helper()
	dir := t.TempDir()
	sites := "code,kind,unit,name,status\n25051,commune,commune,Sơn Điền,active\n24712,commune,commune,Quảng Phú,active\n"
	if err := os.MkdirAll(filepath.Join(dir, "registry"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "registry", "sites.csv"), []byte(sites), 0o644); err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, cfg: central.DefaultConfig(), tokens: map[string]string{}}
	h.cfg.Names.Compare = nil // nothing beyond this machine is asked
	h.cfg.DataDir, h.cfg.Registry = filepath.Join(dir, "data"), []string{filepath.Join(dir, "registry")}
	h.cfg.Ingest.Listen, h.cfg.Ingest.Beat, h.cfg.Pages.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	change(&h.cfg)
	h.start()
	for _, site := range []string{"25051", "24712"} {
		h.tokens[site] = h.token(site)
	}
	return h
}

func (h *house) start() {
	h.t.Helper()
	s, err := central.New(h.cfg, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	h.server = s
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("run: %v", err)
		}
	})
	h.t.Cleanup(h.stop)
}

// token makes a token in another connection to the ledger, as the command does.
func (h *house) token(site string) string {
	h.t.Helper()
	l, err := ledger.Open(filepath.Join(h.cfg.DataDir, "ledger.db"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer l.Close()
	token := identity.NewToken()
	key, err := identity.BeatKey(token)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := l.PutToken(context.Background(), ledger.Token{Hash: identity.Hash(token), Site: site, BeatKey: key, Created: time.Now()}); err != nil {
		h.t.Fatal(err)
	}
	return token
}

// post writes body as a client with the site's token, and returns the answer.
func (h *house) post(site string, body []byte, change func(*http.Request)) (status int, header http.Header, text string) {
	h.t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+h.server.WriteAddr()+wire.PathWrite+"?bucket=b&org=o&precision=ms", bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+h.tokens[site])
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

func gzipped(h *http.Request) { h.Header.Set("Content-Encoding", "gzip") }

func zip(t *testing.T, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// ours makes a request one of our agents'.
func ours(start uint32, seqs ...wire.SeqRange) func(*http.Request) {
	return func(r *http.Request) {
		wire.Header{Boot: "boot-1", Running: "boot-1", Start: start, Seq: seqs, Version: "test"}.Set(r.Header)
	}
}

// metric reads one counter of the centre.
func (h *house) metric(name string) string {
	h.t.Helper()
	body := h.get("metrics")
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

func (h *house) get(path string) string {
	h.t.Helper()
	resp, err := http.Get("http://" + h.server.PagesAddr() + "/" + path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// head is the part of a site's page that says how the site is.
func (h *house) head(site string) string {
	h.t.Helper()
	_, rest, found := strings.Cut(h.get("site/"+site), `<section id="head"`)
	head, _, ended := strings.Cut(rest, "</section>")
	if !found || !ended {
		h.t.Fatalf("the page of site %s has no head", site)
	}
	return head
}

// beater plays one agent's beats.
type beater struct {
	h    *house
	conn net.Conn
	key  [32]byte
	beat wire.Beat
}

func (h *house) beater(site string) *beater {
	h.t.Helper()
	conn, err := net.Dial("udp", h.server.BeatAddr())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	key, err := identity.BeatKey(h.tokens[site])
	if err != nil {
		h.t.Fatal(err)
	}
	return &beater{h: h, conn: conn, key: key, beat: wire.Beat{ID: identity.BeatID(identity.Hash(h.tokens[site])), Start: 1, Seq: 1, Try: 1}}
}

// send sends a datagram; ok is false when nothing answers it.
func (b *beater) send(datagram []byte) (r wire.Reply, ok bool) {
	b.h.t.Helper()
	if _, err := b.conn.Write(datagram); err != nil {
		b.h.t.Fatal(err)
	}
	// What is answered at all on loopback is answered well within this.
	if err := b.conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		b.h.t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, err := b.conn.Read(buf)
	if err != nil {
		return wire.Reply{}, false
	}
	r, err = wire.UnmarshalReply(buf[:n], b.key)
	if err != nil {
		b.h.t.Fatal(err)
	}
	return r, true
}

// meet learns the epoch, as an agent does with its first beat.
func (b *beater) meet() {
	b.h.t.Helper()
	r, ok := b.send(b.beat.Marshal(b.key))
	if !ok || r.Heard || r.Epoch == 0 {
		b.h.t.Fatalf("first meeting: %+v %v", r, ok)
	}
	b.beat.Epoch = r.Epoch
}

func lines(n int, at time.Time) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "icmp,probe=p%d,target=192.0.2.1 ok=1,rtt_median_seconds=0.012 %d\n", i, at.UnixMilli())
	}
	return []byte(b.String())
}
