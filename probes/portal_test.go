package probes_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"thongsuot"
	"thongsuot/probes"
)

// gets is a probe of a stub on loopback.
func gets(url string) probes.PortalConfig {
	c := probes.DefaultPortalConfig()
	c.Name, c.URL, c.Every, c.Timeout = "portal", url, 10*time.Second, 5*time.Second
	return c
}

// brief is gets with a short end.
func brief(url string) probes.PortalConfig {
	c := gets(url)
	c.Timeout = time.Second
	return c
}

// stub is an HTTP server that keeps what it was asked.
type stub struct {
	*httptest.Server
	mu   sync.Mutex
	seen []*http.Request
	at   []time.Time
}

func newStub(t *testing.T, handle http.HandlerFunc) *stub {
	t.Helper()
	s := &stub{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, r)
		s.at = append(s.at, time.Now())
		s.mu.Unlock()
		handle(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *stub) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.seen...)
}

// says answers with a code and a body.
func says(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// rawServer speaks as it likes on every connection, TLS or not.
func rawServer(t *testing.T, speak func(c *net.TCPConn)) string {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				speak(c.(*net.TCPConn))
			}()
		}
	}()
	return l.Addr().String()
}

// head reads a request to its end.
func head(c net.Conn) { must(http.ReadRequest(bufio.NewReader(c))) }

// hello reads the first record of a TLS handshake; what is left unread would
// make the close a reset.
func hello(c *net.TCPConn) {
	var header [5]byte
	io.ReadFull(c, header[:])
	io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint16(header[3:])))
}

// reset cuts a connection with RST.
func reset(c *net.TCPConn) { c.SetLinger(0); c.Close() }

func TestPortalPhases(t *testing.T) {
	ca := newCA(t)
	const page = "Cổng Dịch vụ công"
	url := ca.serve(t, ca.cert(t, "localhost", good), says(200, page))
	cfg := gets(url)
	cfg.CAFile, cfg.Expect = ca.file, "Dịch vụ công"
	r := ask(t, cfg)
	want(t, r, thongsuot.ReasonOK)
	sum := 0.0
	for _, name := range []string{"dns_seconds", "connect_seconds", "tls_seconds", "ttfb_seconds", "transfer_seconds"} {
		v := field(t, r, name)
		if v < 0 {
			t.Errorf("%s is %v", name, v)
		}
		sum += v
	}
	if total := field(t, r, "total_seconds"); total < sum || total > 5 {
		t.Errorf("total is %v, the phases come to %v", total, sum)
	}
	if code, size := field(t, r, "status_code"), field(t, r, "body_bytes"); code != 200 || size != float64(len(page)) {
		t.Errorf("status %v, %v bytes; want 200, %d", code, size, len(page))
	}
	if at := field(t, r, "tls_not_after_timestamp_seconds"); at != float64(ca.end(good).Unix()) {
		t.Errorf("certificate ends at %v, want %v", at, ca.end(good).Unix())
	}

	plain := ask(t, gets(newStub(t, says(200, "")).URL))
	want(t, plain, thongsuot.ReasonOK)
	if r.Detail != "test root" || plain.Detail != "" {
		t.Errorf("issuers are %q and %q, want those of the certificates", r.Detail, plain.Detail)
	}
	lacks(t, plain, "dns_seconds", "tls_seconds", "tls_not_after_timestamp_seconds") // an address, and no TLS
}

// What goes over the wire is one plain GET that names the monitor, on a new
// connection each time.
func TestPortalAsksPolitely(t *testing.T) {
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1", Path: "/"})
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/home?x=1", http.StatusFound)
		}
	})
	cfg := gets(s.URL + "/?token=geheim")
	cfg.UserAgent = probes.UserAgent("1.2.3", "cntt@lamdong.example")
	p := must(probes.NewPortal(cfg))
	for range 2 {
		r := probes.Run(t.Context(), p)
		want(t, r, thongsuot.ReasonOK)
		if r.Target != s.URL+"/" {
			t.Errorf("target is %q, want it without the query", r.Target)
		}
	}
	from := map[string]bool{}
	for _, r := range s.requests() {
		from[r.RemoteAddr] = true
		if r.Method != "GET" || r.Proto != "HTTP/1.1" || r.ContentLength != 0 {
			t.Errorf("asked %s %s with %d bytes", r.Method, r.Proto, r.ContentLength)
		}
		if ua := r.UserAgent(); ua != "ThongSuot/1.2.3 (+giam sat dich vu cong truc tuyen; lien he: cntt@lamdong.example)" {
			t.Errorf("user agent is %q", ua)
		}
		if e := r.Header.Get("Accept-Encoding"); e != "identity" {
			t.Errorf("accepts encoding %q", e)
		}
		for _, name := range []string{"Cookie", "Referer", "Authorization"} {
			if v := r.Header.Get(name); v != "" {
				t.Errorf("sends %s: %s", name, v)
			}
		}
	}
	if len(s.requests()) != 4 || len(from) != 4 {
		t.Errorf("%d requests on %d connections, want 4 on 4", len(s.requests()), len(from))
	}
}

func TestPortalStatusAndBody(t *testing.T) {
	f := func(handle http.HandlerFunc, reason thongsuot.Reason, code float64) {
		t.Helper()
		cfg := gets(newStub(t, handle).URL)
		cfg.Expect, cfg.Accept = "công", []int{403}
		r := ask(t, cfg)
		want(t, r, reason)
		if got := field(t, r, "status_code"); got != code {
			t.Errorf("status is %v, want %v", got, code)
		}
	}
	f(says(200, "dịch vụ công"), thongsuot.ReasonOK, 200)
	f(says(403, "công"), thongsuot.ReasonOK, 403)
	f(says(403, "cấm"), thongsuot.ReasonBodyMismatch, 403)
	f(says(200, "Đăng nhập Wi-Fi"), thongsuot.ReasonBodyMismatch, 200)
	f(says(200, ""), thongsuot.ReasonBodyMismatch, 200)
	f(says(204, ""), thongsuot.ReasonBodyMismatch, 204)
	f(says(404, "công"), thongsuot.ReasonHTTP4xx, 404)
	f(says(429, ""), thongsuot.ReasonHTTP4xx, 429)
	f(says(500, "công"), thongsuot.ReasonHTTP5xx, 500)
	f(says(503, ""), thongsuot.ReasonHTTP5xx, 503)
	f(says(304, ""), thongsuot.ReasonHTTPStatus, 304)
	f(says(302, ""), thongsuot.ReasonHTTPStatus, 302) // to nowhere
	f(says(666, ""), thongsuot.ReasonHTTPStatus, 666)
	f(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, strings.Repeat("x", 8190)+"công") // behind what is read
	}, thongsuot.ReasonBodyMismatch, 200)
}

func TestPortalReadsNoMoreThanItMay(t *testing.T) {
	ended := make(chan error, 1)
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				ended <- err
				return
			}
		}
	})
	cfg := gets(s.URL)
	cfg.Body = 5000
	r := ask(t, cfg)
	want(t, r, thongsuot.ReasonOK)
	if n := field(t, r, "body_bytes"); n != 5000 {
		t.Errorf("read %v bytes, want 5000", n)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the connection is still open")
	}
}

func TestPortalHTTPFaults(t *testing.T) {
	t.Parallel()
	f := func(speak func(c *net.TCPConn), reason thongsuot.Reason, has, not string) {
		t.Helper()
		r := ask(t, brief("http://"+rawServer(t, speak)))
		want(t, r, reason)
		field(t, r, "total_seconds")
		field(t, r, has)
		lacks(t, r, not)
	}
	wait := func(c net.Conn) { io.Copy(io.Discard, c) }
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin"
	f(func(c *net.TCPConn) { wait(c) }, thongsuot.ReasonHTTPTimeout, "connect_seconds", "ttfb_seconds")
	f(func(c *net.TCPConn) { head(c); io.WriteString(c, ok); wait(c) }, thongsuot.ReasonHTTPTimeout, "ttfb_seconds", "tls_seconds")
	f(func(c *net.TCPConn) { head(c); reset(c) }, thongsuot.ReasonConnectReset, "connect_seconds", "ttfb_seconds")
	f(func(c *net.TCPConn) { head(c) }, thongsuot.ReasonHTTPError, "connect_seconds", "status_code")
	f(func(c *net.TCPConn) { head(c); io.WriteString(c, "SSH-2.0-x\r\n") }, thongsuot.ReasonHTTPError, "connect_seconds", "status_code")
	f(func(c *net.TCPConn) { head(c); io.WriteString(c, ok) }, thongsuot.ReasonHTTPError, "ttfb_seconds", "tls_seconds")
	f(func(c *net.TCPConn) {
		head(c)
		io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 100<<10)+"\r\n\r\n")
		wait(c)
	}, thongsuot.ReasonHTTPError, "connect_seconds", "status_code")

	gone := brief(fmt.Sprintf("http://127.0.0.1:%d/", closedPort(t)))
	want(t, ask(t, gone), thongsuot.ReasonConnectRefused)
	want(t, here.run(t, job{Kind: thongsuot.ProbePortal, Config: must(jsonOf(gone)), Runs: 1, NoFile: true})[0],
		thongsuot.ReasonError)
}

func TestPortalTLSFaults(t *testing.T) {
	t.Parallel()
	ca, other := newCA(t), newCA(t)
	f := func(url string, reason thongsuot.Reason, expiry time.Time) {
		t.Helper()
		cfg := brief(url)
		cfg.CAFile = ca.file
		r := ask(t, cfg)
		want(t, r, reason)
		field(t, r, "connect_seconds")
		lacks(t, r, "tls_seconds", "ttfb_seconds", "status_code")
		if strings.HasPrefix(r.Detail, "issuer test root: ") == expiry.IsZero() {
			t.Errorf("%s: detail is %q", reason, r.Detail)
		}
		if at, ok := r.Field("tls_not_after_timestamp_seconds"); ok != !expiry.IsZero() || ok && at != float64(expiry.Unix()) {
			t.Errorf("%s: certificate ends at %v, %v; want %v", reason, at, ok, expiry)
		}
	}
	page := says(200, "")
	f(ca.serve(t, ca.cert(t, "localhost", expired), page), thongsuot.ReasonTLSExpired, ca.end(expired))
	f(ca.serve(t, ca.cert(t, "localhost", notYet), page), thongsuot.ReasonTLSExpired, ca.end(notYet))
	f(ca.serve(t, ca.cert(t, "other.example", good), page), thongsuot.ReasonTLSName, ca.end(good))
	f(ca.serve(t, other.cert(t, "localhost", good), page), thongsuot.ReasonTLSUntrusted, other.end(good))
	f(ca.serve(t, ca.selfSigned(t, "localhost"), page), thongsuot.ReasonTLSUntrusted, ca.end(good))

	old := httptest.NewUnstartedServer(page)
	old.TLS = &tls.Config{Certificates: []tls.Certificate{ca.cert(t, "localhost", good)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.Config.ErrorLog = quiet
	old.StartTLS()
	t.Cleanup(old.Close)
	f(old.URL, thongsuot.ReasonTLSError, time.Time{})
	f("https"+strings.TrimPrefix(newStub(t, page).URL, "http"), thongsuot.ReasonTLSError, time.Time{}) // no TLS there
	f("https://"+rawServer(t, hello), thongsuot.ReasonTLSError, time.Time{})                           // hangs up
	f("https://"+rawServer(t, func(c *net.TCPConn) { c.Read(make([]byte, 1)); reset(c) }), thongsuot.ReasonConnectReset, time.Time{})
	f("https://"+rawServer(t, func(c *net.TCPConn) { io.Copy(io.Discard, c) }), thongsuot.ReasonHTTPTimeout, time.Time{})
}

func TestPortalRedirects(t *testing.T) {
	// chain leads from /n to /n-1 and so on to /0.
	chain := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		if n := r.URL.Path[1] - '0'; n > 0 {
			http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusMovedPermanently)
		}
	})
	f := func(s *stub, path string, reason thongsuot.Reason, asked int) {
		t.Helper()
		before := len(s.requests())
		want(t, ask(t, gets(s.URL+path)), reason)
		if n := len(s.requests()) - before; n != asked {
			t.Errorf("%s: asked %d times, want %d", path, n, asked)
		}
	}
	f(chain, "/3", thongsuot.ReasonOK, 4)
	f(chain, "/4", thongsuot.ReasonHTTPRedirect, 4)
	loop := newStub(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) })
	f(loop, "/", thongsuot.ReasonHTTPRedirect, 4)
	odd := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "ftp://127.0.0.1/", http.StatusFound)
	})
	f(odd, "/", thongsuot.ReasonHTTPRedirect, 1)

	// The licence to ask often does not extend to where a server points.
	away := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(chain.URL, "127.0.0.1", "localhost", 1)+"/0?token=geheim", http.StatusFound)
	})
	before := len(chain.requests())
	r := ask(t, gets(away.URL))
	want(t, r, thongsuot.ReasonHTTPRedirect)
	if !strings.HasPrefix(r.Detail, `redirect to another server, "localhost"`) || strings.Contains(r.Detail, "geheim") {
		t.Errorf("detail is %q", r.Detail)
	}
	if len(chain.requests()) != before {
		t.Error("the other server was asked")
	}
	// Nor does a page lead to an address inside, unless the operator says so.
	slow := gets(away.URL)
	slow.Every = time.Minute
	r = ask(t, slow)
	want(t, r, thongsuot.ReasonHTTPRedirect)
	if !strings.Contains(r.Detail, "127.0.0.1, which lies inside") || len(chain.requests()) != before {
		t.Errorf("led inside: %q, asked %d times", r.Detail, len(chain.requests())-before)
	}
	slow.Line.Gate = probes.NewGate([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, nil)
	r = ask(t, slow)
	want(t, r, thongsuot.ReasonOK)
	field(t, r, "dns_seconds") // of the last page, whose server has a name
}

func TestPortalBehindBadRoutes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.agent.serve(t, "dns")
	at := l.agent.resolvingAt(t, "127.0.0.1")
	f := func(host string, reason thongsuot.Reason) {
		t.Helper()
		cfg := probes.DefaultPortalConfig()
		cfg.Name, cfg.URL, cfg.Timeout = "portal", "http://"+host+"/", 1500*time.Millisecond
		r := at.ask(t, thongsuot.ProbePortal, cfg)
		want(t, r, reason)
		lacks(t, r, "connect_seconds", "ttfb_seconds")
	}
	f(routerSilent, thongsuot.ReasonConnectTimeout)
	f(localNoRoute, thongsuot.ReasonConnectUnreachable)
	f(localProhibited, thongsuot.ReasonConnectUnreachable)
	f(routerUnreachable, thongsuot.ReasonConnectUnreachable)
	f(labRouter, thongsuot.ReasonConnectRefused)
	f("router.test", thongsuot.ReasonConnectRefused)
	f("["+localNoRoute6+"]", thongsuot.ReasonConnectUnreachable)
	for name, reason := range systemResolverFaults {
		f(name, reason)
	}
}

func TestPortalGoesEasy(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	busy := true
	s := newStub(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if busy {
			busy = false
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	cfg := gets(s.URL)
	cfg.Every, cfg.Timeout = time.Second, 0
	p := must(probes.NewPortal(cfg))
	want(t, probes.Run(t.Context(), p), thongsuot.ReasonHTTP5xx)
	for range 3 {
		r := probes.Run(t.Context(), p)
		want(t, r, thongsuot.ReasonSkipped)
		lacks(t, r, "total_seconds", "status_code")
	}
	if n := len(s.requests()); n != 1 {
		t.Fatalf("asked %d times while resting, want once", n)
	}
	each(t, "the probe asks again", func() bool { return probes.Run(t.Context(), p).OK() })
	if pause := s.at[1].Sub(s.at[0]); pause < 2*time.Second {
		t.Errorf("asked again after %s, before the 2 s it was told", pause)
	}
	want(t, probes.Run(t.Context(), p), thongsuot.ReasonOK)
}

// A named service is asked the same way, and told apart.
func TestService(t *testing.T) {
	ca := newCA(t)
	f := func(url string, reason thongsuot.Reason) {
		t.Helper()
		cfg := brief(url)
		cfg.Name, cfg.CAFile, cfg.Expect = "lgsp", ca.file, "công"
		p := must(probes.NewService(cfg))
		r := probes.Run(t.Context(), p)
		want(t, r, reason)
		if r.Kind != thongsuot.ProbeService || r.Probe != "lgsp" {
			t.Errorf("stamped as %s %s", r.Kind, r.Probe)
		}
		if reason == thongsuot.ReasonHTTPTimeout { // a sign of overload: it is left alone for a while
			want(t, probes.Run(t.Context(), p), thongsuot.ReasonSkipped)
		}
	}
	f(newStub(t, says(200, "dịch vụ công")).URL, thongsuot.ReasonOK)
	f(newStub(t, says(200, "bảo trì")).URL, thongsuot.ReasonBodyMismatch)
	f(newStub(t, says(500, "")).URL, thongsuot.ReasonHTTP5xx)
	f(ca.serve(t, ca.cert(t, "localhost", expired), says(200, "công")), thongsuot.ReasonTLSExpired)
	f("http://"+rawServer(t, func(c *net.TCPConn) { io.Copy(io.Discard, c) }), thongsuot.ReasonHTTPTimeout)
	f(fmt.Sprintf("http://127.0.0.1:%d/", closedPort(t)), thongsuot.ReasonConnectRefused)
}
