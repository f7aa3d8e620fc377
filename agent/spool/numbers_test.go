package spool_test

import (
	"testing"

	"thongsuot/agent/spool"
)

func TestNumbersAreNotGivenTwiceAfterTheFolderIsWiped(t *testing.T) {
	used := map[uint64]bool{}
	for range 20 {
		d := newDisk()
		s := onDisk(t, d)
		seq := mustAppend(t, s, spool.Samples, "a")
		if used[seq>>20] || seq >= 1<<53 {
			t.Fatalf("number %d: want a new place below 2^53", seq)
		}
		used[seq>>20] = true
		mustClose(t, s)
	}
}

func TestNumbersAreNotGivenTwiceWithoutACursorOrANewestSegment(t *testing.T) {
	d := newDisk()
	var highest uint64
	for i := range 40 {
		s := onDisk(t, d)
		first := mustAppend(t, s, spool.Samples, "a")
		if first <= highest {
			t.Fatalf("start %d: got %d after %d", i, first, highest)
		}
		highest = mustAppend(t, s, spool.Samples, "b")
		d = d.copy()
		segments := d.only(func(name string) bool { return name != "ack" })
		switch i % 3 {
		case 0:
			delete(d.names, segments[len(segments)-1])
		case 1:
			delete(d.names, "ack")
		}
		d = d.copy()
	}
}

// A segment with a number that leaves no room above it must not stop the rest.
func TestAStrangeFileNameDoesNotUseUpTheNumbers(t *testing.T) {
	for _, name := range []string{"0017ffffffffffff.seg", "001fffffffffffff.seg", "0018000000000000.seg"} {
		d := newDisk()
		d.put(name, nil)
		for i := range 3 {
			s := onDisk(t, d)
			seq := mustAppend(t, s, spool.Samples, "a")
			if seq >= 1<<53 {
				t.Fatalf("%s: number %d, want below 2^53", name, seq)
			}
			mustClose(t, s)
			s = onDisk(t, d)
			want(t, "records beside "+name, s.Stats().Records, i+1)
			mustClose(t, s)
		}
	}
}
