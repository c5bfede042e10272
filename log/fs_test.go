package log_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/leatdb/leat/log"
)

func TestClosedFile(t *testing.T) {
	f, err := log.OS.Open(filepath.Join(t.TempDir(), "a", "b", "file"), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	_, readErr := f.ReadAt(make([]byte, 1), 0)
	_, sizeErr := f.Size()
	for _, err := range []error{readErr, sizeErr, f.Sync(), f.Truncate(0)} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestMissingFile(t *testing.T) {
	home := t.TempDir()
	if _, err := log.OS.Open(filepath.Join(home, "file"), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open: %v", err)
	}
	if _, err := log.OS.List(filepath.Join(home, "directory")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("list: %v", err)
	}
	if err := log.OS.SyncDir(home); err != nil {
		t.Errorf("sync: %v", err)
	}
}
