package real

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// portalName is the portal's name in the lab; .test never exists (RFC 6761).
const portalName = "dichvucong.test"

// authority issues certificates for one service.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	PEM  []byte
}

func newAuthority(name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := certificate(name, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
	t.IsCA, t.KeyUsage = true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, err
}

func certificate(name string, from, to time.Time) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: from, NotAfter: to, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(name); ip != nil {
		t.IPAddresses = []net.IP{ip}
	} else {
		t.DNSNames = []string{name}
	}
	return t
}

// issue makes a certificate and its key for a name or an address.
func (a *authority) issue(name string, from, to time.Time) (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate(name, from, to), a.cert, private.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), err
}

func (a *authority) pair(name string, from, to time.Time) (tls.Certificate, error) {
	cert, key, err := a.issue(name, from, to)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

type portalMode int32

const (
	portalWell portalMode = iota
	portalSlow
	portalOverload
	portalExpired
	portalRefuses
)

// page is one server that can be opened and closed.
type page struct {
	handler http.Handler
	cert    func() tls.Certificate
	server  *http.Server // nil while closed
}

// open serves in clear at plain, "" for nowhere, and over TLS at secure.
func (p *page) open(at space, plain, secure string) error {
	ln, err := at.listen(secure)
	if err != nil {
		return err
	}
	p.server = &http.Server{Handler: p.handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	choose := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { c := p.cert(); return &c, nil }
	server := p.server
	go func() { _ = server.Serve(tls.NewListener(ln, &tls.Config{GetCertificate: choose})) }() // ends with close
	if plain == "" {
		return nil
	}
	clear, err := at.listen(plain)
	if err != nil {
		return err
	}
	go func() { _ = server.Serve(clear) }() // the same
	return nil
}

func (p *page) close() {
	if p != nil && p.server != nil {
		_ = p.server.Close() // nothing of it is kept
		p.server = nil
	}
}

// portal stands in the national portal's place.
type portal struct {
	page
	at            space
	good, expired tls.Certificate

	mu    sync.Mutex
	mode  portalMode
	delay time.Duration
}

func newPortal(at space, ca *authority) (*portal, error) {
	p := &portal{at: at}
	var err error
	now := time.Now()
	if p.good, err = ca.pair(portalName, now.Add(-time.Hour), now.Add(24*time.Hour)); err != nil {
		return nil, err
	}
	if p.expired, err = ca.pair(portalName, now.Add(-48*time.Hour), now.Add(-24*time.Hour)); err != nil {
		return nil, err
	}
	p.page = page{handler: p, cert: p.certificate}
	return p, p.open(at, "", portalAddr+":443")
}

func (p *portal) now() (portalMode, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode, p.delay
}

func (p *portal) certificate() tls.Certificate {
	if mode, _ := p.now(); mode == portalExpired {
		return p.expired
	}
	return p.good
}

// ServeHTTP answers as the portal's state is.
func (p *portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch mode, delay := p.now(); mode {
	case portalSlow:
		wait := time.NewTimer(delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
			return
		}
	case portalOverload:
		http.Error(w, "Hệ thống quá tải", http.StatusServiceUnavailable)
		return
	}
	// As heavy as a front page, so that a thin line shows.
	fmt.Fprintln(w, "Cổng Dịch vụ công Quốc gia\n"+strings.Repeat("thủ tục hành chính\n", 800))
}

func (p *portal) become(mode portalMode, delay time.Duration) error {
	p.mu.Lock()
	before := p.mode
	p.mode, p.delay = mode, delay
	p.mu.Unlock()
	switch {
	case mode == portalRefuses:
		p.close()
	case before == portalRefuses:
		return p.open(p.at, "", portalAddr+":443")
	}
	return nil
}

// newCaptive is a carrier's own page under its own name.
func newCaptive() (*page, error) {
	ca, err := newAuthority("captive")
	if err != nil {
		return nil, err
	}
	own, err := ca.pair("thanhtoan.test", time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
	handler := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Vui lòng thanh toán cước") }
	return &page{handler: http.HandlerFunc(handler), cert: func() tls.Certificate { return own }}, err
}

type resolverMode int32

const (
	resolverTrue resolverMode = iota
	resolverDead
	resolverLies
)

// resolver is a carrier's name server. It knows the portal only.
type resolver struct {
	conn net.PacketConn
	mode atomic.Int32 // a resolverMode
}

func newResolver(at space, addr string) (*resolver, error) {
	r := &resolver{}
	err := at.within(func() (err error) {
		r.conn, err = net.ListenPacket("udp", net.JoinHostPort(addr, "53"))
		return err
	})
	if err != nil {
		return nil, err
	}
	go r.serve()
	return r, nil
}

func (r *resolver) serve() {
	buf := make([]byte, 1500)
	for {
		n, from, err := r.conn.ReadFrom(buf)
		if err != nil {
			return // closed
		}
		target := portalAddr
		switch resolverMode(r.mode.Load()) {
		case resolverDead:
			continue
		case resolverLies:
			target = liarsAddr
		}
		if reply := answer(buf[:n], netip.MustParseAddr(target)); reply != nil {
			_, _ = r.conn.WriteTo(reply, from) // who asked may be gone
		}
	}
}

func (r *resolver) close() { _ = r.conn.Close() }

// Of a DNS message, RFC 1035 section 4.
const (
	dnsHeader   = 12
	dnsTypeA    = 1
	dnsResponse = 0x8580 // response, authoritative, recursion desired and available
	dnsNoName   = 3
)

// answer is the reply to a question for the portal's name: its address, nothing
// for other types, and that there is no such name for any other. It is nil for
// what is no question.
func answer(query []byte, addr netip.Addr) []byte {
	if len(query) < dnsHeader || query[2]&0x80 != 0 || binary.BigEndian.Uint16(query[4:]) != 1 {
		return nil
	}
	var labels []string
	end := dnsHeader
	for end < len(query) && query[end] != 0 && end+1+int(query[end]) < len(query) {
		labels = append(labels, string(query[end+1:end+1+int(query[end])]))
		end += 1 + int(query[end])
	}
	if end += 5; end > len(query) || query[end-5] != 0 {
		return nil
	}
	reply := append([]byte(nil), query[:end]...)
	flags, answers := uint16(dnsResponse), uint16(0)
	switch {
	case !strings.EqualFold(strings.Join(labels, "."), portalName):
		flags |= dnsNoName
	case binary.BigEndian.Uint16(query[end-4:]) == dnsTypeA:
		answers = 1
		reply = append(reply, 0xc0, dnsHeader, 0, dnsTypeA, 0, 1, 0, 0, 0, 5, 0, 4) // the name above, for 5 s
		reply = append(reply, addr.AsSlice()...)
	}
	binary.BigEndian.PutUint16(reply[2:], flags)
	binary.BigEndian.PutUint16(reply[6:], answers)
	clear(reply[8:dnsHeader])
	return reply
}
