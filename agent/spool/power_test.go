package spool_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"thongsuot/agent/spool"
)

// oracle knows what was promised, over several lives of one spool.
type oracle struct {
	tried  map[uint64]string // every number ever given out
	order  []uint64          // the same, in the order of Append
	events map[uint64]bool   // of these, events
	sure   map[uint64]bool   // promised durable and not acknowledged
	life   int
}

func newOracle() *oracle {
	return &oracle{tried: map[uint64]string{}, events: map[uint64]bool{}, sure: map[uint64]bool{}}
}

func (o *oracle) append(t testing.TB, s *spool.Spool, class spool.Class, size int) uint64 {
	t.Helper()
	payload := fmt.Sprintf("life %d record %d %s", o.life, len(o.tried), strings.Repeat(string(rune('a'+len(o.tried)%26)), size))
	seq, err := s.Append(class, []byte(payload))
	if err != nil && !errors.Is(err, spool.ErrNotDurable) {
		t.Fatalf("append: %v", err)
	}
	if _, ok := o.tried[seq]; ok || seq >= 1<<53 {
		t.Fatalf("number %d given twice, or too large", seq)
	}
	o.tried[seq] = payload
	o.order = append(o.order, seq)
	o.events[seq] = class == spool.Event
	if err == nil {
		o.sure[seq] = true
	}
	return seq
}

func (o *oracle) ack(t testing.TB, s *spool.Spool, from, to uint64) {
	t.Helper()
	for seq := range o.sure {
		if from <= seq && seq <= to {
			delete(o.sure, seq)
		}
	}
	mustAck(t, s, spool.Range{From: from, To: to})
}

// check reads everything: nothing altered, nothing twice, nothing missing that
// was promised. At the byte cap, where whole is false, samples may be missing
// or thinned. It returns what was read.
func (o *oracle) check(t testing.TB, s *spool.Spool, whole bool) map[uint64]string {
	t.Helper()
	got := o.unaltered(t, s, whole)
	for seq := range o.sure {
		if _, ok := got[seq]; !ok && (whole || o.events[seq]) {
			t.Fatalf("lost: record %d, %.40q", seq, o.tried[seq])
		}
	}
	return got
}

func (o *oracle) unaltered(t testing.TB, s *spool.Spool, whole bool) map[uint64]string {
	t.Helper()
	got := map[uint64]string{}
	for _, r := range mustRead(t, s, all, all) {
		p, ok := o.tried[r.Seq]
		if _, twice := got[r.Seq]; twice || !ok || !strings.HasPrefix(p, string(r.Payload)) || whole && p != string(r.Payload) {
			t.Fatalf("record %d: twice %v, known %v, got %.40q of %.40q", r.Seq, twice, ok, r.Payload, p)
		}
		if o.events[r.Seq] != (r.Class == spool.Event) {
			t.Fatalf("record %d: class %d", r.Seq, r.Class)
		}
		got[r.Seq] = p
	}
	return got
}

// script is a short life of a spool that does everything once: new segments,
// acknowledgements in the middle, segments that become free, a restart. Time
// passes, so that the cursor is saved.
func script(t testing.TB, d *disk, o *oracle, opts ...spool.Option) {
	t.Helper()
	o.life++
	s := onDisk(t, d, opts...)
	var seqs []uint64
	for i := range 16 {
		seqs = append(seqs, o.append(t, s, spool.Class(i%5/4), 10000*(i%4)))
		time.Sleep(time.Minute)
		if d.dead {
			return
		}
		switch i {
		case 6:
			o.ack(t, s, seqs[1], seqs[3])
			mustRead(t, s, 3, all, spool.Range{From: seqs[5], To: seqs[5]})
		case 9:
			o.ack(t, s, seqs[0], seqs[8])
		case 10:
			s.Close() // memory may not get to the disk: that is what the caller checks
			s = onDisk(t, d, opts...)
		}
	}
	s.Close()
}

// afterCut checks a disk that comes back after a power cut, and that the spool
// on it goes on working.
func afterCut(t testing.TB, d *disk, o *oracle, whole bool) {
	t.Helper()
	o.life++
	s := onDisk(t, d)
	o.check(t, s, whole)
	st := s.Stats()
	want(t, "trouble after the power is back", st.Degraded, "")
	seq := o.append(t, s, spool.Event, 100)
	want(t, "promised", o.sure[seq], true)
	mustClose(t, s)
	s = onDisk(t, d)
	o.check(t, s, whole)
	mustAck(t, s, spool.Range{From: 0, To: 1<<64 - 1})
	mustClose(t, s)
	want(t, "segments left", len(d.only(isSegment)), 0)
}

// operations counts what the script does to an unharmed disk.
func operations(t testing.TB, run func(*disk)) int {
	t.Helper()
	d := newDisk()
	run(d)
	if d.ops == 0 {
		t.Fatal("the script does not touch the disk")
	}
	return d.ops
}

func TestPowerCutAtEveryOperation(t *testing.T) {
	for _, cut := range cuts {
		t.Run(cut, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := operations(t, func(d *disk) { script(t, d, newOracle()) })
				seeds := 3
				if deep {
					seeds = 40
				}
				for at := 1; at <= n; at++ {
					for seed := range uint64(seeds) {
						d := newDisk()
						d.strict = cut == strict
						d.cutAt(at)
						o := newOracle()
						script(t, d, o)
						afterCut(t, d.survivors(cut, rand.New(rand.NewPCG(seed, uint64(at)))), o, true)
					}
				}
				t.Logf("%d operations, a cut at each", n)
			})
		})
	}
}

// A second cut hits while the spool recovers from the first one.
func TestSecondPowerCutDuringRecovery(t *testing.T) {
	for _, cut := range cuts {
		t.Run(cut, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := operations(t, func(d *disk) { script(t, d, newOracle()) })
				stride := 5
				if deep {
					stride = 1
				}
				for at := 1; at <= n; at += stride {
					for again := 1; ; again++ {
						rng := rand.New(rand.NewPCG(uint64(at), uint64(again)))
						d := newDisk()
						d.strict = cut == strict
						d.cutAt(at)
						o := newOracle()
						script(t, d, o)

						d = d.survivors(cut, rng)
						d.cutAt(again)
						o.life++
						s := onDisk(t, d)
						o.unaltered(t, s, true) // but much may be missing
						o.append(t, s, spool.Samples, 1000)
						s.Close()
						done := d.ops < again
						afterCut(t, d.survivors(cut, rng), o, true)
						if done {
							break
						}
					}
				}
			})
		})
	}
}

// The same at the byte cap, where segments are merged, thinned and dropped:
// events and the newest samples must be there, and what was thinned is there
// either before or after.
func TestPowerCutAtTheByteCap(t *testing.T) {
	full := func(t testing.TB, d *disk, o *oracle) {
		o.life++
		cfg := config("/spool")
		cfg.MaxBytes = 1 << 20
		s := mustOpen(t, cfg, spool.WithOpener(d.opener), spool.WithThin(halve))
		for i := range 40 {
			o.append(t, s, spool.Class(i%7/6), 25000)
			if d.dead {
				return
			}
			if i%9 == 8 { // short lives leave segments nearly empty
				s.Close()
				s = mustOpen(t, cfg, spool.WithOpener(d.opener), spool.WithThin(halve))
			}
		}
		s.Close()
	}
	for _, cut := range cuts {
		t.Run(cut, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := operations(t, func(d *disk) { full(t, d, newOracle()) })
				for at := 1; at <= n; at++ {
					d := newDisk()
					d.strict = cut == strict
					d.cutAt(at)
					o := newOracle()
					full(t, d, o)
					d = d.survivors(cut, rand.New(rand.NewPCG(uint64(at), 5)))
					s := onDisk(t, d)
					got := o.check(t, s, false)
					s.Close()
					newest := 0
					for _, seq := range slices.Backward(o.order) {
						if _, ok := got[seq]; o.sure[seq] && newest < 8 {
							newest++
							want(t, fmt.Sprintf("cut at %d: record %d is there", at, seq), ok, true)
						}
					}
					afterCut(t, d, o, false)
				}
				t.Logf("%d operations, a cut at each", n)
			})
		})
	}
}

// A cursor torn in the middle of a save leaves the one before.
func TestTornCursorLeavesTheOneBefore(t *testing.T) {
	for seed := range uint64(40) {
		d := newDisk()
		s := onDisk(t, d)
		batch := make([]spool.Record, 400)
		for i := range batch {
			batch[i].Payload = []byte(fmt.Sprint(i))
		}
		if err := s.AppendBatch(batch); err != nil {
			t.Fatal(err)
		}
		settled := map[uint64]bool{}
		for i := 0; i < 200; i += 2 { // so many ranges that they take several sectors
			mustAck(t, s, spool.Range{From: batch[i].Seq, To: batch[i].Seq})
			settled[batch[i].Seq] = true
		}
		mustClose(t, s)
		s = onDisk(t, d)
		for i := 200; i < 400; i += 2 {
			mustAck(t, s, spool.Range{From: batch[i].Seq, To: batch[i].Seq})
		}
		d.fault = func(_ int, kind, name string) error {
			if d.dead {
				return errDead
			}
			if kind == "write" && name == "ack" {
				d.dead = true
				return errCut
			}
			return nil
		}
		s.Close()
		want(t, "cut", d.dead, true)
		s = onDisk(t, d.survivors(torn, rand.New(rand.NewPCG(seed, 8))))
		for _, r := range mustRead(t, s, all, all) {
			if settled[r.Seq] {
				t.Fatalf("seed %d: record %d comes again", seed, r.Seq)
			}
		}
		mustClose(t, s)
	}
}

// halve keeps every other sample, with half of its payload.
func halve(samples []spool.Record) []spool.Record {
	var out []spool.Record
	for i, r := range samples {
		if i%2 == 1 {
			r.Payload = r.Payload[:len(r.Payload)/2]
			out = append(out, r)
		}
	}
	return out
}

// Errors of the disk that pass while the program goes on cost nothing at all,
// not even what could not be promised.
func TestErrorsAtEveryOperationCostNothing(t *testing.T) {
	for _, err := range []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS} {
		t.Run(err.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := operations(t, func(d *disk) { life(t, d, newOracle()) })
				for _, burst := range []int{1, 2, 3, 7, 40, 100} {
					for at := 1; at <= n; at++ {
						d := newDisk()
						d.failing(at, at+burst-1, err)
						o := newOracle()
						life(t, d, o)
						s := onDisk(t, d.copy())
						got := o.check(t, s, true)
						if len(got) != len(o.sure) {
							t.Fatalf("%d errors from operation %d: %d records, want %d", burst, at, len(got), len(o.sure))
						}
						mustClose(t, s)
					}
				}
				t.Logf("%d operations, errors at each", n)
			})
		})
	}
}

// life is one run of a program during which the disk may fail for a while. At
// its end all that was taken in must be on disk, and accounted for.
func life(t testing.TB, d *disk, o *oracle) {
	t.Helper()
	s := onDisk(t, d)
	var seqs []uint64
	for i := range 16 {
		seq := o.append(t, s, spool.Class(i%5/4), 10000*(i%4))
		o.sure[seq] = true // the program does not die
		seqs = append(seqs, seq)
		time.Sleep(30 * time.Second)
		switch i {
		case 6:
			o.ack(t, s, seqs[1], seqs[3])
			mustRead(t, s, all, all)
		case 11:
			o.ack(t, s, seqs[0], seqs[8])
		}
	}
	d.fault = nil
	time.Sleep(10 * time.Minute)
	o.sure[o.append(t, s, spool.Samples, 10)] = true
	o.check(t, s, true)
	st := s.Stats()
	want(t, "trouble at the end", st.Degraded, "")
	want(t, "in memory at the end", st.Memory, 0)
	want(t, "damaged", st.Damaged, 0)
	want(t, "accounted for", uint64(st.Records)+st.Acked+st.Thinned+st.Dropped(), st.Recovered+st.Appended)
	mustClose(t, s)
}

func TestAFailedSyncMovesOnToANewSegment(t *testing.T) {
	d := newDisk()
	s := onDisk(t, d)
	first := mustAppend(t, s, spool.Samples, "first")
	d.fault = func(op int, kind, _ string) error {
		if kind == "sync" {
			d.fault = nil
			return syscall.EIO
		}
		return nil
	}
	second := mustAppend(t, s, spool.Samples, "second") // durable in spite of it
	want(t, "failed syncs", s.Stats().FsyncErrors, 1)
	want(t, "segments", len(d.only(isSegment)), 2)
	mustAppend(t, s, spool.Samples, "third")
	left := d.survivors(lazy, seeded(t, 1))
	s = onDisk(t, left)
	want(t, "after a power cut", payloads(mustRead(t, s, all, all)), "third second first")
	if first >= second {
		t.Fatalf("numbers: %d, then %d", first, second)
	}
}

func TestABrokenDiskIsToldAndTriedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		s := onDisk(t, d)
		mustAppend(t, s, spool.Samples, "a")
		f := func(err error, hint string) {
			t.Helper()
			d.failing(0, 1<<30, err)
			if _, got := s.Append(spool.Samples, []byte("b")); !errors.Is(got, spool.ErrNotDurable) || !errors.Is(got, err) {
				t.Fatalf("append: got %v", got)
			}
			ops := d.ops
			for range 5 {
				time.Sleep(10 * time.Second)
				s.Append(spool.Samples, []byte("c")) // as above
			}
			want(t, "operations within a minute", d.ops-ops, 0)
			st := s.Stats()
			if !strings.Contains(st.Degraded, hint) || !strings.Contains(st.Degraded, "6 records in memory only") {
				t.Errorf("complaint: got %q, want a hint %q", st.Degraded, hint)
			}
			want(t, "in memory", st.Memory, 6)
			want(t, "readable", len(mustRead(t, s, 6, all)), 6)
			d.fault = nil
			time.Sleep(10 * time.Second)
			mustAppend(t, s, spool.Samples, "d")
			want(t, "complaint afterwards", s.Stats().Degraded, "")
			want(t, "in memory afterwards", s.Stats().Memory, 0)
			mustAck(t, s, spool.Range{From: 0, To: 1<<64 - 1})
			time.Sleep(time.Minute)
		}
		f(syscall.ENOSPC, "free some space")
		f(syscall.EROFS, "read-only")
		f(syscall.EIO, "replace it")
		f(fs.ErrPermission, "write access")
	})
}

func TestMemoryIsBoundedAndGivesUpTheOldestSamplesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		d.failing(0, 1<<30, syscall.EIO)
		cfg := config("/spool")
		cfg.MemoryBytes = 64 << 10
		s := mustOpen(t, cfg, spool.WithOpener(d.opener))
		for i := range 100 {
			s.Append(spool.Class(i%10/9), []byte(fmt.Sprintf("%02d%s", i, strings.Repeat("m", 934)))) // never durable
			time.Sleep(time.Second)
		}
		st := s.Stats()
		want(t, "kept", st.Records, 65)
		want(t, "events kept", st.Events, 10)
		want(t, "dropped", st.DroppedMemory, 35)
		got := mustRead(t, s, all, all)
		want(t, "newest sample", string(got[10].Payload[:2]), "98")
		want(t, "oldest sample", string(got[64].Payload[:2]), "38")
		d.fault = nil
		time.Sleep(time.Minute)
		mustAppend(t, s, spool.Event, "on disk")
		mustClose(t, s)
		want(t, "after a restart", onDisk(t, d).Stats().Records, 66)

		d = newDisk()
		d.failing(0, 1<<30, syscall.EIO)
		s = mustOpen(t, cfg, spool.WithOpener(d.opener))
		for range 70 {
			s.Append(spool.Event, []byte(strings.Repeat("e", 936))) // never durable
		}
		want(t, "events dropped when there is nothing else", s.Stats().DroppedMemoryEvents, 5)
		if err := s.Close(); err == nil || !strings.Contains(err.Error(), "65 records are lost") {
			t.Errorf("close: got %v", err)
		}
	})
}

// Someone empties the folder, or another card is put in, under the running
// agent.
func TestAFolderThatGoesAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		gone := false
		opener := func(path string) (spool.Dir, []string, error) {
			if gone {
				return nil, nil, fs.ErrNotExist
			}
			return d.opener(path)
		}
		s := mustOpen(t, config("/spool"), spool.WithOpener(opener))
		for range 10 {
			mustAppend(t, s, spool.Samples, strings.Repeat("z", 20000)) // 6 to a segment
		}
		clear(d.names)
		gone = true
		d.fault = func(_ int, kind, _ string) error {
			if kind == "create" {
				return fs.ErrNotExist
			}
			return nil
		}
		for range 3 {
			s.Append(spool.Samples, []byte(strings.Repeat("z", 20000))) // the last needs a new segment
		}
		want(t, "in memory", s.Stats().Memory, 1)
		gone, d.fault = false, nil
		time.Sleep(time.Minute)
		mustAppend(t, s, spool.Samples, "back")
		st := s.Stats()
		want(t, "complaint", st.Degraded, "")
		want(t, "records", st.Records, 2)
		want(t, "gone with the folder", st.Damaged, 12)
		mustClose(t, s)
		want(t, "on the new folder", onDisk(t, d).Stats().Records, 2)
	})
}
