package state

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"go.etcd.io/bbolt"

	"github.com/leatdb/leat/log/mapped"
	"github.com/leatdb/leat/sql/sqlerr"
)

// The library that keeps the file has checksums of its two meta pages only. So this package keeps one of every other
// page that the tree of the last transaction has. Such a page does not change: what changes is written to others. After
// each transaction the pages that have come into the tree are summed, and those that have left it are looked at once
// more, for what was copied from them must be what they were. Whoever reads looks at the page that it finds a key in.
// The sums are in memory, and in a file beside that is written after each checkpoint. A file that another binary has
// written since, or a crash has left between the two, is taken as it is, and its pages are summed when it is opened.
//
//	"leatsums", transaction (8 bytes), checksum of its meta page (8 bytes), size of a page (4 bytes), number of pages
//	(4 bytes), for each a sum (4 bytes; 0: it is not in the tree), CRC-32C of all before (4 bytes)
const (
	sumsMagic  = "leatsums"
	sumsHead   = 32
	sumsSuffix = ".sums"
	// unknownTx is that of a file that is known to be damaged.
	unknownTx = ^uint64(0)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// pageSums are the sums of a file's pages. The goroutine that writes the file changes them.
type pageSums struct {
	path string // of the file beside
	size int    // of a page

	mu   sync.Mutex // guards what follows
	tx   uint64     // whose tree they are of
	root uint64
	kept uint64 // the transaction of the sums in the file beside

	// list has them by page. Whoever reads a version of the file looks at those of its pages only, which stay.
	list atomic.Pointer[[]pageSum]
	// round counts the checkpoints: between two of them who reads looks at a page once.
	round atomic.Uint32
}

// pageSum is the sum of a page, and the round in which it was looked at last.
type pageSum struct{ sum, looked atomic.Uint32 }

// sumOf is the sum of a page, by its number: a page in another's place is found too. It is never 0.
func sumOf(id uint64, page []byte) uint32 {
	return max(crc32.Update(uint32(id*0x9e3779b1), castagnoli, page), 1)
}

// of returns the sum of a page; 0 for none.
func (p *pageSums) of(id uint64) uint32 {
	if list := *p.list.Load(); id < uint64(len(list)) {
		return list[id].sum.Load()
	}
	return 0
}

// sound looks at a page of which there is a sum, unless that has been done in the round. The page may leave the tree
// meanwhile, where the reader is of a version before: its sum goes then, after it has been looked at.
func (p *pageSums) sound(id uint64, page unsafe.Pointer) bool {
	s, round := &(*p.list.Load())[id], p.round.Load()
	if s.looked.Load() == round {
		return true
	}
	if is := sumOf(id, unsafe.Slice((*byte)(page), p.size)); is != s.sum.Load() && s.sum.Load() != 0 {
		return false
	}
	s.looked.Store(round)
	return true
}

// at returns the sums by page after a transaction; nil where they are of another.
func (p *pageSums) at(tx uint64) []uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tx != tx {
		return nil
	}
	list := *p.list.Load()
	sums := make([]uint32, len(list))
	for i := range list {
		sums[i] = list[i].sum.Load()
	}
	return sums
}

// grow makes room for the sums of pages up to a number.
func (p *pageSums) grow(pages uint64) {
	old := *p.list.Load()
	if uint64(len(old)) >= pages {
		return
	}
	list := make([]pageSum, max(pages, uint64(len(old)*5/4)))
	for i := range old {
		list[i].sum.Store(old[i].sum.Load())
	}
	p.list.Store(&list)
}

// Damage is the error of a state file that is not what was written, or that the disk does not give; goroutines that
// meet it panic with it.
type Damage struct {
	of    *sqlerr.Error
	cause error // of what cannot be read; nil else
}

// Error implements error.
func (d Damage) Error() string { return d.of.Error() }

// Unwrap gives the error as users see it, and its cause.
func (d Damage) Unwrap() []error { return []error{d.of, d.cause} }

// IsDamage reports whether an error is a Damage.
func IsDamage(err error) bool {
	var d Damage
	return errors.As(err, &d)
}

func damaged(path string, id uint64) error {
	return Damage{of: sqlerr.New(sqlerr.DataCorrupted, "page %d of the state file %s is not what was written", id,
		strings.TrimSuffix(path, sumsSuffix))}
}

// unread makes a Damage of a page that the disk does not give; other errors stay.
func unread(path string, err error) error {
	if !mapped.IsFault(err) || IsDamage(err) {
		return err
	}
	return Damage{sqlerr.New(sqlerr.IOError, "the state file %s cannot be read: %v", path, err), err}
}

// advance takes in what the last transaction has changed. It returns an error when what the transaction copied was not
// what had been written.
func (p *pageSums) advance(db *mapped.DB) error {
	return db.View(func(tx *bbolt.Tx) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		w := newWalk(p, db, tx)
		root := uint64(tx.Cursor().Bucket().Root())
		p.grow(w.pages)
		err := w.come(root)
		if err == nil && p.root != 0 {
			err = w.leave(p.root)
		}
		p.tx, p.root = uint64(tx.ID()), root
		if err != nil {
			p.tx = unknownTx
		}
		return err
	})
}

// walk goes from the tree of one transaction to that of the next.
type walk struct {
	p     *pageSums
	data  unsafe.Pointer
	pages uint64
	both  map[uint64]struct{} // pages of the tree before at which the walk through the new one has ended
}

func newWalk(p *pageSums, db *mapped.DB, tx *bbolt.Tx) *walk {
	info := db.Info()
	return &walk{p: p, data: *(*unsafe.Pointer)(unsafe.Pointer(&info.Data)), both: map[uint64]struct{}{},
		pages: uint64(tx.Size()) / uint64(p.size)}
}

func (w *walk) page(id uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(w.data, uintptr(id)*uintptr(w.p.size))), w.p.size)
}

// come sums what is new below a page of the new tree.
func (w *walk) come(id uint64) error {
	if w.p.of(id) != 0 {
		w.both[id] = struct{}{}
		return nil
	}
	n, children, err := w.parse(id)
	if err != nil {
		return err
	}
	for i := range n {
		(*w.p.list.Load())[id+i].sum.Store(sumOf(id+i, w.page(id+i)))
	}
	for _, child := range children {
		if err := w.come(child); err != nil {
			return err
		}
	}
	return nil
}

// leave looks at what is not in the new tree any more of a page of the one before, and forgets its sums.
func (w *walk) leave(id uint64) error {
	if _, stays := w.both[id]; stays {
		return nil
	}
	n, children, err := w.parse(id)
	if err != nil {
		return err
	}
	for i := range n {
		sum := &(*w.p.list.Load())[id+i].sum
		if sum.Load() != sumOf(id+i, w.page(id+i)) {
			return damaged(w.p.path, id+i)
		}
		sum.Store(0)
	}
	for _, child := range children {
		if err := w.leave(child); err != nil {
			return err
		}
	}
	return nil
}

// The form of the library's pages: a head of 16 bytes (number 8, flags 2, number of elements 2, further pages 4), and
// elements of 16 bytes. Those of a branch are place of the key 4, its length 4, page 8; those of a leaf flags 4, place
// of the key 4, its length 4, length of the value 4. The value of a bucket begins with its root, 0 where it is inline.
const (
	pageHead   = 16
	branchPage = 1
	leafPage   = 2
	bucketLeaf = 1
)

// parse returns how many pages a page takes, and the pages below it.
func (w *walk) parse(id uint64) (n uint64, children []uint64, err error) {
	bad := damaged(w.p.path, id)
	if id < 2 || id >= w.pages {
		return 0, nil, bad
	}
	head := w.page(id)
	flags, count := binary.NativeEndian.Uint16(head[8:]), int(binary.NativeEndian.Uint16(head[10:]))
	n = uint64(binary.NativeEndian.Uint32(head[12:])) + 1
	if binary.NativeEndian.Uint64(head) != id || n > w.pages-id {
		return 0, nil, bad
	}
	all := unsafe.Slice(unsafe.SliceData(head), n*uint64(w.p.size))
	if pageHead+count*16 > len(all) || flags != branchPage && flags != leafPage {
		return 0, nil, bad
	}
	for at := pageHead; at < pageHead+count*16; at += 16 {
		e := all[at : at+16]
		if flags == branchPage {
			children = append(children, binary.NativeEndian.Uint64(e[8:]))
			continue
		}
		if binary.NativeEndian.Uint32(e)&bucketLeaf == 0 {
			continue
		}
		value := uint64(at) + uint64(binary.NativeEndian.Uint32(e[4:])) + uint64(binary.NativeEndian.Uint32(e[8:]))
		if value+8 > uint64(len(all)) {
			return 0, nil, bad
		}
		if root := binary.NativeEndian.Uint64(all[value:]); root != 0 {
			children = append(children, root)
		}
	}
	return n, children, nil
}

// save writes the sums beside the file. They need not reach the disk: without them the file is taken as it is.
func (p *pageSums) save(db *mapped.DB) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tx == p.kept {
		return nil
	}
	list := *p.list.Load()
	meta, err := p.metaSum(db)
	if err != nil {
		return err
	}
	b := append(make([]byte, 0, sumsHead+4*len(list)+4), sumsMagic...)
	b = binary.BigEndian.AppendUint64(b, p.tx)
	b = binary.BigEndian.AppendUint64(b, meta)
	b = binary.BigEndian.AppendUint32(b, uint32(p.size))
	b = binary.BigEndian.AppendUint32(b, uint32(len(list)))
	for i := range list {
		b = binary.BigEndian.AppendUint32(b, list[i].sum.Load())
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if err := os.WriteFile(p.path+".new", b, 0o644); err != nil {
		return err
	}
	p.kept = p.tx
	return os.Rename(p.path+".new", p.path)
}

// metaSum is the checksum of the meta page of the last transaction.
func (p *pageSums) metaSum(db *mapped.DB) (sum uint64, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		for id := range uint64(2) { // in a copy it may be either
			if m := readMeta(newWalk(p, db, tx).page(id)); m.ok && m.tx == uint64(tx.ID()) {
				sum = m.sum
			}
		}
		return nil
	})
	return sum, err
}

// metaPage is what the library says in a meta page.
type metaPage struct {
	tx, sum uint64
	ok      bool // it has the checksum that it should have
}

func readMeta(page []byte) metaPage {
	const length = 56
	if len(page) < pageHead+length+8 {
		return metaPage{}
	}
	body := page[pageHead:]
	h := fnv.New64a()
	h.Write(body[:length])
	m := metaPage{tx: binary.NativeEndian.Uint64(body[length-8:]), sum: binary.NativeEndian.Uint64(body[length:])}
	m.ok = h.Sum64() == m.sum
	return m
}

// readSums reads the sums beside a file; nil where there are none that can be read.
func readSums(path string) (tx, meta uint64, size int, sums []byte) {
	b, err := os.ReadFile(path + sumsSuffix)
	if err != nil || len(b) < sumsHead+4 || string(b[:8]) != sumsMagic {
		return 0, 0, 0, nil
	}
	body := b[:len(b)-4]
	n := int(binary.BigEndian.Uint32(b[28:]))
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(b[len(body):]) || len(body) != sumsHead+4*n {
		return 0, 0, 0, nil
	}
	return binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:]), int(binary.BigEndian.Uint32(b[24:])),
		body[sumsHead:]
}

// Check looks at every page of a state file that is not open. When one is not what was written that is a Damage. A file
// that is not there, or that has no sums, is all right.
func Check(path string) error {
	_, err := check(path)
	return diskError("cannot read state file "+path, err)
}

// WriteSums sums the pages of a file that has come from elsewhere.
func WriteSums(path string) error {
	db, err := mapped.Open(path, 0o600, bbolt.Options{Timeout: time.Second, ReadOnly: true})
	if err == nil {
		_, err = openSums(path, db, nil)
		err = errors.Join(unread(path, err), db.Close())
	}
	return diskError("cannot read state file "+path, err)
}

// RemoveSums removes the sums beside a file that another is to take the place of.
func RemoveSums(path string) error {
	if err := os.Remove(path + sumsSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// check is Check; it returns the sums where they are of the file as it is.
func check(path string) (sums []byte, err error) {
	tx, meta, size, sums := readSums(path)
	if sums == nil {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var metas [2]metaPage
	for i := range metas {
		page := make([]byte, pageHead+64)
		if _, err := f.ReadAt(page, int64(i)*int64(size)); err == io.EOF {
			return nil, damaged(path, uint64(i))
		} else if err != nil {
			return nil, err
		}
		metas[i] = readMeta(page)
	}
	last := metas[0]
	if !last.ok || metas[1].ok && metas[1].tx > last.tx {
		last = metas[1]
	}
	switch {
	case tx == unknownTx:
		return nil, damaged(path, 0)
	case !last.ok, last.tx < tx && !(metas[0].ok && metas[1].ok): // the page of the last transaction is what is wrong
		return nil, damaged(path, tx%2)
	case last.tx != tx || last.sum != meta:
		return nil, nil
	}
	return sums, checkPages(f, path, size, sums)
}

// checkPages compares the pages of a file with their sums.
func checkPages(f *os.File, path string, size int, sums []byte) error {
	const atOnce = 256
	buf := make([]byte, atOnce*size)
	for first := 0; first < len(sums)/4; first += atOnce {
		n, err := f.ReadAt(buf, int64(first)*int64(size))
		if err != nil && err != io.EOF {
			return err
		}
		for i := range min(atOnce, len(sums)/4-first) {
			id := uint64(first + i)
			want := binary.BigEndian.Uint32(sums[4*id:])
			if want != 0 && ((i+1)*size > n || sumOf(id, buf[i*size:(i+1)*size]) != want) {
				return damaged(path, id)
			}
		}
	}
	return nil
}

// openSums returns the sums of a file that was opened just now: those beside it, or else of what it holds.
func openSums(path string, db *mapped.DB, beside []byte) (*pageSums, error) {
	p := &pageSums{path: path + sumsSuffix, size: db.Info().PageSize}
	list := make([]pageSum, len(beside)/4)
	for i := range list {
		list[i].sum.Store(binary.BigEndian.Uint32(beside[4*i:]))
	}
	p.list.Store(&list)
	p.round.Store(1)
	if beside == nil {
		if err := p.advance(db); err != nil {
			return nil, err
		}
		return p, p.save(db)
	}
	return p, db.View(func(tx *bbolt.Tx) error {
		p.tx, p.root = uint64(tx.ID()), uint64(tx.Cursor().Bucket().Root())
		p.kept = p.tx
		return nil
	})
}
