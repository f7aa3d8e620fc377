package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"thongsuot/agent/spool"
)

const all = 1 << 30 // no limit for Read

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// config is the default one in a folder of its own.
func config(dir string) spool.Config {
	cfg := spool.DefaultConfig()
	cfg.Dir = dir
	return cfg
}

func mustOpen(t testing.TB, cfg spool.Config, opts ...spool.Option) *spool.Spool {
	t.Helper()
	s, err := spool.Open(cfg, quiet, nil, opts...)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

// onDisk opens a spool on the disk, as it is after a start of the machine.
func onDisk(t testing.TB, d *disk, opts ...spool.Option) *spool.Spool {
	t.Helper()
	return mustOpen(t, config("/spool"), append(opts, spool.WithOpener(d.opener))...)
}

func mustAppend(t testing.TB, s *spool.Spool, class spool.Class, payload string) uint64 {
	t.Helper()
	seq, err := s.Append(class, []byte(payload))
	if err != nil {
		t.Fatalf("append %q: %v", payload, err)
	}
	return seq
}

func mustRead(t testing.TB, s *spool.Spool, max, maxBytes int, skip ...spool.Range) []spool.Record {
	t.Helper()
	rs, err := s.Read(max, maxBytes, skip)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return rs
}

func mustAck(t testing.TB, s *spool.Spool, rs ...spool.Range) {
	t.Helper()
	if err := s.Ack(rs...); err != nil {
		t.Fatalf("ack: %v", err)
	}
}

func mustClose(t testing.TB, s *spool.Spool) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func payloads(rs []spool.Record) string {
	var out []string
	for _, r := range rs {
		out = append(out, string(r.Payload))
	}
	return strings.Join(out, " ")
}

func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func TestReadGivesEventsThenSamplesNewestFirst(t *testing.T) {
	s := mustOpen(t, config(t.TempDir()))
	defer s.Close()
	var seqs []uint64
	for i, class := range []spool.Class{spool.Samples, spool.Event, spool.Samples, spool.Samples, spool.Event} {
		seqs = append(seqs, mustAppend(t, s, class, fmt.Sprint("r", i)))
	}
	want(t, "all", payloads(mustRead(t, s, all, all)), "r4 r1 r3 r2 r0")
	want(t, "at most three", payloads(mustRead(t, s, 3, all)), "r4 r1 r3")
	want(t, "at most five bytes", payloads(mustRead(t, s, all, 5)), "r4 r1")
	want(t, "at least one", payloads(mustRead(t, s, all, 0)), "r4")
	want(t, "none", payloads(mustRead(t, s, 0, all)), "")
	want(t, "what is under way left out", payloads(mustRead(t, s, all, all,
		spool.Range{From: seqs[3], To: seqs[4]}, spool.Range{From: 9, To: 3}, spool.Range{From: seqs[0], To: seqs[0]})), "r1 r2")
	want(t, "reading removes nothing", s.Stats().Records, 5)
	mustAck(t, s, spool.Range{From: seqs[1], To: seqs[2]})
	want(t, "after the acknowledgement", payloads(mustRead(t, s, all, all)), "r4 r3 r0")
	st := s.Stats()
	want(t, "records", st.Records, 3)
	want(t, "events", st.Events, 1)
	want(t, "oldest", st.Oldest, seqs[0])
	want(t, "newest", st.Newest, seqs[4])
	want(t, "acked", st.Acked, 2)
}

func TestWhatWasAppendedAndAcknowledgedOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, config(dir))
	var last uint64
	for i := range 10 {
		last = mustAppend(t, s, spool.Samples, fmt.Sprint("r", i))
	}
	mustAck(t, s, spool.Range{From: last - 4, To: last - 1})
	mustClose(t, s)

	s = mustOpen(t, config(dir))
	want(t, "after the restart", payloads(mustRead(t, s, all, all)), "r9 r4 r3 r2 r1 r0")
	if next := mustAppend(t, s, spool.Samples, "r10"); next <= last+1 {
		t.Fatalf("number after a restart: got %d, want a gap behind %d", next, last)
	}
	mustAck(t, s, spool.Range{From: 0, To: 1<<64 - 1})
	want(t, "depth after all is acknowledged", s.Stats().Records, 0)
	mustClose(t, s)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, "files left", strings.Join(left, " "), filepath.Join(dir, "ack"))

	s = mustOpen(t, config(dir))
	mustAck(t, s, spool.Range{From: 0, To: 1<<64 - 1}) // numbers to come are not acknowledged by it
	mustAppend(t, s, spool.Samples, "later")
	mustClose(t, s)
	s = mustOpen(t, config(dir))
	defer s.Close()
	want(t, "a record that came after", payloads(mustRead(t, s, all, all)), "later")
	mustAck(t, s, spool.Range{From: 0, To: 1<<64 - 1})
	if st := s.Stats(); st.Next <= last+2 || st.Next >= 1<<53 {
		t.Fatalf("number in an empty spool: got %d, want above %d and below 2^53", st.Next, last)
	}
	seq := mustAppend(t, s, spool.Samples, "new")
	mustAck(t, s, spool.Range{From: 0, To: seq - 1}, spool.Range{From: seq + 1, To: 1<<64 - 1})
	want(t, "a record that no range covers", payloads(mustRead(t, s, all, all)), "new")
}

func TestBatchIsOneWriteAndKeepsOrder(t *testing.T) {
	d := newDisk()
	s := onDisk(t, d)
	mustAppend(t, s, spool.Samples, "first") // makes the segment
	ops := d.ops
	batch := []spool.Record{{Payload: []byte("a")}, {Class: spool.Event, Payload: []byte("b")}, {Payload: nil}}
	if err := s.AppendBatch(batch); err != nil {
		t.Fatal(err)
	}
	want(t, "operations for a batch", d.ops-ops, 2)
	want(t, "second number", batch[1].Seq, batch[0].Seq+1)
	want(t, "third number", batch[2].Seq, batch[0].Seq+2)
	want(t, "records", payloads(mustRead(t, s, all, all)), "b  a first")
	if err := s.AppendBatch(nil); err != nil {
		t.Fatal(err)
	}

	long := make([]spool.Record, 100) // several segments
	for i := range long {
		long[i].Payload = bytes.Repeat([]byte{byte(i)}, 5000)
	}
	if err := s.AppendBatch(long); err != nil {
		t.Fatal(err)
	}
	s = onDisk(t, d.copy())
	got := mustRead(t, s, 100, all, spool.Range{From: batch[0].Seq - 1, To: batch[2].Seq})
	slices.Reverse(got)
	for i, r := range got {
		if r.Seq != long[i].Seq || !bytes.Equal(r.Payload, long[i].Payload) {
			t.Fatalf("record %d of the long batch: got %d (%d bytes of %d)", i, r.Seq, len(r.Payload), r.Payload[0])
		}
	}
	want(t, "records of the long batch", len(got), 100)
}

func TestAppendRefusesWhatItCannotHold(t *testing.T) {
	d := newDisk()
	s := onDisk(t, d)
	largest := strings.Repeat("x", spool.MaxPayload)
	seq := mustAppend(t, s, spool.Event, largest)
	if _, err := s.Append(spool.Samples, []byte(largest+"x")); err == nil || errors.Is(err, spool.ErrNotDurable) {
		t.Fatalf("too large a payload: got %v", err)
	}
	if _, err := s.Append(spool.Event+1, nil); err == nil {
		t.Fatal("unknown class: got no error")
	}
	if got := mustRead(t, onDisk(t, d.copy()), all, 1); len(got) != 1 || got[0].Seq != seq || string(got[0].Payload) != largest {
		t.Fatalf("largest payload: got %d records", len(got))
	}
	want(t, "refused", s.Stats().Refused, 2)
	mustClose(t, s)
	mustClose(t, s)
	_, appended := s.Append(spool.Samples, nil)
	_, read := s.Read(1, 1, nil)
	for _, err := range []error{appended, read, s.Ack(spool.Range{From: 1, To: 1})} {
		if !errors.Is(err, spool.ErrClosed) {
			t.Fatalf("after Close: got %v, want %v", err, spool.ErrClosed)
		}
	}
}

func TestSecondSpoolOnTheSameFolderIsRefused(t *testing.T) {
	cfg := config(filepath.Join(t.TempDir(), "not", "there", "yet"))
	s := mustOpen(t, cfg)
	if _, err := spool.Open(cfg, quiet, nil); !errors.Is(err, spool.ErrLocked) || !strings.Contains(err.Error(), cfg.Dir) {
		t.Fatalf("second spool: got %v, want %v with the folder's name", err, spool.ErrLocked)
	}
	mustClose(t, s)
	mustClose(t, mustOpen(t, cfg))
}

func TestForeignFilesAreLeftAloneAndNamed(t *testing.T) {
	dir := t.TempDir()
	names := []string{"README", "00000000000000zz.seg", "1.seg", "000000000000000A.seg", "ffffffffffffffff.seg", "0000000000000000.seg", "ack.bak"}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "0000000000000007.seg"), 0o700); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := spool.Open(config(dir), slog.New(slog.NewTextHandler(&log, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, spool.Samples, "a")
	want(t, "records", payloads(mustRead(t, s, all, all)), "a")
	want(t, "trouble", s.Stats().Degraded, "")
	mustAck(t, s, spool.Range{From: 0, To: 1<<64 - 1})
	mustClose(t, s)
	for _, name := range names {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != name {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	want(t, "log lines about foreign files", strings.Count(log.String(), "left alone"), 1)
	if !strings.Contains(log.String(), "count=8") {
		t.Errorf("log does not count the foreign files: %s", log.String())
	}
}

func TestConfigNamesFieldAndValue(t *testing.T) {
	f := func(change func(*spool.Config), want string) {
		t.Helper()
		cfg := spool.DefaultConfig()
		change(&cfg)
		err := cfg.Validate()
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, openErr := spool.Open(cfg, quiet, nil); openErr == nil || openErr.Error() != want {
			t.Errorf("open: got %v, want %s", openErr, want)
		}
	}
	f(func(c *spool.Config) { c.Dir = "" }, `spool.dir: must name a folder (got "")`)
	f(func(c *spool.Config) { c.MaxBytes = 5 }, "spool.max_bytes: must be at least 1048576 (got 5)")
	f(func(c *spool.Config) { c.MemoryBytes = -1 }, "spool.memory_bytes: must be at least 65536 (got -1)")
	if err := spool.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

func TestMetricsSayWhatStatsSay(t *testing.T) {
	reg := prometheus.NewRegistry()
	d := newDisk()
	s, err := spool.Open(config("/spool"), quiet, reg, spool.WithOpener(d.opener))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := spool.Open(config("/spool"), quiet, reg, spool.WithOpener(newDisk().opener)); err == nil {
		t.Fatal("second spool in one registry: got no error")
	}
	seq := mustAppend(t, s, spool.Samples, "a")
	mustAppend(t, s, spool.Samples, "b")
	mustAck(t, s, spool.Range{From: seq, To: seq})
	d.failing(0, 1<<30, errBroken)
	if _, err := s.Append(spool.Event, []byte("c")); !errors.Is(err, spool.ErrNotDurable) || !errors.Is(err, errBroken) {
		t.Fatalf("append to a broken disk: got %v", err)
	}
	got := map[string]float64{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "thongsuot_agent_spool_")
			for _, l := range m.GetLabel() {
				name += "/" + l.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	for name, v := range map[string]float64{
		"records": 2, "bytes": 128<<10 + 8<<10, "memory_records": 1, "degraded": 1, "appended_total": 3, "acked_total": 1, "damaged_total": 0,
		"thinned_total": 0, "fsync_errors_total": 0, "dropped_total/cap": 0, "dropped_total/memory": 0, "dropped_total/memory_event": 0,
		"dropped_total/refused": 0,
	} {
		if g, ok := got[name]; !ok || g != v {
			t.Errorf("%s: got %v (%v), want %v", name, g, ok, v)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("more than expected: %v", got)
	}
	d.fault = nil
	mustClose(t, s)
	if families, _ := reg.Gather(); len(families) != 0 {
		t.Errorf("metrics after Close: %d", len(families))
	}
}

// checkAgainst reads everything and compares it with what should be there.
func checkAgainst(t testing.TB, s *spool.Spool, model map[uint64]string) {
	t.Helper()
	got := mustRead(t, s, all, all)
	events := true
	for i, r := range got {
		if p, ok := model[r.Seq]; !ok || p != string(r.Payload) {
			t.Fatalf("record %d: got %.20q, want %.20q (%v)", r.Seq, r.Payload, p, ok)
		}
		if i > 0 && r.Class == got[i-1].Class && r.Seq >= got[i-1].Seq || r.Class == spool.Event && !events {
			t.Fatalf("record %d of class %d: out of order", r.Seq, r.Class)
		}
		events = r.Class == spool.Event
	}
	want(t, "records", len(got), len(model))
	want(t, "records in Stats", s.Stats().Records, len(model))
}
