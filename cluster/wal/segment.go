package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"sort"
	"time"
)

// maxSegmentBytes keeps positions in 32 bits.
const maxSegmentBytes = 1 << 30

// A segment is one file, allocated and zeroed before use, and used again under a new generation.
type segment struct {
	name       string
	file       File
	size       int64
	generation uint64 // 0: spare
	end        int64  // the bytes in use
}

// prepared is what creating a segment came to.
type prepared struct {
	segment *segment
	err     error
}

func (w *WAL) segmentLocked(generation uint64) *segment {
	return w.segments[generation-w.segments[0].generation]
}

func (w *WAL) active() *segment { return w.segments[len(w.segments)-1] }

// busyRoll is how soon a segment must be half full for the next one to be reserved only, without zeroing it.
const busyRoll = 2 * time.Second

// allocate gives a new file its blocks. Writing zeros, and not only reserving, makes later fdatasyncs twice as fast, as
// they need not change the file's extents; but under much traffic it takes the disk from those who wait.
func allocate(f File, size int64, busy bool) error {
	if a, ok := f.(Allocator); ok && busy {
		if err := a.Allocate(size); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	zeros := make([]byte, min(size, 1<<20))
	for pos := int64(0); pos < size; pos += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-pos)], pos); err != nil {
			return err
		}
	}
	return nil
}

// create makes a new file of zeros, durably.
func (w *WAL) create(name string, size int64, busy bool) (*segment, error) {
	if w.cfg.MayAllocate != nil {
		if err := w.cfg.MayAllocate(size); err != nil {
			return nil, errors.Join(ErrNoSpace, err)
		}
	}
	path := filepath.Join(w.dir, name)
	f, have, err := w.cfg.FS.Open(path)
	if err == nil {
		if err = allocate(f, size, busy); err == nil {
			err = f.Sync()
		}
		if err == nil {
			err = w.cfg.FS.SyncDir(w.dir)
		}
		if err != nil {
			f.Close()
			w.cfg.FS.Remove(path)
		}
	}
	if isNoSpace(err) {
		return nil, errors.Join(ErrNoSpace, err)
	}
	if err != nil && f != nil { // what was written may be lost, though a later fdatasync says that it is not
		return nil, w.fail(fmt.Errorf("create %s: %w", path, err))
	}
	if err != nil {
		return nil, fmt.Errorf("wal: create %s: %w", path, err)
	}
	return &segment{name: path, file: f, size: max(size, have)}, nil
}

// prepare starts to create a spare segment in the background, unless that is going on.
func (w *WAL) prepare(size int64) {
	if w.preparing != nil {
		return
	}
	name := fmt.Sprintf("%08d.seg", w.nextName)
	w.nextName++
	busy := time.Since(w.rolled) < busyRoll
	result := make(chan prepared, 1)
	w.preparing = result
	w.done.Add(1)
	go func() {
		defer w.done.Done()
		s, err := w.create(name, size, busy)
		result <- prepared{s, err}
	}()
}

// collect takes the segment that was being created; it waits for it when told to.
func (w *WAL) collect(wait bool) error {
	if w.preparing == nil {
		return nil
	}
	var p prepared
	if wait {
		p = <-w.preparing
	} else {
		select {
		case p = <-w.preparing:
		default:
			return nil
		}
	}
	w.preparing = nil
	if p.err != nil {
		w.cfg.Logger.Warn("no segment for the write-ahead log", "error", p.err)
		return p.err
	}
	w.spares = append(w.spares, p.segment)
	return nil
}

// takeSpare returns a spare segment with room for need bytes, creating one when there is none.
func (w *WAL) takeSpare(need int64) (*segment, error) {
	for {
		for i, s := range w.spares {
			if s.size >= need {
				w.spares = append(w.spares[:i], w.spares[i+1:]...)
				return s, nil
			}
		}
		if need > maxSegmentBytes {
			return nil, ErrTooLarge
		}
		w.prepare(max(w.cfg.SegmentBytes, need))
		if err := w.collect(true); err != nil {
			return nil, err
		}
	}
}

// roll makes a spare with room for need bytes the active segment. Its first frame is durable when roll returns.
func (w *WAL) roll(need int64) error {
	spans := w.spans()
	payload := appendSpans(nil, w.lastEnd(), spans)
	header := int64(frameBytes(len(payload)))
	s, err := w.takeSpare(need + header)
	if err != nil {
		return err
	}
	generation := uint64(1)
	if len(w.segments) > 0 {
		generation = w.active().generation + 1
	}
	w.sequence++
	f := frame{generation: generation, sequence: w.sequence, kind: kindSegment, index: generation}
	if _, err = s.file.WriteAt(appendFrame(nil, &f, payload, nil), 0); err != nil {
		w.spares = append(w.spares, s)
		return w.writeError(err)
	}
	if err = s.file.Sync(); err != nil {
		w.spares = append(w.spares, s)
		return w.fail(fmt.Errorf("fdatasync %s: %w", s.name, err))
	}
	s.generation, s.end = generation, header
	w.rolled = time.Now()
	w.mu.Lock()
	w.segments = append(w.segments, s)
	w.mu.Unlock()
	w.recycle()
	w.askPinned()
	return nil
}

func (w *WAL) lastEnd() int64 {
	if len(w.segments) == 0 {
		return 0
	}
	return w.active().end
}

// spans lists the state of all groups that hold entries, by number.
func (w *WAL) spans() []span {
	w.mu.RLock()
	defer w.mu.RUnlock()
	var spans []span
	for _, g := range w.groups {
		if g.first != 0 {
			spans = append(spans, span{g.id, g.first, g.lastLocked()})
		}
	}
	sort.Slice(spans, func(i, j int) bool { return spans[i].group < spans[j].group })
	return spans
}

// recycle makes spares of the segments that no group needs, and removes files beyond what the log may hold.
func (w *WAL) recycle() {
	w.mu.Lock()
	oldest := w.active().generation
	for _, g := range w.groups {
		if o := g.oldestLocked(); o != 0 {
			oldest = min(oldest, o)
		}
	}
	for w.segments[0].generation < oldest {
		s := w.segments[0]
		w.segments = w.segments[1:]
		s.generation, s.end = 0, 0
		w.spares = append(w.spares, s)
	}
	w.mu.Unlock()
	room := int(w.cfg.MaxBytes/w.cfg.SegmentBytes) + 1 - len(w.segments)
	kept := w.spares[:0]
	for _, s := range w.spares {
		if s.size == w.cfg.SegmentBytes && len(kept) < max(room, 1) {
			kept = append(kept, s)
			continue
		}
		s.file.Close()
		if err := w.cfg.FS.Remove(s.name); err != nil {
			w.cfg.Logger.Warn("cannot remove a segment of the write-ahead log", "file", s.name, "error", err)
		}
	}
	w.spares = kept
}

// askPinned asks for a snapshot of the groups that hold the oldest segment, once for every segment begun.
func (w *WAL) askPinned() {
	active := w.active().generation
	if w.cfg.Pinned == nil || w.asked == active || w.LiveBytes() <= w.cfg.MaxBytes {
		return
	}
	w.asked = active
	var pinning []uint64
	w.mu.RLock()
	for _, g := range w.groups {
		if g.oldestLocked() == w.segments[0].generation {
			pinning = append(pinning, g.id)
		}
	}
	w.mu.RUnlock()
	for _, id := range pinning {
		w.cfg.Pinned(id)
	}
}
