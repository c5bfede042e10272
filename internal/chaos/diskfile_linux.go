package chaos

import (
	"cmp"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"
)

// An inode is a file or a directory.
type inode struct {
	id       uint64
	dir      bool
	name     string
	parent   *inode
	children map[string]*inode
	renamed  []nameChange // of a directory: since it was synced
	buried   bool         // its name is removed
	opened   int
	gone     bool // no power cut brings it back

	mu      sync.Mutex // guards what follows
	file    *os.File
	durable int64            // how long the file is on the disk
	blocks  map[int64][]byte // what the disk has of blocks that were written since: nil for nothing
	dropped map[int64][]byte // and of those that a failed sync has dropped
}

// A nameChange is what was done to a name of a directory.
type nameChange struct {
	name    string
	made    *inode // has the name now
	from    string // the name it had before, "" when it is new
	removed *inode // had the name
}

// newInode makes an inode that has no name yet in its directory.
func (d *Disk) newInode(parent *inode, name string, dir bool) *inode {
	n := &inode{id: uint64(len(d.inodes)) + 1, name: name, parent: parent, dir: dir}
	if dir {
		n.children = map[string]*inode{}
	} else {
		n.blocks, n.dropped = map[int64][]byte{}, map[int64][]byte{}
	}
	d.inodes[n.id] = n
	return n
}

func (n *inode) open(path string) (err error) {
	n.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	return err
}

func (n *inode) close() {
	if n.file != nil {
		n.file.Close()
	}
}

// list returns what a directory has, in an order that stays when something comes or goes.
func (n *inode) list() []*inode {
	return slices.SortedFunc(maps.Values(n.children), func(a, b *inode) int { return cmp.Compare(a.id, b.id) })
}

func (n *inode) size() (int64, error) {
	st, err := n.file.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// keep keeps what the disk has of the blocks between two positions, before they change.
func (n *inode) keep(from, to int64) error {
	for block := from / blockBytes; block*blockBytes < to; block++ {
		if _, kept := n.blocks[block]; kept {
			continue
		}
		old, dropped := n.dropped[block]
		if size := min(blockBytes, n.durable-block*blockBytes); !dropped && size > 0 {
			old = make([]byte, size)
			if _, err := n.file.ReadAt(old, block*blockBytes); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		delete(n.dropped, block)
		n.blocks[block] = old
	}
	return nil
}

// write writes bytes, which a sync has yet to bring to the disk.
func (n *inode) write(b []byte, at int64) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.keep(at, at+int64(len(b))); err != nil {
		return 0, err
	}
	return n.file.WriteAt(b, at)
}

func (n *inode) truncate(size int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.keep(size, max(n.durable, size)); err != nil {
		return err
	}
	return n.file.Truncate(size)
}

func (n *inode) allocate(mode uint32, at, size int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if mode != 0 {
		return syscall.EOPNOTSUPP
	}
	return syscall.Fallocate(int(n.file.Fd()), 0, at, size)
}

// sync brings the file to the disk; one that fails drops what it should have brought, and says so this once.
func (n *inode) sync(fails bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if fails {
		for block, old := range n.blocks {
			n.dropped[block] = old
		}
		clear(n.blocks)
		return syscall.EIO
	}
	size, err := n.size()
	if err != nil {
		return err
	}
	clear(n.blocks)
	n.durable = size
	return nil
}

// A loss takes from a disk what a power cut does; without one, only what failed syncs have dropped.
type loss struct {
	disk                                     *Disk
	cut                                      bool
	blocks, blocksAtRisk, names, namesAtRisk int
}

// file loses blocks of a file. Each of them is on the disk, or is not, or a part of its sectors is.
func (l *loss) file(n *inode) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	size, err := n.size()
	if err != nil {
		return err
	}
	end := size // of what is there then
	if l.cut {
		end = n.durable
		if size < n.durable && l.disk.rand.IntN(2) == 0 { // it was cut, and the disk has that
			end = size
		}
	}
	put := func(block int64, old []byte, sectors int) error {
		b := make([]byte, blockBytes)
		copy(b, old)
		from := int64(sectors * sectorBytes)
		_, err := n.file.WriteAt(b[from:], block*blockBytes+from)
		return err
	}
	for block, old := range n.dropped {
		l.blocks, l.blocksAtRisk = l.blocks+1, l.blocksAtRisk+1
		if err := put(block, old, 0); err != nil {
			return err
		}
	}
	clear(n.dropped)
	if l.cut {
		for _, block := range slices.Sorted(maps.Keys(n.blocks)) {
			old, sectors := n.blocks[block], l.survive(l.disk.rand)
			if size < end && (block+1)*blockBytes > size { // the disk does not have that it was cut
				sectors = 0
			}
			l.blocksAtRisk++
			if sectors < blockBytes/sectorBytes {
				l.blocks++
				if err := put(block, old, sectors); err != nil {
					return err
				}
			}
			if sectors > 0 && block*blockBytes < size {
				end = max(end, min(size, block*blockBytes+int64(sectors)*sectorBytes))
			}
		}
		clear(n.blocks)
		n.durable = end
	}
	return n.file.Truncate(end)
}

// survive is how many sectors of a block are on the disk.
func (l *loss) survive(r *rand.Rand) int {
	switch r.IntN(4) {
	case 0:
		return r.IntN(blockBytes / sectorBytes)
	case 1:
		return blockBytes / sectorBytes
	}
	return 0
}

// dir loses names of a directory, the last ones, and what is in it.
func (l *loss) dir(n *inode) error {
	if l.cut {
		kept := l.disk.rand.IntN(len(n.renamed) + 1)
		l.namesAtRisk += len(n.renamed)
		l.names += len(n.renamed) - kept
		for i := len(n.renamed) - 1; i >= kept; i-- {
			if err := l.disk.undo(n, n.renamed[i]); err != nil {
				return err
			}
		}
		n.renamed = n.renamed[:kept]
		if err := l.disk.settle(n); err != nil {
			return err
		}
	}
	for _, child := range n.list() {
		child.opened = 0
		what := l.file
		if child.dir {
			what = l.dir
		}
		if err := what(child); err != nil {
			return err
		}
	}
	return nil
}

// undo takes a change of a name back.
func (d *Disk) undo(dir *inode, c nameChange) error {
	if c.made != nil {
		delete(dir.children, c.name)
		if c.from != "" {
			if err := os.Rename(d.path(c.made), d.path(&inode{parent: dir, name: c.from})); err != nil {
				return err
			}
			c.made.name = c.from
			dir.children[c.from] = c.made
		} else if err := d.forget(c.made); err != nil {
			return err
		}
	}
	if c.removed != nil {
		from := d.path(c.removed)
		c.removed.buried = false
		dir.children[c.name] = c.removed
		return os.Rename(from, d.path(c.removed))
	}
	return nil
}

// settle makes what was done to a directory's names durable.
func (d *Disk) settle(dir *inode) error {
	var errs []error
	for _, c := range dir.renamed {
		if c.removed != nil {
			errs = append(errs, d.forget(c.removed))
		}
	}
	dir.renamed = nil
	return errors.Join(errs...)
}

// forget removes an inode that no power cut brings back, with all that is in it.
func (d *Disk) forget(n *inode) error {
	err := os.RemoveAll(d.path(n))
	n.end()
	return err
}

// end marks an inode as gone, and closes its file when nobody has it open.
func (n *inode) end() {
	n.gone = true
	for _, c := range n.renamed {
		if c.removed != nil {
			c.removed.end()
		}
	}
	for _, child := range n.children {
		child.end()
	}
	if n.opened == 0 {
		n.close()
	}
}
