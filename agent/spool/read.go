package spool

import (
	"slices"
	"time"
)

// Read returns records that are not acknowledged and not in skip, which is for
// what is under way: first events, then samples, the newest of each first. It
// stops at max records or before their payloads exceed maxBytes, but returns
// at least one record if there is any. Reading removes nothing. The error is
// nil or ErrClosed: what cannot be read at the moment is left out, counted in
// Stats.Records and complained about in Stats.Degraded.
func (s *Spool) Read(max, maxBytes int, skip []Range) ([]Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	defer s.publish()
	now := time.Now()
	skipped := rangesOf(skip, maxSeq)
	out := batch{max: max, left: maxBytes}
	for _, events := range []bool{true, false} {
		for _, r := range slices.Backward(s.memory.records) {
			if (r.Class != Samples) != events || skipped.has(r.Seq) {
				continue
			}
			if !out.take(r) {
				return out.records, nil
			}
			s.memory.handed = s.memory.handed || !events
		}
		for _, g := range slices.Backward(s.segments) {
			if !s.readSegment(&out, g, events, skipped, now) {
				return out.records, nil
			}
		}
	}
	return out.records, nil
}

// readSegment takes what it can from one segment, and tells whether there is
// room for more.
func (s *Spool) readSegment(out *batch, g *segment, events bool, skipped ranges, now time.Time) bool {
	if len(g.live) == 0 || out.max <= len(out.records) {
		return len(out.records) < out.max
	}
	wanted := g.of(events).minus(skipped)
	if len(wanted) == 0 {
		return true
	}
	found, err := s.find(g, wanted, now)
	if err != nil {
		return true // on hold, and said so
	}
	for _, r := range slices.Backward(found) {
		if !out.take(r) {
			return false
		}
		g.handed = g.handed || !events
	}
	return true
}

// batch is what Read collects.
type batch struct {
	max, left int
	records   []Record
}

// take copies r into the batch, or tells that it is full.
func (b *batch) take(r Record) bool {
	if len(b.records) >= b.max || len(b.records) > 0 && len(r.Payload) > b.left {
		return false
	}
	r.Payload = slices.Clone(r.Payload)
	b.left -= len(r.Payload)
	b.records = append(b.records, r)
	return true
}
