package state

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// TestCheckpointIsWholeOrNot cuts a large checkpoint off after every number of transactions, and putting its journal
// into its place as well: what is found is one checkpoint or the other, with its metadata.
func TestCheckpointIsWholeOrNot(t *testing.T) {
	const keys = 40
	content := func(version int) memory {
		m := memory{}
		for i := range keys {
			if (i+version)%5 != 0 {
				m[fmt.Sprintf("key %02d", i)] = fmt.Sprintf("value %d of version %d", i, version)
			}
		}
		return m
	}
	write := func(s *Store, m *Map, version int) error {
		for i := range keys {
			k := fmt.Sprintf("key %02d", i)
			if v, ok := content(version)[k]; ok {
				m.Set([]byte(k), []byte(v))
			} else {
				m.Delete([]byte(k))
			}
		}
		c := s.Begin()
		if err := m.WriteChanges(c.Writer(1, 1)); err != nil {
			return err
		}
		c.Commit([]byte{byte(version)})
		return s.Wait()
	}
	errCut := errors.New("cut off")
	olds, news := 0, 0
	for cut := 0; ; cut++ {
		for again := range 3 {
			path := filepath.Join(t.TempDir(), "flow.db")
			left := 1 << 20
			o := Options{TxChanges: 7, ChunkBytes: 200, Fault: func() error {
				if left--; left < 0 {
					return errCut
				}
				return nil
			}}
			s, err := Open(path, o)
			if err != nil {
				t.Fatal(err)
			}
			m := NewMap()
			if err := write(s, m, 1); err != nil {
				t.Fatal(err)
			}
			left = cut
			err = write(s, m, 2)
			_ = s.Close() // it says that the write was cut off
			if err == nil {
				if olds == 0 || news == 0 {
					t.Fatalf("%d cuts found the old checkpoint, %d the new one", olds, news)
				}
				return
			}
			left = again // the first starts are cut off as well
			if s, err = Open(path, o); err != nil {
				left = 1 << 20
				if s, err = Open(path, o); err != nil {
					t.Fatal(err)
				}
			}
			meta, err := s.Meta()
			if err != nil {
				t.Fatal(err)
			}
			if got := load(t, s, 1, 1); !maps.Equal(got, content(int(meta[0]))) {
				t.Fatalf("cut off after %d, version %d: %v", cut, meta[0], got)
			}
			if meta[0] == 1 {
				olds++
			} else {
				news++
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			_ = os.Remove(path)
		}
	}
}
