package spool_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thongsuot/agent/spool"
)

// A bad block is tried again a minute later; then its records are given up and
// the others stay. The file stays too: a restart may be able to read it.
func TestAnUnreadableBlockCostsTheRecordsInIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := onDisk(t, d)
		for i := range 200 {
			mustAppend(t, s, spool.Samples, fmt.Sprintf("record %d %s", i, strings.Repeat("y", 300)))
		}
		mustClose(t, s)
		name := d.only(isSegment)[0]
		d.fault = func(_ int, kind, what string) error {
			if kind == "read" && (what == name+"@0" || what == name+"@4096") {
				return errBroken
			}
			return nil
		}
		s = onDisk(t, d)
		want(t, "at once", s.Stats().Records, 0)
		if s.Stats().Degraded == "" {
			t.Fatal("an unreadable segment is not complained about")
		}
		time.Sleep(time.Minute)
		last := mustAppend(t, s, spool.Event, "last")
		if n := s.Stats().Records; n < 170 || n > 180 {
			t.Fatalf("after a minute: %d records, want 200 without those of two blocks, and the last", n)
		}
		if s.Stats().Damaged == 0 {
			t.Fatal("nothing counted as damaged")
		}
		readable := map[uint64]bool{}
		for {
			rs := mustRead(t, s, 50, all)
			if len(rs) == 0 {
				break
			}
			for _, r := range rs {
				readable[r.Seq] = true
				mustAck(t, s, spool.Range{From: r.Seq, To: r.Seq})
			}
		}
		mustClose(t, s)
		d.fault = nil
		s = onDisk(t, d)
		rest := mustRead(t, s, all, all)
		for _, r := range rest {
			if readable[r.Seq] || r.Seq == last {
				t.Fatalf("record %d comes twice", r.Seq)
			}
		}
		want(t, "records, with those that can be read after all", len(readable)+len(rest), 201)
	})
}

// A segment that cannot be read at the start is read when that works; what of
// it was acknowledged before is not forgotten meanwhile.
func TestASegmentThatCanBeReadLaterIsReadLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := onDisk(t, d)
		var seqs []uint64
		for i := range 20 {
			seqs = append(seqs, mustAppend(t, s, spool.Samples, fmt.Sprintf("%02d %s", i, strings.Repeat("z", 10000)))) // 13 to a segment
		}
		mustAck(t, s, spool.Range{From: seqs[0], To: seqs[9]})
		mustClose(t, s)
		first := d.only(isSegment)[0]
		broken := func(_ int, kind, what string) error {
			if kind == "open" && what == first {
				return errBroken
			}
			return nil
		}
		d.fault = broken
		s = onDisk(t, d)
		want(t, "records of the other segment", s.Stats().Records, 7)
		if got := s.Stats().Degraded; !strings.Contains(got, first) {
			t.Errorf("complaint: %q", got)
		}
		time.Sleep(10 * time.Minute)
		seq := mustAppend(t, s, spool.Samples, "new")
		mustAck(t, s, spool.Range{From: seq, To: seq}, spool.Range{From: seqs[13], To: seqs[13]})
		time.Sleep(10 * time.Minute)
		mustAck(t, s, spool.Range{From: seqs[13], To: seqs[13]})
		want(t, "records meanwhile", s.Stats().Records, 6)
		mustClose(t, s)
		d.fault = nil
		s = onDisk(t, d)
		want(t, "records when all can be read", s.Stats().Records, 9)
		mustClose(t, s)
		d.fault = broken
		s = onDisk(t, d)
		want(t, "records without the segment", s.Stats().Records, 6)
		d.fault = nil
		time.Sleep(time.Minute)
		mustAppend(t, s, spool.Samples, "new")
		want(t, "records without a restart", s.Stats().Records, 10)
		want(t, "complaint at the end", s.Stats().Degraded, "")
		want(t, "damaged", s.Stats().Damaged, 0)
	})
}

func TestARemovedSegmentIsCountedAndNotWaitedFor(t *testing.T) {
	d := newDisk()
	s := onDisk(t, d)
	for range 30 {
		mustAppend(t, s, spool.Samples, strings.Repeat("z", 10000)) // 13 to a segment
	}
	names := d.only(isSegment)
	delete(d.names, names[1])
	want(t, "records", len(mustRead(t, s, all, all)), 17)
	want(t, "damaged", s.Stats().Damaged, 13)
	want(t, "depth", s.Stats().Records, 17)
}
