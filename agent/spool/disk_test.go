package spool_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"

	"thongsuot/agent/spool"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// errCut fails the operation during which the power goes: it may still take
// effect. errDead fails all later ones.
var (
	errCut  = errors.New("the power goes")
	errDead = errors.New("the power is gone")
)

// disk is a folder in memory that remembers, beside what programs see, what
// would be left after a power cut.
type disk struct {
	mu     sync.Mutex
	names  map[string]*inode // as programs see them
	synced map[string]*inode // as they are after a power cut
	strict bool              // a file's own sync does not make its name durable, unlike on ext4
	locked bool

	ops   int
	dead  bool                                  // a power cut has happened
	fault func(op int, kind, name string) error // asked before each operation; nil: none fails

	syncs map[string]int // by name; "/" is the folder
	pages int            // of 4 KiB that syncs sent to the device
	reads int            // bytes read
	peak  int64          // the most that the files ever took
}

type inode struct {
	data  []byte // as programs see it
	disk  []byte // as it is after a power cut
	dirty map[int]bool
}

func newDisk() *disk {
	return &disk{names: map[string]*inode{}, synced: map[string]*inode{}, syncs: map[string]int{}}
}

// put places a durable file.
func (d *disk) put(name string, data []byte) {
	n := &inode{data: slices.Clone(data), disk: slices.Clone(data), dirty: map[int]bool{}}
	d.names[name], d.synced[name] = n, n
}

// copy returns an independent disk with the same files, all durable.
func (d *disk) copy() *disk {
	out := newDisk()
	for name, n := range d.names {
		out.put(name, n.data)
	}
	return out
}

// size is what the files take, as the operator's df shows it.
func (d *disk) size() int64 {
	var n int64
	for _, f := range d.names {
		n += int64(len(f.data))
	}
	return n
}

func (d *disk) only(match func(string) bool) []string {
	var out []string
	for name := range d.names {
		if match(name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// opener is the disk as the spool's file layer.
func (d *disk) opener(path string) (spool.Dir, []string, error) {
	if err := d.step("opendir", "/"); err != nil {
		return nil, nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.locked {
		return nil, nil, spool.ErrLocked
	}
	d.locked = true
	return folder{d}, slices.Collect(maps.Keys(d.names)), nil
}

// step counts an operation and tells whether it fails.
func (d *disk) step(kind, name string) error {
	d.mu.Lock()
	d.ops++
	op, fault := d.ops, d.fault
	d.mu.Unlock()
	if fault == nil {
		return nil
	}
	if err := fault(op, kind, name); err != nil {
		return &fs.PathError{Op: kind, Path: name, Err: err}
	}
	return nil
}

type folder struct{ *disk }

func (d folder) Open(name string, flag int) (spool.File, error) {
	kind := "open"
	if flag&os.O_CREATE != 0 {
		kind = "create"
	}
	failed := d.step(kind, name)
	d.mu.Lock()
	defer d.mu.Unlock()
	if kind == "create" && errors.Is(failed, errCut) {
		d.names[name] = &inode{dirty: map[int]bool{}} // may or may not have got there
	}
	if failed != nil {
		return nil, failed
	}
	n, ok := d.names[name]
	switch {
	case ok && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: kind, Path: name, Err: fs.ErrExist}
	case !ok && kind == "open":
		return nil, &fs.PathError{Op: kind, Path: name, Err: fs.ErrNotExist}
	case !ok:
		n = &inode{dirty: map[int]bool{}}
		d.names[name] = n
	}
	return &handle{d.disk, n, name}, nil
}

func (d folder) Remove(name string) error {
	failed := d.step("remove", name)
	if failed != nil && !errors.Is(failed, errCut) {
		return failed
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.names[name]; !ok {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	delete(d.names, name)
	return failed
}

func (d folder) Sync() error {
	if err := d.step("syncdir", "/"); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.synced = maps.Clone(d.names)
	d.syncs["/"]++
	return nil
}

func (d folder) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.locked = false
	return nil
}

type handle struct {
	d    *disk
	n    *inode
	name string
}

func (h *handle) ReadAt(p []byte, off int64) (int, error) {
	if err := h.d.step("read", fmt.Sprintf("%s@%d", h.name, off)); err != nil {
		return 0, err
	}
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if off >= int64(len(h.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, h.n.data[off:])
	h.d.reads += n
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(p []byte, off int64) (int, error) {
	failed := h.d.step("write", h.name)
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	switch {
	case errors.Is(failed, errDead):
		return 0, failed
	case failed != nil && !errors.Is(failed, errCut):
		p = p[:len(p)/2] // a failed write may have done a part
	}
	if size := int(off) + len(p); size > len(h.n.data) {
		h.n.data = grown(h.n.data, size)
		h.d.peak = max(h.d.peak, h.d.size())
	}
	copy(h.n.data[off:], p)
	for s := int(off) / sector; s*sector < int(off)+len(p); s++ {
		h.n.dirty[s] = true
	}
	return len(p), failed
}

// Sync makes the file's content durable, and on a disk that is not strict its
// name too. A sync that fails forgets what was to be written, as Linux does:
// the next one succeeds without having written it.
func (h *handle) Sync() error {
	failed := h.d.step("sync", h.name)
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if h.d.dead {
		return failed
	}
	if failed == nil {
		h.n.settle(func() bool { return true })
		h.d.syncs[h.name]++
		if !h.d.strict && h.d.names[h.name] == h.n {
			h.d.synced[h.name] = h.n
		}
		pages := map[int]bool{}
		for s := range h.n.dirty {
			pages[s*sector/4096] = true
		}
		h.d.pages += len(pages)
	}
	clear(h.n.dirty)
	return failed
}

func (h *handle) Close() error { return nil }

// settle moves the sectors that keep chooses to the durable content.
func (n *inode) settle(keep func() bool) {
	for _, s := range slices.Sorted(maps.Keys(n.dirty)) {
		if keep() {
			end := min((s+1)*sector, len(n.data))
			n.disk = grown(n.disk, end)
			copy(n.disk[s*sector:end], n.data[s*sector:end])
		}
	}
}

func grown(b []byte, size int) []byte {
	if len(b) >= size {
		return b
	}
	return slices.Grow(b, max(size, spool.SegmentBytes)-len(b))[:size]
}

// The kinds of power cut.
const (
	lazy   = "lazy"   // nothing is left that was not synced
	torn   = "torn"   // any sector and any name that was not synced may be there or not
	strict = "strict" // as lazy, and a name is left only if the folder was synced
)

var cuts = []string{lazy, torn, strict}

// cutAt makes the disk lose its power in the middle of the n-th operation.
func (d *disk) cutAt(n int) {
	d.fault = func(op int, _, _ string) error {
		switch {
		case op > n:
			return errDead
		case op == n:
			d.dead = true
			return errCut
		}
		return nil
	}
}

// survivors is the disk as it is after a power cut.
func (d *disk) survivors(cut string, rng *rand.Rand) *disk {
	out := newDisk()
	out.strict = d.strict
	coin := func() bool { return cut == torn && rng.IntN(2) == 0 }
	all := maps.Clone(d.synced)
	maps.Copy(all, d.names)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		was, is := d.synced[name], d.names[name]
		n := was
		if was != is && coin() {
			n = is
		}
		if n != nil {
			n.settle(coin)
			out.put(name, n.disk)
		}
	}
	return out
}

// failing makes operations first to last fail with err: all of them, or those
// that need room when it is ENOSPC.
func (d *disk) failing(first, last int, err error) {
	d.fault = func(op int, kind, _ string) error {
		if op < first || op > last || errors.Is(err, syscall.ENOSPC) && kind != "create" && kind != "write" {
			return nil
		}
		return err
	}
}
