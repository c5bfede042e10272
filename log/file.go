package log

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"sort"
)

// A reopener is a File that can be opened a second time as what the operating system sends by itself.
type reopener interface {
	reopen() (*os.File, error)
}

func (f osFile) reopen() (*os.File, error) { return os.Open(f.Name()) }

// File is Read without reading: it opens the segment that holds offset once more, and gives the range of whole batches
// that Read would. Batches that begin at limit or behind it, when it is not negative, are left out. The range is empty
// and the file nil at the end of the log. The file is the caller's to close, and stays readable whatever happens to the
// partition. A file system that is not the machine's returns errors.ErrUnsupported.
func (p *Partition) File(offset, limit int64, maxBytes int) (f *os.File, pos, size int64, err error) {
	for tries := 0; ; tries++ {
		at, err := p.locate(offset)
		if err != nil || at.seg == nil || limit >= 0 && offset >= limit {
			return nil, 0, 0, err
		}
		pos, end, next, err := p.fileRange(&at, offset, limit, maxBytes)
		if err == nil && next > offset {
			offset = next
			continue
		}
		r, ok := at.seg.file.(reopener)
		if !ok {
			return nil, 0, 0, errors.ErrUnsupported
		}
		if err == nil && end > pos {
			f, err = r.reopen()
			if err == nil && p.has(at.seg) {
				return f, pos, end - pos, nil
			}
			if f != nil {
				_ = f.Close()
			}
		} else if err == nil {
			return nil, 0, 0, nil
		}
		moved := err == nil || errors.Is(err, fs.ErrClosed) || errors.Is(err, fs.ErrNotExist)
		if !moved && (tries > 0 || !errors.Is(err, ErrCorrupt)) {
			return nil, 0, 0, err
		}
		if !moved { // the index may have led astray: Read makes it anew
			if _, err := p.Read(offset, HeaderLen, nil); err != nil {
				return nil, 0, 0, err
			}
		}
	}
}

// fileRange finds where in a segment the batches are. next is where to look on when the segment has none.
func (p *Partition) fileRange(at *place, offset, limit int64, maxBytes int) (pos, end, next int64, err error) {
	pos, size, err := at.find(offset)
	if err != nil {
		return 0, 0, 0, err
	}
	if size == 0 {
		return 0, 0, at.end, nil
	}
	end = at.size
	if limit >= 0 && limit < at.end {
		last := *at
		last.from = p.nearest(at.seg, func(x *index) indexPoint { return x.byOffset(limit - at.seg.base) }, at.from)
		if end, err = last.firstFrom(limit); err != nil {
			return 0, 0, 0, err
		}
	}
	if want := pos + int64(max(maxBytes, size)); want < end {
		last := *at
		last.from = p.nearest(at.seg, func(x *index) indexPoint { return x.byPosition(want) }, at.from)
		if end, err = last.lastBoundary(max(pos, int64(last.from.pos)), want); err != nil {
			return 0, 0, 0, err
		}
	}
	return pos, max(pos, end), offset, nil
}

// nearest asks a segment's index, when it is loaded still.
func (p *Partition) nearest(s *segment, ask func(*index) indexPoint, otherwise indexPoint) indexPoint {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if s.index == nil {
		return otherwise
	}
	return ask(s.index)
}

// firstFrom gives the position of the first batch that begins at offset or behind it.
func (at *place) firstFrom(offset int64) (end int64, err error) {
	end = at.size
	buf := hopBuffers.Get().(*[hopBytes]byte)
	defer hopBuffers.Put(buf)
	err = at.walk(buf[:], func(h *Header, pos int64) bool {
		if h.BaseOffset < offset {
			return true
		}
		end = pos
		return false
	})
	return end, err
}

// lastBoundary gives the last end of a batch that is not behind position want.
func (at *place) lastBoundary(from, want int64) (end int64, err error) {
	end = from
	buf := hopBuffers.Get().(*[hopBytes]byte)
	defer hopBuffers.Put(buf)
	err = at.walk(buf[:], func(h *Header, pos int64) bool {
		if next := pos + int64(h.Size()); next <= want {
			end = max(end, next)
			return true
		}
		return false
	})
	return end, err
}

// has says whether a segment is still part of the log.
func (p *Partition) has(s *segment) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return slices.Contains(p.segments, s)
}

// byPosition gives the last point at or before a position.
func (x *index) byPosition(pos int64) indexPoint {
	n := sort.Search(len(x.points), func(i int) bool { return int64(x.points[i].pos) > pos })
	return x.at(n - 1)
}

// NewestTime is the newest timestamp of a record; ok is false when there are none.
func (p *Partition) NewestTime() (ms int64, ok bool, err error) {
	for _, s := range p.byTime() {
		if ok && s.maxTime <= ms {
			break
		}
		err := s.seg.walk(make([]byte, walkBytes), 0, s.size, func(h *Header, _ int64) bool {
			if !h.Control() && h.Records > 0 && (!ok || h.MaxTimestamp > ms) {
				ms, ok = h.MaxTimestamp, true
			}
			return true
		})
		if err != nil && !errors.Is(err, fs.ErrClosed) {
			return 0, false, err
		}
	}
	return ms, ok, nil
}

type timedSegment struct {
	seg           *segment
	size, maxTime int64
}

// byTime lists the segments, those with the newest records first.
func (p *Partition) byTime() (list []timedSegment) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, s := range p.segments {
		if s.size > 0 {
			list = append(list, timedSegment{s, s.size, s.maxTime})
		}
	}
	slices.SortStableFunc(list, func(a, b timedSegment) int {
		switch {
		case a.maxTime > b.maxTime:
			return -1
		case a.maxTime < b.maxTime:
			return 1
		}
		return 0
	})
	return list
}
