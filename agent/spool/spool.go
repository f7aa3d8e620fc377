package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Class says how dearly a record is held.
type Class uint8

// The classes of records.
const (
	Samples Class = iota // measurements: at the byte cap the oldest are thinned or dropped
	Event                // power, boot, link: never dropped while the disk works, and read first
)

// Record is what the queue holds.
type Record struct {
	Seq     uint64 // given by Append; below 2^53, ascending, never given twice
	Class   Class
	Payload []byte // at most MaxPayload bytes, of which the spool knows nothing
}

// Errors that a caller may want to tell apart.
var (
	// ErrNotDurable comes with a record that was taken and numbered, and is in
	// memory only: it is read, delivered and acknowledged like any other, and
	// put on disk as soon as that works, but is lost if the process ends
	// before. It must not be appended again. The spool has logged it already.
	ErrNotDurable = errors.New("kept in memory only")
	// ErrLocked means that another spool, most likely another agent, has the
	// folder.
	ErrLocked = errors.New("spool folder is in use by another agent: stop it, or give each agent its own folder")
	// ErrClosed means that the spool was closed.
	ErrClosed = errors.New("spool is closed")
)

// Option changes what Open does by default.
type Option func(*Spool)

// WithThin sets what is done with the oldest samples at the byte cap before
// any is dropped: thin gets the samples of a stretch of the queue, oldest
// first, and returns fewer and smaller ones in their place, each under the
// number of one of those it stands for. It is called with the spool locked and
// must not call it. What it cannot make smaller it returns as it was; such
// samples, and all where no thin is set, are dropped when their turn comes.
func WithThin(thin func(samples []Record) []Record) Option { return func(s *Spool) { s.thin = thin } }

// WithFound has Open call found for each intact record on disk, acknowledged
// or not, in the order of the files. Its payload is valid during the call
// alone. It is called with the spool locked and must not call it.
func WithFound(found func(Record)) Option { return func(s *Spool) { s.onFound = found } }

// WithOpener replaces OpenDir, the files of the operating system.
func WithOpener(open Opener) Option { return func(s *Spool) { s.open = open } }

// Spool is an open queue. Its methods may be called from several goroutines.
type Spool struct {
	// Immutable after Open.
	cfg  Config
	log  *slog.Logger
	reg  prometheus.Registerer
	open Opener
	thin func([]Record) []Record

	onFound func(Record)

	published atomic.Pointer[Stats]

	// mu is the queue for the one disk: it is held while files are read and
	// written. What must not wait for a disk looks at published.
	mu       sync.Mutex
	closed   bool
	dir      Dir        // nil while the folder cannot be opened
	segments []*segment // by their first numbers
	active   *segment   // written to; nil until the first record after Open or after a failure
	file     File       // of active
	memory   memory
	cursor   cursor
	acked    ranges // acknowledged, of what the segments hold

	next       uint64 // the number of the next record
	top        uint64 // the largest number met at Open
	lastNumber uint64 // the largest number in a segment's name

	writing, saving, removing trouble
	retryAt                   time.Time // of writing
	removeAt                  time.Time // of removing

	stats Stats    // its counters
	buf   []byte   // one segment, for whoever reads or writes one
	found []Record // for find
}

// Open opens the queue in the folder cfg.Dir and finds all that is there. It
// fails on a configuration that cannot be used, on metrics that are registered
// already and with ErrLocked, and never because of what the disk does or what
// the files hold: a spool without a disk works in memory and says so in
// Stats.
func Open(cfg Config, log *slog.Logger, reg prometheus.Registerer, opts ...Option) (*Spool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Spool{cfg: cfg, log: log, reg: reg, open: OpenDir, buf: make([]byte, SegmentBytes)}
	for _, opt := range opts {
		opt(s)
	}
	now := time.Now()
	if err := s.attach(now); errors.Is(err, ErrLocked) {
		return nil, err
	} else if err != nil {
		s.next = leap()
		s.note(&s.writing, err)
		s.retryAt = now.Add(retryEvery)
	}
	s.tick(now)
	s.publish()
	if reg != nil {
		if err := reg.Register(metrics{s}); err != nil {
			s.release()
			return nil, fmt.Errorf("register spool metrics: %w", err)
		}
	}
	return s, nil
}

// Append adds one record and returns its number. A nil error means that it is
// durable: on disk and synced. With ErrNotDurable the record was taken all the
// same. With any other error it was not.
func (s *Spool) Append(class Class, payload []byte) (seq uint64, err error) {
	rs := []Record{{Class: class, Payload: payload}}
	err = s.AppendBatch(rs)
	return rs[0].Seq, err
}

// AppendBatch adds records in their order and sets their numbers, with one
// write and one sync for all that go to the same segment. It takes all or
// none; errors are those of Append.
func (s *Spool) AppendBatch(rs []Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	defer s.publish()
	for _, r := range rs {
		if r.Class > Event || len(r.Payload) > MaxPayload {
			s.stats.Refused += uint64(len(rs))
			return fmt.Errorf("append to spool: class %d, %d bytes: at most class %d and %d bytes are taken",
				r.Class, len(r.Payload), Event, MaxPayload)
		}
	}
	for i := range rs {
		rs[i].Seq = s.next
		s.next++
		s.memory.push(rs[i])
	}
	s.stats.Appended += uint64(len(rs))
	now := time.Now()
	err := s.flush(now)
	s.tick(now)
	// Beside the write of a record, where a journal commits both in one go.
	if s.dir != nil && s.cursor.dirty && !now.Before(s.cursor.due) {
		s.saveCursor(now) // noted in s.saving
	}
	return err
}

// Ack takes records off the queue after they have been delivered. A range may
// hold only numbers that were delivered, or that never were those of a record:
// whatever lies in it is gone. To acknowledge twice is harmless. It is saved
// within five minutes while records come in, and by Close; what a crash
// forgets of it is delivered again. The error is nil or ErrClosed.
func (s *Spool) Ack(rs ...Range) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	defer s.publish()
	for _, r := range rangesOf(rs, s.next-1) {
		n := s.memory.drop(r)
		for _, g := range s.segments {
			n += g.drop(r)
		}
		s.stats.Acked += uint64(n)
		s.acked = s.acked.add(r)
		s.cursor.dirty = true
	}
	s.tick(time.Now())
	return nil
}

// Stats returns what the spool holds. It never waits for the disk.
func (s *Spool) Stats() Stats { return *s.published.Load() }

// Close puts on disk what is in memory, saves the acknowledgements and lets go
// of the folder. The error tells what could not be saved. Closing twice is
// harmless.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	now := time.Now()
	s.retryAt, s.removeAt = time.Time{}, time.Time{}
	err := s.flush(now)
	if n := len(s.memory.records); n > 0 {
		err = fmt.Errorf("%d records are lost: %w", n, err)
	}
	s.seal()
	s.tick(now)
	if s.dir != nil && s.cursor.dirty {
		s.saveCursor(now) // noted in s.saving
	}
	s.publish()
	s.release()
	if s.reg != nil {
		s.reg.Unregister(metrics{s})
	}
	return errors.Join(err, s.saving.err)
}

// release closes all files.
func (s *Spool) release() {
	if s.dir != nil {
		s.detach()
	}
}

// tick does what is due beside the caller's wish; the spool has no goroutine.
func (s *Spool) tick(now time.Time) {
	if s.dir == nil {
		return
	}
	s.reread(now)
	s.sweep(now)
}

func (s *Spool) sync(f File) error { return s.synced(f.Sync()) }

func (s *Spool) syncDir() error { return s.synced(s.dir.Sync()) }

func (s *Spool) synced(err error) error {
	if err != nil {
		s.stats.FsyncErrors++
	}
	return err
}
