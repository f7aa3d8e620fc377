package email

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"os"
	"strings"
)

// Config is a mail server that takes messages from us and, for a team, who
// reads them.
type Config struct {
	Host         string   `yaml:"host"`          // name of the server, as its certificate has it
	Port         int      `yaml:"port"`          // 587, with security tls 465
	Security     string   `yaml:"security"`      // "starttls", "tls" or, to this machine only, "none". Default starttls
	CAFile       string   `yaml:"ca_file"`       // PEM of who issued the server's certificate; empty: the system's
	Username     string   `yaml:"username"`      // empty: the server asks for none
	PasswordFile string   `yaml:"password_file"` // needed with username
	From         string   `yaml:"from"`          // address of the sender; its domain names the messages
	To           []string `yaml:"to"`            // addresses of the team
}

// Ways to a server.
const (
	securityStartTLS = "starttls"
	securityTLS      = "tls"
	securityNone     = "none"
)

// Validate reports the first wrong field with its value.
func (c Config) Validate() error {
	if c.Host == "" {
		return errors.New(`host: must name the mail server (got "")`)
	}
	if c.Port < 0 || c.Port > 65535 {
		return fmt.Errorf("port: must lie in 1..65535 (got %d)", c.Port)
	}
	switch c.Security {
	case "", securityStartTLS, securityTLS:
	case securityNone:
		if !loopback(c.Host) {
			return fmt.Errorf("security: none is for a server on this machine only, or messages would cross the network in clear (got host %q)", c.Host)
		}
	default:
		return fmt.Errorf("security: want starttls, tls or none (got %q)", c.Security)
	}
	if (c.Username == "") != (c.PasswordFile == "") {
		return fmt.Errorf("username, password_file: both or none (got %q and %q)", c.Username, c.PasswordFile)
	}
	if _, err := mail.ParseAddress(c.From); err != nil || !strings.Contains(c.From, "@") {
		return fmt.Errorf("from: must be an address like giam-sat@tinh.gov.vn (got %q)", c.From)
	}
	for i, to := range c.To {
		if _, err := mail.ParseAddress(to); err != nil {
			return fmt.Errorf("to[%d]: must be an address (got %q)", i, to)
		}
	}
	return nil
}

func (c Config) port() int {
	if c.Security == securityTLS {
		return cmp.Or(c.Port, 465)
	}
	return cmp.Or(c.Port, 587)
}

func (c Config) tls() (*tls.Config, error) {
	out := &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12}
	if c.CAFile == "" {
		return out, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	out.RootCAs = x509.NewCertPool()
	if !out.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file: %s holds no certificate in PEM", c.CAFile)
	}
	return out, nil
}

// password reads the password. Its errors do not hold it.
func (c Config) password() (string, error) {
	if c.PasswordFile == "" {
		return "", nil
	}
	data, err := os.ReadFile(c.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("password_file: %w", err)
	}
	password := strings.TrimRight(string(data), "\r\n")
	if password == "" {
		return "", fmt.Errorf("password_file: %s is empty", c.PasswordFile)
	}
	return password, nil
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
