package log

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"sync"
)

// Read appends whole batches to dst, beginning with the one that holds offset: at least that one, and more while all
// stay under maxBytes and in the same segment. Records below offset at the front of the first batch are the caller's
// to skip. At the end of the log it adds nothing; below its start or beyond its end it returns ErrOffsetOutOfRange.
func (p *Partition) Read(offset int64, maxBytes int, dst []byte) ([]byte, error) {
	rebuilt := false
	for {
		at, err := p.locate(offset)
		if err != nil || at.seg == nil {
			return dst, err
		}
		pos, size, err := at.find(offset)
		if err == nil && size == 0 {
			offset = at.end
			continue
		}
		var out []byte
		if err == nil {
			out, err = at.seg.readBatches(pos, min(at.size-pos, int64(max(maxBytes, size))), dst)
		}
		switch {
		case err == nil:
			return out, nil
		case errors.Is(err, fs.ErrClosed):
			// Trimmed away or closed meanwhile; locate says which.
		case errors.Is(err, ErrCorrupt) && !rebuilt:
			rebuilt = true
			if err := p.rebuildIndex(at.seg); err != nil && !errors.Is(err, fs.ErrClosed) {
				return dst, err
			}
		default:
			return dst, err
		}
	}
}

// place is where to look for an offset.
type place struct {
	seg  *segment
	size int64 // what may be read of it
	end  int64 // offset behind the segment
	from indexPoint
}

// locate finds the segment of an offset, and the nearest batch before it that the index knows. The place is empty at
// the end of the log.
func (p *Partition) locate(offset int64) (place, error) {
	for {
		at, loaded, err := p.locateLoaded(offset)
		if err != nil || loaded {
			return at, err
		}
		if err := p.ensureIndex(at.seg, at.size); err != nil && !errors.Is(err, fs.ErrClosed) {
			return place{}, err
		}
	}
}

func (p *Partition) locateLoaded(offset int64) (at place, loaded bool, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	switch {
	case p.failed != nil:
		return at, false, p.failed
	case offset < p.start || offset > p.next:
		return at, false, fmt.Errorf("%w: %d is not in %d to %d of %s",
			ErrOffsetOutOfRange, offset, p.start, p.next, p.dir)
	case offset == p.next:
		return at, true, nil
	}
	n := sort.Search(len(p.segments), func(i int) bool { return p.segments[i].base > offset })
	s := p.segments[n-1]
	at = place{seg: s, size: s.size, end: p.endLocked(n - 1)}
	if s.index == nil {
		return at, false, nil
	}
	at.from = s.index.byOffset(offset - s.base)
	return at, true, nil
}

// endLocked is the offset behind segment i.
func (p *Partition) endLocked(i int) int64 {
	if i+1 < len(p.segments) {
		return p.segments[i+1].base
	}
	return p.next
}

// ensureIndex loads the index of a sealed segment, and forgets the one that was loaded before.
func (p *Partition) ensureIndex(s *segment, size int64) error {
	x, _, err := s.loadIndex(p.fs, size, p.cfg.IndexIntervalBytes)
	if err != nil {
		return err
	}
	p.keepIndex(s, x)
	return nil
}

func (p *Partition) keepIndex(s *segment, x *index) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.index != nil {
		return
	}
	if r := p.recent; r != nil && r != p.segments[len(p.segments)-1] && !r.dirty {
		r.index = nil
	}
	s.index, p.recent = x, s
}

// rebuildIndex makes a segment's index anew from its batches, because the one there led astray (L5).
func (p *Partition) rebuildIndex(s *segment) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	x, _, err := s.scanIndex(&index{}, s.size, p.cfg.IndexIntervalBytes)
	if err != nil {
		return err
	}
	s.index, s.dirty = x, true
	return nil
}

// hopBytes is what find reads at once: the usual distance between index entries.
const hopBytes = defaultIndexInterval

var hopBuffers = sync.Pool{New: func() any { return new([hopBytes]byte) }}

// find gives the position and size of the batch that holds offset, or of the first behind it. The size is 0 when the
// segment has none.
func (at *place) find(offset int64) (pos int64, size int, err error) {
	buf := hopBuffers.Get().(*[hopBytes]byte)
	defer hopBuffers.Put(buf)
	err = at.walk(buf[:], func(h *Header, where int64) bool {
		if h.LastOffset() < offset {
			return true
		}
		pos, size = where, h.Size()
		return false
	})
	return pos, size, err
}

// walk visits the batches from the index point on, once the first is seen to be the one that the index names (L5).
func (at *place) walk(buf []byte, visit func(h *Header, pos int64) bool) error {
	s, want := at.seg, at.seg.base+int64(at.from.rel)
	landed := false
	var astray error
	err := s.walk(buf, int64(at.from.pos), at.size, func(h *Header, pos int64) bool {
		if !landed && h.BaseOffset != want {
			astray = s.corrupt(pos, fmt.Errorf("%w: batch at offset %d where the index says %d",
				ErrCorrupt, h.BaseOffset, want))
			return false
		}
		landed = true
		return visit(h, pos)
	})
	return errors.Join(err, astray)
}

// readBatches appends the n bytes at pos, less the incomplete batch that they may end with, and less those from one on
// that is damaged: it is for the next call to find.
func (s *segment) readBatches(pos, n int64, dst []byte) ([]byte, error) {
	from := len(dst)
	dst = slices.Grow(dst, int(n))[:from+int(n)]
	if err := readFull(s.file, dst[from:], pos); err != nil {
		return nil, s.corrupt(pos, err)
	}
	rest := dst[from:]
	var bad error
	for len(rest) >= HeaderLen { // what is shorter costs an error to find out
		_, size, err := Check(rest)
		if err != nil {
			bad = err
			break
		}
		rest = rest[size:]
	}
	if len(rest) == int(n) {
		if !errors.Is(bad, ErrCorrupt) {
			bad = fmt.Errorf("%w: no whole batch in %d bytes", ErrCorrupt, n)
		}
		return nil, s.corrupt(pos, bad)
	}
	return dst[:len(dst)-len(rest)], nil
}

// OffsetForTime finds the first record that is not older than ms, in offset order, and gives its offset and
// timestamp. ok is false when all are older.
func (p *Partition) OffsetForTime(ms int64) (offset, timestamp int64, ok bool, err error) {
	rebuilt := false
	from, _ := p.Bounds()
	for {
		at, err := p.locateTime(ms, from)
		if err != nil || at.seg == nil {
			return 0, 0, false, err
		}
		offset, timestamp, ok, err := at.search(ms, from)
		switch {
		case err == nil && ok:
			return offset, timestamp, true, nil
		case err == nil:
			from = at.end
		case errors.Is(err, fs.ErrClosed):
			start, _ := p.Bounds()
			from = max(from, start)
		case errors.Is(err, ErrCorrupt) && !rebuilt:
			rebuilt = true
			if err := p.rebuildIndex(at.seg); err != nil && !errors.Is(err, fs.ErrClosed) {
				return 0, 0, false, err
			}
		default:
			return 0, 0, false, err
		}
	}
}

// locateTime finds the first segment at or behind offset from that has a time of ms or newer. The place is empty when
// there is none.
func (p *Partition) locateTime(ms, from int64) (place, error) {
	for {
		at, loaded, err := p.locateTimeLoaded(ms, from)
		if err != nil || loaded {
			return at, err
		}
		if err := p.ensureIndex(at.seg, at.size); err != nil && !errors.Is(err, fs.ErrClosed) {
			return place{}, err
		}
	}
}

func (p *Partition) locateTimeLoaded(ms, from int64) (at place, loaded bool, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.failed != nil {
		return at, false, p.failed
	}
	for i, s := range p.segments {
		end := p.endLocked(i)
		if s.size == 0 || end <= from || s.maxTime < ms {
			continue
		}
		at = place{seg: s, size: s.size, end: end}
		if s.index == nil {
			return at, false, nil
		}
		at.from = s.index.byTime(ms)
		if byOffset := s.index.byOffset(from - s.base); byOffset.pos > at.from.pos {
			at.from = byOffset
		}
		return at, true, nil
	}
	return at, true, nil
}

// search looks through a segment for the first record of at least the time and the offset.
func (at *place) search(ms, from int64) (offset, timestamp int64, ok bool, err error) {
	var r Reader
	var batch []byte
	buf := make([]byte, walkBytes)
	var failed error
	err = at.walk(buf, func(h *Header, pos int64) bool {
		if h.MaxTimestamp < ms || h.LastOffset() < from || h.Control() {
			return true
		}
		if batch, failed = at.seg.readBatches(pos, int64(h.Size()), batch[:0]); failed != nil {
			return false
		}
		if r.Reset(batch) != nil {
			offset, timestamp, ok = max(h.BaseOffset, from), h.MaxTimestamp, true
			return false
		}
		var rec Record
		for r.Next(&rec) {
			if rec.Timestamp >= ms && rec.Offset >= from {
				offset, timestamp, ok = rec.Offset, rec.Timestamp, true
				return false
			}
		}
		return true
	})
	return offset, timestamp, ok, errors.Join(err, failed)
}
