package log

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// FS is the file system a partition lives on. Names are paths; a missing file is fs.ErrNotExist.
type FS interface {
	// Open opens for reading and writing. With create, a missing file is made, its directory included.
	Open(name string, create bool) (File, error)
	// Remove unlinks a file or an empty directory.
	Remove(name string) error
	// List names what a directory holds.
	List(dir string) ([]string, error)
	// SyncDir makes the directory's entries, and its own entry in its parent, durable.
	SyncDir(dir string) error
}

// File is an open file. Its methods may be called at the same time; after Close they return fs.ErrClosed.
type File interface {
	io.ReaderAt
	io.WriterAt
	FileControl
}

// FileControl is what a File does besides reading and writing.
type FileControl interface {
	Size() (int64, error)
	Truncate(size int64) error
	// Sync makes the bytes and the size durable, as fdatasync does.
	Sync() error
	Close() error
}

// OS is the machine's file system.
var OS FS = osFS{}

type osFS struct{}

type osFile struct{ *os.File }

func (osFS) Open(name string, create bool) (File, error) {
	if !create {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		return wrapFile(f, err)
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			return nil, err
		}
		f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	}
	return wrapFile(f, err)
}

func wrapFile(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Remove(name string) error { return os.Remove(name) }

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (osFS) SyncDir(dir string) error {
	for _, name := range []string{dir, filepath.Dir(dir)} {
		if err := SyncDir(name); err != nil {
			return err
		}
	}
	return nil
}

// Broken reports whether an error says that the disk does not do what it should, and not only that it is full. Then
// nothing that was to be made durable may be tried again: a second fsync forgets what the first has lost.
func Broken(err error) bool {
	for _, of := range []error{syscall.EIO, syscall.EROFS, syscall.ENXIO, syscall.ENODEV} {
		if errors.Is(err, of) {
			return true
		}
	}
	return false
}

// WithCause gives an error of bbolt, which prints some causes into its text, that cause again. Nil stays nil.
func WithCause(err error) error {
	if err == nil {
		return nil
	}
	for _, of := range []error{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		if what, ok := strings.CutSuffix(err.Error(), of.Error()); ok && !errors.Is(err, of) {
			return fmt.Errorf("%s%w", what, of)
		}
	}
	return err
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// MakeDir makes a directory, and those it lies in, and their names durable: also that of one which is there already,
// for whoever made it may have ended before that.
func MakeDir(dir string, mode fs.FileMode) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	last := filepath.Dir(dir) // the first directory that is there
	for _, err := os.Stat(last); errors.Is(err, fs.ErrNotExist); _, err = os.Stat(last) {
		last = filepath.Dir(last)
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	for at := filepath.Dir(dir); ; at = filepath.Dir(at) {
		if err := SyncDir(at); err != nil && !errors.Is(err, fs.ErrPermission) { // another's: it is there to stay
			return err
		}
		if at == last {
			return nil
		}
	}
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
