package probes_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

// checks is a captive check against a stub.
func checks(url string) probes.CaptiveConfig {
	c := probes.DefaultCaptiveConfig()
	c.URL, c.Timeout = url, time.Second
	return c
}

func TestCaptive(t *testing.T) {
	t.Parallel()
	f := func(handle http.HandlerFunc, reason thongsuot.Reason, detail string) {
		t.Helper()
		s := newStub(t, handle)
		r := ask(t, checks(s.URL+"/204"))
		want(t, r, reason)
		if !strings.Contains(r.Detail, detail) {
			t.Errorf("detail is %q, want %q in it", r.Detail, detail)
		}
		if r.Kind != thongsuot.ProbeCaptive || len(s.requests()) != 1 {
			t.Errorf("kind %q, asked %d times; want one of %q", r.Kind, len(s.requests()), thongsuot.ProbeCaptive)
		}
	}
	to := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://dangnhap.example/?mac=1&key=geheim", http.StatusFound)
	}
	f(says(204, ""), thongsuot.ReasonOK, "")
	f(to, thongsuot.ReasonCaptive, "302 to http://dangnhap.example/")
	f(says(200, "Thuê bao đã hết cước"), thongsuot.ReasonCaptive, "200")
	f(says(200, ""), thongsuot.ReasonCaptive, "200")
	f(says(511, "login"), thongsuot.ReasonCaptive, "511")
	f(says(404, ""), thongsuot.ReasonHTTP4xx, "404")
	f(says(502, ""), thongsuot.ReasonHTTP5xx, "502")

	raw := func(speak func(c *net.TCPConn)) thongsuot.Result {
		return ask(t, checks("http://"+rawServer(t, speak)))
	}
	want(t, raw(func(c *net.TCPConn) { io.Copy(io.Discard, c) }), thongsuot.ReasonHTTPTimeout)
	want(t, raw(func(c *net.TCPConn) { head(c); reset(c) }), thongsuot.ReasonConnectReset)
	want(t, raw(func(c *net.TCPConn) { head(c); io.WriteString(c, "SSH-2.0-x\r\n") }), thongsuot.ReasonHTTPError)
	want(t, ask(t, checks(fmt.Sprintf("http://127.0.0.1:%d/", closedPort(t)))), thongsuot.ReasonConnectRefused)
}

func TestCaptiveBehindBadRoutes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.agent.serve(t, "dns")
	at := l.agent.resolvingAt(t, "127.0.0.1")
	f := func(host string, reason thongsuot.Reason) {
		t.Helper()
		cfg := checks("http://" + host + "/204")
		cfg.Timeout = 1500 * time.Millisecond
		want(t, at.ask(t, thongsuot.ProbeCaptive, cfg), reason)
	}
	f(routerSilent, thongsuot.ReasonConnectTimeout)
	f(localNoRoute, thongsuot.ReasonConnectUnreachable)
	for name, reason := range systemResolverFaults {
		f(name, reason)
	}
}
