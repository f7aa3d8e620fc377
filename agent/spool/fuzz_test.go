package spool_test

import (
	"slices"
	"testing"

	"thongsuot/agent/spool"
)

func FuzzSegment(f *testing.F) {
	d, name, used, model := twentyFour(f)
	whole := d.names[name].data[:used]
	f.Add(whole)
	f.Add(whole[:used/2])
	f.Add(append(slices.Clone(whole[100:]), whole...))
	f.Fuzz(func(t *testing.T, content []byte) {
		hurt := newDisk()
		hurt.put(name, content)
		hurt.put("0000000000000009.seg", whole)
		s := onDisk(t, hurt)
		got := map[uint64]string{}
		for _, r := range mustRead(t, s, all, all) {
			if _, twice := got[r.Seq]; twice {
				t.Fatalf("record %d handed out twice", r.Seq)
			}
			got[r.Seq] = string(r.Payload)
		}
		for seq, p := range model { // the other file is whole
			if q, ok := got[seq]; !ok || q != p {
				t.Fatalf("record %d of the whole segment: got %q, %v", seq, q, ok)
			}
		}
		want(t, "depth", s.Stats().Records, len(got))
		fresh := mustAppend(t, s, spool.Samples, "fresh")
		if _, ok := got[fresh]; ok {
			t.Fatalf("number %d given twice", fresh)
		}
		got[fresh] = "fresh"
		mustClose(t, s)
		s = onDisk(t, hurt)
		checkAgainst(t, s, got)
		mustAck(t, s, spool.Range{From: 0, To: 1<<64 - 1})
		mustClose(t, s)
		want(t, "segments left", len(hurt.only(isSegment)), 0)
	})
}

func FuzzCursor(f *testing.F) {
	d, name, _, _ := twentyFour(f)
	f.Add(d.names["ack"].data)
	f.Add(d.names["ack"].data[4096:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		hurt := newDisk()
		hurt.put(name, d.names[name].data)
		hurt.put("ack", content)
		s := onDisk(t, hurt)
		before := s.Stats()
		want(t, "trouble", before.Degraded, "")
		seq := mustAppend(t, s, spool.Samples, "fresh")
		mustAck(t, s, spool.Range{From: seq, To: seq})
		mustClose(t, s)
		s = onDisk(t, hurt)
		want(t, "records after one more start", s.Stats().Records, before.Records)
		if next := s.Stats().Next; next <= seq || next >= 1<<53 {
			t.Fatalf("number after %d: got %d", seq, next)
		}
	})
}
