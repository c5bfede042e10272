package wal

import (
	"io"
	"os"
)

// A File is one file of the log: read and written at positions, made durable by Sync.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync returns when all bytes written before are durable. It need not make the file's times durable.
	Sync() error
}

// An Allocator is a File that can reserve its space without writing it.
type Allocator interface {
	Allocate(sizeBytes int64) error
}

// FS is what the log needs of a file system. Tests replace it by one that loses what was not synced.
type FS interface {
	// Open opens a file for reading and writing, creates it when it is missing, and says how long it is.
	Open(name string) (f File, sizeBytes int64, err error)
	// List returns the names in a directory, which it creates when it is missing.
	List(dir string) ([]string, error)
	Remove(name string) error
	// SyncDir makes created and removed names durable.
	SyncDir(dir string) error
}

// OS is the file system of the machine.
type OS struct{}

// Open implements FS.
func (OS) Open(name string) (File, int64, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return osFile{f}, st.Size(), nil
}

// List implements FS.
func (OS) List(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// Remove implements FS.
func (OS) Remove(name string) error { return os.Remove(name) }

// SyncDir implements FS.
func (OS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

type osFile struct{ *os.File }

// Sync makes the file's bytes durable; its size never changes once a segment is in use.
func (f osFile) Sync() error { return datasync(f.File) }
