package probes

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"thongsuot"
)

// DNSConfig asks one resolver for the address of one name: over UDP, and over
// TCP when the reply comes truncated. Nothing of the machine's own name
// resolution takes part.
type DNSConfig struct {
	Name     string        `yaml:"name"`     // unique within the agent
	Resolver string        `yaml:"resolver"` // address, or address:port; default port 53
	Question string        `yaml:"question"` // name that is asked for; default dichvucong.gov.vn
	Type     string        `yaml:"type"`     // A or AAAA; default A
	Missing  string        `yaml:"missing"`  // zone in which a name that cannot exist is asked for now and then; default vn, "" never
	Resend   time.Duration `yaml:"resend"`   // silence after which the question is sent once more; default 2s, 0 is never
	Line     Line          `yaml:"-"`        // bound to; default none
	Every    time.Duration `yaml:"every"`    // default 10s
	Timeout  time.Duration `yaml:"timeout"`  // default 80 % of every

	// Elsewhere says which addresses others are given for a name; none while
	// that is not known. nil compares nothing.
	Elsewhere func(name string) []netip.Addr `yaml:"-" json:"-"`
}

// missingEvery is the pace of the test with a name that cannot exist: what it
// looks for is a setting, not a fault that comes and goes.
const missingEvery = 15 * time.Minute

// DefaultDNSConfig is a probe without a resolver.
func DefaultDNSConfig() DNSConfig {
	return DNSConfig{Question: "dichvucong.gov.vn", Type: "A", Missing: "vn", Resend: 2 * time.Second, Every: 10 * time.Second}
}

// Validate names every field that is wrong.
func (c DNSConfig) Validate() error {
	_, rerr := c.server()
	_, terr := c.recordType()
	return errors.Join(
		c.schedule().validate(), rerr, terr,
		must(len(c.Question) <= 253 && hostNames.MatchString(c.Question),
			"question: must be a host name (got %q)", c.Question),
		must(c.Missing == "" || len(c.Missing) <= 200 && hostNames.MatchString(c.Missing),
			"missing: must be a zone such as vn, or empty (got %q)", c.Missing),
		must(c.Resend >= 0, "resend: must not be negative (got %s)", c.Resend),
	)
}

func (c DNSConfig) schedule() schedule {
	return schedule{c.Name, c.Every, c.Timeout, c.Line.Name}
}

func (c DNSConfig) server() (netip.AddrPort, error) {
	if addr, err := netip.ParseAddr(c.Resolver); err == nil {
		return netip.AddrPortFrom(addr, 53), validHost("resolver", c.Resolver)
	}
	at, err := netip.ParseAddrPort(c.Resolver)
	if err != nil || at.Port() == 0 {
		return at, fmt.Errorf("resolver: must be an address or address:port (got %q)", c.Resolver)
	}
	return at, validHost("resolver", at.Addr().String())
}

func (c DNSConfig) recordType() (dnsmessage.Type, error) {
	switch c.Type {
	case "A":
		return dnsmessage.TypeA, nil
	case "AAAA":
		return dnsmessage.TypeAAAA, nil
	default:
		return 0, fmt.Errorf("type: must be A or AAAA (got %q)", c.Type)
	}
}

// NewDNS makes the probe.
//
// Reasons: ok, dns_timeout, dns_nxdomain, dns_servfail, dns_refused (the
// resolver's word), refused (nothing listens there), dns_no_answer (the name
// has no address of the type), dns_error (another code of the resolver),
// bad_reply (not an answer to this question), no_route, unreachable,
// prohibited, not_allowed, dns_differs (no address lies near one that others are
// given), error. Fields, of every valid reply: query_seconds, answers; invents, when it
// was tested or is so (1: a name that cannot exist was given an address).
func NewDNS(cfg DNSConfig) (Probe, error) {
	if err := cfg.Validate(); err != nil {
		return Probe{}, err
	}
	name, err := dnsmessage.NewName(strings.TrimSuffix(cfg.Question, ".") + ".")
	if err != nil {
		return Probe{}, fmt.Errorf("question: %w", err)
	}
	p := &dnsProbe{line: cfg.Line, resend: cfg.Resend, missing: cfg.Missing, elsewhere: cfg.Elsewhere}
	p.server, _ = cfg.server()
	p.question = dnsmessage.Question{Name: name, Class: dnsmessage.ClassINET}
	p.question.Type, _ = cfg.recordType()
	return newProbe(thongsuot.ProbeDNS, cfg.schedule(), p.server.String(), p.run), nil
}

type dnsProbe struct {
	line     Line
	server   netip.AddrPort
	question dnsmessage.Question
	resend   time.Duration

	elsewhere func(name string) []netip.Addr
	missing   string
	tested    time.Time // when the last test with a missing name was answered
	invented  string    // what it was given; "" for nothing, as it should be
}

// ask asks one question to its end, over TCP where the reply is cut short.
func (p *dnsProbe) ask(ctx context.Context, question dnsmessage.Question) (dnsReply, error) {
	q, err := newQuery(question)
	if err != nil {
		return dnsReply{}, err
	}
	reply, err := p.overUDP(ctx, q)
	if err == nil && reply.truncated {
		reply, err = p.overTCP(ctx, q)
	}
	return reply, err
}

func (p *dnsProbe) run(ctx context.Context) thongsuot.Result {
	begin := time.Now()
	reply, err := p.ask(ctx, p.question)
	if err != nil {
		reason := p.reason(ctx, err)
		if reason == thongsuot.ReasonDNSTimeout {
			err = fmt.Errorf("no reply from %s", p.server)
		}
		return fail(reason, err)
	}
	r := thongsuot.Result{Reason: reply.reason(), Fields: []thongsuot.Field{
		{Name: thongsuot.FieldQuery, Value: time.Since(begin).Seconds()},
		{Name: thongsuot.FieldAnswers, Value: float64(len(reply.addrs))},
	}}
	if r.OK() {
		p.compare(&r, reply.addrs)
		p.testMissing(ctx, &r)
	} else {
		r.Detail = fmt.Sprintf("%s has %d answers, code %s", p.question.Name, len(reply.addrs),
			strings.TrimPrefix(reply.code.String(), "RCode"))
	}
	return r
}

// compare holds the addresses against those that others are given.
func (p *dnsProbe) compare(r *thongsuot.Result, addrs []netip.Addr) {
	if p.elsewhere == nil {
		return
	}
	name := strings.TrimSuffix(p.question.Name.String(), ".")
	known := slices.DeleteFunc(p.elsewhere(name), func(a netip.Addr) bool { return familyOf(a) != familyOf(addrs[0]) })
	if len(known) == 0 || slices.ContainsFunc(addrs, func(a netip.Addr) bool {
		return slices.ContainsFunc(known, func(k netip.Addr) bool { return near(a, k) })
	}) {
		return
	}
	r.Reason, r.Detail = thongsuot.ReasonDNSDiffers, fmt.Sprintf("%s is %s here, %s at the centre", name, addrs[0], known[0])
}

// near reports whether two addresses lie in one network of the size that is
// routed on its own, /24 or /48: servers of one service often share it, and a
// name that has many addresses is given in parts.
func near(a, b netip.Addr) bool {
	bits := 24
	if familyOf(a) == IPv6 {
		bits = 48
	}
	return netip.PrefixFrom(a, bits).Masked().Contains(b)
}

// testMissing asks for a name that cannot exist, unless that was tested lately.
// A resolver that knows an address for it leads every mistyped name, and every
// name that is gone, to a page of its own.
func (p *dnsProbe) testMissing(ctx context.Context, r *thongsuot.Result) {
	if p.missing == "" {
		return
	}
	fresh := p.tested.IsZero() || time.Since(p.tested) >= missingEvery
	if fresh {
		name, err := dnsmessage.NewName(fmt.Sprintf("x%016x.%s.", rand.Uint64(), strings.TrimSuffix(p.missing, ".")))
		if err != nil {
			return // the zone is too long for a name; Validate allows none such
		}
		const patience = 2 * time.Second // the answer that counts is in; it must not wait for this one
		brief, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		reply, err := p.ask(brief, dnsmessage.Question{Name: name, Type: p.question.Type, Class: p.question.Class})
		if err != nil {
			p.tested = time.Now().Add(time.Minute - missingEvery)
			return
		}
		p.tested, p.invented = time.Now(), ""
		if len(reply.addrs) > 0 {
			p.invented = fmt.Sprintf("a name that cannot exist, %s, is given %s", name, reply.addrs[0])
		}
	}
	invents := 0.0
	if p.invented != "" {
		invents = 1
		r.Detail = cmp.Or(r.Detail, p.invented)
	}
	if fresh || invents == 1 {
		r.Fields = append(r.Fields, thongsuot.Field{Name: thongsuot.FieldInvents, Value: invents})
	}
}

// reason is the class of a question that brought no valid reply.
func (p *dnsProbe) reason(ctx context.Context, err error) thongsuot.Reason {
	switch {
	case errors.Is(err, errBadReply), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return thongsuot.ReasonBadReply
	case ctx.Err() != nil, isTimeout(err):
		return thongsuot.ReasonDNSTimeout
	default:
		return p.line.reached(classify(err), p.server.Addr())
	}
}

// overUDP waits for a reply to q until ctx ends. What is no reply to q may be
// a stray or a forgery: it is passed over, and told only when nothing better
// comes.
func (p *dnsProbe) overUDP(ctx context.Context, q query) (dnsReply, error) {
	conn, err := p.line.Dialer(0).DialContext(ctx, "udp", p.server.String())
	if err != nil {
		return dnsReply{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := conn.Write(q.packed); err != nil {
		return dnsReply{}, err
	}
	if p.resend > 0 {
		conn.SetReadDeadline(time.Now().Add(p.resend))
	}
	var stray error
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		switch {
		case err != nil && isTimeout(err) && ctx.Err() == nil:
			conn.SetReadDeadline(time.Time{})
			if _, err := conn.Write(q.packed); err != nil {
				return dnsReply{}, err
			}
		case err != nil && ctx.Err() != nil:
			return dnsReply{}, cmp.Or(stray, context.Cause(ctx))
		case err != nil:
			return dnsReply{}, err
		default:
			reply, err := q.parse(buf[:n])
			if err == nil {
				return reply, nil
			}
			stray = err
		}
	}
}

// overTCP asks q on a connection, RFC 7766: each message after its length.
func (p *dnsProbe) overTCP(ctx context.Context, q query) (dnsReply, error) {
	conn, err := p.line.Dialer(0).DialContext(ctx, "tcp", p.server.String())
	if err != nil {
		return dnsReply{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(q.packed))), q.packed...)
	if _, err := conn.Write(framed); err != nil {
		return dnsReply{}, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return dnsReply{}, fmt.Errorf("reply over tcp: %w", err)
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, msg); err != nil {
		return dnsReply{}, fmt.Errorf("reply over tcp: %w", err)
	}
	return q.parse(msg)
}

// query is one question under one random id.
type query struct {
	id       uint16
	question dnsmessage.Question
	packed   []byte
}

func newQuery(question dnsmessage.Question) (query, error) {
	q := query{id: uint16(rand.Uint32()), question: question} // rand/v2 draws from a ChaCha8 seeded by the kernel
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: q.id, RecursionDesired: true},
		Questions: []dnsmessage.Question{question},
	}
	var err error
	q.packed, err = m.Pack()
	return q, err
}

// dnsReply is what a valid reply says.
type dnsReply struct {
	code      dnsmessage.RCode
	truncated bool
	addrs     []netip.Addr // of the type that was asked for
}

func (r dnsReply) reason() thongsuot.Reason {
	switch {
	case r.code == dnsmessage.RCodeNameError:
		return thongsuot.ReasonDNSNXDomain
	case r.code == dnsmessage.RCodeServerFailure:
		return thongsuot.ReasonDNSServFail
	case r.code == dnsmessage.RCodeRefused:
		return thongsuot.ReasonDNSRefused
	case r.code != dnsmessage.RCodeSuccess:
		return thongsuot.ReasonDNSError
	case len(r.addrs) == 0:
		return thongsuot.ReasonDNSNoAnswer
	default:
		return thongsuot.ReasonOK
	}
}

// errBadReply is the class of messages that break their protocol.
var errBadReply = errors.New("bad reply")

// parse reads a reply to q. A failure need not repeat the question.
func (q query) parse(msg []byte) (dnsReply, error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil {
		return dnsReply{}, fmt.Errorf("%w: %w", errBadReply, err)
	}
	if !h.Response || h.ID != q.id || h.OpCode != 0 {
		return dnsReply{}, fmt.Errorf("%w: another id or no response", errBadReply)
	}
	questions, err := p.AllQuestions()
	if err != nil {
		return dnsReply{}, fmt.Errorf("%w: %w", errBadReply, err)
	}
	bare := len(questions) == 0 && h.RCode != dnsmessage.RCodeSuccess
	if !bare && (len(questions) != 1 || !sameQuestion(questions[0], q.question)) {
		return dnsReply{}, fmt.Errorf("%w: to another question", errBadReply)
	}
	r := dnsReply{code: h.RCode, truncated: h.Truncated}
	for !r.truncated {
		a, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return dnsReply{}, fmt.Errorf("%w: %w", errBadReply, err)
		}
		wanted := a.Type == q.question.Type && a.Class == q.question.Class
		addr, err := readAnswer(&p, a.Type, wanted)
		if err != nil {
			return dnsReply{}, fmt.Errorf("%w: %w", errBadReply, err)
		}
		if wanted {
			r.addrs = append(r.addrs, addr)
		}
	}
	return r, nil
}

// readAnswer reads the address in an answer, or passes over one that is not wanted.
func readAnswer(p *dnsmessage.Parser, kind dnsmessage.Type, wanted bool) (netip.Addr, error) {
	switch {
	case wanted && kind == dnsmessage.TypeA:
		a, err := p.AResource()
		return netip.AddrFrom4(a.A), err
	case wanted && kind == dnsmessage.TypeAAAA:
		a, err := p.AAAAResource()
		return netip.AddrFrom16(a.AAAA), err
	default:
		return netip.Addr{}, p.SkipAnswer()
	}
}

// sameQuestion compares as DNS does: names without regard to case (RFC 4343).
func sameQuestion(a, b dnsmessage.Question) bool {
	return a.Type == b.Type && a.Class == b.Class && strings.EqualFold(a.Name.String(), b.Name.String())
}
