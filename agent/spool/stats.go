package spool

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Stats is what the spool holds and what became of the rest. Every record that
// Append numbered or that was found at Open is in exactly one place:
//
//	Recovered + Appended = Records + Acked + Damaged + Thinned + Dropped()
//
// where Damaged also counts records that were damaged when Open met them (in
// addition, and again at each Open while their segment is kept).
type Stats struct {
	Records int    // not acknowledged, on disk and in memory
	Events  int    // of these, records of class Event
	Memory  int    // of these, in memory only: lost if the process ends before the disk works again
	Bytes   int64  // on disk: segments, as preallocated, and the cursor
	Oldest  uint64 // smallest number not acknowledged, 0 when there is none
	Newest  uint64 // largest number not acknowledged, 0 when there is none
	Next    uint64 // number that the next record gets

	// Since Open.
	Recovered           uint64 // found on disk, not acknowledged
	Appended            uint64 // taken in by Append
	Acked               uint64 // acknowledged for the first time
	Damaged             uint64 // were on disk and are not intact any more
	Thinned             uint64 // samples gone because Thin put fewer in their place
	DroppedCap          uint64 // samples dropped at the byte cap
	DroppedMemory       uint64 // samples dropped because the disk failed for so long that memory was full
	DroppedMemoryEvents uint64 // events dropped because memory was full of nothing but events
	Refused             uint64 // records that Append did not take: too large, unknown class
	FsyncErrors         uint64 // syncs of segments, cursor or folder that failed

	// Degraded is empty while every promise holds. Otherwise it says for
	// people what is wrong and what to do about it.
	Degraded string
}

// Dropped is how many records were given up for want of room.
func (s Stats) Dropped() uint64 { return s.DroppedCap + s.DroppedMemory + s.DroppedMemoryEvents }

// publish makes what Stats and the metrics return, so that neither ever waits
// for the disk.
func (s *Spool) publish() {
	st := s.stats
	st.Records, st.Memory, st.Next = len(s.memory.records), len(s.memory.records), s.next
	see := func(from, to uint64) {
		if st.Oldest == 0 || from < st.Oldest {
			st.Oldest = from
		}
		st.Newest = max(st.Newest, to)
	}
	for _, r := range s.memory.records {
		if r.Class != Samples {
			st.Events++
		}
		see(r.Seq, r.Seq)
	}
	var unreadable []string
	for _, g := range s.segments {
		st.Records += g.live.count()
		st.Events += g.events.count()
		if n := len(g.live); n > 0 {
			see(g.live[0].From, g.live[n-1].To)
		}
		if g.unread || g.spotty || !g.hold.IsZero() {
			unreadable = append(unreadable, g.name)
		}
	}
	st.Bytes = int64(len(s.segments))*SegmentBytes + cursorBytes
	st.Degraded = s.complaint(unreadable)
	s.published.Store(&st)
}

// complaint says what does not work, empty when all does.
func (s *Spool) complaint(unreadable []string) string {
	var all []string
	if err := s.writing.err; err != nil {
		all = append(all, fmt.Sprintf("%d records in memory only: %v; %s (%s)", len(s.memory.records), err, hint(err), s.cfg.Dir))
	}
	for _, err := range []error{s.saving.err, s.removing.err} {
		if err != nil {
			all = append(all, fmt.Sprintf("%v; %s (%s)", err, hint(err), s.cfg.Dir))
		}
	}
	if n := len(unreadable); n > 0 {
		all = append(all, fmt.Sprintf("%d segments not wholly readable (first %s); see dmesg, the disk or card may be dying: replace it (%s)",
			n, unreadable[0], s.cfg.Dir))
	}
	return strings.Join(all, "\n")
}

// trouble is something that does not work at the moment.
type trouble struct{ err error }

// note keeps err, and says so in the log when trouble begins and when it ends.
func (s *Spool) note(t *trouble, err error) {
	switch {
	case err != nil && t.err == nil:
		s.log.Error("spool is degraded", "dir", s.cfg.Dir, "error", err, "hint", hint(err))
	case err == nil && t.err != nil:
		s.log.Info("spool has recovered", "dir", s.cfg.Dir, "from", t.err)
	}
	t.err = err
}

// metrics shows Stats to Prometheus.
type metrics struct{ s *Spool }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("thongsuot_agent_spool_"+name, help, labels, nil)
}

var (
	descRecords  = desc("records", "Records not acknowledged, on disk and in memory.")
	descBytes    = desc("bytes", "Bytes that the spool takes on disk.")
	descMemory   = desc("memory_records", "Records in memory only, because the disk does not take them.")
	descDegraded = desc("degraded", "1 while the spool cannot keep all its promises, see the log.")
	descAppended = desc("appended_total", "Records taken in.")
	descAcked    = desc("acked_total", "Records acknowledged.")
	descDamaged  = desc("damaged_total", "Records that were on disk and are not intact any more.")
	descThinned  = desc("thinned_total", "Sample records gone because fewer were put in their place at the byte cap.")
	descFsync    = desc("fsync_errors_total", "Syncs to disk that failed.")
	descDropped  = desc("dropped_total", "Records given up: cap (samples, at the byte cap), memory (samples) and memory_event (the disk failed for too long), refused (too large).", "reason")
)

func (m metrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

func (m metrics) Collect(ch chan<- prometheus.Metric) {
	st := m.s.Stats()
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(descRecords, float64(st.Records))
	gauge(descBytes, float64(st.Bytes))
	gauge(descMemory, float64(st.Memory))
	degraded := 0.0
	if st.Degraded != "" {
		degraded = 1
	}
	gauge(descDegraded, degraded)
	counter(descAppended, st.Appended)
	counter(descAcked, st.Acked)
	counter(descDamaged, st.Damaged)
	counter(descThinned, st.Thinned)
	counter(descFsync, st.FsyncErrors)
	counter(descDropped, st.DroppedCap, "cap")
	counter(descDropped, st.DroppedMemory, "memory")
	counter(descDropped, st.DroppedMemoryEvents, "memory_event")
	counter(descDropped, st.Refused, "refused")
}
