package probes

import (
	"bufio"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"thongsuot"
)

// What follows lets the tests, which live outside the package, reach the
// decoders and the two pure calculations directly.

var (
	Tidy        = tidy
	RoundTrip   = roundTrip
	ParseRoute4 = parseRoute4
	ParseRoute6 = parseRoute6
	Admit       = (*Gate).admit
	RetryIn     = func(h http.Header, now time.Time) time.Duration { return retryIn(h, now) }
)

func ReadNUT(r io.Reader, ups string) (map[string]string, error) {
	return readVars(bufio.NewReaderSize(r, nutLine), ups)
}

func ReadUPS(vars map[string]string) thongsuot.Result { return readUPS(vars) }

func ScanGateways(table string, parse func(string) (Gateway, bool)) ([]Gateway, error) {
	return scanRoutes(strings.NewReader(table), parse)
}

// ParseDNS reads msg as the reply to a question for name with id.
func ParseDNS(msg []byte, id uint16, name string) (answers int, reason thongsuot.Reason, err error) {
	q := query{id: id, question: dnsmessage.Question{
		Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET,
	}}
	r, err := q.parse(msg)
	return len(r.addrs), r.reason(), err
}

// RTTFields are the fields of one run with these round trips; each call of the
// returned function is a further run of the same probe.
func RTTFields() func(sent int, rtts ...time.Duration) []thongsuot.Field {
	var past delays
	return func(sent int, rtts ...time.Duration) []thongsuot.Field {
		return echoes{sentAt: make([]time.Time, sent), rtts: rtts}.fields(&past)
	}
}

// ParseSaid is who said something about a packet, by control messages.
func ParseSaid(oob []byte) (from netip.Addr, ok bool) {
	s, ok, _ := parseSaid(oob)
	return s.from, ok
}

type Pace struct{ p pace }

func NewPace(every time.Duration) *Pace { return &Pace{pace{every: every}} }

func (p *Pace) Resting(now time.Time) bool { _, r := p.p.resting(now); return r }

func (p *Pace) Answered(begin, now time.Time, r thongsuot.Result, retryAfter time.Duration) {
	p.p.answered(begin, now, r, retryAfter)
}
