package chaos

import (
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

func (d *Disk) inode(id uint64) *inode {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inodes[id]
}

// attr says what an inode is.
func (d *Disk) attr(n *inode, a *fuse.Attr) fuse.Status {
	var st syscall.Stat_t
	var err error
	if n.dir {
		err = syscall.Stat(d.path(n), &st)
	} else {
		err = syscall.Fstat(int(n.file.Fd()), &st)
	}
	if err == nil {
		a.FromStat(&st)
		a.Ino = n.id
	}
	return status(err)
}

func (d *Disk) entry(n *inode, out *fuse.EntryOut) fuse.Status {
	out.NodeId, out.Generation, out.EntryValid, out.AttrValid = n.id, 1, longTime, longTime
	return d.attr(n, &out.Attr)
}

// Lookup implements fuse.RawFileSystem.
func (d *Disk) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.inodes[h.NodeId].children[name]
	if n == nil {
		return fuse.ENOENT
	}
	return d.entry(n, out)
}

// GetAttr implements fuse.RawFileSystem.
func (d *Disk) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	out.AttrValid = longTime
	return d.attr(d.inodes[in.NodeId], &out.Attr)
}

// SetAttr implements fuse.RawFileSystem.
func (d *Disk) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	n := d.inode(in.NodeId)
	if size, ok := in.GetSize(); ok {
		if fails, s := d.begin(writes, n, cancel); !s.Ok() || fails {
			return fuse.EIO
		}
		if err := n.truncate(int64(size)); err != nil {
			return status(err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if mode, ok := in.GetMode(); ok {
		if err := os.Chmod(d.path(n), os.FileMode(mode)); err != nil {
			return status(err)
		}
	}
	out.AttrValid = longTime
	return d.attr(n, &out.Attr)
}

// make makes a file or a directory.
func (d *Disk) make(parent uint64, name string, dir bool, mode uint32, out *fuse.EntryOut) (*inode, fuse.Status) {
	if s := d.powered(); !s.Ok() {
		return nil, s
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.inodes[parent]
	if p.children[name] != nil {
		return nil, fuse.Status(syscall.EEXIST)
	}
	n := d.newInode(p, name, dir)
	var err error
	if dir {
		err = os.Mkdir(d.path(n), os.FileMode(mode))
	} else if err = n.open(d.path(n)); err == nil {
		err = n.file.Chmod(os.FileMode(mode & 0o777))
	}
	if err != nil {
		return nil, status(err)
	}
	p.children[name] = n
	p.renamed = append(p.renamed, nameChange{name: name, made: n})
	return n, d.entry(n, out)
}

// Mkdir implements fuse.RawFileSystem.
func (d *Disk) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	_, s := d.make(in.NodeId, name, true, in.Mode, out)
	return s
}

// Create implements fuse.RawFileSystem.
func (d *Disk) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	n, s := d.make(in.NodeId, name, false, in.Mode, &out.EntryOut)
	if s.Ok() {
		d.mu.Lock()
		defer d.mu.Unlock()
		n.opened++
	}
	return s
}

// remove takes a name away. The bytes stay until nothing can bring the name back.
func (d *Disk) remove(parent uint64, name string, dir bool) fuse.Status {
	if s := d.powered(); !s.Ok() {
		return s
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.inodes[parent]
	n := p.children[name]
	switch {
	case n == nil:
		return fuse.ENOENT
	case dir && !n.dir:
		return fuse.ENOTDIR
	case !dir && n.dir:
		return fuse.EISDIR
	case len(n.children) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	if err := d.bury(n); err != nil {
		return status(err)
	}
	delete(p.children, name)
	p.renamed = append(p.renamed, nameChange{name: name, removed: n})
	return fuse.OK
}

func (d *Disk) bury(n *inode) error {
	from := d.path(n)
	n.buried = true
	return os.Rename(from, d.path(n))
}

// Unlink implements fuse.RawFileSystem.
func (d *Disk) Unlink(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return d.remove(h.NodeId, name, false)
}

// Rmdir implements fuse.RawFileSystem.
func (d *Disk) Rmdir(_ <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return d.remove(h.NodeId, name, true)
}

// Rename implements fuse.RawFileSystem. From one directory to another it is durable at once, with all that came before.
func (d *Disk) Rename(_ <-chan struct{}, in *fuse.RenameIn, name, to string) fuse.Status {
	if s := d.powered(); !s.Ok() {
		return s
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	from, into := d.inodes[in.NodeId], d.inodes[in.Newdir]
	n, old := from.children[name], into.children[to]
	switch {
	case in.Flags != 0:
		return fuse.EINVAL
	case n == nil:
		return fuse.ENOENT
	case old == n:
		return fuse.OK
	case old != nil && old.dir:
		return fuse.Status(syscall.EEXIST)
	}
	if old != nil {
		if err := d.bury(old); err != nil {
			return status(err)
		}
	}
	path := d.path(n)
	n.name, n.parent = to, into
	if err := os.Rename(path, d.path(n)); err != nil {
		return status(err)
	}
	delete(from.children, name)
	into.children[to] = n
	into.renamed = append(into.renamed, nameChange{name: to, made: n, from: name, removed: old})
	if from != into {
		if err := d.settle(from); err != nil {
			return status(err)
		}
		return status(d.settle(into))
	}
	return fuse.OK
}

// Open implements fuse.RawFileSystem.
func (d *Disk) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n := d.inode(in.NodeId)
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	if in.Flags&syscall.O_TRUNC != 0 {
		if err := n.truncate(0); err != nil {
			return status(err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n.opened++
	return fuse.OK
}

// Release implements fuse.RawFileSystem.
func (d *Disk) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.inodes[in.NodeId]; n.opened > 0 {
		if n.opened--; n.opened == 0 && n.gone {
			n.close()
		}
	}
}

// Read implements fuse.RawFileSystem.
func (d *Disk) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n := d.inode(in.NodeId)
	if fails, s := d.begin(reads, n, cancel); !s.Ok() || fails {
		return nil, fuse.EIO
	}
	got, err := n.file.ReadAt(buf, int64(in.Offset))
	if got == 0 && err != nil && status(err) != fuse.EIO {
		return nil, status(err)
	}
	return fuse.ReadResultData(buf[:got]), fuse.OK
}

// Write implements fuse.RawFileSystem.
func (d *Disk) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	n := d.inode(in.NodeId)
	if fails, s := d.begin(writes, n, cancel); !s.Ok() || fails {
		return 0, fuse.EIO
	}
	wrote, err := n.write(data, int64(in.Offset))
	if wrote > 0 {
		err = nil
	}
	return uint32(wrote), status(err)
}

// Flush implements fuse.RawFileSystem: closing syncs nothing.
func (d *Disk) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

// Fsync implements fuse.RawFileSystem.
func (d *Disk) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	n := d.inode(in.NodeId)
	fails, s := d.begin(syncs, n, cancel)
	if !s.Ok() {
		return s
	}
	return status(n.sync(fails))
}

// Fallocate implements fuse.RawFileSystem.
func (d *Disk) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	n := d.inode(in.NodeId)
	if fails, s := d.begin(writes, n, cancel); !s.Ok() || fails {
		return fuse.EIO
	}
	return status(n.allocate(in.Mode, int64(in.Offset), int64(in.Length)))
}

// OpenDir implements fuse.RawFileSystem.
func (d *Disk) OpenDir(<-chan struct{}, *fuse.OpenIn, *fuse.OpenOut) fuse.Status { return fuse.OK }

// ReadDir implements fuse.RawFileSystem.
func (d *Disk) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.inodes[in.NodeId]
	for _, child := range n.list() {
		if child.id <= in.Offset {
			continue
		}
		mode := uint32(syscall.S_IFREG)
		if child.dir {
			mode = syscall.S_IFDIR
		}
		if !out.AddDirEntry(fuse.DirEntry{Name: child.name, Ino: child.id, Mode: mode, Off: child.id}) {
			break
		}
	}
	return fuse.OK
}

// FsyncDir implements fuse.RawFileSystem.
func (d *Disk) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	if s := d.powered(); !s.Ok() {
		return s
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return status(d.settle(d.inodes[in.NodeId]))
}

// StatFs implements fuse.RawFileSystem.
func (d *Disk) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &st); err != nil {
		return status(err)
	}
	out.FromStatfsT(&st)
	return fuse.OK
}
