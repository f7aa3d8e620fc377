package spool_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"thongsuot/agent/spool"
)

// BenchmarkAppend appends rounds of the standard job to the disk under the
// temporary folder.
func BenchmarkAppend(b *testing.B) {
	s := mustOpen(b, config(b.TempDir()))
	defer s.Close()
	payload := make([]byte, 200)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Append(spool.Samples, payload); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads the newest hundred of a backlog of a day.
func BenchmarkRead(b *testing.B) {
	s := mustOpen(b, config(b.TempDir()))
	defer s.Close()
	batch := make([]spool.Record, 8640)
	for i := range batch {
		batch[i].Payload = make([]byte, 200)
	}
	if err := s.AppendBatch(batch); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if rs := mustRead(b, s, 100, 1<<20); len(rs) != 100 {
			b.Fatal(len(rs))
		}
	}
}

// BenchmarkDevice counts the bytes that reach an ext4 file system of 4 KiB
// blocks on a loop device for each record of 200 bytes. Records come back to
// back: at one in 10 s the commits of the journal come on top (see doc.go).
func BenchmarkDevice(b *testing.B) {
	dir, written := loopExt4(b)
	s := mustOpen(b, config(filepath.Join(dir, "spool")))
	defer s.Close()
	payload := make([]byte, 200)
	mustAppend(b, s, spool.Samples, string(payload))
	syscall.Sync()
	before := written()
	for b.Loop() {
		seq, err := s.Append(spool.Samples, payload)
		if err != nil {
			b.Fatal(err)
		}
		mustAck(b, s, spool.Range{From: seq, To: seq})
	}
	b.ReportMetric(float64(written()-before)/float64(b.N), "B/record")
}

// loopExt4 makes and mounts a small ext4, and tells how to count what is
// written to its device.
func loopExt4(b *testing.B) (dir string, written func() int) {
	b.Helper()
	image := filepath.Join(b.TempDir(), "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	if err := os.Truncate(image, 256<<20); err != nil {
		b.Fatal(err)
	}
	run := func(name string, args ...string) string {
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			missing(b, "root, losetup and mkfs.ext4: "+strings.TrimSpace(string(out)), err)
		}
		return strings.TrimSpace(string(out))
	}
	run("mkfs.ext4", "-q", "-b", "4096", image)
	device := run("losetup", "-f", "--show", image)
	b.Cleanup(func() { run("losetup", "-d", device) })
	dir = b.TempDir()
	run("mount", device, dir)
	b.Cleanup(func() { run("umount", dir) })
	return dir, func() int {
		stat, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(device), "stat"))
		if err != nil {
			b.Fatal(err)
		}
		sectors, err := strconv.Atoi(strings.Fields(string(stat))[6])
		if err != nil {
			b.Fatal(err)
		}
		return sectors * 512
	}
}
