package wal

import (
	"fmt"
	"testing"

	"github.com/hashicorp/raft"
)

// BenchmarkWALAppend stores one entry at a time; bare is the same bytes with a write and an fdatasync in a loop over a
// file that was written before.
func BenchmarkWALAppend(b *testing.B) {
	for _, size := range []int{16 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("wal/%dKiB", size>>10), func(b *testing.B) {
			w := open(b, b.TempDir(), Config{FirstBytes: 64 << 20})
			g := w.Group(1)
			data := make([]byte, size)
			b.SetBytes(int64(size))
			for i := uint64(1); b.Loop(); i++ {
				if err := g.StoreLogs([]*raft.Log{{Index: i, Term: 1, Data: data}}); err != nil {
					b.Fatal(err)
				}
				if i%512 == 0 {
					if err := g.DeleteRange(1, i-1); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run(fmt.Sprintf("bare/%dKiB", size>>10), func(b *testing.B) {
			const fileBytes = 64 << 20
			f, _, err := OS{}.Open(b.TempDir() + "/bare")
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(make([]byte, fileBytes), 0); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
			data := make([]byte, size)
			b.SetBytes(int64(size))
			for pos := int64(0); b.Loop(); pos = (pos + int64(size)) % fileBytes {
				if _, err := f.WriteAt(data, pos); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
