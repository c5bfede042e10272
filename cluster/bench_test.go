package cluster

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/leatdb/leat/cluster/wal"
)

// BenchmarkAppend appends from 1, 16 and 256 callers at a time; bare is one write and one fdatasync per append, in one
// goroutine over a file that was written before.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10} {
		data := batch(strings.Repeat("x", size))
		b.Run(fmt.Sprintf("bare/%dKiB", size>>10), func(b *testing.B) {
			const fileBytes = 64 << 20
			f, _, err := wal.OS{}.Open(b.TempDir() + "/bare")
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(make([]byte, fileBytes), 0); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			for pos := int64(0); b.Loop(); pos = (pos + int64(len(data))) % (fileBytes - 1<<20) {
				if _, err := f.WriteAt(data, pos); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		})
		for _, callers := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("append/%dKiB/callers=%d", size>>10, callers), func(b *testing.B) {
				n := openNode(b, Config{Dir: b.TempDir(), WAL: wal.Config{FirstBytes: 64 << 20}})
				p := create(b, n, "t", 8)
				b.SetBytes(int64(len(data)))
				b.ResetTimer()
				var next atomic.Int64
				var all sync.WaitGroup
				for c := range callers {
					all.Go(func() {
						for next.Add(1) <= int64(b.N) {
							if _, err := n.Append(b.Context(), Append{p[c%8], data}); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
			})
		}
	}
}

// BenchmarkStep commits steps one after the other.
func BenchmarkStep(b *testing.B) {
	n := openNode(b, Config{Dir: b.TempDir()})
	p := create(b, n, "t", 2)
	epoch, _, err := n.ClaimFlow(b.Context(), 1)
	if err != nil {
		b.Fatal(err)
	}
	data := batch("one", "two")
	seq := uint64(0)
	for b.Loop() {
		seq++
		if _, err := n.CommitStep(b.Context(), Step{1, epoch, seq, []Append{{p[0], data}, {p[1], data}}}); err != nil {
			b.Fatal(err)
		}
	}
}
