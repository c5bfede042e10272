package log

import (
	"errors"
	"fmt"
	"math"
)

// Append adds one or more whole batches, which were checked before, and returns the offset that the first of them
// got. It stamps offsets and the leader epoch into copies of the headers: batches stays as it is. Nothing is synced.
// After an error nothing has been added, and the same Append may be tried again, when the disk has room for instance.
func (p *Partition) Append(batches []byte, epoch int32) (base int64, err error) {
	offsets, newest, err := measure(batches)
	if err != nil {
		return 0, err
	}
	s, roll, err := p.admit(len(batches), offsets, newest, epoch)
	if err != nil {
		return 0, err
	}
	base = p.next
	if len(batches) == 0 {
		return base, nil
	}
	if roll {
		if s, err = p.addSegment(base); err != nil {
			return 0, err
		}
	}
	if err := p.write(s, batches, epoch); err != nil {
		err = fmt.Errorf("append to %s: %w", s.path(), err)
		if undo := s.file.Truncate(s.size); undo != nil {
			err = errors.Join(err, fmt.Errorf("cut %s back: %w", s.path(), undo))
		}
		return 0, err
	}
	p.publish(s, batches, epoch)
	return base, nil
}

// measure counts the offsets that batches take up, finds their newest timestamp, and checks that they are whole.
func measure(batches []byte) (offsets, newest int64, err error) {
	if len(batches) > MaxBatchBytes {
		return 0, 0, fmt.Errorf("%w: an append of %d bytes, %d at most", ErrCorrupt, len(batches), MaxBatchBytes)
	}
	for rest := batches; len(rest) > 0; {
		var h Header
		if h, _, rest, err = NextBatch(rest); err != nil {
			return 0, 0, err
		}
		offsets += int64(h.LastOffsetDelta) + 1
		newest = max(newest, h.MaxTimestamp)
	}
	return offsets, newest, nil
}

// admit finds the segment to append to, and whether a new one must begin before.
func (p *Partition) admit(size int, offsets, newest int64, epoch int32) (s *segment, roll bool, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.failed != nil {
		return nil, false, p.failed
	}
	if n := len(p.epochs); n > 0 && epoch < p.epochs[n-1].Epoch {
		return nil, false, fmt.Errorf("%w: from %d to %d", ErrEpoch, p.epochs[n-1].Epoch, epoch)
	}
	if offsets > math.MaxUint32 || p.next+offsets > maxOffset {
		return nil, false, fmt.Errorf("%w: an append of %d offsets", ErrCorrupt, offsets)
	}
	s = p.segments[len(p.segments)-1]
	full := s.size+int64(size) > p.segmentBytes || p.next+offsets-s.base > math.MaxUint32
	old := p.segmentAge > 0 && newest-s.firstTime > p.segmentAge.Milliseconds()
	return s, s.size > 0 && (full || old || p.rollNext), nil
}

// gatherBytes is how much goes into one write at most, unless it is one batch.
const gatherBytes = 64 << 10

// write puts the batches behind the segment's end. Small ones are gathered into one write; of a big one only the
// start of the header is copied.
func (p *Partition) write(s *segment, batches []byte, epoch int32) error {
	if p.gather == nil {
		p.gather = make([]byte, 0, gatherBytes)
	}
	out, at, offset := p.gather[:0], s.size, p.next
	for rest := batches; len(rest) > 0; {
		h, batch, tail, err := NextBatch(rest)
		if err != nil {
			return err
		}
		rest = tail
		if len(out)+len(batch) > gatherBytes && len(out) > 0 {
			if at, err = writeAt(s.file, out, at); err != nil {
				return err
			}
			out = out[:0]
		}
		n := len(out)
		if len(batch) <= gatherBytes {
			out = append(out, batch...)
			PutOffsetEpoch(out[n:], offset, epoch)
		} else {
			out = append(out, batch[:stampLen]...)
			PutOffsetEpoch(out[n:], offset, epoch)
			if at, err = writeAt(s.file, out, at); err != nil {
				return err
			}
			out = out[:0]
			if at, err = writeAt(s.file, batch[stampLen:], at); err != nil {
				return err
			}
		}
		offset += int64(h.LastOffsetDelta) + 1
	}
	_, err := writeAt(s.file, out, at)
	return err
}

func writeAt(f File, b []byte, at int64) (int64, error) {
	if len(b) == 0 {
		return at, nil
	}
	n, err := f.WriteAt(b, at)
	return at + int64(n), err
}

// publish lets readers see what was written (L2).
func (p *Partition) publish(s *segment, batches []byte, epoch int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.epochs); n == 0 || epoch > p.epochs[n-1].Epoch {
		p.epochs = append(p.epochs, EpochStart{Epoch: epoch, Start: p.next})
	}
	for rest := batches; len(rest) > 0; {
		h, batch, tail, err := NextBatch(rest)
		if err != nil {
			panic("BUG: log: batches changed while they were appended: " + err.Error())
		}
		h.BaseOffset = p.next
		s.noteLocked(&h, s.size, p.cfg.IndexIntervalBytes)
		s.size += int64(len(batch))
		p.next += int64(h.LastOffsetDelta) + 1
		rest = tail
	}
	s.dirty = true
}
