package log_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatdb/leat/log"
)

// The benchmarks of a partition run on the real file system without a sync, as the state machine uses it.

func benchPartition(b *testing.B) *log.Partition {
	b.Helper()
	p, err := log.Open(filepath.Join(b.TempDir(), "p"), log.Config{}, log.State{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := p.Remove(); err != nil {
			b.Error(err)
		}
	})
	return p
}

func BenchmarkAppend(b *testing.B) {
	for _, records := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("records=%d", records), func(b *testing.B) {
			p, batch := benchPartition(b), batchOf(records, 0, strings.Repeat("v", 136))
			b.SetBytes(int64(len(batch)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := p.Append(batch, 0); err != nil {
					b.Fatal(err)
				}
				if _, next := p.Bounds(); i%1024 == 1023 && p.SizeBytes() > 1<<28 {
					if err := p.Trim(next - int64(records)); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, sizeBytes := range []int{1, 1 << 20} {
		b.Run(fmt.Sprintf("bytes=%d", sizeBytes), func(b *testing.B) {
			p, batch := benchPartition(b), batchOf(10, 0, strings.Repeat("v", 136))
			for range 20_000 {
				if _, err := p.Append(batch, 0); err != nil {
					b.Fatal(err)
				}
			}
			var buf []byte
			var read, offset int64
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if buf, err = p.Read(offset, sizeBytes, buf[:0]); err != nil {
					b.Fatal(err)
				}
				read += int64(len(buf))
				offset = (offset + 7001) % 200_000
			}
			b.ReportMetric(float64(read)/b.Elapsed().Seconds()/1e6, "MB/s")
		})
	}
}
