package log

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"sort"
)

// An index maps offsets and times of one segment to positions, sparsely: an entry for the first batch at or after
// every interval of bytes. The two files hold one entry each per index point, so their lengths agree:
//
//	.index      relative offset u32 | position u32 | crc u32
//	.timeindex  newest time before i64 | relative offset u32 | crc u32
//
// big-endian; crc is CRC-32C of the bytes in front of it. An entry stands for a batch: its base offset less the
// segment's, its position, and the newest timestamp among the batches before it (the least int64 when there is none).
// Files are appended to at Sync and never synced: loading takes the good entries at the front and hops over the
// headers of the rest.
type index struct {
	points []indexPoint
	saved  int // points in the files

	maxTime int64 // newest timestamp so far
	noted   bool  // a batch was noted
}

type indexPoint struct {
	rel, pos uint32
	maxTime  int64 // of the batches before; math.MinInt64 when there is none
}

const (
	indexEntryLen = 12
	timeEntryLen  = 16
)

// note adds a batch that begins at pos.
func (x *index) note(h *Header, base, pos int64, interval int) {
	rel := uint32(h.BaseOffset - base)
	if n := len(x.points); n == 0 || pos-int64(x.points[n-1].pos) >= int64(interval) {
		at := indexPoint{rel: rel, pos: uint32(pos), maxTime: math.MinInt64}
		if x.noted {
			at.maxTime = x.maxTime
		}
		x.points = append(x.points, at)
	}
	if !x.noted || h.MaxTimestamp > x.maxTime {
		x.noted, x.maxTime = true, h.MaxTimestamp
	}
}

// byOffset gives the last point at or before the relative offset. There is always a point at position 0 when there is
// a batch.
func (x *index) byOffset(rel int64) indexPoint {
	n := sort.Search(len(x.points), func(i int) bool { return int64(x.points[i].rel) > rel })
	return x.at(n - 1)
}

// at gives point i, the first one when there is none before. A segment that was compacted may begin behind its name.
func (x *index) at(i int) indexPoint {
	if len(x.points) == 0 {
		return indexPoint{maxTime: math.MinInt64}
	}
	return x.points[max(i, 0)]
}

// byTime gives the last point all batches before which are older than ms.
func (x *index) byTime(ms int64) indexPoint {
	n := sort.Search(len(x.points), func(i int) bool { return x.points[i].maxTime >= ms })
	return x.at(n - 1)
}

// loadIndex reads the index files of a segment as far as they are good, and completes the index up to size bytes.
// It returns the offset behind the last batch too.
func (s *segment) loadIndex(fs FS, size int64, interval int) (*index, int64, error) {
	x := &index{points: s.readIndex(fs, size)}
	x.saved = len(x.points)
	if n := x.saved; n > 0 {
		at := x.points[n-1]
		h, err := s.readHeader(int64(at.pos), size)
		if err != nil || h.BaseOffset != s.base+int64(at.rel) {
			return s.scanIndex(&index{}, size, interval)
		}
		x.points = x.points[:n-1]
		x.noted, x.maxTime = at.pos > 0, at.maxTime
		return s.scanIndexFrom(x, int64(at.pos), size, interval)
	}
	return s.scanIndex(x, size, interval)
}

// scanIndex makes the index by hopping over every header.
func (s *segment) scanIndex(x *index, size int64, interval int) (*index, int64, error) {
	return s.scanIndexFrom(x, 0, size, interval)
}

func (s *segment) scanIndexFrom(x *index, pos, size int64, interval int) (*index, int64, error) {
	next := s.base
	if n := len(x.points); n > 0 {
		next += int64(x.points[n-1].rel)
	}
	var disorder error
	buf := make([]byte, max(HeaderLen, min(walkBytes, size-pos)))
	err := s.walk(buf, pos, size, func(h *Header, pos int64) bool {
		if h.BaseOffset < next || h.BaseOffset-s.base > math.MaxUint32 {
			disorder = s.corrupt(pos, fmt.Errorf("%w: batch at offset %d where %d or more belongs",
				ErrCorrupt, h.BaseOffset, next))
			return false
		}
		x.note(h, s.base, pos, interval)
		next = h.LastOffset() + 1
		return true
	})
	return x, next, errors.Join(err, disorder)
}

// readIndex gives the points at the front of the index files that can be true.
func (s *segment) readIndex(fs FS, size int64) []indexPoint {
	offsets := readCache(fs, s.indexPath(extIndex))
	times := readCache(fs, s.indexPath(extTime))
	n := min(len(offsets)/indexEntryLen, len(times)/timeEntryLen)
	points := make([]indexPoint, 0, n)
	for i := range n {
		o, t := offsets[i*indexEntryLen:][:indexEntryLen], times[i*timeEntryLen:][:timeEntryLen]
		if !sealed(o) || !sealed(t) {
			break
		}
		at := indexPoint{
			rel:     binary.BigEndian.Uint32(o),
			pos:     binary.BigEndian.Uint32(o[4:]),
			maxTime: int64(binary.BigEndian.Uint64(t)),
		}
		if int64(at.pos) >= size || binary.BigEndian.Uint32(t[8:]) != at.rel {
			break
		}
		if i == 0 && (at.pos != 0 || at.maxTime != math.MinInt64) {
			break
		}
		if i > 0 {
			last := points[i-1]
			if at.pos <= last.pos || at.rel <= last.rel || at.maxTime < last.maxTime {
				break
			}
		}
		points = append(points, at)
	}
	return points
}

// readCache reads a whole file; a cache that cannot be read is empty.
func readCache(fs FS, name string) []byte {
	f, err := fs.Open(name, false)
	if err != nil {
		return nil
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil || size > math.MaxInt32 {
		return nil
	}
	b := make([]byte, size)
	if readFull(f, b, 0) != nil {
		return nil
	}
	return b
}

// sealed reports whether the entry's last four bytes are the CRC of the others.
func sealed(entry []byte) bool {
	n := len(entry) - 4
	return crc32.Checksum(entry[:n], castagnoli) == binary.BigEndian.Uint32(entry[n:])
}

func seal(dst []byte, entryLen int) []byte {
	return binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[len(dst)-entryLen+4:], castagnoli))
}

// saveIndex appends the index points of a segment that are not in its files yet. Failing is no error: loading makes
// up for what is missing. A sealed segment's index then leaves memory.
func (p *Partition) saveIndex(s *segment) {
	p.mu.RLock()
	x, last := s.index, s == p.segments[len(p.segments)-1]
	if x == nil {
		p.mu.RUnlock()
		return
	}
	from := x.saved
	points := x.points[from:len(x.points):len(x.points)]
	p.mu.RUnlock()

	if len(points) > 0 && writePoints(p.fs, s, points, from) == nil {
		p.mu.Lock()
		x.saved = from + len(points)
		p.mu.Unlock()
	}
	if !last {
		p.mu.Lock()
		if s != p.recent && s != p.segments[len(p.segments)-1] {
			s.index = nil
		}
		p.mu.Unlock()
	}
}

// writePoints puts points behind the first from entries of the index files, and cuts the files there.
func writePoints(fs FS, s *segment, points []indexPoint, from int) error {
	offsets := make([]byte, 0, len(points)*indexEntryLen)
	times := make([]byte, 0, len(points)*timeEntryLen)
	for _, at := range points {
		offsets = binary.BigEndian.AppendUint32(offsets, at.rel)
		offsets = seal(binary.BigEndian.AppendUint32(offsets, at.pos), indexEntryLen)
		times = binary.BigEndian.AppendUint64(times, uint64(at.maxTime))
		times = seal(binary.BigEndian.AppendUint32(times, at.rel), timeEntryLen)
	}
	return errors.Join(
		writeCache(fs, s.indexPath(extIndex), offsets, int64(from*indexEntryLen)),
		writeCache(fs, s.indexPath(extTime), times, int64(from*timeEntryLen)))
}

func writeCache(fs FS, name string, b []byte, at int64) (err error) {
	f, err := fs.Open(name, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteAt(b, at); err != nil {
		return err
	}
	return f.Truncate(at + int64(len(b)))
}
