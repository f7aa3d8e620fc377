package spool_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
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
		got[r.Seq] = string(r.Payload)
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
	// replaces says which sample a thinned one of so many bytes stands for.
	type thinned struct {
		seq  uint64
		size int
	}
	var replaces map[thinned]uint64
	thin := func(samples []spool.Record) []spool.Record {
		out := halve(samples)
		for i, r := range out {
			replaces[thinned{r.Seq, len(r.Payload)}] = samples[2*i].Seq
		}
		return out
	}
	full := func(t testing.TB, d *disk, o *oracle) {
		o.life++
		replaces = map[thinned]uint64{}
		cfg := config("/spool")
		cfg.MaxBytes = 1 << 20
		s := mustOpen(t, cfg, spool.WithOpener(d.opener), spool.WithThin(thin))
		for i := range 40 {
			o.append(t, s, spool.Class(i%7/6), 25000)
			if d.dead {
				return
			}
			if i%9 == 8 { // short lives leave segments nearly empty
				s.Close()
				s = mustOpen(t, cfg, spool.WithOpener(d.opener), spool.WithThin(thin))
			}
		}
		s.Close()
	}
	for _, cut := range cuts {
		t.Run(cut, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := operations(t, func(d *disk) { full(t, d, newOracle()) })
				stride := 2
				if deep {
					stride = 1
				}
				for at := 1; at <= n; at += stride {
					d := newDisk()
					d.strict = cut == strict
					d.cutAt(at)
					o := newOracle()
					full(t, d, o)
					d = d.survivors(cut, rand.New(rand.NewPCG(uint64(at), 5)))
					s := onDisk(t, d)
					got := o.check(t, s, false)
					for seq, p := range got {
						other, ok := replaces[thinned{seq, len(p)}]
						if _, both := got[other]; ok && both {
							t.Fatalf("cut at %d: record %d is there, and %d that stands for it", at, other, seq)
						}
					}
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
				t.Logf("%d operations, a cut at every %d", n, stride)
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
