// Package wal is the write-ahead log of a node: one log of recycled segments that all raft groups of the node share.
//
// Each [Group] is a raft.LogStore, a raft.MonotonicLogStore and a raft.StableStore. One goroutine takes every
// StoreLogs and DeleteRange that waits, writes them with one pwrite, makes them durable with one fdatasync, and wakes
// their callers. README.md draws the bytes and goes through every point at which the machine may stop.
//
// Invariants:
//
//  1. What StoreLogs or DeleteRange acknowledged is durable; what it refused is not visible, and overwritten next.
//  2. The live segments have consecutive generations, and the first frame of each says where the one before it ended
//     and what every group held there.
//  3. A frame belongs to a segment only when its generation is the segment's and its batch sequence does not fall.
//  4. A batch begins where everything before it is durable; so a readable frame whose batch begins behind an
//     unreadable one proves the unreadable one was acknowledged: that is corruption, all else is a torn tail.
//  5. A segment is recycled only when every entry of every group lies in later segments.
//  6. After a failed fdatasync nothing is known about the disk: the log fails for good.
package wal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"syscall"
	"time"
)

// Errors that callers tell apart.
var (
	// ErrNoSpace says that the disk is full. Nothing of the request is visible; later ones work once there is space.
	ErrNoSpace = errors.New("wal: no space left for the log")
	// ErrFailed says that a write or an fdatasync failed, or that the files are not what was written.
	ErrFailed = errors.New("wal: the log has failed")
	// ErrClosed says that the log is closed.
	ErrClosed = errors.New("wal: closed")
	// ErrTooLarge says that a request is larger than any segment may be.
	ErrTooLarge = errors.New("wal: request too large")
	// ErrCorrupt is what every *CorruptError is.
	ErrCorrupt = errors.New("wal: corrupt")
)

// A CorruptError names the place where acknowledged bytes cannot be read back.
type CorruptError struct {
	File   string
	Pos    int64
	Reason string
}

// Error says what is wrong and where.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("wal: %s is corrupt at byte %d: %s", e.File, e.Pos, e.Reason)
}

// Is makes errors.Is(err, ErrCorrupt) true.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// Config configures a log. The zero value is usable.
type Config struct {
	// SegmentBytes is the size of a segment. Default 64 MiB.
	SegmentBytes int64
	// FirstBytes is the size of the very first segment, which Open has to write. Default 4 MiB, at most SegmentBytes.
	FirstBytes int64
	// TailBytes bounds the entries kept in memory for GetLog. Default 16 MiB; negative keeps none.
	TailBytes int64
	// MaxBytes is how many bytes of live segments are too many: Pinned is called beyond it. Default 256 MiB.
	MaxBytes int64
	// Pinned is told which group keeps the oldest segment from being recycled, so that it takes a snapshot. It is
	// called by the writer and must not block nor call the log. May be nil.
	Pinned func(group uint64)
	// MayAllocate is asked before a segment is created. An error of its is what StoreLogs returns, wrapped in
	// ErrNoSpace, when no other segment is left. May be nil.
	MayAllocate func(sizeBytes int64) error
	// Failed is told when the log fails. It must not block nor call the log. May be nil.
	Failed func(error)
	// FS is the file system. Default OS{}.
	FS FS
	// Logger gets the few things that happen. Default: none.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.SegmentBytes <= 0 {
		c.SegmentBytes = 64 << 20
	}
	if c.FirstBytes <= 0 {
		c.FirstBytes = 4 << 20
	}
	c.FirstBytes = min(c.FirstBytes, c.SegmentBytes)
	if c.TailBytes == 0 {
		c.TailBytes = 16 << 20
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 256 << 20
	}
	if c.FS == nil {
		c.FS = OS{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return c
}

// WAL is the write-ahead log of a node.
type WAL struct {
	dir    string
	cfg    Config
	stable *stableFile

	// mu guards what readers see: the groups' places and tails, and the segments. Only the writer changes them.
	mu       sync.RWMutex
	groups   map[uint64]*Group
	segments []*segment // live, by generation, without a gap; the last is being written
	held     []heldEntry
	heldSize int64

	// qmu guards the queue of requests.
	qmu    sync.Mutex
	queue  []*request
	closed bool
	failed error
	wake   chan struct{}

	// The writer's own.
	sequence  uint64
	buf       []byte
	batch     []*request
	spares    []*segment
	nextName  int
	preparing chan prepared // nil: no segment is being created
	asked     uint64        // the generation Pinned was last called for
	rolled    time.Time     // when the active segment was begun

	done sync.WaitGroup
}

// heldEntry is one entry in a group's tail, in the order of all groups.
type heldEntry struct {
	group *Group
	index uint64
	size  int64
}

// Open opens the log in dir, which it creates when it is missing, and recovers it.
func Open(dir string, cfg Config) (*WAL, error) {
	w := &WAL{
		dir: dir, cfg: cfg.withDefaults(),
		groups: map[uint64]*Group{},
		wake:   make(chan struct{}, 1),
	}
	if err := w.recover(); err != nil {
		w.closeFiles()
		return nil, err
	}
	w.done.Add(1)
	go w.run()
	return w, nil
}

// Group returns the group with the given number; it has no entries when nothing was stored for it.
func (w *WAL) Group(id uint64) *Group {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.groupLocked(id)
}

func (w *WAL) groupLocked(id uint64) *Group {
	g := w.groups[id]
	if g == nil {
		g = &Group{wal: w, id: id}
		w.groups[id] = g
	}
	return g
}

// LiveBytes returns the size of the segments that hold entries.
func (w *WAL) LiveBytes() int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.liveLocked()
}

func (w *WAL) liveLocked() (n int64) {
	for _, s := range w.segments {
		n += s.size
	}
	return n
}

// Err returns why the log has failed, or nil.
func (w *WAL) Err() error {
	w.qmu.Lock()
	defer w.qmu.Unlock()
	return w.failed
}

// Close refuses what waits, and closes the files. Everything acknowledged is durable already.
func (w *WAL) Close() error {
	w.qmu.Lock()
	if w.closed {
		w.qmu.Unlock()
		return nil
	}
	w.closed = true
	w.qmu.Unlock()
	w.poke()
	w.done.Wait()
	return w.closeFiles()
}

func (w *WAL) closeFiles() error {
	var errs []error
	for _, s := range append(w.segments, w.spares...) {
		errs = append(errs, s.file.Close())
	}
	if w.stable != nil {
		errs = append(errs, w.stable.file.Close())
	}
	return errors.Join(errs...)
}

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
