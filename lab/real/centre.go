package real

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"thongsuot"
	"thongsuot/alerting/slack/slacktest"
)

// isp is a carrier's hop that several sites share, with its name server.
//
//	site line 10.78.N.1 ── hop uplink 10.79.G.2 ── province 10.79.G.1
type isp struct {
	n        int // from 1
	space    space
	province space
	resolver *resolver
}

func (i *isp) upAddr() string       { return fmt.Sprintf("10.79.%d.2", i.n) }
func (i *isp) resolverAddr() string { return fmt.Sprintf("10.81.%d.53", i.n) }

func (p *province) newISP(ctx context.Context, n int) (*isp, error) {
	i := &isp{n: n, province: p.capital}
	var err error
	if i.space, err = newSpace(ctx, fmt.Sprintf("i%d", n)); err != nil {
		return nil, err
	}
	err = errors.Join(
		wire(ctx, i.space, "uplink", i.upAddr()+"/30", p.capital, fmt.Sprintf("isp%d", n), fmt.Sprintf("10.79.%d.1/30", n)),
		i.space.ip(ctx, "address add "+i.resolverAddr()+"/32 dev lo",
			fmt.Sprintf("route add 10.80.0.0/24 via 10.79.%d.1", n), fmt.Sprintf("route add %s/32 via 10.79.%d.1", liarsAddr, n)),
		p.capital.ip(ctx, fmt.Sprintf("route add %s/32 via %s", i.resolverAddr(), i.upAddr())))
	if err != nil {
		return nil, err
	}
	i.resolver, err = newResolver(i.space, i.resolverAddr())
	return i, err
}

// receiver is whom the centre tells, and what they want to hear.
type receiver struct {
	name, channel string
	minState      thongsuot.State // "" for all
}

// receivers are operations, which hear of everything, and those in charge, who
// hear of what is down.
func receivers() []receiver {
	return []receiver{{"van-hanh", "C0OPERATE1", ""}, {"lanh-dao", "C0INCHARGE", thongsuot.StateDown}}
}

const (
	slackKey  = "xoxb-of-the-lab"
	pagesAddr = "127.0.0.1:8080"
)

// centre is the province's own program with its disk.
type centre struct {
	dir, disk string
	capital   space
	journal   func() *journal
	program   *program
}

func (c *centre) ledgerFile() string { return filepath.Join(c.disk, "data/ledger.db") }
func (c *centre) storeDir() string   { return filepath.Join(c.disk, "data/store") }
func (c *centre) config() string     { return filepath.Join(c.dir, "central.yaml") }

// newCapital is the province's own place: the services' addresses, no way out.
func (p *province) newCapital(ctx context.Context) (err error) {
	if p.capital, err = newSpace(ctx, "p"); err != nil {
		return err
	}
	var add []string
	for _, addr := range []string{centreAddr, portalAddr, referenceAddr, namesAddr, liarsAddr} {
		add = append(add, "address add "+addr+"/32 dev lo")
	}
	if err := p.capital.ip(ctx, add...); err != nil {
		return err
	}
	portalCA, err := newAuthority("portal of the lab")
	if err != nil {
		return err
	}
	if p.portal, err = newPortal(p.capital, portalCA); err != nil {
		return err
	}
	if p.names, err = newResolver(p.capital, namesAddr); err != nil {
		return err
	}
	if err := p.capital.within(func() (err error) { p.slack, err = slacktest.Start(slackKey); return err }); err != nil {
		return err
	}
	for _, r := range receivers() {
		p.slack.AddChannel(r.channel, true)
	}
	return put(p.file("portal-ca.pem"), string(portalCA.PEM))
}

func (p *province) newCentre() (*centre, error) {
	c := &centre{dir: filepath.Join(p.dir, "centre"), capital: p.capital, journal: p.journal("central")}
	c.disk = filepath.Join(c.dir, "disk")
	if err := newDisk(c.disk, 128); err != nil {
		return nil, err
	}
	ca, err := newAuthority("centre of the lab")
	if err != nil {
		return nil, err
	}
	cert, key, err := ca.issue(centreAddr, time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour))
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`name: tỉnh thử nghiệm
data_dir: %[1]s/data
registry: [%[2]s/registry]
names: {compare: [%[5]s], resolver: "%[6]s:53"}
ingest: {listen: "%[3]s:8086", empty: "%[3]s:80", tls_cert_file: %[2]s/tls.crt, tls_key_file: %[2]s/tls.key}
pages: {listen: %[4]q}
store: {min_free_bytes: 16777216}
alerting:
  receivers:
`, c.disk, c.dir, centreAddr, pagesAddr, portalName, namesAddr)
	for _, r := range receivers() {
		config += fmt.Sprintf("    - {name: %s, min_state: %q, slack: {channel: %s, token_file: %s/slack-token, api_url: %q}}\n", r.name, r.minState, r.channel, c.dir, p.slack.URL())
	}
	return c, errors.Join(
		put(p.file("centre-ca.pem"), string(ca.PEM)),
		put(filepath.Join(c.dir, "tls.crt"), string(cert)), put(filepath.Join(c.dir, "tls.key"), string(key)),
		put(filepath.Join(c.dir, "slack-token"), slackKey+"\n"),
		put(filepath.Join(c.dir, "registry/sites.csv"), p.registry()),
		put(c.config(), config))
}

func (p *province) registry() string {
	var b strings.Builder
	b.WriteString("code,kind,unit,name,status,feeder,carrier,upstream\n")
	for i := range p.script.Sites {
		kind, unit, isp, feeder := thongsuot.KindCommune, "commune", p.script.ispOf(i), ""
		if p.script.isReference(i) {
			kind, unit = thongsuot.KindReference, ""
		}
		if p.script.Feeders > 0 {
			feeder = p.script.feederOf(i)
		}
		fmt.Fprintf(&b, "%s,%s,%s,Điểm thử %d,active,%s,%s,%s\n", p.script.code(i), kind, unit, i+1, feeder, isp, isp)
	}
	return b.String()
}

var centreReady = regexp.MustCompile(`msg="centre ready"`)

// start starts the centre and waits until it serves.
func (c *centre) start(ctx context.Context, p *province) (err error) {
	c.program, err = p.launcher.start(c.capital, "thongsuot-central", c.journal(), nil, "", p.cfg.Central, "run", "-config", c.config())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return c.program.logged(ctx, centreReady)
}

// token makes a site known to the centre.
func (c *centre) token(ctx context.Context, p *province, s *site) error {
	return run(ctx, p.cfg.Central, "token", "-config", c.config(), "-out", filepath.Join(s.dir, "token"), s.code)
}
