package central

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"thongsuot/alerting"
	"thongsuot/incident"
	"thongsuot/reports"
	"thongsuot/store"
	"thongsuot/store/influx"
	"thongsuot/store/promremote"
)

// Config is the centre's whole configuration.
type Config struct {
	Name     string          `yaml:"name"`     // of the province, as pages and messages show it. Default "tỉnh Lâm Đồng"
	DataDir  string          `yaml:"data_dir"` // store, ledger and quarantine. Default /var/lib/thongsuot-central
	Zone     string          `yaml:"zone"`     // time zone of the province. Default Asia/Ho_Chi_Minh
	Registry []string        `yaml:"registry"` // folders of the registry; later ones add sites. Default /etc/thongsuot/registry
	Ingest   IngestConfig    `yaml:"ingest"`
	Names    NamesConfig     `yaml:"names"`
	Pages    PagesConfig     `yaml:"pages"`
	Query    QueryConfig     `yaml:"query"`
	Engine   string          `yaml:"engine"` // what samples are kept in: embedded, prometheus or influxdb. Default embedded
	Store    store.Config    `yaml:"store"`  // of the embedded engine
	Incident incident.Config `yaml:"incident"`
	Alerting alerting.Config `yaml:"alerting"`

	Heartbeat HeartbeatConfig `yaml:"heartbeat"`
	Reports   reports.Config  `yaml:"reports"` // the method of planners' reports

	Prometheus promremote.Config `yaml:"prometheus"` // an engine that speaks remote write and PromQL
	InfluxDB   influx.Config     `yaml:"influxdb"`   // an InfluxDB 2

	// ReachPort is the TCP port on which the centre asks the address of a site
	// that falls silent, where the registry has one; any answer counts, also a
	// refusal. 0 asks nobody. Default 443
	ReachPort int `yaml:"reach_port"`

	// Simulated makes every page say that its data are made up. Default false
	Simulated bool `yaml:"simulated"`
}

// IngestConfig says where agents reach the centre.
type IngestConfig struct {
	Listen      string `yaml:"listen"`        // TCP, the write API. Default 127.0.0.1:8086
	Beat        string `yaml:"beat"`          // UDP, the beats. Default the address of listen
	TLSCertFile string `yaml:"tls_cert_file"` // PEM; needed to listen beyond this machine
	TLSKeyFile  string `yaml:"tls_key_file"`

	// Empty serves an empty page in clear (TCP), for the sites' check whether
	// somebody on the way puts a page of his own there: ":80". Default "", none
	Empty string `yaml:"empty"`

	// MaxSeries is how many time series one site may make; samples of more are
	// refused and counted. One of our agents makes about 100. Default 1000
	MaxSeries int `yaml:"max_series"`

	// PointsPerSecond is how many lines a site may write in the long run; a
	// minute's worth at once. One of our agents writes about one. Default 500
	PointsPerSecond int `yaml:"points_per_second"`

	// BacklogPointsPerSecond is what all sites together may write of what they
	// measured while they were cut off. They share it evenly; what one does not
	// use another may. Default 20000, half a CPU
	BacklogPointsPerSecond int `yaml:"backlog_points_per_second"`

	// PagesPerMinute is how many requests a minute all sites together may send
	// to one portal or service of others. Each is told its share within a
	// quarter of an hour, and asks once a minute at most anyway. Default 124
	PagesPerMinute int `yaml:"pages_per_minute"`

	// MaxConnections is how many connections are open at most; more are closed
	// at once. Default 16384
	MaxConnections int `yaml:"max_connections"`

	// Patience is how long the body of a write may take, beside one second for
	// each KiB that arrived. Default 10s
	Patience time.Duration `yaml:"patience"`
}

// PagesConfig says where people reach the centre.
type PagesConfig struct {
	Listen string `yaml:"listen"` // loopback only, since there are no accounts yet. Default 127.0.0.1:8080
}

// QueryConfig bounds the query API for programs such as Grafana.
type QueryConfig struct {
	Concurrent int `yaml:"concurrent"` // queries that run at once. Default 4
}

// DefaultConfig serves this machine alone.
func DefaultConfig() Config {
	samples := store.DefaultConfig()
	samples.Dir = "" // below data_dir
	return Config{
		Name: "tỉnh Lâm Đồng", DataDir: "/var/lib/thongsuot-central", Zone: "Asia/Ho_Chi_Minh", Registry: []string{"/etc/thongsuot/registry"},
		Ingest: IngestConfig{
			Listen: "127.0.0.1:8086", MaxSeries: 1000, PointsPerSecond: 500, BacklogPointsPerSecond: 20_000, PagesPerMinute: 124,
			MaxConnections: 16384, Patience: 10 * time.Second,
		},
		Names: NamesConfig{Compare: []string{"dichvucong.gov.vn"}}, Pages: PagesConfig{Listen: "127.0.0.1:8080"}, Query: QueryConfig{Concurrent: 4},
		Engine: engineEmbedded, Store: samples, Prometheus: promremote.DefaultConfig(), InfluxDB: influx.DefaultConfig(), Incident: incident.DefaultConfig(), Alerting: alerting.DefaultConfig(), Heartbeat: HeartbeatConfig{Every: time.Minute},
		ReachPort: 443,
		Reports:   reports.DefaultConfig(),
	}
}

// Validate names every field that cannot work, with its value.
func (c Config) Validate() error {
	if c.ReachPort < 0 || c.ReachPort > 65535 {
		return fmt.Errorf("reach_port: want 0 to 65535 (got %d)", c.ReachPort)
	}
	var errs []error
	if c.DataDir == "" {
		errs = append(errs, errors.New(`data_dir: must name a folder (got "")`))
	}
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "" {
		errs = append(errs, fmt.Errorf("zone: want a name such as Asia/Ho_Chi_Minh (got %q)", c.Zone))
	}
	if len(c.Registry) == 0 {
		errs = append(errs, errors.New("registry: must name at least one folder with sites.csv"))
	}
	if c.Query.Concurrent < 1 {
		errs = append(errs, fmt.Errorf("query.concurrent: must be at least 1 (got %d)", c.Query.Concurrent))
	}
	errs = append(errs, c.Ingest.validate(), c.Names.validate(), c.Pages.validate(), c.validateStore(), c.Incident.Validate(), c.Alerting.Validate(), c.Heartbeat.validate())
	if err := c.Reports.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("reports.%s", strings.ReplaceAll(err.Error(), "\n", "\nreports.")))
	}
	return errors.Join(errs...)
}

// CheckFiles says whether the files that the configuration names can be used:
// tokens of channels, the certificate, the folder for the data.
func (c Config) CheckFiles(log *slog.Logger) error {
	_, err := c.Alerting.Notifiers(log)
	errs := []error{err}
	if c.Ingest.TLSCertFile != "" {
		if _, err := tls.LoadX509KeyPair(c.Ingest.TLSCertFile, c.Ingest.TLSKeyFile); err != nil {
			errs = append(errs, fmt.Errorf("ingest.tls_cert_file, ingest.tls_key_file: %w", err))
		}
	}
	// The folder, or the nearest one above it, must be one that can be written.
	for dir := c.DataDir; ; dir = filepath.Dir(dir) {
		err := unix.Access(dir, unix.W_OK|unix.X_OK)
		if errors.Is(err, os.ErrNotExist) && dir != filepath.Dir(dir) {
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("data_dir: %s: %w (give the centre a folder that it may write)", dir, err))
		}
		return errors.Join(errs...)
	}
}

func (c Config) validateStore() error {
	switch c.Engine {
	case enginePrometheus:
		if err := c.Prometheus.Validate(); err != nil {
			return fmt.Errorf("prometheus.%s", strings.ReplaceAll(err.Error(), "\n", "\nprometheus."))
		}
		return nil
	case engineInflux:
		if err := c.InfluxDB.Validate(); err != nil {
			return fmt.Errorf("influxdb.%s", strings.ReplaceAll(err.Error(), "\n", "\ninfluxdb."))
		}
		return nil
	case engineEmbedded:
	default:
		return unknownEngine(c.Engine)
	}
	s := c.Store
	if s.Dir == "" {
		s.Dir = c.DataDir
	}
	err := s.Validate()
	if err == nil {
		return nil
	}
	return fmt.Errorf("store.%s", strings.ReplaceAll(err.Error(), "\n", "\nstore."))
}

func (c IngestConfig) validate() error {
	own, err := loopback("ingest.listen", c.Listen)
	if err != nil {
		return err
	}
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		return fmt.Errorf("ingest.tls_cert_file, ingest.tls_key_file: both or none (got %q and %q)", c.TLSCertFile, c.TLSKeyFile)
	}
	if !own && c.TLSCertFile == "" {
		return fmt.Errorf("ingest.listen: beyond this machine tls_cert_file and tls_key_file are needed, or tokens would cross the network in clear (got %q)", c.Listen)
	}
	if c.MaxSeries < 100 {
		return fmt.Errorf("ingest.max_series: must be at least 100, what one agent makes (got %d)", c.MaxSeries)
	}
	if c.Empty != "" {
		if _, err := loopback("ingest.empty", c.Empty); err != nil {
			return err
		}
	}
	if c.PointsPerSecond < 10 {
		return fmt.Errorf("ingest.points_per_second: must be at least 10, or an agent's own results would wait (got %d)", c.PointsPerSecond)
	}
	if c.BacklogPointsPerSecond < 100 {
		return fmt.Errorf("ingest.backlog_points_per_second: must be at least 100, or a backlog would never end (got %d)", c.BacklogPointsPerSecond)
	}
	if c.PagesPerMinute < 1 {
		return fmt.Errorf("ingest.pages_per_minute: must be at least 1 (got %d)", c.PagesPerMinute)
	}
	if c.MaxConnections < 10 {
		return fmt.Errorf("ingest.max_connections: must be at least 10, and some four for each site (got %d)", c.MaxConnections)
	}
	if c.Patience <= 0 {
		return fmt.Errorf("ingest.patience: must be positive (got %s)", c.Patience)
	}
	if c.Beat != "" {
		if _, err := loopback("ingest.beat", c.Beat); err != nil {
			return err
		}
	}
	return nil
}

func (c PagesConfig) validate() error {
	own, err := loopback("pages.listen", c.Listen)
	if err == nil && !own {
		return fmt.Errorf("pages.listen: must be a loopback address until there are accounts; from another machine use ssh -L (got %q)", c.Listen)
	}
	return err
}

// loopback tells whether an address to listen on stays within this machine.
func loopback(field, addr string) (bool, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" {
		return false, fmt.Errorf("%s: want address:port (got %q)", field, addr)
	}
	if host == "localhost" {
		return true, nil
	}
	ip, err := netip.ParseAddr(host)
	if host != "" && err != nil {
		return false, fmt.Errorf("%s: want an IP address and a port (got %q)", field, addr)
	}
	return ip.IsLoopback(), nil
}
