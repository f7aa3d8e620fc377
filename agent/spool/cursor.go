package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"time"
)

// The cursor remembers across restarts which records of the segments that are
// still there have been acknowledged, and how far numbers were given out. It
// is one file of two slots, written in turn, so that a torn write spoils the
// newer one at most, and full-size from the start, so that a full disk cannot
// keep acknowledgements from being saved.
//
// A slot, little endian, the rest zeros:
//
//	magic u32 | crc32c u32 of all behind it | generation u64 | next u64 | count u32 | count × (from u64, to u64)
const (
	cursorName   = "ack"
	slotBytes    = 4096
	cursorBytes  = 2 * slotBytes
	slotMagic    = 0xc7a1d0e5
	slotHeader   = 4 + 4 + 8 + 8 + 4
	maxRanges    = (slotBytes - slotHeader) / 16
	cursorEvery  = 5 * time.Minute // what a crash forgets is bounded by it, and by the segments not yet wholly acknowledged
	slotChecksum = 8               // where the checked part begins
)

type slot struct {
	generation uint64
	next       uint64 // the number after the last one given out
	acked      ranges // at most maxRanges
}

func (c slot) encode() []byte {
	b := make([]byte, 0, slotBytes)
	b = binary.LittleEndian.AppendUint32(b, slotMagic)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint64(b, c.generation)
	b = binary.LittleEndian.AppendUint64(b, c.next)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.acked)))
	for _, r := range c.acked {
		b = binary.LittleEndian.AppendUint64(b, r.From)
		b = binary.LittleEndian.AppendUint64(b, r.To)
	}
	b = b[:slotBytes]
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[slotChecksum:], castagnoli))
	return b
}

// decodeSlot reads a slot; ok is false for one never written, torn or damaged.
func decodeSlot(b []byte) (c slot, ok bool) {
	if len(b) < slotBytes || binary.LittleEndian.Uint32(b) != slotMagic ||
		binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(b[slotChecksum:slotBytes], castagnoli) {
		return slot{}, false
	}
	c.generation = binary.LittleEndian.Uint64(b[8:])
	c.next = binary.LittleEndian.Uint64(b[16:])
	n := binary.LittleEndian.Uint32(b[24:])
	if c.next >= maxSeq || n > maxRanges {
		return slot{}, false
	}
	for b = b[slotHeader:]; n > 0; n, b = n-1, b[16:] {
		r := Range{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
		if r.From > r.To || r.To >= maxSeq {
			return slot{}, false
		}
		c.acked = c.acked.add(r)
	}
	return c, true
}

// cursor is the open cursor file and what is known of it.
type cursor struct {
	file       File   // nil when it has to be opened (again)
	generation uint64 // of the newest slot that is surely there
	dirty      bool   // acknowledgements came since
	due        time.Time
}

// openCursor opens or makes the file and returns the newest slot of it; found
// is false when there is none. A file that can only be read is read: err then
// says why it cannot be written.
func (s *Spool) openCursor() (newest slot, found bool, err error) {
	f, err := s.dir.Open(cursorName, os.O_RDWR)
	created := errors.Is(err, fs.ErrNotExist)
	if created {
		f, err = s.dir.Open(cursorName, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	}
	if err != nil {
		if ro, roErr := s.dir.Open(cursorName, os.O_RDONLY); roErr == nil {
			newest, found, _ = readCursor(ro)
			ro.Close()
		}
		return newest, found, err
	}
	newest, found, size := readCursor(f)
	if size < cursorBytes || !found { // new, cut, or not readable: make it whole
		from := size
		if !found {
			from = 0
		}
		_, err = f.WriteAt(make([]byte, cursorBytes-from), int64(from))
		if err == nil {
			err = s.sync(f)
		}
		if err == nil && created {
			err = s.syncDir()
		}
	}
	if err != nil {
		f.Close()
		return newest, found, err
	}
	s.cursor.file = f
	return newest, found, nil
}

// readCursor returns the newer of the two slots, and the size of the file.
func readCursor(f File) (newest slot, found bool, size int) {
	buf := make([]byte, cursorBytes)
	size, err := f.ReadAt(buf, 0)
	if err != nil && err != io.EOF {
		size, _ = f.ReadAt(buf, 0)
	}
	for at := 0; at+slotBytes <= size; at += slotBytes {
		if c, ok := decodeSlot(buf[at:]); ok && (!found || c.generation > newest.generation) {
			newest, found = c, true
		}
	}
	return newest, found, size
}

// loadCursor takes over what the file says, beside what is known already.
func (s *Spool) loadCursor() (found bool) {
	newest, found, err := s.openCursor()
	s.note(&s.saving, err)
	if found {
		s.acked = s.acked.plus(newest.acked)
		s.top = max(s.top, newest.next)
		s.cursor.generation = max(s.cursor.generation, newest.generation)
	}
	return found
}

// saveCursor writes the acknowledgements to the older slot. When there are
// more ranges than a slot holds, the smallest ones are left out: what they
// cover may be sent again after a restart.
func (s *Spool) saveCursor(now time.Time) error {
	s.cursor.due = now.Add(cursorEvery)
	s.forget()
	err := s.writeSlot(slot{s.cursor.generation + 1, s.next, s.acked.largest(maxRanges)})
	if err == nil {
		s.cursor.generation++
		s.cursor.dirty = false
	} else {
		s.cursor.due = now.Add(retryEvery)
	}
	s.note(&s.saving, err)
	return err
}

func (s *Spool) writeSlot(c slot) error {
	if s.cursor.file == nil {
		if _, _, err := s.openCursor(); err != nil {
			return err
		}
	}
	_, err := s.cursor.file.WriteAt(c.encode(), int64(c.generation%2)*slotBytes)
	if err == nil {
		err = s.sync(s.cursor.file)
	}
	if err != nil { // what a failed sync leaves behind is unknown: begin anew with the same slot
		s.cursor.file.Close()
		s.cursor.file = nil
	}
	return err
}

// forget drops acknowledgements of records whose segments are gone. While a
// segment is not readable nothing is forgotten: it may hold any of them.
func (s *Spool) forget() {
	var held ranges
	for _, g := range s.segments {
		if g.unread {
			return
		}
		if g.first > 0 {
			held = held.add(Range{g.first, g.last})
		}
	}
	s.acked = s.acked.both(held)
}
