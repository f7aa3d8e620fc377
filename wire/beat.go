package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// BeatSize is the size of a beat and of its reply, in bytes: the same, so that
// a forged sender makes nobody receive more than was sent.
const BeatSize = 60

// BeatEvery is the pace of beats that announce none.
const BeatEvery = 5 * time.Second

// MaxEvery is the slowest pace that can be announced.
const MaxEvery = 255 * time.Second

const (
	beatMagic   = 0x5453 // "TS"
	beatVersion = 1
	kindBeat    = 1
	kindReply   = 2
	macSize     = 16 // HMAC-SHA256, truncated as RFC 2104 section 5 allows
	beatBody    = BeatSize - macSize
)

// Flags of a beat: what the agent wants known at once.
const (
	FlagOnBattery    = 1 << iota // the UPS or the adapter lost mains
	FlagLowBattery               // the battery is about to end
	FlagMainsPresent             // a mains sensor works here and sees mains
	FlagShuttingDown             // the machine goes down
	FlagStopping                 // the agent ends, the machine stays
	FlagCanary                   // what is said of mains is concluded from a device of the office, not measured
)

// Errors of reading a beat. Neither is answered.
var (
	ErrNotBeat = errors.New("not a beat")
	ErrBadMAC  = errors.New("wrong authentication code")
)

// Beat is an agent's sign of life: one every few seconds, answered by the
// centre. Start, Seq and Try only rise; the centre refuses what it has seen.
type Beat struct {
	ID        [8]byte // which token: identity.BeatID
	Start     uint32  // how many times the agent has started
	Seq       uint32  // number of the beat since that start
	Try       uint8   // 1 for the first datagram of the beat
	Flags     uint8
	Runtime   time.Duration // predicted time on battery, whole seconds, 0 when not known
	Boottime  time.Duration // CLOCK_BOOTTIME at sending, whole milliseconds
	Every     time.Duration // until the next beat, whole seconds, at most MaxEvery; 0 for BeatEvery
	NewestSeq uint64        // newest spooled record
	Epoch     uint32        // of the centre as last heard; another one is answered but not believed
}

// Reply is the centre's answer to a beat.
type Reply struct {
	ID    [8]byte
	Start uint32
	Seq   uint32
	Try   uint8
	Time  time.Time // the centre's clock at the answer, to the millisecond
	Epoch uint32    // of the centre: changes with its restart
	Heard bool      // false: the epoch was an old one, say it again with the new one
}

// Marshal makes the datagram, authenticated with the site's key.
func (b Beat) Marshal(key [32]byte) []byte {
	out := make([]byte, beatBody, BeatSize)
	frame(out, kindBeat, b.ID, b.Start, b.Seq, b.Try)
	out[21] = b.Flags
	binary.BigEndian.PutUint16(out[22:], clampUint16(b.Runtime/time.Second))
	binary.BigEndian.PutUint64(out[24:], uint64(b.Boottime/time.Millisecond)%(1<<43))
	out[24] = uint8(min(max(b.Every, 0), MaxEvery) / time.Second) // the upper bits of a time that needs 43
	binary.BigEndian.PutUint64(out[32:], b.NewestSeq)
	binary.BigEndian.PutUint32(out[40:], b.Epoch)
	return seal(out, key)
}

// BeatID reads who claims to send the datagram, without believing it.
func BeatID(datagram []byte) (id [8]byte, err error) {
	if len(datagram) != BeatSize || binary.BigEndian.Uint16(datagram) != beatMagic || datagram[2] != beatVersion || datagram[3] != kindBeat {
		return id, ErrNotBeat
	}
	copy(id[:], datagram[4:12])
	return id, nil
}

// UnmarshalBeat checks and reads a beat.
func UnmarshalBeat(datagram []byte, key [32]byte) (Beat, error) {
	if err := open(datagram, kindBeat, key); err != nil {
		return Beat{}, err
	}
	b := Beat{
		Start: binary.BigEndian.Uint32(datagram[12:]),
		Seq:   binary.BigEndian.Uint32(datagram[16:]),
		Try:   datagram[20],
		Flags: datagram[21],

		Runtime:   time.Duration(binary.BigEndian.Uint16(datagram[22:])) * time.Second,
		Boottime:  time.Duration(binary.BigEndian.Uint64(datagram[24:])%(1<<43)) * time.Millisecond,
		Every:     time.Duration(datagram[24]) * time.Second,
		NewestSeq: binary.BigEndian.Uint64(datagram[32:]),
		Epoch:     binary.BigEndian.Uint32(datagram[40:]),
	}
	copy(b.ID[:], datagram[4:12])
	return b, nil
}

// Marshal makes the datagram of the reply.
func (r Reply) Marshal(key [32]byte) []byte {
	out := make([]byte, beatBody, BeatSize)
	frame(out, kindReply, r.ID, r.Start, r.Seq, r.Try)
	if r.Heard {
		out[21] = 1
	}
	binary.BigEndian.PutUint64(out[24:], uint64(r.Time.UnixMilli()))
	binary.BigEndian.PutUint32(out[40:], r.Epoch)
	return seal(out, key)
}

// UnmarshalReply checks and reads the answer to a beat.
func UnmarshalReply(datagram []byte, key [32]byte) (Reply, error) {
	if err := open(datagram, kindReply, key); err != nil {
		return Reply{}, err
	}
	r := Reply{
		Start: binary.BigEndian.Uint32(datagram[12:]),
		Seq:   binary.BigEndian.Uint32(datagram[16:]),
		Try:   datagram[20],
		Heard: datagram[21]&1 != 0,
		Time:  time.UnixMilli(int64(binary.BigEndian.Uint64(datagram[24:]) % (1 << 43))).UTC(),
		Epoch: binary.BigEndian.Uint32(datagram[40:]),
	}
	copy(r.ID[:], datagram[4:12])
	return r, nil
}

// Answers reports whether r is the reply to exactly this datagram of b.
func (r Reply) Answers(b Beat) bool {
	return r.ID == b.ID && r.Start == b.Start && r.Seq == b.Seq && r.Try == b.Try
}

func frame(out []byte, kind byte, id [8]byte, start, seq uint32, try uint8) {
	binary.BigEndian.PutUint16(out, beatMagic)
	out[2], out[3] = beatVersion, kind
	copy(out[4:], id[:])
	binary.BigEndian.PutUint32(out[12:], start)
	binary.BigEndian.PutUint32(out[16:], seq)
	out[20] = try
}

func seal(body []byte, key [32]byte) []byte {
	return append(body, mac(body, key)...)
}

func open(datagram []byte, kind byte, key [32]byte) error {
	if len(datagram) != BeatSize {
		return fmt.Errorf("%w: %d bytes instead of %d", ErrNotBeat, len(datagram), BeatSize)
	}
	if binary.BigEndian.Uint16(datagram) != beatMagic || datagram[2] != beatVersion || datagram[3] != kind {
		return ErrNotBeat
	}
	if !hmac.Equal(datagram[beatBody:], mac(datagram[:beatBody], key)) {
		return ErrBadMAC
	}
	return nil
}

func mac(body []byte, key [32]byte) []byte {
	h := hmac.New(sha256.New, key[:])
	h.Write(body)
	return h.Sum(nil)[:macSize]
}

func clampUint16(d time.Duration) uint16 {
	return uint16(min(max(d, 0), 0xffff))
}
