package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// retryEvery is how often a disk that failed is tried again.
const retryEvery = time.Minute

// recordOverhead is what a record in memory takes beside its payload.
const recordOverhead = 64

// memory holds the records that are not on disk, oldest first. While the disk
// works it is empty between calls: every record passes through it.
type memory struct {
	records []Record
	bytes   int
	handed  bool // as segment.handed
}

func (m *memory) push(r Record) {
	r.Payload = slices.Clone(r.Payload)
	m.records = append(m.records, r)
	m.bytes += len(r.Payload) + recordOverhead
}

// remove takes the i-th record out; cheap near the front, where that happens.
func (m *memory) remove(i int) {
	m.bytes -= len(m.records[i].Payload) + recordOverhead
	copy(m.records[1:i+1], m.records[:i])
	m.records[0] = Record{}
	m.records = m.records[1:]
}

// drop forgets the records in r, and returns how many they were.
func (m *memory) drop(r Range) int {
	before := len(m.records)
	m.records = slices.DeleteFunc(m.records, func(rec Record) bool {
		gone := r.From <= rec.Seq && rec.Seq <= r.To
		if gone {
			m.bytes -= len(rec.Payload) + recordOverhead
		}
		return gone
	})
	return before - len(m.records)
}

// shrink drops the oldest samples until limit holds, and events only when
// there is nothing else.
func (m *memory) shrink(limit int) (samples, events uint64) {
	for m.bytes > limit {
		i := slices.IndexFunc(m.records, func(r Record) bool { return r.Class == Samples })
		if i < 0 {
			m.remove(0)
			events++
			continue
		}
		m.remove(i)
		samples++
	}
	return samples, events
}

// flush moves what memory holds to disk. After a failure the records stay in
// memory, bounded, and the disk is tried again once a minute.
func (s *Spool) flush(now time.Time) error {
	if s.writing.err == nil || !now.Before(s.retryAt) {
		s.note(&s.writing, s.drain(now))
		s.retryAt = now.Add(retryEvery)
	}
	if s.writing.err == nil {
		return nil
	}
	samples, events := s.memory.shrink(s.cfg.MemoryBytes)
	s.stats.DroppedMemory += samples
	s.stats.DroppedMemoryEvents += events
	return fmt.Errorf("%w: %w", ErrNotDurable, s.writing.err)
}

// drain writes to disk until memory is empty. A write or sync that fails is
// done once more in a new segment; when that fails too, or no segment can be
// made, the disk is at fault.
func (s *Spool) drain(now time.Time) error {
	if s.dir == nil {
		if err := s.attach(now); err != nil {
			return err
		}
	}
	again, reopened := false, false
	for len(s.memory.records) > 0 {
		if s.active == nil || s.active.used+sizeOf(s.memory.records[0]) > SegmentBytes {
			err := s.rotate(now)
			if errors.Is(err, fs.ErrNotExist) && !reopened { // someone removed the folder
				reopened = true
				s.detach()
				if err = s.attach(now); err == nil {
					continue
				}
			}
			if err != nil {
				return err
			}
		}
		if err := s.write(); err != nil {
			s.seal()
			if again {
				return err
			}
			again = true
		}
	}
	return nil
}

// write puts as many records as the active segment takes there, with one write
// and one sync.
func (s *Spool) write() error {
	g := s.active
	buf, n := s.buf[:0], 0
	for _, r := range s.memory.records {
		if g.used+len(buf)+sizeOf(r) > SegmentBytes {
			break
		}
		buf = appendRecord(buf, g.used+len(buf), r)
		n++
	}
	batch := s.memory.records[:n]
	g.span(batch[0].Seq, batch[n-1].Seq) // even when it fails, they may turn up there
	_, err := s.file.WriteAt(buf, int64(g.used))
	if err == nil {
		err = s.sync(s.file)
	}
	if err != nil {
		return fmt.Errorf("write to spool segment %s: %w", g.name, err)
	}
	g.add(batch)
	g.handed = g.handed || s.memory.handed
	for range n {
		s.memory.remove(0)
	}
	s.memory.handed = s.memory.handed && len(s.memory.records) > 0
	return nil
}

// rotate begins a new segment.
func (s *Spool) rotate(now time.Time) error {
	s.seal()
	s.makeRoom(now)
	g, f, err := s.create(s.memory.records[0].Seq)
	if err != nil {
		return err
	}
	s.active, s.file = g, f
	s.segments = append(s.segments, g)
	return nil
}

// seal ends the active segment: nothing is ever written to it again.
func (s *Spool) seal() {
	if s.file != nil {
		s.file.Close()
	}
	s.active, s.file = nil, nil
}
