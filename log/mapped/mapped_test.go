package mapped

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

var bucket = []byte("bucket")

// made returns a database with some hundred pages of keys, and what is in its file.
func made(t *testing.T) (db *DB, path string, good []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "some.db")
	db, err := Open(path, 0o600, bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket(bucket)
		for i := range 2000 {
			err = errors.Join(err, b.Put(fmt.Appendf(nil, "%06d", i), make([]byte, 300)))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	good, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return db, path, good
}

func count(db *DB) (n int, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(_, v []byte) error {
			if len(v) == 300 && v[299] == 0 {
				n++
			}
			return nil
		})
	})
	return n, err
}

// TestFault takes pages from under an open database, as a disk does that cannot read them: who reads or writes it gets
// a Fault, and nobody is held up by it. When they are back, everything is there.
func TestFault(t *testing.T) {
	for _, pages := range []int64{0, 1, 2, 4, 30} {
		db, path, good := made(t)
		if err := os.Truncate(path, pages*int64(db.page)); err != nil {
			t.Fatal(err)
		}
		if _, err := count(db); !IsFault(err) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("%d pages: reading: %v", pages, err)
		}
		if pages > 2 { // else it has been read, and another error is as good
			var f *Fault
			if _, err := count(db); !errors.As(err, &f) || f.At < pages*int64(db.page) || f.Err.Path != path {
				t.Errorf("%d pages: reading: %v", pages, err)
			}
		}
		change := func(tx *bbolt.Tx) error {
			for i := range 2000 {
				if err := tx.Bucket(bucket).Put(fmt.Appendf(nil, "%06d", i), []byte("other")); err != nil {
					return err
				}
			}
			return nil
		}
		if err := db.Update(change); !IsFault(err) {
			t.Errorf("%d pages: writing: %v", pages, err)
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if n, err := count(db); n != 2000 || err != nil {
			t.Errorf("%d pages: when they are back %d keys are there: %v", pages, n, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if db, err := Open(path, 0o600, bbolt.Options{Timeout: time.Second}); err != nil {
			t.Error(err)
		} else if n, err := count(db); n != 2000 || err != nil || db.Close() != nil {
			t.Errorf("%d pages: opened again %d keys are there: %v", pages, n, err)
		}
	}
}

// TestOtherPanic: what is no fault of the file is none of an error.
func TestOtherPanic(t *testing.T) {
	db, _, _ := made(t)
	defer db.Close()
	for _, fn := range []func(){
		func() { panic("some") },
		func() { var p *int; *p = 1 },
		func() { _ = []int{}[len(db.path)] },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a panic is lost")
				}
			}()
			_ = db.View(func(*bbolt.Tx) error { fn(); return nil })
		}()
	}
	if n, err := count(db); n != 2000 || err != nil {
		t.Errorf("after them %d keys are there: %v", n, err)
	}
	if err := Readable(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Error(err)
	}
}
