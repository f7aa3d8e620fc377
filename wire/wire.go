// Package wire is what agents and the centre say to each other: InfluxDB line
// protocol over the v2 write API for results, and a small authenticated
// datagram, the beat, for signs of life and for the time.
//
// Everything that comes in is checked against limits before memory is taken.
package wire

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Paths of the centre's API.
const (
	PathWrite = "/api/v2/write" // InfluxDB v2 write API
	PathPing  = "/ping"         // as InfluxDB answers: 204
	PathBeat  = "/api/v1/beat"  // a beat as the body of a POST, where UDP is blocked
)

// Headers beside those of InfluxDB. A centre that is a plain InfluxDB ignores
// them, and an agent does without the answers.
const (
	HeaderBoot    = "X-Thongsuot-Boot"    // boot id of the machine that measured
	HeaderRunning = "X-Thongsuot-Running" // boot id of the machine now: another one when the body is older
	HeaderStart   = "X-Thongsuot-Start"   // number of the agent's start, as in its beats
	HeaderSeq     = "X-Thongsuot-Seq"     // ranges of spooled records in the body: "4-9,12"
	HeaderVersion = "X-Thongsuot-Version" // of the agent
	HeaderLane    = "X-Thongsuot-Lane"    // live, or backlog; nothing means live
	HeaderAgain   = "X-Thongsuot-Again"   // 1: acknowledged before, offered once more since the centre's epoch changed

	HeaderTime     = "X-Thongsuot-Time"          // reply: the centre's clock, unix milliseconds
	HeaderEpoch    = "X-Thongsuot-Epoch"         // reply: changes when the centre restarts
	HeaderRefused  = "X-Thongsuot-Refused"       // reply: samples and bad lines of the body that were not stored
	HeaderAccepted = "X-Thongsuot-Accepted"      // reply: samples that were stored
	HeaderLines    = "X-Thongsuot-Lines"         // reply: lines of the body that will never be taken, from 1: "3,7-9"
	HeaderAfter    = "X-Thongsuot-Backlog-After" // reply: milliseconds to wait before the next write of a backlog
)

// Lanes of a write. What is measured now never waits for what is late.
const (
	LaneLive    = "live"
	LaneBacklog = "backlog"
)

// How a write is answered:
//
//   - 204: all of it is stored, or was before. HeaderRefused counts samples left
//     out for what they say (another value at the same time), which no repeat mends.
//   - 400 or 422 with HeaderLines: a partial write. The lines named will never
//     be taken; all others are stored. The records of the lines are to be set
//     aside, all records of the write to be acknowledged.
//   - 413: nothing is stored; the same in smaller writes may be.
//   - another 4xx but 408 and 429: nothing is stored, nor will it ever be.
//   - 408: the body came too slowly; nothing is stored, smaller writes may be.
//   - 429 and 503, with Retry-After: nothing is stored; later it may be.
//
// Every answer has the time and the epoch. Every answer other than 204 has
// InfluxDB's shape: {"code":…,"message":…}, with "line" when one is at fault.

// Limits of one write. The figures are those of the ingest guards: a minute of
// one site is about 50 lines, a full backlog batch about 2,000.
const (
	MaxBody    = 256 << 10 // bytes as received
	MaxDecoded = 4 << 20   // bytes after decompression
	MaxLines   = 5000
	MaxNumbers = 50_000   // fields of one write: a sample each, so that a write takes a few MB at most
	MaxLine    = 32 << 10 // bytes of one line
	MaxTags    = 20       // of one line
	MaxFields  = 100      // of one line
	MaxValue   = 512      // bytes of a tag's value
	MaxSeqRuns = 64       // ranges in HeaderSeq
)

// SeqRange is an inclusive range of spooled records.
type SeqRange struct{ From, To uint64 }

// Header is what an agent says about one write.
type Header struct {
	Boot    string // of the body
	Running string // of the sender
	Start   uint32
	Seq     []SeqRange
	Version string
	Lane    string // LaneLive or LaneBacklog; "" is LaneLive
	Again   bool   // was acknowledged by another epoch: the centre takes it whether it saw it or not
}

// Set writes h into the headers of a request.
func (h Header) Set(out http.Header) {
	out.Set(HeaderBoot, h.Boot)
	out.Set(HeaderRunning, h.Running)
	out.Set(HeaderStart, strconv.FormatUint(uint64(h.Start), 10))
	out.Set(HeaderSeq, formatSeq(h.Seq))
	out.Set(HeaderVersion, h.Version)
	if h.Lane != "" {
		out.Set(HeaderLane, h.Lane)
	}
	if h.Again {
		out.Set(HeaderAgain, "1")
	}
}

// ParseHeader reads what a client says about its write. A foreign client says
// nothing: then ok is false. A wrong header is an error that names it.
func ParseHeader(in http.Header) (h Header, ok bool, err error) {
	seq := in.Get(HeaderSeq)
	if seq == "" {
		return Header{}, false, nil
	}
	h = Header{
		Boot: in.Get(HeaderBoot), Running: in.Get(HeaderRunning), Version: in.Get(HeaderVersion),
		Lane: in.Get(HeaderLane), Again: in.Get(HeaderAgain) == "1",
	}
	switch h.Lane {
	case "":
		h.Lane = LaneLive
	case LaneLive, LaneBacklog:
	default:
		return Header{}, false, fmt.Errorf("header %s: want %s or %s (got %q)", HeaderLane, LaneLive, LaneBacklog, cut(h.Lane, 40))
	}
	for name, id := range map[string]string{HeaderBoot: h.Boot, HeaderRunning: h.Running} {
		if id == "" || len(id) > 64 || !printable(id) {
			return Header{}, false, fmt.Errorf("header %s: want a boot id of 1 to 64 printable characters (got %q)", name, cut(id, 80))
		}
	}
	if !printable(h.Version) || len(h.Version) > 64 {
		return Header{}, false, fmt.Errorf("header %s: want at most 64 printable characters (got %q)", HeaderVersion, cut(h.Version, 80))
	}
	start, err := strconv.ParseUint(in.Get(HeaderStart), 10, 32)
	if err != nil {
		return Header{}, false, fmt.Errorf("header %s: want a whole number (got %q)", HeaderStart, cut(in.Get(HeaderStart), 40))
	}
	h.Start = uint32(start)
	if h.Seq, err = parseSeq(seq); err != nil {
		return Header{}, false, fmt.Errorf("header %s: %w", HeaderSeq, err)
	}
	return h, true, nil
}

// FormatLines says which lines were refused, for HeaderLines. lines rise; when
// they make more than MaxSeqRuns runs, the last run reaches over all others.
func FormatLines(lines []int) string {
	var runs []SeqRange
	for _, l := range lines {
		n := uint64(l)
		switch last := len(runs) - 1; {
		case last >= 0 && (n <= runs[last].To+1 || last == MaxSeqRuns-1):
			runs[last].To = n
		default:
			runs = append(runs, SeqRange{n, n})
		}
	}
	return formatSeq(runs)
}

// ParseLines reads HeaderLines: which lines of a write were refused. ok is
// false when the answer names none.
func ParseLines(in http.Header) (lines []SeqRange, ok bool) {
	lines, err := parseSeq(in.Get(HeaderLines))
	return lines, err == nil
}

func formatSeq(rs []SeqRange) string {
	var b strings.Builder
	for i, r := range rs {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(r.From, 10))
		if r.To != r.From {
			b.WriteByte('-')
			b.WriteString(strconv.FormatUint(r.To, 10))
		}
	}
	return b.String()
}

func parseSeq(s string) ([]SeqRange, error) {
	if strings.Count(s, ",") >= MaxSeqRuns {
		return nil, fmt.Errorf("more than %d ranges", MaxSeqRuns)
	}
	var rs []SeqRange
	for part := range strings.SplitSeq(s, ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		if !isRange {
			hi = lo
		}
		from, err1 := strconv.ParseUint(lo, 10, 63)
		to, err2 := strconv.ParseUint(hi, 10, 63)
		if err1 != nil || err2 != nil || to < from || to-from >= MaxLines {
			return nil, fmt.Errorf("want ranges like 4-9,12 of at most %d records (got %q)", MaxLines, cut(part, 40))
		}
		rs = append(rs, SeqRange{from, to})
	}
	return rs, nil
}

// SetTime writes the centre's clock into a reply.
func SetTime(out http.Header, now time.Time) {
	out.Set(HeaderTime, strconv.FormatInt(now.UnixMilli(), 10))
}

// ParseTime reads the time in a reply: the centre's own header, else the Date
// that every HTTP server sends, good to a second.
func ParseTime(in http.Header) (t time.Time, exact, ok bool) {
	if ms, err := strconv.ParseInt(in.Get(HeaderTime), 10, 64); err == nil {
		return time.UnixMilli(ms).UTC(), true, true
	}
	if t, err := http.ParseTime(in.Get("Date")); err == nil {
		return t.UTC(), false, true
	}
	return time.Time{}, false, false
}

func printable(s string) bool {
	for _, r := range s {
		if r < 0x20 || r > 0x7e {
			return false
		}
	}
	return true
}

// cut shortens s to n bytes at most, and says so, without breaking a letter.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
