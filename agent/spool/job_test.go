package spool_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thongsuot/agent/spool"
)

// The round's record of the standard job is 200 bytes, every 10 s, and all is
// delivered a minute later.
func TestADayOfTheStandardJobSpendsLittleOfTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := onDisk(t, d)
		const rounds = 24 * 360
		payload := strings.Repeat("x", 200)
		var from uint64
		for i := range rounds {
			seq := mustAppend(t, s, spool.Samples, payload)
			if i%6 == 0 {
				from = seq
			}
			if i%6 == 5 {
				mustAck(t, s, spool.Range{From: from, To: seq})
			}
			time.Sleep(10 * time.Second)
		}
		cursor, folder, total := d.syncs["ack"], d.syncs["/"], 0
		for _, n := range d.syncs {
			total += n
		}
		segments := rounds*221/spool.SegmentBytes + 1
		want(t, "syncs of segments: one a record, one for each new segment", total-cursor-folder, rounds+segments)
		if limit := 24*12 + 3; cursor > limit {
			t.Errorf("saves of the cursor: got %d, want at most %d", cursor, limit)
		}
		want(t, "syncs of the folder: a segment comes, a segment goes, and the cursor's", folder, segments+segments-1+1)
		if mb := float64(d.pages) * 4096 / 1e6; mb > 45 {
			t.Errorf("written in a day: got %.1f MB, want at most 45", mb)
		}
		want(t, "records left", s.Stats().Records, 0)
		want(t, "bytes left", s.Stats().Bytes, spool.SegmentBytes+8<<10)
		t.Logf("%.1f MB a day in pages of 4 KiB, %d syncs", float64(d.pages)*4096/1e6, total)
	})
}

// 35 days of the standard job, not delivered, with ten short lives a day: all
// of it is kept in the default cap, in little memory, and reading the newest
// or the oldest of it costs one segment.
func TestThirtyFiveDaysFitTheCapAndLittleMemory(t *testing.T) {
	const days, lives, rounds = 35, 10, 864
	d := newDisk()
	for range days {
		day := newDisk() // its numbers begin with a leap of their own
		for range lives {
			s := onDisk(t, day)
			batch := make([]spool.Record, rounds)
			for i := range batch {
				batch[i].Payload = bytes.Repeat([]byte{byte(i)}, 200)
			}
			batch[0].Class = spool.Event
			if err := s.AppendBatch(batch); err != nil {
				t.Fatal(err)
			}
			mustClose(t, s)
		}
		for _, name := range day.only(isSegment) {
			d.put(name, day.names[name].data)
		}
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	s := onDisk(t, d)
	st := s.Stats()
	want(t, "records", st.Records, days*lives*rounds)
	want(t, "dropped", st.Dropped(), 0)
	reads := d.reads
	newest := mustRead(t, s, 1, all, spool.Range{From: 0, To: st.Newest - 1})
	if cost := d.reads - reads; len(newest) != 1 || cost > spool.SegmentBytes {
		t.Errorf("reading the newest record: %d bytes read", cost)
	}
	reads = d.reads
	oldest := mustRead(t, s, 100, all, spool.Range{From: st.Oldest + 100, To: st.Newest})
	if cost := d.reads - reads; len(oldest) != 100 || cost > 2*spool.SegmentBytes {
		t.Errorf("reading the oldest records: %d bytes read for %d", cost, len(oldest))
	}
	used := int64(heap()) - int64(before)
	if used > 1<<20 {
		t.Errorf("memory: %d bytes for %d records", used, st.Records)
	}
	t.Logf("%d records: %.0f MiB on disk, %d KiB in memory", st.Records, float64(d.size())/(1<<20), used>>10)
	mustClose(t, s)
	if cap := spool.DefaultConfig().MaxBytes; d.size() > cap {
		t.Errorf("%d bytes on disk, want at most %d", d.size(), cap)
	}
	runtime.KeepAlive(s)
}

func TestRandomAcknowledgementsAgainstAModel(t *testing.T) {
	rng := seeded(t, 1)
	d := newDisk()
	s := onDisk(t, d)
	model := map[uint64]string{}
	var seqs []uint64
	for i := range 4000 {
		switch n := rng.IntN(10); {
		case n < 4 || len(seqs) == 0:
			class := spool.Class(rng.IntN(8) / 7)
			payload := fmt.Sprintf("%d/%s", class, strings.Repeat("x", rng.IntN(2000)))
			seq := mustAppend(t, s, class, payload)
			seqs = append(seqs, seq)
			model[seq] = payload
		case n < 8:
			at := rng.IntN(len(seqs))
			to := min(at+rng.IntN(6), len(seqs)-1)
			mustAck(t, s, spool.Range{From: seqs[at], To: seqs[to]})
			for seq := range model {
				if seqs[at] <= seq && seq <= seqs[to] {
					delete(model, seq)
				}
			}
		case n < 9:
			checkAgainst(t, s, model)
		case i%5 == 0:
			mustClose(t, s)
			s = onDisk(t, d)
		}
	}
	checkAgainst(t, s, model)
}
