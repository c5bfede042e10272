package chaos

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// A Disk is a file system whose files lie in a directory of the machine, as they are now. It knows besides what a power
// cut would leave of them: the bytes that were synced, and the names whose directory was. It is strict where file
// systems are kinder: the sync of a new file does not make its name durable.
type Disk struct {
	fuse.RawFileSystem
	dir  string // of the machine
	at   string // where it is mounted
	root *inode

	mu      sync.Mutex // guards what follows, and all names
	server  *fuse.Server
	inodes  map[uint64]*inode
	rand    *rand.Rand
	trouble Trouble
	struck  []string      // what trouble has come to
	off     chan struct{} // there is no power until it is closed; nil when there is
}

// A Trouble is what is wrong with a disk.
type Trouble struct {
	// Path is what the name of a file contains that has it. Default: all files.
	Path string
	// FailSyncs is how many syncs of files fail from now on. As on Linux, each is an error once: what was written before
	// counts as synced from then on, and is not on the disk.
	FailSyncs int
	// FailWrites and FailReads are how many of them fail.
	FailWrites, FailReads int
	// SyncDelay and WriteDelay are how much longer these take.
	SyncDelay, WriteDelay time.Duration
}

// graves is the directory of files that were removed, and would be back after a power cut.
const graves = ".removed"

// blockBytes is what of a file is on the disk or is not; sectorBytes, what is never torn.
const (
	blockBytes  = 4096
	sectorBytes = 512
)

// longTime is how long the kernel may keep names and sizes: nobody else changes them while it is mounted.
const longTime = 1 << 20 // seconds

// NewDisk mounts the files of a directory at another one. It takes root and /dev/fuse.
func NewDisk(dir, at string, seed uint64) (*Disk, error) {
	d := &Disk{RawFileSystem: fuse.NewDefaultRawFileSystem(), dir: dir, at: at, inodes: map[uint64]*inode{},
		rand: rand.New(rand.NewPCG(seed, 3))}
	d.root = d.newInode(nil, "", true)
	err := os.MkdirAll(filepath.Join(dir, graves), 0o755)
	if err == nil {
		err = os.MkdirAll(at, 0o755)
	}
	if err == nil {
		err = d.adopt(d.root)
	}
	if err == nil {
		err = d.mount()
	}
	if err != nil {
		return nil, fmt.Errorf("chaos: a disk that fails takes root and /dev/fuse: %w", err)
	}
	return d, nil
}

// diskType is the type of file system that the kernel knows a disk as.
const diskType = "fuse.leat"

// maxBytes is how much the kernel asks for at once.
const maxBytes = 1 << 20

// attach mounts a file system that whoever reads the file it returns serves.
func attach(at string) (fd int, err error) {
	fd, err = unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0) // no child keeps it alive
	if err != nil {
		return 0, os.NewSyscallError("/dev/fuse", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,max_read=%d", fd, maxBytes)
	if err := unix.Mount("leat", at, diskType, unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return 0, errors.Join(os.NewSyscallError("mount", err), unix.Close(fd))
	}
	return fd, nil
}

// Detach unmounts what processes that were killed have left: disks that nobody serves any more, wherever they are, and
// whatever is mounted below a directory.
func Detach(dir string) error {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	slices.Reverse(lines) // what is mounted on another comes first
	var errs []error
	for _, line := range lines {
		f := strings.Fields(line)
		at, st := f[1], unix.Statfs_t{}
		if strings.HasPrefix(at, dir+"/") || f[2] == diskType && errors.Is(unix.Statfs(at, &st), unix.ENOTCONN) {
			errs = append(errs, os.NewSyscallError("unmount "+at, unix.Unmount(at, unix.MNT_DETACH)))
		}
	}
	return errors.Join(errs...)
}

// mount mounts it, for a new boot of the machine: the kernel knows nothing of what was.
func (d *Disk) mount() error {
	fd, err := attach(d.at)
	if err != nil {
		return err
	}
	server, err := fuse.NewServer(d, fmt.Sprint("/dev/fd/", fd), &fuse.MountOptions{
		MaxWrite: maxBytes, DisableXAttrs: true, DisableReadDirPlus: true,
		// Else the kernel drops the pages of a file when it sees a new time of it. One that is being written may be read
		// again then, by who has mapped it, before the write has come here, and stays what it was.
		ExplicitDataCacheControl: true})
	if err != nil {
		return errors.Join(err, unix.Unmount(d.at, unix.MNT_DETACH))
	}
	d.mu.Lock()
	d.server = server
	d.mu.Unlock()
	go server.Serve()
	return server.WaitMount()
}

// unmount ends what mount has begun. No process uses the files any more.
func (d *Disk) unmount() error {
	err := unix.Unmount(d.at, unix.MNT_DETACH)
	d.server.Wait()
	return os.NewSyscallError("unmount", err)
}

// Close unmounts it. The directory stays, with what is in it now.
func (d *Disk) Close() error {
	d.Power()
	err := d.unmount()
	for _, n := range d.inodes {
		n.close()
	}
	return errors.Join(err, os.RemoveAll(filepath.Join(d.dir, graves)))
}

// Set says what is wrong with the disk from now on.
func (d *Disk) Set(t Trouble) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trouble = t
}

// Struck returns what trouble has come to since it was asked before.
func (d *Disk) Struck() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.struck
	d.struck = nil
	return s
}

// PullPlug takes the power: from now on nothing reaches the disk, and who asks it for something waits until there is
// power again. The process that uses it is to be killed meanwhile.
func (d *Disk) PullPlug() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off == nil {
		d.off = make(chan struct{})
	}
}

// Power ends the wait of those who asked a disk without power, with an error: who is killed waits for that. It reports
// whether there was none.
func (d *Disk) Power() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.off != nil
	if was {
		close(d.off)
		d.off = nil
	}
	return was
}

// Reboot makes the disk what it is after the machine has started again, once the process that used it has ended. When
// the power was cut, what was not synced is lost, but for a random part.
func (d *Disk) Reboot(cut bool) (lost string, err error) {
	if err := d.unmount(); err != nil {
		return "", err
	}
	d.mu.Lock()
	l := loss{disk: d, cut: cut}
	err = l.dir(d.root)
	d.trouble = Trouble{}
	d.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("chaos: what a power cut leaves: %w", err)
	}
	return fmt.Sprintf("%d of %d blocks and %d of %d names", l.blocks, l.blocksAtRisk, l.names, l.namesAtRisk), d.mount()
}

// Rot changes bits of a file that the directory's name and a part of its path tell, in what is on the disk, at a place
// that chance picks between two shares of it.
func (d *Disk) Rot(name string, from, to float64) error {
	f, err := os.OpenFile(filepath.Join(d.dir, name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || st.Size() == 0 {
		return errors.Join(err, fmt.Errorf("%s is empty", name))
	}
	d.mu.Lock()
	at := int64((from + (to-from)*d.rand.Float64()) * float64(st.Size()-1))
	bit := byte(1) << d.rand.IntN(8)
	d.mu.Unlock()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		return err
	}
	b[0] ^= bit
	_, err = f.WriteAt(b, at)
	return err
}

// adopt makes inodes of what a directory has.
func (d *Disk) adopt(n *inode) error {
	entries, err := os.ReadDir(d.path(n))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if n == d.root && e.Name() == graves {
			continue
		}
		child := d.newInode(n, e.Name(), e.IsDir())
		if e.IsDir() {
			err = d.adopt(child)
		} else {
			var info fs.FileInfo
			if info, err = e.Info(); err == nil {
				child.durable = info.Size()
				err = child.open(d.path(child))
			}
		}
		if err != nil {
			return err
		}
		n.children[e.Name()] = child
	}
	return nil
}

// path is where the bytes of an inode are.
func (d *Disk) path(n *inode) string {
	switch {
	case n.parent == nil:
		return d.dir
	case n.buried:
		return filepath.Join(d.dir, graves, fmt.Sprint(n.id))
	}
	return filepath.Join(d.path(n.parent), n.name)
}

// A deed is what is asked of a disk.
type deed int

const (
	reads deed = iota
	writes
	syncs
)

// begin waits for power, and for a disk that is slow, and says whether what is asked fails.
func (d *Disk) begin(what deed, n *inode, cancel <-chan struct{}) (fails bool, status fuse.Status) {
	d.mu.Lock()
	var delay time.Duration
	var count *int
	if t := &d.trouble; t.Path == "" || strings.Contains(d.path(n), t.Path) {
		switch what {
		case reads:
			count = &t.FailReads
		case writes:
			delay, count = t.WriteDelay, &t.FailWrites
		case syncs:
			delay, count = t.SyncDelay, &t.FailSyncs
		}
	}
	if count != nil && *count > 0 {
		*count--
		fails = true
		d.struck = append(d.struck, fmt.Sprintf("%s of %s", [...]string{"a read", "a write", "a sync"}[what],
			strings.TrimPrefix(d.path(n), d.dir+"/")))
	}
	d.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-cancel:
		}
	}
	return fails, d.powered()
}

// powered waits for power: it is an error when there was none.
func (d *Disk) powered() fuse.Status {
	d.mu.Lock()
	off := d.off
	d.mu.Unlock()
	if off == nil {
		return fuse.OK
	}
	<-off
	return fuse.EIO
}

func status(err error) fuse.Status {
	var number syscall.Errno
	switch {
	case err == nil:
		return fuse.OK
	case errors.As(err, &number):
		return fuse.Status(number)
	}
	return fuse.EIO
}
