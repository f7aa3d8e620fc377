package agent

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/uuid"

	"thongsuot"
)

// fieldNames are the names that are spooled as a number. Append, never reorder.
var fieldNames = []string{
	thongsuot.FieldSent, thongsuot.FieldReceived, thongsuot.FieldLoss, thongsuot.FieldRTTMin,
	thongsuot.FieldRTTMedian, thongsuot.FieldRTTP95, thongsuot.FieldRTTMax, thongsuot.FieldJitter,
	thongsuot.FieldConnect, thongsuot.FieldQuery, thongsuot.FieldAnswers, thongsuot.FieldDNS,
	thongsuot.FieldTLS, thongsuot.FieldTTFB, thongsuot.FieldTransfer, thongsuot.FieldTotal,
	thongsuot.FieldStatusCode, thongsuot.FieldBodyBytes, thongsuot.FieldTLSExpiry, thongsuot.FieldOnline,
	thongsuot.FieldOnBattery, thongsuot.FieldLowBattery, thongsuot.FieldCharge, thongsuot.FieldRuntime,
	thongsuot.FieldInputVolts, thongsuot.FieldLoad, thongsuot.FieldUptime, thongsuot.FieldStopping,
	thongsuot.FieldDropped, thongsuot.FieldSpoolRecords, thongsuot.FieldSpoolBytes,
	thongsuot.FieldBeatRTT, thongsuot.FieldClockOffset,
	thongsuot.FieldBeatEvery, thongsuot.FieldBeatHTTP, thongsuot.FieldShutdown,
	thongsuot.FieldReplace, thongsuot.FieldUnprotected, thongsuot.FieldMeanVolts, thongsuot.FieldMinVolts,
	thongsuot.FieldMaxVolts, thongsuot.FieldVoltsNormal, thongsuot.FieldVoltsLimit, thongsuot.FieldVoltsBand,
	thongsuot.FieldRuns, thongsuot.FieldClockError,
	thongsuot.FieldClean, thongsuot.FieldSameBoot, thongsuot.FieldPanic, thongsuot.FieldSuspended,
	thongsuot.FieldInvents, thongsuot.FieldVariation, thongsuot.FieldHops, thongsuot.FieldReached,
	thongsuot.FieldNominalVolts, thongsuot.FieldNominalWatts, thongsuot.FieldPageEvery, thongsuot.FieldMetered,
}

// words are the names of probes and kinds that are spooled as a number. Append,
// never reorder.
var words = []string{
	"", string(thongsuot.ProbeICMP), string(thongsuot.ProbeTCP), string(thongsuot.ProbeDNS), string(thongsuot.ProbePortal),
	string(thongsuot.ProbePath), string(thongsuot.ProbeService), string(thongsuot.ProbeFetch), string(thongsuot.ProbeCaptive),
	string(thongsuot.ProbeUPS), string(thongsuot.ProbeMains), string(thongsuot.ProbeBoot), string(thongsuot.ProbeAgent),
	string(thongsuot.ProbeVoltage), string(thongsuot.ProbeCanary),
	thongsuot.NameGateway, thongsuot.NameHop, thongsuot.NameUpstream, thongsuot.NameCentre,
	"last-end", "reference", "dns-1", "dns-2",
}

// appendWord says one of words by twice its number, anything else by its
// length, doubled and one more, and itself.
func appendWord(b []byte, s string) []byte {
	if i := slices.Index(words, s); i >= 0 {
		return binary.AppendUvarint(b, uint64(i)<<1)
	}
	return append(binary.AppendUvarint(b, uint64(len(s))<<1|1), s...)
}

func (d *decoder) word() string {
	n := d.uvarint()
	switch {
	case n&1 == 1:
		return d.text(n >> 1)
	case n>>1 < uint64(len(words)):
		return words[n>>1]
	}
	d.fail()
	return ""
}

// appendBoot says the id of a boot, a UUID as a rule, in 17 bytes; anything
// else as a string whose length is one less than said.
func appendBoot(b []byte, s string) []byte {
	if id, err := uuid.Parse(s); err == nil && id.String() == s {
		return append(append(b, 0), id[:]...)
	}
	return append(binary.AppendUvarint(b, uint64(len(s))+1), s...)
}

func (d *decoder) boot() string {
	n := d.uvarint()
	if n > 0 {
		return d.text(n - 1)
	}
	var id uuid.UUID
	copy(id[:], d.take(len(id)))
	return id.String()
}

// Ways to say a target; above them is the length of a string.
const (
	targetAddr     = iota // IPv4
	targetAddrPort        // IPv4 and port
	targetHTTPS           // a string without its https://
	targetString
)

const https = "https://"

func appendTarget(b []byte, s string) []byte {
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() && a.String() == s {
		ip := a.As4()
		return append(append(b, targetAddr), ip[:]...)
	}
	if a, err := netip.ParseAddrPort(s); err == nil && a.Addr().Is4() && a.String() == s {
		ip := a.Addr().As4()
		return binary.BigEndian.AppendUint16(append(append(b, targetAddrPort), ip[:]...), a.Port())
	}
	if rest, ok := strings.CutPrefix(s, https); ok {
		return appendString(append(b, targetHTTPS), rest)
	}
	return append(binary.AppendUvarint(b, uint64(len(s))+targetString), s...)
}

func (d *decoder) target() string {
	switch n := d.uvarint(); n {
	case targetAddr:
		return d.ip().String()
	case targetAddrPort:
		ip := d.ip()
		if port := d.take(2); port != nil {
			return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(port)).String()
		}
		return ""
	case targetHTTPS:
		return https + d.string()
	default:
		return d.text(n - targetString)
	}
}

func (d *decoder) ip() netip.Addr {
	var ip [4]byte
	copy(ip[:], d.take(len(ip)))
	return netip.AddrFrom4(ip)
}

// Ways to say a value.
const (
	valueInt = iota
	valueDuration
	valueRatio
	valueFloat
	valueBits = 2
)

const (
	durationSteps = 1e5 // per second
	ratioSteps    = 1e4
)

// appendField says a field: the number of its name with the way its value is
// said below it, the name itself where it has no number, and the value.
func appendField(b []byte, f thongsuot.Field) []byte {
	way := wayOf(f)
	i := slices.Index(fieldNames, f.Name) + 1
	b = binary.AppendUvarint(b, uint64(i)<<valueBits|uint64(way))
	if i == 0 {
		b = appendString(b, f.Name)
	}
	switch way {
	case valueInt:
		return binary.AppendVarint(b, int64(f.Value))
	case valueDuration:
		return binary.AppendVarint(b, int64(math.Round(f.Value*durationSteps)))
	case valueRatio:
		return binary.AppendVarint(b, int64(math.Round(f.Value*ratioSteps)))
	default:
		return binary.BigEndian.AppendUint64(b, math.Float64bits(f.Value))
	}
}

func wayOf(f thongsuot.Field) int {
	switch {
	case f.Value == math.Trunc(f.Value) && math.Abs(f.Value) < 1<<53:
		return valueInt
	case strings.HasSuffix(f.Name, "_seconds") && math.Abs(f.Value) < 1e6:
		return valueDuration
	case strings.HasSuffix(f.Name, "_ratio") && math.Abs(f.Value) < 1e6:
		return valueRatio
	}
	return valueFloat
}

func (d *decoder) field() (f thongsuot.Field) {
	head := d.uvarint()
	f.Name = d.fieldName(head >> valueBits)
	f.Value = d.value(byte(head & (1<<valueBits - 1)))
	return f
}

func (d *decoder) fieldName(i uint64) string {
	switch {
	case i == 0:
		return d.string()
	case i <= uint64(len(fieldNames)):
		return fieldNames[i-1]
	}
	d.fail()
	return ""
}

func (d *decoder) value(way byte) float64 {
	switch way {
	case valueInt:
		return float64(d.varint())
	case valueDuration:
		return float64(d.varint()) / durationSteps
	case valueRatio:
		return float64(d.varint()) / ratioSteps
	case valueFloat:
		if b := d.take(8); b != nil {
			return math.Float64frombits(binary.BigEndian.Uint64(b))
		}
		return 0
	}
	d.fail()
	return 0
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decoder reads a record and remembers its first error.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errRecord
	}
	d.b = nil
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail()
		return nil
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) count() int {
	n := d.uvarint()
	if n > maxRecordItems {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) string() string {
	return d.text(d.uvarint())
}

func (d *decoder) text(n uint64) string {
	if n > uint64(len(d.b)) {
		d.fail()
		return ""
	}
	return string(d.take(int(n)))
}
