package agent_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"thongsuot/agent"
)

var (
	issued = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	lapses = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
)

// authorityFor is a CA that signs for one address, as files in dir.
func authorityFor(t *testing.T, dir string, ip net.IP, from, until time.Time) (caFile, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: from.AddDate(-1, 0, 0), NotAfter: until.AddDate(9, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: until, IPAddresses: []net.IP{ip}}
	write := func(name, kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	caFile = write("ca.pem", "CERTIFICATE", der, err)
	der, err = x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, key)
	certFile = write("cert.pem", "CERTIFICATE", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(key)
	return caFile, certFile, write("key.pem", "PRIVATE KEY", der, err)
}

func authority(t *testing.T) (caFile string, cert tls.Certificate) {
	t.Helper()
	caFile, certFile, keyFile := authorityFor(t, t.TempDir(), net.IPv4(127, 0, 0, 1), issued, lapses)
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return caFile, cert
}

func TestABoxInTheWrongYearStillFindsItsCentreAndNoOther(t *testing.T) {
	caFile, cert := authority(t)
	otherCA, otherCert := authority(t)
	serve := func(c tls.Certificate) string {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{c}}
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.URL
	}
	url, other := serve(cert), serve(otherCert)
	_, port, _ := net.SplitHostPort(url[len("https://"):])
	try := func(url, ca string, wall, anchor time.Time) error {
		b := &box{up: time.Minute, wall: wall}
		c := b.clock("boot")
		if !anchor.IsZero() {
			c.Anchor(anchor, b.up, b.up)
		}
		transport, err := agent.Transport(agent.CentreConfig{URL: url, CAFile: ca}, c)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: transport}).Get(url)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	now, never := issued.AddDate(0, 1, 0), time.Time{}
	for _, wall := range []time.Time{now, time.Unix(0, 0), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), now.AddDate(1, 0, 0)} {
		if err := try(url, caFile, wall, never); err != nil {
			t.Errorf("wall clock %s, no time learned: %v", wall, err)
		}
		if err := try(url, caFile, wall, now); err != nil {
			t.Errorf("wall clock %s, right time learned: %v", wall, err)
		}
		if err := try(url, caFile, wall, lapses.AddDate(0, 0, 1)); err == nil {
			t.Errorf("wall clock %s, time learned: a lapsed certificate passes", wall)
		}
		if err := try(other, caFile, wall, never); err == nil {
			t.Errorf("wall clock %s: a stranger's certificate passes", wall)
		}
		if err := try("https://localhost:"+port, caFile, wall, never); err == nil {
			t.Errorf("wall clock %s: a certificate of another name passes", wall)
		}
	}
	if err := try(url, otherCA, now, never); err == nil {
		t.Error("another issuer passes")
	}
	if err := try(url, "", now, now); err == nil {
		t.Error("an issuer that the system does not know passes")
	}
}
