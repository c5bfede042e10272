package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// sequenceGap is added to the sequence at every start: what an earlier run left behind the end, written or torn, has
// a lower one than anything written from now on.
const sequenceGap = 1 << 32

// scanBytes is how much of a segment is read at a time.
const scanBytes = 1 << 20

// recover reads the segments in the order of their generations and brings every group to where it was.
func (w *WAL) recover() error {
	names, err := w.cfg.FS.List(w.dir)
	if err != nil {
		return fmt.Errorf("wal: %w", err)
	}
	if w.stable, err = openStable(w.cfg.FS, w.dir); err != nil {
		return err
	}
	headers, err := w.openSegments(names)
	if err != nil {
		return err
	}
	if err := w.replaySegments(headers); err != nil {
		return err
	}
	w.sequence += sequenceGap
	if len(w.segments) > 0 {
		w.recycle()
		return nil
	}
	for _, s := range w.spares { // files of a first start that did not finish
		s.file.Close()
		if err := w.cfg.FS.Remove(s.name); err != nil {
			return fmt.Errorf("wal: %w", err)
		}
	}
	w.spares = nil
	first, err := w.create(fmt.Sprintf("%08d.seg", w.nextName), w.cfg.FirstBytes, false)
	if err != nil {
		return err
	}
	w.nextName++
	w.spares = append(w.spares, first)
	return w.roll(0)
}

// openSegments opens every segment and sorts live ones, by generation, from spares. It returns their first frames.
func (w *WAL) openSegments(names []string) (map[*segment]frame, error) {
	headers := map[*segment]frame{}
	var found []*segment
	for _, name := range names {
		number, ok := strings.CutSuffix(name, ".seg")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			continue
		}
		w.nextName = max(w.nextName, n+1)
		path := filepath.Join(w.dir, name)
		f, size, err := w.cfg.FS.Open(path)
		if err != nil {
			return nil, fmt.Errorf("wal: %w", err)
		}
		s := &segment{name: path, file: f, size: size}
		w.spares = append(w.spares, s)
		h, ok, err := readFrame(s, 0)
		if err != nil {
			return nil, err
		}
		if ok && h.kind == kindSegment && h.index == h.generation && h.generation != 0 {
			s.generation = h.generation
			headers[s] = h
			found = append(found, s)
		}
	}
	sort.Slice(found, func(i, j int) bool {
		a, b := found[i], found[j]
		if a.generation != b.generation {
			return a.generation < b.generation
		}
		return headers[a].sequence < headers[b].sequence
	})
	// The live ones are the newest and those before it without a gap; of two of one generation, the later written.
	for i := len(found) - 1; i >= 0; i-- {
		s := found[i]
		switch {
		case len(w.segments) > 0 && s.generation == w.segments[0].generation:
			s.generation = 0
		case len(w.segments) > 0 && s.generation != w.segments[0].generation-1:
			s.generation = 0
		default:
			w.segments = slices.Insert(w.segments, 0, s)
		}
	}
	w.spares = slices.DeleteFunc(w.spares, func(s *segment) bool { return s.generation != 0 })
	return headers, w.checkSpares(headers)
}

// checkSpares refuses a file that lost its first frame but holds acknowledged ones of a generation after the newest.
func (w *WAL) checkSpares(headers map[*segment]frame) error {
	var after uint64 = 1
	if len(w.segments) > 0 {
		after = w.active().generation + 1
	}
	for _, s := range w.spares {
		if _, ok := headers[s]; ok {
			continue
		}
		pos, _, err := findFrame(s, 0, func(f *frame) bool { return f.generation >= after && f.batch > 0 })
		if err != nil {
			return err
		}
		if pos >= 0 {
			return &CorruptError{s.name, 0, "its first frame does not check, but later ones do"}
		}
	}
	return nil
}

// replaySegments applies the frames of all live segments.
func (w *WAL) replaySegments(headers map[*segment]frame) error {
	for i, s := range w.segments {
		h := headers[s]
		if h.sequence < w.sequence {
			return &CorruptError{s.name, 0, "its batch sequence is older than that of the segment before"}
		}
		w.sequence = h.sequence
		end, spans, ok := decodeSpans(h.payload)
		if !ok {
			return &CorruptError{s.name, 0, "the list of groups cannot be read"}
		}
		if i == 0 {
			w.adopt(spans)
		} else if last := w.segments[i-1]; end != last.end {
			return &CorruptError{last.name, last.end, fmt.Sprintf("frames up to byte %d were acknowledged", end)}
		} else if !slices.Equal(spans, w.spans()) {
			return &CorruptError{s.name, 0, "the groups are not where the segment before left them"}
		}
		s.end = int64(frameBytes(len(h.payload)))
		if err := w.replay(s); err != nil {
			return err
		}
	}
	if len(w.segments) == 0 {
		return nil
	}
	if err := w.checkTail(w.active()); err != nil {
		return err
	}
	return w.checkPlaces()
}

// adopt takes over the groups as the oldest segment lists them: where their entries are is unknown, and must not
// matter once all segments are read.
func (w *WAL) adopt(spans []span) {
	for _, sp := range spans {
		g := w.groupLocked(sp.group)
		g.first = sp.first
		g.places = make([]place, min(sp.last-sp.first+1, maxSegmentBytes))
	}
}

// replay applies frames of s from s.end on, up to the first that is not one of its own.
func (w *WAL) replay(s *segment) error {
	r := newScanner(s)
	for {
		f, size, ok, err := r.frame(s.end)
		if err != nil {
			return err
		}
		if !ok || f.generation != s.generation || f.sequence < w.sequence || f.kind == kindSegment {
			return nil
		}
		w.sequence = f.sequence
		g := w.groupLocked(f.group)
		switch f.kind {
		case kindEntry:
			if !g.storedLocked(f.index, place{s.generation, uint32(s.end), uint32(size)}) {
				return &CorruptError{s.name, s.end, fmt.Sprintf("group %d: index %d follows %d",
					f.group, f.index, g.lastLocked())}
			}
		case kindDelete:
			if err := g.checkDelete(f.index, f.term); err != nil {
				return &CorruptError{s.name, s.end, err.Error()}
			}
			g.deletedLocked(f.index, f.term)
		}
		s.end += int64(size)
	}
}

// checkTail tells a torn tail from a corrupt middle: it looks behind the end of the newest segment for a frame whose
// batch began after the end, which can only have been written once the bytes at the end were durable.
func (w *WAL) checkTail(s *segment) error {
	last := w.sequence
	pos, _, err := findFrame(s, s.end, func(f *frame) bool {
		return f.generation == s.generation && f.sequence > last && int64(f.batch) > s.end
	})
	if err != nil {
		return err
	}
	if pos >= 0 {
		return &CorruptError{s.name, s.end, fmt.Sprintf("no frame there, but one of a later batch at byte %d", pos)}
	}
	return nil
}

// checkPlaces refuses a log that lacks entries its groups should have.
func (w *WAL) checkPlaces() error {
	for _, g := range w.groups {
		for i, p := range g.places {
			if p.generation == 0 {
				return &CorruptError{w.segments[0].name, 0, fmt.Sprintf(
					"entry %d of group %d lies in the segment of generation %d, which is missing",
					g.first+uint64(i), g.id, w.segments[0].generation-1)}
			}
		}
	}
	return nil
}

// readFrame reads one frame; ok is false when there is none.
func readFrame(s *segment, pos int64) (f frame, ok bool, err error) {
	f, _, ok, err = newScanner(s).frame(pos)
	return f, ok, err
}

// A scanner reads a segment through a window that moves forward.
type scanner struct {
	s    *segment
	base int64
	buf  []byte
}

func newScanner(s *segment) *scanner { return &scanner{s: s} }

// window returns at least n bytes at pos, or what is left of the segment.
func (r *scanner) window(pos int64, n int) ([]byte, error) {
	n = int(min(int64(n), max(r.s.size-pos, 0)))
	if pos >= r.base && pos+int64(n) <= r.base+int64(len(r.buf)) {
		return r.buf[pos-r.base:], nil
	}
	want := int(min(int64(max(n, scanBytes)), r.s.size-pos))
	if cap(r.buf) < want {
		r.buf = make([]byte, want)
	}
	r.buf, r.base = r.buf[:want], pos
	if m, err := r.s.file.ReadAt(r.buf, pos); m < want {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		r.buf = r.buf[:0]
		return nil, fmt.Errorf("wal: read %s at byte %d: %w", r.s.name, pos, err)
	}
	return r.buf, nil
}

// frame decodes the frame at pos; ok is false when there is none. It points into the window.
func (r *scanner) frame(pos int64) (f frame, size int, ok bool, err error) {
	b, err := r.window(pos, frameHeaderBytes)
	if err != nil || len(b) < frameHeaderBytes {
		return frame{}, 0, false, err
	}
	n := frameLen(b)
	if n > r.s.size-pos-frameHeaderBytes {
		return frame{}, 0, false, nil
	}
	size = frameBytes(int(n))
	if b, err = r.window(pos, size); err != nil {
		return frame{}, 0, false, err
	}
	f, ok = decodeFrame(b)
	return f, size, ok, nil
}

// findFrame looks for a readable frame at or behind pos that match accepts, and returns where it is, or -1.
func findFrame(s *segment, pos int64, match func(*frame) bool) (int64, frame, error) {
	var zero [scanBytes / 16]byte
	pos = (pos + frameAlign - 1) &^ (frameAlign - 1)
	r, at := newScanner(s), newScanner(s)
	for pos+frameHeaderBytes <= s.size {
		b, err := r.window(pos, min(scanBytes, int(s.size-pos)))
		if err != nil {
			return -1, frame{}, err
		}
		if len(b) >= len(zero) && bytes.Equal(b[:len(zero)], zero[:]) {
			pos += int64(len(zero)) - frameHeaderBytes
			continue
		}
		step := min(len(b), len(zero))
		for i := 0; i < step && i+frameHeaderBytes <= len(b); i += frameAlign {
			if b[i+28] < kindSegment || b[i+28] > kindDelete || b[i+30] != 0 || b[i+31] != 0 {
				continue
			}
			f, _, ok, err := at.frame(pos + int64(i))
			if err != nil {
				return -1, frame{}, err
			}
			if ok && match(&f) {
				return pos + int64(i), f, nil
			}
		}
		pos += int64(step) &^ (frameAlign - 1)
		if step < frameAlign {
			break
		}
	}
	return -1, frame{}, nil
}
