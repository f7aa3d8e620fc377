package spool_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"thongsuot/agent/spool"
)

var errBroken = errors.New("input/output error of a broken disk")

// deep asks for the long runs of the release.
var deep = os.Getenv("THONGSUOT_TEST_DEEP") != ""

func seeded(t testing.TB, seed uint64) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(seed, 2))
}

func isSegment(name string) bool { return strings.HasSuffix(name, ".seg") }

// twentyFour is one segment of 24 records, of which the first four are
// acknowledged; model is the other 20.
func twentyFour(t testing.TB) (d *disk, name string, used int, model map[uint64]string) {
	t.Helper()
	d = newDisk()
	s := onDisk(t, d)
	model = map[uint64]string{}
	var first uint64
	for i := range 24 {
		class := spool.Class(i % 6 / 5)
		payload := fmt.Sprintf("record %d %s", i, strings.Repeat("\x00x", 10*(i%4)))
		seq := mustAppend(t, s, class, payload)
		if i == 0 {
			first = seq
		}
		model[seq] = payload
		used += 21 + len(payload)
	}
	for i := range uint64(4) {
		delete(model, first+i)
	}
	mustAck(t, s, spool.Range{From: first, To: first + 3})
	mustClose(t, s)
	names := d.only(isSegment)
	want(t, "segments", len(names), 1)
	return d, names[0], used, model
}

// readDamaged opens a damaged spool, which must never fail, and checks that
// all that it hands out is as it was put in, that it still works, and that
// nothing of this changes at the next start. It returns how many of the
// model's records are missing, and the count of damage.
func readDamaged(t testing.TB, d *disk, model map[uint64]string) (missing int, damaged uint64) {
	t.Helper()
	s := onDisk(t, d)
	damaged = s.Stats().Damaged
	got := mustRead(t, s, all, all)
	for _, r := range got {
		if p, ok := model[r.Seq]; !ok || p != string(r.Payload) {
			t.Fatalf("altered record: %d, %q", r.Seq, r.Payload)
		}
	}
	fresh := mustAppend(t, s, spool.Event, "fresh")
	if _, ok := model[fresh]; ok {
		t.Fatalf("number %d given twice", fresh)
	}
	mustClose(t, s)
	s = onDisk(t, d)
	want(t, "records after one more start", len(mustRead(t, s, all, all)), len(got)+1)
	mustAck(t, s, spool.Range{From: 0, To: 1<<64 - 1})
	mustClose(t, s)
	want(t, "segments after all is acknowledged", len(d.only(isSegment)), 0)
	return len(model) - len(got), damaged
}

func TestAFlippedByteCostsOneRecord(t *testing.T) {
	d, name, used, model := twentyFour(t)
	whole := d.names[name].data
	stride := 977 // behind the records there are zeros alone
	if deep {
		stride = 1
	}
	rng := seeded(t, 3)
	for at := 0; at < len(whole); at++ {
		if at > used+64 {
			at += stride - 1
		}
		if at >= len(whole) {
			break
		}
		flip := byte(1 + rng.IntN(255))
		hurt := d.copy()
		hurt.names[name].data[at] ^= flip
		missing, damaged := readDamaged(t, hurt.copy(), model)
		if missing > 1 || at >= used && missing > 0 {
			t.Fatalf("flip %#x at %d: %d records lost", flip, at, missing)
		}
		want(t, fmt.Sprintf("damage counted for flip %#x at %d", flip, at), damaged, 1)
	}
}

func TestACutFileCostsOnlyWhatIsGone(t *testing.T) {
	d, name, used, model := twentyFour(t)
	whole := d.names[name].data
	// ends[i] is how many of the model's records end at or before offset i.
	ends := make([]int, used+1)
	at := 0
	for i := range 24 {
		at += 21 + len(fmt.Sprintf("record %d %s", i, strings.Repeat("\x00x", 10*(i%4))))
		if i >= 4 {
			for j := at; j <= used; j++ {
				ends[j]++
			}
		}
	}
	for cut := range used + 2 {
		hurt := newDisk()
		hurt.put("ack", d.names["ack"].data)
		hurt.put(name, whole[:cut])
		missing, _ := readDamaged(t, hurt, model)
		want(t, fmt.Sprintf("lost when cut at %d", cut), missing, len(model)-ends[min(cut, used)])
	}
}

func TestDamagedCursorCostsNothingButRepetition(t *testing.T) {
	d, _, _, model := twentyFour(t)
	whole := d.names["ack"].data
	first := slices.Sorted(func(yield func(uint64) bool) {
		for seq := range model {
			if !yield(seq) {
				return
			}
		}
	})[0]
	all24 := map[uint64]string{}
	for seq, p := range model {
		all24[seq] = p
	}
	for i := range uint64(4) { // delivered again when the acknowledgement is forgotten
		all24[first-4+i] = fmt.Sprintf("record %d %s", i, strings.Repeat("\x00x", 10*int(i%4)))
	}
	f := func(what string, content []byte) {
		t.Helper()
		hurt := d.copy()
		delete(hurt.names, "ack")
		if content != nil {
			hurt.put("ack", content)
		}
		s := onDisk(t, hurt.copy())
		for _, r := range mustRead(t, s, all, all) {
			if all24[r.Seq] != string(r.Payload) {
				t.Fatalf("%s: altered record %d", what, r.Seq)
			}
		}
		if n := s.Stats().Records; n < len(model) {
			t.Fatalf("%s: %d records, want at least %d", what, n, len(model))
		}
		if missing, damaged := readDamaged(t, hurt.copy(), all24); missing > 4 || damaged != 0 {
			t.Fatalf("%s: %d missing, %d damaged", what, missing, damaged)
		}
	}
	f("no cursor", nil)
	f("empty cursor", []byte{})
	f("zeros", make([]byte, 8192))
	for at := range 8192 {
		if at%4096 > 128 && at%61 != 0 && !deep {
			continue
		}
		hurt := slices.Clone(whole)
		hurt[at] ^= 0xff
		f(fmt.Sprintf("flip at %d", at), hurt)
		f(fmt.Sprintf("cut at %d", at), whole[:at])
	}
}

func TestAHoleCostsTheRecordsInIt(t *testing.T) {
	d := newDisk()
	s := onDisk(t, d)
	model := map[uint64]string{}
	for i := range 200 {
		p := fmt.Sprintf("record %d %s", i, strings.Repeat("y", 300))
		model[mustAppend(t, s, spool.Samples, p)] = p
	}
	mustClose(t, s)
	name := d.only(isSegment)[0]
	clear(d.names[name].data[4096:8192])
	missing, damaged := readDamaged(t, d.copy(), model)
	if missing < 12 || missing > 14 {
		t.Fatalf("a lost block of 4 KiB: %d records of about 333 bytes lost", missing)
	}
	want(t, "damage counted", damaged, uint64(missing))

	s = onDisk(t, d.copy())
	all := mustRead(t, s, 1000, 1<<30)
	want(t, "records beside the hole", len(all), 200-missing)
}

// What lies in a payload, or in a block that landed in the wrong place, is
// never taken for a record.
func TestARecordWithinARecordIsNotTakenForOne(t *testing.T) {
	d, name, used, _ := twentyFour(t)
	image := d.names[name].data[:used]
	e := newDisk()
	s := onDisk(t, e)
	seq := mustAppend(t, s, spool.Samples, string(image))
	mustClose(t, s)
	outer := e.only(isSegment)[0]
	e.names[outer].data[4] ^= 1 // its length: the reader must look for the next record
	s = onDisk(t, e.copy())
	if got := mustRead(t, s, all, all); len(got) != 0 {
		t.Fatalf("got %d records, the first is %d, want none of those within %d", len(got), got[0].Seq, seq)
	}
	want(t, "damaged", s.Stats().Damaged, 1)
}

// A block of another, older segment that stands at the same place.
func TestABlockOfAnOlderSegmentIsNotTakenForThisOne(t *testing.T) {
	d := newDisk()
	var images []string
	for life := range 2 {
		s := onDisk(t, d)
		for i := range 60 {
			mustAppend(t, s, spool.Samples, fmt.Sprintf("life %d record %02d %s", life, i, strings.Repeat("y", 300)))
		}
		mustClose(t, s)
		images = d.only(isSegment)
	}
	copy(d.names[images[1]].data[4096:8192], d.names[images[0]].data[4096:8192])
	delete(d.names, images[0])
	s := onDisk(t, d.copy())
	for _, r := range mustRead(t, s, all, all) {
		if !strings.HasPrefix(string(r.Payload), "life 1") {
			t.Fatalf("got %.20q", r.Payload)
		}
	}
	if n := s.Stats().Damaged; n < 10 || n > 14 {
		t.Errorf("damaged: got %d, want those of a block of 4 KiB", n)
	}
}
