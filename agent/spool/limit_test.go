package spool_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"thongsuot/agent/spool"
)

func small(d *disk, opts ...spool.Option) (spool.Config, []spool.Option) {
	cfg := config("/spool")
	cfg.MaxBytes = 1 << 20
	return cfg, append(opts, spool.WithOpener(d.opener))
}

func balanced(t testing.TB, st spool.Stats) {
	t.Helper()
	want(t, "accounted for", uint64(st.Records)+st.Acked+st.Damaged+st.Thinned+st.Dropped(), st.Recovered+st.Appended)
}

// underCap checks that the cap was never passed, nor left unused.
func underCap(t testing.TB, d *disk, cfg spool.Config) {
	t.Helper()
	if d.peak > cfg.MaxBytes || d.peak < cfg.MaxBytes-spool.SegmentBytes {
		t.Fatalf("files took up to %d bytes, want just under %d", d.peak, cfg.MaxBytes)
	}
}

func TestTheCapDropsTheOldestSamplesAndNoEvent(t *testing.T) {
	d := newDisk()
	cfg, opts := small(d)
	s := mustOpen(t, cfg, opts...)
	const n = 2000
	for i := range n {
		mustAppend(t, s, spool.Class(i%50/49), fmt.Sprintf("%05d %s", i, strings.Repeat("s", 1000)))
	}
	underCap(t, d, cfg)
	st := s.Stats()
	balanced(t, st)
	want(t, "events", st.Events, n/50)
	want(t, "bytes in Stats", st.Bytes, d.size())
	if st.DroppedCap == 0 || st.Records < 500 {
		t.Fatalf("dropped %d, kept %d", st.DroppedCap, st.Records)
	}
	got := mustRead(t, s, all, all)
	oldest := string(got[len(got)-1].Payload[:5])
	want(t, "kept samples are the newest ones", oldest, fmt.Sprintf("%05d", n-samplesBack(len(got)-n/50)))
	mustClose(t, s)
	s = mustOpen(t, cfg, opts...)
	want(t, "after a restart", s.Stats().Records, len(got))
	mustClose(t, s)
}

// samplesBack is how many records lie behind the k-th newest sample, itself
// included, where the last of every 50 is an event.
func samplesBack(k int) int { return k + (k+48)/49 }

// tenth keeps one sample of ten, short, and what it has made before.
func tenth(samples []spool.Record) []spool.Record {
	var out []spool.Record
	for i, r := range samples {
		switch {
		case bytes.HasPrefix(r.Payload, []byte("thin")):
			out = append(out, r)
		case i%10 == 9:
			r.Payload = []byte("thin " + string(r.Payload[:5]))
			out = append(out, r)
		}
	}
	return out
}

func TestTheCapThinsBeforeItDrops(t *testing.T) {
	d := newDisk()
	cfg, opts := small(d, spool.WithThin(tenth))
	s := mustOpen(t, cfg, opts...)
	for i := range 3000 {
		mustAppend(t, s, spool.Class(i%50/49), fmt.Sprintf("%05d %s", i, strings.Repeat("s", 1000)))
	}
	underCap(t, d, cfg)
	st := s.Stats()
	balanced(t, st)
	want(t, "events", st.Events, 60)
	want(t, "dropped", st.DroppedCap, 0)
	got := mustRead(t, s, all, all)
	thinned, raw := 0, 0
	for _, r := range got[60:] {
		if bytes.HasPrefix(r.Payload, []byte("thin")) {
			thinned++
		} else if raw++; thinned > 0 {
			t.Fatal("a sample older than a thinned one is not thinned")
		}
	}
	want(t, "samples gone", int(st.Thinned), 3000-60-thinned-raw)
	if thinned < 200 || raw < 400 {
		t.Errorf("%d thinned, %d raw", thinned, raw)
	}
	want(t, "oldest thinned", string(got[len(got)-1].Payload), "thin 00009")
}

func TestAThinThatBreaksItsContractIsNotUsed(t *testing.T) {
	for name, thin := range map[string]func([]spool.Record) []spool.Record{
		"nothing":       func([]spool.Record) []spool.Record { return nil },
		"all":           func(rs []spool.Record) []spool.Record { return rs },
		"other numbers": func(rs []spool.Record) []spool.Record { return []spool.Record{{Seq: rs[0].Seq - 1}} },
		"other class": func(rs []spool.Record) []spool.Record {
			return []spool.Record{{Seq: rs[0].Seq, Class: spool.Event}}
		},
		"out of order": func(rs []spool.Record) []spool.Record { return []spool.Record{{Seq: rs[1].Seq}, {Seq: rs[0].Seq}} },
		"too large": func(rs []spool.Record) []spool.Record {
			return []spool.Record{{Seq: rs[0].Seq, Payload: make([]byte, spool.MaxPayload+1)}}
		},
		"no smaller": func(rs []spool.Record) []spool.Record {
			rs = rs[1:]
			for i := range rs {
				rs[i].Payload = append(rs[i].Payload, make([]byte, 3000)...)
			}
			return rs
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDisk()
			cfg, opts := small(d, spool.WithThin(thin))
			s := mustOpen(t, cfg, opts...)
			model := map[uint64]string{}
			for i := range 400 {
				p := fmt.Sprintf("%d %s", i, strings.Repeat("s", 100+i*20))
				model[mustAppend(t, s, spool.Samples, p)] = p
			}
			st := s.Stats()
			balanced(t, st)
			want(t, "thinned", st.Thinned, 0)
			if st.DroppedCap == 0 {
				t.Error("nothing dropped")
			}
			for _, r := range mustRead(t, s, all, all) {
				want(t, "payload", string(r.Payload), model[r.Seq])
			}
		})
	}
}

// What is under way may be acknowledged at any time: it must still be what it
// was.
func TestSamplesUnderWayAreNotThinned(t *testing.T) {
	f := func(name string, away func(*disk, *spool.Spool) []spool.Record) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisk()
				cfg, opts := small(d, spool.WithThin(tenth))
				s := mustOpen(t, cfg, opts...)
				model := map[uint64]string{}
				for _, r := range away(d, s) {
					model[r.Seq] = string(r.Payload)
				}
				for range 1500 {
					mustAppend(t, s, spool.Samples, strings.Repeat("v", 1000))
				}
				there := 0
				for _, r := range mustRead(t, s, all, all) {
					if p, ok := model[r.Seq]; ok {
						want(t, "under way", string(r.Payload), p)
						there++
					}
				}
				want(t, "still there", there, len(model))
				if s.Stats().Thinned == 0 {
					t.Error("nothing thinned at all")
				}
				balanced(t, s.Stats())
			})
		})
	}
	f("read from disk", func(_ *disk, s *spool.Spool) []spool.Record {
		for range 80 {
			mustAppend(t, s, spool.Samples, strings.Repeat("u", 1000))
		}
		return mustRead(t, s, all, all)
	})
	f("read from memory", func(d *disk, s *spool.Spool) []spool.Record {
		d.failing(0, 1<<30, errBroken)
		for range 40 {
			s.Append(spool.Samples, []byte(strings.Repeat("u", 1000))) // the disk fails
		}
		d.fault = nil
		rs := mustRead(t, s, all, all)
		time.Sleep(time.Minute)
		return rs
	})
	f("merged since", func(_ *disk, s *spool.Spool) []spool.Record {
		for range 300 {
			mustAppend(t, s, spool.Samples, strings.Repeat("u", 1000))
		}
		rs := mustRead(t, s, all, all) // newest first
		mustAck(t, s, spool.Range{From: rs[290].Seq, To: rs[10].Seq})
		return append(rs[:10], rs[291:]...)
	})
}

// An agent that is restarted all the time leaves segments with next to nothing
// in them; they must not crowd out what is in the others.
func TestManyShortLivesDoNotFillTheCap(t *testing.T) {
	d := newDisk()
	cfg, opts := small(d)
	model := map[uint64]string{}
	for i := range 200 {
		s := mustOpen(t, cfg, opts...)
		p := fmt.Sprintf("life %d", i)
		model[mustAppend(t, s, spool.Samples, p)] = p
		mustClose(t, s)
	}
	underCap(t, d, cfg)
	s := mustOpen(t, cfg, opts...)
	want(t, "records", s.Stats().Records, 200)
	checkAgainst(t, s, model)
}

// What cannot be read at the moment is not given up; what is next is.
func TestTheCapSparesWhatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisk()
		cfg, opts := small(d)
		s := mustOpen(t, cfg, opts...)
		var seqs []uint64
		for range 30 {
			seqs = append(seqs, mustAppend(t, s, spool.Samples, strings.Repeat("s", 25000))) // 5 to a segment
		}
		oldest := d.only(isSegment)[0]
		d.fault = func(_ int, kind, name string) error {
			if kind == "open" && name == oldest {
				return errBroken
			}
			return nil
		}
		want(t, "readable", len(mustRead(t, s, all, all)), 25)
		for range 60 {
			mustAppend(t, s, spool.Samples, strings.Repeat("s", 25000))
			time.Sleep(time.Minute)
		}
		want(t, "within the cap", d.peak <= cfg.MaxBytes, true)
		d.fault = nil
		time.Sleep(time.Minute)
		mustAck(t, s)
		got := mustRead(t, s, all, all)
		want(t, "oldest", got[len(got)-1].Seq, seqs[0])
		want(t, "the rest are the newest", got[len(got)-6].Seq, got[0].Seq-uint64(len(got))+6)
		balanced(t, s.Stats())
	})
}

func TestEventsAloneMayPassTheCap(t *testing.T) {
	d := newDisk()
	cfg, opts := small(d)
	s := mustOpen(t, cfg, opts...)
	for range 200 {
		mustAppend(t, s, spool.Event, strings.Repeat("e", 10000))
	}
	st := s.Stats()
	want(t, "events", st.Events, 200)
	want(t, "dropped", st.Dropped(), 0)
	want(t, "trouble", st.Degraded, "")
	mustAck(t, s, spool.Range{From: 0, To: 1<<64 - 1})
	want(t, "bytes after all is acknowledged", s.Stats().Bytes, spool.SegmentBytes+8192)
}

// Acknowledgements with so many holes that a slot of the cursor cannot hold
// them: some records come again after a restart, none is lost.
func TestMoreRangesThanTheCursorHolds(t *testing.T) {
	d := newDisk()
	s := onDisk(t, d)
	batch := make([]spool.Record, 1200)
	for i := range batch {
		batch[i].Payload = []byte(fmt.Sprint(i))
	}
	if err := s.AppendBatch(batch); err != nil {
		t.Fatal(err)
	}
	model := map[uint64]string{}
	for i, r := range batch {
		if i%3 == 0 {
			model[r.Seq] = string(r.Payload)
		} else {
			mustAck(t, s, spool.Range{From: r.Seq, To: r.Seq})
		}
	}
	checkAgainst(t, s, model)
	mustClose(t, s)
	s = onDisk(t, d)
	got := map[uint64]bool{}
	for _, r := range mustRead(t, s, all, all) {
		got[r.Seq] = true
	}
	for seq := range model {
		want(t, "kept", got[seq], true)
	}
	want(t, "delivered again", len(got)-len(model), 2*(400-254))
}
