package central_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"thongsuot/central"
	"thongsuot/wire"
)

// limited is a house with limits that a test reaches.
func limited(t *testing.T, change func(*central.IngestConfig)) *house {
	t.Helper()
	h := newHouse(t)
	h.stop()
	change(&h.cfg.Ingest)
	h.start()
	return h
}

// speak opens a connection to the write API and sends text as it is.
func (h *house) speak(text string) net.Conn {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.server.WriteAddr())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		h.t.Fatal(err)
	}
	return conn
}

func (h *house) writeHead(site string, length int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Token %s\r\nContent-Length: %d\r\n\r\n", wire.PathWrite, h.tokens[site], length)
}

// A client that sends next to nothing is let go; one that is slow but steady is not.
func TestSlowClientIsLetGo(t *testing.T) {
	h := limited(t, func(c *central.IngestConfig) { c.Patience = 100 * time.Millisecond })
	conn := h.speak(h.writeHead("25051", 1000) + "icmp,probe=a ok=1")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(text), `"code":"request timeout"`) {
		t.Errorf("%d %s %v", resp.StatusCode, text, err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection goes on")
	}
	if got := h.metric(`thongsuot_ingest_writes_total{lane="live",outcome="slow"}`); got != "1" {
		t.Errorf("counted: %s", got)
	}
	// 64 KiB buy a minute more.
	body := bytes.Repeat(append(bytes.Repeat([]byte("#"), 1023), '\n'), 64)
	body = append(body, "icmp,probe=a ok=1"...)
	conn = h.speak(h.writeHead("25051", len(body)) + string(body[:64<<10]))
	pause := time.NewTimer(300 * time.Millisecond) // three times the patience
	defer pause.Stop()
	<-pause.C
	if _, err := conn.Write(body[64<<10:]); err != nil {
		t.Fatal(err)
	}
	if resp, err = http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != http.StatusNoContent {
		t.Errorf("steady: %v %v", resp, err)
	}
}

// The rate of a site is its own; a refusal says when to come again and costs
// no reading.
func TestRateOfASite(t *testing.T) {
	h := limited(t, func(c *central.IngestConfig) { c.PointsPerSecond = 10 })
	body := zip(t, history(1500, time.Now())) // 600 may come at once, 900 are owed
	if status, _, text := h.post("25051", body, gzipped); status != http.StatusNoContent {
		t.Fatal(status, text)
	}
	status, header, text := h.post("25051", body, gzipped)
	if status != http.StatusTooManyRequests || header.Get("Retry-After") != "90" || !strings.Contains(text, `"code":"too many requests"`) {
		t.Errorf("%d %v %s", status, header, text)
	}
	if _, _, ok := wire.ParseTime(header); !ok || header.Get(wire.HeaderEpoch) == "" {
		t.Errorf("a refusal without time or epoch: %v", header)
	}
	if status, _, text := h.post("24712", lines(1, time.Now()), nil); status != http.StatusNoContent {
		t.Errorf("another site: %d %s", status, text)
	}
	if status, _, text := h.post("25051", body, func(r *http.Request) {
		gzipped(r)
		h := wire.Header{Boot: "b", Running: "b", Start: 1, Seq: []wire.SeqRange{{From: 1, To: 1}}, Lane: wire.LaneBacklog}
		h.Set(r.Header)
	}); status != http.StatusNoContent {
		t.Errorf("a backlog counts as fresh: %d %s", status, text)
	}
	if got := h.metric(`thongsuot_ingest_writes_total{lane="live",outcome="rate"}`); got != "1" {
		t.Errorf("counted: %s", got)
	}
}

// history is n lines of one probe, a second apart, that end at a time.
func history(n int, end time.Time) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "icmp,probe=p,target=192.0.2.1 ok=1,rtt_median_seconds=0.012 %d\n", end.Add(time.Duration(i-n)*time.Second).UnixMilli())
	}
	return []byte(b.String())
}

// However many writes a site opens, few are in hand, and others are not kept
// waiting.
func TestOneSiteHasFewWritesInHand(t *testing.T) {
	h := newHouse(t)
	var conns []net.Conn
	for range 4 {
		conns = append(conns, h.speak(h.writeHead("25051", 200)+"#"))
	}
	wait(t, "four writes in hand", func() bool {
		status, header, _ := h.post("25051", lines(1, time.Now()), nil)
		return status == http.StatusTooManyRequests && header.Get("Retry-After") == "1"
	})
	if status, _, text := h.post("24712", lines(1, time.Now()), nil); status != http.StatusNoContent {
		t.Errorf("another site: %d %s", status, text)
	}
	for _, c := range conns {
		_ = c.Close()
	}
	wait(t, "room again", func() bool {
		status, _, _ := h.post("25051", lines(1, time.Now()), nil)
		return status == http.StatusNoContent
	})
}

// One connection more than there is room for is closed at once.
func TestConnectionsAreBounded(t *testing.T) {
	h := limited(t, func(c *central.IngestConfig) { c.MaxConnections = 10 })
	for range 10 {
		h.speak("POST ")
	}
	conn := h.speak("")
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("an eleventh connection is served")
	}
	wait(t, "the count", func() bool { return h.metric("thongsuot_ingest_connections_refused_total") != "0" })
}

// bomb is a small body that becomes size bytes.
func bomb(t *testing.T, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 1<<20); size > 0; size -= len(block) {
		if _, err := z.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What would become 128 MiB is refused before it takes more than the limit,
// with what a growing buffer leaves behind.
func TestBombsTakeNoMemory(t *testing.T) {
	h := newHouse(t)
	body := bomb(t, 128<<20)
	if len(body) > wire.MaxBody {
		t.Fatalf("the bomb is %d bytes", len(body))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	status, _, text := h.post("25051", body, gzipped)
	runtime.ReadMemStats(&after)
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(text, "after decompression") {
		t.Errorf("%d %s", status, text)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 12*wire.MaxDecoded {
		t.Errorf("took %d MiB", took>>20)
	}
}

// A length that is only claimed is refused before anything is read.
func TestClaimedLengthIsRefusedUnread(t *testing.T) {
	h := newHouse(t)
	conn := h.speak(h.writeHead("25051", 1<<30))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%v %v", resp, err)
	}
}
