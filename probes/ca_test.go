package probes_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// authority issues certificates for the tests.
type authority struct {
	key  *ecdsa.PrivateKey
	root *x509.Certificate
	file string // the root, as PEM
	now  time.Time
}

// dates says when a certificate holds.
type dates int

const (
	good dates = iota
	expired
	notYet
)

func newCA(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), now: time.Now()}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"},
		NotBefore: a.now.AddDate(-2, 0, 0), NotAfter: a.now.AddDate(2, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := must(x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key))
	a.root = must(x509.ParseCertificate(der))
	a.file = filepath.Join(t.TempDir(), "ca.pem")
	write(t, a.file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return a
}

func (a *authority) end(d dates) time.Time {
	switch d {
	case expired:
		return a.now.AddDate(0, 0, -1)
	case notYet:
		return a.now.AddDate(1, 0, 0)
	default:
		return a.now.AddDate(0, 1, 0)
	}
}

// selfSigned is a certificate that vouches for itself, under the same issuer's
// name.
func (a *authority) selfSigned(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "test root"}, DNSNames: []string{name},
		NotBefore: a.now.AddDate(-1, 0, 0), NotAfter: a.end(good), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der := must(x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) cert(t *testing.T, name string, d dates) tls.Certificate {
	t.Helper()
	begin := a.now.AddDate(-1, 0, 0)
	if d == notYet {
		begin = a.now.AddDate(0, 0, 1)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: begin, NotAfter: a.end(d),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if name == "localhost" {
		tmpl.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	der := must(x509.CreateCertificate(rand.Reader, tmpl, a.root, &key.PublicKey, a.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serve shows the certificate on a loopback port; the URL has the name localhost.
func (a *authority) serve(t *testing.T, cert tls.Certificate, page http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(page)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.Config.ErrorLog = quiet
	s.StartTLS()
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", "localhost", 1)
}
