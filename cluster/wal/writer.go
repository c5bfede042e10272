package wal

import (
	"fmt"

	"github.com/hashicorp/raft"
)

const (
	// maxBatchBytes is when a batch is written though more requests wait.
	maxBatchBytes = 8 << 20
	// keepBufferBytes is how large a buffer the writer keeps between batches.
	keepBufferBytes = 16 << 20
)

// A request is one StoreLogs (logs) or one DeleteRange (min, max).
type request struct {
	group    *Group
	logs     []*raft.Log
	min, max uint64
	done     chan error

	places []place // of logs, while the batch is being built
}

// do hands a request to the writer and waits for what it came to.
func (w *WAL) do(r *request) error {
	r.done = make(chan error, 1)
	w.qmu.Lock()
	switch {
	case w.closed:
		w.qmu.Unlock()
		return ErrClosed
	case w.failed != nil:
		w.qmu.Unlock()
		return w.failed
	}
	w.queue = append(w.queue, r)
	w.qmu.Unlock()
	w.poke()
	return <-r.done
}

func (w *WAL) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run is the writer.
func (w *WAL) run() {
	defer w.done.Done()
	var work []*request
	for range w.wake {
		w.qmu.Lock()
		work, w.queue = w.queue, work[:0]
		closed := w.closed
		w.qmu.Unlock()
		if closed {
			for _, r := range work {
				r.done <- ErrClosed
			}
			return
		}
		w.write(work)
		clear(work)
	}
}

// write serves requests in order, as few batches as they fit in.
func (w *WAL) write(work []*request) {
	for _, r := range work {
		need, err := w.check(r)
		if err == nil && !w.fits(r, need) {
			w.flush()
			if need, err = w.check(r); err == nil && w.active().end+need > w.active().size {
				err = w.roll(need)
			}
		}
		if err != nil {
			r.done <- err
			continue
		}
		w.encode(r)
	}
	w.flush()
	if s := w.active(); s.end > s.size/2 && len(w.spares) == 0 {
		w.prepare(w.cfg.SegmentBytes)
	}
	if err := w.collect(false); err != nil {
		return // logged; the next roll tries again
	}
}

// check refuses a request that would break a group's sequence, and says how many bytes it takes.
func (w *WAL) check(r *request) (need int64, err error) {
	if err := w.Err(); err != nil {
		return 0, err
	}
	g := r.group
	if r.logs == nil {
		return int64(frameBytes(0)), g.checkDelete(r.min, r.max)
	}
	next := g.lastLocked() + 1
	if g.first == 0 {
		next = r.logs[0].Index
	}
	for i, l := range r.logs {
		if l.Index != next+uint64(i) || l.Index == 0 {
			return 0, fmt.Errorf("wal: group %d: index %d where %d must follow", g.id, l.Index, next+uint64(i))
		}
		need += int64(frameBytes(len(l.Data) + len(l.Extensions)))
	}
	if need > maxSegmentBytes/2 {
		return 0, ErrTooLarge
	}
	return need, nil
}

// fits says whether r can join the batch being built: a batch lies in one segment and has one request of a group.
func (w *WAL) fits(r *request, need int64) bool {
	have := int64(len(w.buf))
	if s := w.active(); s.end+have+need > s.size || (have > 0 && have+need > maxBatchBytes) {
		return false
	}
	for _, b := range w.batch {
		if b.group == r.group {
			return false
		}
	}
	return true
}

// encode puts the frames of r into the batch.
func (w *WAL) encode(r *request) {
	s := w.active()
	f := frame{generation: s.generation, sequence: w.sequence + 1, batch: uint32(s.end), group: r.group.id}
	w.batch = append(w.batch, r)
	if r.logs == nil {
		f.kind, f.index, f.term = kindDelete, r.min, r.max
		w.buf = appendFrame(w.buf, &f, nil, nil)
		return
	}
	r.places = make([]place, len(r.logs))
	for i, l := range r.logs {
		f.kind, f.typ, f.index, f.term, f.at = kindEntry, uint8(l.Type), l.Index, l.Term, 0
		if !l.AppendedAt.IsZero() {
			f.at = l.AppendedAt.UnixNano()
		}
		pos := s.end + int64(len(w.buf))
		w.buf = appendFrame(w.buf, &f, l.Data, l.Extensions)
		r.places[i] = place{s.generation, uint32(pos), uint32(s.end + int64(len(w.buf)) - pos)}
	}
}

// flush writes the batch, makes it durable, publishes it and wakes its callers.
func (w *WAL) flush() {
	if len(w.batch) == 0 {
		return
	}
	s := w.active()
	w.sequence++
	_, err := s.file.WriteAt(w.buf, s.end)
	if err != nil {
		err = w.writeError(err)
	} else if err = s.file.Sync(); err != nil {
		err = w.fail(fmt.Errorf("fdatasync %s: %w", s.name, err))
	}
	deleted := false
	if err == nil {
		w.mu.Lock()
		s.end += int64(len(w.buf))
		for _, r := range w.batch {
			deleted = deleted || r.logs == nil
			w.publishLocked(r)
		}
		w.mu.Unlock()
	}
	for _, r := range w.batch {
		r.done <- err
	}
	clear(w.batch)
	w.batch, w.buf = w.batch[:0], w.buf[:0]
	if cap(w.buf) > keepBufferBytes {
		w.buf = nil
	}
	if deleted {
		w.recycle()
	}
}

// publishLocked makes a durable request visible.
func (w *WAL) publishLocked(r *request) {
	g := r.group
	if r.logs == nil {
		g.deletedLocked(r.min, r.max)
		return
	}
	for i, l := range r.logs {
		g.storedLocked(l.Index, r.places[i])
		if w.cfg.TailBytes < 0 {
			continue
		}
		g.keepLocked(l)
		w.held = append(w.held, heldEntry{g, l.Index, int64(r.places[i].size)})
		w.heldSize += int64(r.places[i].size)
	}
	for w.heldSize > w.cfg.TailBytes && len(w.held) > 0 {
		h := w.held[0]
		h.group.evictLocked(h.index)
		w.heldSize -= h.size
		w.held[0] = heldEntry{}
		w.held = w.held[1:]
	}
}

// writeError says what a failed write means: a full disk passes, all else ends the log.
func (w *WAL) writeError(err error) error {
	if isNoSpace(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return w.fail(err)
}

// fail ends the log.
func (w *WAL) fail(err error) error {
	w.qmu.Lock()
	first := w.failed == nil
	if first {
		w.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	err = w.failed
	w.qmu.Unlock()
	if first {
		w.cfg.Logger.Error("the write-ahead log has failed", "error", err)
		if w.cfg.Failed != nil {
			w.cfg.Failed(err)
		}
	}
	return err
}
