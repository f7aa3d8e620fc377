package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"thongsuot/agent/spool"
)

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
	d.fault = once("sync", syscall.EIO)
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

	// The abandoned segment may hold the record after all. Acknowledged is
	// acknowledged.
	d = newDisk()
	s = onDisk(t, d)
	mustAppend(t, s, spool.Samples, "first")
	d.fault = once("sync", syscall.EIO)
	second = mustAppend(t, s, spool.Samples, "second")
	mustAck(t, s, spool.Range{From: second, To: second})
	mustClose(t, s)
	s = onDisk(t, d.copy())
	want(t, "after a restart", payloads(mustRead(t, s, all, all)), "first")
}

// once fails the next operation of a kind.
func once(kind string, err error) func(int, string, string) error {
	done := false
	return func(_ int, k, _ string) error {
		if k != kind || done {
			return nil
		}
		done = true
		return err
	}
}

func TestABrokenDiskIsToldAndTriedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		var log bytes.Buffer
		s, err := spool.Open(config("/spool"), slog.New(slog.NewTextHandler(&log, nil)), nil, spool.WithOpener(d.opener))
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, s, spool.Samples, "a")
		f := func(err error, hint string) {
			t.Helper()
			log.Reset()
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
			newest := mustRead(t, s, 6, all)
			want(t, "readable", len(newest), 6)
			rest := mustRead(t, s, 6, all, spool.Range{From: newest[3].Seq, To: newest[0].Seq})
			want(t, "not under way", rest[0].Seq, newest[4].Seq)
			d.fault = nil
			time.Sleep(10 * time.Second)
			mustAppend(t, s, spool.Samples, "d")
			want(t, "complaint afterwards", s.Stats().Degraded, "")
			want(t, "in memory afterwards", s.Stats().Memory, 0)
			begins, ends := strings.Count(log.String(), "is degraded"), strings.Count(log.String(), "has recovered")
			if begins == 0 || begins > 2 || ends != begins { // writing, and perhaps removing
				t.Errorf("log does not say once that it begins and that it ends: %s", log.String())
			}
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
		gone = false // but it still takes no file
		time.Sleep(time.Minute)
		if _, err := s.Append(spool.Samples, nil); !errors.Is(err, spool.ErrNotDurable) {
			t.Fatalf("append to a folder that takes no file: %v", err)
		}
		d.fault = nil
		time.Sleep(time.Minute)
		mustAppend(t, s, spool.Samples, "back")
		st := s.Stats()
		want(t, "complaint", st.Degraded, "")
		want(t, "records", st.Records, 3)
		want(t, "gone with the folder", st.Damaged, 12)
		mustClose(t, s)
		want(t, "on the new folder", onDisk(t, d).Stats().Records, 3)
	})
}

// A disk that fails while room is made is no reason to give anything up.
func TestErrorsAtTheCapCostNoMoreThanTheCapDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := func(t testing.TB, d *disk) {
			cfg, opts := small(d, spool.WithThin(halve))
			s := mustOpen(t, cfg, opts...)
			for i := range 50 {
				s.Append(spool.Class(i%7/6), []byte(fmt.Sprintf("%02d%s", i, strings.Repeat("s", 25000)))) // the disk may fail
				time.Sleep(30 * time.Second)
			}
			d.fault = nil
			time.Sleep(10 * time.Minute)
			mustAppend(t, s, spool.Event, "end")
			st := s.Stats()
			balanced(t, st)
			want(t, "events", st.Events, 50/7+1)
			want(t, "trouble", st.Degraded, "")
			want(t, "records", len(mustRead(t, s, all, all)), st.Records)
			mustClose(t, s)
			s = mustOpen(t, cfg, opts...)
			// What a failed sync left in an abandoned segment may be there after
			// all, although its second copy has been thinned since.
			if n := s.Stats().Records - st.Records; n < 0 || n > 1 || n > int(st.FsyncErrors) {
				t.Fatalf("after a restart: %d records more, %d syncs failed", n, st.FsyncErrors)
			}
			mustClose(t, s)
		}
		n := operations(t, func(d *disk) { run(t, d) })
		for _, c := range []struct{ burst, stride int }{{1, 1}, {5, 2}, {60, 3}} {
			if deep {
				c.stride = 1
			}
			for at := 1; at <= n; at += c.stride {
				d := newDisk()
				d.failing(at, at+c.burst-1, errBroken)
				run(t, d)
			}
		}
		t.Logf("%d operations, errors at each", n)
	})
}

// A segment that could be neither finished nor removed is removed later, so
// that no restart finds in it what has been delivered since.
func TestAnUnfinishedSegmentDoesNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		cfg, opts := small(d)
		for range 6 {
			s := mustOpen(t, cfg, opts...)
			mustAppend(t, s, spool.Samples, "a")
			mustClose(t, s)
		}
		s := mustOpen(t, cfg, opts...)
		unfinished, syncs := "", 0
		d.fault = func(_ int, kind, name string) error {
			if kind == "create" && unfinished == "" {
				unfinished = name // two others go into it
			}
			if name != unfinished {
				return nil
			}
			if kind == "sync" {
				syncs++
			}
			if kind == "remove" || kind == "sync" && syncs == 2 {
				return errBroken
			}
			return nil
		}
		mustAppend(t, s, spool.Samples, "b")
		if got := s.Stats().Degraded; !strings.Contains(got, "remove") {
			t.Errorf("complaint: got %q", got)
		}
		want(t, "there after all", d.names[unfinished] != nil, true)
		d.fault = nil
		time.Sleep(time.Minute)
		mustAppend(t, s, spool.Samples, "c")
		want(t, "records", s.Stats().Records, 8)
		want(t, "complaint", s.Stats().Degraded, "")
		mustAck(t, s, spool.Range{From: 0, To: 1<<64 - 1})
		mustClose(t, s)
		s = mustOpen(t, cfg, opts...)
		want(t, "after a restart", s.Stats().Records, 0)
		mustClose(t, s)
	})
}
