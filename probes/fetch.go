package probes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"thongsuot"
)

// FetchConfig measures the throughput of a line by one bounded transfer each
// way with the operator's own centre: at most MaxBytes or Limit, whichever
// comes first, and no more once the line suffers. It sends no trains of
// packets, so a thin line only carries what TCP asks of it.
type FetchConfig struct {
	Name     string
	URL      string // of the centre's transfers, without query
	Line     Line
	Sysfs    string        // default /sys
	MaxBytes int           // each way
	Limit    time.Duration // each way
	Watch    time.Duration // how long the line's use is looked at before
	Busy     float64       // bit/s of others' traffic from which the line is left alone

	// RTT takes one round trip with the centre by the line; nil makes a connection.
	RTT       func(ctx context.Context) (time.Duration, error)
	Token     func() (string, error)
	Transport http.RoundTripper
}

// DefaultFetchConfig is a probe without a centre.
func DefaultFetchConfig() FetchConfig {
	return FetchConfig{Name: "fetch", Sysfs: "/sys", MaxBytes: 1 << 20, Limit: 3 * time.Second, Watch: 3 * time.Second, Busy: 200e3}
}

// How a transfer is kept from harming others: when twice in a row the round
// trip beside it is longer by mostRise than before, it has shown what the line
// carries, and ends.
const (
	mostRise   = 150 * time.Millisecond
	rttEvery   = 200 * time.Millisecond
	rttPatient = 5 * time.Second // for the round trips before
	baseOf     = 3               // round trips, of which the least counts
)

var (
	errEnough  = errors.New("the time is over")
	errSuffers = fmt.Errorf("ended early: the round trip rose by more than %s", mostRise)
)

// fetchEvery is the pace for who asks: a night.
const fetchEvery = 24 * time.Hour

// Validate names every field that is wrong.
func (c FetchConfig) Validate() error {
	u, err := url.Parse(c.URL)
	return errors.Join(
		c.schedule().validate(),
		must(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "url: must be http or https with a host (got %q)", redact(c.URL)),
		must(c.MaxBytes >= 1 && c.MaxBytes <= 1<<20, "bytes: must be 1 to 1 MiB (got %d)", c.MaxBytes),
		must(c.Limit > 0 && c.Limit <= 3*time.Second, "limit: must be at most 3s (got %s)", c.Limit),
		must(c.Watch > 0 && c.Watch <= 10*time.Second, "watch: must be at most 10s (got %s)", c.Watch),
		must(c.Token != nil && c.Transport != nil, "token, transport: must be given"),
	)
}

func (c FetchConfig) schedule() schedule {
	const timeout = time.Minute
	return schedule{name: c.Name, every: fetchEvery, timeout: timeout, line: c.Line.Name}
}

// NewFetch makes the probe.
//
// Reasons: ok, skipped (the line is in use, or the centre asks for patience),
// not_present (the receiver measures no lines), http_4xx, http_5xx and those of
// a connection that fails. Detail of a good answer says when a transfer ended
// early because the line suffered. Fields, each as far as the run came: down_bits_per_second, up_bits_per_second, down_bytes, up_bytes.
func NewFetch(cfg FetchConfig) (Probe, error) {
	if err := cfg.Validate(); err != nil {
		return Probe{}, err
	}
	if cfg.RTT == nil {
		cfg.RTT = cfg.connect
	}
	return newProbe(thongsuot.ProbeFetch, cfg.schedule(), redact(cfg.URL), cfg.run), nil
}

func (c FetchConfig) run(ctx context.Context) thongsuot.Result {
	used, err := c.use(ctx)
	switch {
	case err != nil:
		return fail(thongsuot.ReasonError, err)
	case used > c.Busy:
		return fail(thongsuot.ReasonSkipped, fmt.Errorf("the line is in use: %.0f kbit/s", used/1e3))
	}
	base, err := c.base(ctx)
	if err != nil {
		return fail(fetchReason(err), err)
	}
	var r thongsuot.Result
	for _, one := range []struct {
		ask         func(ctx context.Context, base time.Duration) (float64, time.Duration, error)
		rate, bytes string
	}{
		{c.down, thongsuot.FieldDownRate, thongsuot.FieldDownBytes}, {c.up, thongsuot.FieldUpRate, thongsuot.FieldUpBytes},
	} {
		n, took, err := one.ask(ctx, base)
		if errors.Is(err, errSuffers) {
			r.Detail, err = err.Error(), nil
		}
		if err != nil {
			r.Reason, r.Detail = fetchReason(err), plain(err).Error()
			return r
		}
		// No more digits than a transfer this short can tell.
		rate := math.Round(8*n/took.Seconds()/1e3) * 1e3
		r.Fields = append(r.Fields, thongsuot.Field{Name: one.rate, Value: rate}, thongsuot.Field{Name: one.bytes, Value: n})
	}
	r.Reason = thongsuot.ReasonOK
	return r
}

// statusError is an answer that is not the wanted one.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

func fetchReason(err error) thongsuot.Reason {
	status, ok := errors.AsType[statusError](err)
	switch {
	case !ok:
		return connectReason(classify(err))
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return thongsuot.ReasonNotPresent
	case status == http.StatusTooManyRequests:
		return thongsuot.ReasonSkipped
	case status >= 500:
		return thongsuot.ReasonHTTP5xx
	default:
		return thongsuot.ReasonHTTP4xx
	}
}

func (c FetchConfig) request(ctx context.Context, method string, query string, body io.Reader) (*http.Response, error) {
	token, err := c.Token()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.URL+query, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Token "+token)
	req.Header.Set("Accept-Encoding", "identity")
	return c.Transport.RoundTrip(req)
}

// connect takes the time that a connection with the centre needs: a round trip.
func (c FetchConfig) connect(ctx context.Context) (time.Duration, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return 0, err
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme
	}
	begin := time.Now()
	conn, err := c.Line.Dialer(0).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return 0, err
	}
	return time.Since(begin), conn.Close()
}

// base is the round trip while the line is at rest.
func (c FetchConfig) base(ctx context.Context) (least time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, rttPatient)
	defer cancel()
	for i := range baseOf {
		rtt, err := c.RTT(ctx)
		if err != nil {
			return 0, err
		}
		if i == 0 || rtt < least {
			least = rtt
		}
	}
	return least, nil
}

// limited ends with errEnough when the time of a transfer is over, and with
// errSuffers as its cause when the line does.
func (c FetchConfig) limited(ctx context.Context, base time.Duration) (context.Context, func()) {
	ctx, end := context.WithTimeoutCause(ctx, c.Limit, errEnough)
	ctx, brake := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		for bad := 0; bad < 2; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(rttEvery):
			}
			brief, cancel := context.WithTimeout(ctx, base+mostRise)
			rtt, err := c.RTT(brief)
			cancel()
			if bad++; err == nil && rtt <= base+mostRise {
				bad = 0
			}
		}
		brake(errSuffers)
	})
	return ctx, func() { end(); brake(nil); watch.Wait() }
}

// down reads until all is here or its time is over, from the first byte on.
// errSuffers stands beside a good measurement.
func (c FetchConfig) down(ctx context.Context, base time.Duration) (bytes float64, took time.Duration, err error) {
	resp, err := c.request(ctx, http.MethodGet, "?bytes="+strconv.Itoa(c.MaxBytes), nil)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, 0, statusError(resp.StatusCode)
	}
	begin := time.Now()
	span, end := c.limited(ctx, base)
	defer end()
	// Closing the body is what ends a read that is under way.
	defer context.AfterFunc(span, func() { resp.Body.Close() })()
	n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, int64(c.MaxBytes)))
	took = max(time.Since(begin), time.Microsecond)
	if err != nil && span.Err() == nil || ctx.Err() != nil || n == 0 {
		return 0, 0, errors.Join(err, ctx.Err(), io.ErrUnexpectedEOF)
	}
	return float64(n), took, suffered(span)
}

// suffered is errSuffers when that is why span ended.
func suffered(span context.Context) error {
	if err := context.Cause(span); errors.Is(err, errSuffers) {
		return err
	}
	return nil
}

// up sends until all is gone or its time is over, and asks how much came.
// errSuffers stands beside a good measurement.
func (c FetchConfig) up(ctx context.Context, base time.Duration) (bytes float64, took time.Duration, err error) {
	begin := time.Now()
	span, end := c.limited(ctx, base)
	defer end()
	src := &bounded{left: c.MaxBytes, span: span, state: uint64(begin.UnixNano()) | 1}
	resp, err := c.request(ctx, http.MethodPost, "", src)
	took = max(time.Since(begin), time.Microsecond)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return 0, 0, statusError(resp.StatusCode)
	}
	n, err := strconv.ParseFloat(resp.Header.Get("X-Thongsuot-Bytes"), 64)
	if err != nil || n <= 0 || n > float64(c.MaxBytes) {
		return 0, 0, fmt.Errorf("the centre does not say how much came (got %q)", resp.Header.Get("X-Thongsuot-Bytes"))
	}
	return n, took, suffered(span)
}

// bounded is bytes that do not compress, until there are enough or it is time.
type bounded struct {
	left  int
	span  context.Context
	state uint64
}

// Read gives the next bytes, of a xorshift generator.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 || b.span.Err() != nil {
		return 0, io.EOF
	}
	n := min(len(p), b.left, 8<<10) // little at a time, so that the end is noticed
	for i := range p[:n] {
		b.state ^= b.state << 13
		b.state ^= b.state >> 7
		b.state ^= b.state << 17
		p[i] = byte(b.state >> 32)
	}
	b.left -= n
	return n, nil
}

// use is what goes over the line before it is measured, in bit/s: over the
// line's interface, or over all of them but the machine's own.
func (c FetchConfig) use(ctx context.Context) (float64, error) {
	before, err := c.counters()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(c.Watch):
	}
	after, err := c.counters()
	return 8 * max(0, after-before) / time.Since(begin).Seconds(), err
}

func (c FetchConfig) counters() (sum float64, err error) {
	root := filepath.Join(c.Sysfs, "class", "net")
	entries, err := os.ReadDir(root)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if e.Name() == "lo" || c.Line.Interface != "" && e.Name() != c.Line.Interface {
			continue
		}
		for _, counter := range []string{"rx_bytes", "tx_bytes"} {
			raw, err := os.ReadFile(filepath.Join(root, e.Name(), "statistics", counter))
			if err != nil {
				continue // an interface can go while it is read
			}
			n, _ := strconv.ParseFloat(strings.TrimSpace(string(raw)), 64)
			sum += n
		}
	}
	return sum, nil
}
