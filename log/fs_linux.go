package log

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// Sync is fdatasync: times are of no interest here. It does not go around os.File, so a file closed meanwhile is
// fs.ErrClosed and never somebody else's descriptor.
func (f osFile) Sync() error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		for {
			failed = unix.Fdatasync(int(fd))
			if failed != unix.EINTR {
				return
			}
		}
	})
	if err != nil {
		return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: fs.ErrClosed}
	}
	return failed
}
