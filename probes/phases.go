package probes

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"thongsuot"
)

// phases are the instants of one HTTP exchange; what did not happen is zero.
type phases struct {
	dnsStart, dnsDone         time.Time
	connectStart, connectDone time.Time
	tlsStart, tlsDone         time.Time
	wrote, firstByte, end     time.Time
	leaf                      *x509.Certificate // the server's, if it showed one
}

// trace gathers phases. The hooks are called from goroutines of net/http, some
// of them after the request was given up; hence the lock.
type trace struct {
	mu sync.Mutex
	ph phases // guarded by mu
}

func (t *trace) set(f func(ph *phases, now time.Time)) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	f(&t.ph, now)
}

// end stamps the end and returns what was gathered.
func (t *trace) end() phases {
	t.set(func(ph *phases, now time.Time) { ph.end = now })
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ph
}

func (t *trace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		// Called once for each page of a chain of redirects: only the last counts.
		GetConn:  func(string) { t.set(func(ph *phases, _ time.Time) { *ph = phases{} }) },
		DNSStart: func(httptrace.DNSStartInfo) { t.set(func(ph *phases, now time.Time) { ph.dnsStart = now }) },
		DNSDone: func(i httptrace.DNSDoneInfo) {
			t.set(func(ph *phases, now time.Time) {
				if i.Err == nil {
					ph.dnsDone = now
				}
			})
		},
		// Called for each address in turn: from the first start to the one that answered.
		ConnectStart: func(_, _ string) {
			t.set(func(ph *phases, now time.Time) {
				if ph.connectStart.IsZero() {
					ph.connectStart = now
				}
			})
		},
		ConnectDone: func(_, _ string, err error) {
			t.set(func(ph *phases, now time.Time) {
				if err == nil {
					ph.connectDone = now
				}
			})
		},
		TLSHandshakeStart: func() { t.set(func(ph *phases, now time.Time) { ph.tlsStart = now }) },
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			t.set(func(ph *phases, now time.Time) {
				if err == nil {
					ph.tlsDone, ph.leaf = now, s.PeerCertificates[0]
				}
			})
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { t.set(func(ph *phases, now time.Time) { ph.wrote = now }) },
		GotFirstResponseByte: func() { t.set(func(ph *phases, now time.Time) { ph.firstByte = now }) },
	}
}

// fields are the spans that were completed, and all the time since begin. err
// is how the exchange failed, if it did.
func (ph phases) fields(begin time.Time, err error) []thongsuot.Field {
	var fields []thongsuot.Field
	span := func(name string, from, to time.Time) {
		if !from.IsZero() && !to.IsZero() {
			fields = append(fields, thongsuot.Field{Name: name, Value: max(0, to.Sub(from).Seconds())})
		}
	}
	span(thongsuot.FieldDNS, ph.dnsStart, ph.dnsDone)
	span(thongsuot.FieldConnect, ph.connectStart, ph.connectDone)
	span(thongsuot.FieldTLS, ph.tlsStart, ph.tlsDone)
	span(thongsuot.FieldTTFB, ph.wrote, ph.firstByte)
	span(thongsuot.FieldTransfer, ph.firstByte, ph.end)
	span(thongsuot.FieldTotal, begin, ph.end)
	if leaf := ph.shown(err); leaf != nil {
		fields = append(fields, thongsuot.Field{Name: thongsuot.FieldTLSExpiry, Value: float64(leaf.NotAfter.Unix())})
	}
	return fields
}

// shown is the certificate that the server showed, also when it was refused
// with err; nil for none.
func (ph phases) shown(err error) *x509.Certificate {
	if refused, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(refused.UnverifiedCertificates) > 0 {
		return refused.UnverifiedCertificates[0]
	}
	return ph.leaf
}

// issuer names who issued the certificate: "R11, Let's Encrypt".
func issuer(c *x509.Certificate) string {
	name := c.Issuer.CommonName
	if len(c.Issuer.Organization) > 0 && c.Issuer.Organization[0] != name {
		name = strings.TrimPrefix(name+", "+c.Issuer.Organization[0], ", ")
	}
	return name
}

// reason is the class of err by how far the exchange had come.
func (ph phases) reason(err error) thongsuot.Reason {
	if errors.Is(err, errRedirect) {
		return thongsuot.ReasonHTTPRedirect
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return classifyDNS(dns)
	}
	switch class := classify(err); {
	case ph.connectStart.IsZero() && class == thongsuot.ReasonTimeout:
		return thongsuot.ReasonDNSTimeout
	case ph.connectDone.IsZero():
		return connectReason(class)
	case class == thongsuot.ReasonTimeout:
		return thongsuot.ReasonHTTPTimeout
	case class == thongsuot.ReasonConnectReset:
		return class
	case !ph.tlsStart.IsZero() && ph.tlsDone.IsZero():
		return tlsReason(err)
	default:
		return thongsuot.ReasonHTTPError
	}
}

func connectReason(class thongsuot.Reason) thongsuot.Reason {
	switch class {
	case thongsuot.ReasonTimeout:
		return thongsuot.ReasonConnectTimeout
	case thongsuot.ReasonRefused:
		return thongsuot.ReasonConnectRefused
	case thongsuot.ReasonNoRoute, thongsuot.ReasonUnreachable, thongsuot.ReasonProhibited:
		return thongsuot.ReasonConnectUnreachable
	default:
		return class
	}
}

// tlsReason tells the faults of a certificate apart. One with several has the
// first that crypto/x509 looks for: dates, then name, then issuer. A clock that
// is wrong here looks like wrong dates there; the detail names both.
func tlsReason(err error) thongsuot.Reason {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return thongsuot.ReasonTLSExpired
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return thongsuot.ReasonTLSName
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return thongsuot.ReasonTLSUntrusted
	}
	return thongsuot.ReasonTLSError
}
