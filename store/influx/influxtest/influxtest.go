// Package influxtest starts a real InfluxDB for tests.
package influxtest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Server is an InfluxDB 1.8.10 on loopback, which speaks version 2's write and
// query API. Its buckets are called database/policy; it asks for no token.
type Server struct {
	t    testing.TB
	dir  string
	addr string
	cmd  *exec.Cmd
	dbs  int
}

// New starts one, for as long as the test. Where it was not built the test is
// left out, and fails with CI=true.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), addr: free(t)}
	s.Start()
	return s
}

// URL is where it answers.
func (s *Server) URL() string { return "http://" + s.addr }

// Database makes a database, and returns the name of its bucket.
func (s *Server) Database() string {
	s.t.Helper()
	s.dbs++
	name := fmt.Sprintf("db%d", s.dbs)
	resp, err := http.PostForm(s.URL()+"/query", url.Values{"q": {"CREATE DATABASE " + name}})
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || bytes.Contains(said, []byte("error")) {
		s.t.Fatalf("make database %s: %d %s %v", name, resp.StatusCode, said, err)
	}
	return name + "/autogen"
}

// program is what deploy/test/deps.sh builds; Debian's InfluxDB 1.6 knows no Flux.
func program(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(cache, "thongsuot", "influxd-1.8.10", "influxd")
	if _, err := os.Stat(name); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: make deps", name)
		}
		t.Skipf("left out: %s is missing (make deps)", name)
	}
	return name
}

func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Start starts it, again after Kill, with what it had.
func (s *Server) Start() {
	s.t.Helper()
	s.cmd = exec.Command(program(s.t))
	s.cmd.Env = append(os.Environ(),
		"INFLUXDB_HTTP_FLUX_ENABLED=true", "INFLUXDB_HTTP_BIND_ADDRESS="+s.addr, "INFLUXDB_BIND_ADDRESS="+free(s.t), "INFLUXDB_REPORTING_DISABLED=true",
		"INFLUXDB_META_DIR="+filepath.Join(s.dir, "meta"), "INFLUXDB_DATA_DIR="+filepath.Join(s.dir, "data"), "INFLUXDB_DATA_WAL_DIR="+filepath.Join(s.dir, "wal"),
		"INFLUXDB_MONITOR_STORE_ENABLED=false", "INFLUXDB_DATA_QUERY_LOG_ENABLED=false", "INFLUXDB_HTTP_LOG_ENABLED=false")
	var log bytes.Buffer
	s.cmd.Stdout, s.cmd.Stderr = &log, &log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.Kill)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := http.Get("http://" + s.addr + "/ping"); err == nil {
			_ = resp.Body.Close()
			return
		}
		select {
		case <-s.t.Context().Done():
			s.t.Fatalf("InfluxDB does not get ready: %s", &log)
		case <-tick.C:
		}
	}
}

// Kill is kill -9.
func (s *Server) Kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}
