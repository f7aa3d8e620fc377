package promremote

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// readTries is how often a read is tried: what stands in front of several
// nodes may choose one that is away, and another the next time.
const readTries = 3

// newTransport sends the token and the headers, over HTTP/2 where it can.
func newTransport(cfg Config) (*dressed, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = cfg.Concurrent
	t.Proxy = nil // the engine is the operator's own; a proxy of the environment is for the world
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", cfg.CAFile)
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	dressed := &dressed{next: t, headers: cfg.Headers}
	if cfg.TokenFile != "" {
		b, err := os.ReadFile(cfg.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("token_file: %w", err)
		}
		if dressed.token = strings.TrimSpace(string(b)); dressed.token == "" {
			return nil, errors.New("token_file: is empty")
		}
	}
	return dressed, nil
}

// dressed adds headers to requests and notes the status of answers, which the
// library for remote write keeps to itself.
type dressed struct {
	next    http.RoundTripper
	token   string
	headers map[string]string
	tries   int // 0 counts as 1
}

type statusKey struct{}

func (d *dressed) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	for try := 1; ; try++ {
		if resp, err = d.once(r); try >= d.tries || !elsewhere(resp, err) || r.Context().Err() != nil || !rewind(&r) {
			return resp, err
		}
		if err == nil {
			_ = resp.Body.Close() // says only that a node is away
		}
	}
}

// elsewhere reports whether another node behind the same address may answer.
func elsewhere(resp *http.Response, err error) bool {
	return err != nil || resp.StatusCode == http.StatusBadGateway || resp.StatusCode == http.StatusServiceUnavailable
}

// rewind makes a request that can be sent anew, if its body can.
func rewind(r **http.Request) bool {
	old := *r
	if old.Body == nil || old.Body == http.NoBody {
		return true
	}
	if old.GetBody == nil {
		return false
	}
	body, err := old.GetBody()
	if err != nil {
		return false
	}
	again := old.Clone(old.Context())
	again.Body = body
	*r = again
	return true
}

func (d *dressed) once(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if d.token != "" {
		r.Header.Set("Authorization", "Bearer "+d.token)
	}
	for k, v := range d.headers {
		r.Header.Set(k, v)
	}
	resp, err := d.next.RoundTrip(r)
	if status, ok := r.Context().Value(statusKey{}).(*int); ok && err == nil {
		*status = resp.StatusCode
	}
	return resp, err
}
