package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// seqGap is how far the numbers jump at every start. It is more than one run
// gives out between two saves of the cursor, so that numbers whose segment was
// lost are not given out again. A round every 10 s needs 121 days for it.
const seqGap = 1 << 20

// leap replaces seqGap where the cursor cannot vouch for what was given out:
// the folder is new, was wiped, or cannot be written. 2^26 places of seqGap
// numbers each keep the chance of meeting old numbers negligible, and 2^53 far.
func leap() uint64 { return (1 + rand.Uint64N(1<<26)) * seqGap }

// blockBytes is the unit in which an unreadable segment is tried piece by piece.
const blockBytes = 4096

// attach opens the folder and takes in what is there. It is used at the start
// and again whenever the folder had gone.
func (s *Spool) attach(now time.Time) error {
	dir, names, err := s.open(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("open spool folder: %w", err)
	}
	s.dir = dir
	known := s.loadCursor()
	s.adopt(names, now)
	s.number(now, known)
	return nil
}

// detach lets go of a folder that is no longer there.
func (s *Spool) detach() {
	s.seal()
	if s.cursor.file != nil {
		s.cursor.file.Close()
		s.cursor.file = nil
	}
	s.dir.Close()
	s.dir = nil
}

// number decides where the numbers go on. The cursor is saved with the answer
// before any of them is used; where that cannot be done, a leap stands in.
func (s *Spool) number(now time.Time, known bool) {
	given := s.next
	s.next = s.top + seqGap
	if !known {
		s.next = s.top + leap()
	}
	s.next = max(s.next, given)
	if s.next > maxSeq/2 { // a strange file name or a worn-out range: begin anew
		s.next = leap()
	}
	s.cursor.dirty = true
	if s.saveCursor(now) != nil && known {
		s.next += leap()
	}
}

// adopt indexes the segments among names that are not known yet, and gives up
// those that are known and not among them. Foreign names are left alone.
func (s *Spool) adopt(names []string, now time.Time) {
	slices.Sort(names) // by number: where two segments hold the same record, the older one keeps it
	s.segments = slices.DeleteFunc(s.segments, func(g *segment) bool {
		gone := !slices.Contains(names, g.name)
		if gone {
			s.stats.Damaged += uint64(g.live.count())
		}
		return gone
	})
	var foreign []string
	for _, name := range names {
		number, ok := segmentNumber(name)
		switch {
		case !ok && name != cursorName:
			foreign = append(foreign, name)
		case ok && !slices.ContainsFunc(s.segments, func(g *segment) bool { return g.name == name }):
			g := &segment{name: name, unread: true}
			if number < maxNumber-1<<40 { // none of ours, and no room for ours above it
				s.lastNumber = max(s.lastNumber, number)
			}
			s.top = max(s.top, number)
			s.segments = append(s.segments, g)
		}
	}
	if len(foreign) > 0 {
		s.log.Warn("files in the spool folder are not the spool's and are left alone",
			"dir", s.cfg.Dir, "count", len(foreign), "first", foreign[0])
	}
	s.reread(now)
}

// reread indexes the segments that have not been read so far, and looks again
// at those that could not be read when last tried. It stops at the first that
// fails: a dying disk may take long over each.
func (s *Spool) reread(now time.Time) {
	due := func(g *segment) bool { return (g.unread || !g.hold.IsZero()) && !now.Before(g.hold) }
	if !slices.ContainsFunc(s.segments, due) {
		return
	}
	var seen ranges
	for _, g := range s.segments {
		seen = seen.plus(g.live)
	}
	damaged := s.stats.Damaged
	for _, g := range s.segments {
		if !due(g) {
			continue
		}
		var found ranges
		var err error
		if g.unread {
			found, err = s.index(g, seen)
		} else {
			_, _, err = s.load(g, g.used)
		}
		if errors.Is(err, fs.ErrNotExist) { // gone while we looked away: find gives its records up
			g.unread, err = false, nil
		}
		if err != nil {
			s.holdOff(g, err, now)
			break
		}
		g.hold = time.Time{}
		seen = seen.plus(found)
	}
	s.sort()
	if n := s.stats.Damaged - damaged; n > 0 {
		s.log.Warn("spool holds damaged records, all others are kept", "dir", s.cfg.Dir, "records", n)
	}
}

// index reads a segment and finds what of it is neither acknowledged nor in
// seen. It returns all numbers found.
func (s *Spool) index(g *segment, seen ranges) (found ranges, err error) {
	n, whole, err := s.load(g, SegmentBytes)
	if err != nil {
		return nil, err
	}
	var events ranges
	total := 0
	used, damaged := walk(s.buf[:n], func(r Record) {
		found = found.add(Range{r.Seq, r.Seq})
		if r.Class != Samples {
			events = events.add(Range{r.Seq, r.Seq})
		}
		g.span(r.Seq, r.Seq)
		total++
		if s.onFound != nil {
			s.onFound(r)
		}
	})
	if !whole {
		damaged = max(damaged, 1)
	}
	g.unread = false
	g.used, g.total = used, total
	g.live = found.minus(seen).minus(s.acked)
	g.events = events.both(g.live)
	s.stats.Damaged += uint64(damaged)
	s.stats.Recovered += uint64(g.live.count())
	s.top = max(s.top, g.last)
	return found, nil
}

// load reads the first size bytes of a segment into s.buf; n is how many there
// were. Where the disk refuses, it is asked block by block. Unreadable blocks
// are an error the first time, which has the segment tried again a minute
// later; the second time they are left zero and whole is false.
func (s *Spool) load(g *segment, size int) (n int, whole bool, err error) {
	f := s.file
	if g != s.active || f == nil {
		if f, err = s.dir.Open(g.name, os.O_RDONLY); err != nil {
			return 0, false, err
		}
		defer f.Close()
	}
	buf := s.buf[:size]
	if n, err = f.ReadAt(buf, 0); err == nil || err == io.EOF {
		g.suspect = false
		return n, true, nil
	}
	clear(buf)
	n = 0
	good, bad := 0, 0
	for at := 0; at < size; at += blockBytes {
		block := buf[at:min(at+blockBytes, size)]
		got, blockErr := f.ReadAt(block, int64(at))
		if blockErr != nil && blockErr != io.EOF {
			clear(block)
			bad++
			continue
		}
		good++
		n = max(n, at+got)
	}
	if good == 0 || bad > 0 && !g.suspect {
		g.suspect = g.suspect || good > 0
		return 0, false, err
	}
	g.suspect = bad > 0
	g.spotty = g.spotty || g.suspect
	return n, !g.suspect, nil
}

// find returns the records of a segment whose numbers are wanted, oldest
// first; payloads are parts of s.buf. Records that are no longer there are
// counted as damaged and given up. An error leaves all as it is.
func (s *Spool) find(g *segment, wanted ranges, now time.Time) ([]Record, error) {
	if now.Before(g.hold) {
		return nil, fmt.Errorf("spool segment %s: reading failed less than %s ago", g.name, retryEvery)
	}
	n, _, err := s.load(g, g.used)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.holdOff(g, err, now)
		return nil, err
	}
	g.hold = time.Time{}
	out := s.found[:0]
	var found ranges
	walk(s.buf[:n], func(r Record) {
		if wanted.has(r.Seq) {
			out = append(out, r)
			found = found.add(Range{r.Seq, r.Seq})
		}
	})
	s.found = out[:0]
	missing := wanted.minus(found)
	for _, r := range missing {
		s.stats.Damaged += uint64(g.drop(r))
	}
	if len(missing) > 0 {
		s.log.Warn("records of the spool have become unreadable", "segment", g.name, "records", missing.count(), "error", err)
	}
	return out, nil
}

// holdOff leaves a segment alone for a while after reading it failed.
func (s *Spool) holdOff(g *segment, err error, now time.Time) {
	if g.hold.IsZero() {
		s.log.Warn("spool segment cannot be read, will be tried again", "segment", g.name, "error", err, "hint", hint(err))
	}
	g.hold = now.Add(retryEvery)
}

// sort keeps the segments in the order of their records, which is not that of
// their names once some have been rewritten.
func (s *Spool) sort() {
	slices.SortStableFunc(s.segments, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
}
