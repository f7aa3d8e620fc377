package probes_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

// fetches is a probe of url on a line that nobody uses.
func fetches(t *testing.T, url string) probes.FetchConfig {
	t.Helper()
	c := probes.DefaultFetchConfig()
	c.URL, c.Sysfs, c.Watch, c.Limit = url, t.TempDir(), 20*time.Millisecond, 500*time.Millisecond
	c.Token, c.Transport = func() (string, error) { return "secret", nil }, http.DefaultTransport
	counter(t, c.Sysfs, "eth0", 0)
	return c
}

// counter sets what the kernel would count, whole at each instant.
func counter(t *testing.T, sysfs, device string, n int64) {
	t.Helper()
	for _, name := range []string{"rx_bytes", "tx_bytes"} {
		file := filepath.Join(sysfs, "class/net", device, "statistics", name)
		write(t, file+".new", strconv.FormatInt(n, 10)+"\n")
		if err := os.Rename(file+".new", file); err != nil {
			t.Error(err)
		}
	}
}

func fetchOnce(t *testing.T, c probes.FetchConfig) thongsuot.Result {
	t.Helper()
	return probes.Run(t.Context(), must(probes.NewFetch(c)))
}

// gives answers transfers as the centre does.
func gives(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		n, _ := io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Thongsuot-Bytes", strconv.FormatInt(n, 10))
		w.WriteHeader(http.StatusNoContent)
		return
	}
	n, _ := strconv.Atoi(r.URL.Query().Get("bytes"))
	w.Write(make([]byte, n))
}

func TestFetch(t *testing.T) {
	s := newStub(t, gives)
	r := fetchOnce(t, fetches(t, s.URL))
	want(t, r, thongsuot.ReasonOK)
	for _, name := range []string{"down_bytes", "up_bytes"} {
		if n := field(t, r, name); n != 1<<20 {
			t.Errorf("%s is %v, want 1 MiB", name, n)
		}
	}
	for _, name := range []string{"down_bits_per_second", "up_bits_per_second"} {
		if v := field(t, r, name); v < 1e6 {
			t.Errorf("%s is %v on loopback", name, v)
		}
	}
	for _, q := range s.requests() {
		if q.Header.Get("Authorization") != "Token secret" {
			t.Errorf("%s without the token", q.Method)
		}
	}
}

// A thin line is left after its time, with what came until then.
func TestFetchEndsInTime(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("X-Thongsuot-Bytes", strconv.Itoa(readSlowly(r)))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Length", "1048576")
		w.Write(make([]byte, 10_000))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	r := fetchOnce(t, fetches(t, s.URL))
	want(t, r, thongsuot.ReasonOK)
	if n := field(t, r, "down_bytes"); n != 10_000 {
		t.Errorf("%v bytes came down, want 10000", n)
	}
	// The rate is of all the time that it took, however much lay in buffers.
	if n, rate := field(t, r, "up_bytes"), field(t, r, "up_bits_per_second"); n > 1<<20 || rate > 8*n/0.1 {
		t.Errorf("%v bytes went up at %v bit/s", n, rate)
	}
}

// Once the round trip beside a transfer shows that the line suffers, it ends
// long before its time, with what it found until then; one that is slow from the
// beginning does not suffer.
func TestFetchEndsWhenTheLineSuffers(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("X-Thongsuot-Bytes", strconv.Itoa(readSlowly(r)))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Length", "1048576")
		w.Write(make([]byte, 10_000))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	f := func(suffers bool, rtts ...time.Duration) {
		t.Helper()
		var n atomic.Int64
		c := fetches(t, s.URL)
		c.Limit = 3 * time.Second
		if !suffers {
			c.Limit = time.Second
		}
		c.RTT = func(context.Context) (time.Duration, error) {
			return rtts[min(int(n.Add(1)), len(rtts))-1], nil
		}
		r := fetchOnce(t, c)
		want(t, r, thongsuot.ReasonOK)
		if strings.Contains(r.Detail, "round trip rose") != suffers {
			t.Errorf("%v: %q", rtts, r.Detail)
		}
		field(t, r, "down_bits_per_second")
		field(t, r, "up_bits_per_second")
	}
	const ms = time.Millisecond
	f(true, 20*ms, 20*ms, 20*ms, 171*ms)
	f(true, 300*ms, 20*ms, 20*ms, 20*ms, 171*ms)
	f(false, 300*ms, 300*ms, 300*ms, 449*ms)
	f(false, 20*ms, 20*ms, 20*ms, 171*ms, 20*ms) // one is a loss
}

// readSlowly takes a body 64 KiB each 100 ms.
func readSlowly(r *http.Request) (sum int) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		n, err := io.CopyN(io.Discard, r.Body, 64<<10)
		if sum += int(n); err != nil {
			break
		}
	}
	return sum
}

func TestFetchFaults(t *testing.T) {
	f := func(status int, reason thongsuot.Reason) {
		t.Helper()
		r := fetchOnce(t, fetches(t, newStub(t, says(status, "")).URL))
		want(t, r, reason)
		lacks(t, r, "down_bits_per_second", "up_bits_per_second")
	}
	f(http.StatusNotFound, thongsuot.ReasonNotPresent) // a plain InfluxDB
	f(http.StatusTooManyRequests, thongsuot.ReasonSkipped)
	f(http.StatusUnauthorized, thongsuot.ReasonHTTP4xx)
	f(http.StatusServiceUnavailable, thongsuot.ReasonHTTP5xx)
	want(t, fetchOnce(t, fetches(t, fmt.Sprintf("http://127.0.0.1:%d/", closedPort(t)))), thongsuot.ReasonConnectRefused)
	none := fetches(t, "http://127.0.0.1:1/")
	none.Sysfs = "/nowhere"
	want(t, fetchOnce(t, none), thongsuot.ReasonError)
}

// A line in use is left to those who use it; what crosses the machine's own
// loopback, or another line, is no use of it.
func TestFetchLeavesALineInUse(t *testing.T) {
	s := newStub(t, gives)
	f := func(device string, by probes.Line, reason thongsuot.Reason) {
		t.Helper()
		c := fetches(t, s.URL)
		c.Line = by
		counter(t, c.Sysfs, device, 0)
		done, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for n := int64(0); ; n += 1 << 20 {
				select {
				case <-done:
					return
				default:
					counter(t, c.Sysfs, device, n)
				}
			}
		}()
		before := len(s.requests())
		r := fetchOnce(t, c)
		close(done)
		<-stopped
		want(t, r, reason)
		if asked := len(s.requests()) > before; asked != (reason == thongsuot.ReasonOK) {
			t.Errorf("%s in use: asked %v", device, asked)
		}
	}
	f("eth0", probes.Line{}, thongsuot.ReasonSkipped)
	f("lo", probes.Line{}, thongsuot.ReasonOK)
}
