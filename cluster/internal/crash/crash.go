// Package crash is a disk in memory that forgets what was not synced, for tests of the write-ahead log and of shards.
//
// A crash keeps, of every write since the last sync of its file, any of its 512 byte sectors or none, in any mixture;
// and of every name created or removed since the last sync of its directory, the new state or the old.
package crash

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/leatdb/leat/cluster/wal"
	"github.com/leatdb/leat/log"
)

// ErrPower is what every operation returns once the power is off.
var ErrPower = errors.New("crash: the power is off")

const pageBytes = 512

// A Disk is the disk. Its zero value is empty and has power.
type Disk struct {
	mu      sync.Mutex
	files   map[string]*file
	removed map[string]*file // until the directory is synced
	life    int              // power cycles: handles of an earlier life are dead
	ops     int
	off     bool

	// Fault, when set, is asked before every change: "write", "sync", "create", "remove", "syncdir", "truncate". An error
	// of its is the operation's. It must not call the disk.
	Fault func(op, name string) error
	// PowerOffAt turns the power off before the change with this number, from 1; 0 is never.
	PowerOffAt int
}

type file struct {
	durable, now []byte
	pending      []change
	named        bool // the name is durable
}

type change struct {
	pos  int64
	data []byte
	size int64 // a truncation when data is nil
}

// Ops returns how many changes were made or tried.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// On says whether there is power.
func (d *Disk) On() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.off
}

// Off turns the power off after so many changes more; 0 is now.
func (d *Disk) Off(after int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = after == 0
	d.PowerOffAt = d.ops + after
}

// Crash turns the power off and on again. What was not synced is there or not, as r has it.
func (d *Disk) Crash(r *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.life++
	d.off, d.PowerOffAt, d.ops = false, 0, 0
	for name, f := range d.removed {
		if d.files[name] == nil && r.IntN(2) == 0 {
			d.files[name] = f
		}
	}
	d.removed = nil
	var names []string
	for name := range d.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := d.files[name]
		if !f.named && r.IntN(2) == 0 {
			delete(d.files, name)
			continue
		}
		f.named = true
		f.settle(r)
	}
}

// settle makes up what of the pending changes reached the disk.
func (f *file) settle(r *rand.Rand) {
	for _, c := range f.pending {
		if c.data == nil {
			if r.IntN(2) == 0 {
				f.durable = resize(f.durable, c.size)
			}
			continue
		}
		for len(c.data) > 0 {
			n := min(int64(len(c.data)), pageBytes-c.pos%pageBytes)
			if r.IntN(2) == 0 {
				f.durable = resize(f.durable, max(int64(len(f.durable)), c.pos+n))
				copy(f.durable[c.pos:], c.data[:n])
			}
			c.pos, c.data = c.pos+n, c.data[n:]
		}
	}
	f.pending = nil
	f.now = slices.Clone(f.durable)
}

func resize(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n:n]
	}
	return append(b, make([]byte, n-int64(len(b)))...)
}

// Corrupt changes one byte of a file, durably.
func (d *Disk) Corrupt(name string, pos int64, to byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	f.now[pos], f.durable[pos] = to, to
}

// Bytes returns a copy of what a file holds now, or nil.
func (d *Disk) Bytes(name string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.files[name]; f != nil {
		return slices.Clone(f.now)
	}
	return nil
}

// Put replaces a file, durably.
func (d *Disk) Put(name string, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files == nil {
		d.files = map[string]*file{}
	}
	d.files[name] = &file{durable: slices.Clone(b), now: slices.Clone(b), named: true}
}

// Names returns the names of all files, sorted.
func (d *Disk) Names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for name := range d.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// stepLocked counts a change, and says whether it may happen.
func (d *Disk) stepLocked(op, name string) error {
	d.ops++
	if d.PowerOffAt > 0 && d.ops >= d.PowerOffAt {
		d.off = true
	}
	if d.off {
		return ErrPower
	}
	if d.Fault != nil {
		return d.Fault(op, name)
	}
	return nil
}

func (d *Disk) open(name string, create bool) (*handle, int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.files[name]
	if f == nil {
		if !create {
			return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		if err := d.stepLocked("create", name); err != nil {
			return nil, 0, err
		}
		if d.files == nil {
			d.files = map[string]*file{}
		}
		f = &file{}
		d.files[name] = f
	}
	if d.off {
		return nil, 0, ErrPower
	}
	return &handle{disk: d, name: name, file: f, life: d.life}, int64(len(f.now)), nil
}

func (d *Disk) remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.stepLocked("remove", name); err != nil {
		return err
	}
	f := d.files[name]
	if f == nil {
		return nil // an empty directory
	}
	if d.removed == nil {
		d.removed = map[string]*file{}
	}
	if f.named {
		d.removed[name] = f
	}
	delete(d.files, name)
	return nil
}

func (d *Disk) list(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil, ErrPower
	}
	var names []string
	for name := range d.files {
		if rest, ok := strings.CutPrefix(name, dir+"/"); ok {
			rest, _, _ = strings.Cut(rest, "/")
			if !slices.Contains(names, rest) {
				names = append(names, rest)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

func (d *Disk) syncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.stepLocked("syncdir", dir); err != nil {
		return err
	}
	for name, f := range d.files {
		if filepath.Dir(name) == dir {
			f.named = true
		}
	}
	for name := range d.removed {
		if filepath.Dir(name) == dir {
			delete(d.removed, name)
		}
	}
	return nil
}

// A handle is an open file.
type handle struct {
	disk   *Disk
	name   string
	file   *file
	life   int
	closed bool
}

func (h *handle) usableLocked() error {
	switch {
	case h.closed:
		return fs.ErrClosed
	case h.life != h.disk.life || h.disk.off:
		return ErrPower
	}
	return nil
}

func (h *handle) change(op string) error {
	if err := h.usableLocked(); err != nil {
		return err
	}
	return h.disk.stepLocked(op, h.name)
}

// ReadAt implements io.ReaderAt.
func (h *handle) ReadAt(b []byte, pos int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.usableLocked(); err != nil {
		return 0, err
	}
	if pos >= int64(len(h.file.now)) {
		return 0, io.EOF
	}
	n := copy(b, h.file.now[pos:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt. A write that a fault refuses leaves its first half behind.
func (h *handle) WriteAt(b []byte, pos int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	err := h.change("write")
	if err != nil && !errors.Is(err, ErrPower) && h.usableLocked() == nil {
		b = b[:len(b)/2]
	} else if errors.Is(err, ErrPower) && h.life == h.disk.life && !h.closed {
		// The power fails during the write: its pages may arrive.
	} else if err != nil {
		return 0, err
	}
	f := h.file
	f.now = resize(f.now, max(int64(len(f.now)), pos+int64(len(b))))
	copy(f.now[pos:], b)
	f.pending = append(f.pending, change{pos: pos, data: slices.Clone(b)})
	return len(b), err
}

// Truncate implements log.FileControl.
func (h *handle) Truncate(size int64) error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.change("truncate"); err != nil {
		return err
	}
	h.file.now = slices.Clone(resize(h.file.now, size))
	h.file.pending = append(h.file.pending, change{size: size})
	return nil
}

// Size implements log.FileControl.
func (h *handle) Size() (int64, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return int64(len(h.file.now)), h.usableLocked()
}

// Sync makes what was written durable.
func (h *handle) Sync() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.change("sync"); err != nil {
		return err
	}
	h.file.durable, h.file.pending = slices.Clone(h.file.now), nil
	return nil
}

// Close closes the handle; it syncs nothing.
func (h *handle) Close() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	h.closed = true
	return nil
}

type walFS struct{ d *Disk }

// WAL returns the disk as the write-ahead log sees it.
func (d *Disk) WAL() wal.FS { return walFS{d} }

func (f walFS) Open(name string) (wal.File, int64, error) {
	h, n, err := f.d.open(name, true)
	if err != nil {
		return nil, 0, err
	}
	return h, n, nil
}
func (f walFS) List(dir string) ([]string, error) { return f.d.list(dir) }
func (f walFS) Remove(name string) error          { return f.d.remove(name) }
func (f walFS) SyncDir(dir string) error          { return f.d.syncDir(dir) }

type logFS struct{ d *Disk }

// Log returns the disk as a partition sees it.
func (d *Disk) Log() log.FS { return logFS{d} }

func (f logFS) Open(name string, create bool) (log.File, error) {
	h, _, err := f.d.open(name, create)
	if err != nil {
		return nil, err
	}
	return h, nil
}
func (f logFS) List(dir string) ([]string, error) { return f.d.list(dir) }
func (f logFS) Remove(name string) error          { return f.d.remove(name) }
func (f logFS) SyncDir(dir string) error          { return f.d.syncDir(dir) }
