package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync"
)

// slotBytes is the size of each of the two slots of the stable file: room for terms and votes of hundreds of groups.
const slotBytes = 64 << 10

// slotHeaderBytes is checksum, length and version.
const slotHeaderBytes = 16

// A stableFile keeps the terms and votes of all groups: two slots, written in turn, allocated once. An election must
// be possible on a full disk (the library panics when it cannot store a term), which is why they are not in the log.
type stableFile struct {
	name string
	file File

	mu      sync.Mutex
	version uint64
	values  map[stableKey][]byte
	failed  error
}

type stableKey struct {
	group uint64
	key   string
}

func openStable(fs FS, dir string) (*stableFile, error) {
	name := filepath.Join(dir, "stable")
	f, size, err := fs.Open(name)
	if err != nil {
		return nil, fmt.Errorf("wal: %w", err)
	}
	s := &stableFile{name: name, file: f, values: map[stableKey][]byte{}}
	if size < 2*slotBytes { // new, or a first start that did not finish
		_, err = f.WriteAt(make([]byte, 2*slotBytes), 0)
		if err == nil {
			err = f.Sync()
		}
		if err == nil {
			err = fs.SyncDir(dir)
		}
	} else {
		err = s.load()
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("wal: %s: %w", name, err)
	}
	return s, nil
}

// load reads the newer of the two slots. One of them may be torn: it was not acknowledged then.
func (s *stableFile) load() error {
	b := make([]byte, 2*slotBytes)
	if n, err := s.file.ReadAt(b, 0); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	bad := 0
	for _, slot := range [][]byte{b[:slotBytes], b[slotBytes:]} {
		version, values, ok := decodeSlot(slot)
		if !ok {
			bad++
			continue
		}
		if version > s.version {
			s.version, s.values = version, values
		}
	}
	if bad == 2 {
		return &CorruptError{s.name, 0, "neither slot checks"}
	}
	return nil
}

// decodeSlot reads a slot; one of zeros is version 0.
func decodeSlot(b []byte) (version uint64, values map[stableKey][]byte, ok bool) {
	le := binary.LittleEndian
	n := le.Uint32(b[4:])
	version = le.Uint64(b[8:])
	if n == 0 && version == 0 && le.Uint32(b) == 0 {
		return 0, nil, true
	}
	if int(n) > len(b)-slotHeaderBytes || le.Uint32(b) != crc32.Checksum(b[4:slotHeaderBytes+n], castagnoli) {
		return 0, nil, false
	}
	values = map[stableKey][]byte{}
	for b = b[slotHeaderBytes : slotHeaderBytes+n]; len(b) > 0; {
		if len(b) < 12 {
			return 0, nil, false
		}
		group, kn, vn := le.Uint64(b), int(le.Uint16(b[8:])), int(le.Uint16(b[10:]))
		if b = b[12:]; len(b) < kn+vn {
			return 0, nil, false
		}
		values[stableKey{group, string(b[:kn])}] = slices.Clone(b[kn : kn+vn])
		b = b[kn+vn:]
	}
	return version, values, true
}

// encodeSlot is the inverse of decodeSlot.
func encodeSlot(version uint64, values map[stableKey][]byte) []byte {
	le := binary.LittleEndian
	b := make([]byte, slotHeaderBytes)
	for k, v := range values {
		b = le.AppendUint64(b, k.group)
		b = le.AppendUint16(b, uint16(len(k.key)))
		b = le.AppendUint16(b, uint16(len(v)))
		b = append(append(b, k.key...), v...)
	}
	le.PutUint32(b[4:], uint32(len(b)-slotHeaderBytes))
	le.PutUint64(b[8:], version)
	le.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
	return b
}

// set makes one value durable.
func (s *stableFile) set(k stableKey, v []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	values := maps.Clone(s.values)
	values[k] = slices.Clone(v)
	b := encodeSlot(s.version+1, values)
	if len(b) > slotBytes || len(v) > 1<<16-1 || len(k.key) > 1<<16-1 {
		return ErrTooLarge
	}
	pos := int64((s.version + 1) % 2 * slotBytes)
	_, err := s.file.WriteAt(b, pos)
	if err == nil {
		err = s.file.Sync()
	}
	if err != nil {
		s.failed = fmt.Errorf("%w: %s: %w", ErrFailed, s.name, err)
		return s.failed
	}
	s.version, s.values = s.version+1, values
	return nil
}

func (s *stableFile) get(k stableKey) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.values[k])
}

// Set implements raft.StableStore. The library panics when it fails, so nothing but a broken disk makes it fail.
func (g *Group) Set(key, val []byte) error {
	err := g.wal.stable.set(stableKey{g.id, string(key)}, val)
	if errors.Is(err, ErrFailed) {
		return g.wal.fail(err)
	}
	return err
}

// Get implements raft.StableStore.
func (g *Group) Get(key []byte) ([]byte, error) {
	return g.wal.stable.get(stableKey{g.id, string(key)}), nil
}

// SetUint64 implements raft.StableStore.
func (g *Group) SetUint64(key []byte, val uint64) error {
	return g.Set(key, binary.BigEndian.AppendUint64(nil, val))
}

// GetUint64 implements raft.StableStore: 0 when the key was never set.
func (g *Group) GetUint64(key []byte) (uint64, error) {
	b, _ := g.Get(key)
	if len(b) != 8 {
		return 0, nil
	}
	return binary.BigEndian.Uint64(b), nil
}
