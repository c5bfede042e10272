package wal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Allocate implements Allocator.
func (f osFile) Allocate(sizeBytes int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, 0, sizeBytes)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// datasync leaves out the file's times, which costs a second journal write on most file systems.
func datasync(f *os.File) error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
