// Package spool is the agent's queue on disk: what was measured waits here
// until the centre has it, through restarts, power cuts, full and dying disks.
//
// # Promises
//
// Durability. When Append returns nil, the record is on disk and synced: it is
// read again after a kill or a power cut at any moment, until it has been
// acknowledged. When the disk does not take it, Append says so with
// ErrNotDurable, keeps the record in memory and puts it on disk as soon as
// that works; the disk is tried about once a minute, by Append. Nothing that
// the disk does makes Open fail or the process end.
//
// Delivery. At least once. Read does not remove; Ack does, after delivery, in
// ranges, so that fresh records and a backlog can be delivered side by side.
// After a crash, records come again that were acknowledged since the cursor
// was last saved, at most five minutes before, and lie in segments that hold
// others which were not acknowledged yet. Their numbers are the same, so that
// the receiver can tell.
//
// Numbers. A record keeps the number that Append gave it. Numbers ascend, also
// across restarts, with a gap of 2^20 at each start. A folder that is new, was
// wiped, cannot be written or has lost its cursor gets a random leap ahead
// instead, so that no number is given twice.
//
// Order. Read returns events first, then samples, the newest of each first.
//
// Loss. A damaged record costs itself: the next intact one is found by its
// magic and checksum, and none is handed out altered. At the byte cap the
// oldest samples are thinned, then dropped; events never. Memory is bounded as
// well while the disk fails. Each of these is counted in Stats and in the
// metrics, and no record is lost in any other way.
//
// Concurrency. All methods may be called at any time. There is no goroutine:
// what is due is done by the next call of Append or Ack. A call may last as
// long as the disk takes, but Stats and the metrics never wait for it.
//
// # Files
//
// Segments are called by the first number in them, sixteen hexadecimal digits
// and ".seg". They have 128 KiB, written with zeros and synced before the
// first record: a record is then one write and one fdatasync that changes no
// metadata, and a full disk can only refuse a new segment, before anything in
// it was promised. Nothing is appended behind a tail that may be torn: each
// start, and each failed sync, begins a new segment. A failed sync is never
// repeated on the same file, since the kernel may have thrown the pages away;
// the record is written again elsewhere. A segment goes when all in it is
// acknowledged. The file "ack" is the cursor. Other files are left alone.
//
// # What reaches the device
//
// Written back to back and acknowledged at once, on ext4 with blocks of 4 KiB:
// 4.6 kB a record of 200 bytes, new segments and cursor included. At a slower
// pace ext4 also commits the file's new time stamp with its journal, 12 kB for
// each moment of writing: who appends can spare that by appending several
// records at once (docs/decisions/0004-own-spool.md has the figures).
package spool
