package agent

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"
)

// now is the time as far as this machine knows: the centre's once it was
// learned in this boot, else what the clock on the wall says.
func (c *Clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.best.zero.IsZero() {
		return c.wall()
	}
	at := c.boottime()
	return c.zeroAt(at).Add(at)
}

// trust is how the centre's certificate is checked. A box that wakes in 1970
// would refuse every certificate as not yet valid and so never learn the time.
// With an issuer of its own, and with that alone, a certificate that is wrong
// in nothing but its dates is therefore taken until the first answer of the
// centre in this boot has told the time. What that risks: who stole the key of
// an expired certificate that the province itself issued could pass for the
// centre for so long. The beat's answer, which brings the time as a rule, is
// authenticated with the site's own key and needs no certificate.
func trust(cfg CentreConfig, clock *Clock) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, Time: clock.now}
	if cfg.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		return nil, fmt.Errorf("centre.ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("centre.ca_file: %s holds no certificate in PEM form", cfg.CAFile)
	}
	host, _, err := cfg.hostPort()
	if err != nil {
		return nil, err
	}
	c.RootCAs = pool
	c.InsecureSkipVerify = true // verified below, the same way but for the dates
	c.VerifyConnection = func(cs tls.ConnectionState) error { return verify(cs, pool, host, clock) }
	return c, nil
}

func verify(cs tls.ConnectionState, pool *x509.CertPool, host string, clock *Clock) error {
	if len(cs.PeerCertificates) == 0 {
		return errors.New("the centre showed no certificate")
	}
	leaf := cs.PeerCertificates[0]
	opts := x509.VerifyOptions{Roots: pool, DNSName: host, Intermediates: x509.NewCertPool(), CurrentTime: clock.now()}
	for _, cert := range cs.PeerCertificates[1:] {
		opts.Intermediates.AddCert(cert)
	}
	_, err := leaf.Verify(opts)
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired && !clock.Anchored() {
		opts.CurrentTime = leaf.NotBefore // within its issuer's dates, or it was never right
		_, err = leaf.Verify(opts)
	}
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: cs.PeerCertificates, Err: err}
	}
	return nil
}
