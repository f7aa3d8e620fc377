package influx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/influxdata/influxdb-client-go/v2/api/write"
	"github.com/influxdata/influxdb-client-go/v2/domain"
	"github.com/prometheus/client_golang/prometheus"

	"thongsuot"
	"thongsuot/store"
)

// maxBatch is how many samples one request holds: some 200 kB of text.
const maxBatch = 5000

// field is the field that holds the value.
const field = "value"

// Store keeps samples in an InfluxDB.
type Store struct {
	cfg    Config
	log    *slog.Logger
	client influxdb2.Client
	write  api.WriteAPIBlocking
	read   api.QueryAPI
	slots  chan struct{}

	stop    context.CancelFunc // ends what is under way
	closing context.Context

	mu    sync.Mutex
	ready bool // the bucket is there

	reg      prometheus.Registerer
	appended prometheus.Counter
	refused  *prometheus.CounterVec
}

// Open prepares the client. InfluxDB need not be there yet.
func Open(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("influxdb: %w", err)
	}
	token, err := os.ReadFile(cfg.TokenFile)
	if err != nil {
		return nil, fmt.Errorf("influxdb: token_file: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = cfg.Concurrent + 4
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("influxdb: ca_file: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("influxdb: ca_file: %s holds no certificate", cfg.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	s := &Store{cfg: cfg, log: log, slots: make(chan struct{}, cfg.Concurrent), ready: cfg.Retention == 0, reg: reg}
	s.closing, s.stop = context.WithCancel(context.Background())
	s.client = influxdb2.NewClientWithOptions(cfg.URL, strings.TrimSpace(string(token)), influxdb2.DefaultOptions().
		SetHTTPClient(&http.Client{Transport: transport, Timeout: cfg.Timeout}).
		SetPrecision(time.Millisecond).SetUseGZip(true).SetLogLevel(0))
	s.write, s.read = s.client.WriteAPIBlocking(cfg.Org, cfg.Bucket), s.client.QueryAPI(cfg.Org)
	s.appended = prometheus.NewCounter(prometheus.CounterOpts{Name: "thongsuot_store_samples_appended_total", Help: "Samples stored."})
	s.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "thongsuot_store_samples_refused_total", Help: "Samples that were not stored, by reason.",
	}, []string{"reason"})
	for _, c := range []prometheus.Collector{s.appended, s.refused} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("influxdb: %w", err)
		}
	}
	return s, nil
}

// Close ends what is under way with an error.
func (s *Store) Close() error {
	if s.closing.Err() != nil {
		return nil
	}
	s.stop()
	s.reg.Unregister(s.appended)
	s.reg.Unregister(s.refused)
	s.client.Close()
	return nil
}

// Takes reports why a sample of the given time would be refused now, or nil.
func (s *Store) Takes(at time.Time) error { return store.Takes(at, s.cfg.Now(), s.cfg.Window) }

// use is ctx until the store closes.
func (s *Store) use(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(s.closing, func() { cancel(store.ErrClosed) })
	if s.closing.Err() != nil {
		cancel(store.ErrClosed)
	}
	return ctx, func() { forget(); cancel(nil) }
}

// Append stores a batch and returns how many of its samples were refused. On an
// error nothing may be acknowledged; a part may be stored, which does no harm
// when the batch is offered again.
func (s *Store) Append(ctx context.Context, samples []thongsuot.Sample) (refused int, err error) {
	ctx, done := s.use(ctx)
	defer done()
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return 0, fmt.Errorf("append: %w", context.Cause(ctx))
	}
	kept, why := store.Screen(samples, s.cfg.Now(), s.cfg.Window)
	points := make([]*write.Point, 0, len(kept))
	for _, one := range kept {
		if !sayable(one) {
			why["reserved_name"]++
			continue
		}
		points = append(points, point(one))
	}
	bad, err := s.push(ctx, points)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("append: %w", err)
	}
	why["engine"] += bad
	for reason, n := range why {
		s.refused.WithLabelValues(reason).Add(float64(n))
		refused += n
	}
	s.appended.Add(float64(len(samples) - refused))
	return refused, nil
}

// sayable reports whether InfluxDB knows the sample's labels from its own words.
func sayable(one thongsuot.Sample) bool {
	for _, l := range one.Labels {
		if strings.HasPrefix(l.Name, "_") || l.Name == "time" || l.Name == "result" || l.Name == "table" || l.Name == "error" {
			return false
		}
	}
	return !strings.HasPrefix(one.Metric, "_")
}

func point(one thongsuot.Sample) *write.Point {
	p := write.NewPointWithMeasurement(one.Metric).AddField(field, one.Value).SetTime(one.At)
	for _, l := range one.Labels {
		p.AddTag(l.Name, tag(l.Value))
	}
	return p
}

// tag is a label's value as a tag: quoted where line protocol cannot carry it.
func tag(value string) string {
	if strings.ContainsAny(value, "\n\r\t") || strings.HasPrefix(value, `"`) || strings.HasSuffix(value, `\`) {
		return strconv.Quote(value)
	}
	return value
}

// untag is the other way round.
func untag(value string) string {
	if plain, err := strconv.Unquote(value); err == nil && strings.HasPrefix(value, `"`) {
		return plain
	}
	return value
}

// push writes points and returns how many InfluxDB will never take.
func (s *Store) push(ctx context.Context, points []*write.Point) (bad int, err error) {
	if len(points) == 0 {
		return 0, ctx.Err()
	}
	if err := s.bucket(ctx); err != nil {
		return 0, err
	}
	for len(points) > 0 && err == nil {
		n := min(len(points), maxBatch)
		var more int
		more, err = s.send(ctx, points[:n])
		bad, points = bad+more, points[n:]
	}
	return bad, err
}

// send writes one request. What is refused for good is cut in halves until the
// bad points are found.
func (s *Store) send(ctx context.Context, points []*write.Point) (bad int, err error) {
	err = s.write.WritePoint(ctx, points...)
	var said *influxhttp.Error
	if err == nil || !errors.As(err, &said) {
		return 0, err
	}
	switch said.StatusCode {
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
	default:
		return 0, err
	}
	if len(points) == 1 {
		s.log.Debug("sample refused by InfluxDB", "err", err)
		return 1, nil
	}
	half := len(points) / 2
	for _, part := range [][]*write.Point{points[:half], points[half:]} {
		more, err := s.send(ctx, part)
		if err != nil {
			return 0, err
		}
		bad += more
	}
	return bad, nil
}

// bucket makes the bucket, once, with the retention that is wanted.
func (s *Store) bucket(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready {
		return nil
	}
	rules := domain.RetentionRules{{EverySeconds: int64(s.cfg.Retention / time.Second)}}
	buckets := s.client.BucketsAPI()
	b, err := buckets.FindBucketByName(ctx, s.cfg.Bucket)
	switch {
	case err == nil && len(b.RetentionRules) == 1 && b.RetentionRules[0].EverySeconds == rules[0].EverySeconds:
	case err == nil:
		b.RetentionRules = rules
		if _, err := buckets.UpdateBucket(ctx, b); err != nil {
			return fmt.Errorf("set the retention of bucket %s: %w", s.cfg.Bucket, err)
		}
	case strings.Contains(err.Error(), "not found"):
		org, err := s.client.OrganizationsAPI().FindOrganizationByName(ctx, s.cfg.Org)
		if err != nil {
			return fmt.Errorf("organisation %s: %w", s.cfg.Org, err)
		}
		if _, err := buckets.CreateBucketWithName(ctx, org, s.cfg.Bucket, rules...); err != nil {
			return fmt.Errorf("make bucket %s: %w", s.cfg.Bucket, err)
		}
	default:
		return fmt.Errorf("bucket %s: %w", s.cfg.Bucket, err)
	}
	s.ready = true
	return nil
}
