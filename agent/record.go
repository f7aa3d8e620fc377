package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"thongsuot"
)

// recordVersion is the first byte of a spooled round. Version 1 had no flags,
// version 2 no lines.
const recordVersion = 3

// flagQuiet marks a round in which nothing changed, nor shortly before it: it
// may cross the wire summed up with others of its minute.
const flagQuiet = 1

// maxRecordItems bounds the counts in a record, so that a damaged one that
// passed its checksum by chance takes no memory.
const maxRecordItems = 1 << 10

var errRecord = errors.New("spooled round cannot be read")

// measured is a result and when it began, on CLOCK_BOOTTIME.
type measured struct {
	thongsuot.Result
	began time.Duration
}

// round is what is spooled as one record: the results of about ten seconds.
type round struct {
	stamp   Stamp
	quiet   bool
	results []measured
}

// marshal packs a round. Numbers are kept as finely as they cross the wire or
// finer: durations to 10 µs, ratios to 1/10000.
func (r round) marshal() []byte {
	b := []byte{recordVersion, 0}
	if r.quiet {
		b[1] |= flagQuiet
	}
	b = appendString(b, r.stamp.Boot)
	b = binary.AppendVarint(b, int64(r.stamp.Boottime))
	b = binary.AppendVarint(b, r.stamp.Wall.UnixMilli())
	zero := int64(0)
	if !r.stamp.Zero.IsZero() {
		zero = r.stamp.Zero.UnixMicro()
	}
	b = binary.AppendVarint(b, zero)
	b = binary.AppendUvarint(b, uint64(len(r.results)))
	for _, m := range r.results {
		b = appendString(b, m.Probe)
		b = appendString(b, string(m.Kind))
		b = appendString(b, m.Target)
		b = appendString(b, m.Line)
		b = binary.AppendVarint(b, int64((r.stamp.Boottime-m.began)/time.Microsecond))
		b = binary.AppendUvarint(b, uint64(m.Reason.Code()))
		b = appendString(b, m.Detail)
		b = binary.AppendUvarint(b, uint64(len(m.Fields)))
		for _, f := range m.Fields {
			b = appendName(b, f.Name)
			b = appendValue(b, f)
		}
	}
	return b
}

// unmarshalRound reads what marshal wrote.
func unmarshalRound(b []byte) (round, error) {
	d := decoder{b: b}
	var r round
	version := d.byte()
	if d.err == nil && (version < 1 || version > recordVersion) {
		return round{}, fmt.Errorf("%w: version %d, this program reads 1 to %d", errRecord, version, recordVersion)
	}
	if version > 1 {
		r.quiet = d.byte()&flagQuiet != 0
	}
	r.stamp = d.stamp()
	for range d.count() {
		m := measured{Result: thongsuot.Result{Probe: d.string(), Kind: thongsuot.ProbeKind(d.string()), Target: d.string()}}
		if version > 2 {
			m.Line = d.string()
		}
		m.began = r.stamp.Boottime - time.Duration(d.varint())*time.Microsecond
		m.Reason = thongsuot.ReasonOf(int(min(d.uvarint(), math.MaxInt32)))
		m.Detail = d.string()
		for range d.count() {
			m.Fields = append(m.Fields, d.field())
		}
		r.results = append(r.results, m)
		if d.err != nil {
			break
		}
	}
	if d.err != nil {
		return round{}, d.err
	}
	return r, nil
}

// stampOf reads when a round was written, and no more of it.
func stampOf(b []byte) (Stamp, bool) {
	d := decoder{b: b}
	if v := d.byte(); v == recordVersion {
		d.byte()
	} else if v != 1 {
		return Stamp{}, false
	}
	s := d.stamp()
	return s, d.err == nil
}

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
}

func appendName(b []byte, name string) []byte {
	if i := slices.Index(fieldNames, name); i >= 0 {
		return binary.AppendUvarint(b, uint64(i)+1)
	}
	return appendString(append(b, 0), name)
}

const (
	valueInt = iota
	valueDuration
	valueRatio
	valueFloat
)

const (
	durationSteps = 1e5 // per second
	ratioSteps    = 1e4
)

func appendValue(b []byte, f thongsuot.Field) []byte {
	switch {
	case f.Value == math.Trunc(f.Value) && math.Abs(f.Value) < 1<<53:
		return binary.AppendVarint(append(b, valueInt), int64(f.Value))
	case strings.HasSuffix(f.Name, "_seconds") && math.Abs(f.Value) < 1e6:
		return binary.AppendVarint(append(b, valueDuration), int64(math.Round(f.Value*durationSteps)))
	case strings.HasSuffix(f.Name, "_ratio") && math.Abs(f.Value) < 1e6:
		return binary.AppendVarint(append(b, valueRatio), int64(math.Round(f.Value*ratioSteps)))
	default:
		return binary.BigEndian.AppendUint64(append(b, valueFloat), math.Float64bits(f.Value))
	}
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
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail()
		return ""
	}
	return string(d.take(int(n)))
}

func (d *decoder) stamp() (s Stamp) {
	s.Boot = d.string()
	s.Boottime = time.Duration(d.varint())
	s.Wall = time.UnixMilli(d.varint()).UTC()
	if zero := d.varint(); zero != 0 {
		s.Zero = time.UnixMicro(zero).UTC()
	}
	return s
}

func (d *decoder) field() thongsuot.Field {
	var f thongsuot.Field
	switch i := d.uvarint(); {
	case i == 0:
		f.Name = d.string()
	case i <= uint64(len(fieldNames)):
		f.Name = fieldNames[i-1]
	default:
		d.fail()
	}
	switch d.byte() {
	case valueInt:
		f.Value = float64(d.varint())
	case valueDuration:
		f.Value = float64(d.varint()) / durationSteps
	case valueRatio:
		f.Value = float64(d.varint()) / ratioSteps
	case valueFloat:
		if b := d.take(8); b != nil {
			f.Value = math.Float64frombits(binary.BigEndian.Uint64(b))
		}
	default:
		d.fail()
	}
	return f
}
