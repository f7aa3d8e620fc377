package probes

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"thongsuot"
)

// PortalConfig asks whether a public page can be used, and where the time goes:
// one GET over HTTP/1.1 on a fresh connection, read up to Body bytes and closed.
// It never posts, logs in, keeps a cookie or uses a proxy, and it asks one
// family of addresses.
//
// It is polite to a server that is not the operator's own: at most one GET a
// minute, and fewer after a sign of overload (see [NewPortal]).
type PortalConfig struct {
	Name      string        `yaml:"name"`       // unique within the agent
	URL       string        `yaml:"url"`        // http or https, without user and password; default https://dichvucong.gov.vn/
	Family    Family        `yaml:"family"`     // ip4 or ip6; default that of the address, ip4 for a name
	Every     time.Duration `yaml:"every"`      // default 1m, the least there is for a server of others; take 5m on a line under 1 Mbit/s
	Timeout   time.Duration `yaml:"timeout"`    // default 80 % of every
	Own       bool          `yaml:"own"`        // the operator runs this server, so it may be asked more often; default false
	Accept    []int         `yaml:"accept"`     // further good status codes beside 200 to 299; default none
	Expect    string        `yaml:"expect"`     // words the beginning of the page must hold; default none
	Body      int           `yaml:"body"`       // bytes of body read at most, up to 65536; default 8192
	CAFile    string        `yaml:"ca_file"`    // PEM file of issuers trusted beside the system's; default none
	UserAgent string        `yaml:"user_agent"` // ASCII; default UserAgent("dev", "")

	// Line is what the question is bound to; default none. A page leads to
	// addresses that are public or in networks that its Gate allows, and to no
	// other: no server of others is to see the inside through us.
	Line Line `yaml:"-"`
}

// DefaultPortalConfig is the national public service portal, without a name for the probe.
func DefaultPortalConfig() PortalConfig {
	return PortalConfig{
		URL: "https://dichvucong.gov.vn/", Every: politePace, Body: 8 << 10, UserAgent: UserAgent("dev", ""),
	}
}

// politePace is the fastest a server of others is asked.
const politePace = time.Minute

// UserAgent names the monitor, and whom to write to about it. Headers are
// ASCII, so it is Vietnamese without marks.
func UserAgent(version, contact string) string {
	ua := "ThongSuot/" + version + " (+giam sat dich vu cong truc tuyen"
	if contact != "" {
		ua += "; lien he: " + contact
	}
	return ua + ")"
}

// Validate names every field that is wrong. It does not open CAFile.
func (c PortalConfig) Validate() error {
	u, err := c.parse()
	if err != nil {
		return errors.Join(c.schedule().validate(), err)
	}
	return errors.Join(
		c.schedule().validate(),
		validHost("url", u.Hostname()),
		c.Family.validate(u.Hostname()),
		must(c.Every >= politePace || c.Own || loopback(u.Hostname()),
			"every: must be at least %s for a server of others (got %s); set own: true if you run it", politePace, c.Every),
		must(!slices.ContainsFunc(c.Accept, func(s int) bool { return s < 300 || s > 599 }),
			"accept: must be codes from 300 to 599 (got %v)", c.Accept),
		must(c.Body >= 1 && c.Body <= 64<<10, "body: must be 1 to 65536 (got %d)", c.Body),
		must(c.UserAgent != "" && !strings.ContainsFunc(c.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }),
			"user_agent: must be printable ASCII (got %q)", c.UserAgent),
	)
}

func (c PortalConfig) schedule() schedule {
	return schedule{c.Name, c.Every, c.Timeout, c.Line.Name}
}

func (c PortalConfig) parse() (*url.URL, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("url: must be http or https with a host (got %q)", redact(c.URL))
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "", u.Opaque != "":
		return nil, fmt.Errorf("url: must be http or https with a host (got %q)", redact(c.URL))
	case u.User != nil:
		return nil, fmt.Errorf("url: must not hold a user or password (got one in %q)", redact(c.URL))
	}
	return u, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// NewPortal makes the probe. It reads CAFile.
//
// Redirects are followed up to three times. The phases are those of the last
// page asked, total_seconds is all of it. A probe that is faster than a minute
// is not led away from its host.
//
// A 429, a 503 and an answer that does not come in time double the interval, up
// to 15 minutes; Retry-After is obeyed, up to a day. A run that is due before that
// asks nothing and is ReasonSkipped. Any other answer restores the pace.
//
// Reasons: ok, the dns_ ones but dns_refused and dns_no_answer, connect_timeout,
// connect_refused, connect_unreachable, connect_reset, tls_expired, tls_name,
// tls_untrusted, tls_error, http_timeout, http_redirect, http_4xx, http_5xx,
// http_status, http_error, body_mismatch, not_allowed, skipped, error.
//
// Fields, each as far as the run came: dns_seconds, connect_seconds,
// tls_seconds, ttfb_seconds (request written to first byte), transfer_seconds
// (first byte to the end of reading), total_seconds, status_code, body_bytes,
// tls_not_after_timestamp_seconds (of the server's certificate, also when it
// was refused).
//
// Detail of a good answer is the issuer of the server's certificate.
func NewPortal(cfg PortalConfig) (Probe, error) {
	p, err := newPortal(cfg)
	if err != nil {
		return Probe{}, err
	}
	return p.probe(thongsuot.ProbePortal), nil
}

// NewService makes the probe of a service that is not the national portal: the
// same question with the same manners, and a row and a verdict of its own.
func NewService(cfg PortalConfig) (Probe, error) {
	p, err := newPortal(cfg)
	if err != nil {
		return Probe{}, err
	}
	return p.probe(thongsuot.ProbeService), nil
}

func (p *portal) probe(kind thongsuot.ProbeKind) Probe {
	out := newProbe(kind, p.cfg.schedule(), redact(p.cfg.URL), p.run)
	out.Public = !p.cfg.Own && !loopback(p.url.Hostname())
	return out
}

func newPortal(cfg PortalConfig) (*portal, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	u, err := cfg.parse()
	if err != nil {
		return nil, err
	}
	roots, err := trusted(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	p := &portal{cfg: cfg, url: u, pace: pace{every: cfg.Every}}
	p.judge = p.judgePage
	p.client = &http.Client{Transport: p.transport(roots), CheckRedirect: p.redirect}
	return p, nil
}

// trusted is the system's issuers and those of file; nil is the system's alone.
func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in PEM form in %s", file)
	}
	return pool, nil
}

// portal is the probe between runs, which never overlap.
type portal struct {
	cfg    PortalConfig
	url    *url.URL
	client *http.Client
	pace   pace
	judge  func(resp *http.Response, body []byte, ph phases, err error) thongsuot.Result
}

// transport makes a fresh HTTP/1.1 connection for each request.
func (p *portal) transport(roots *x509.CertPool) *http.Transport {
	family := p.cfg.Family
	if addr, err := netip.ParseAddr(p.url.Hostname()); err == nil {
		family = familyOf(addr)
	}
	own, led := p.cfg.Line.Dialer(0), p.cfg.Line.Dialer(0)
	led.Control = p.mayLead
	return &http.Transport{
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
			dialer := led
			if host, _, err := net.SplitHostPort(addr); err == nil && host == p.url.Hostname() {
				dialer = own
			}
			return dialer.DialContext(ctx, family.network("tcp"), addr)
		},
		TLSClientConfig:        &tls.Config{RootCAs: roots},
		TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// mayLead refuses an address inside to which a page of another server leads. It
// sees the address itself, whatever name it has.
func (p *portal) mayLead(network, address string, c syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w to %q: %w", errRedirect, address, err)
	}
	if err := p.cfg.Line.Gate.admitLed(at.Addr()); err != nil {
		return err
	}
	return p.cfg.Line.control(network, address, c)
}

// errRedirect is the end of a chain of redirects.
var errRedirect = errors.New("redirect")

func (p *portal) redirect(next *http.Request, via []*http.Request) error {
	const most = 3
	next.Header.Del("Referer")
	switch {
	case len(via) > most:
		return fmt.Errorf("%w: more than %d in a row", errRedirect, most)
	case next.URL.Scheme != "http" && next.URL.Scheme != "https":
		return fmt.Errorf("%w to scheme %q", errRedirect, next.URL.Scheme)
	case p.cfg.Every < politePace && next.URL.Hostname() != p.url.Hostname():
		return fmt.Errorf("%w to another server, %q, which is not to be asked every %s",
			errRedirect, next.URL.Hostname(), p.cfg.Every)
	}
	return nil
}

func (p *portal) run(ctx context.Context) thongsuot.Result {
	begin := time.Now()
	if until, resting := p.pace.resting(begin); resting {
		return fail(thongsuot.ReasonSkipped, fmt.Errorf("asked to go easy, next in %s", until.Sub(begin).Round(time.Second)))
	}
	r, retryAfter := p.get(ctx, begin)
	if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		p.pace.answered(begin, time.Now(), r, retryAfter)
	}
	return r
}

// get asks once. retryAfter is what the server asked for, 0 for nothing.
func (p *portal) get(ctx context.Context, begin time.Time) (r thongsuot.Result, retryAfter time.Duration) {
	var t trace
	ctx = httptrace.WithClientTrace(ctx, t.hooks())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url.String(), nil)
	if err != nil {
		return fail(thongsuot.ReasonError, err), 0
	}
	req.Header.Set("User-Agent", p.cfg.UserAgent)
	req.Header.Set("Accept", "*/*")
	req.Header.Set("Accept-Encoding", "identity")

	resp, err := p.client.Do(req)
	if err != nil {
		ph := t.end()
		r = fail(ph.reason(err), plain(err))
		if shown := ph.shown(err); shown != nil {
			r.Detail = "issuer " + issuer(shown) + ": " + r.Detail
		}
		r.Fields = ph.fields(begin, err)
		return r, 0
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(p.cfg.Body)))
	ph := t.end()
	resp.Body.Close()

	r = p.judge(resp, body, ph, err)
	if r.OK() && ph.leaf != nil {
		r.Detail = issuer(ph.leaf)
	}
	r.Fields = append(
		ph.fields(begin, nil),
		thongsuot.Field{Name: thongsuot.FieldStatusCode, Value: float64(resp.StatusCode)},
		thongsuot.Field{Name: thongsuot.FieldBodyBytes, Value: float64(len(body))},
	)
	return r, retryIn(resp.Header, time.Now())
}

// judgePage weighs status, then completeness, then words. err is that of reading.
func (p *portal) judgePage(resp *http.Response, body []byte, ph phases, err error) thongsuot.Result {
	s := resp.StatusCode
	switch {
	case s >= 200 && s <= 299, slices.Contains(p.cfg.Accept, s):
	case s >= 400 && s <= 499:
		return fail(thongsuot.ReasonHTTP4xx, errors.New(resp.Status))
	case s >= 500 && s <= 599:
		return fail(thongsuot.ReasonHTTP5xx, errors.New(resp.Status))
	default:
		return fail(thongsuot.ReasonHTTPStatus, errors.New(resp.Status))
	}
	if err != nil {
		return fail(ph.reason(err), fmt.Errorf("body: %w", err))
	}
	if !bytes.Contains(body, []byte(p.cfg.Expect)) {
		return fail(thongsuot.ReasonBodyMismatch, fmt.Errorf("%q is not in the first %d bytes", p.cfg.Expect, len(body)))
	}
	return thongsuot.Result{Reason: thongsuot.ReasonOK}
}

// plain takes off the client's wrapping, which repeats the whole URL.
func plain(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}
