package log

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Trim moves the start of the log to offset start, and unlinks the segments wholly below it. A start at or below the
// present one changes nothing. When it fails before the start moved, Bounds shows that; leftover files go at the next
// Open.
func (p *Partition) Trim(start int64) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	from, next, last, err := p.trimmable()
	switch {
	case err != nil:
		return err
	case start <= from:
		return nil
	case start > next:
		return fmt.Errorf("%w: trim %s to %d, its next offset is %d", ErrOffsetOutOfRange, p.dir, start, next)
	}
	if start == next && last.size > 0 {
		if _, err := p.addSegment(next); err != nil {
			return err
		}
	}
	n := 0
	for n+1 < len(p.segments) && p.segments[n+1].base <= start {
		n++
	}
	if n > 0 {
		if err := p.markStart(start); err != nil {
			return err
		}
	}

	p.mu.Lock()
	dropped := p.segments[:n]
	p.segments = append([]*segment(nil), p.segments[n:]...)
	p.start, p.epochs = start, trimEpochs(p.epochs, start)
	p.dirDirty = p.dirDirty || n > 0
	p.recent = nil
	p.mu.Unlock()

	var errs []error
	for _, s := range dropped {
		errs = append(errs, p.unlink(s))
	}
	return errors.Join(errs...)
}

func (p *Partition) trimmable() (start, next int64, last *segment, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.failed != nil {
		return 0, 0, nil, p.failed
	}
	return p.start, p.next, p.segments[len(p.segments)-1], nil
}

// unlink closes and deletes a segment's files.
func (p *Partition) unlink(s *segment) error {
	return errors.Join(s.file.Close(), p.removeFiles(s))
}

func (p *Partition) removeFiles(s *segment) error {
	var errs []error
	for _, ext := range []string{extLog, extIndex, extTime} {
		if err := p.fs.Remove(s.indexPath(ext)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// RetentionOffset gives the start that retention asks for: behind every segment whose newest record is older than
// keep, and behind the oldest ones as long as keepBytes remain. A negative keep or keepBytes is no limit. The answer
// is the present start when nothing is to go. It trims nothing: the caller proposes the offset to all replicas.
//
// The last segment goes by age only as a whole; when only a part of it is old, or it alone is beyond keepBytes, the
// next Append begins a new one, so that a quiet partition forgets as well.
func (p *Partition) RetentionOffset(nowMs int64, keep time.Duration, keepBytes int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	total, cut := p.sizeLocked(), p.start
	horizon := nowMs - keep.Milliseconds()
	for i, s := range p.segments {
		last := i == len(p.segments)-1
		if s.size == 0 {
			break
		}
		old := keep >= 0 && s.maxTime < horizon
		if big := keepBytes >= 0 && total-s.size >= keepBytes && !last; !old && !big {
			if last {
				p.rollNext = keep >= 0 && s.firstTime < horizon || keepBytes >= 0 && s.size > keepBytes
			}
			break
		}
		cut = max(cut, p.endLocked(i))
		total -= s.size
	}
	return cut
}
