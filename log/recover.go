package log

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// recover makes the files what the state says and opens them.
func (p *Partition) recover(state State) error {
	names, err := p.fs.List(p.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list %s: %w", p.dir, err)
	}
	p.mark = newestMark(names)
	p.start = min(max(state.Start, p.mark), state.Next)
	p.epochs = trimEpochs(p.epochs, p.start)

	kept := keptSegments(state, p.mark)
	if err := p.removeOthers(names, kept); err != nil {
		return err
	}
	for _, seg := range kept {
		s, err := p.openSegment(seg)
		if err != nil {
			return err
		}
		p.segments = append(p.segments, s)
	}
	if len(kept) == 0 {
		_, err := p.addSegment(state.Next)
		return err
	}

	last := p.segments[len(p.segments)-1]
	index, next, err := last.loadIndex(p.fs, last.size, p.cfg.IndexIntervalBytes)
	if err != nil {
		return err
	}
	if next != p.next {
		err := fmt.Errorf("%w: the next offset is %d, the snapshot says %d", ErrCorrupt, next, p.next)
		return last.corrupt(last.size, err)
	}
	last.index = index
	return nil
}

// keptSegments is the state's list without what a trim after the snapshot may have unlinked (L4).
func keptSegments(state State, mark int64) []SegmentState {
	list := state.Segments
	for len(list) > 0 {
		end := state.Next
		if len(list) > 1 {
			end = list[1].Base
		}
		if end > mark || list[0].Size == 0 {
			break
		}
		list = list[1:]
	}
	return list
}

// removeOthers unlinks the files of segments that are not kept, and marks that a newer one has replaced. Names of
// other kinds are left alone.
func (p *Partition) removeOthers(names []string, kept []SegmentState) error {
	keep := make(map[segmentKey]bool, len(kept))
	for _, seg := range kept {
		keep[seg.key()] = true
	}
	for _, name := range names {
		key, ext, ok := parseName(name)
		switch {
		case !ok, ext == extStart && key.base == p.mark, ext != extStart && keep[key]:
			continue
		}
		if err := p.fs.Remove(filepath.Join(p.dir, name)); err != nil {
			return fmt.Errorf("remove what the snapshot does not hold: %w", err)
		}
		p.dirDirty = true
	}
	return nil
}

// openSegment opens a segment's file and cuts it to its size.
func (p *Partition) openSegment(seg SegmentState) (*segment, error) {
	s := &segment{
		dir: p.dir, base: seg.Base, gen: seg.Gen, size: seg.Size, firstTime: seg.FirstTime, maxTime: seg.MaxTimestamp,
	}
	create := seg.Size == 0
	var err error
	s.file, err = p.fs.Open(s.path(), create)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s with %d bytes is missing", ErrCorrupt, s.path(), seg.Size)
	}
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	p.dirDirty = p.dirDirty || create
	size, err := s.file.Size()
	switch {
	case err != nil:
	case size < seg.Size:
		err = s.corrupt(size, fmt.Errorf("%w: the file ends, the snapshot says %d bytes", ErrCorrupt, seg.Size))
	case size > seg.Size:
		err = s.file.Truncate(seg.Size)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open segment: %w", err), s.file.Close())
	}
	return s, nil
}

// addSegment begins an empty segment at base.
func (p *Partition) addSegment(base int64) (*segment, error) {
	s := &segment{dir: p.dir, base: base, index: &index{}}
	f, err := p.fs.Open(s.path(), true)
	if err != nil {
		return nil, fmt.Errorf("begin segment: %w", err)
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(fmt.Errorf("begin segment: %w", err), f.Close())
	}
	s.file = f
	p.mu.Lock()
	defer p.mu.Unlock()
	p.segments = append(p.segments[:len(p.segments):len(p.segments)], s)
	p.dirDirty, p.rollNext = true, false
	return s, nil
}

// markStart leaves a durable mark that everything below start may be unlinked. A manifest older than the mark may
// still list those segments. The mark is the name of an empty file, so it is there or not and never torn.
func (p *Partition) markStart(start int64) error {
	if p.mark >= start {
		return nil
	}
	f, err := p.fs.Open(filepath.Join(p.dir, segmentName(segmentKey{base: start}, extStart)), true)
	if err != nil {
		return fmt.Errorf("mark the start of the log: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("mark the start of the log: %w", err)
	}
	if err := p.fs.SyncDir(p.dir); err != nil {
		return p.fail(fmt.Errorf("sync %s: %w", p.dir, err))
	}
	old := p.mark
	p.mark = start
	if old >= 0 {
		// A mark that stays is harmless: the highest counts, and Open removes the others.
		_ = p.fs.Remove(filepath.Join(p.dir, segmentName(segmentKey{base: old}, extStart)))
	}
	return nil
}

// newestMark is the highest start that a mark among the names gives, -1 without one.
func newestMark(names []string) int64 {
	mark := int64(-1)
	for _, name := range names {
		if key, ext, ok := parseName(name); ok && ext == extStart {
			mark = max(mark, key.base)
		}
	}
	return mark
}

// parseName takes apart the name of a file of ours.
func parseName(name string) (key segmentKey, ext string, ok bool) {
	const digits = 20
	if len(name) <= digits || strings.Trim(name[:digits], "0123456789") != "" {
		return key, "", false
	}
	base, err := strconv.ParseInt(name[:digits], 10, 64)
	if err != nil {
		return key, "", false
	}
	key.base, ext = base, name[digits:]
	if rest, compacted := strings.CutPrefix(ext, ".c"); compacted {
		number, _, _ := strings.Cut(rest, ".")
		gen, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return key, "", false
		}
		key.gen, ext = uint32(gen), rest[len(number):]
	}
	switch ext {
	case extLog, extIndex, extTime, extStart:
		return key, ext, true
	}
	return key, "", false
}

// trimEpochs forgets the epochs that end at or before start.
func trimEpochs(epochs []EpochStart, start int64) []EpochStart {
	for len(epochs) > 1 && epochs[1].Start <= start {
		epochs = epochs[1:]
	}
	trimmed := append([]EpochStart(nil), epochs...)
	if len(trimmed) > 0 {
		trimmed[0].Start = max(trimmed[0].Start, start)
	}
	return trimmed
}
