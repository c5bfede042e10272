// Package mapped opens databases of bbolt, which maps its files into memory. A page that the disk does not give is a
// signal there, which ends the process. Here it is an error, a [Fault], of whoever has looked at the page.
//
// That is so in the goroutine that looks, and nowhere else: what is in the file is not to be kept beyond the functions
// of this package, nor passed to others. The library has a goroutine of its own in one case only: it looks for the free
// pages of a file that has no list of them, when it opens the file and after a transaction that it could not write.
package mapped

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"

	"go.etcd.io/bbolt"
)

// A DB is a database whose transactions end with an error where a page cannot be read.
type DB struct {
	*bbolt.DB
	path string
	file *os.File // the library's
	page int      // how long a page is
}

// A Fault is the error of a page that cannot be read.
type Fault struct {
	At  int64         // where in the file
	Err *fs.PathError // why
}

// Error implements error.
func (f *Fault) Error() string { return fmt.Sprintf("the page at byte %d: %v", f.At, f.Err) }

// Unwrap is the cause.
func (f *Fault) Unwrap() error { return f.Err }

// IsFault reports whether an error is a Fault.
func IsFault(err error) bool {
	var f *Fault
	return errors.As(err, &f)
}

// reach is the most of a file that is ever mapped: an address beyond is not one of the file.
const reach = 1 << 40

// Open opens a database. One that cannot be opened because of a fault keeps its lock until the process ends.
func Open(path string, mode os.FileMode, o bbolt.Options) (*DB, error) {
	db := &DB{path: path}
	o.OpenFile = func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
		db.file, err = os.OpenFile(name, flag, mode)
		return db.file, err
	}
	err := db.Look(func() (err error) {
		if db.DB, err = bbolt.Open(path, mode, &o); err == nil {
			db.page = db.DB.Info().PageSize
		}
		return err
	})
	if err != nil && db.DB != nil {
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		return nil, err
	}
	return db, nil
}

// addressed is what a goroutine panics with that has met a fault.
type addressed interface {
	runtime.Error
	Addr() uintptr
}

// Info shadows the library's, which looks at the first byte to tell where it is: that is where a fault is, then.
func (db *DB) Info() (info *bbolt.Info) {
	defer func(before bool) {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			fault, is := p.(addressed)
			if !is {
				panic(p)
			}
			info = &bbolt.Info{Data: fault.Addr(), PageSize: db.page}
		}
	}(debug.SetPanicOnFault(true))
	return db.DB.Info()
}

// Readable reads all of a file, and returns why that cannot be done. One that is not there can be read.
func Readable(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, f)
	return errors.Join(err, f.Close())
}

// Look runs fn, which looks at pages of a transaction. A page that cannot be read ends it, and is its error.
func (db *DB) Look(fn func() error) (err error) {
	defer func(before bool) {
		debug.SetPanicOnFault(before)
		if p := recover(); p != nil {
			if err = db.Fault(p); err == nil {
				panic(p)
			}
		}
	}(debug.SetPanicOnFault(true))
	return fn()
}

// Fault returns the error of what a goroutine has panicked with that looked at pages, and had faults panic
// ([debug.SetPanicOnFault]); nil for another reason.
func (db *DB) Fault(p any) error {
	fault, is := p.(addressed)
	if !is {
		return nil
	}
	if db.DB == nil { // it is being opened
		if err := Readable(db.path); err != nil {
			return db.fault(0, err)
		}
		return nil
	}
	at := int64(fault.Addr() - db.Info().Data)
	if at < 0 || at >= reach {
		return nil
	}
	_, err := db.file.ReadAt(make([]byte, 1), at)
	return db.fault(at, err)
}

// fault is the Fault of a place at which a read by the system has ended so.
func (db *DB) fault(at int64, err error) error {
	var why *fs.PathError
	if errors.As(err, &why) {
		return &Fault{at, why}
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	} else { // it can be read now
		err = syscall.EIO
	}
	return &Fault{at, &fs.PathError{Op: "read", Path: db.path, Err: err}}
}

// Begin shadows the library's. The library would keep its locks after a fault here, so the pages that it looks at, the
// first two, are read before.
func (db *DB) Begin(writable bool) (tx *bbolt.Tx, err error) {
	if _, err := db.file.ReadAt(make([]byte, 2*db.page), 0); err != nil && !errors.Is(err, fs.ErrClosed) {
		return nil, db.fault(0, err)
	}
	err = db.Look(func() error {
		tx, err = db.DB.Begin(writable)
		return err
	})
	return tx, err
}

// View shadows the library's.
func (db *DB) View(fn func(*bbolt.Tx) error) error {
	tx, err := db.Begin(false)
	if err != nil {
		return err
	}
	defer tx.Rollback() // which cannot fail where nothing was written
	return db.Look(func() error { return fn(tx) })
}

// Update shadows the library's. After a panic, a fault or another, nothing may be written any more, and the library's
// rollback, which looks at pages, is left out: the locks are free, so that the database can be closed.
func (db *DB) Update(fn func(*bbolt.Tx) error) error {
	tx, err := db.Begin(true)
	if err != nil {
		return err
	}
	defer tx.Rollback() // of one that has ended it does nothing
	return db.Look(func() error {
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Commit()
	})
}
