package store

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"
)

// lateLog is a second log of the late samples, in the format of the TSDB's
// write-ahead log. The TSDB (v0.315.0) can forget late samples that it
// acknowledged: when the process ends while it compacts them (its own log of
// them then says that they are on disk when they are not), and when a series
// that had left the memory comes back and the process starts twice
// (prometheus issues 19744 and 19804). Here they are kept until they are in a
// block, and whatever is missing after a start is appended again.
type lateLog struct {
	log     *wlog.WL
	encoder record.Encoder
}

// openLateLog opens the log in a folder of its own within that of the TSDB.
// Writing begins in a new segment, so that a torn end stays where it is.
func openLateLog(dir string, log *slog.Logger) (*lateLog, error) {
	w, err := wlog.New(log, nil, filepath.Join(dir, "late"), compression.Snappy)
	if err != nil {
		return nil, fmt.Errorf("log of late samples: %w", err)
	}
	return &lateLog{log: w}, nil
}

// append writes points as a list of series and a list of samples that refer to
// it by position.
func (l *lateLog) append(points []point) error {
	if len(points) == 0 {
		return nil
	}
	refs := map[*series]chunks.HeadSeriesRef{}
	var all []record.RefSeries
	samples := make([]record.RefSample, 0, len(points))
	for _, p := range points {
		ref, ok := refs[p.series]
		if !ok {
			ref = chunks.HeadSeriesRef(len(all))
			refs[p.series] = ref
			all = append(all, record.RefSeries{Ref: ref, Labels: p.series.labels})
		}
		samples = append(samples, record.RefSample{Ref: ref, T: p.at, V: p.value})
	}
	if err := l.log.Log(l.encoder.Series(all, nil), l.encoder.Samples(samples, nil)); err != nil {
		return fmt.Errorf("log of late samples: %w", err)
	}
	return nil
}

func (l *lateLog) close() error { return l.log.Close() }

// size is in bytes; 0 where it cannot be told.
func (l *lateLog) size() int64 {
	n, err := l.log.Size()
	if err != nil {
		return 0
	}
	return n
}

// cut begins a new segment and returns its number.
func (l *lateLog) cut() (int, error) { return l.log.NextSegmentSync() }

// drop deletes the segments before the given one.
func (l *lateLog) drop(before int) error { return l.log.Truncate(before) }

// replay gives do every batch that was written before the log was opened, and
// stops at its first error. A damaged segment is read up to the damage; replay
// returns how many there were.
func (l *lateLog) replay(log *slog.Logger, find func(labels.Labels) (*series, bool), do func([]point) error) (damaged int, err error) {
	first, last, err := wlog.Segments(l.log.Dir())
	if err != nil {
		return 0, fmt.Errorf("log of late samples: %w", err)
	}
	for i := first; i < last; i++ {
		segment, err := wlog.OpenReadSegment(wlog.SegmentName(l.log.Dir(), i))
		if err != nil {
			return damaged, fmt.Errorf("log of late samples: %w", err)
		}
		r := replayed{reader: wlog.NewReader(wlog.NewSegmentBufReader(segment)), find: find}
		for r.next() {
			if err := do(r.points); err != nil {
				return damaged, errors.Join(err, segment.Close())
			}
		}
		if r.err != nil {
			damaged++
			log.Warn("log of late samples is damaged, what follows in the segment is lost", "segment", i, "error", r.err)
		}
		if err := segment.Close(); err != nil {
			return damaged, fmt.Errorf("log of late samples: %w", err)
		}
	}
	return damaged, nil
}

// replayed reads the batches of one segment.
type replayed struct {
	reader  *wlog.Reader
	decoder record.Decoder
	find    func(labels.Labels) (*series, bool)
	points  []point // the batch read last
	err     error   // why reading ended before the segment did
}

func (r *replayed) next() bool {
	var all []record.RefSeries
	for r.reader.Next() {
		rec := r.reader.Record()
		switch r.decoder.Type(rec) {
		case record.Series:
			if all, r.err = r.decoder.Series(rec, nil); r.err != nil {
				return false
			}
		case record.Samples:
			samples, err := r.decoder.Samples(rec, nil)
			if err != nil {
				r.err = err
				return false
			}
			r.points = r.join(all, samples)
			return true
		}
	}
	r.err = r.reader.Err()
	return false
}

// join makes points of the two records of a batch.
func (r *replayed) join(all []record.RefSeries, samples []record.RefSample) []point {
	series := make([]*series, len(all))
	for i, one := range all {
		if s, ok := r.find(one.Labels); ok {
			series[i] = s
		}
	}
	points := make([]point, 0, len(samples))
	for _, one := range samples {
		if int(one.Ref) < len(series) && series[one.Ref] != nil {
			points = append(points, point{series: series[one.Ref], at: one.T, value: one.V})
		}
	}
	return points
}
