package log

import (
	"errors"
	"fmt"
)

// A Damaged segment has bytes that do not check. Another replica has them from offset From up to To, exactly
// SizeBytes of them.
type Damaged struct {
	From, To  int64
	SizeBytes int64
	Cause     error
	segment   *segment
}

// Verify reads all sealed segments and finds those that are damaged. It ends early, with ErrStopped, when stop is
// closed.
func (p *Partition) Verify(stop <-chan struct{}) (damaged []Damaged, err error) {
	p.mu.RLock()
	segments := append([]*segment{}, p.segments[:len(p.segments)-1]...)
	ends := make([]int64, len(segments))
	sizes := make([]int64, len(segments))
	for i, s := range segments {
		ends[i], sizes[i] = p.segments[i+1].base, s.size
	}
	p.mu.RUnlock()
	for i, s := range segments {
		cause, err := s.verify(sizes[i], stop)
		if cause != nil && p.has(s) {
			damaged = append(damaged, Damaged{s.base, ends[i], sizes[i], cause, s})
		}
		if err != nil {
			return damaged, err
		}
	}
	return damaged, nil
}

// verify checks the batches of a segment.
func (s *segment) verify(size int64, stop <-chan struct{}) (cause, err error) {
	var buf []byte
	for pos := int64(0); pos < size; pos += int64(len(buf)) {
		select {
		case <-stop:
			return nil, ErrStopped
		default:
		}
		h, err := s.readHeader(pos, size)
		if err != nil {
			return err, nil
		}
		if buf = buf[:0]; cap(buf) < h.Size() {
			buf = make([]byte, 0, h.Size())
		}
		buf = buf[:h.Size()]
		if err := readFull(s.file, buf, pos); err != nil {
			return s.corrupt(pos, err), nil
		}
		if _, _, err := Check(buf); err != nil {
			return s.corrupt(pos, err), nil
		}
	}
	return nil, nil
}

// errMend says that what is to replace damaged bytes is something else.
var errMend = errors.New("log: not the bytes of the damaged segment")

// Mend writes a damaged segment's bytes, as another replica has them, over it. Where they are the same nothing changes,
// so readers may go on, and a crash leaves a segment that is damaged as before, or less.
func (p *Partition) Mend(d Damaged, good []byte) error {
	if int64(len(good)) != d.SizeBytes {
		return fmt.Errorf("%w: %d bytes in the place of %d", errMend, len(good), d.SizeBytes)
	}
	last := d.From - 1
	for rest := good; len(rest) > 0; {
		h, n, err := Check(rest)
		if err != nil {
			return err
		}
		if h.BaseOffset <= last || h.LastOffset() >= d.To {
			return fmt.Errorf("%w: offset %d", errMend, h.BaseOffset)
		}
		last, rest = h.LastOffset(), rest[n:]
	}
	if _, err := d.segment.file.WriteAt(good, 0); err != nil {
		return err
	}
	if err := d.segment.file.Sync(); err != nil && !p.gone(d.segment, err) {
		return p.fail(fmt.Errorf("sync %s: %w", d.segment.path(), err))
	}
	return nil
}
