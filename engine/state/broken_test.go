package state

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
)

// TestBrokenDisk makes one transaction fail as a failed fsync does: it is told, and nothing is written any more. A disk
// that is full is another matter.
func TestBrokenDisk(t *testing.T) {
	plain := func(err error) error { return err }
	printed := func(err error) error { return fmt.Errorf("file sync error: sync flow.db: %s", err) } // as the library has it
	for i, fault := range []syscall.Errno{syscall.EIO, syscall.ENOSPC, syscall.EIO, syscall.ENOSPC} {
		as := []func(error) error{plain, plain, printed, printed}[i]
		var next error
		var told error
		s, err := Open(filepath.Join(t.TempDir(), "flow.db"), Options{
			Fault:  func() error { defer func() { next = nil }(); return next },
			Failed: func(err error) { told = err },
		})
		if err != nil {
			t.Fatal(err)
		}
		write := func(version byte) error {
			m := NewMap()
			m.Set([]byte("key"), []byte{version})
			c := s.Begin()
			if err := m.WriteChanges(c.Writer(1, 1)); err != nil {
				t.Fatal(err)
			}
			c.Commit([]byte{version})
			return s.Wait()
		}
		if err := write(1); err != nil {
			t.Fatal(err)
		}
		next = as(fault)
		if err := write(2); err == nil {
			t.Fatal("a transaction that fails does not")
		}
		broken := fault == syscall.EIO
		if errors.Is(told, fault) != broken {
			t.Errorf("%v: told of %v", fault, told)
		}
		if err := write(3); (err != nil) != broken {
			t.Errorf("%v: the next checkpoint: %v", fault, err)
		}
		_ = s.Close() // it says again what has failed
	}
}
