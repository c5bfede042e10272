// Package logtest is a file system in memory that fails as disks and power supplies do: writes that were not synced
// are lost or torn, an fsync or a full disk returns an error, and any operation can be the last.
package logtest

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/leatdb/leat/log"
)

// Op is a kind of operation that changes something.
type Op string

// The operations that FS.Before is asked about.
const (
	OpCreate   Op = "create"
	OpRemove   Op = "remove"
	OpWrite    Op = "write"
	OpTruncate Op = "truncate"
	OpSync     Op = "sync"
	OpSyncDir  Op = "sync directory"
)

// FS is a log.FS in memory. The zero value is an empty one.
type FS struct {
	// Before, when not nil, is called ahead of every operation that changes something; its error is the operation's.
	// It is set before use, and called one at a time.
	Before func(op Op, name string) error
	// CapacityBytes, when positive, is the room for file contents: a write beyond it is cut short with ENOSPC.
	CapacityBytes int64

	mu      sync.Mutex
	files   map[string]*node // what a process sees
	durable map[string]*node // entries that would survive a power cut
	used    int64
}

// node is a file: its bytes, and those that were synced.
type node struct {
	data, synced []byte
}

type file struct {
	fs     *FS
	name   string
	node   *node
	closed bool // guarded by fs.mu
}

// SetCapacity changes CapacityBytes of a file system in use.
func (f *FS) SetCapacity(sizeBytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.CapacityBytes = sizeBytes
}

// Crash is what a machine finds after the power was cut: every change that was not synced is there, or not, or in
// part, as random says. A nil random keeps nothing that was not synced.
func (f *FS) Crash(random *rand.Rand) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	luck := func() bool { return random != nil && random.IntN(2) == 0 }
	after := &FS{files: map[string]*node{}, durable: map[string]*node{}}
	for _, name := range sortedNames(f.durable, f.files) {
		n, inDurable := f.durable[name]
		if seen, inFiles := f.files[name]; inFiles != inDurable || seen != n {
			if luck() {
				n, inDurable = seen, inFiles
			}
		}
		if !inDurable {
			continue
		}
		b := slices.Clone(n.synced)
		if random != nil {
			b = tear(random, n)
		}
		left := &node{data: b, synced: slices.Clone(b)}
		after.files[name], after.durable[name] = left, left
		after.used += int64(len(b))
	}
	return after
}

// tear mixes the synced and the written bytes of a file, in blocks as a disk would.
func tear(random *rand.Rand, n *node) []byte {
	const block = 512
	size := len(n.synced)
	if d := len(n.data) - size; d > 0 {
		size += random.IntN(d + 1)
	} else if random.IntN(2) == 0 {
		size = len(n.data)
	}
	b := make([]byte, size)
	copy(b, n.synced)
	for at := 0; at < min(size, len(n.data)); at += block {
		if random.IntN(2) == 0 {
			copy(b[at:min(at+block, size)], n.data[at:])
		}
	}
	return b
}

func sortedNames(maps ...map[string]*node) []string {
	var names []string
	for _, m := range maps {
		for name := range m {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Bytes is the content of a file as a process sees it, nil when there is none.
func (f *FS) Bytes(name string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.files[name]; n != nil {
		return slices.Clone(n.data)
	}
	return nil
}

// Put makes a file of these bytes, durable at once.
func (f *FS) Put(name string, b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.init()
	n := &node{data: slices.Clone(b), synced: slices.Clone(b)}
	if old := f.files[name]; old != nil {
		f.used -= int64(len(old.data))
	}
	f.used += int64(len(b))
	f.files[name], f.durable[name] = n, n
}

func (f *FS) init() {
	if f.files == nil {
		f.files, f.durable = map[string]*node{}, map[string]*node{}
	}
}

func (f *FS) before(op Op, name string) error {
	f.init()
	if f.Before == nil {
		return nil
	}
	if err := f.Before(op, name); err != nil {
		return &fs.PathError{Op: string(op), Path: name, Err: err}
	}
	return nil
}

// Open opens a file; see log.FS.
func (f *FS) Open(name string, create bool) (log.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.files[name]
	if n == nil {
		if !create {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		if err := f.before(OpCreate, name); err != nil {
			return nil, err
		}
		n = new(node)
		f.files[name] = n
	}
	return &file{fs: f, name: name, node: n}, nil
}

// Remove unlinks a file, or does nothing to a directory that holds none.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.files[name]
	if n == nil {
		if filepath.Ext(name) == "" {
			return nil
		}
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	if err := f.before(OpRemove, name); err != nil {
		return err
	}
	delete(f.files, name)
	f.used -= int64(len(n.data))
	return nil
}

// List names the files of a directory in order.
func (f *FS) List(dir string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for _, name := range sortedNames(f.files) {
		if filepath.Dir(name) == filepath.Clean(dir) {
			names = append(names, filepath.Base(name))
		}
	}
	if names == nil {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: fs.ErrNotExist}
	}
	return names, nil
}

// SyncDir makes the entries of a directory durable.
func (f *FS) SyncDir(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.before(OpSyncDir, dir); err != nil {
		return err
	}
	prefix := filepath.Clean(dir) + string(filepath.Separator)
	for name := range f.durable {
		if strings.HasPrefix(name, prefix) && f.files[name] == nil {
			delete(f.durable, name)
		}
	}
	for name, n := range f.files {
		if strings.HasPrefix(name, prefix) {
			f.durable[name] = n
		}
	}
	return nil
}

// lock takes the file system's lock, and fails when the file is closed.
func (f *file) lock(op string) error {
	f.fs.mu.Lock()
	if f.closed {
		f.fs.mu.Unlock()
		return &fs.PathError{Op: op, Path: f.name, Err: fs.ErrClosed}
	}
	return nil
}

func (f *file) ReadAt(b []byte, at int64) (int, error) {
	if err := f.lock("read"); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if at >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.node.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(b []byte, at int64) (int, error) {
	if err := f.lock("write"); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if err := f.fs.before(OpWrite, f.name); err != nil {
		half := b[:len(b)/2]
		f.grow(at + int64(len(half)))
		return copy(f.node.data[at:], half), err
	}
	end := at + int64(len(b))
	if room := f.fs.CapacityBytes - f.fs.used; f.fs.CapacityBytes > 0 && end-int64(len(f.node.data)) > room {
		end = max(int64(len(f.node.data))+max(room, 0), at)
		f.grow(end)
		n := copy(f.node.data[at:end], b)
		return n, &fs.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
	}
	f.grow(end)
	return copy(f.node.data[at:], b), nil
}

// grow extends the file to size bytes; the caller holds the lock.
func (f *file) grow(size int64) {
	if d := size - int64(len(f.node.data)); d > 0 {
		f.node.data = append(f.node.data, make([]byte, d)...)
		f.fs.used += d
	}
}

func (f *file) Size() (int64, error) {
	if err := f.lock("stat"); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *file) Truncate(size int64) error {
	if err := f.lock("truncate"); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	if err := f.fs.before(OpTruncate, f.name); err != nil {
		return err
	}
	f.grow(size)
	f.fs.used -= int64(len(f.node.data)) - size
	f.node.data = f.node.data[:size:size]
	return nil
}

func (f *file) Sync() error {
	if err := f.lock("sync"); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	if err := f.fs.before(OpSync, f.name); err != nil {
		return err
	}
	f.node.synced = slices.Clone(f.node.data)
	return nil
}

func (f *file) Close() error {
	if err := f.lock("close"); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.closed = true
	return nil
}
