package store_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store"
)

// TestMain is also the program that the tests of this file run, and kill.
func TestMain(m *testing.M) {
	if dir := os.Getenv("STORE_TEST_CHILD"); dir != "" {
		if err := child(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child appends batch after batch, without end, and prints the number of each
// one that the store acknowledged.
func child(dir string) error {
	n, err := strconv.Atoi(os.Getenv("STORE_TEST_FROM"))
	if err != nil {
		return err
	}
	cfg := configAt(dir, today)
	if cfg.MinFreeBytes, err = strconv.ParseInt(os.Getenv("STORE_TEST_MIN_FREE"), 10, 64); err != nil {
		return err
	}
	s, err := store.Open(cfg, quiet(), prometheus.NewRegistry())
	if err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil { // as net/http does
			fmt.Println("caught a panic and lives on")
		}
	}()
	for ; ; n++ {
		refused, err := s.Append(context.Background(), crashBatch(n))
		if err != nil || refused > 0 {
			return fmt.Errorf("batch %d: %d refused, %w", n, refused, err)
		}
		fmt.Println(n)
	}
}

// crashStart is when the first batch is dated; the following ones 30 s apart, so
// that a few hundred of them make the TSDB compact.
var crashStart = today.Add(-30 * 24 * time.Hour)

// crashBatch holds live samples, late ones, now and then a new series, and one
// of a site that is away for 200 minutes again and again and then brings what
// is missing behind what is new.
func crashBatch(n int) []thongsuot.Sample {
	const away = 400
	at := func(n int) time.Time { return crashStart.Add(time.Duration(n) * 30 * time.Second) }
	batch := []thongsuot.Sample{
		sample("late", at(n).Add(-6*time.Hour), float64(n)),
		sample("series_"+strconv.Itoa(n/10), at(n), float64(n)),
		sample("soon", at(n), float64(n)),
		sample("soon", at(n).Add(-40*time.Minute-7*time.Second), float64(n)),
	}
	if n/away%2 == 0 {
		batch = append(batch, sample("away", at(n), float64(n)), sample("away", at(n-away), float64(n-away)))
	}
	for i := range 20 {
		batch = append(batch, sample("live_"+strconv.Itoa(i), at(n), float64(n*i)))
	}
	return batch
}

func startChild(t *testing.T, dir string, from int, minFree int64) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD="+dir, "STORE_TEST_FROM="+strconv.Itoa(from),
		"STORE_TEST_MIN_FREE="+strconv.FormatInt(minFree, 10))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// acknowledged reads one line of a child.
func acknowledged(t *testing.T, lines *bufio.Scanner) int {
	t.Helper()
	if !lines.Scan() {
		t.Fatalf("the child stopped: %v", lines.Err())
	}
	n, err := strconv.Atoi(lines.Text())
	if err != nil {
		t.Fatalf("the child says %q", lines.Text())
	}
	return n
}

func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	last := -1
	for range 8 {
		cmd, lines := startChild(t, dir, last+1, 0)
		for range 1 + r.IntN(300) {
			last = acknowledged(t, lines)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		// It may have been told more before it died than was read in time.
		for lines.Scan() {
			if n, err := strconv.Atoi(lines.Text()); err == nil {
				last = n
			}
		}
		cmd.Wait() // killed
	}
	s := mustOpen(t, configAt(dir, today), prometheus.NewRegistry())
	expectBatches(t, s, last+1, crashBatch)
	t.Logf("%d batches were acknowledged", last+1)
}

// expectBatches expects the first n batches in the store.
func expectBatches(t *testing.T, s *store.Store, n int, batch func(int) []thongsuot.Sample) {
	t.Helper()
	got, err := s.Instant(t.Context(), `{site="24673"}[60d]`, today)
	if err != nil {
		t.Fatal(err)
	}
	stored := map[string]map[int64]float64{}
	for _, one := range got {
		stored[one.Metric] = map[int64]float64{}
		for _, p := range one.Points {
			stored[one.Metric][p.At.UnixMilli()] = p.Value
		}
	}
	for i := range n {
		for _, w := range batch(i) {
			if v, ok := stored[w.Metric][w.At.UnixMilli()]; !ok || v != w.Value {
				t.Fatalf("%s of batch %d of %d is stored: %v, as %v; want %v", w.Metric, i, n, ok, v, w.Value)
			}
		}
	}
}

func TestSecondProcess(t *testing.T) {
	dir := t.TempDir()
	cmd, lines := startChild(t, dir, 0, 0)
	acknowledged(t, lines)
	_, err := store.Open(configAt(dir, today), quiet(), prometheus.NewRegistry())
	if err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Errorf("open gives %v, want that another process has it open", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // killed
	mustOpen(t, configAt(dir, today), prometheus.NewRegistry())
}
