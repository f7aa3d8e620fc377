package agent

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"thongsuot/agent/spool"
	"thongsuot/probes"
)

// Config is the agent's whole configuration. What is left out is found on the
// machine or has the default that its field names.
type Config struct {
	Site    string        `yaml:"site"`     // for logs and status; the token decides whose data it is
	DataDir string        `yaml:"data_dir"` // spool and start counter. Default /var/lib/thongsuot-agent
	RunDir  string        `yaml:"run_dir"`  // in memory (tmpfs): quiet rounds of half a minute wait there for one write to the disk; "" writes each. Default /run/thongsuot-agent
	Listen  string        `yaml:"listen"`   // metrics and status, loopback only; "" serves none. Default 127.0.0.1:9467
	Round   time.Duration `yaml:"round"`    // results that change nothing are written and sent this often. Default 10s
	Metered bool          `yaml:"metered"`  // every byte of the line is paid for: a beat each 30s, probes each minute, pages each 5, posts each 2. Default false
	Slow    bool          `yaml:"slow"`     // the line carries less than 1 Mbit/s: pages each 5 minutes. Default as measured at night
	Procfs  string        `yaml:"procfs"`   // Default /proc
	Sysfs   string        `yaml:"sysfs"`    // Default /sys
	Centre  CentreConfig  `yaml:"centre"`
	Spool   spool.Config  `yaml:"spool"`
	Allow   []string      `yaml:"allow"` // networks and addresses inside that may be asked beside those that this file names by address; nothing from elsewhere adds to it. Default none
	Lines   []LineConfig  `yaml:"lines"` // of a site with several. Default none: what the machine's routes choose
	Probes  ProbesConfig  `yaml:"probes"`
}

// CentreConfig says where results go.
type CentreConfig struct {
	URL       string `yaml:"url"`        // http or https, base of the write API
	TokenFile string `yaml:"token_file"` // file that holds the site's token
	CAFile    string `yaml:"ca_file"`    // PEM of the issuer of the centre's certificate; default the system's
	Beat      string `yaml:"beat"`       // host:port for beats; "off" where the centre is a plain InfluxDB. Default the host and port of url
	Org       string `yaml:"org"`        // of an InfluxDB. Default thongsuot
	Bucket    string `yaml:"bucket"`     // of an InfluxDB. Default thongsuot
}

// ProbesConfig says what is measured.
type ProbesConfig struct {
	Gateway    string   `yaml:"gateway"`     // auto, off or an address. Default auto: the default gateways of the machine
	Resolvers  []string `yaml:"resolvers"`   // addresses; default those of resolv.conf; [off] asks none
	ResolvConf string   `yaml:"resolv_conf"` // Default /etc/resolv.conf
	Centre     bool     `yaml:"centre"`      // connect to the centre's port. Default true
	Path       string   `yaml:"path"`        // auto, off, or a host to which the routers of the carrier are looked for. Default auto: the centre
	Fetch      bool     `yaml:"fetch"`       // measure throughput once a night by at most 1 MiB or 3 s each way. Default true
	Captive    string   `yaml:"captive"`     // http:// address of the centre's empty page, for pages of the carrier in its place; default "", no check
	Mains      bool     `yaml:"mains"`       // mains adapter of this machine, if it has one. Default true

	Portals  []PortalItem  `yaml:"portals"`  // Default the national public service portal
	Services []ServiceItem `yaml:"services"` // other services that the counters need, each judged by itself
	ICMP     []ICMPItem    `yaml:"icmp"`
	TCP      []TCPItem     `yaml:"tcp"`
	NUT      string        `yaml:"nut"` // upsd whose supplies are found by themselves where ups names none; or off. Default 127.0.0.1:3493
	UPS      []UPSItem     `yaml:"ups"`

	Voltage VoltageConfig `yaml:"voltage"` // what a UPS measures of the mains is held against this

	// Devices that hang on the mains alone, where no UPS can be read.
	Canaries []CanaryItem `yaml:"canaries"`

	Contact string `yaml:"contact"` // e-mail or page of the operator, told to every portal in the User-Agent
}

// The items are a probe's own configuration, with its defaults filled in
// before the file is read.
type (
	PortalItem  struct{ probes.PortalConfig }
	ServiceItem struct{ probes.PortalConfig }
	ICMPItem    struct{ probes.ICMPConfig }
	TCPItem     struct{ probes.TCPConfig }
	UPSItem     struct{ probes.UPSConfig }
	CanaryItem  struct{ probes.CanaryConfig }
)

// UnmarshalYAML reads the item over its defaults.
func (i *PortalItem) UnmarshalYAML(decode func(any) error) error {
	i.PortalConfig = probes.DefaultPortalConfig()
	i.Name = "portal"
	return decode(&i.PortalConfig)
}

// UnmarshalYAML reads the item over its defaults.
func (i *ServiceItem) UnmarshalYAML(decode func(any) error) error {
	i.PortalConfig = probes.DefaultPortalConfig()
	i.URL = ""
	return decode(&i.PortalConfig)
}

// UnmarshalYAML reads the item over its defaults.
func (i *ICMPItem) UnmarshalYAML(decode func(any) error) error {
	i.ICMPConfig = probes.DefaultICMPConfig()
	return decode(&i.ICMPConfig)
}

// UnmarshalYAML reads the item over its defaults.
func (i *TCPItem) UnmarshalYAML(decode func(any) error) error {
	i.TCPConfig = probes.DefaultTCPConfig()
	return decode(&i.TCPConfig)
}

// UnmarshalYAML reads the item over its defaults.
func (i *UPSItem) UnmarshalYAML(decode func(any) error) error {
	i.UPSConfig = probes.DefaultUPSConfig()
	return decode(&i.UPSConfig)
}

// UnmarshalYAML reads the item over its defaults.
func (i *CanaryItem) UnmarshalYAML(decode func(any) error) error {
	i.CanaryConfig = probes.DefaultCanaryConfig()
	return decode(&i.CanaryConfig)
}

// DefaultConfig measures the machine's own links and the national portal.
func DefaultConfig() Config {
	portal := PortalItem{probes.DefaultPortalConfig()}
	portal.Name = "portal"
	queue := spool.DefaultConfig()
	queue.Dir = "" // below data_dir
	return Config{
		DataDir: "/var/lib/thongsuot-agent", RunDir: "/run/thongsuot-agent", Listen: "127.0.0.1:9467", Round: 10 * time.Second,
		Procfs: "/proc", Sysfs: "/sys",
		Centre: CentreConfig{Org: "thongsuot", Bucket: "thongsuot"},
		Spool:  queue,
		Probes: ProbesConfig{
			Gateway: "auto", Path: "auto", Fetch: true, ResolvConf: "/etc/resolv.conf", Centre: true,
			Mains: true, NUT: "127.0.0.1:3493", Voltage: defaultVoltage(),
			Portals: []PortalItem{portal},
		},
	}
}

// Validate names every field that cannot work, with its value. Probes are
// checked where they are made.
func (c Config) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.DataDir == "" {
		add("data_dir: must name a folder (got %q)", c.DataDir)
	}
	if c.Round < time.Second || c.Round > time.Minute {
		add("round: want 1s to 1m (got %s)", c.Round)
	}
	if c.Listen != "" && !loopback(c.Listen) {
		add("listen: must be a loopback address with a port, such as 127.0.0.1:9467 (got %q)", c.Listen)
	}
	if err := validateLines(c.Lines); err != nil {
		errs = append(errs, err)
	}
	if err := c.Centre.validate(); err != nil {
		errs = append(errs, err)
	}
	if n := c.Probes.NUT; n != "off" {
		if _, port, err := net.SplitHostPort(n); err != nil || port == "" {
			add("probes.nut: want host:port or off (got %q)", n)
		}
	}
	if err := c.Probes.Voltage.validate(); err != nil {
		errs = append(errs, err)
	}
	if g := c.Probes.Gateway; g != "auto" && g != "off" {
		if _, err := netip.ParseAddr(g); err != nil {
			add("probes.gateway: want auto, off or an address (got %q)", g)
		}
	}
	for i, s := range c.Allow {
		if _, err := allowed(s); err != nil {
			add("allow[%d]: %w", i, err)
		}
	}
	for i, r := range c.Probes.Resolvers {
		if r != "off" && !isAddr(r) {
			add("probes.resolvers[%d]: want an address, with or without a port (got %q)", i, r)
		}
	}
	if slices.Contains(c.Probes.Resolvers, "off") && len(c.Probes.Resolvers) > 1 {
		add("probes.resolvers: off stands alone (got %q)", c.Probes.Resolvers)
	}
	return errors.Join(errs...)
}

// pathFile is where the way to the centre is remembered.
func (c Config) pathFile() string { return filepath.Join(c.DataDir, "path.json") }

func (c CentreConfig) validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		return errors.New("centre.url: missing; the address of the centre, such as https://giamsat.example.vn:8086")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil:
		return fmt.Errorf("centre.url: want http:// or https:// with a host and without user (got %q)", redact(c.URL))
	case u.Scheme == "http" && !loopbackHost(u.Hostname()):
		return fmt.Errorf("centre.url: must be https, since the token would cross the network in clear (got %q)", c.URL)
	case c.TokenFile == "":
		return errors.New("centre.token_file: missing; make the file at the centre with: thongsuot-central token SITE -out FILE")
	}
	if c.Beat != "" && c.Beat != "off" {
		if _, port, err := net.SplitHostPort(c.Beat); err != nil || port == "" {
			return fmt.Errorf("centre.beat: want host:port or off (got %q)", c.Beat)
		}
	}
	return nil
}

// beatAddr is where datagrams go, "" for nowhere.
func (c CentreConfig) beatAddr() string {
	switch c.Beat {
	case "off":
		return ""
	case "":
		host, port, _ := c.hostPort()
		return net.JoinHostPort(host, port)
	default:
		return c.Beat
	}
}

func (c CentreConfig) hostPort() (host, port string, err error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return "", "", fmt.Errorf("centre.url: %w", err)
	}
	port = u.Port()
	if port == "" {
		port = "443"
		if u.Scheme == "http" {
			port = "80"
		}
	}
	return u.Hostname(), port, nil
}

func redact(raw string) string {
	if u, err := url.Parse(raw); err == nil {
		return u.Redacted()
	}
	if _, after, ok := strings.Cut(raw, "@"); ok {
		return "…@" + after
	}
	return raw
}

func loopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	return err == nil && loopbackHost(host)
}

func loopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func isAddr(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	_, err := netip.ParseAddrPort(s)
	return err == nil
}
