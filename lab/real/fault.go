package real

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// kind is one sort of fault: where it can happen, what it takes, and how it is
// done and undone.
type kind struct {
	words string
	on    string         // "site", "isp", "feeder", "portal" or "central"
	arg   *regexp.Regexp // nil takes nothing
	takes string         // what arg is, for people
	parts []string       // of the target; no two faults may hold one at a time

	begin, end func(context.Context, *province, Fault) error
}

var (
	percent  = regexp.MustCompile(`^([1-9][0-9]?|100)%$`)
	rate     = regexp.MustCompile(`^[1-9][0-9]{0,5}[km]bit$`)
	seconds  = regexp.MustCompile(`^[1-9][0-9]{0,3}s$`)
	optional = regexp.MustCompile(`^([1-9][0-9]{0,3}s)?$`)
)

// kinds is one entry a fault.
func kinds() []kind {
	line, machine, power := []string{"line"}, []string{"machine", "disk", "ups"}, []string{"machine", "disk", "ups", "gateway"}
	return []kind{
		{"line down", "site", nil, "", []string{"line", "gateway"}, lineDown, lineUp},
		{"line silent", "site", nil, "", line, filterLine, unfilter},
		{"line loss", "site", percent, "a share of packets, as 20%", line, filterLine, unfilter},
		{"line bursts", "site", percent, "a share of packets, as 20%: that many in a row of each hundred", line, filterLine, unfilter},
		{"line rate", "site", rate, "a rate, as 64kbit", line, rateLimit, rateFree},
		{"line delay", "site", lagForm, "a delay each way, as 150ms jitter 50ms reorder 5%; the last two may be left out", []string{"lag"}, lineLag, lineSwift},
		{"captive", "site", nil, "", line, captiveOn, captiveOff},
		{"gateway dead", "site", nil, "", []string{"gateway"}, gatewayOff, gatewayOn},

		{"dead", "isp", nil, "", []string{"hop", "dns"}, hopDead, unfilter},
		{"dns dead", "isp", nil, "", []string{"dns"}, dns(resolverDead), dns(resolverTrue)},
		{"dns lying", "isp", nil, "", []string{"dns"}, dns(resolverLies), dns(resolverTrue)},

		{"slow", "portal", seconds, "a delay, as 15s", []string{"portal"}, portalIs(portalSlow), portalIs(portalWell)},
		{"503", "portal", nil, "", []string{"portal"}, portalIs(portalOverload), portalIs(portalWell)},
		{"bad-certificate", "portal", nil, "", []string{"portal"}, portalIs(portalExpired), portalIs(portalWell)},
		{"refusing", "portal", nil, "", []string{"portal"}, portalIs(portalRefuses), portalIs(portalWell)},

		{"ups battery", "site", nil, "", []string{"ups"}, ups("OB DISCHRG", 85, 1200), ups("OL CHRG", 85, 1200)},
		{"ups low", "site", nil, "", []string{"ups"}, ups("OB DISCHRG LB", 9, 60), ups("OL CHRG", 12, 90)},
		{"ups test", "site", nil, "", []string{"ups"}, ups("OB CAL DISCHRG", 95, 1200), ups("OL", 100, 1200)},
		{"ups stale", "site", nil, "", []string{"ups"}, driverHangs, driverGoesOn},

		{"cut", "feeder", optional, "how long the batteries of those with a UPS last, as 30s; nothing: longer than the cut", power, feederCut, feederBack},
		{"power cut", "site", optional, "how long the battery lasts, as 30s; nothing: not at all", power, powerCut, powerBack},
		{"shutdown", "site", nil, "", machine, shutDown, bootUp},
		{"suspend", "site", nil, "", machine, suspend, resume},
		{"agent crash", "site", nil, "", []string{"machine"}, agentCrash, agentStart},
		{"disk full", "site", nil, "", []string{"disk", "machine"}, siteDiskFull, siteDiskFree},

		{"clock", "site", clockForm, "how far it is off, as -20y, +1d or +90s; or 1970, where it stands at every boot", []string{"clock"}, clockWrong, clockRight},

		{"killed", "central", nil, "", []string{"central", "disk"}, centralKill, centralStart},
		{"disk full", "central", nil, "", []string{"disk", "central"}, centralDiskFull, centralDiskFree},
	}
}

// parseKind finds the kind that words name on the target, and its argument.
func parseKind(target string, words []string) (name, arg string, err error) {
	on := Fault{Target: target}.on()
	text := strings.Join(words, " ")
	var known []string
	for _, k := range kinds() {
		if k.on != on {
			continue
		}
		known = append(known, k.words)
		rest, ok := strings.CutPrefix(text+" ", k.words+" ")
		if !ok {
			continue
		}
		switch arg = strings.TrimSpace(rest); {
		case k.arg == nil && arg != "":
			return "", "", fmt.Errorf("%s: takes nothing more (got %q)", k.words, arg)
		case k.arg != nil && !k.arg.MatchString(arg):
			return "", "", fmt.Errorf("%s: takes %s (got %q)", k.words, k.takes, arg)
		}
		return k.words, arg, nil
	}
	if known == nil {
		return "", "", fmt.Errorf("nothing of that name can break; want site-N, isp-N, feeder-N, portal or central (got %q)", target)
	}
	return "", "", fmt.Errorf("no fault of that name is played on %s; there are: %s (got %q)", on, strings.Join(known, ", "), text)
}

// kindOf is the kind of a fault that was parsed.
func kindOf(f Fault) kind {
	all := kinds()
	return all[slices.IndexFunc(all, func(k kind) bool { return k.on == f.on() && k.words == f.Kind })]
}

func lineDown(ctx context.Context, p *province, f Fault) error {
	return p.site(f).gateway.ip(ctx, "link set wan down")
}

// lineUp also brings back the route that fell with the link.
func lineUp(ctx context.Context, p *province, f Fault) error {
	s := p.site(f)
	return s.gateway.ip(ctx, "link set wan up", "route replace default via "+s.hopAddr())
}

// filterLine drops packets that cross the line, each way on its own.
func filterLine(ctx context.Context, p *province, f Fault) error {
	match := map[string]string{"line silent": "", "line loss": "numgen random mod 100 < ", "line bursts": "numgen inc mod 100 < "}[f.Kind] +
		strings.TrimSuffix(f.Arg, "%")
	return p.site(f).gateway.nft(ctx, fmt.Sprintf(`table inet %s {
	chain in { type filter hook prerouting priority -300; iifname "wan" %s drop; }
	chain out { type filter hook postrouting priority 300; oifname "wan" %s drop; }
}`, table(f), match, match))
}

// hopDead is the carrier's box without a word.
func hopDead(ctx context.Context, p *province, f Fault) error {
	return p.isp(f).space.nft(ctx, fmt.Sprintf(`table inet %s {
	chain in { type filter hook prerouting priority -300; drop; }
	chain out { type filter hook postrouting priority 300; drop; }
}`, table(f)))
}

func unfilter(ctx context.Context, p *province, f Fault) error {
	at := p.where(f)
	return at.nft(ctx, "delete table inet "+table(f))
}

func table(f Fault) string { return fmt.Sprintf("fault%d", f.Line) }

// rateLimit holds both directions of the line to a rate, with a queue of 400 ms
// as small routers have.
func rateLimit(ctx context.Context, p *province, f Fault) error {
	s := p.site(f)
	for _, end := range s.lineEnds() {
		if err := run(ctx, "tc", "-n", end.space.name, "qdisc", "add", "dev", end.device, "root", "tbf", "rate", f.Arg, "burst", "4kb", "latency", "400ms"); err != nil {
			return err
		}
	}
	return nil
}

func rateFree(ctx context.Context, p *province, f Fault) error {
	for _, end := range p.site(f).lineEnds() {
		if err := run(ctx, "tc", "-n", end.space.name, "qdisc", "del", "dev", end.device, "root"); err != nil {
			return err
		}
	}
	return nil
}

// captiveOn is a carrier that shows its own page, in clear and over HTTPS with
// its own certificate, and lets nothing but names through.
func captiveOn(ctx context.Context, p *province, f Fault) error {
	s := p.site(f)
	if err := s.captive.open(s.gateway, "0.0.0.0:8080", "0.0.0.0:8443"); err != nil {
		return err
	}
	return s.gateway.nft(ctx, fmt.Sprintf(`table inet %[1]s {
	chain to { type nat hook prerouting priority -100; iifname "lan" ip daddr != %[2]s tcp dport 80 redirect to :8080; iifname "lan" ip daddr != %[2]s tcp dport 443 redirect to :8443; }
	chain through { type filter hook forward priority 0; udp dport 53 accept; udp sport 53 accept; drop; }
}`, table(f), s.gatewayAddr()))
}

func captiveOff(ctx context.Context, p *province, f Fault) error {
	p.site(f).captive.close()
	return unfilter(ctx, p, f)
}

func gatewayOff(ctx context.Context, p *province, f Fault) error { return p.site(f).gatewayOff(ctx) }
func gatewayOn(ctx context.Context, p *province, f Fault) error  { return p.site(f).gatewayOn(ctx) }

func dns(mode resolverMode) func(context.Context, *province, Fault) error {
	return func(_ context.Context, p *province, f Fault) error {
		p.isp(f).resolver.mode.Store(int32(mode))
		return nil
	}
}

func portalIs(mode portalMode) func(context.Context, *province, Fault) error {
	return func(_ context.Context, p *province, f Fault) error {
		delay, _ := time.ParseDuration(f.Arg) // "" is none
		return p.portal.become(mode, delay)
	}
}

func ups(status string, charge, runtime int) func(context.Context, *province, Fault) error {
	return func(ctx context.Context, p *province, f Fault) error {
		return p.site(f).ups.set(ctx, status, charge, runtime)
	}
}

func driverHangs(_ context.Context, p *province, f Fault) error  { return p.site(f).ups.driver.stop() }
func driverGoesOn(_ context.Context, p *province, f Fault) error { return p.site(f).ups.driver.cont() }

// powerCut takes the mains away: at once, or when the battery is empty. The
// gateway stands behind the same UPS as the machine.
func powerCut(ctx context.Context, p *province, f Fault) error {
	if lasts := f.battery(); lasts > 0 {
		return p.site(f).ups.set(ctx, "OB DISCHRG", 60, int(lasts/time.Second))
	}
	return p.site(f).powerOff(ctx)
}

// feederCut takes the mains of all sites of a feeder away: those with a UPS go
// on battery, the others go dark.
func feederCut(ctx context.Context, p *province, f Fault) error {
	lasts := cmp.Or(f.battery(), 20*time.Minute)
	return together(p.behind(f), func(s *site) error {
		if s.ups == nil {
			return s.powerOff(ctx)
		}
		return s.ups.set(ctx, "OB DISCHRG", 60, int(lasts/time.Second))
	})
}

func feederBack(ctx context.Context, p *province, f Fault) error {
	return together(p.behind(f), func(s *site) error {
		if s.ups.running() {
			return s.ups.set(ctx, "OL CHRG", 30, 400)
		}
		return s.powerOn(ctx, p)
	})
}

// powerFades is what follows of a power cut while the battery lasts.
func powerFades(f Fault) []step {
	lasts := f.battery()
	if lasts == 0 || f.Kind != "power cut" && f.on() != "feeder" {
		return nil
	}
	low := lasts * 2 / 3
	withUPS := func(p *province, f Fault, do func(*site) error) error {
		return together(p.behind(f), func(s *site) error {
			if s.ups == nil {
				return nil // dark since the beginning
			}
			return do(s)
		})
	}
	return []step{
		{f.At + low, f, "battery low", func(ctx context.Context, p *province, f Fault) error {
			return withUPS(p, f, func(s *site) error { return s.ups.set(ctx, "OB DISCHRG LB", 8, int((lasts-low)/time.Second)) })
		}},
		{f.At + lasts, f, "battery empty", func(ctx context.Context, p *province, f Fault) error {
			return withUPS(p, f, func(s *site) error { return s.powerOff(ctx) })
		}},
	}
}

func powerBack(ctx context.Context, p *province, f Fault) error { return p.site(f).powerOn(ctx, p) }

// shutDown is somebody who switches the machine off as one should: the init
// system says so while it ends what runs.
func shutDown(ctx context.Context, p *province, f Fault) error {
	s := p.site(f)
	err := errors.Join(put(s.systemFile(), "stopping\n"), s.agent.end(ctx))
	s.ups.off()
	return err
}

func bootUp(ctx context.Context, p *province, f Fault) error { return p.site(f).boot(ctx, p) }

func suspend(_ context.Context, p *province, f Fault) error {
	return p.site(f).each((*program).stop)
}

func resume(_ context.Context, p *province, f Fault) error {
	return p.site(f).each((*program).cont)
}

func agentCrash(_ context.Context, p *province, f Fault) error {
	p.site(f).agent.kill()
	return nil
}

func agentStart(ctx context.Context, p *province, f Fault) error { return p.site(f).startAgent(p) }

func siteDiskFull(_ context.Context, p *province, f Fault) error { return fill(p.site(f).disk) }
func siteDiskFree(_ context.Context, p *province, f Fault) error { return free(p.site(f).disk) }

func centralKill(_ context.Context, p *province, _ Fault) error {
	p.centre.program.kill()
	return nil
}

func centralStart(ctx context.Context, p *province, _ Fault) error { return p.centre.start(ctx, p) }

func centralDiskFull(_ context.Context, p *province, _ Fault) error { return fill(p.centre.disk) }
func centralDiskFree(_ context.Context, p *province, _ Fault) error { return free(p.centre.disk) }
