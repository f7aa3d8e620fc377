package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
	"strings"
	"time"
)

// SegmentBytes is the size of a segment file, all of it written with zeros and
// synced before the first record goes in: later syncs then carry data alone.
const SegmentBytes = 128 << 10

// MaxPayload bounds the payload of one record, in bytes.
const MaxPayload = 32 << 10

// A record on disk, little endian:
//
//	magic u32 | length of payload u32 | seq u64 | class u8 | crc32c u32 | payload
//
// The checksum covers all but the magic and itself, and begins from the
// record's place in the file: neither a block that landed elsewhere nor a
// payload that looks like a record passes for one.
const (
	headerBytes = 4 + 4 + 8 + 1 + 4
	magic       = 0xb5e3a19d
	segmentExt  = ".seg"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	magicBytes = binary.LittleEndian.AppendUint32(nil, magic)
)

// maxSeq is above every sequence number: what is below 2^53 survives JSON and
// floating point.
const maxSeq = 1 << 53

// maxNumber is above every number in a segment's name. It is well above those
// that numbering gives, see Spool.number.
const maxNumber = maxSeq / 4 * 3

func sizeOf(r Record) int { return headerBytes + len(r.Payload) }

// appendRecord encodes r, which will stand at offset at of its file.
func appendRecord(buf []byte, at int, r Record) []byte {
	start := len(buf)
	buf = binary.LittleEndian.AppendUint32(buf, magic)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(r.Payload)))
	buf = binary.LittleEndian.AppendUint64(buf, r.Seq)
	buf = append(buf, byte(r.Class))
	buf = binary.LittleEndian.AppendUint32(buf, checksum(at, buf[start:], r.Payload))
	return append(buf, r.Payload...)
}

func checksum(at int, header, payload []byte) uint32 {
	sum := crc32.Update(uint32(at), castagnoli, header[4:17])
	return crc32.Update(sum, castagnoli, payload)
}

// recordAt decodes the record at offset at of a segment; its payload is a part
// of buf.
func recordAt(buf []byte, at int) (Record, bool) {
	b := buf[at:]
	if len(b) < headerBytes || !bytes.HasPrefix(b, magicBytes) {
		return Record{}, false
	}
	n := binary.LittleEndian.Uint32(b[4:])
	if n > MaxPayload || int(n) > len(b)-headerBytes {
		return Record{}, false
	}
	payload := b[headerBytes : headerBytes+int(n)]
	if checksum(at, b, payload) != binary.LittleEndian.Uint32(b[17:]) {
		return Record{}, false
	}
	r := Record{Seq: binary.LittleEndian.Uint64(b[8:]), Class: Class(b[16]), Payload: payload}
	return r, r.Seq > 0 && r.Seq < maxSeq
}

// walk calls visit for every intact record of a segment, in the order of the
// file. used is where the last one ends; damaged counts the records that were
// there and are not intact: one for each stretch of damage, or more where the
// numbers on both sides of it say so.
//
// Numbers ascend within a segment; an intact record out of order is not ours.
func walk(buf []byte, visit func(Record)) (used, damaged int) {
	var last uint64
	for at := 0; at < len(buf); {
		if r, ok := recordAt(buf, at); ok && r.Seq > last {
			if at > used {
				damaged += lost(last, r.Seq, at-used)
			}
			visit(r)
			last = r.Seq
			at += sizeOf(r)
			used = at
			continue
		}
		next := bytes.Index(buf[at+1:], magicBytes)
		if next < 0 {
			break
		}
		at += 1 + next
	}
	if len(bytes.Trim(buf[used:], "\x00")) > 0 {
		damaged++ // the last record, or one that a power cut kept from being finished
	}
	return used, damaged
}

// lost is how many records a damaged stretch held between two intact ones.
func lost(before, after uint64, stretch int) int {
	if before == 0 {
		return 1
	}
	return int(min(max(after-before-1, 1), uint64(stretch/headerBytes+1)))
}

// segment is the index of one segment file.
type segment struct {
	name string

	first, last uint64 // numbers that it holds, held or tried to hold lie between
	used        int    // where the next record would go
	total       int    // intact records, acknowledged or not
	live        ranges // intact and not acknowledged
	events      ranges // those of live that may not be thinned or dropped

	unread  bool      // could not be read at all so far: nothing is known of what it holds
	suspect bool      // parts could not be read when last tried
	spotty  bool      // parts could not be read twice and were given up: the file is kept, a restart may find them
	hold    time.Time // reading failed: left alone until then
	handed  bool      // samples of it were handed out by Read, and may be under way
	thinned bool      // Thin has seen it
}

func segmentName(number uint64) string { return fmt.Sprintf("%016x%s", number, segmentExt) }

func segmentNumber(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, segmentExt)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil && n > 0 && n < maxNumber && name == segmentName(n)
}

// add enters records that have become durable at the end of the segment.
func (g *segment) add(rs []Record) {
	for _, r := range rs {
		g.live = g.live.add(Range{r.Seq, r.Seq})
		if r.Class != Samples {
			g.events = g.events.add(Range{r.Seq, r.Seq})
		}
		g.used += sizeOf(r)
	}
	g.total += len(rs)
	g.span(rs[0].Seq, rs[len(rs)-1].Seq)
}

// span widens first and last.
func (g *segment) span(from, to uint64) {
	if g.first == 0 || from < g.first {
		g.first = from
	}
	g.last = max(g.last, to)
}

// of returns the numbers of one kind that are not acknowledged.
func (g *segment) of(events bool) ranges {
	if events {
		return g.events
	}
	return g.live.minus(g.events)
}

// drop forgets r, and returns how many records that were.
func (g *segment) drop(r Range) int {
	if len(g.live) == 0 || r.To < g.live[0].From || r.From > g.live[len(g.live)-1].To {
		return 0
	}
	before := g.live.count()
	g.live = g.live.remove(r)
	g.events = g.events.remove(r)
	return before - g.live.count()
}

// done tells whether nothing is left in the segment that anyone may want.
func (g *segment) done() bool { return len(g.live) == 0 && !g.unread && !g.spotty }

// liveBytes estimates what the records not acknowledged take.
func (g *segment) liveBytes() int {
	if g.total == 0 {
		return 0
	}
	return g.used * g.live.count() / g.total
}

// create makes a segment of zeros whose blocks and name are durable. What
// cannot be finished is taken away again. The name is the first number that
// goes in, or the next one that is above all other names.
func (s *Spool) create(first uint64) (*segment, File, error) {
	s.lastNumber = max(s.lastNumber+1, first)
	g := &segment{name: segmentName(s.lastNumber)}
	f, err := s.dir.Open(g.name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, nil, fmt.Errorf("create spool segment: %w", err)
	}
	zeros := s.buf[:SegmentBytes]
	clear(zeros)
	_, err = f.WriteAt(zeros, 0)
	if err == nil {
		err = s.sync(f)
	}
	if err == nil {
		err = s.syncDir()
	}
	if err != nil {
		f.Close()
		s.discard(g)
		return nil, nil, fmt.Errorf("create spool segment %s: %w", g.name, err)
	}
	return g, f, nil
}
