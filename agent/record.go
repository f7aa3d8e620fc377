package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"thongsuot"
)

// recordVersion is the first byte of a spooled round. Version 1 had no flags,
// version 2 no lines; versions up to 3 are read by oldResults.
const recordVersion = 4

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
// finer: moments to the millisecond, durations to 10 µs, ratios to 1/10000. A
// record stands for itself, so that a damaged one costs no other.
//
//	version u8 | flags u8 | boot | boottime ms | zero ms | wall ms | count × result
//
// What is said in one byte where it can be: see appendBoot, appendTarget,
// appendWord and appendField. The wall is said as what it is off from the
// other two.
func (r round) marshal() []byte {
	b := []byte{recordVersion, 0}
	if r.quiet {
		b[1] |= flagQuiet
	}
	s := r.stamp
	zero := int64(0)
	if !s.Zero.IsZero() {
		zero = s.Zero.UnixMilli()
	}
	b = appendBoot(b, s.Boot)
	b = binary.AppendVarint(b, s.Boottime.Milliseconds())
	b = binary.AppendVarint(b, zero)
	b = binary.AppendVarint(b, s.Wall.UnixMilli()-zero-s.Boottime.Milliseconds())
	b = binary.AppendUvarint(b, uint64(len(r.results)))
	for _, m := range r.results {
		b = appendResult(b, s.Boottime.Milliseconds()-m.began.Milliseconds(), m)
	}
	return b
}

// Bits of a result's first number; above them is how many fields it has.
const (
	hasLine = 1 << iota
	hasDetail
	hasReason  // other than ok
	resultBits = iota
)

// appendResult packs a result that began so many milliseconds before its round
// was written.
func appendResult(b []byte, age int64, m measured) []byte {
	head := uint64(len(m.Fields)) << resultBits
	if m.Line != "" {
		head |= hasLine
	}
	if m.Detail != "" {
		head |= hasDetail
	}
	if m.Reason != thongsuot.ReasonOK {
		head |= hasReason
	}
	b = binary.AppendUvarint(b, head)
	b = appendWord(b, m.Probe)
	b = appendWord(b, string(m.Kind))
	b = appendTarget(b, m.Target)
	b = binary.AppendVarint(b, age)
	if m.Line != "" {
		b = appendString(b, m.Line)
	}
	if m.Detail != "" {
		b = appendString(b, m.Detail)
	}
	if m.Reason != thongsuot.ReasonOK {
		b = binary.AppendUvarint(b, uint64(m.Reason.Code()))
	}
	for _, f := range m.Fields {
		b = appendField(b, f)
	}
	return b
}

// unmarshalRound reads what marshal wrote, now or in an older program.
func unmarshalRound(b []byte) (round, error) {
	if len(b) > 0 && (b[0] < 1 || b[0] > recordVersion) {
		return round{}, fmt.Errorf("%w: version %d, this program reads 1 to %d", errRecord, b[0], recordVersion)
	}
	d := decoder{b: b}
	version, r := d.round()
	for range d.count() {
		if version < 4 {
			r.results = append(r.results, d.oldResult(version, r.stamp.Boottime))
		} else {
			r.results = append(r.results, d.result(r.stamp.Boottime))
		}
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
	_, r := d.round()
	return r.stamp, d.err == nil
}

// round reads what stands before the results.
func (d *decoder) round() (version byte, r round) {
	version = d.byte()
	if version > 1 {
		r.quiet = d.byte()&flagQuiet != 0
	}
	switch version {
	case 1, 2, 3:
		r.stamp = d.oldStamp()
	case recordVersion:
		r.stamp = d.stamp()
	default:
		d.fail()
	}
	return version, r
}

func (d *decoder) stamp() (s Stamp) {
	s.Boot = d.boot()
	ms := d.varint()
	s.Boottime = time.Duration(ms) * time.Millisecond
	zero := d.varint()
	if zero != 0 {
		s.Zero = time.UnixMilli(zero).UTC()
	}
	s.Wall = time.UnixMilli(d.varint() + zero + ms).UTC()
	return s
}

func (d *decoder) result(written time.Duration) (m measured) {
	head := d.uvarint()
	m.Probe, m.Kind, m.Target = d.word(), thongsuot.ProbeKind(d.word()), d.target()
	m.began = written - time.Duration(d.varint())*time.Millisecond
	if head&hasLine != 0 {
		m.Line = d.string()
	}
	if head&hasDetail != 0 {
		m.Detail = d.string()
	}
	m.Reason = thongsuot.ReasonOK
	if head&hasReason != 0 {
		m.Reason = thongsuot.ReasonOf(int(min(d.uvarint(), math.MaxInt32)))
	}
	fields := head >> resultBits
	if fields > maxRecordItems {
		d.fail()
	}
	for range fields {
		if d.err != nil {
			break
		}
		m.Fields = append(m.Fields, d.field())
	}
	return m
}
