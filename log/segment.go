package log

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// segment is one file of batches and what is known about them. The fields from size on belong to the partition's mu.
type segment struct {
	dir  string
	base int64  // offset that names the file
	gen  uint32 // of the compaction that wrote it, 0 when none did
	file File

	size      int64  // bytes that readers may reach
	firstTime int64  // base timestamp of the first batch
	maxTime   int64  // newest timestamp
	index     *index // nil: not loaded; the last segment's is always there
	dirty     bool   // written since the last Sync
}

// segmentKey tells the segments of a partition apart.
type segmentKey struct {
	base int64
	gen  uint32
}

func segmentName(k segmentKey, ext string) string {
	if k.gen > 0 {
		return fmt.Sprintf("%020d.c%d%s", k.base, k.gen, ext)
	}
	return fmt.Sprintf("%020d%s", k.base, ext)
}

func (s *segment) path() string { return s.indexPath(extLog) }

func (s *segment) indexPath(ext string) string {
	return filepath.Join(s.dir, segmentName(segmentKey{s.base, s.gen}, ext))
}

const (
	extLog   = ".log"
	extIndex = ".index"
	extTime  = ".timeindex"
	extStart = ".start"
)

// noteLocked takes a batch, just written at pos, into account. The caller holds the partition's mu.
func (s *segment) noteLocked(h *Header, pos int64, interval int) {
	if pos == 0 {
		s.firstTime, s.maxTime = h.BaseTimestamp, h.MaxTimestamp
	}
	s.index.note(h, s.base, pos, interval)
	s.maxTime = max(s.maxTime, h.MaxTimestamp)
}

// readHeader reads the header at pos, of a batch that ends at limit at the latest.
func (s *segment) readHeader(pos, limit int64) (Header, error) {
	var buf [HeaderLen]byte
	if limit-pos < HeaderLen {
		return Header{}, s.corrupt(pos, fmt.Errorf("%w: %d bytes are too few for a batch", ErrCorrupt, limit-pos))
	}
	if err := readFull(s.file, buf[:], pos); err != nil {
		return Header{}, s.corrupt(pos, err)
	}
	h, err := ParseHeader(buf[:])
	if err == nil && pos+int64(h.Size()) > limit {
		err = fmt.Errorf("%w: a batch of %d bytes reaches beyond byte %d", ErrCorrupt, h.Size(), limit)
	}
	if err != nil {
		return h, s.corrupt(pos, err)
	}
	return h, nil
}

// corrupt names the place of an error.
func (s *segment) corrupt(pos int64, err error) error {
	if errors.Is(err, ErrMagic) || errors.Is(err, ErrShort) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return fmt.Errorf("%s at byte %d: %w", s.path(), pos, err)
}

// readFull reads len(b) bytes at pos; fewer are ErrCorrupt, for only bytes known to exist are asked for.
func readFull(r io.ReaderAt, b []byte, pos int64) error {
	n, err := r.ReadAt(b, pos)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the file ends after %d of %d bytes", ErrCorrupt, n, len(b))
	}
	return err
}

// walk calls visit with every batch header in [pos, limit) and its position until it returns false.
// buf, of at least HeaderLen bytes, takes what is read.
func (s *segment) walk(buf []byte, pos, limit int64, visit func(h *Header, pos int64) bool) error {
	var have []byte // bytes at pos
	for pos < limit {
		if len(have) < HeaderLen {
			have = buf[:min(int64(len(buf)), limit-pos)]
			if err := readFull(s.file, have, pos); err != nil {
				return s.corrupt(pos, err)
			}
		}
		h, err := ParseHeader(have)
		if err == nil && pos+int64(h.Size()) > limit {
			err = fmt.Errorf("%w: a batch of %d bytes reaches beyond byte %d", ErrCorrupt, h.Size(), limit)
		}
		if err != nil {
			return s.corrupt(pos, err)
		}
		if !visit(&h, pos) {
			return nil
		}
		pos += int64(h.Size())
		have = have[min(h.Size(), len(have)):]
	}
	return nil
}

// walkBytes is how much of a segment is read at once to hop over its headers.
const walkBytes = 64 << 10
