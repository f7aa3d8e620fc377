package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// makeRoom brings the folder below the byte cap with two segments to spare,
// the one about to be made and one to rewrite others into. It tries, in this
// order: put two sparse neighbours into one, which loses nothing; thin the
// oldest samples; drop the oldest samples. Events are kept, if need be past
// the cap.
func (s *Spool) makeRoom(now time.Time) {
	thinned, dropped := s.stats.Thinned, s.stats.DroppedCap
	steps := []func(time.Time) (bool, error){s.merge, s.thinOldest, s.dropOldest}
	for int64(len(s.segments)+2)*SegmentBytes+cursorBytes > s.cfg.MaxBytes && s.sweep(now) {
		done, err := false, error(nil)
		for i := 0; i < len(steps) && !done && err == nil; i++ {
			done, err = steps[i](now)
		}
		if !done { // an error of the disk is no reason to drop anything: creating the next segment will meet it too
			break
		}
	}
	if s.stats.Thinned > thinned || s.stats.DroppedCap > dropped {
		s.log.Warn("spool is at its byte cap, the oldest samples make room", "dir", s.cfg.Dir,
			"max_bytes", s.cfg.MaxBytes, "thinned", s.stats.Thinned-thinned, "dropped", s.stats.DroppedCap-dropped)
	}
}

// movable tells whether a segment may be rewritten or given up. One that could
// not be read when last tried may not: it may yet be readable.
func (s *Spool) movable(g *segment) bool {
	return g != s.active && !g.unread && g.hold.IsZero()
}

// The three steps tell whether they changed anything, so that it is worth
// looking again; an error means that the disk did not let them.

// merge puts the two neighbours with the least in them into one segment.
func (s *Spool) merge(now time.Time) (bool, error) {
	const worth = SegmentBytes * 3 / 4 // the estimate may be off, and a full one is no gain
	best, least := -1, worth
	for i := range len(s.segments) - 1 {
		a, b := s.segments[i], s.segments[i+1]
		if n := a.liveBytes() + b.liveBytes(); n < least && s.movable(a) && s.movable(b) {
			best, least = i, n
		}
	}
	if best < 0 {
		return false, nil
	}
	pair := slices.Clone(s.segments[best : best+2])
	records, err := s.records(pair, now)
	if err != nil {
		return false, err
	}
	if bytesOf(records) > SegmentBytes {
		return false, nil
	}
	err = s.rewrite(pair, records, pair[0].thinned && pair[1].thinned, now)
	return err == nil, err
}

// thinOldest hands the samples of the oldest segments not thinned so far to
// Thin. Samples that may be under way to the centre are left alone: their
// acknowledgement would be taken for that of the record that replaced them.
func (s *Spool) thinOldest(now time.Time) (bool, error) {
	var victims []*segment
	for _, g := range s.segments {
		if len(victims) < 2 && s.movable(g) && !g.thinned && !g.handed && len(g.of(false)) > 0 {
			victims = append(victims, g)
		}
	}
	if s.thin == nil || len(victims) == 0 {
		return false, nil
	}
	var out []Record
	gone := 0
	for _, g := range victims {
		// One by one: when a power cut brings one of them back, what stands
		// for it must stand for nothing else.
		records, err := s.records([]*segment{g}, now)
		if err != nil {
			return false, err
		}
		events, samples := split(records)
		if thinner := s.thin(slices.Clone(samples)); isThinner(thinner, samples) {
			gone += len(samples) - len(thinner)
			samples = thinner
		}
		out = slices.Concat(out, events, samples)
	}
	if gone == 0 {
		for _, g := range victims {
			g.thinned = true
		}
		return true, nil
	}
	slices.SortFunc(out, func(a, b Record) int { return cmp.Compare(a.Seq, b.Seq) })
	if err := s.rewrite(victims, out, true, now); err != nil {
		return false, err
	}
	s.stats.Thinned += uint64(gone)
	return true, nil
}

// isThinner checks what Thin returned against its contract.
func isThinner(out, in []Record) bool {
	var known ranges
	for _, r := range in {
		known = known.add(Range{r.Seq, r.Seq})
	}
	last := uint64(0)
	for _, r := range out {
		if r.Seq <= last || !known.has(r.Seq) || r.Class != Samples || len(r.Payload) > MaxPayload {
			return false
		}
		last = r.Seq
	}
	return len(out) > 0 && len(out) < len(in) && bytesOf(out) < bytesOf(in)
}

// dropOldest gives up the samples of the oldest segment that holds any.
func (s *Spool) dropOldest(now time.Time) (bool, error) {
	for _, g := range s.segments {
		n := g.of(false).count()
		switch {
		case !s.movable(g), n == 0 && !(g.spotty && len(g.live) == 0):
			continue
		case len(g.events) == 0:
			if err := s.remove(g); err != nil {
				return false, err
			}
		default:
			events, err := s.find(g, g.events, now)
			if err != nil {
				return false, err
			}
			if err := s.rewrite([]*segment{g}, cloned(events), true, now); err != nil {
				return false, err
			}
		}
		s.stats.DroppedCap += uint64(n)
		return true, nil
	}
	return false, nil
}

// records reads all that is not acknowledged in segments, oldest first.
func (s *Spool) records(segments []*segment, now time.Time) ([]Record, error) {
	var all []Record
	for _, g := range segments {
		if len(g.live) == 0 {
			continue
		}
		found, err := s.find(g, g.live, now)
		if err != nil {
			return nil, err
		}
		all = append(all, cloned(found)...)
	}
	slices.SortFunc(all, func(a, b Record) int { return cmp.Compare(a.Seq, b.Seq) })
	return all, nil
}

// rewrite puts records into new segments in place of victims, which are
// removed once the new ones are durable. A crash between leaves both; the next
// start then takes each record from the older segment, so that nothing is
// there twice and what was thinned is there as it was before.
func (s *Spool) rewrite(victims []*segment, records []Record, thinned bool, now time.Time) error {
	var fresh []*segment
	handed := slices.ContainsFunc(victims, func(g *segment) bool { return g.handed })
	for len(records) > 0 {
		g, n, err := s.writeSealed(records)
		if err != nil {
			for _, g := range fresh { // all of it is still in the victims
				s.discard(g)
			}
			return err
		}
		g.thinned, g.handed = thinned, handed
		fresh = append(fresh, g)
		records = records[n:]
	}
	s.segments = append(s.segments, fresh...)
	s.sort()
	for _, g := range victims {
		g.live, g.events, g.spotty = nil, nil, false
	}
	s.sweep(now)
	return nil
}

// writeSealed makes one segment of the first n records, as many as fit.
func (s *Spool) writeSealed(records []Record) (g *segment, n int, err error) {
	g, f, err := s.create(0)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	buf := s.buf[:0]
	for n < len(records) && len(buf)+sizeOf(records[n]) <= SegmentBytes {
		buf = appendRecord(buf, len(buf), records[n])
		n++
	}
	if _, err = f.WriteAt(buf, 0); err == nil {
		err = s.sync(f)
	}
	if err != nil {
		s.discard(g)
		return nil, 0, fmt.Errorf("write spool segment %s: %w", g.name, err)
	}
	g.add(records[:n])
	return g, n, nil
}

// sweep removes the segments that nobody needs any more, and tells whether
// none is left. No save of the cursor comes before it: a segment that a power
// cut brings back is delivered once more, at worst.
func (s *Spool) sweep(now time.Time) bool {
	over := func(g *segment) bool { return g != s.active && g.done() }
	if !slices.ContainsFunc(s.segments, over) {
		return true
	}
	if s.removing.err != nil && now.Before(s.removeAt) {
		return false
	}
	var failed error
	removed := false
	s.segments = slices.DeleteFunc(s.segments, func(g *segment) bool {
		if !over(g) {
			return false
		}
		err := s.unlink(g)
		if err != nil {
			failed = err
			return false
		}
		removed = true
		if g.total > 0 {
			s.retryAt = time.Time{} // a full disk has room now
		}
		return true
	})
	s.removeAt = now.Add(retryEvery)
	s.note(&s.removing, failed)
	if removed {
		s.syncDir() // when it fails, see above
	}
	return failed == nil
}

// discard leaves a segment that came to nothing to sweep: were its file
// forgotten, a restart would find in it what has been acknowledged since.
func (s *Spool) discard(g *segment) {
	g.live, g.events, g.total = nil, nil, 0
	s.segments = append(s.segments, g)
}

// remove takes one segment away, acknowledged or not.
func (s *Spool) remove(g *segment) error {
	err := s.unlink(g)
	s.note(&s.removing, err)
	if err == nil {
		s.segments = slices.DeleteFunc(s.segments, func(o *segment) bool { return o == g })
		s.syncDir()
	}
	return err
}

func (s *Spool) unlink(g *segment) error {
	if err := s.dir.Remove(g.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove spool segment: %w", err)
	}
	return nil
}

// split parts events from samples.
func split(records []Record) (events, samples []Record) {
	for _, r := range records {
		if r.Class == Samples {
			samples = append(samples, r)
		} else {
			events = append(events, r)
		}
	}
	return events, samples
}

func cloned(rs []Record) []Record {
	out := slices.Clone(rs)
	for i := range out {
		out[i].Payload = slices.Clone(out[i].Payload)
	}
	return out
}

func bytesOf(rs []Record) int {
	n := 0
	for _, r := range rs {
		n += sizeOf(r)
	}
	return n
}
