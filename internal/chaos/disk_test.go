//go:build clients && linux

package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A tried is a disk in a test. Its files are used without package os, which asks the kernel whether they can be polled,
// and this process would have to answer meanwhile.
type tried struct {
	*testing.T
	disk *Disk
}

func tryDisk(t *testing.T, seed uint64) tried {
	t.Helper()
	d, err := NewDisk(t.TempDir(), t.TempDir(), seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return tried{t, d}
}

func (d tried) path(name string) string { return filepath.Join(d.disk.at, name) }

// open opens a file, and closes it when it has been used.
func (d tried) open(name string, flags int, use func(fd int) error) error {
	fd, err := unix.Open(d.path(name), flags|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(use(fd), unix.Close(fd))
}

func (d tried) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func (d tried) write(name string, at int64, b []byte, sync bool) error {
	return d.open(name, unix.O_RDWR|unix.O_CREAT, func(fd int) error {
		_, err := unix.Pwrite(fd, b, at)
		if err == nil && sync {
			err = unix.Fdatasync(fd)
		}
		return err
	})
}

func (d tried) syncDir(name string) error {
	return d.open(name, unix.O_RDONLY|unix.O_DIRECTORY, unix.Fsync)
}

func (d tried) read(name string) (b []byte, err error) {
	err = d.open(name, unix.O_RDONLY, func(fd int) error {
		b = make([]byte, 1<<20)
		n, err := unix.Pread(fd, b, 0)
		b = b[:max(n, 0)]
		return err
	})
	return b, err
}

func (d tried) reboot(cut bool) {
	d.Helper()
	lost, err := d.disk.Reboot(cut)
	d.must(err)
	d.Log("lost: ", lost)
}

// TestDiskPowerCut checks what is there after power cuts: what was synced, and of the rest what may be.
func TestDiskPowerCut(t *testing.T) {
	torn, kept, shorter := false, false, false
	for seed := range uint64(30) {
		d := tryDisk(t, seed)
		old, fresh := bytes.Repeat([]byte("o"), 3*blockBytes), bytes.Repeat([]byte("n"), 2*blockBytes)
		d.must(d.write("a", 0, old, true))
		d.must(unix.Mkdir(d.path("dir"), 0o700))
		d.must(d.write("dir/b", 0, old, true))
		d.must(d.syncDir("dir"))
		d.must(d.syncDir(""))
		d.must(d.write("a", 2*blockBytes, fresh, false)) // one block is overwritten, one appended
		d.must(d.write("c", 0, old, true))               // without its name
		d.must(unix.Unlink(d.path("dir/b")))
		d.must(d.write("dir/b", 0, fresh, true))
		d.must(unix.Rename(d.path("a"), d.path("e")))
		if b, err := d.read("e"); err != nil || len(b) != 4*blockBytes || b[3*blockBytes] != 'n' {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		d.disk.PullPlug()
		d.disk.Power()
		d.reboot(true)
		name := "a"
		if _, err := d.read("a"); errors.Is(err, unix.ENOENT) {
			name = "e"
		}
		a, err := d.read(name)
		d.must(err)
		if !bytes.Equal(a[:2*blockBytes], old[:2*blockBytes]) || len(a) < len(old) || strings.Trim(string(a), "on\x00") != "" {
			t.Fatalf("seed %d: a has lost what was synced", seed)
		}
		one := a[2*blockBytes : 3*blockBytes]
		torn = torn || bytes.ContainsRune(one, 'n') && bytes.ContainsRune(one, 'o')
		kept = kept || one[blockBytes-1] == 'n'
		shorter = shorter || len(a) < 4*blockBytes
		if b, err := d.read("dir/b"); err == nil && !bytes.Equal(b, old) && !bytes.Equal(b, fresh) {
			t.Fatalf("seed %d: b is %d bytes that it never was", seed, len(b))
		}
		if c, err := d.read("c"); err == nil && !bytes.Equal(c, old) {
			t.Fatalf("seed %d: c was synced and is not whole", seed)
		}
		after, err := d.read(name)
		d.must(err)
		d.reboot(true)
		if again, err := d.read(name); err != nil || !bytes.Equal(again, after) {
			t.Fatalf("seed %d: a second power cut has changed what was there: %v", seed, err)
		}
	}
	if !torn || !kept || !shorter {
		t.Errorf("of 30 power cuts none has torn a block (%v), kept one (%v), lost one (%v)", torn, kept, shorter)
	}
}

// TestDiskTroubles checks that a disk fails as it is told: a sync fails once, and what it drops is gone at the next boot.
func TestDiskTroubles(t *testing.T) {
	d := tryDisk(t, 1)
	d.must(d.write("a", 0, []byte("old"), true))
	d.must(d.syncDir(""))
	d.disk.Set(Trouble{Path: "/b", FailSyncs: 1})
	d.must(d.write("a", 0, []byte("old"), true))
	d.disk.Set(Trouble{Path: "/a", FailSyncs: 1})
	err := d.open("a", unix.O_RDWR, func(fd int) error {
		if _, err := unix.Pwrite(fd, []byte("new"), 0); err != nil {
			return err
		}
		if err := unix.Fsync(fd); !errors.Is(err, unix.EIO) {
			return fmt.Errorf("a sync that fails: %w", err)
		}
		return unix.Fsync(fd)
	})
	d.must(err)
	if b, err := d.read("a"); err != nil || string(b) != "new" {
		t.Errorf("%q, %v", b, err)
	}
	if s := d.disk.Struck(); len(s) != 1 || s[0] != "a sync of a" {
		t.Error(s)
	}
	d.reboot(false)
	if b, err := d.read("a"); err != nil || string(b) != "old" {
		t.Errorf("%q, %v", b, err)
	}
	d.disk.Set(Trouble{FailWrites: 1})
	if err := d.write("a", 0, []byte("new"), false); !errors.Is(err, unix.EIO) {
		t.Error(err)
	}
	d.disk.Set(Trouble{SyncDelay: 50 * time.Millisecond})
	began := time.Now()
	d.must(d.write("a", 0, []byte("new"), true))
	if time.Since(began) < 50*time.Millisecond {
		t.Error("a slow disk is not")
	}
	d.must(d.disk.Rot("a", 0, 1))
	d.reboot(false)
	if b, err := d.read("a"); err != nil || string(b) == "new" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestDiskDetach checks that a mount whose process has been killed is ended wherever it is, and what lies below a directory
// also when it is served, and that others' disks stay.
func TestDiskDetach(t *testing.T) {
	dead, mine, others := t.TempDir(), tryDisk(t, 1), tryDisk(t, 2)
	fd, err := attach(dead)
	mine.must(errors.Join(err, unix.Close(fd))) // as its end does
	var st unix.Statfs_t
	if err := unix.Statfs(dead, &st); !errors.Is(err, unix.ENOTCONN) {
		t.Fatal(err)
	}
	below := mine.disk.dir
	mine.must(os.Mkdir(filepath.Join(below, "at"), 0o700))
	mine.must(unix.Mount("tmpfs", filepath.Join(below, "at"), "tmpfs", 0, "size=64k"))
	mine.must(Detach(below))
	for _, at := range []string{dead, filepath.Join(below, "at")} {
		if err := os.Remove(at); err != nil {
			t.Errorf("%s is mounted still: %v", at, err)
		}
	}
	others.must(others.write("a", 0, []byte("a"), true))
	if b, err := others.read("a"); err != nil || string(b) != "a" {
		t.Errorf("%q, %v", b, err)
	}
}
